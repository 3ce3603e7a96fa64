//! Which epochs of a producer are taken.

use surmise_event::{Refusal, RefusalCode};

/// The largest epoch that a producer may begin with: the largest whole number that every reader of JSON reads exactly.
pub const EPOCH_MAX: u64 = 1 << 53;
/// How far above the known epoch of its producer an epoch may be. It leaves room for epochs that are times, even those
/// in milliseconds that come decades apart.
pub const EPOCH_STEP_MAX: u64 = 1 << 40;

/// Why an epoch is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EpochFault {
    /// A newer one is known.
    #[error("epoch {known} of the producer is known, which is newer than {asked}; take a higher one")]
    Old {
        /// The known epoch.
        known: u64,
        /// The epoch that was refused.
        asked: u64,
    },
    /// It is so high that it would lock the producer out.
    #[error(
        "epoch {asked} is too high: the producer's known epoch is {known}, and the next may be at most \
         {EPOCH_STEP_MAX} above it; take a lower one, or reset the producer (surmise producer reset)"
    )]
    Jump {
        /// The known epoch; 0 if there is none.
        known: u64,
        /// The epoch that was refused.
        asked: u64,
    },
}

impl EpochFault {
    /// The refusal of whatever came with the epoch in this field.
    pub fn refusal(&self, field: &str) -> Refusal {
        let code = match self {
            EpochFault::Old { .. } => RefusalCode::Fenced,
            EpochFault::Jump { .. } => RefusalCode::BadEpoch,
        };
        Refusal::new(code, field, self.to_string())
    }
}

/// Checks an epoch that a producer comes with against the newest that an event was learnt of.
///
/// # Errors
/// It is older, or too far above.
pub fn check_epoch(known: Option<u64>, asked: u64) -> Result<(), EpochFault> {
    match known {
        Some(known) if asked < known => Err(EpochFault::Old { known, asked }),
        Some(known) if asked - known > EPOCH_STEP_MAX => Err(EpochFault::Jump { known, asked }),
        None if asked > EPOCH_MAX => Err(EpochFault::Jump { known: 0, asked }),
        Some(_) | None => Ok(()),
    }
}
