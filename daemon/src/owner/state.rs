//! An owner's state, and how its streams come into it and leave it.

use super::learner_copies::CheckpointRequest;
use super::lifecycle::Lifecycle;
use super::owned_stream::OwnedStream;
use super::replies::refusal_reply;
use super::request::OwnerRequest;
use super::rest::Rest;
use super::schedule::Load;
use super::surroundings::Surroundings;
use crate::budget::{MemoryBudget, Pressure};
use crate::checkpoint_queue::{CheckpointJob, CheckpointQueue};
use crate::clock::{Clock, Moment};
use crate::commit_batch::CommitBatch;
use crate::directory::{Directory, StreamView};
use crate::first_learner::SpareLearner;
use crate::inbox::{Batch, Delivered, InboxReader};
use crate::refusals::count_refused;
use crate::services::Services;
use crate::storage::Storage;
use crate::telemetry;
use crate::ticket::ChunkCounts;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use surmise_config::Config;
use surmise_event::{Limits, Refusal, RefusalCode, Schema};
use surmise_store::StreamEntry;

/// What an owner is constructed with.
pub struct OwnerSetup {
    /// The configuration of the daemon.
    pub config: Arc<Config>,
    /// All streams of the daemon.
    pub directory: Arc<Directory>,
    /// The memory budget of the daemon.
    pub budget: Arc<MemoryBudget>,
    /// Time, workers and key pages.
    pub services: Arc<Services>,
    /// Where the log and the checkpoints are.
    pub storage: Arc<dyn Storage>,
    /// The inbox: batches of events for streams of this owner.
    pub batches: InboxReader,
    /// Requests that concern streams of this owner.
    pub requests: Receiver<OwnerRequest>,
    /// The queue of the committer.
    pub commits: Sender<CommitBatch>,
    /// The queue of the checkpointer.
    pub checkpoints: CheckpointQueue,
}

/// What an owner looks at next, in this order, then from the beginning again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Answer,
    Receive,
    Commit(Load),
    Publish(Load),
    Checkpoint(Load),
    Silence(Load),
    Copy(Load),
    Wait,
}

/// An owner: all streams whose names fall to one thread.
///
/// *Design.* An owner is a state machine. `next_action` selects what to do from what has come and from the time, and
/// `apply` does it, synchronously and without waiting; `run`, which its thread calls, only alternates the two and waits
/// when `next_action` says so. Time, storage, workers and channels come in from outside, so a test runs the same
/// machine step by step under a clock and a store of its own.
///
/// *Cost.* One batch of events (up to 256 of one stream) is one round of turns: two reads of the clock, one request
/// at most, and a look at each stream that readers watch. Copies of learners are cut into slices and take a quarter of
/// the time at most.
///
/// *History.* It replaces one loop that read the clock in ten places, and waited in the middle of an action for the
/// committer or the checkpointer, so that nothing short of three threads could drive it.
pub struct Owner {
    pub(super) setup: OwnerSetup,
    limits: Limits,
    pub(super) streams: FxHashMap<Arc<str>, OwnedStream>,
    /// What the latest stream that never came to be would have begun with.
    pub(super) spare: SpareLearner,
    /// Names whose streams are being replaced, with the batches that wait for them.
    pub(super) held: FxHashMap<Arc<str>, VecDeque<Delivered>>,
    /// Busy streams whose events wait while they sleep, as memory is short.
    pub(super) resting: FxHashMap<Arc<str>, Rest>,
    /// Whether what waited for a stream whose rest is over comes before the inbox; the two alternate.
    pub(super) waits_turn: bool,
    /// When the log last said that there are such streams.
    pub(super) rest_told: Option<Duration>,
    /// Streams with events that are not in `commit_batch`.
    touched: Vec<Arc<str>>,
    /// Streams that readers ask for.
    pub(super) watched: Vec<Arc<str>>,
    /// Streams that changed since their checkpoint, the longest changed first.
    pub(super) changed: Vec<Arc<str>>,
    /// Streams with copies that are wanted or being made.
    pub(super) copying: Vec<Arc<str>>,
    /// Whether all of them wait for room in memory.
    pub(super) copies_wait: bool,
    /// What was learnt and is not sent to the committer yet.
    pub(super) commit_batch: CommitBatch,
    /// Complete copies that the checkpointer's queue has no room for.
    pub(super) unsent_checkpoints: VecDeque<CheckpointJob>,
    pub(super) turn: Turn,
    pub(super) committed_at: Duration,
    pub(super) checkpoints_checked_at: Duration,
    pub(super) silence_checked_at: Duration,
    pub(super) copied_at: Duration,
}

