//! A stream in its owner's hands: its state, the group that is being gathered, and when what is due.

use super::copies::{Copies, Step, TellSnapshot};
use crate::clock::now_us;
use crate::directory::{Snapshot, StreamView};
use crate::inbox::{InboxEvent, ReplyOptions};
use crate::producers::Producers;
use crate::stream::{Applied, CheckpointState, StreamState};
use crate::summary::StreamSummary;
use crate::telemetry;
use crate::ticket::{ChunkCounts, Pending};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use surmise_config::Config;
use surmise_event::{Limits, Outcome, Refusal, RefusalCode};
use surmise_learner::{JobSink, Learner};
use surmise_protocol::{ErrorReply, OutcomeReply, Reply};
use surmise_store::group::{Group, GroupBuilder};
use surmise_store::{CheckpointMeta, Store, StreamEntry, StreamPages};

/// Symbols that a prediction beside an outcome lists.
const TOP: usize = 5;
/// Replies that are gathered before they are put into the outbox.
const REPLIES: usize = 64;
/// Fields up to which the experts' losses are told as metrics.
const BASELINE_FIELDS: usize = 32;
/// Weight of the latest event in the average that lists of streams show.
const RECENT: f64 = 0.002;

/// A stream in its owner's hands.
pub(super) struct OwnedStream {
    /// Nothing if it failed, or is asleep.
    state: Option<StreamState>,
    asleep: Option<Asleep>,
    entry: StreamEntry,
    shared: Arc<StreamView>,
    new: bool,
    dirty: bool,
    group: Option<GroupBuilder>,
    groups: Vec<Group>,
    changed: u64,
    checkpointed: Instant,
    published: Instant,
    published_offset: u64,
    /// How long copies have kept the stream since a snapshot was published, and how long that one did.
    copy_time: Duration,
    publish_pause: Duration,
    /// Copies for checkpoints and readers.
    pub(super) copies: Copies,
    nats_rest: f64,
    told: Told,
    surprises: metrics::Histogram,
    /// Who works out beside what its networks learn.
    job_sink: Option<JobSink>,
}

/// What a stream that sleeps is brought back with.
struct Asleep {
    store: Arc<Store>,
    producers_max: usize,
    summary: StreamSummary,
    checkpoint: CheckpointMeta,
}

/// What metrics have been told of a learner's own counts.
#[derive(Default)]
struct Told {
    late: u64,
    forgotten: u64,
    rejected: u64,
    baselines: BTreeMap<&'static str, u64>,
}

impl Told {
    /// What a learner has counted; whole numbers, as counters are.
    fn of(learner: &Learner) -> Told {
        // what every expert of every column of a wide vector lost is too much to add up for each batch
        let narrow = learner.schema().fields.len() <= BASELINE_FIELDS;
        let baselines = if narrow { learner.expert_loss_nats() } else { BTreeMap::new() };
        Told {
            late: learner.late_events(),
            forgotten: learner.keys_forgotten(),
            rejected: learner.rejected_updates(),
            baselines: baselines.into_iter().map(|(name, nats)| (name, nats as u64)).collect(),
        }
    }

    /// Adds to the metrics what came since.
    fn tell(&mut self, learner: &Learner, group: &str) {
        let now = Told::of(learner);
        let (late, rejected) = (now.late.saturating_sub(self.late), now.rejected.saturating_sub(self.rejected));
        if late > 0 {
            metrics::counter!(telemetry::LATE).increment(late);
        }
        let forgotten = now.forgotten.saturating_sub(self.forgotten);
        if forgotten > 0 {
            metrics::counter!(telemetry::KEYS_FORGOTTEN).increment(forgotten);
        }
        if rejected > 0 {
            metrics::counter!(telemetry::UPDATES_REJECTED, "reason" => "not_finite").increment(rejected);
        }
        for (name, nats) in &now.baselines {
            let more = nats.saturating_sub(self.baselines.get(name).copied().unwrap_or(0));
            metrics::counter!(telemetry::EXPERT_LOSS, "group" => group.to_owned(), "expert" => *name).increment(more);
        }
        *self = now;
    }
}

/// What was counted over a batch.
#[derive(Default)]
struct Tally {
    learnt: u64,
    duplicates: u64,
    rejected: u64,
    high: Option<u64>,
    nats: f64,
    listener: &'static str,
}

/// The reply that tells of a refused event.
pub(super) fn refused(item: &InboxEvent, refusal: Refusal) -> Reply {
    Reply::Error(ErrorReply::new(refusal, item.seq, Some(item.line)))
}

