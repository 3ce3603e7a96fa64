//! Streams take turns where memory is short although none is idle.
//!
//! Streams that are all busy may together take more than the budget. Then those that were awake for longest rest: what
//! comes for one waits and keeps its place in the inbox, so its senders wait, too. It sleeps as soon as all of it is
//! durable. It goes on once there is room, or after a while in which others have to rest. What is learnt does not
//! depend on it, as it does not depend on sleep.

use super::owned_stream::OwnedStream;
use super::rest::{Rest, TURN_MIN};
use super::state::Owner;
use crate::clock::Moment;
use crate::inbox::Delivered;
use crate::telemetry;
use std::sync::Arc;
use std::time::Duration;

/// How long a stream that never slept is awake at least before it rests.
const FIRST_TURN_MIN: Duration = Duration::from_secs(1);
/// A stream that woke longer ago than this does not take turns any more.
const TURNS_SPAN: Duration = Duration::from_secs(60);
/// A stream that takes a smaller part of the budget does not rest, as little would be won.
const PART_MAX: u64 = 2048;
/// The time after a question in which a stream that rests stays awake, as there may be others.
const QUESTION_SPAN: Duration = Duration::from_secs(1);
/// The time between two lines of the log that say so.
const TOLD_INTERVAL: Duration = Duration::from_secs(60);

impl OwnedStream {
    /// Whether it slept a short while ago.
    pub fn takes_turns(&self, now: Moment) -> bool {
        self.has_slept && now.since(self.awake_since) < TURNS_SPAN
    }

    /// Whether it has been awake for its turn, and takes enough that its sleep helps.
    fn has_had_its_turn(&self, least_bytes: u64, now: Moment) -> bool {
        let turn_min = if self.has_slept { TURN_MIN } else { FIRST_TURN_MIN };
        self.is_awake() && self.counted.bytes >= least_bytes && now.since(self.awake_since) >= turn_min
    }
}

impl Owner {
    /// Has busy streams rest, as many as take this owner's part of what is too much: those that have been awake for
    /// longest. None does while what waits for others takes most of the inbox.
    pub(super) fn begin_rest(&mut self, now: Moment) {
        if self.is_crowded() {
            return;
        }
        let budget = self.setup.budget.clone();
        let (mut own, mut falling_asleep) = (0, 0);
        for (name, stream) in &self.streams {
            own += stream.counted.bytes;
            falling_asleep += if self.resting.contains_key(name) { stream.counted.bytes } else { 0 };
        }
        // the excess is that of all owners
        let part = own as f64 / budget.counted_bytes().max(own).max(1) as f64;
        let mut excess = ((budget.streams_excess() as f64 * part) as u64).saturating_sub(falling_asleep);
        let least_bytes = budget.limit_bytes() / PART_MAX;
        let may_rest = |(name, stream): &(&Arc<str>, &OwnedStream)| {
            !self.resting.contains_key(*name) && stream.has_had_its_turn(least_bytes, now)
        };
        let candidates = self.streams.iter().filter(may_rest);
        let mut candidates: Vec<(Duration, Arc<str>, u64)> =
            candidates.map(|(name, stream)| (stream.awake_since, name.clone(), stream.counted.bytes)).collect();
        candidates.sort_unstable();
        for (_, name, bytes) in candidates {
            if excess == 0 {
                return;
            }
            excess = excess.saturating_sub(bytes);
            if self.rest_told.is_none_or(|told| now.since(told) >= TOLD_INTERVAL) {
                let what = "busy streams take turns, as together they take more than limits.memory: their senders wait";
                tracing::warn!(stream = &*name, "{what}; {}", budget.reason());
                self.rest_told = Some(now.uptime);
            }
            self.resting.insert(name, Rest::begin(now));
        }
    }

