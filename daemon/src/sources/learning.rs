//! The way of a source's events to their owner, until the log has them.

use crate::batch::{ReplyOptions, ToldSchema};
use crate::hub::Hub;
use crate::ingest::LineChunk;
use crate::ticket::Outbox;
use std::sync::Arc;

/// Why events of a source are not in the log.
#[derive(Debug, thiserror::Error)]
pub enum LearningFault {
    /// The log cannot be written.
    #[error("events cannot be made durable now; the log of the daemon says why")]
    NotDurable,
    /// The daemon is shutting down.
    #[error("the daemon is shutting down")]
    Stopping,
}

/// Has the events of a chunk learnt, and waits until they are durable or refused. Returns how many were learnt, and how
/// many were refused.
///
/// # Errors
/// Some of them are not durable, and may be sent again.
pub async fn learn(
    hub: &Hub,
    chunk: LineChunk,
    told: Option<&ToldSchema>,
    listener: &'static str,
) -> Result<(u64, u64), LearningFault> {
    let outbox: Arc<Outbox> = Arc::default();
    let replies = ReplyOptions { listener, ..ReplyOptions::default() };
    let sent = hub.submit(chunk.events, replies, told, &outbox, chunk.lines, chunk.counts).await;
    sent.map_err(|_| LearningFault::Stopping)?;
    outbox.close();
    let (mut accepted, mut rejected) = (0, 0);
    loop {
        let drained = outbox.drain();
        if drained.failed {
            return Err(LearningFault::NotDurable);
        }
        accepted += drained.counts.accepted;
        rejected += drained.counts.rejected;
        if drained.finished {
            return Ok((accepted, rejected));
        }
        outbox.changed().await;
    }
}