impl OwnedStream {
    /// A new stream as the configuration declares it.
    pub(super) fn make(
        config: &Config,
        store: &Weak<Store>,
        name: &str,
        number: u32,
        job_sink: Option<JobSink>,
    ) -> Result<OwnedStream, String> {
        let entry = OwnedStream::declare(config, name, number)?;
        let mut state = StreamState::new(entry.clone(), config.limits.producers).map_err(|e| e.to_string())?;
        state.learner.set_job_sink(job_sink.clone());
        state.learner.set_pages(Arc::new(StreamPages::new(store.clone(), number)));
        let shared = Arc::new(StreamView::new(&entry));
        Ok(OwnedStream { new: true, job_sink, ..OwnedStream::of(Some(state), entry, shared) })
    }

    fn declare(config: &Config, name: &str, number: u32) -> Result<StreamEntry, String> {
        let (group, rule) = config.rule(name).unzip();
        let options = config.options(rule).map_err(|e| e.to_string())?;
        Ok(StreamEntry {
            number,
            name: name.to_owned(),
            group: group.unwrap_or("").to_owned(),
            schema: rule.map(|r| r.schema()).unwrap_or_default(),
            options,
            created_us: now_us(),
            trimmed_bytes: 0,
        })
    }

    fn of(state: Option<StreamState>, entry: StreamEntry, shared: Arc<StreamView>) -> OwnedStream {
        let now = Instant::now();
        OwnedStream {
            state,
            asleep: None,
            entry,
            shared,
            new: false,
            dirty: false,
            group: None,
            groups: Vec::new(),
            changed: 0,
            checkpointed: now,
            published: now,
            published_offset: 0,
            copy_time: Duration::ZERO,
            publish_pause: Duration::ZERO,
            copies: Copies::default(),
            nats_rest: 0.0,
            told: Told::default(),
            surprises: metrics::histogram!(telemetry::SURPRISE),
            job_sink: None,
        }
    }

    /// Says so if the configuration declares something else by now than the stream was made with.
    pub(super) fn compare(&self, config: &Config) {
        let Ok(now) = OwnedStream::declare(config, &self.entry.name, self.entry.number) else { return };
        if (&now.schema, &now.options) != (&self.entry.schema, &self.entry.options) {
            let what = "the configuration declares another schema or model for the stream than it was made with; it keeps what it has";
            tracing::warn!(stream = self.entry.name, "{what}");
        }
    }

    /// Brings a stream back; one with nothing to learn again sleeps until something is asked of it.
    pub(super) fn recover(
        store: &Arc<Store>,
        entry: StreamEntry,
        shared: &Arc<StreamView>,
        producers_max: usize,
        job_sink: Option<JobSink>,
    ) -> OwnedStream {
        let mut live = OwnedStream { job_sink, ..OwnedStream::of(None, entry, shared.clone()) };
        match StreamSummary::of(store, &live.entry, producers_max) {
            Ok(Some((summary, checkpoint))) => {
                live.show_asleep(&summary, &checkpoint);
                live.asleep = Some(Asleep { store: store.clone(), producers_max, summary, checkpoint });
            }
            // what cannot be read is passed over there, with a word about it
            Ok(None) | Err(_) => live.bring_back(store, producers_max),
        }
        live
    }

    fn bring_back(&mut self, store: &Arc<Store>, producers_max: usize) {
        let (entry, job_sink) = (self.entry.clone(), self.job_sink.clone());
        let tried = catch_unwind(AssertUnwindSafe(|| StreamState::recover(store, entry, producers_max, job_sink)));
        let recovered = match tried {
            Ok(Ok(recovered)) => Ok(recovered),
            Ok(Err(e)) => Err(e.to_string()),
            Err(panic) => Err(panic_text(panic.as_ref())),
        };
        match recovered {
            Ok(r) => {
                self.shared.committed.store(r.state.learner.offset(), Ordering::Release);
                self.shared.checkpoint.store(r.checkpoint.map(Arc::new));
                self.changed = r.replayed + r.passed_over;
                self.checkpointed = Instant::now();
                self.told = Told::of(&r.state.learner);
                self.state = Some(r.state);
                self.show(&Tally::default());
            }
            Err(e) => self.fail(format!("it cannot be brought back: {e}")),
        }
    }

    /// Brings the state of a stream that sleeps back.
    fn wake(&mut self) {
        if let Some(Asleep { store, producers_max, .. }) = self.asleep.take() {
            self.bring_back(&store, producers_max);
        }
    }