    /// Lets streams that rest sleep as soon as they can, and ends the rests that may end. Of those that are too long,
    /// as there is no room, the longest ends.
    pub(super) fn look_after_resting(&mut self, now: Moment) {
        if self.resting.is_empty() {
            return;
        }
        let names: Vec<Arc<str>> =
            self.resting.iter().filter(|(_, r)| !r.is_over).map(|(name, _)| name.clone()).collect();
        let (mut asleep, mut longest) = (0, None);
        // what those take that wake as soon as what waits for them is learnt
        let mut promised = self.waking_bytes();
        for name in names {
            asleep += u64::from(self.let_sleep(&name, now));
            let stream = self.streams.get(&name);
            let (is_asleep, bytes) = stream.map_or((true, 0), |s| (!s.is_awake(), s.slept_bytes));
            let has_room = self.setup.budget.has_room_for(promised + bytes);
            let Some(rest) = self.resting.get_mut(&name) else { continue };
            if is_asleep {
                rest.note_asleep(now);
            }
            rest.is_over = rest.may_end(has_room, now);
            promised += if rest.is_over && is_asleep { bytes } else { 0 };
            let overlong = rest.overlong(now).filter(|_| !rest.is_over);
            longest = longest.max(overlong.map(|length| (length, name)));
        }
        if let Some(rest) = longest.and_then(|(_, name)| self.resting.get_mut(&name)) {
            rest.is_over = true;
        }
        self.note_asleep("busy streams", asleep, now);
    }

    /// Bytes of the streams that sleep although their rest is over: they wake when their turn has come.
    fn waking_bytes(&self) -> u64 {
        let over = self.resting.iter().filter(|(_, rest)| rest.is_over).filter_map(|(name, _)| self.streams.get(name));
        over.filter(|stream| stream.is_asleep()).map(|stream| stream.slept_bytes).sum()
    }

    /// Whether what waits for streams that rest takes most of the inbox, so that others would find no room.
    fn is_crowded(&self) -> bool {
        let waiting = || self.resting.values().flat_map(|rest| &rest.waiting);
        self.setup.batches.is_most(waiting().count(), waiting().map(|delivered| delivered.batch.items.len()).sum())
    }

    /// Lets a stream that rests sleep, if it can. One that was woken by a question stays awake while there are others.
    fn let_sleep(&mut self, name: &Arc<str>, now: Moment) -> bool {
        let was_asleep = self.resting.get(name).is_some_and(Rest::has_slept);
        let Some(stream) = self.streams.get_mut(name).filter(|stream| stream.is_awake()) else { return false };
        if was_asleep && now.since(stream.used_at) < QUESTION_SPAN {
            return false;
        }
        if stream.hashes.is_empty() {
            stream.unpublish();
            self.watched.retain(|other| other != name);
        }
        self.put_to_sleep(name, now)
    }

    /// What waited for a stream whose rest is over, one batch at a time.
    pub(super) fn next_waiting(&mut self) -> Option<Delivered> {
        if self.resting.is_empty() {
            return None;
        }
        let over = self.resting.iter_mut().filter(|(_, rest)| rest.is_over);
        let (name, rest) = over.min_by(|a, b| a.0.cmp(b.0))?;
        let (name, next) = (name.clone(), rest.waiting.pop_front());
        if rest.waiting.is_empty() {
            self.resting.remove(&name);
        }
        next
    }

    /// Lets a stream that sleeps rest on, as there is no room for it: what comes for it waits.
    pub(super) fn rest_on(&mut self, name: &Arc<str>, now: Moment) {
        let is_large = |stream: &&OwnedStream| stream.slept_bytes >= self.setup.budget.limit_bytes() / PART_MAX;
        let asleep = self.streams.get(name).filter(|stream| stream.is_asleep()).filter(is_large);
        if let Some(stream) = asleep
            && !self.resting.contains_key(name)
            && !self.setup.budget.has_room_for(stream.slept_bytes)
            && !self.is_crowded()
        {
            self.resting.insert(name.clone(), Rest::begin_asleep(now));
        }
    }

    /// Counts streams that were put to sleep.
    pub(super) fn note_asleep(&self, what: &'static str, asleep: u64, now: Moment) {
        if asleep > 0 {
            self.setup.budget.note_shed(now.uptime.as_millis() as u64);
            metrics::counter!(telemetry::SHED, "what" => what).increment(asleep);
            metrics::counter!(telemetry::EVICTIONS).increment(asleep);
        }
    }
}
