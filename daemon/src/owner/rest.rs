//! The rest of a busy stream while memory is short: what waits for it, and when it is over.

use crate::clock::Moment;
use crate::inbox::Delivered;
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
    /// What came for it.
    pub waiting: Vec<Delivered>,
    /// When it began to rest, and since when it is asleep.
    begun: Duration,
    asleep: Option<Duration>,
}

impl Rest {
    /// A rest that begins now.
    pub fn begin(now: Moment) -> Rest {
        Rest { waiting: Vec::new(), begun: now.uptime, asleep: None }
    }

    /// Notes that the stream sleeps.
    pub fn note_asleep(&mut self, now: Moment) {
        self.asleep.get_or_insert(now.uptime);
    }

    /// Whether it goes on: it had its rest and there is room, it has rested for too long, or it cannot sleep.
    pub fn is_over(&self, has_room: bool, now: Moment) -> bool {
        let Some(asleep) = self.asleep else { return now.since(self.begun) >= FALLING_ASLEEP_MAX };
        let rested = now.since(asleep);
        rested >= REST && has_room || rested >= REST_MAX
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
        assert!(!rest.is_over(true, at(119)) && rest.is_over(false, at(120)), "it cannot sleep, and goes on");
        rest.note_asleep(at(101));
        rest.note_asleep(at(110));
        assert!(!rest.is_over(true, at(102)) && rest.is_over(true, at(103)));
        assert!(!rest.is_over(false, at(115)) && rest.is_over(false, at(116)));
    }
}