    fn show_asleep(&self, summary: &StreamSummary, checkpoint: &CheckpointMeta) {
        let s = &self.shared;
        s.offset.store(checkpoint.offset, Ordering::Relaxed);
        s.committed.store(checkpoint.offset, Ordering::Release);
        s.model_version.store(summary.model_version, Ordering::Relaxed);
        s.keys.store(summary.keys, Ordering::Relaxed);
        s.last_event_us.store(summary.counters.last_event_us.unwrap_or(i64::MIN), Ordering::Relaxed);
        s.logged_bytes.store(summary.counters.logged_bytes, Ordering::Relaxed);
        s.schema.store(Arc::new(summary.schema.clone()));
        s.checkpoint.store(Some(Arc::new(checkpoint.clone())));
    }

    fn fail(&mut self, why: String) {
        tracing::error!(stream = &*self.shared.name, "the stream does not learn any more: {why}");
        metrics::gauge!(telemetry::STREAMS_FAILED).increment(1.0);
        self.copies.give_up(&why);
        let _ = self.shared.failed.set(why);
        self.state = None;
    }

    /// Learns events, in order. Returns how many were learnt.
    pub(super) fn learn(
        &mut self,
        items: &[InboxEvent],
        answers: ReplyOptions,
        pending: &mut Pending,
        limits: &Limits,
        group_max: u64,
    ) -> u64 {
        self.wake();
        let mut tally = Tally { listener: answers.listener, ..Tally::default() };
        let mut replies = Vec::new();
        let followed = self.shared.outcomes.receiver_count() > 0;
        for item in items {
            match self.learn_one(item, limits, group_max) {
                Ok(Applied::Observed(outcome)) => {
                    tally.learnt += 1;
                    tally.high = tally.high.max(item.seq);
                    self.note(&outcome, &mut tally);
                    if answers.outcome || followed {
                        self.tell(item, outcome, answers, followed, &mut replies);
                    }
                }
                Ok(Applied::Duplicate) => {
                    tally.duplicates += 1;
                    tally.high = tally.high.max(item.seq);
                }
                Err(refusal) => {
                    tally.rejected += 1;
                    if let Some(state) = &mut self.state {
                        state.count_refusal(refusal.code);
                    }
                    metrics::counter!(telemetry::REJECTED, "reason" => refusal.code.name()).increment(1);
                    replies.push(refused(item, refusal));
                }
            }
            if replies.len() >= REPLIES {
                pending.outbox().push(replies.drain(..));
            }
        }
        if !replies.is_empty() {
            pending.outbox().push(replies);
        }
        let Tally { learnt: accepted, duplicates, rejected, high, .. } = tally;
        pending.mark_learnt(ChunkCounts { accepted, duplicates, rejected, high });
        self.changed += tally.learnt;
        self.show(&tally);
        if let Some(arrival) = items.last().and_then(|i| i.record.arrival_us) {
            metrics::gauge!(telemetry::LAG).set((now_us() - arrival) as f64 / 1e6);
        }
        tally.learnt
    }

    fn learn_one(&mut self, item: &InboxEvent, limits: &Limits, group_max: u64) -> Result<Applied, Refusal> {
        let Some(state) = &mut self.state else {
            let why = self.shared.failed.get().map_or("", String::as_str);
            return Err(Refusal::new(
                RefusalCode::Unavailable,
                "stream",
                format!("the stream does not learn any more: {why}"),
            ));
        };
        let (number, group) = (self.entry.number, &mut self.group);
        let before = state.learner.offset();
        let mut mark = None;
        let applied = catch_unwind(AssertUnwindSafe(|| {
            let applied = state.apply(&item.record, item.origin.as_ref(), limits, |offset| {
                let group = group.get_or_insert_with(|| GroupBuilder::new(number, offset));
                mark = Some(group.push(&item.record, item.origin.as_ref()));
            });
            if let Some(fault) = state.learner.pages_fault() {
                resume_unwind(Box::new(fault.to_string()));
            }
            applied
        }));
        match applied {
            Ok(applied) => {
                let end = state.learner.offset();
                if self.group.as_ref().is_some_and(|g| g.size_bytes() as u64 >= group_max) {
                    self.close_group(end);
                }
                applied
            }
            Err(panic) => {
                // what was learnt before stands; the event that did it is neither learnt nor logged
                if let (Some(group), Some(mark)) = (&mut self.group, mark) {
                    group.undo(mark);
                }
                self.close_group(before);
                self.fail(format!("learning an event failed inside: {}", panic_text(panic.as_ref())));
                Err(Refusal::new(
                    RefusalCode::Unavailable,
                    "stream",
                    "learning this event failed inside the daemon; the stream does not learn any more",
                ))
            }
        }
    }

