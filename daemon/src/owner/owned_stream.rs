//! A stream in its owner's memory: its place in its lifecycle, and what its owner does with it beside learning.

use super::counted_memory::CountedMemory;
use super::group_gathering::GroupGatherer;
use super::learner_copies::{CopyStep, HashReply, LearnerCopies, SnapshotReply};
use super::lifecycle::{Lifecycle, Sleep};
use super::schedule::{CheckpointSchedule, Load, RetryTimes, SnapshotSchedule};
use super::silence::Silence;
use super::stream_metrics::StreamMetrics;
use crate::checkpoint::{CheckpointFailure, CheckpointState};
use crate::clock::Moment;
use crate::directory::{Snapshot, StreamView};
use crate::event_ids::EventIds;
use crate::first_learner::SpareLearner;
use crate::producers::{ProducerBounds, Producers};
use crate::quarantine::Quarantine;
use crate::recovery::{LogEnd, recover};
use crate::services::{DoBeside, Services};
use crate::storage::Storage;
use crate::stream::StreamState;
use crate::summary::StreamSummary;
use crate::telemetry;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use surmise_config::{Config, ConfigError};
use surmise_event::Schema;
use surmise_learner::{Learner, LearnerError};
use surmise_store::group::Group;
use surmise_store::{CheckpointMeta, LikeStream, StreamEntry};

/// The reason why a stream cannot be made for its first event.
#[derive(Debug, thiserror::Error)]
pub(super) enum NewStreamError {
    /// The configuration of streams with such a name is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The options do not fit the schema.
    #[error(transparent)]
    Learner(#[from] LearnerError),
}

/// A stream in its owner's memory.
///
/// All that may happen to a stream follows from its [`Lifecycle`]; the rest is what the stream's events pass on their
/// way out: the commit group that is being gathered, metrics, and copies of the learner with the times at which the
/// next are due. None of the rest has a part in what is learnt, and none of it is in a checkpoint. It replaces five
/// variables (a state or none, a sleep or none, new, changed, failed) of whose 32 combinations five could occur.
pub struct OwnedStream {
    pub(super) lifecycle: Lifecycle,
    pub(super) entry: StreamEntry,
    pub(super) view: Arc<StreamView>,
    pub(super) gatherer: GroupGatherer,
    pub(super) metrics: StreamMetrics,
    /// Copies of the learner that are wanted or being made.
    pub(super) copies: LearnerCopies,
    pub(super) checkpoints: CheckpointSchedule,
    snapshots: SnapshotSchedule,
    /// Those that wait for a hash of the state and for which no copy is made yet.
    pub(super) hashes: Vec<HashReply>,
    pub(super) silence: Silence,
    pub(super) bounds: ProducerBounds,
    /// Since when its state has been in memory.
    pub(super) awake_since: Duration,
    /// Whether it slept before, and bytes of memory that it took then.
    pub(super) has_slept: bool,
    pub(super) slept_bytes: u64,
    /// When events or questions last came, and bytes of memory when they were last counted.
    pub(super) used_at: Duration,
    pub(super) counted: CountedMemory,
    /// Groups that were handed to the committer and may not be in the store yet, in order.
    pub(super) uncommitted: VecDeque<Group>,
    /// Whether a checkpoint should be made at once, because the stream was put back.
    pub(super) wants_checkpoint: bool,
    pub(super) retry: RetryTimes,
}

impl OwnedStream {
    /// A new stream, as the configuration declares it; or of the fields that its first sender told, where it declares
    /// none. It begins with what the newest checkpoint of the stream in `like` had learnt.
    ///
    /// # Errors
    /// What the configuration says of the stream cannot be.
    pub(super) fn create(
        config: &Config,
        services: &Services,
        name: &str,
        number: u32,
        told: Option<&Schema>,
        (like, spare): (Option<&StreamView>, &mut SpareLearner),
        now: Moment,
    ) -> Result<OwnedStream, NewStreamError> {
        let mut entry = declare(config, name, number, now)?;
        if let (true, Some(told)) = (is_untold(&entry.schema), told) {
            entry.schema = told.clone();
        }
        entry.like = like.and_then(newest_checkpoint);
        let learner = spare.take_or_make(services.storage.as_deref(), &mut entry)?;
        let state = StreamState::begin(entry, learner, ProducerBounds::of(config), services);
        let entry = state.entry.clone();
        let view = Arc::new(StreamView::new(&entry));
        Ok(OwnedStream::with(Lifecycle::New(Box::new(state)), config, entry, view, now))
    }

