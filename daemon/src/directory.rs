//! All streams of a daemon, with what can be known about them without asking their owners.

use crate::counters::Counters;
use crate::feed::LazyFeed;
use crate::following::FollowedOutcome;
use crate::past::StreamPast;
use crate::quarantine::Quarantine;
use crate::rarest::RarestFeed;
use crate::summary::StreamSummary;
use crate::telemetry;
use arc_swap::{ArcSwap, ArcSwapOption};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use surmise_event::{AlarmPhase, Schema};
use surmise_learner::Learner;
use surmise_protocol::{AlarmEvent, UpdatesRefused};
use surmise_stopwatch::StageTimes;
use surmise_store::{CheckpointMeta, StreamEntry};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Outcomes by which a follower of a stream may lag behind before it misses some.
const FOLLOWER_LAG_OUTCOMES_MAX: usize = 1024;

/// Outcomes that are kept for a follower that comes back after a break.
const RESUMED_OUTCOMES_MAX: usize = 256;

/// Alarms by which a follower may lag behind.
const FOLLOWER_LAG_NOTICES_MAX: usize = 64;

/// An immutable copy of a learner, which readers ask for predictions.
pub struct Snapshot {
    /// The copy.
    pub learner: Learner,
}

/// What everyone may know of a stream. Its owner writes it, and committer and checkpointer note what is durable; all
/// others only read.
pub struct StreamView {
    /// The name of the stream.
    pub name: Arc<str>,
    /// The number of the stream in the log.
    pub number: u32,
    /// Which incarnation of its name it is.
    pub incarnation: u32,
    /// Whether it came in the place of another stream, whose past it shows.
    pub is_replacement: bool,
    /// The pattern of the configuration that the name fell under; empty if it fell under none.
    pub group: Arc<str>,
    /// The offset that the next event will have.
    pub offset: AtomicU64,
    /// The offset before which everything is durable.
    pub committed: AtomicU64,
    /// How many times the model has changed.
    pub model_version: AtomicU64,
    /// Events learnt since the start of the daemon.
    pub records: AtomicU64,
    /// Keys held, in memory or in the store.
    pub keys: AtomicU64,
    /// Keys held in the store; 0 while the stream sleeps, as it is not known then.
    pub keys_stored: AtomicU64,
    /// Bytes of the log, from its very beginning.
    pub logged_bytes: AtomicU64,
    /// Bytes of the logs of earlier streams that lead to this one's beginning.
    pub past_bytes: AtomicU64,
    /// The exponential average of the surprise of the latest events, in bits, or what the last minute had before
    /// this process; stored as the bits of an `f64`, and NaN as long as there is none, because an atomic holds no
    /// `Option`.
    pub recent_bits: AtomicU64,
    /// How rare the latest event since the start is, once in so many; stored as the bits of an `f64`, and NaN as long
    /// as there is none.
    pub last_rarity: AtomicU64,
    /// The time of the latest event in microseconds since 1970; `i64::MIN` if there is none, because an atomic holds no
    /// `Option`.
    pub last_event_us: AtomicI64,
    /// The fields of the stream.
    pub schema: ArcSwap<Schema>,
    /// The latest published snapshot; there is one only while readers ask for it.
    pub snapshot: ArcSwapOption<Snapshot>,
    /// Tells those that wait for a later snapshot that one is published.
    pub published: Notify,
    /// When a snapshot was last asked for, in milliseconds since the start.
    pub asked_ms: AtomicU64,
    /// The newest checkpoint.
    pub checkpoint: ArcSwapOption<CheckpointMeta>,
    /// Checkpoints on their way to the store.
    pub checkpoints_pending: AtomicUsize,
    /// The reason why the stream does not learn, while it does not.
    pub failed: ArcSwapOption<String>,
    /// The stream's quarantine.
    pub quarantine: ArcSwap<Quarantine>,
    /// The outcomes of events, for those that follow the stream.
    pub outcomes: LazyFeed<Arc<FollowedOutcome>>,
    /// The rarest outcomes, for those that follow the stream as far as a person reads.
    pub rarest: Arc<RarestFeed>,
    /// What is told whatever the rate, for those that follow the stream.
    pub notices: LazyFeed<Arc<StreamNotice>>,
    /// What is shown of its past.
    pub past: StreamPast,
    /// How long the stages of its events take, of those that were measured lately.
    pub cost: Mutex<StageTimes>,
    /// Cancelled when another stream has come in the place of this one, or it was deleted.
    pub replaced: CancellationToken,
}

