//! The largest of some sequence numbers, which several threads may raise.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The largest of some sequence numbers; none at first.
#[derive(Default)]
pub struct HighestSeq {
    seq: AtomicU64,
    is_any: AtomicBool,
}

impl HighestSeq {
    /// Takes another number into account.
    pub fn raise(&self, seq: Option<u64>) {
        if let Some(seq) = seq {
            self.seq.fetch_max(seq, Ordering::AcqRel);
            // set last, so that the number is there for whoever sees this
            self.is_any.store(true, Ordering::Release);
        }
    }
    /// The largest number so far.
    pub fn get(&self) -> Option<u64> {
        self.is_any.load(Ordering::Acquire).then(|| self.seq.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_can_be_the_highest() {
        let highest = HighestSeq::default();
        assert_eq!(highest.get(), None);
        for seq in [0, 7, u64::MAX - 1, u64::MAX] {
            highest.raise(Some(seq));
            highest.raise(None);
            assert_eq!(highest.get(), Some(seq));
        }
    }
}
