//! An owner: a thread that holds all mutable state of its streams. Select, batch, apply, hand off, maintain.
//!
//! What is learnt depends on the order of records in each stream's log and on nothing else: not on where batches or
//! groups begin, and not on time.

mod answer;
mod copies;
mod owned_stream;

use crate::checkpointer::{Job, Jobs};
use crate::clock::{millis_since, now_us};
use crate::committer::Handoff;
use crate::directory::{Directory, Snapshot, StreamView};
use crate::fencing::Fencing;
use crate::inbox::{Batch, Delivered};
use crate::stream::StreamState;
use crate::telemetry;
use crate::ticket::{ChunkCounts, Pending};
pub use answer::StatusAnswer;
use copies::{Purpose, Step, Wanted};
use crossbeam_channel::{Receiver, Sender, TrySendError};
use owned_stream::OwnedStream;
use rustc_hash::FxHashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use surmise_config::Config;
use surmise_event::{Refusal, RefusalCode};
use surmise_learner::JobSink;
use surmise_store::{CheckpointMeta, Store, StreamEntry};
use tokio::sync::oneshot;

/// While there is more to learn, what was learnt is handed to the committer this often.
const HANDOFF: Duration = Duration::from_millis(2);
/// How often regular checkpoints are considered.
const CHECKPOINT_LOOK: Duration = Duration::from_millis(100);
/// So much of a state is copied without a look at the clock.
const SLICE_BYTES: usize = 128 << 10;
/// Between batches, copying takes this part of the time, and no more than this at once.
const COPY_PART: u32 = 4;
/// See [`COPY_PART`].
const COPY_AT_ONCE: Duration = Duration::from_millis(1);
/// How long nobody may ask before snapshots are no longer published.
const READERS_GONE_MS: u64 = 30_000;

/// A question to an owner.
pub enum OwnerRequest {
    /// The state of a stream.
    Status { stream: Arc<str>, with_hash: bool, reply: oneshot::Sender<Option<StatusAnswer>> },
    /// The hash of a stream's learner, with its offset.
    Hash { stream: Arc<str>, reply: oneshot::Sender<Option<(u64, String)>> },
    /// A snapshot now, and published ones from now on.
    Publish { stream: Arc<str>, reply: oneshot::Sender<Option<Arc<Snapshot>>> },
    /// Checkpoints now, of one stream or of all.
    Checkpoint { stream: Option<Arc<str>>, reply: oneshot::Sender<Vec<PendingCheckpoint>> },
    /// Learn what is in the inbox, write checkpoints, and leave.
    Stop,
}

/// A checkpoint that will have been written.
pub type PendingCheckpoint = (Arc<str>, oneshot::Receiver<Result<CheckpointMeta, String>>);

/// What an owner is made with.
pub struct OwnerSetup {
    /// The configuration.
    pub config: Arc<Config>,
    /// All streams.
    pub directory: Arc<Directory>,
    /// All producers.
    pub fencing: Arc<Fencing>,
    /// The store, which others keep open.
    pub store: Weak<Store>,
    /// Events.
    pub inbox: Receiver<Delivered>,
    /// Questions.
    pub control: Receiver<OwnerRequest>,
    /// To the committer.
    pub commits: Sender<Handoff>,
    /// To the checkpointer.
    pub jobs: Jobs,
    /// Who works out beside what networks learn.
    pub job_sink: Option<JobSink>,
    /// When the daemon was started.
    pub started: Instant,
}

/// An owner.
pub struct Owner {
    setup: OwnerSetup,
    limits: surmise_event::Limits,
    streams: FxHashMap<Arc<str>, OwnedStream>,
    /// Streams with records that are not handed off.
    touched: Vec<Arc<str>>,
    /// Streams that readers ask for.
    watched: Vec<Arc<str>>,
    /// Streams that changed since their checkpoint.
    dirty: Vec<Arc<str>>,
    /// Streams with copies that are wanted or in the making.
    copying: Vec<Arc<str>>,
    pending: Vec<Pending>,
    entries: Vec<StreamEntry>,
    /// What the committer had no room for yet.
    handoff: Handoff,
    last_handoff: Instant,
    last_look: Instant,
    last_copy: Instant,
}

