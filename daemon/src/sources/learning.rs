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

/// What became of events that are durable or refused.
#[derive(Debug, Default)]
pub struct Learnt {
    /// How many were learnt.
    pub accepted: u64,
    /// How many had been learnt before.
    pub duplicates: u64,
    /// How many were refused.
    pub rejected: u64,
    /// Why the first of those was refused.
    pub refusal: Option<String>,
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
    let learnt = learn_all(hub, vec![(chunk, told.cloned())], listener).await?;
    Ok((learnt.accepted, learnt.rejected))
}

/// Has the events of several chunks learnt, each with what is told of the fields of its stream, and waits until all are
/// durable or refused.
///
/// # Errors
/// Some of them are not durable, and may be sent again.
pub async fn learn_all(
    hub: &Hub,
    chunks: Vec<(LineChunk, Option<ToldSchema>)>,
    listener: &'static str,
) -> Result<Learnt, LearningFault> {
    let outbox: Arc<Outbox> = Arc::default();
    let replies = ReplyOptions { listener, ..ReplyOptions::default() };
    let (mut learnt, mut later) = (Learnt::default(), None);
    for (chunk, told) in chunks {
        learnt.refusal = learnt.refusal.or_else(|| chunk.refusals.first().map(|first| first.refusal.to_string()));
        let sent = hub.submit(chunk.events, replies, told.as_ref(), &outbox, chunk.lines, chunk.counts).await;
        sent.map_err(|_| LearningFault::Stopping)?;
    }
    outbox.close();
    loop {
        let drained = outbox.drain();
        if drained.failed {
            return Err(LearningFault::NotDurable);
        }
        for reply in drained.replies {
            let Reply::Error(error) = reply else { continue };
            // what is refused only now comes again
            if is_for_now(error.code) {
                later.get_or_insert(error.reason);
            } else {
                learnt.refusal.get_or_insert(error.reason);
            }
        }
        learnt.accepted += drained.counts.accepted;
        learnt.duplicates += drained.counts.duplicates;
        learnt.rejected += drained.counts.rejected;
        if drained.finished {
            return later.map_or(Ok(learnt), |reason| Err(LearningFault::Later(reason)));
        }
        outbox.changed().await;
    }
}

/// Whether an event that is refused for this will be taken later. A limit may be the event's own, and would stop a
/// source for good.
fn is_for_now(code: RefusalCode) -> bool {
    code == RefusalCode::Unavailable
}
