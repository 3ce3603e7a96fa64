//! The rest of a busy stream while memory is short: what waits for it, and when it is over.

use crate::clock::Moment;
use crate::inbox::Delivered;
use std::collections::VecDeque;
use std::time::Duration;

/// How long a stream that has woken is awake at least before it rests, so that it learns more than waking costs.
pub(super) const TURN_MIN: Duration = Duration::from_secs(4);
/// How long a stream that has gone to sleep rests, and how long at most, where there is no room for it by then.
const REST: Duration = Duration::from_secs(2);
const REST_MAX: Duration = Duration::from_secs(15);
/// How long a stream may take to go to sleep; one that cannot goes on.
const FALLING_ASLEEP_MAX: Duration = Duration::from_secs(20);

/// A stream that rests.
pub(super) struct Rest {
    /// What came for it, in order.
    pub waiting: VecDeque<Delivered>,
    /// When it began to rest, and since when it is asleep.
    begun: Duration,
    asleep: Option<Duration>,
    /// Whether it is over, so that what waits is learnt.
    pub is_over: bool,
}

impl Rest {
    /// A rest that begins now.
    pub fn begin(now: Moment) -> Rest {
        Rest { waiting: VecDeque::new(), begun: now.uptime, asleep: None, is_over: false }
    }

    /// The rest of a stream that sleeps already.
    pub fn begin_asleep(now: Moment) -> Rest {
        Rest { asleep: Some(now.uptime), ..Rest::begin(now) }
    }

    /// Whether the stream has slept since it began.
    pub fn has_slept(&self) -> bool {
        self.asleep.is_some()
    }

    /// Notes that the stream sleeps.
    pub fn note_asleep(&mut self, now: Moment) {
        self.asleep.get_or_insert(now.uptime);
    }

    /// Whether it may end: the stream had its rest and there is room for it, or it cannot sleep.
    pub fn may_end(&self, has_room: bool, now: Moment) -> bool {
        match self.asleep {
            Some(asleep) => has_room && now.since(asleep) >= REST,
            None => now.since(self.begun) >= FALLING_ASLEEP_MAX,
        }
    }

    /// For how long it has been longer than a rest should be; none while it has not.
    pub fn overlong(&self, now: Moment) -> Option<Duration> {
        now.since(self.asleep?).checked_sub(REST_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment { uptime: Duration::from_secs(seconds), wall_us: 0 }
    }

    #[test]
    fn a_rest_ends_when_there_is_room_or_after_a_while() {
        let mut rest = Rest::begin(at(100));
        assert!(!rest.may_end(true, at(119)) && rest.may_end(false, at(120)), "it cannot sleep, and goes on");
        rest.note_asleep(at(101));
        rest.note_asleep(at(110));
        assert!(!rest.may_end(true, at(102)) && rest.may_end(true, at(103)) && !rest.may_end(false, at(130)));
        assert_eq!((rest.overlong(at(115)), rest.overlong(at(117))), (None, Some(Duration::from_secs(1))));
    }
}