    fn with(
        lifecycle: Lifecycle,
        config: &Config,
        entry: StreamEntry,
        view: Arc<StreamView>,
        now: Moment,
    ) -> OwnedStream {
        OwnedStream {
            lifecycle,
            gatherer: GroupGatherer::new(entry.number, config.store.group_bytes_max.0),
            metrics: StreamMetrics::new(&view.group),
            copies: LearnerCopies::default(),
            checkpoints: CheckpointSchedule::new(now, 0),
            snapshots: SnapshotSchedule::new(now),
            hashes: Vec::new(),
            silence: Silence::new(now),
            bounds: ProducerBounds::of(config),
            awake_since: now.uptime,
            has_slept: false,
            slept_bytes: 0,
            used_at: now.uptime,
            counted: CountedMemory::default(),
            uncommitted: VecDeque::new(),
            wants_checkpoint: false,
            retry: RetryTimes::default(),
            entry,
            view,
        }
    }

    /// Recovers a stream. One with nothing to learn again sleeps until something is asked of it, and one that cannot be
    /// recovered has failed.
    pub fn recover(
        config: &Config,
        storage: &Arc<dyn Storage>,
        services: &Arc<Services>,
        entry: StreamEntry,
        view: Arc<StreamView>,
        now: Moment,
    ) -> OwnedStream {
        let mut stream = OwnedStream::with(Lifecycle::Failed, config, entry, view, now);
        match StreamSummary::of_covered(&**storage, &stream.entry, stream.bounds) {
            Ok(Some((mut summary, checkpoint))) => {
                // its checkpoint has them when it wakes
                summary.producers.set_ids(EventIds::default());
                summary.producers.connect(services.storage.clone(), &stream.entry);
                stream.view.show_asleep(&summary, &checkpoint);
                let (storage, services) = (storage.clone(), services.clone());
                let checkpoint = Some(checkpoint);
                stream.lifecycle = Lifecycle::Asleep(Box::new(Sleep { storage, services, summary, checkpoint }));
            }
            // a checkpoint that cannot be read is passed over by the recovery, which says so
            Ok(None) | Err(_) => stream.restore(&**storage, services, now),
        }
        stream
    }

    /// Brings the state into memory from the store.
    fn restore(&mut self, storage: &dyn Storage, services: &Services, now: Moment) {
        let entry = self.entry.clone();
        let attempt =
            catch_unwind(AssertUnwindSafe(|| recover(storage, entry, self.bounds, services, &LogEnd::in_store())));
        let recovered = match attempt {
            Ok(Ok(recovered)) => recovered,
            Ok(Err(e)) => return self.fail(format!("it cannot be brought back: {e}")),
            Err(panic) => return self.fail(format!("it cannot be brought back: {}", panic_text(panic.as_ref()))),
        };
        self.view.committed.store(recovered.state.learner.offset(), Ordering::Release);
        self.view.checkpoint.store(recovered.checkpoint.map(Arc::new));
        self.view.take_over(&recovered.past);
        self.checkpoints = CheckpointSchedule::new(now, recovered.replayed + recovered.passed_over);
        self.metrics.resume(&recovered.state.learner);
        self.lifecycle = Lifecycle::Awake(Box::new(recovered.state));
        self.agree_on_quarantine();
        self.update_view(0);
    }

