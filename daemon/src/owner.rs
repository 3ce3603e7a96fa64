//! An owner: a thread that holds all mutable state of its streams. Select, batch, apply, hand off, maintain.
//!
//! What is learnt depends on the order of records in each stream's log and on nothing else: not on where batches or
//! groups begin, and not on time.

mod answer;
mod live;

use crate::checkpointer::{Job, Jobs};
use crate::clock::{millis_since, now_us};
use crate::committer::Handoff;
use crate::directory::{Directory, Shared, Snapshot};
use crate::fencing::Fencing;
use crate::inbox::{Batch, Delivered};
use crate::store::{CheckpointMeta, Store, StreamEntry};
use crate::stream::StreamState;
use crate::telemetry;
use crate::ticket::{Fate, Pending};
pub use answer::StatusAnswer;
use crossbeam_channel::{Receiver, Sender};
use live::Live;
use rustc_hash::FxHashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use surmise_config::Config;
use surmise_event::{Code, Refusal};
use surmise_learner::Teacher;
use tokio::sync::oneshot;

/// While there is more to learn, what was learnt is handed to the committer this often.
const HANDOFF: Duration = Duration::from_millis(2);
/// How often regular checkpoints are considered.
const CHECKPOINT_LOOK: Duration = Duration::from_millis(100);
/// How long nobody may ask before snapshots are no longer published.
const READERS_GONE_MS: u64 = 30_000;

/// A question to an owner.
pub enum Control {
    /// The state of a stream.
    Status { stream: Arc<str>, with_hash: bool, reply: oneshot::Sender<Option<StatusAnswer>> },
    /// The hash of a stream's learner, with its offset.
    Hash { stream: Arc<str>, reply: oneshot::Sender<Option<(u64, String)>> },
    /// A snapshot now, and published ones from now on.
    Publish { stream: Arc<str>, reply: oneshot::Sender<Option<Arc<Snapshot>>> },
    /// Checkpoints now, of one stream or of all.
    Checkpoint { stream: Option<Arc<str>>, reply: oneshot::Sender<Vec<Written>> },
    /// Learn what is in the inbox, write checkpoints, and leave.
    Leave,
}

/// A checkpoint that will have been written.
pub type Written = (Arc<str>, oneshot::Receiver<Result<CheckpointMeta, String>>);

/// What an owner is made with.
pub struct Setup {
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
    pub control: Receiver<Control>,
    /// To the committer.
    pub commits: Sender<Handoff>,
    /// To the checkpointer.
    pub jobs: Jobs,
    /// Who works out beside what networks learn.
    pub teacher: Option<Teacher>,
    /// When the daemon was started.
    pub started: Instant,
}

/// An owner.
pub struct Owner {
    setup: Setup,
    limits: surmise_event::Limits,
    streams: FxHashMap<Arc<str>, Live>,
    /// Streams with records that are not handed off.
    touched: Vec<Arc<str>>,
    /// Streams that readers ask for.
    watched: Vec<Arc<str>>,
    /// Streams that changed since their checkpoint.
    dirty: Vec<Arc<str>>,
    pending: Vec<Pending>,
    entries: Vec<StreamEntry>,
    last_handoff: Instant,
    last_look: Instant,
}

impl Owner {
    /// An owner without streams.
    pub fn new(setup: Setup) -> Owner {
        let now = Instant::now();
        Owner {
            limits: setup.config.limits.record(),
            setup,
            streams: FxHashMap::default(),
            touched: Vec::new(),
            watched: Vec::new(),
            dirty: Vec::new(),
            pending: Vec::new(),
            entries: Vec::new(),
            last_handoff: now,
            last_look: now,
        }
    }

