//! What an owner does where memory is short: it counts what its streams take, and sheds what can be had again.

use super::counted_memory::CountedMemory;
use super::learner_copies::CheckpointRequest;
use super::lifecycle::{Lifecycle, Sleep};
use super::owned_stream::OwnedStream;
use super::rest::TURN_MIN;
use super::state::Owner;
use crate::budget::{MemoryBudget, Pressure};
use crate::clock::{Clock, Moment};
use crate::event_ids::EventIds;
use crate::past::StreamPast;
use crate::services::Services;
use crate::storage::Storage;
use crate::summary::StreamSummary;
use crate::telemetry;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use surmise_event::Schema;

/// The time without a reader after which a snapshot is shed.
const SNAPSHOT_UNREAD_MS: u64 = 1000;
/// The time without events and questions after which a stream may sleep.
const IDLE_MIN: Duration = Duration::from_secs(1);
/// Events since the newest checkpoint up to which a stream sleeps on its log; beyond, it is checkpointed first.
const RELEARNT_EVENTS_MAX: u64 = 20_000;
/// The same for a stream that takes turns: it would learn them again at each.
const RELEARNT_EACH_TURN_MAX: u64 = 5000;
/// Streams that are put to sleep at once.
const SLEEPERS_MAX: usize = 512;
/// What a stream takes beside its learner: names, views, counters.
const STREAM_BYTES: u64 = 12 << 10;

impl OwnedStream {
    /// Counts the stream's memory anew, from time to time.
    pub fn count_memory(&mut self, budget: &MemoryBudget, clock: &dyn Clock, now: Moment) {
        let Some(state) = self.lifecycle.state() else { return self.forget_memory(budget) };
        if self.counted.is_due(state.counters.records, now) {
            self.count_state(budget, clock);
        }
    }

    /// The bytes of the learner's encoded state, as they were when they were last counted. A state that is counted in
    /// no time is counted anew.
    pub fn state_bytes(&mut self, budget: &MemoryBudget, clock: &dyn Clock, now: Moment) -> u64 {
        let records = self.lifecycle.state().map_or(0, |state| state.counters.records);
        if self.counted.is_due_for_answer(records, now) {
            self.count_state(budget, clock);
        }
        self.counted.learner
    }

    fn count_state(&mut self, budget: &MemoryBudget, clock: &dyn Clock) {
        let Some(state) = self.lifecycle.state_mut() else { return };
        let start = clock.now();
        // what is encoded lies in memory in arrays that have room to grow
        let learner = state.learner.state_bytes();
        let bytes = STREAM_BYTES + learner + learner / 4;
        budget.count(self.counted.bytes, bytes);
        budget.note_copy(MemoryBudget::copy_bytes(learner));
        let end = clock.now();
        let records = state.counters.records;
        self.counted = CountedMemory { bytes, learner, records, at: end.uptime, took: end.since(start.uptime) };
    }

    /// Counts the stream for nothing, as it has left memory.
    pub fn forget_memory(&mut self, budget: &MemoryBudget) {
        budget.count(std::mem::take(&mut self.counted).bytes, 0);
    }

    /// Whether its state is in memory and not new.
    pub fn is_awake(&self) -> bool {
        matches!(self.lifecycle, Lifecycle::Awake(_))
    }

    /// Whether it sleeps.
    pub fn is_asleep(&self) -> bool {
        matches!(self.lifecycle, Lifecycle::Asleep(_))
    }

    /// Whether the stream is idle and may sleep.
    fn is_idle(&self, now: Moment) -> bool {
        // one that has just woken would only wake again
        let idle_min = if self.takes_turns(now) { TURN_MIN } else { IDLE_MIN };
        now.since(self.used_at) >= idle_min && self.may_sleep()
    }

    /// Whether the stream may sleep: all of it is durable, and nobody waits for it.
    fn may_sleep(&self) -> bool {
        let Lifecycle::Awake(state) = &self.lifecycle else { return false };
        self.gatherer.is_empty()
            && !self.wants_checkpoint
            && self.hashes.is_empty()
            && !self.copies.is_busy()
            && self.view.snapshot.load().is_none()
            && self.view.checkpoints_pending.load(Ordering::Relaxed) == 0
            && self.view.committed.load(Ordering::Acquire) == state.learner.offset()
    }

