//! Which streams there are, and what may be known about them without asking their owners.

use crate::counters::Counters;
use crate::summary::StreamSummary;
use arc_swap::{ArcSwap, ArcSwapOption};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, RwLock};
use surmise_event::Schema;
use surmise_learner::Learner;
use surmise_protocol::OutcomeReply;
use surmise_store::{CheckpointMeta, StreamEntry};
use tokio::sync::broadcast;

/// Outcomes that a follower may lag behind.
const OUTCOMES: usize = 1024;

/// An immutable learner, for readers.
pub struct Snapshot {
    /// The learner.
    pub learner: Learner,
}

/// The outside of a stream: written by its owner, read by everybody.
pub struct StreamView {
    /// Its name.
    pub name: Arc<str>,
    /// Its number in the log.
    pub number: u32,
    /// The pattern of the configuration that it fell under.
    pub group: Arc<str>,
    /// The offset that its next event will have.
    pub offset: AtomicU64,
    /// Everything before this offset is durable.
    pub committed: AtomicU64,
    /// How many times its model has changed.
    pub model_version: AtomicU64,
    /// Records learnt since the start of the daemon.
    pub records: AtomicU64,
    /// Keys held, in memory or in the store.
    pub keys: AtomicU64,
    /// Those in the store; not known while the stream sleeps.
    pub keys_stored: AtomicU64,
    /// Bytes of its log, from its very beginning.
    pub logged_bytes: AtomicU64,
    /// Surprise of its latest events, exponentially averaged, in bits (as the bits of an `f64`).
    pub recent_bits: AtomicU64,
    /// The time of its latest event in microseconds since 1970; `i64::MIN` if there is none.
    pub last_event_us: AtomicI64,
    /// Its fields.
    pub schema: ArcSwap<Schema>,
    /// The latest published snapshot; only while somebody asks for it.
    pub snapshot: ArcSwapOption<Snapshot>,
    /// When a snapshot was last asked for, in milliseconds since the start.
    pub asked_ms: AtomicU64,
    /// Its newest checkpoint.
    pub checkpoint: ArcSwapOption<CheckpointMeta>,
    /// Checkpoints on their way to the store.
    pub checkpoints_pending: AtomicUsize,
    /// Why it does not learn any more, if so.
    pub failed: OnceLock<String>,
    /// Outcomes for those who follow them.
    pub outcomes: broadcast::Sender<Arc<OutcomeReply>>,
}

impl StreamView {
    /// The outside of a stream.
    pub fn new(entry: &StreamEntry) -> StreamView {
        StreamView {
            name: entry.name.as_str().into(),
            number: entry.number,
            group: entry.group.as_str().into(),
            offset: AtomicU64::new(0),
            committed: AtomicU64::new(0),
            model_version: AtomicU64::new(0),
            records: AtomicU64::new(0),
            keys: AtomicU64::new(0),
            keys_stored: AtomicU64::new(0),
            logged_bytes: AtomicU64::new(0),
            recent_bits: AtomicU64::new(f64::NAN.to_bits()),
            last_event_us: AtomicI64::new(i64::MIN),
            schema: ArcSwap::from_pointee(entry.schema.clone()),
            snapshot: ArcSwapOption::empty(),
            asked_ms: AtomicU64::new(0),
            checkpoint: ArcSwapOption::empty(),
            checkpoints_pending: AtomicUsize::new(0),
            failed: OnceLock::new(),
            outcomes: broadcast::Sender::new(OUTCOMES),
        }
    }

    /// Shows a stream that sleeps on a checkpoint.
    pub fn show_asleep(&self, summary: &StreamSummary, checkpoint: &CheckpointMeta) {
        self.offset.store(checkpoint.offset, Ordering::Relaxed);
        self.committed.store(checkpoint.offset, Ordering::Release);
        self.model_version.store(summary.model_version, Ordering::Relaxed);
        self.keys.store(summary.keys, Ordering::Relaxed);
        self.show_last_event(summary.counters.last_event_us);
        self.logged_bytes.store(summary.counters.logged_bytes, Ordering::Relaxed);
        self.schema.store(Arc::new(summary.schema.clone()));
        self.checkpoint.store(Some(Arc::new(checkpoint.clone())));
    }

    /// Shows a stream whose learner is in memory, after `accepted` more events were learnt.
    pub fn show_awake(&self, learner: &Learner, counters: &Counters, accepted: u64) {
        self.offset.store(learner.offset(), Ordering::Relaxed);
        self.model_version.store(learner.model_version(), Ordering::Relaxed);
        self.keys.store(learner.keys_held() as u64, Ordering::Relaxed);
        self.keys_stored.store(learner.keys_stored(), Ordering::Relaxed);
        self.records.fetch_add(accepted, Ordering::Relaxed);
        self.show_last_event(counters.last_event_us);
        // fields are only ever added
        if self.schema.load().fields.len() != learner.schema().fields.len() {
            self.schema.store(Arc::new(learner.schema().clone()));
        }
    }

    fn show_last_event(&self, time_us: Option<i64>) {
        self.last_event_us.store(time_us.unwrap_or(i64::MIN), Ordering::Relaxed);
    }

    /// The mean surprise of its latest events in bits, if there were any since the start.
    pub fn recent_bits(&self) -> Option<f64> {
        let bits = f64::from_bits(self.recent_bits.load(Ordering::Relaxed));
        bits.is_finite().then_some(bits)
    }
}

/// All streams, by name. Not a lock around a model: it holds the outsides only, and is written when a stream is made.
pub struct Directory {
    streams: RwLock<BTreeMap<Arc<str>, Arc<StreamView>>>,
    reserved: AtomicUsize,
    next_number: AtomicU32,
    max: usize,
}

impl Directory {
    /// No streams, and at most so many; numbers of new ones begin here.
    pub fn new(max: usize, next_number: u32) -> Directory {
        Directory {
            streams: RwLock::default(),
            reserved: AtomicUsize::new(0),
            next_number: AtomicU32::new(next_number),
            max,
        }
    }

    /// A stream.
    pub fn get(&self, name: &str) -> Option<Arc<StreamView>> {
        self.streams.read().unwrap_or_else(|e| e.into_inner()).get(name).cloned()
    }

    /// All streams, by name.
    pub fn all(&self) -> Vec<Arc<StreamView>> {
        self.streams.read().unwrap_or_else(|e| e.into_inner()).values().cloned().collect()
    }

    /// How many there are, those included that are just being made.
    pub fn len(&self) -> usize {
        self.reserved.load(Ordering::Relaxed)
    }

    /// Room for one more stream; false if there are as many as there may be.
    pub fn reserve(&self) -> bool {
        let more = |n| (n < self.max).then_some(n + 1);
        self.reserved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Gives the room back.
    pub fn release(&self) {
        self.reserved.fetch_sub(1, Ordering::Relaxed);
    }

    /// The number of a stream that is being made.
    pub fn next_number(&self) -> u32 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Shows a stream for which there was room.
    pub fn insert(&self, shared: Arc<StreamView>) {
        self.streams.write().unwrap_or_else(|e| e.into_inner()).insert(shared.name.clone(), shared);
    }
}