    fn close_group(&mut self, end_offset: u64) {
        if let Some(group) = self.group.take().filter(|g| g.records() > 0) {
            let group = group.finish(end_offset);
            if let Some(state) = &mut self.state {
                state.counters.logged_bytes += group.bytes.len() as u64;
            }
            self.shared.logged_bytes.fetch_add(group.bytes.len() as u64, Ordering::Relaxed);
            self.groups.push(group);
        }
    }

    /// Counts an outcome.
    fn note(&mut self, outcome: &Outcome, tally: &mut Tally) {
        let nats = outcome.surprise_bits * std::f64::consts::LN_2;
        tally.nats += nats;
        self.surprises.record(nats);
        for d in &outcome.drift {
            metrics::counter!(telemetry::DRIFT, "detector" => d.detector.name()).increment(1);
        }
        let now = outcome.surprise_bits / outcome.events.max(1) as f64;
        let recent = match self.shared.recent_bits() {
            Some(r) => {
                r + RECENT.max(1.0 / (self.shared.records.load(Ordering::Relaxed) + tally.learnt) as f64) * (now - r)
            }
            None => now,
        };
        self.shared.recent_bits.store(recent.to_bits(), Ordering::Relaxed);
    }

    /// Tells the producer and the followers.
    fn tell(
        &self,
        item: &InboxEvent,
        outcome: Outcome,
        answers: ReplyOptions,
        followed: bool,
        replies: &mut Vec<Reply>,
    ) {
        let key = item.record.key.clone();
        let learner = self.state.as_ref().map(|s| &s.learner);
        let next = learner.filter(|_| answers.next).map(|l| l.predict(key.as_deref(), TOP));
        let reply = OutcomeReply::new(item.seq, self.shared.name.clone(), key, outcome, next);
        if followed {
            let _ = self.shared.outcomes.send(Arc::new(OutcomeReply { next: None, ..reply.clone() }));
        }
        if answers.outcome {
            replies.push(Reply::Outcome(Box::new(reply)));
        }
    }

    /// Shows the outside how things stand.
    fn show(&mut self, tally: &Tally) {
        let Some(state) = &mut self.state else { return };
        let s = &self.shared;
        s.offset.store(state.learner.offset(), Ordering::Relaxed);
        s.model_version.store(state.learner.model_version(), Ordering::Relaxed);
        s.keys.store(state.learner.keys_held() as u64, Ordering::Relaxed);
        s.keys_stored.store(state.learner.keys_stored(), Ordering::Relaxed);
        s.records.fetch_add(tally.learnt, Ordering::Relaxed);
        s.last_event_us.store(state.counters.last_event_us.unwrap_or(i64::MIN), Ordering::Relaxed);
        if self.group.is_none() && self.groups.is_empty() {
            s.logged_bytes.store(state.counters.logged_bytes, Ordering::Relaxed);
        }
        if s.schema.load().fields.len() != state.learner.schema().fields.len() {
            s.schema.store(Arc::new(state.learner.schema().clone()));
        }
        let group = if s.group.is_empty() { "default".to_owned() } else { s.group.to_string() };
        if tally.duplicates > 0 {
            metrics::counter!(telemetry::DUPLICATE).increment(tally.duplicates);
        }
        if tally.learnt > 0 {
            metrics::counter!(telemetry::RECEIVED, "listener" => tally.listener, "group" => group.clone())
                .increment(tally.learnt);
            // counters count whole numbers; the rest is kept for the next time
            self.nats_rest += tally.nats;
            self.told.tell(&state.learner, &group);
            metrics::counter!(telemetry::LOSS, "group" => group).increment(self.nats_rest as u64);
            self.nats_rest = self.nats_rest.fract();
        }
    }

    /// Moves the groups that are gathered out.
    pub(super) fn take_groups(&mut self, out: &mut Vec<(Arc<StreamView>, Group)>) {
        if let Some(state) = &self.state {
            let end = state.learner.offset();
            self.close_group(end);
        }
        out.extend(self.groups.drain(..).map(|g| (self.shared.clone(), g)));
    }

    /// The state itself, for its last checkpoint.
    pub(super) fn take_last(&mut self, time_us: i64) -> Option<CheckpointState> {
        Some(self.state.take()?.into_checkpoint(time_us, true))
    }

