//! Copies of large states that are made piece by piece while the state goes on changing.
//!
//! A copy holds the state of one moment, bit for bit, however long it takes to make: from [`Freeze::freeze`] on, a piece
//! that is about to change is copied first (copy on write, in software), and the rest follows in slices whose size the
//! caller chooses. So nobody ever waits for more than a slice, and what a copy holds depends on its moment alone, never
//! on how it was cut.

/// A part of a state that can be copied in slices.
///
/// The order is: [`Freeze::hollow`], or an earlier copy that nobody needs any more; [`Freeze::prepare`] until it says
/// true; [`Freeze::freeze`], which is the moment that the copy is of; [`Freeze::carry`] until it says true;
/// [`Freeze::settle`] on the copy, which must not be looked at before. `room` is how many bytes this slice may still
/// copy. There is one copy in the making at a time; one that is begun over another takes its place.
pub trait Freeze {
    /// What a copy begins with: no large array is in it yet.
    fn hollow(&self) -> Self;

    /// Makes room in `copy` and touches its memory, before anybody has to wait for it; true if all is there. The state
    /// may change between slices.
    fn prepare(&self, copy: &mut Self, room: &mut usize) -> bool;

    /// The moment: copies what is small, and what was not prepared.
    fn freeze(&mut self, copy: &mut Self);

    /// Copies more of what is large; true if all is there.
    fn carry(&mut self, room: &mut usize) -> bool;

    /// Of a copy: takes in what was carried.
    fn settle(&mut self);
}

/// Implements [`Freeze`] for a struct with named fields: those after `large` are copied in slices, those after `small`
/// at once. A field that is in neither list does not compile.
#[macro_export]
macro_rules! freeze {
    ($name:ident { large: $($large:ident),+; small: $($small:ident),* $(,)? }) => {
        impl $crate::Freeze for $name {
            fn hollow(&self) -> Self {
                $name { $($large: $crate::Freeze::hollow(&self.$large),)+ $($small: self.$small.clone(),)* }
            }
            fn prepare(&self, copy: &mut Self, room: &mut usize) -> bool {
                true $(&& $crate::Freeze::prepare(&self.$large, &mut copy.$large, room))+
            }
            fn freeze(&mut self, copy: &mut Self) {
                $($crate::Freeze::freeze(&mut self.$large, &mut copy.$large);)+
                $(copy.$small.clone_from(&self.$small);)*
            }
            fn carry(&mut self, room: &mut usize) -> bool {
                true $(&& $crate::Freeze::carry(&mut self.$large, room))+
            }
            fn settle(&mut self) {
                $($crate::Freeze::settle(&mut self.$large);)+
            }
        }
    };
}

impl<T: Freeze> Freeze for Box<T> {
    fn hollow(&self) -> Self {
        Box::new(T::hollow(self))
    }
    fn prepare(&self, copy: &mut Self, room: &mut usize) -> bool {
        T::prepare(self, copy, room)
    }
    fn freeze(&mut self, copy: &mut Self) {
        T::freeze(self, copy);
    }
    fn carry(&mut self, room: &mut usize) -> bool {
        T::carry(self, room)
    }
    fn settle(&mut self) {
        T::settle(self);
    }
}

impl<T: Freeze> Freeze for Option<T> {
    fn hollow(&self) -> Self {
        self.as_ref().map(T::hollow)
    }
    fn prepare(&self, copy: &mut Self, room: &mut usize) -> bool {
        self.as_ref().is_none_or(|part| part.prepare(copy.get_or_insert_with(|| part.hollow()), room))
    }
    fn freeze(&mut self, copy: &mut Self) {
        match self {
            Some(part) => part.freeze(copy.get_or_insert_with(|| part.hollow())),
            None => *copy = None,
        }
    }
    fn carry(&mut self, room: &mut usize) -> bool {
        self.as_mut().is_none_or(|part| part.carry(room))
    }
    fn settle(&mut self) {
        self.iter_mut().for_each(T::settle);
    }
}

impl<T: Freeze> Freeze for Vec<T> {
    fn hollow(&self) -> Self {
        self.iter().map(T::hollow).collect()
    }
    fn prepare(&self, copy: &mut Self, room: &mut usize) -> bool {
        let have = copy.len().min(self.len());
        copy.extend(self[have..].iter().map(T::hollow));
        self.iter().zip(copy).all(|(part, copy)| part.prepare(copy, room))
    }
    fn freeze(&mut self, copy: &mut Self) {
        let have = copy.len().min(self.len());
        copy.truncate(have);
        copy.extend(self[have..].iter().map(T::hollow));
        self.iter_mut().zip(copy).for_each(|(part, copy)| part.freeze(copy));
    }
    fn carry(&mut self, room: &mut usize) -> bool {
        self.iter_mut().all(|part| part.carry(room))
    }
    fn settle(&mut self) {
        self.iter_mut().for_each(T::settle);
    }
}

impl<T: Freeze, const N: usize> Freeze for [T; N] {
    fn hollow(&self) -> Self {
        self.each_ref().map(T::hollow)
    }
    fn prepare(&self, copy: &mut Self, room: &mut usize) -> bool {
        self.iter().zip(copy).all(|(part, copy)| part.prepare(copy, room))
    }
    fn freeze(&mut self, copy: &mut Self) {
        self.iter_mut().zip(copy).for_each(|(part, copy)| part.freeze(copy));
    }
    fn carry(&mut self, room: &mut usize) -> bool {
        self.iter_mut().all(|part| part.carry(room))
    }
    fn settle(&mut self) {
        self.iter_mut().for_each(T::settle);
    }
}