impl Owner {
    /// An owner without streams.
    pub fn new(setup: OwnerSetup) -> Owner {
        let now = setup.services.clock.now().uptime;
        Owner {
            limits: setup.config.limits.record(),
            setup,
            streams: FxHashMap::default(),
            spare: SpareLearner::default(),
            held: FxHashMap::default(),
            resting: FxHashMap::default(),
            waits_turn: false,
            rest_told: None,
            touched: Vec::new(),
            watched: Vec::new(),
            changed: Vec::new(),
            copying: Vec::new(),
            copies_wait: false,
            commit_batch: CommitBatch::default(),
            unsent_checkpoints: VecDeque::new(),
            turn: Turn::Answer,
            committed_at: now,
            checkpoints_checked_at: now,
            silence_checked_at: now,
            copied_at: now,
        }
    }

    /// The owner's source of time.
    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.setup.services.clock
    }

    /// Recovers streams from the store. One that cannot be recovered refuses events; the others live on. Returns how
    /// many events were learnt again.
    pub fn recover(&mut self, entries: Vec<StreamEntry>) -> u64 {
        let mut replayed = 0;
        for entry in entries {
            let (now, setup) = (self.clock().now(), &self.setup);
            let view = Arc::new(StreamView::new(&entry));
            let mut stream =
                OwnedStream::recover(&setup.config, &setup.storage, &setup.services, entry, view.clone(), now);
            stream.warn_if_redeclared(&setup.config, now);
            replayed += stream.checkpoints.changes();
            if stream.checkpoints.changes() > 0 && stream.checkpoints.list() {
                self.changed.push(view.name.clone());
            }
            self.streams.insert(view.name.clone(), stream);
            self.setup.directory.reserve();
            self.setup.directory.insert(view);
        }
        replayed
    }

    /// Learns a batch of events of one stream, which is made if it is not there.
    pub(super) fn learn(&mut self, batch: Batch, now: Moment) {
        let Batch { stream: name, items: events, answers: options, told, mut pending } = batch;
        let mut stream = match self.take_or_create(&name, told.as_deref(), now) {
            Ok(stream) => stream,
            Err(refusal) => {
                let rejected = events.len() as u64;
                count_refused(refusal.code, rejected);
                pending.outbox().push(events.iter().map(|event| refusal_reply(event, refusal.clone())));
                pending.mark_learnt(ChunkCounts { rejected, ..ChunkCounts::default() });
                return self.commit_batch.pending.push(pending);
            }
        };
        let OwnerSetup { storage, services, budget, .. } = &self.setup;
        let full = (budget.pressure() == Pressure::Refuse).then_some(&**budget);
        let around = Surroundings { limits: &self.limits, full, storage, services, now };
        let is_new = matches!(stream.lifecycle, Lifecycle::New(_));
        let learnt = stream.learn(&events, options, &mut pending, &around);
        stream.count_memory(budget, &*services.clock, now);
        let wants_checkpoint = std::mem::take(&mut stream.wants_checkpoint);
        // a stream whose first event is in quarantine is kept, so that the event can be looked at; so is one that has
        // failed among its first events, because those before are on their way to the log
        let is_kept = learnt > 0 || wants_checkpoint || is_new && matches!(stream.lifecycle, Lifecycle::Failed);
        if is_kept {
            if is_new {
                self.setup.directory.insert(stream.view.clone());
                self.commit_batch.entries.push(stream.keep());
                metrics::gauge!(telemetry::STREAMS).set(self.setup.directory.len() as f64);
            }
            self.touched.push(name.clone());
            if stream.checkpoints.list() {
                self.changed.push(name.clone());
            }
        }
        // a stream whose first events were all refused has never been
        if is_new && !is_kept {
            stream.forget_memory(&self.setup.budget);
            stream.leave_learner(&mut self.spare);
            self.setup.directory.release();
        } else {
            self.streams.insert(name.clone(), stream);
        }
        self.commit_batch.pending.push(pending);
        // a checkpoint before the first event could become durable before its stream is
        let stream = self.streams.get(&name).filter(|stream| stream.view.offset.load(Ordering::Relaxed) > 0);
        // what a stream began with is there only as long as the other one keeps it
        let wants_own = is_new && stream.is_some_and(|stream| stream.entry.like.is_some());
        if wants_own || wants_checkpoint && stream.is_some() {
            self.request_checkpoint(&name, CheckpointRequest { reply: None, with_hash: false }, now);
        }
        let done = self.clock().now();
        if learnt > 0 {
            metrics::histogram!(telemetry::LEARN).record(done.since(now.uptime).as_secs_f64() / learnt as f64);
        }
        if let Some(arrival_us) = events.last().and_then(|event| event.record.arrival_us) {
            metrics::gauge!(telemetry::LAG).set((done.wall_us - arrival_us) as f64 / 1e6);
        }
    }

    /// Takes a stream out of the map, or makes a new one.
    fn take_or_create(&mut self, name: &Arc<str>, told: Option<&Schema>, now: Moment) -> Result<OwnedStream, Refusal> {
        if let Some(stream) = self.streams.remove(name) {
            return Ok(stream);
        }
        let OwnerSetup { config, services, directory, budget, .. } = &self.setup;
        if budget.pressure() == Pressure::Refuse {
            return Err(Refusal::new(RefusalCode::LimitReached, "stream", budget.reason()));
        }
        if !directory.reserve() {
            let max = config.limits.streams;
            let reason = format!("there are {max} streams, as many as there may be (limits.streams)");
            return Err(Refusal::new(RefusalCode::LimitReached, "stream", reason));
        }
        let like = config.rule(name).and_then(|(_, rule)| directory.get(rule.like.as_deref()?));
        let begins = (like.as_deref(), &mut self.spare);
        OwnedStream::create(config, services, name, directory.next_number(), told, begins, now).map_err(|e| {
            directory.release();
            Refusal::new(RefusalCode::BadStream, "stream", e.to_string())
        })
    }

    /// Sends what was learnt to the committer, if its queue has room. While the disk is slow, as when a large
    /// checkpoint is written, batches gather here and the streams go on learning until the batch is full.
    pub(super) fn send_commit_batch(&mut self, now: Moment) {
        self.gather_groups(now);
        if self.commit_batch.is_empty() {
            return;
        }
        match self.setup.commits.try_send(std::mem::take(&mut self.commit_batch)) {
            Ok(()) => {}
            Err(TrySendError::Full(batch)) => self.commit_batch = batch,
            Err(TrySendError::Disconnected(_)) => tracing::error!("the committer is gone"),
        }
    }

    /// Sends what was learnt to the committer, and waits until its queue has room.
    pub(super) fn send_last_commit_batch(&mut self, now: Moment) {
        self.gather_groups(now);
        if !self.commit_batch.is_empty() && self.setup.commits.send(std::mem::take(&mut self.commit_batch)).is_err() {
            tracing::error!("the committer is gone");
        }
    }

    /// Whether so much waits for the committer that the owner must not learn more.
    pub(super) fn is_commit_batch_full(&self) -> bool {
        self.commit_batch.is_full()
    }

    /// Whether batches stay in the inbox: too much waits for the committer, or the disk has no room.
    pub(super) fn must_not_learn(&self) -> bool {
        self.is_commit_batch_full() || self.setup.services.disk.is_full()
    }

    /// Whether something waits to be sent to the committer.
    pub(super) fn has_uncommitted(&self) -> bool {
        !self.commit_batch.is_empty()
    }

    pub(super) fn gather_groups(&mut self, now: Moment) {
        self.committed_at = now.uptime;
        for name in self.touched.drain(..) {
            if let Some(stream) = self.streams.get_mut(&name) {
                stream.take_groups(&mut self.commit_batch.groups);
            }
        }
    }
}
