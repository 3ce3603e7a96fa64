//! The account of a file with the log: the producer that the file is, its epoch, and how far the log has it.
//!
//! The producer's name has the source, the file's identity and a hash of its first line, and its numbers are the
//! offsets at which lines end. A file that is shorter than its number was truncated: it goes on in another epoch.

use super::learning::LearningFault;
use super::tailed_file::FileId;
use crate::fencing::Claim;
use crate::hub::{AskError, Hub};
use crate::producers::EpochFault;
use std::sync::Arc;

/// Epochs of a file, each of which ends with its being truncated.
const EPOCHS_MAX: u64 = 1 << 40;

/// Why a file is not read now.
#[derive(Debug, thiserror::Error)]
pub enum TailFault {
    /// Its lines are not in the log.
    #[error(transparent)]
    Learning(#[from] LearningFault),
    /// The stream does not say what it knows of the file.
    #[error("how far the log has it cannot be found out: {0}")]
    Ask(#[from] AskError),
    /// Its epoch is not taken.
    #[error("{0}")]
    Epoch(#[from] EpochFault),
    /// The system refuses.
    #[error("{0}; let the daemon's user read it")]
    Io(#[from] std::io::Error),
}

/// The account of a file.
pub struct FileAccount {
    /// The producer.
    pub producer: Arc<str>,
    /// Its epoch.
    pub epoch: u64,
    /// The hash of the file's first line.
    pub print: u64,
    /// How far the log has the file.
    pub committed: u64,
    _claim: Claim,
}

/// The producer that a file of a source is.
pub fn producer(source: &str, id: FileId, print: u64) -> Arc<str> {
    format!("file/{source}/{id}-{print:016x}").into()
}

/// The epoch of a producer, and how far the log has it; nothing if the log has nothing of it.
///
/// # Errors
/// The stream does not answer.
pub async fn known(hub: &Hub, producer: &Arc<str>, stream: &str) -> Result<Option<(u64, u64)>, TailFault> {
    hub.look_up_producer(producer, stream).await?;
    Ok(hub.fencing.known(producer).map(|(epoch, committed)| (epoch, committed.unwrap_or(0))))
}

impl FileAccount {
    /// Opens the account of a producer in the newest epoch, which is `epoch_min` at least. If the log has more than the
    /// file's length, the file was truncated, and the account is that of the next epoch.
    ///
    /// # Errors
    /// The stream does not answer, or the epoch is not taken.
    pub async fn open(
        hub: &Hub,
        producer: Arc<str>,
        print: u64,
        stream: &str,
        epoch_min: u64,
        length: u64,
    ) -> Result<FileAccount, TailFault> {
        let (newest, settled) = known(hub, &producer, stream).await?.unwrap_or((1, 0));
        let mut epoch = newest.max(epoch_min);
        if epoch == newest && settled > length {
            epoch += 1;
        }
        let claim = loop {
            match hub.fencing.claim(&producer, epoch).await {
                Ok(claim) => break claim,
                Err(EpochFault::Old { known, .. }) if known < EPOCHS_MAX => epoch = known,
                Err(fault) => return Err(fault.into()),
            }
        };
        let committed = claim.committed.unwrap_or(0);
        Ok(FileAccount { producer, epoch, print, committed, _claim: claim })
    }
}
