//! What a stream was counted for in the memory budget, and when it is counted again.
//!
//! Counting walks over the whole state, and all streams of the owner wait for it. So how often that is done follows
//! from how long it took, and in between the latest count stands for the size of the state.

use crate::clock::Moment;
use std::time::Duration;

/// How often the bytes of a stream are counted at most, but for its first events.
const COUNT_INTERVAL: Duration = Duration::from_millis(100);
/// Events up to which the bytes of a stream are counted at every batch.
const COUNTED_EVENTS_MAX: u64 = 64;
/// How much longer than a count the time between two is, at least: a percent of the time goes into counting.
const COUNT_TIME_FACTOR: u32 = 100;
/// The same for a count that somebody asked for.
const ASKED_TIME_FACTOR: u32 = 20;
/// A count that takes longer is made again only when the stream has an eighth more events.
const LONG_COUNT: Duration = Duration::from_micros(500);

/// Bytes that a stream was counted for.
#[derive(Default)]
pub(super) struct CountedMemory {
    /// Bytes of memory that the budget counts.
    pub bytes: u64,
    /// Bytes of the learner's encoded state; 0 before the first count.
    pub learner: u64,
    /// Events learnt until then.
    pub records: u64,
    /// When they were counted, as uptime.
    pub at: Duration,
    /// How long that took.
    pub took: Duration,
}

impl CountedMemory {
    /// Whether a stream of so many events is to be counted again.
    pub fn is_due(&self, records: u64, now: Moment) -> bool {
        let age_min = COUNT_INTERVAL.max(self.took * COUNT_TIME_FACTOR);
        let has_grown = self.took <= LONG_COUNT || records >= self.records + self.records / 8;
        records <= COUNTED_EVENTS_MAX || self.learner == 0 || now.since(self.at) >= age_min && has_grown
    }

    /// Whether it is to be counted again for somebody who asks for its size.
    pub fn is_due_for_answer(&self, records: u64, now: Moment) -> bool {
        let is_short = self.took <= LONG_COUNT && now.since(self.at) >= self.took * ASKED_TIME_FACTOR;
        is_short || self.is_due(records, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment { uptime: Duration::from_millis(ms), wall_us: 0 }
    }

    fn counted(took: Duration) -> CountedMemory {
        CountedMemory { bytes: 1, learner: 1, records: 800, at: Duration::from_secs(1), took }
    }

    #[test]
    fn what_is_counted_quickly_is_counted_often() {
        let quick = counted(Duration::from_micros(50));
        assert!(!quick.is_due(800, at(1099)) && quick.is_due(800, at(1100)));
        assert!(!quick.is_due_for_answer(800, at(1000)) && quick.is_due_for_answer(800, at(1001)));
        assert!(quick.is_due(64, at(1000)), "the first events are counted at once");
        assert!(CountedMemory::default().is_due_for_answer(800, at(0)));
    }

    #[test]
    fn a_large_state_is_counted_only_when_it_has_grown() {
        let slow = counted(Duration::from_millis(10));
        assert!(!slow.is_due(900, at(1999)) && !slow.is_due(899, at(9000)) && slow.is_due(900, at(2000)));
        assert!(!slow.is_due_for_answer(899, at(1_000_000)) && slow.is_due_for_answer(900, at(2000)));
    }
}