impl Owner {
    /// An owner without streams.
    pub fn new(setup: OwnerSetup) -> Owner {
        let now = Instant::now();
        Owner {
            limits: setup.config.limits.record(),
            setup,
            streams: FxHashMap::default(),
            touched: Vec::new(),
            watched: Vec::new(),
            dirty: Vec::new(),
            copying: Vec::new(),
            pending: Vec::new(),
            entries: Vec::new(),
            handoff: Handoff::default(),
            last_handoff: now,
            last_look: now,
            last_copy: now,
        }
    }

    /// Brings streams back. One that cannot be brought back refuses events; the others live on.
    /// Returns how many records were learnt again.
    pub fn recover(&mut self, store: &Arc<Store>, entries: Vec<StreamEntry>) -> u64 {
        let mut replayed = 0;
        for entry in entries {
            let shared = Arc::new(StreamView::new(&entry));
            let mut live = OwnedStream::recover(
                store,
                entry,
                &shared,
                self.setup.config.limits.producers,
                self.setup.job_sink.clone(),
            );
            live.compare(&self.setup.config);
            if let Some(producers) = live.producers() {
                self.setup.fencing.record_recovered(producers);
            }
            replayed += live.since_checkpoint();
            if live.since_checkpoint() > 0 && live.mark_dirty() {
                self.dirty.push(shared.name.clone());
            }
            self.streams.insert(shared.name.clone(), live);
            self.setup.directory.reserve();
            self.setup.directory.insert(shared);
        }
        replayed
    }

    /// Works until it is told to leave.
    pub fn run(mut self) {
        loop {
            while let Ok(question) = self.setup.control.try_recv() {
                if matches!(question, OwnerRequest::Stop) {
                    return self.leave();
                }
                self.answer(question);
            }
            match self.setup.inbox.try_recv() {
                Ok(delivered) => {
                    self.learn(delivered.batch);
                    if self.last_handoff.elapsed() >= HANDOFF {
                        self.hand_off();
                    }
                    self.publish(false);
                }
                Err(_) => {
                    self.hand_off();
                    self.publish(true);
                    if !self.wait() {
                        return self.leave();
                    }
                }
            }
            self.checkpoint_due();
            self.copy_on();
        }
    }

    /// Waits for something to do; false if it is time to leave.
    fn wait(&mut self) -> bool {
        let idle = if !self.copying.is_empty() {
            Duration::ZERO
        } else if !self.handoff.is_empty() {
            Duration::from_millis(1)
        } else if self.behind() {
            Duration::from_millis(5)
        } else {
            CHECKPOINT_LOOK
        };
        crossbeam_channel::select! {
            recv(self.setup.control) -> question => match question {
                Ok(OwnerRequest::Stop) | Err(_) => return false,
                Ok(question) => self.answer(question),
            },
            recv(self.setup.inbox) -> delivered => match delivered {
                Ok(delivered) => self.learn(delivered.batch),
                Err(_) => return false,
            },
            default(idle) => {}
        }
        true
    }

    /// Learns a batch: the one place where events change streams.
    fn learn(&mut self, batch: Batch) {
        let start = Instant::now();
        let Batch { stream, items, answers, mut pending } = batch;
        let mut live = match self.take(&stream) {
            Ok(live) => live,
            Err(refusal) => {
                pending.outbox().push(items.iter().map(|i| owned_stream::refused(i, refusal.clone())));
                pending.mark_learnt(ChunkCounts { rejected: items.len() as u64, ..ChunkCounts::default() });
                metrics::counter!(telemetry::REJECTED, "reason" => refusal.code.name()).increment(items.len() as u64);
                return self.pending.push(pending);
            }
        };
        let learnt = live.learn(&items, answers, &mut pending, &self.limits, self.setup.config.store.group_bytes_max.0);
        if learnt > 0 {
            if live.is_new() {
                self.setup.directory.insert(live.shared().clone());
                self.entries.push(live.enlist());
                metrics::gauge!(telemetry::STREAMS).set(self.setup.directory.len() as f64);
            }
            self.touched.push(stream.clone());
            if live.mark_dirty() {
                self.dirty.push(stream.clone());
            }
            metrics::histogram!(telemetry::LEARN).record(start.elapsed().as_secs_f64() / learnt as f64);
        }
        if live.is_new() {
            self.setup.directory.release();
        } else {
            self.streams.insert(stream, live);
        }
        self.pending.push(pending);
    }

