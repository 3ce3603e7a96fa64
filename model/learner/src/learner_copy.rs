//! Copies of a learner that are made in slices while the learner keeps learning.

use crate::learner::Learner;
use surmise_state::IncrementalCopy;

/// A copy of a learner in the making, cut into slices so that events wait for no more than one slice.
///
/// 1. [`LearnerCopy::reserve`] makes memory for the copy, in slices.
/// 2. [`LearnerCopy::begin_copy`] is the moment that the copy is of. It copies what is small.
/// 3. [`LearnerCopy::copy_some`] copies the large arrays, in slices. What the learner is about to change meanwhile, it
///    copies first.
///
/// So the copy is what a clone at that moment would have been, bit for bit, however the slices were cut. A copy that is
/// given up costs the learner nothing more than the copy that replaces it.
pub struct LearnerCopy {
    copy: Box<Learner>,
}

impl LearnerCopy {
    /// Starts a copy of `of`, in the memory of an earlier copy if there is one to spare.
    pub fn new(of: &Learner, spare: Option<Learner>) -> LearnerCopy {
        LearnerCopy { copy: Box::new(spare.unwrap_or_else(|| of.empty_copy())) }
    }

    /// Makes memory for at most `bytes` bytes of the copy; true if all is there.
    pub fn reserve(&mut self, of: &Learner, bytes: usize) -> bool {
        of.reserve(&mut self.copy, &mut bytes.clone())
    }

    /// Takes the moment that the copy is of. What [`reserve`](Self::reserve) did not get to is made at once.
    pub fn begin_copy(&mut self, of: &mut Learner) {
        of.begin_copy(&mut self.copy);
    }

    /// Copies at most `bytes` more bytes of the same learner; returns the copy if all is there.
    ///
    /// # Errors
    /// Itself, if there is more to copy.
    pub fn copy_some(mut self, of: &mut Learner, bytes: usize) -> Result<Learner, LearnerCopy> {
        if !of.copy_some(&mut bytes.clone()) {
            return Err(self);
        }
        self.copy.finish_copy();
        Ok(*self.copy)
    }
}