    /// Brings streams back. One that cannot be brought back refuses events; the others live on.
    /// Returns how many records were learnt again.
    pub fn recover(&mut self, store: &Arc<Store>, entries: Vec<StreamEntry>) -> u64 {
        let mut replayed = 0;
        for entry in entries {
            let shared = Arc::new(Shared::new(&entry));
            let mut live =
                Live::recover(store, entry, &shared, self.setup.config.limits.producers, self.setup.teacher.clone());
            live.compare(&self.setup.config);
            if let Some(producers) = live.producers() {
                self.setup.fencing.learn(producers);
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
                if matches!(question, Control::Leave) {
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
        }
    }

    /// Waits for something to do; false if it is time to leave.
    fn wait(&mut self) -> bool {
        let idle = if self.behind() { Duration::from_millis(5) } else { CHECKPOINT_LOOK };
        crossbeam_channel::select! {
            recv(self.setup.control) -> question => match question {
                Ok(Control::Leave) | Err(_) => return false,
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
                pending.outbox().push(items.iter().map(|i| live::refused(i, refusal.clone())));
                pending.applied(Fate { rejected: items.len() as u64, ..Fate::default() });
                metrics::counter!(telemetry::REJECTED, "reason" => crate::stream::code_word(refusal.code))
                    .increment(items.len() as u64);
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
    fn take(&mut self, stream: &Arc<str>) -> Result<Live, Refusal> {
        if let Some(live) = self.streams.remove(stream) {
            return Ok(live);
        }
        if !self.setup.directory.reserve() {
            let max = self.setup.config.limits.streams;
            return Err(Refusal::new(
                Code::LimitReached,
                "stream",
                format!("there are {max} streams, as many as there may be (limits.streams)"),
            ));
        }
        let Setup { config, store, teacher, directory, .. } = &self.setup;
        let made = Live::make(config, store, stream, directory.next_number(), teacher.clone());
        made.map_err(|e| {
            self.setup.directory.release();
            Refusal::new(Code::BadStream, "stream", e)
        })
    }

    /// Hands what was learnt to the committer.
    fn hand_off(&mut self) {
        self.last_handoff = Instant::now();
        if self.pending.is_empty() && self.touched.is_empty() {
            return;
        }
        let mut groups = Vec::new();
        for name in self.touched.drain(..) {
            if let Some(live) = self.streams.get_mut(&name) {
                live.take_groups(&mut groups);
            }
        }
        let handoff =
            Handoff { entries: std::mem::take(&mut self.entries), groups, pending: std::mem::take(&mut self.pending) };
        if self.setup.commits.send(handoff).is_err() {
            tracing::error!("the committer is gone");
        }
    }

    /// Whether a reader would be served something old.
    fn behind(&self) -> bool {
        self.watched.iter().any(|n| self.streams.get(n).is_some_and(Live::is_behind))
    }

    /// Publishes snapshots that readers ask for.
    fn publish(&mut self, idle: bool) {
        let now = millis_since(self.setup.started);
        let streams = &mut self.streams;
        self.watched.retain(|name| {
            let Some(live) = streams.get_mut(name) else { return false };
            let asked = live.shared().asked_ms.load(Ordering::Relaxed);
            if now.saturating_sub(asked) > READERS_GONE_MS {
                live.unpublish();
                return false;
            }
            live.publish_due(idle);
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
        let due = |l: &Live| l.is_due(store.checkpoint_interval.0, store.checkpoint_events);
        let names: Vec<Arc<str>> =
            self.dirty.iter().filter(|n| self.streams.get(*n).is_some_and(due)).cloned().collect();
        for name in names {
            if self.setup.jobs.is_busy() {
                return;
            }
            self.checkpoint(&name, None, false, false);
        }
    }

    /// Hands a copy of a stream to the checkpointer, or the stream itself if it goes on no more.
    fn checkpoint(
        &mut self,
        name: &Arc<str>,
        reply: Option<oneshot::Sender<Result<CheckpointMeta, String>>>,
        hash: bool,
        last: bool,
    ) {
        self.hand_off(); // a checkpoint lies between two groups
        let Some(live) = self.streams.get_mut(name) else { return };
        let Some(frozen) = live.freeze(now_us(), hash, last) else { return };
        self.dirty.retain(|n| n != name);
        self.setup.jobs.send(Job { shared: live.shared().clone(), frozen, reply });
    }

    /// Learns what is in the inbox, makes it durable, and writes what changed.
    fn leave(mut self) {
        while let Ok(delivered) = self.setup.inbox.try_recv() {
            self.learn(delivered.batch);
            if self.last_handoff.elapsed() >= HANDOFF {
                self.hand_off();
            }
        }
        self.hand_off();
        for name in std::mem::take(&mut self.dirty) {
            self.checkpoint(&name, None, true, true);
        }
    }
}

/// A stream's state by name, for those who only look.
fn state<'a>(streams: &'a mut FxHashMap<Arc<str>, Live>, name: &str) -> Option<&'a mut StreamState> {
    streams.get_mut(name).and_then(Live::state_mut)
}