    /// Takes a stream out, or makes it.
    fn take(&mut self, stream: &Arc<str>) -> Result<OwnedStream, Refusal> {
        if let Some(live) = self.streams.remove(stream) {
            return Ok(live);
        }
        if !self.setup.directory.reserve() {
            let max = self.setup.config.limits.streams;
            return Err(Refusal::new(
                RefusalCode::LimitReached,
                "stream",
                format!("there are {max} streams, as many as there may be (limits.streams)"),
            ));
        }
        let OwnerSetup { config, store, job_sink, directory, .. } = &self.setup;
        let made = OwnedStream::make(config, store, stream, directory.next_number(), job_sink.clone());
        made.map_err(|e| {
            self.setup.directory.release();
            Refusal::new(RefusalCode::BadStream, "stream", e)
        })
    }

    /// Hands what was learnt to the committer.
    ///
    /// While the disk is slow, as when a large checkpoint is written, hand-offs gather here and the streams go on; only
    /// when there is much do they wait.
    fn hand_off(&mut self) {
        self.gather();
        if self.handoff.is_much() {
            return self.hand_off_all();
        }
        if self.handoff.is_empty() {
            return;
        }
        match self.setup.commits.try_send(std::mem::take(&mut self.handoff)) {
            Ok(()) => {}
            Err(TrySendError::Full(back)) => self.handoff = back,
            Err(TrySendError::Disconnected(_)) => tracing::error!("the committer is gone"),
        }
    }

    /// The same, and waits until the committer has room for it.
    fn hand_off_all(&mut self) {
        self.gather();
        if !self.handoff.is_empty() && self.setup.commits.send(std::mem::take(&mut self.handoff)).is_err() {
            tracing::error!("the committer is gone");
        }
    }

    fn gather(&mut self) {
        self.last_handoff = Instant::now();
        let mut groups = Vec::new();
        for name in self.touched.drain(..) {
            if let Some(live) = self.streams.get_mut(&name) {
                live.take_groups(&mut groups);
            }
        }
        let (entries, pending) = (std::mem::take(&mut self.entries), std::mem::take(&mut self.pending));
        self.handoff.absorb(Handoff { entries, groups, pending });
    }

    /// Whether a reader would be served something old.
    fn behind(&self) -> bool {
        self.watched.iter().any(|n| self.streams.get(n).is_some_and(OwnedStream::is_behind))
    }

    /// Publishes snapshots that readers ask for.
    fn publish(&mut self, idle: bool) {
        let now = millis_since(self.setup.started);
        let (streams, copying) = (&mut self.streams, &mut self.copying);
        self.watched.retain(|name| {
            let Some(live) = streams.get_mut(name) else { return false };
            let asked = live.shared().asked_ms.load(Ordering::Relaxed);
            if now.saturating_sub(asked) > READERS_GONE_MS {
                live.unpublish();
                return false;
            }
            if live.publish_due(idle) {
                live.copies.want_snapshot(None);
                want(copying, name);
            }
            true
        });
    }

    /// Has regular checkpoints written.
    fn checkpoint_due(&mut self) {
        if self.last_look.elapsed() < CHECKPOINT_LOOK {
            return;
        }
        self.last_look = Instant::now();
        let store = &self.setup.config.store;
        let due = |l: &OwnedStream| l.is_due(store.checkpoint_interval.0, store.checkpoint_events);
        let names: Vec<Arc<str>> =
            self.dirty.iter().filter(|n| self.streams.get(*n).is_some_and(due)).cloned().collect();
        for name in names {
            if self.setup.jobs.is_busy() {
                return;
            }
            self.checkpoint(&name, Wanted { reply: None, hash: false });
        }
    }

