//! Copies of a learner that are made in slices while it goes on learning.

use crate::Learner;
use surmise_state::Freeze;

/// A copy of a learner in the making.
///
/// First room for it is made in slices ([`Freezing::prepare`]), then comes its moment ([`Freezing::freeze`]), which
/// copies what is small, and then the large arrays follow in slices ([`Freezing::carry`]). What the learner changes
/// meanwhile it copies first, so that the copy is what a clone at that moment would have been, bit for bit, however the
/// slices were cut. A copy that is given up costs the learner nothing more than the one that replaces it.
pub struct Freezing {
    copy: Learner,
}

impl Freezing {
    /// Begins one, in the memory of an earlier copy if there is one to spare.
    pub fn new(of: &Learner, spare: Option<Learner>) -> Freezing {
        Freezing { copy: spare.unwrap_or_else(|| of.hollow()) }
    }

    /// Makes room, of at most so many bytes; true if all is there.
    pub fn prepare(&mut self, of: &Learner, bytes: usize) -> bool {
        of.prepare(&mut self.copy, &mut bytes.clone())
    }

    /// The moment that the copy is of. What was not prepared is copied at once.
    pub fn freeze(&mut self, of: &mut Learner) {
        of.freeze(&mut self.copy);
    }

    /// Copies more of the same learner, at most so many bytes; the copy, if all is there.
    ///
    /// # Errors
    /// Itself, if there is more to do.
    pub fn carry(mut self, of: &mut Learner, bytes: usize) -> Result<Learner, Freezing> {
        if !of.carry(&mut bytes.clone()) {
            return Err(self);
        }
        self.copy.settle();
        Ok(self.copy)
    }
}
