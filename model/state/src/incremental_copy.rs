//! Copies of large states, made in slices while the state keeps changing.
//!
//! A copy holds the state of one moment, the call of [`IncrementalCopy::begin_copy`], bit for bit, however long it
//! takes to make. After that moment, a piece of an array that is about to change is copied first (copy on write, in
//! software), and the rest follows in slices whose size the caller chooses. So the caller never waits for more than
//! one slice, and the contents of a copy depend on its moment alone, never on the sizes of the slices.

/// A state that can be copied in slices while it keeps changing.
///
/// The calls come in this order:
///
/// 1. [`empty_copy`](Self::empty_copy) makes the copy, or an earlier copy that is no longer needed is used again;
/// 2. [`reserve`](Self::reserve), until it returns true, gives the copy its memory;
/// 3. [`begin_copy`](Self::begin_copy) fixes the moment that the copy will show;
/// 4. [`copy_some`](Self::copy_some), until it returns true, copies the large arrays;
/// 5. [`finish_copy`](Self::finish_copy) is called on the copy, which must not be read before.
///
/// The state may change between any two of these calls. A state has at most one unfinished copy: beginning another one
/// abandons the first. `budget_bytes` is how many bytes the call may still copy; the call subtracts what it used, so
/// that the parts of a state share one budget.
///
/// # Example
///
/// ```
/// use surmise_state::{IncrementalCopy, SnapshotVec, incremental_copy};
///
/// struct Model {
///     weights: SnapshotVec<f32>,
///     steps: u64,
/// }
/// incremental_copy!(Model { large: weights; small: steps });
///
/// let mut model = Model { weights: SnapshotVec::new(vec![0.0; 10_000]), steps: 7 };
/// let mut copy = model.empty_copy();
/// while !model.reserve(&mut copy, &mut 4096) {}
///
/// model.begin_copy(&mut copy);
/// model.weights[9_999] = 1.0; // too late for this copy
/// model.steps = 8;
/// while !model.copy_some(&mut 4096) {}
///
/// copy.finish_copy();
/// assert!(copy.weights.iter().all(|w| *w == 0.0) && copy.steps == 7);
/// ```
pub trait IncrementalCopy {
    /// A copy that has no memory for the large arrays yet.
    fn empty_copy(&self) -> Self;

    /// Allocates and touches memory of `copy`, so that this cost does not fall on the moment of the copy. Returns true
    /// if all of the memory is there.
    fn reserve(&self, copy: &mut Self, budget_bytes: &mut usize) -> bool;

    /// Fixes the moment of the copy: copies every small part, and whatever of the large arrays has no memory yet.
    fn begin_copy(&mut self, copy: &mut Self);

    /// Copies more of the large arrays; returns true if all of them are copied.
    fn copy_some(&mut self, budget_bytes: &mut usize) -> bool;

    /// Called on the copy, moves the copied arrays to where they are read.
    ///
    /// # Panics
    /// If [`copy_some`](Self::copy_some) has not returned true, as the copy would be of no single moment.
    fn finish_copy(&mut self);
}

/// Implements [`IncrementalCopy`](crate::IncrementalCopy) for a struct with named fields: the fields after `large` are
/// copied in slices, those after `small` at the moment of the copy. A field that is in neither list does not compile.
#[macro_export]
macro_rules! incremental_copy {
    ($name:ident { large: $($large:ident),+; small: $($small:ident),* $(,)? }) => {
        impl $crate::IncrementalCopy for $name {
            fn empty_copy(&self) -> Self {
                $name {
                    $($large: $crate::IncrementalCopy::empty_copy(&self.$large),)+
                    $($small: self.$small.clone(),)*
                }
            }
            fn reserve(&self, copy: &mut Self, budget_bytes: &mut usize) -> bool {
                true $(&& $crate::IncrementalCopy::reserve(&self.$large, &mut copy.$large, budget_bytes))+
            }
            fn begin_copy(&mut self, copy: &mut Self) {
                $($crate::IncrementalCopy::begin_copy(&mut self.$large, &mut copy.$large);)+
                $(copy.$small.clone_from(&self.$small);)*
            }
            fn copy_some(&mut self, budget_bytes: &mut usize) -> bool {
                true $(&& $crate::IncrementalCopy::copy_some(&mut self.$large, budget_bytes))+
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
    fn reserve(&self, copy: &mut Self, budget_bytes: &mut usize) -> bool {
        T::reserve(self, copy, budget_bytes)
    }
    fn begin_copy(&mut self, copy: &mut Self) {
        T::begin_copy(self, copy);
    }
    fn copy_some(&mut self, budget_bytes: &mut usize) -> bool {
        T::copy_some(self, budget_bytes)
    }
    fn finish_copy(&mut self) {
        T::finish_copy(self);
    }
}

impl<T: IncrementalCopy> IncrementalCopy for Option<T> {
    fn empty_copy(&self) -> Self {
        self.as_ref().map(T::empty_copy)
    }
    fn reserve(&self, copy: &mut Self, budget_bytes: &mut usize) -> bool {
        // a part may have appeared since the copy was made
        self.as_ref().is_none_or(|part| part.reserve(copy.get_or_insert_with(|| part.empty_copy()), budget_bytes))
    }
    fn begin_copy(&mut self, copy: &mut Self) {
        match self {
            Some(part) => part.begin_copy(copy.get_or_insert_with(|| part.empty_copy())),
            None => *copy = None,
        }
    }
    fn copy_some(&mut self, budget_bytes: &mut usize) -> bool {
        self.as_mut().is_none_or(|part| part.copy_some(budget_bytes))
    }
    fn finish_copy(&mut self) {
        self.iter_mut().for_each(T::finish_copy);
    }
}

impl<T: IncrementalCopy> IncrementalCopy for Vec<T> {
    fn empty_copy(&self) -> Self {
        self.iter().map(T::empty_copy).collect()
    }
    fn reserve(&self, copy: &mut Self, budget_bytes: &mut usize) -> bool {
        // parts may have been added since the copy was made; those that were removed are cut off in `begin_copy`
        let shared = copy.len().min(self.len());
        copy.extend(self[shared..].iter().map(T::empty_copy));
        self.iter().zip(copy).all(|(part, copy)| part.reserve(copy, budget_bytes))
    }
    fn begin_copy(&mut self, copy: &mut Self) {
        let shared = copy.len().min(self.len());
        copy.truncate(shared);
        copy.extend(self[shared..].iter().map(T::empty_copy));
        self.iter_mut().zip(copy).for_each(|(part, copy)| part.begin_copy(copy));
    }
    fn copy_some(&mut self, budget_bytes: &mut usize) -> bool {
        self.iter_mut().all(|part| part.copy_some(budget_bytes))
    }
    fn finish_copy(&mut self) {
        self.iter_mut().for_each(T::finish_copy);
    }
}

impl<T: IncrementalCopy, const N: usize> IncrementalCopy for [T; N] {
    fn empty_copy(&self) -> Self {
        self.each_ref().map(T::empty_copy)
    }
    fn reserve(&self, copy: &mut Self, budget_bytes: &mut usize) -> bool {
        self.iter().zip(copy).all(|(part, copy)| part.reserve(copy, budget_bytes))
    }
    fn begin_copy(&mut self, copy: &mut Self) {
        self.iter_mut().zip(copy).for_each(|(part, copy)| part.begin_copy(copy));
    }
    fn copy_some(&mut self, budget_bytes: &mut usize) -> bool {
        self.iter_mut().all(|part| part.copy_some(budget_bytes))
    }
    fn finish_copy(&mut self) {
        self.iter_mut().for_each(T::finish_copy);
    }
}