    /// Has a checkpoint of a stream made.
    fn checkpoint(&mut self, name: &Arc<str>, wanted: Wanted) {
        if let Some(live) = self.streams.get_mut(name) {
            live.copies.want_checkpoint(wanted);
            self.copy_or_wait(name);
        }
    }

    /// Begins what is wanted of a stream, which is all of it if its state is small.
    fn copy_or_wait(&mut self, name: &Arc<str>) {
        if self.copy(name) {
            want(&mut self.copying, name);
        }
    }

    /// Goes on with copies: for a part of the time, one stream after the other.
    fn copy_on(&mut self) {
        let start = Instant::now();
        let most = (start.duration_since(self.last_copy) / COPY_PART).min(COPY_AT_ONCE);
        while let Some(name) = self.copying.first().cloned() {
            if !self.copy(&name) {
                self.copying.retain(|n| *n != name);
            }
            if start.elapsed() >= most {
                break;
            }
        }
        self.last_copy = Instant::now();
    }

    /// Copies a slice of a stream; true if there is more to do.
    fn copy(&mut self, name: &Arc<str>) -> bool {
        let Some(live) = self.streams.get_mut(name) else { return false };
        let mut step = live.copy(SLICE_BYTES);
        if matches!(step, Step::Prepared) {
            self.hand_off(); // a checkpoint lies between two groups
            let Some(live) = self.streams.get_mut(name) else { return false };
            let dirty = live.since_checkpoint() > 0;
            live.moment(now_us());
            if dirty && live.since_checkpoint() == 0 {
                self.dirty.retain(|n| n != name);
            }
            step = live.copy(SLICE_BYTES);
        }
        let Some(live) = self.streams.get_mut(name) else { return false };
        if let Step::Complete(learner, purpose) = step {
            match purpose {
                Purpose::Checkpoint { wanted, time_us, summary } => {
                    let frozen = live.frozen(*learner, time_us, wanted.hash, summary);
                    let (busy, shared) = (live.copies.is_busy(), live.shared().clone());
                    self.write(Job { shared, frozen, reply: wanted.reply });
                    return busy;
                }
                Purpose::Snapshot(waiting) => live.publish(*learner, waiting),
            }
        }
        live.copies.is_busy()
    }

    /// Hands a checkpoint to the checkpointer, who may have to wait for what is to be handed off here first.
    fn write(&mut self, job: Job) {
        if let Err(job) = self.setup.jobs.try_send(job) {
            self.hand_off_all();
            self.setup.jobs.send(job);
        }
    }

    /// Learns what is in the inbox, makes it durable, and writes what changed.
    fn leave(mut self) {
        while let Ok(delivered) = self.setup.inbox.try_recv() {
            self.learn(delivered.batch);
            if self.last_handoff.elapsed() >= HANDOFF {
                self.hand_off();
            }
        }
        self.hand_off_all();
        for name in std::mem::take(&mut self.copying) {
            while self.copy(&name) {}
        }
        for name in std::mem::take(&mut self.dirty) {
            let Some(live) = self.streams.get_mut(&name) else { continue };
            let Some(frozen) = live.take_last(now_us()) else { continue };
            self.setup.jobs.send(Job { shared: live.shared().clone(), frozen, reply: None });
        }
    }
}

/// Notes a stream that has copies to be made.
fn want(copying: &mut Vec<Arc<str>>, name: &Arc<str>) {
    if !copying.contains(name) {
        copying.push(name.clone());
    }
}

/// A stream's state by name, for those who only look.
fn state<'a>(streams: &'a mut FxHashMap<Arc<str>, OwnedStream>, name: &str) -> Option<&'a mut StreamState> {
    streams.get_mut(name).and_then(OwnedStream::state_mut)
}