/// What those that follow a stream are told whatever the rate of outcomes is that they ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamNotice {
    /// An incident begins, goes on or ends.
    Alarm(AlarmEvent),
    /// Updates of its networks were refused.
    UpdatesRefused(UpdatesRefused),
}

impl StreamView {
    /// The view of a stream that has learnt nothing.
    pub fn new(entry: &StreamEntry) -> StreamView {
        StreamView {
            name: entry.name.as_str().into(),
            number: entry.number,
            incarnation: entry.epoch,
            is_replacement: entry.replaces.is_some(),
            group: entry.group.as_str().into(),
            offset: AtomicU64::new(0),
            committed: AtomicU64::new(0),
            model_version: AtomicU64::new(0),
            records: AtomicU64::new(0),
            keys: AtomicU64::new(0),
            keys_stored: AtomicU64::new(0),
            logged_bytes: AtomicU64::new(0),
            past_bytes: AtomicU64::new(entry.past.iter().map(|part| part.bytes).sum()),
            recent_bits: AtomicU64::new(f64::NAN.to_bits()),
            last_rarity: AtomicU64::new(f64::NAN.to_bits()),
            last_event_us: AtomicI64::new(i64::MIN),
            schema: ArcSwap::from_pointee(entry.schema.clone()),
            snapshot: ArcSwapOption::empty(),
            published: Notify::new(),
            asked_ms: AtomicU64::new(0),
            checkpoint: ArcSwapOption::empty(),
            checkpoints_pending: AtomicUsize::new(0),
            failed: ArcSwapOption::empty(),
            quarantine: ArcSwap::default(),
            outcomes: LazyFeed::new(FOLLOWER_LAG_OUTCOMES_MAX, RESUMED_OUTCOMES_MAX),
            rarest: RarestFeed::new(),
            notices: LazyFeed::new(FOLLOWER_LAG_NOTICES_MAX, 0),
            past: StreamPast::default(),
            cost: Mutex::default(),
            replaced: CancellationToken::new(),
        }
    }

    /// How many follow the outcomes of its events.
    pub fn followers(&self) -> usize {
        self.outcomes.followers() + self.rarest.followers()
    }

    /// Shows a stream that sleeps on a checkpoint.
    pub fn show_asleep(&self, summary: &StreamSummary, checkpoint: &CheckpointMeta) {
        self.offset.store(checkpoint.offset, Ordering::Relaxed);
        self.committed.store(checkpoint.offset, Ordering::Release);
        self.model_version.store(summary.model_version, Ordering::Relaxed);
        self.keys.store(summary.keys, Ordering::Relaxed);
        self.show_last_event(summary.counters.times.latest_us);
        self.logged_bytes.store(summary.counters.logged_bytes, Ordering::Relaxed);
        self.schema.store(Arc::new(summary.schema.clone()));
        self.quarantine.store(Arc::new(summary.quarantine.clone()));
        self.checkpoint.store(Some(Arc::new(checkpoint.clone())));
        self.take_over(&summary.past);
    }

    /// Shows a stream whose learner is in memory, after `accepted` more events were learnt.
    pub fn show_awake(&self, learner: &Learner, counters: &Counters, accepted: u64) {
        self.offset.store(learner.offset(), Ordering::Relaxed);
        self.model_version.store(learner.model_version(), Ordering::Relaxed);
        self.keys.store(learner.keys_held() as u64, Ordering::Relaxed);
        self.keys_stored.store(learner.keys_stored(), Ordering::Relaxed);
        self.records.fetch_add(accepted, Ordering::Relaxed);
        self.show_last_event(counters.times.latest_us);
        // fields are added, and the first events of a stream decide their kinds
        let kinds = |schema: &Schema| schema.fields.iter().map(|field| field.kind).collect::<Vec<_>>();
        if kinds(&self.schema.load()) != kinds(learner.schema()) {
            self.schema.store(Arc::new(learner.schema().clone()));
        }
    }

    /// Takes over what another process knew of the stream's past.
    pub fn take_over(&self, earlier: &StreamPast) {
        self.past.take_over(earlier);
        if let (None, Some(bits)) = (self.recent_bits(), self.past.latest_bits()) {
            self.recent_bits.store(bits.to_bits(), Ordering::Relaxed);
        }
    }

