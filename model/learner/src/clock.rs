//! The clock of a sequence of events: the time of the latest one, and the hour of the day and of the week then, which
//! are contexts (PREDICTOR §2): what a key did at this hour says when it acts next, and what it does.
//!
//! Only the time of the key's *last* event is used, in UTC, because the time of the next one is to be predicted.
//!
//! **A clock that was led astray.** A clock does not follow an event that comes late, so one event with a time far
//! ahead would make all that follow late for as long as it was ahead. So a clock counts the late events in a row
//! that *agree*: each more than [`ASTRAY_US_MIN`] behind the clock, and none earlier than the one before it. The
//! [`ASTRAY_EVENTS`]th turns the clock back to its own time. It is late itself, with a gap of zero; the next event's
//! gap is counted from it. The rule depends on the events alone.

use surmise_state::{Persist, State, StateError};

/// How far behind the clock late events have to be in order to turn it back: an hour. A clock that is ahead by less is
/// overtaken soon enough, and events that are merely out of order do not move it.
pub const ASTRAY_US_MIN: i64 = HOUR_US;
/// Late events in a row that turn the clock back when they agree.
pub const ASTRAY_EVENTS: u32 = 8;

/// The time of the latest event of a sequence, in microseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequenceClock {
    last_us: Option<i64>,
    /// Late events in a row that agree.
    agreeing: u32,
    /// The time of the latest of them.
    agreeing_us: i64,
}

impl SequenceClock {
    /// The time that the clock shows; `None` before the first event with a time.
    pub fn last_us(&self) -> Option<i64> {
        self.last_us
    }

    /// The time since the clock's, in microseconds, negative for an event that comes late; `None` before the first.
    pub fn since(&self, time_us: i64) -> Option<i64> {
        self.last_us.map(|last_us| time_us.saturating_sub(last_us))
    }

    /// Moves the clock by an event, and returns whether the event comes late.
    pub fn observe(&mut self, time_us: i64) -> bool {
        let Some(last_us) = self.last_us.filter(|last_us| time_us < *last_us) else {
            *self = SequenceClock { last_us: Some(time_us), ..SequenceClock::default() };
            return false;
        };
        if last_us.saturating_sub(time_us) <= ASTRAY_US_MIN {
            self.agreeing = 0;
            return true;
        }
        let agrees = self.agreeing > 0 && time_us >= self.agreeing_us;
        self.agreeing = if agrees { self.agreeing + 1 } else { 1 };
        self.agreeing_us = time_us;
        if self.agreeing >= ASTRAY_EVENTS {
            *self = SequenceClock { last_us: Some(time_us), ..SequenceClock::default() };
        }
        true
    }
}

impl Persist for SequenceClock {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let mut timed = self.last_us.is_some();
        s.bool("clock timed", &mut timed)?;
        let mut last_us = self.last_us.unwrap_or(0);
        if timed {
            s.i64("clock time", &mut last_us)?;
            s.u32("clock agreeing", &mut self.agreeing)?;
            if self.agreeing > 0 {
                s.i64("clock agreeing", &mut self.agreeing_us)?;
            }
        }
        self.last_us = timed.then_some(last_us);
        Ok(())
    }
}

/// The hour of the day and of the week at a key's last event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clocks([u32; Clocks::COUNT]);

/// Microseconds of an hour.
const HOUR_US: i64 = 3_600_000_000;

impl Clocks {
    /// How many clocks there are: one of the day, one of the week.
    pub const COUNT: usize = 2;

    /// The hours at a time in microseconds since 1970; all 0 for a key without a time.
    pub fn of(time_us: Option<i64>) -> Clocks {
        let Some(t) = time_us else { return Clocks::default() };
        // 1970 began on a Thursday, and weeks begin on Mondays
        let hour = (t.div_euclid(HOUR_US) + 3 * 24).rem_euclid(7 * 24) as u32;
        Clocks([1 + hour % 24, 1 + hour])
    }

    /// The hour of the day from 1 to 24, and the hour of the week from 1 to 168; 0 where there is no time.
    pub fn hours(&self) -> &[u32; Clocks::COUNT] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::parse_time;

    #[test]
    fn a_clock_does_not_turn_back_for_events_that_come_late() {
        let mut clock = SequenceClock::default();
        assert!(!clock.observe(10 * HOUR_US));
        // less than an hour late, in disorder, and seven in a row that agree: none of them moves it
        for behind in (1..100).map(|i| i * 30_000_000) {
            assert!(clock.observe(10 * HOUR_US - behind));
        }
        for i in (0..100).rev() {
            assert!(clock.observe(i));
        }
        for i in 0..i64::from(ASTRAY_EVENTS) - 1 {
            assert!(clock.observe(1_000 + i));
        }
        assert!(!clock.observe(10 * HOUR_US) && clock.observe(2_000));
        assert_eq!(clock.last_us(), Some(10 * HOUR_US));
    }

    #[test]
    fn a_clock_that_was_led_astray_recovers() {
        let mut clock = SequenceClock::default();
        let at = |i: u32| i64::from(i) * 1_000_000;
        (0..20).for_each(|i| assert!(!clock.observe(at(i))));
        assert!(!clock.observe(i64::MAX), "the year 294247");
        (20..20 + ASTRAY_EVENTS).for_each(|i| assert!(clock.observe(at(i)), "{i}"));
        for i in 20 + ASTRAY_EVENTS..100 {
            assert_eq!((clock.since(at(i)), clock.observe(at(i))), (Some(1_000_000), false), "{i}");
        }
        let mut read = SequenceClock::default();
        clock.observe(0);
        read.decode(&clock.encode()).unwrap();
        assert_eq!(read, clock);
    }

    #[test]
    fn clocks_tell_the_hour_of_the_day_and_of_the_week() {
        let at = |s: &str| *Clocks::of(Some(parse_time(s).unwrap())).hours();
        assert_eq!(at("2026-11-23T00:59:59Z"), [1, 1], "a Monday");
        assert_eq!(at("2026-11-29T23:00:00Z"), [24, 168], "a Sunday");
        assert_eq!(at("1969-12-31T23:30:00Z"), [24, 72], "a Wednesday, before 1970");
        assert_eq!(*Clocks::of(None).hours(), [0, 0]);
        for t in [i64::MIN, i64::MAX] {
            assert!(Clocks::of(Some(t)).hours()[1] <= 168);
        }
    }
}