    /// Makes state and view have the same quarantine, that of the more events: a state that was recovered may be from
    /// before the latest.
    pub fn agree_on_quarantine(&mut self) {
        let Some(state) = self.lifecycle.state_mut() else { return };
        let shown = self.view.quarantine.load_full();
        if shown.count > state.quarantine.count {
            state.quarantine = (*shown).clone();
        } else {
            self.view.quarantine.store(Arc::new(state.quarantine.clone()));
        }
    }

    /// Wakes a stream that sleeps.
    pub fn wake(&mut self, now: Moment) {
        if let Some(sleep) = self.lifecycle.take_sleep() {
            (self.awake_since, self.has_slept) = (now.uptime, true);
            self.restore(&*sleep.storage, &sleep.services, now);
        }
    }

    /// Stops a stream that cannot go on for now. What it learnt and logged before stays in the store.
    pub fn fail(&mut self, why: String) {
        tracing::error!(stream = &*self.view.name, "the stream does not learn now: {why}");
        metrics::gauge!(telemetry::STREAMS_FAILED).increment(1.0);
        self.hashes.drain(..).for_each(|reply| drop(reply.send(None)));
        self.copies.cancel(&CheckpointFailure::StreamFailed(why.as_str().into()));
        self.view.failed.store(Some(Arc::new(why)));
        self.lifecycle = Lifecycle::Failed;
    }

    /// Logs a warning if the configuration now declares something else than the stream was made with.
    pub fn warn_if_redeclared(&self, config: &Config, now: Moment) {
        let Ok(declared) = declare(config, &self.entry.name, self.entry.number, now) else { return };
        // where no fields are declared the first sender may have told them
        let is_same_schema = declared.schema == self.entry.schema || is_untold(&declared.schema);
        if !is_same_schema || declared.options != self.entry.options {
            let name = &self.entry.name;
            tracing::warn!(
                stream = name,
                "the configuration declares another schema or model for the stream than it was made with; it keeps what \
                 it has: surmise stream reset {name} begins anew with what is declared, and surmise stream schema {name} \
                 changes fields and keeps what was learnt"
            );
        }
    }

    /// Shows readers the present state, after a batch in which `accepted` events were learnt.
    pub fn update_view(&self, accepted: u64) {
        let Some(state) = self.lifecycle.state() else { return };
        self.view.show_awake(&state.learner, &state.counters, accepted);
        // while groups wait, the view has counted their bytes and the stream's own counter has not all of them
        if self.gatherer.is_empty() {
            self.view.logged_bytes.store(state.counters.logged_bytes, Ordering::Relaxed);
        }
    }

