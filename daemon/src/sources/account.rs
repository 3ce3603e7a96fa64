//! The account of what a source reads with the log: the producer that it is, its epoch, and how far the log has it.
//!
//! The numbers of the producer's events are positions in what is read. So the number that the log has is where to go
//! on, and there is no second record of positions that could be ahead of the log or behind it.

use super::learning::LearningFault;
use crate::fencing::Claim;
use crate::hub::{AskError, Hub};
use crate::inbox::InboxEvent;
use crate::producers::EpochFault;
use std::sync::Arc;
use surmise_store::group::Origin;

/// The highest epoch of a source's producer.
const EPOCHS_MAX: u64 = 1 << 52;

/// Why what a source reads has no account, or is not in the log.
#[derive(Debug, thiserror::Error)]
pub enum AccountFault {
    /// Its events are not in the log.
    #[error(transparent)]
    Learning(#[from] LearningFault),
    /// The stream does not say what it knows of it.
    #[error("how far the log has it cannot be found out: {0}")]
    Ask(#[from] AskError),
    /// Its epoch is not taken.
    #[error("{0}")]
    Epoch(#[from] EpochFault),
}

/// The account of what is read in order: a file, or a stream of another server.
pub struct ProducerAccount {
    /// The producer.
    pub producer: Arc<str>,
    /// Its epoch.
    pub epoch: u64,
    /// How far the log has it.
    pub committed: u64,
    _claim: Claim,
}

/// The epoch of a producer, and how far the log has it; nothing if the log has nothing of it.
///
/// # Errors
/// The stream does not answer.
pub async fn known(hub: &Hub, producer: &Arc<str>, stream: &str) -> Result<Option<(u64, u64)>, AccountFault> {
    hub.look_up_producer(producer, stream).await?;
    Ok(hub.fencing.known(producer).map(|(epoch, committed)| (epoch, committed.unwrap_or(0))))
}

impl ProducerAccount {
    /// Opens the account of a producer in the epoch that is chosen by the newest one and by how far the log has that.
    /// An epoch that is older than one that is taken meanwhile gives way to it.
    ///
    /// # Errors
    /// The stream does not answer, or the epoch is not taken.
    pub async fn open(
        hub: &Hub,
        producer: Arc<str>,
        stream: &str,
        choose_epoch: impl FnOnce(u64, u64) -> u64,
    ) -> Result<ProducerAccount, AccountFault> {
        let (newest, settled) = known(hub, &producer, stream).await?.unwrap_or((1, 0));
        let mut epoch = choose_epoch(newest, settled);
        let claim = loop {
            match hub.fencing.claim(&producer, epoch).await {
                Ok(claim) => break claim,
                Err(EpochFault::Old { known, .. }) if known < EPOCHS_MAX => epoch = known,
                Err(fault) => return Err(fault.into()),
            }
        };
        let committed = claim.committed.unwrap_or(0);
        Ok(ProducerAccount { producer, epoch, committed, _claim: claim })
    }

    /// Gives an event its number. Everything up to `safe` is durable, or comes earlier in the same stream.
    pub fn number(&self, event: &mut InboxEvent, seq: u64, safe: u64) {
        event.seq = Some(seq);
        event.origin = Some(Origin { producer: self.producer.clone(), epoch: self.epoch, seq, safe: Some(safe) });
    }

    /// Notes that everything up to a number is durable or refused.
    pub fn record_durable(&mut self, hub: &Hub, seq: u64) {
        self.committed = self.committed.max(seq);
        hub.fencing.record_durable(&self.producer, self.epoch, Some(seq));
    }
}
