//! Copies of a learner that are made in slices while it goes on learning.

use crate::Learner;
use surmise_state::IncrementalCopy;

/// A copy of a learner in the making.
///
/// First room for it is made in slices ([`LearnerCopy::reserve`]), then comes its moment ([`LearnerCopy::begin_copy`]), which
/// copies what is small, and then the large arrays follow in slices ([`LearnerCopy::copy_some`]). What the learner changes
/// meanwhile it copies first, so that the copy is what a clone at that moment would have been, bit for bit, however the
/// slices were cut. A copy that is given up costs the learner nothing more than the one that replaces it.
pub struct LearnerCopy {
    copy: Box<Learner>,
}

impl LearnerCopy {
    /// Begins one, in the memory of an earlier copy if there is one to spare.
    pub fn new(of: &Learner, spare: Option<Learner>) -> LearnerCopy {
        LearnerCopy { copy: Box::new(spare.unwrap_or_else(|| of.empty_copy())) }
    }

    /// Makes room, of at most so many bytes; true if all is there.
    pub fn reserve(&mut self, of: &Learner, bytes: usize) -> bool {
        of.reserve(&mut self.copy, &mut bytes.clone())
    }

    /// The moment that the copy is of. What was not prepared is copied at once.
    pub fn begin_copy(&mut self, of: &mut Learner) {
        of.begin_copy(&mut self.copy);
    }

    /// Copies more of the same learner, at most so many bytes; the copy, if all is there.
    ///
    /// # Errors
    /// Itself, if there is more to do.
    pub fn copy_some(mut self, of: &mut Learner, bytes: usize) -> Result<Learner, LearnerCopy> {
        if !of.copy_some(&mut bytes.clone()) {
            return Err(self);
        }
        self.copy.finish_copy();
        Ok(*self.copy)
    }
}
