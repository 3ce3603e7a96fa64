//! Going on after learning an event has failed inside: the stream becomes what it was before the event, which is kept
//! aside.
//!
//! A panic may leave a learner half changed, so its state is given up. The stream is recovered as at a start, from its
//! newest whole checkpoint and the log after it; what the store has not got of the log yet is still in memory
//! ([`LogEnd`]). The event was taken back from the open group before, so the log never has it, and a later recovery
//! comes to the same state. A checkpoint is made next: it keeps the quarantine, and an event that fails again costs
//! less.

use super::lifecycle::Lifecycle;
use super::owned_stream::{OwnedStream, panic_text};
use super::schedule::RetryTimes;
use super::surroundings::{PagesFailed, Surroundings};
use crate::checkpoint::CheckpointFailure;
use crate::inbox::InboxEvent;
use crate::recovery::{LogEnd, Recovered, RecoveryError, recover};
use crate::telemetry;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_event::{Refusal, RefusalCode, format_time};
use surmise_protocol::QuarantinedEvent;

impl OwnedStream {
    /// Puts the stream back to what it was before an event whose learning panicked, at the offset that the event would
    /// have had, and puts the event into quarantine. Returns the refusal of the event. A stream that cannot be brought
    /// back refuses events until that succeeds.
    pub(super) fn set_back(
        &mut self,
        event: &InboxEvent,
        offset: u64,
        panic: &(dyn Any + Send),
        around: &Surroundings<'_>,
    ) -> Refusal {
        let pages_failed = panic.downcast_ref::<PagesFailed>();
        let why = pages_failed.map_or_else(|| panic_text(panic), |failed| failed.0.clone());
        tracing::error!(stream = &*self.view.name, offset, "learning an event failed inside: {why}");
        let aside = QuarantinedEvent {
            time: format_time(around.now.wall_us),
            offset,
            producer: event.origin.as_ref().map(|origin| origin.producer.clone()),
            seq: event.seq,
            reason: why.clone(),
            event: QuarantinedEvent::bounded_json(&event.record),
        };
        if pages_failed.is_none() {
            metrics::counter!(telemetry::QUARANTINED).increment(1);
            self.view.quarantine.rcu(|quarantine| {
                let mut quarantine = (**quarantine).clone();
                quarantine.put(aside.clone());
                quarantine
            });
        }
        if let Err(failure) = self.bring_back(Some(offset), around) {
            self.fail(format!("learning an event failed inside: {why}; the stream cannot be brought back: {failure}"));
            self.retry.failed(around.now);
        }
        if pages_failed.is_some() {
            let reason = format!("the state of a key cannot be read or written: {why}");
            return Refusal::new(RefusalCode::Unavailable, "stream", reason);
        }
        let name = &self.view.name;
        let reason =
            format!("learning this event failed inside the daemon: {why}; `surmise stream quarantine {name}` shows it");
        Refusal::new(RefusalCode::Quarantined, "event", reason)
    }

    /// Tries again to bring back a stream that has failed, if it is time to.
    pub(super) fn retry(&mut self, around: &Surroundings<'_>) {
        if !matches!(self.lifecycle, Lifecycle::Failed) || !self.retry.is_due(around.now) {
            return;
        }
        match self.bring_back(None, around) {
            Ok(()) => {
                tracing::info!(stream = &*self.view.name, "the stream learns again");
                metrics::gauge!(telemetry::STREAMS_FAILED).decrement(1.0);
                self.view.failed.store(None);
                self.retry = RetryTimes::default();
            }
            Err(failure) => {
                tracing::error!(stream = &*self.view.name, "the stream cannot be brought back: {failure}");
                self.retry.failed(around.now);
            }
        }
    }

    /// Makes the state anew out of the store and the groups that it has not got yet. It must end at an offset, if one
    /// is given.
    fn bring_back(&mut self, offset: Option<u64>, around: &Surroundings<'_>) -> Result<(), BringBackError> {
        self.copies.cancel(&CheckpointFailure::StreamFailed("the stream was put back".into()));
        let before = std::mem::replace(&mut self.lifecycle, Lifecycle::Failed);
        let is_new = matches!(before, Lifecycle::New(_));
        // what is counted beside the log is kept; the learner goes before another takes its memory
        let counted = before.state().map(|state| state.counters.clone());
        drop(before);
        let Recovered { mut state, replayed, passed_over, checkpoint, past } = self.recover_here(around)?;
        let found = state.learner.offset();
        if let Some(expected) = offset.filter(|expected| *expected != found) {
            return Err(RecoveryError::LogGap { found, expected }.into());
        }
        if let Some(counted) = counted {
            (state.counters.refused, state.counters.duplicates) = (counted.refused, counted.duplicates);
        }
        let is_all_stored = self.uncommitted.is_empty() && self.gatherer.is_empty();
        if is_all_stored {
            self.view.committed.fetch_max(found, Ordering::AcqRel);
        }
        // a stream that comes back at last after a start has no past in memory yet
        if offset.is_none() {
            self.view.take_over(&past);
        }
        self.view.checkpoint.store(checkpoint.map(Arc::new));
        self.checkpoints.set_changes(replayed + passed_over);
        self.metrics.resume(&state.learner);
        self.lifecycle = if is_new { Lifecycle::New(Box::new(state)) } else { Lifecycle::Awake(Box::new(state)) };
        self.agree_on_quarantine();
        self.update_view(0);
        self.wants_checkpoint = true;
        Ok(())
    }

    /// Recovers the state from the store and the groups in memory.
    fn recover_here(&mut self, around: &Surroundings<'_>) -> Result<Recovered, BringBackError> {
        let committed = self.view.committed.load(Ordering::Acquire);
        let uncommitted: Vec<_> = self.uncommitted.iter().chain(self.gatherer.closed()).collect();
        let log_end = if uncommitted.is_empty() { LogEnd::in_store() } else { LogEnd { committed, uncommitted } };
        let entry = self.entry.clone();
        let recovered = catch_unwind(AssertUnwindSafe(|| {
            recover(&**around.storage, entry, self.bounds, around.services, &log_end)
        }));
        match recovered {
            Ok(recovered) => Ok(recovered?),
            Err(panic) => Err(BringBackError::Panicked(panic_text(panic.as_ref()))),
        }
    }
}

/// The reason why a stream cannot be brought back.
#[derive(Debug, thiserror::Error)]
pub(super) enum BringBackError {
    /// The store or the log.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// Learning its log again panicked.
    #[error("learning the log again failed inside: {0}")]
    Panicked(String),
}
