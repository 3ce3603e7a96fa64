//! The time of day and of the week as contexts: what a key did at this hour says when, and what, it does next.
//!
//! Only the time of the key's *last* event is used, in UTC: the time of the next one is what is to be predicted.

/// Where the hands of the clocks stood at a key's last event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clocks([u32; Clocks::COUNT]);

const HOUR_US: i64 = 3_600_000_000;

impl Clocks {
    /// The hour of the day and the hour of the week.
    pub const COUNT: usize = 2;

    /// At a time in microseconds since 1970; a key without one has clocks that stand still.
    pub fn of(time_us: Option<i64>) -> Clocks {
        let Some(t) = time_us else { return Clocks::default() };
        // 1970 began on a Thursday: the week begins on a Monday
        let hour = (t.div_euclid(HOUR_US) + 3 * 24).rem_euclid(7 * 24) as u32;
        Clocks([1 + hour % 24, 1 + hour])
    }

    /// Each clock's hand; 0 where it stands still.
    pub fn hands(&self) -> &[u32; Clocks::COUNT] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::parse_time;

    #[test]
    fn hands_tell_the_hour_of_the_day_and_of_the_week() {
        let at = |s: &str| *Clocks::of(Some(parse_time(s).unwrap())).hands();
        assert_eq!(at("2026-11-23T00:59:59Z"), [1, 1], "a Monday");
        assert_eq!(at("2026-11-29T23:00:00Z"), [24, 168], "a Sunday");
        assert_eq!(at("1969-12-31T23:30:00Z"), [24, 72], "a Wednesday, before 1970");
        assert_eq!(*Clocks::of(None).hands(), [0, 0]);
        for t in [i64::MIN, i64::MAX] {
            assert!(Clocks::of(Some(t)).hands()[1] <= 168);
        }
    }
}
