//! Copies of large states that are made piece by piece while the state goes on changing.
//!
//! A copy holds the state of one moment, bit for bit, however long it takes to make: from [`IncrementalCopy::begin_copy`] on, a piece
//! that is about to change is copied first (copy on write, in software), and the rest follows in slices whose size the
//! caller chooses. So nobody ever waits for more than a slice, and what a copy holds depends on its moment alone, never
//! on how it was cut.

/// A part of a state that can be copied in slices.
///
/// The order is: [`IncrementalCopy::empty_copy`], or an earlier copy that nobody needs any more; [`IncrementalCopy::reserve`] until it says
/// true; [`IncrementalCopy::begin_copy`], which is the moment that the copy is of; [`IncrementalCopy::copy_some`] until it says true;
/// [`IncrementalCopy::finish_copy`] on the copy, which must not be looked at before. `room` is how many bytes this slice may still
/// copy. There is one copy in the making at a time; one that is begun over another takes its place.
pub trait IncrementalCopy {
    /// What a copy begins with: no large array is in it yet.
    fn empty_copy(&self) -> Self;

    /// Makes room in `copy` and touches its memory, before anybody has to wait for it; true if all is there. The state
    /// may change between slices.
    fn reserve(&self, copy: &mut Self, room: &mut usize) -> bool;

    /// The moment: copies what is small, and what was not prepared.
    fn begin_copy(&mut self, copy: &mut Self);

    /// Copies more of what is large; true if all is there.
    fn copy_some(&mut self, room: &mut usize) -> bool;

    /// Of a copy: takes in what was carried.
    fn finish_copy(&mut self);
}

/// Implements [`IncrementalCopy`] for a struct with named fields: those after `large` are copied in slices, those after `small`
/// at once. A field that is in neither list does not compile.
#[macro_export]
macro_rules! incremental_copy {
    ($name:ident { large: $($large:ident),+; small: $($small:ident),* $(,)? }) => {
        impl $crate::IncrementalCopy for $name {
            fn empty_copy(&self) -> Self {
                $name { $($large: $crate::IncrementalCopy::empty_copy(&self.$large),)+ $($small: self.$small.clone(),)* }
            }
            fn reserve(&self, copy: &mut Self, room: &mut usize) -> bool {
                true $(&& $crate::IncrementalCopy::reserve(&self.$large, &mut copy.$large, room))+
            }
            fn begin_copy(&mut self, copy: &mut Self) {
                $($crate::IncrementalCopy::begin_copy(&mut self.$large, &mut copy.$large);)+
                $(copy.$small.clone_from(&self.$small);)*
            }
            fn copy_some(&mut self, room: &mut usize) -> bool {
                true $(&& $crate::IncrementalCopy::copy_some(&mut self.$large, room))+
            }
            fn finish_copy(&mut self) {
                $($crate::IncrementalCopy::finish_copy(&mut self.$large);)+
            }
        }
    };
}

impl<T: IncrementalCopy> IncrementalCopy for Box<T> {
    fn empty_copy(&self) -> Self {
        Box::new(T::empty_copy(self))
    }
    fn reserve(&self, copy: &mut Self, room: &mut usize) -> bool {
        T::reserve(self, copy, room)
    }
    fn begin_copy(&mut self, copy: &mut Self) {
        T::begin_copy(self, copy);
    }
    fn copy_some(&mut self, room: &mut usize) -> bool {
        T::copy_some(self, room)
    }
    fn finish_copy(&mut self) {
        T::finish_copy(self);
    }
}

impl<T: IncrementalCopy> IncrementalCopy for Option<T> {
    fn empty_copy(&self) -> Self {
        self.as_ref().map(T::empty_copy)
    }
    fn reserve(&self, copy: &mut Self, room: &mut usize) -> bool {
        self.as_ref().is_none_or(|part| part.reserve(copy.get_or_insert_with(|| part.empty_copy()), room))
    }
    fn begin_copy(&mut self, copy: &mut Self) {
        match self {
            Some(part) => part.begin_copy(copy.get_or_insert_with(|| part.empty_copy())),
            None => *copy = None,
        }
    }
    fn copy_some(&mut self, room: &mut usize) -> bool {
        self.as_mut().is_none_or(|part| part.copy_some(room))
    }
    fn finish_copy(&mut self) {
        self.iter_mut().for_each(T::finish_copy);
    }
}

impl<T: IncrementalCopy> IncrementalCopy for Vec<T> {
    fn empty_copy(&self) -> Self {
        self.iter().map(T::empty_copy).collect()
    }
    fn reserve(&self, copy: &mut Self, room: &mut usize) -> bool {
        let have = copy.len().min(self.len());
        copy.extend(self[have..].iter().map(T::empty_copy));
        self.iter().zip(copy).all(|(part, copy)| part.reserve(copy, room))
    }
    fn begin_copy(&mut self, copy: &mut Self) {
        let have = copy.len().min(self.len());
        copy.truncate(have);
        copy.extend(self[have..].iter().map(T::empty_copy));
        self.iter_mut().zip(copy).for_each(|(part, copy)| part.begin_copy(copy));
    }
    fn copy_some(&mut self, room: &mut usize) -> bool {
        self.iter_mut().all(|part| part.copy_some(room))
    }
    fn finish_copy(&mut self) {
        self.iter_mut().for_each(T::finish_copy);
    }
}

impl<T: IncrementalCopy, const N: usize> IncrementalCopy for [T; N] {
    fn empty_copy(&self) -> Self {
        self.each_ref().map(T::empty_copy)
    }
    fn reserve(&self, copy: &mut Self, room: &mut usize) -> bool {
        self.iter().zip(copy).all(|(part, copy)| part.reserve(copy, room))
    }
    fn begin_copy(&mut self, copy: &mut Self) {
        self.iter_mut().zip(copy).for_each(|(part, copy)| part.begin_copy(copy));
    }
    fn copy_some(&mut self, room: &mut usize) -> bool {
        self.iter_mut().all(|part| part.copy_some(room))
    }
    fn finish_copy(&mut self) {
        self.iter_mut().for_each(T::finish_copy);
    }
}
