//! The hour of the day and of the week as contexts (PREDICTOR §2): what a key did at this hour says when it acts next,
//! and what it does.
//!
//! Only the time of the key's *last* event is used, in UTC, because the time of the next one is to be predicted.

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
