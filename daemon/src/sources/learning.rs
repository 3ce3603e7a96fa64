//! The way of a source's events to their owner, until the log has them.

use crate::batch::{ReplyOptions, ToldSchema};
use crate::hub::Hub;
use crate::ingest::LineChunk;
use crate::ticket::Outbox;
use std::sync::Arc;
use surmise_event::RefusalCode;
use surmise_protocol::Reply;

/// Why events of a source are not in the log.
#[derive(Debug, thiserror::Error)]
pub enum LearningFault {
    /// The log cannot be written.
    #[error("events cannot be made durable now; the log of the daemon says why")]
    NotDurable,
    /// The owner cannot take events now.
    #[error("{0}")]
    Later(String),
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
    let mut later = None;
    loop {
        let drained = outbox.drain();
        if drained.failed {
            return Err(LearningFault::NotDurable);
        }
        // what is refused only now comes again
        later = later.or_else(|| drained.replies.into_iter().find_map(refused_for_now));
        accepted += drained.counts.accepted;
        rejected += drained.counts.rejected;
        if drained.finished {
            return later.map_or(Ok((accepted, rejected)), |reason| Err(LearningFault::Later(reason)));
        }
        outbox.changed().await;
    }
}

/// Why an event is refused that will be taken later. A limit may be the event's own, and would stop a source for good.
fn refused_for_now(reply: Reply) -> Option<String> {
    match reply {
        Reply::Error(e) if e.code == RefusalCode::Unavailable => Some(e.reason),
        _ => None,
    }
}
