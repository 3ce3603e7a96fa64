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
use crate::telemetry;
use std::sync::Arc;
use std::time::Duration;

/// How long a stream that never slept is awake at least before it rests.
const FIRST_TURN_MIN: Duration = Duration::from_secs(1);
/// A stream that woke longer ago than this does not take turns any more.
const TURNS_SPAN: Duration = Duration::from_secs(60);
/// A stream that takes a smaller part of the budget does not rest, as little would be won.
const PART_MAX: u64 = 2048;
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
    /// Has busy streams rest, as many as take what is too much: those that have been awake for longest.
    pub(super) fn begin_rest(&mut self, now: Moment) {
        let budget = self.setup.budget.clone();
        let bytes_of = |name: &Arc<str>| self.streams.get(name).map_or(0, |stream| stream.counted.bytes);
        let falling_asleep: u64 = self.resting.keys().map(bytes_of).sum();
        let mut excess = budget.streams_excess().saturating_sub(falling_asleep);
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

    /// Lets streams that rest sleep as soon as they can, and wakes those that have had their rest.
    pub(super) fn look_after_resting(&mut self, now: Moment) {
        if self.resting.is_empty() {
            return;
        }
        let names: Vec<Arc<str>> = self.resting.keys().cloned().collect();
        let mut asleep = 0;
        for name in names {
            if let Some(stream) = self.streams.get_mut(&name).filter(|stream| stream.is_awake()) {
                stream.unpublish();
                self.watched.retain(|other| *other != name);
            }
            if self.put_to_sleep(&name, now) {
                asleep += 1;
            }
            let is_asleep = self.streams.get(&name).is_none_or(|stream| !stream.is_awake());
            let bytes = self.streams.get(&name).map_or(0, |stream| stream.slept_bytes);
            let (has_room, must_wait) = (self.setup.budget.has_room_for(bytes), self.must_not_learn());
            let Some(rest) = self.resting.get_mut(&name) else { continue };
            if is_asleep {
                rest.note_asleep(now);
            }
            if rest.is_over(has_room, now) && !must_wait {
                self.end_rest(&name, now);
            }
        }
        self.note_asleep("busy streams", asleep, now);
    }

    /// Lets a stream that sleeps rest on, as there is no room for it: what comes for it waits.
    pub(super) fn rest_on(&mut self, name: &Arc<str>, now: Moment) {
        let is_large = |stream: &&OwnedStream| stream.slept_bytes >= self.setup.budget.limit_bytes() / PART_MAX;
        let asleep = self.streams.get(name).filter(|stream| stream.is_asleep()).filter(is_large);
        if let Some(stream) = asleep
            && !self.resting.contains_key(name)
            && !self.setup.budget.has_room_for(stream.slept_bytes)
        {
            let mut rest = Rest::begin(now);
            rest.note_asleep(now);
            self.resting.insert(name.clone(), rest);
        }
    }

    /// Learns what waited for a stream that rested.
    pub(super) fn end_rest(&mut self, name: &Arc<str>, now: Moment) {
        let rest = self.resting.remove(name);
        rest.into_iter().flat_map(|rest| rest.waiting).for_each(|delivered| self.learn(delivered.batch, now));
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