    /// Drops the state, which the newest checkpoint and the log have.
    fn sleep(&mut self, storage: &Arc<dyn Storage>, services: &Arc<Services>) {
        let Lifecycle::Awake(state) = std::mem::replace(&mut self.lifecycle, Lifecycle::Failed) else { return };
        let newest = self.view.checkpoint.load_full();
        let checkpoint = newest.filter(|meta| meta.offset == state.learner.offset()).map(|meta| (*meta).clone());
        let mut producers = state.producers;
        // that checkpoint has them when the stream wakes
        producers.set_ids(EventIds::default());
        let summary = StreamSummary {
            model_version: state.learner.model_version(),
            keys: state.learner.keys_held() as u64,
            producers,
            counters: state.counters,
            quarantine: state.quarantine,
            // the view has these
            schema: Schema::default(),
            past: StreamPast::default(),
        };
        let (storage, services) = (storage.clone(), services.clone());
        self.lifecycle = Lifecycle::Asleep(Box::new(Sleep { storage, services, summary, checkpoint }));
    }
}

impl Owner {
    /// Looks at the memory budget, and sheds what can be had again where little is left.
    pub(super) fn shed_memory(&mut self, now: Moment) {
        self.setup.budget.look(now.uptime.as_millis() as u64);
        self.look_after_resting(now);
        if self.setup.budget.pressure() == Pressure::None {
            return;
        }
        self.shed_snapshots(now);
        self.spare.shed();
        let idle = self.streams.iter().filter(|(_, stream)| stream.is_idle(now));
        let mut idle: Vec<(Duration, Arc<str>)> = idle.map(|(name, stream)| (stream.used_at, name.clone())).collect();
        idle.sort_unstable();
        let mut asleep = 0;
        for (_, name) in idle.into_iter().take(SLEEPERS_MAX) {
            if self.setup.budget.is_relieved() {
                break;
            }
            asleep += u64::from(self.put_to_sleep(&name, now));
        }
        self.note_asleep("streams", asleep, now);
        if asleep == 0 && self.setup.budget.pressure() == Pressure::Refuse {
            self.begin_rest(now);
        }
    }

    /// Puts a stream to sleep, if it may. One that has learnt much since its checkpoint is checkpointed first, and
    /// sleeps at a later look.
    pub(super) fn put_to_sleep(&mut self, name: &Arc<str>, now: Moment) -> bool {
        let Some(stream) = self.streams.get_mut(name).filter(|stream| stream.may_sleep()) else { return false };
        let relearnt_max = if stream.takes_turns(now) { RELEARNT_EACH_TURN_MAX } else { RELEARNT_EVENTS_MAX };
        if stream.checkpoints.changes() > relearnt_max {
            if !self.setup.checkpoints.is_busy() {
                self.request_checkpoint(name, CheckpointRequest { reply: None, with_hash: false }, now);
            }
            return false;
        }
        // one that was woken by a question alone was not counted since
        if stream.counted.bytes > 0 {
            stream.slept_bytes = stream.counted.bytes;
        }
        stream.sleep(&self.setup.storage, &self.setup.services);
        stream.forget_memory(&self.setup.budget);
        self.changed.retain(|other| other != name);
        true
    }

    /// Drops snapshots that nobody read for a while.
    fn shed_snapshots(&mut self, now: Moment) {
        let uptime_ms = now.uptime.as_millis() as u64;
        let streams = &mut self.streams;
        self.watched.retain(|name| {
            let Some(stream) = streams.get_mut(name) else { return false };
            let unread_ms = uptime_ms.saturating_sub(stream.view.asked_ms.load(Ordering::Relaxed));
            if unread_ms < SNAPSHOT_UNREAD_MS || !stream.hashes.is_empty() {
                return true;
            }
            stream.unpublish();
            metrics::counter!(telemetry::SHED, "what" => "snapshots").increment(1);
            false
        });
    }
}
