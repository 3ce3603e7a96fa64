//! The time of a stream of lines, from stamps that leave out years, days or zones.

use crate::stamp::{DAY_US, SECOND_US, Stamp, days};
use surmise_state::{Persist, State, StateError};

/// The year of stamps without one, where nothing else tells it: a leap year, so that every date exists.
const YEAR_ASSUMED: i32 = 2024;

/// A stamp that is earlier by more than this is no late line but another clock or a new beginning.
const LATE_US: i64 = 3600 * SECOND_US;

/// A step back beyond which time begins anew.
const RESTART_US: i64 = 40 * DAY_US;

/// The time of a stream of lines; it never goes back by less than forty days.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LineClock {
    now_us: Option<i64>,
}

impl LineClock {
    /// The latest time so far.
    pub fn now_us(&self) -> Option<i64> {
        self.now_us
    }

    /// The time of a stamp in microseconds since 1970, nearest to the latest time where the stamp leaves something out.
    /// `arrival_us` is when the line came, if that is known.
    pub fn resolve(&self, stamp: &Stamp, arrival_us: Option<i64>) -> i64 {
        let near_us = self.now_us.or(arrival_us);
        let zone_us = i64::from(stamp.ahead_s) * SECOND_US;
        if stamp.is_absolute {
            return stamp.time_us;
        }
        let Some((month, day)) = stamp.day else {
            let day_us = near_us.map_or(0, |now| now.div_euclid(DAY_US) * DAY_US);
            return nearest(day_us + stamp.time_us - zone_us, DAY_US, near_us);
        };
        let of = |year| days(year, month, day) * DAY_US + stamp.time_us - zone_us;
        match (stamp.year, near_us) {
            (Some(year), _) => of(year),
            (None, None) => of(YEAR_ASSUMED),
            (None, Some(now)) => {
                let year = 1970 + now.div_euclid(DAY_US * 146_097 / 400) as i32;
                let distance = |year: &i32| (of(*year) - now).abs();
                [year - 1, year, year + 1].iter().min_by_key(|y| distance(y)).map_or(0, |y| of(*y))
            }
        }
    }

    /// Learns the time of a line; returns the stream's time.
    pub fn learn(&mut self, time_us: Option<i64>) -> Option<i64> {
        self.now_us = match (self.now_us, time_us) {
            (now, None) => now,
            (Some(now), Some(time)) if time < now && time > now - RESTART_US => Some(now),
            (_, Some(time)) => Some(time),
        };
        self.now_us
    }

    /// Whether a time is so much earlier than the latest that it says nothing of the stream.
    pub fn is_late(&self, time_us: i64) -> bool {
        self.now_us.is_some_and(|now| time_us < now - LATE_US)
    }

    /// Whether a time is so much earlier than the latest that time begins anew.
    pub fn is_restart(&self, time_us: i64) -> bool {
        self.now_us.is_some_and(|now| time_us < now - RESTART_US)
    }
}

/// Of a time and its neighbours a period away the one that is nearest to `near_us`.
fn nearest(time_us: i64, period_us: i64, near_us: Option<i64>) -> i64 {
    let Some(near) = near_us else { return time_us };
    [time_us - period_us, time_us, time_us + period_us].into_iter().min_by_key(|t| (t - near).abs()).unwrap_or(time_us)
}

impl Persist for LineClock {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let (mut is_known, mut now_us) = (self.now_us.is_some(), self.now_us.unwrap_or(0));
        s.bool("known", &mut is_known)?;
        s.i64("now", &mut now_us)?;
        self.now_us = is_known.then_some(now_us);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp;

    fn tell(clock: &mut LineClock, text: &str) -> i64 {
        let (_, stamp) = stamp::read(text.as_bytes()).expect("a stamp");
        let time_us = clock.resolve(&stamp, None);
        clock.learn(Some(time_us)).expect("a time")
    }

    #[test]
    fn years_and_days_that_stamps_leave_out_follow_the_stream() {
        let mut clock = LineClock::default();
        let first = tell(&mut clock, "Dec 31 23:59:59 host");
        assert_eq!(tell(&mut clock, "Jan  1 00:00:01 host"), first + 2 * SECOND_US);
        let mut clock = LineClock::default();
        let first = tell(&mut clock, "2026-03-02 23:59:58");
        assert_eq!(tell(&mut clock, "23:59:59 x"), first + SECOND_US);
        assert_eq!(tell(&mut clock, "00:00:03 x"), first + 5 * SECOND_US);
        // a late line does not turn the clock back
        assert_eq!(tell(&mut clock, "23:59:59 x"), first + 5 * SECOND_US);
    }
}