    fn show_last_event(&self, time_us: Option<i64>) {
        self.last_event_us.store(time_us.unwrap_or(i64::MIN), Ordering::Relaxed);
    }

    /// Tells an alarm to those that follow the stream, and keeps it among the latest incidents.
    pub fn tell_alarm(&self, event: AlarmEvent) {
        let event = AlarmEvent { incarnation: self.incarnation, ..event };
        if event.alarm.phase == AlarmPhase::Begins {
            let group = if self.group.is_empty() { "default" } else { &*self.group }.to_owned();
            metrics::counter!(telemetry::ALARMS, "group" => group, "kind" => event.alarm.kind.name()).increment(1);
        }
        self.past.incidents.note(&event);
        self.notices.send(Arc::new(StreamNotice::Alarm(event)));
    }

    /// Tells of updates of networks that were refused to those that follow the stream, and to the log.
    pub fn tell_refused(&self, reason: &'static str, updates: u64, offset: u64) {
        let stream = &*self.name;
        tracing::warn!(stream, reason, updates, "updates of the network were refused; its weights stay as they were");
        let refused = UpdatesRefused { stream: self.name.clone(), reason: reason.into(), updates, offset };
        self.notices.send(Arc::new(StreamNotice::UpdatesRefused(refused)));
    }

    /// The average surprise of the latest events in bits, if there were any.
    pub fn recent_bits(&self) -> Option<f64> {
        let bits = f64::from_bits(self.recent_bits.load(Ordering::Relaxed));
        bits.is_finite().then_some(bits)
    }

    /// Once in how many events one as unusual as the latest comes, if there was one since the start.
    pub fn last_rarity(&self) -> Option<f64> {
        let rarity = f64::from_bits(self.last_rarity.load(Ordering::Relaxed));
        rarity.is_finite().then_some(rarity)
    }
}

/// All streams, by name. Its lock is not one around a model: the directory holds views only, and is written only when a
/// stream is made.
pub struct Directory {
    streams: RwLock<BTreeMap<Arc<str>, Arc<StreamView>>>,
    reserved: AtomicUsize,
    next_number: AtomicU32,
    max: usize,
}

impl Directory {
    /// A directory without streams, for at most `max`. The numbers of new streams begin at `next_number`.
    pub fn new(max: usize, next_number: u32) -> Directory {
        Directory {
            streams: RwLock::default(),
            reserved: AtomicUsize::new(0),
            next_number: AtomicU32::new(next_number),
            max,
        }
    }

    /// The view of a stream.
    pub fn get(&self, name: &str) -> Option<Arc<StreamView>> {
        self.streams.read().unwrap_or_else(|e| e.into_inner()).get(name).cloned()
    }

    /// The views of all streams, in the order of names.
    pub fn all(&self) -> Vec<Arc<StreamView>> {
        self.streams.read().unwrap_or_else(|e| e.into_inner()).values().cloned().collect()
    }

    /// The number of streams, including those that are just being made.
    pub fn len(&self) -> usize {
        self.reserved.load(Ordering::Relaxed)
    }

    /// Reserves a place for one more stream. Returns whether there was one.
    pub fn reserve(&self) -> bool {
        let more = |n| (n < self.max).then_some(n + 1);
        self.reserved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Gives back the place of a stream that was not made after all.
    pub fn release(&self) {
        self.reserved.fetch_sub(1, Ordering::Relaxed);
    }

    /// A number for a stream that is being made; no other stream gets it.
    pub fn next_number(&self) -> u32 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes a stream off the list, and gives its place back.
    pub fn remove(&self, name: &str) {
        if self.streams.write().unwrap_or_else(|e| e.into_inner()).remove(name).is_some() {
            self.release();
        }
    }

    /// Lists a stream that comes in the place of another, perhaps under another name.
    pub fn replace(&self, view: Arc<StreamView>) {
        let before = self.streams.write().unwrap_or_else(|e| e.into_inner()).insert(view.name.clone(), view);
        if before.is_none() {
            self.reserved.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lists a stream for which a place was reserved.
    pub fn insert(&self, view: Arc<StreamView>) {
        self.streams.write().unwrap_or_else(|e| e.into_inner()).insert(view.name.clone(), view);
    }
}