    /// Copies at most so many bytes more of what is wanted.
    pub(super) fn copy(&mut self, bytes: usize) -> Step {
        let start = Instant::now();
        let Some(state) = &mut self.state else { return Step::Idle };
        let step = self.copies.step(&mut state.learner, bytes);
        self.stopped(start);
        step
    }

    /// The moment of the copy that is prepared. What it is of must have been handed off if it is for a checkpoint.
    pub(super) fn moment(&mut self, time_us: i64) {
        let start = Instant::now();
        let Some(state) = &mut self.state else { return };
        let checkpoint = self.copies.wants_checkpoint();
        let summary = if checkpoint { StreamSummary::encode(state) } else { Vec::new() };
        self.copies.moment(&mut state.learner, time_us, summary);
        if checkpoint {
            self.changed = 0;
            self.dirty = false;
            self.checkpointed = Instant::now();
        } else {
            self.published_offset = state.learner.offset();
        }
        self.stopped(start);
    }

    fn stopped(&mut self, since: Instant) {
        let took = since.elapsed();
        self.copy_time += took;
        metrics::histogram!(telemetry::COPY).record(took.as_secs_f64());
    }

    /// The copy for a checkpoint.
    pub(super) fn frozen(&self, learner: Learner, time_us: i64, hash: bool, summary: Vec<u8>) -> CheckpointState {
        CheckpointState::new(self.entry.number, time_us, hash, learner, summary)
    }

    /// Whether a regular checkpoint is due.
    pub(super) fn is_due(&self, interval: Duration, events: u64) -> bool {
        let due = self.changed >= events || self.changed > 0 && self.checkpointed.elapsed() >= interval;
        due && self.shared.checkpoints_pending.load(Ordering::Relaxed) == 0 && !self.copies.is_busy()
    }

    /// Publishes a snapshot that is complete, and tells those who wait for it.
    pub(super) fn publish(&mut self, mut learner: Learner, waiting: Vec<TellSnapshot>) {
        learner.discard_pending_jobs();
        let snapshot = Arc::new(Snapshot { learner });
        let old = self.shared.snapshot.swap(Some(snapshot.clone()));
        self.copies.retire(old);
        self.published = Instant::now();
        self.publish_pause = std::mem::take(&mut self.copy_time);
        waiting.into_iter().for_each(|reply| drop(reply.send(Some(snapshot.clone()))));
    }

    /// Whether the last snapshot is old enough for another one, so that copying takes a small part of the time.
    pub(super) fn publish_due(&self, idle: bool) -> bool {
        let (least, times) = if idle { (Duration::from_millis(5), 4) } else { (Duration::from_millis(50), 20) };
        let old = self.published.elapsed() >= least.max(times * self.publish_pause);
        old && self.is_behind() && !self.copies.is_busy()
    }

    /// Whether the last snapshot is not the latest state.
    pub(super) fn is_behind(&self) -> bool {
        self.state.as_ref().is_some_and(|s| s.learner.offset() != self.published_offset)
    }

    /// Publishes no more.
    pub(super) fn unpublish(&mut self) {
        self.shared.snapshot.store(None);
        self.copies.forget();
    }

    /// Notes that it changed; true if it had not since its checkpoint.
    pub(super) fn mark_dirty(&mut self) -> bool {
        !std::mem::replace(&mut self.dirty, true)
    }

    /// Its entry in the list of streams; it is new no more.
    pub(super) fn enlist(&mut self) -> StreamEntry {
        self.new = false;
        self.entry.clone()
    }

    pub(super) fn is_new(&self) -> bool {
        self.new
    }
    pub(super) fn since_checkpoint(&self) -> u64 {
        self.changed
    }
    pub(super) fn shared(&self) -> &Arc<StreamView> {
        &self.shared
    }
    /// Its state, which is brought back for it.
    pub(super) fn state_mut(&mut self) -> Option<&mut StreamState> {
        self.wake();
        self.state.as_mut()
    }
    /// Its producers, awake or not.
    pub(super) fn producers(&self) -> Option<&Producers> {
        let asleep = self.asleep.as_ref().map(|a| &a.summary.producers);
        asleep.or(self.state.as_ref().map(|s| &s.producers))
    }
    /// The checkpoint that a stream sleeps on, if its hash is known.
    pub(super) fn slept_on(&self) -> Option<&CheckpointMeta> {
        self.asleep.as_ref().map(|a| &a.checkpoint).filter(|m| m.state_hash.is_some())
    }
}

/// What a panic said.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".into())
}

#[cfg(test)]
#[path = "owned_stream_tests.rs"]
mod tests;