    /// Closes the group that is being gathered, which ends before an offset.
    pub fn close_group(&mut self, end_offset: u64) {
        let bytes = self.gatherer.close(end_offset);
        if let Some(state) = self.lifecycle.state_mut() {
            state.counters.logged_bytes += bytes;
        }
        self.view.logged_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Moves the groups that were gathered out, for the committer.
    pub fn take_groups(&mut self, out: &mut Vec<(Arc<StreamView>, Group)>) {
        if let Some(state) = self.lifecycle.state() {
            let end_offset = state.learner.offset();
            self.close_group(end_offset);
        }
        let view = &self.view;
        let committed = view.committed.load(Ordering::Acquire);
        while self.uncommitted.front().is_some_and(|group| group.first_offset + group.span <= committed) {
            self.uncommitted.pop_front();
        }
        for group in self.gatherer.take_closed() {
            self.uncommitted.push_back(group.clone());
            out.push((view.clone(), group));
        }
    }

    /// Copies at most `bytes` bytes more of what is wanted.
    pub(super) fn copy(&mut self, bytes: usize) -> CopyStep {
        match self.lifecycle.state_mut() {
            Some(state) => self.copies.step(&mut state.learner, bytes),
            None => {
                // what cannot be made must not hold up the copies of the owner's other streams
                self.copies.cancel(&CheckpointFailure::StreamFailed("the stream does not learn now".into()));
                CopyStep::Idle
            }
        }
    }

    /// Begins the copy whose memory is reserved. If it is for a checkpoint, all that was learnt must have been sent to
    /// the committer, as a checkpoint lies between two groups. Returns whether the stream was listed as changed and is
    /// not changed any more.
    pub fn begin_copy(&mut self, now: Moment) -> bool {
        let Some(state) = self.lifecycle.state_mut() else { return false };
        if !self.copies.next_is_checkpoint() {
            if self.copies.next_is_snapshot() {
                self.snapshots.begin(state.learner.offset());
            }
            self.copies.begin(&mut state.learner, now.wall_us, Vec::new());
            return false;
        }
        let summary = state.encode_summary(&self.view.past);
        self.copies.begin(&mut state.learner, now.wall_us, summary);
        self.checkpoints.restart(now)
    }

    /// Counts a time for which the stream waited while a slice was copied.
    pub fn add_copy_pause(&mut self, pause: Duration) {
        self.snapshots.add_pause(pause);
        metrics::histogram!(telemetry::COPY).record(pause.as_secs_f64());
    }

    /// Whether a regular checkpoint is due and none is under way.
    pub fn is_checkpoint_due(&self, now: Moment, interval: Duration, events: u64) -> bool {
        self.lifecycle.state().is_some()
            && self.checkpoints.is_due(now, interval, events)
            && self.view.checkpoints_pending.load(Ordering::Relaxed) == 0
            && !self.copies.is_busy()
    }

    /// Publishes a snapshot that is complete, and sends it to those that wait for it.
    pub fn publish(&mut self, mut learner: Learner, waiting: Vec<SnapshotReply>, now: Moment) {
        learner.discard_pending_jobs();
        let snapshot = Arc::new(Snapshot { learner });
        let old = self.view.snapshot.swap(Some(snapshot.clone()));
        self.view.published.notify_waiters();
        self.copies.retire(old);
        self.snapshots.publish(now);
        waiting.into_iter().for_each(|reply| drop(reply.send(Some(snapshot.clone()))));
    }

    /// Works a hash out from a copy that is complete, beside the owner, and sends it to those that wait for it.
    pub fn hash(&mut self, mut learner: Learner, replies: Vec<HashReply>, beside: DoBeside, now: Moment) {
        self.snapshots.publish(now);
        let work = move || {
            let hashed = catch_unwind(AssertUnwindSafe(|| (learner.offset(), learner.state_hash()))).ok();
            replies.into_iter().for_each(|reply| drop(reply.send(hashed.clone())));
        };
        if let Err(e) = beside(Box::new(work)) {
            // who waits learns it from the dropped reply
            tracing::warn!("there is no thread for a hash: {e}");
        }
    }

    /// Whether hashes are waited for, and copying another state takes a small part of the time.
    pub(super) fn is_hash_due(&self, now: Moment, load: Load) -> bool {
        !self.hashes.is_empty() && self.snapshots.is_due(now, load) && !self.copies.is_busy()
    }

    /// Whether another snapshot should be copied.
    pub(super) fn is_snapshot_due(&self, now: Moment, load: Load) -> bool {
        self.snapshots.is_due(now, load) && self.is_behind() && !self.copies.is_busy()
    }

    /// Whether the latest snapshot is not of the latest state.
    pub fn is_behind(&self) -> bool {
        self.lifecycle.state().is_some_and(|state| self.snapshots.is_behind(state.learner.offset()))
    }

    /// Publishes no more snapshots.
    pub fn unpublish(&mut self) {
        self.view.snapshot.store(None);
        self.copies.free_spare();
    }

    /// Makes a new stream one that stays, and returns its entry for the list of streams.
    pub fn keep(&mut self) -> StreamEntry {
        self.lifecycle.keep();
        self.entry.clone()
    }

    /// Leaves what a stream that never came to be would have begun with to the next one.
    pub fn leave_learner(self, spare: &mut SpareLearner) {
        if let Lifecycle::New(state) = self.lifecycle {
            spare.keep(&state.entry, state.learner);
        }
    }

    /// The state, which is brought into memory for this. `None` if the stream has failed.
    pub fn state_mut(&mut self, now: Moment) -> Option<&mut StreamState> {
        self.used_at = now.uptime;
        self.wake(now);
        self.lifecycle.state_mut()
    }

    /// What everyone may know of it.
    pub fn view(&self) -> &StreamView {
        &self.view
    }

    /// What the stream was made with.
    pub fn entry(&self) -> &StreamEntry {
        &self.entry
    }

    /// The bounds of its table of producers.
    pub fn bounds(&self) -> ProducerBounds {
        self.bounds
    }

    /// The events that it put aside.
    pub fn quarantine(&self) -> Arc<Quarantine> {
        self.view.quarantine.load_full()
    }

    /// Its state, if that is in memory.
    pub fn state(&mut self) -> Option<&mut StreamState> {
        self.lifecycle.state_mut()
    }

    /// The checkpoint that it sleeps on, which is all of its state.
    pub fn covering_checkpoint(&self) -> Option<CheckpointMeta> {
        match &self.lifecycle {
            Lifecycle::Asleep(sleep) => sleep.checkpoint.clone(),
            _ => None,
        }
    }

    /// The producers of the stream with the ids of its events, while it is awake.
    pub fn whole_producers(&self) -> Option<&Producers> {
        self.lifecycle.state().map(|state| &state.producers)
    }

    /// The producers of the stream, if it has not failed.
    pub fn producers(&self) -> Option<&Producers> {
        match &self.lifecycle {
            Lifecycle::Asleep(sleep) => Some(&sleep.summary.producers),
            lifecycle => lifecycle.state().map(|state| &state.producers),
        }
    }

    /// The checkpoint that a stream sleeps on, if its hash is known: another one would hold the same.
    pub fn sleeping_checkpoint(&self) -> Option<&CheckpointMeta> {
        match &self.lifecycle {
            Lifecycle::Asleep(sleep) => sleep.checkpoint.as_ref().filter(|meta| meta.state_hash.is_some()),
            _ => None,
        }
    }

    /// The state of a copy that is complete, for its checkpoint.
    pub fn checkpoint_state(
        &self,
        learner: Learner,
        time_us: i64,
        with_hash: bool,
        summary: Vec<u8>,
    ) -> CheckpointState {
        CheckpointState::new(self.entry.number, time_us, with_hash, learner, summary)
    }

    /// The state itself, without a copy, for the last checkpoint.
    pub fn into_last_checkpoint(self, now: Moment) -> Option<(Arc<StreamView>, CheckpointState)> {
        match self.lifecycle {
            Lifecycle::New(state) | Lifecycle::Awake(state) => {
                let last = state.into_checkpoint(now.wall_us, &self.view.past);
                Some((self.view, last))
            }
            Lifecycle::Asleep(_) | Lifecycle::Failed => None,
        }
    }
}

/// The entry of a stream as the configuration declares it now.
fn declare(config: &Config, name: &str, number: u32, now: Moment) -> Result<StreamEntry, ConfigError> {
    let (group, rule) = config.rule(name).unzip();
    let options = config.options(rule)?;
    let schema = rule.map(|rule| rule.schema()).unwrap_or_default();
    Ok(StreamEntry::new(number, name, group.unwrap_or(""), schema, options, now.wall_us))
}

/// The newest checkpoint of a stream, for another one to begin with.
fn newest_checkpoint(view: &StreamView) -> Option<LikeStream> {
    let newest = view.checkpoint.load_full()?;
    let (name, offset) = (view.name.to_string(), newest.offset);
    Some(LikeStream { name, number: view.number, generation: newest.generation, offset })
}

/// Whether a schema leaves everything to the events.
fn is_untold(schema: &Schema) -> bool {
    schema.fields.is_empty() && !schema.closed
}

/// The message of a panic.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|message| (*message).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".into())
}
