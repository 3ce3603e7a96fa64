//! The way of a source's events to their owner, until the log has them: one way for every kind of source.
//!
//! A source reads from its peer, makes a chunk of events, and gives it to its [`SourceIntake`]. When that returns, the
//! events are durable or refused, and have been counted; only then may the source acknowledge, or remember, what it
//! has read. If it fails, none of that may happen, and the source gives the same events again: their numbers show
//! which of them the log has.

use super::odd_lines::OddLines;
use crate::batch::{ReplyOptions, ToldSchema};
use crate::hub::Hub;
use crate::ingest::LineChunk;
use crate::source_board::{SourceKind, SourceStatus};
use crate::ticket::Outbox;
use std::sync::Arc;
use std::time::Duration;
use surmise_event::RefusalCode;
use surmise_protocol::Reply;
use tokio::time::sleep;

/// How often it is looked whether events are taken yet.
const READY_INTERVAL: Duration = Duration::from_millis(50);

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

/// What takes the events of one source, and tells what becomes of them.
#[derive(Clone)]
pub struct SourceIntake {
    /// The daemon.
    pub hub: Arc<Hub>,
    /// The name of the source.
    pub name: Arc<str>,
    kind: SourceKind,
}

impl SourceIntake {
    /// The intake of a source, which is on the board from now on.
    pub fn new(hub: Arc<Hub>, kind: SourceKind, name: &str, stream: &str) -> SourceIntake {
        hub.sources.add(kind, name, stream);
        SourceIntake { hub, name: name.into(), kind }
    }

    /// Waits until the daemon takes events. Returns whether it does; else it is shutting down.
    pub async fn until_ready(&self) -> bool {
        while !self.hub.is_ready() {
            if self.hub.stopping.is_cancelled() {
                return false;
            }
            sleep(READY_INTERVAL).await;
        }
        true
    }

    /// Changes what the board tells of the source.
    pub fn tell(&self, change: impl FnOnce(&mut SourceStatus)) {
        self.hub.sources.update(self.kind, &self.name, change);
    }

    /// Tells what was gone before it was read, if anything was, and counts it.
    pub fn tell_gap(&self, gap: Option<String>) {
        let Some(gap) = gap else { return };
        tracing::warn!(source = &*self.name, "{gap}");
        self.tell(|status| {
            status.gaps += 1;
            status.last_gap = Some(gap);
        });
    }

    /// Counts lines of a `place` that were learnt though they are not as they should be.
    pub fn tell_odd(&self, odd: OddLines, place: &str) {
        let Some(last) = odd.last.map(|last| format!("{place}: {last}")) else { return };
        self.tell(|status| {
            if status.odd == 0 {
                tracing::warn!(source = &*self.name, "a line is learnt as far as it can be read; {last}");
            }
            status.odd += odd.count;
            status.last_odd = Some(last);
        });
    }

    /// Has the events of a chunk learnt, waits until they are durable or refused, and counts them. What is refused is
    /// told with the `place` that it comes from.
    ///
    /// # Errors
    /// Some of them are not durable, and may be given again.
    pub async fn learn(
        &self,
        chunk: LineChunk,
        told: Option<&ToldSchema>,
        place: Option<&str>,
    ) -> Result<(), LearningFault> {
        if chunk.lines == 0 {
            return Ok(());
        }
        let learnt = learn_all(&self.hub, vec![(chunk, told.cloned())], self.kind.listener()).await?;
        let placed = |reason: String| place.map_or_else(|| reason.clone(), |place| format!("{place}: {reason}"));
        let refusal = learnt.refusal.map(placed);
        if learnt.rejected > 0 {
            let reason = refusal.as_deref().unwrap_or("they do not fit the stream's fields");
            let (rejected, pieces) = (learnt.rejected, self.kind.pieces());
            tracing::warn!(source = &*self.name, "{rejected} {pieces} are refused; {reason}");
        }
        self.tell(|status| {
            status.events += learnt.accepted;
            status.refused += learnt.rejected;
            status.last_refusal = refusal.or(status.last_refusal.take());
        });
        Ok(())
    }
}

/// Whether an event that is refused for this will be taken later. A limit may be the event's own, and would stop a
/// source for good.
fn is_for_now(code: RefusalCode) -> bool {
    code == RefusalCode::Unavailable
}
