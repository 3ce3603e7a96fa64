//! Time stamps: microseconds since 1970 in UTC.

use crate::civil::CivilTime;
use crate::record::shorten;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// A text that is no time stamp.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a time such as 2026-11-23T12:00:00Z, 23/Nov/2026:12:00:00 +0000, or seconds (or ms, us, ns) since 1970, \
     got {:?}",
    shorten(.0)
)]
pub struct TimeError(pub String);

/// What a number counts that is a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// Microseconds since 1970.
    Microseconds,
    /// Nanoseconds since 1970.
    Nanoseconds,
}

/// A number that is a time of any calendar in seconds is below this: the year 5138. As milliseconds it is 1973, and so
/// on for the finer units.
const SECONDS_MAX: f64 = 1e11;

impl TimeUnit {
    /// All units, the coarsest first.
    pub const ALL: [TimeUnit; 4] =
        [TimeUnit::Seconds, TimeUnit::Milliseconds, TimeUnit::Microseconds, TimeUnit::Nanoseconds];

    /// The name of the unit.
    pub fn name(self) -> &'static str {
        match self {
            TimeUnit::Seconds => "s",
            TimeUnit::Milliseconds => "ms",
            TimeUnit::Microseconds => "us",
            TimeUnit::Nanoseconds => "ns",
        }
    }

    /// The unit that the magnitude of a number tells: that in which it lies between 1973 and 5138, else seconds. None
    /// of a number that is a time in no unit.
    ///
    /// ```
    /// use surmise_event::TimeUnit;
    /// assert_eq!(TimeUnit::of_magnitude(1.7e9), Some(TimeUnit::Seconds));
    /// assert_eq!(TimeUnit::of_magnitude(1.7e18), Some(TimeUnit::Nanoseconds));
    /// ```
    pub fn of_magnitude(number: f64) -> Option<TimeUnit> {
        TimeUnit::ALL.into_iter().find(|unit| number.abs() < SECONDS_MAX * unit.per_second())
    }

    fn per_second(self) -> f64 {
        match self {
            TimeUnit::Seconds => 1.0,
            TimeUnit::Milliseconds => 1e3,
            TimeUnit::Microseconds => 1e6,
            TimeUnit::Nanoseconds => 1e9,
        }
    }

    /// A number in this unit as microseconds since 1970; whole numbers are exact. None if it is no time.
    pub fn microseconds(self, number: f64) -> Option<i64> {
        // the microseconds of whole seconds are exact up to 2^53
        let us = (number * 1e6 / self.per_second()).round();
        (us.abs() < SECONDS_MAX * 1e6).then_some(us as i64)
    }

    /// A whole number in this unit as microseconds since 1970. None if it is no time.
    pub fn whole_microseconds(self, number: i128) -> Option<i64> {
        let us = match self {
            TimeUnit::Seconds => number.checked_mul(1_000_000)?,
            TimeUnit::Milliseconds => number.checked_mul(1000)?,
            TimeUnit::Microseconds => number,
            TimeUnit::Nanoseconds => number.div_euclid(1000),
        };
        i64::try_from(us).ok().filter(|us| (us.unsigned_abs() as f64) < SECONDS_MAX * 1e6)
    }

    /// Reads a number in this unit, in microseconds since 1970.
    pub fn read(self, text: &str) -> Option<i64> {
        match text.parse::<i128>() {
            Ok(whole) => self.whole_microseconds(whole),
            Err(_) => self.microseconds(text.parse::<f64>().ok().filter(|x| x.is_finite())?),
        }
    }
}

/// A number of seconds, milliseconds, microseconds or nanoseconds since 1970, told by its magnitude, in microseconds;
/// none of a number that is a time in no unit.
pub fn time_of_number(number: f64) -> Option<i64> {
    TimeUnit::of_magnitude(number)?.microseconds(number)
}

/// The same of a whole number, which is exact.
pub fn time_of_whole_number(number: i128) -> Option<i64> {
    TimeUnit::of_magnitude(number as f64)?.whole_microseconds(number)
}

/// Reads a time stamp, in microseconds since 1970 UTC: RFC 3339, a date and time of day in one of the forms of
/// [`CivilTime`] (without a time zone taken as UTC), or a number since 1970 whose magnitude tells its unit.
///
/// # Errors
/// Says what was expected if the text is none of these, or a date that does not tell its day from its month or its
/// year.
pub fn parse_time(text: &str) -> Result<i64, TimeError> {
    let s = text.trim();
    if let Some(us) = parse_standard(s) {
        return Ok(us);
    }
    if let Ok(number) = s.parse::<f64>() {
        let time = match s.parse::<i128>() {
            Ok(whole) => time_of_whole_number(whole),
            Err(_) => time_of_number(number),
        };
        return time.ok_or_else(|| TimeError(s.to_owned()));
    }
    let civil = CivilTime::parse(s, None).and_then(|civil| civil.in_year(civil.year?).map(|d| (d, civil)));
    civil.and_then(|(date, civil)| utc(date, civil.offset_seconds)).ok_or_else(|| TimeError(s.to_owned()))
}

/// Reads RFC 3339, or the same without a time zone, which is then UTC.
pub fn parse_standard(s: &str) -> Option<i64> {
    // with a time zone
    if let Ok(t) = s.parse::<Timestamp>() {
        return Some(t.as_microsecond());
    }
    // without one
    utc(s.parse::<DateTime>().ok()?, None)
}

/// A date and time of day at an offset from UTC, in microseconds since 1970.
fn utc(date: DateTime, offset_seconds: Option<i32>) -> Option<i64> {
    let z = date.to_zoned(TimeZone::UTC).ok()?;
    Some(z.timestamp().as_microsecond() - i64::from(offset_seconds.unwrap_or(0)) * 1_000_000)
}

/// Writes a time stamp as RFC 3339, or as seconds where the calendar does not reach.
pub fn format_time(us: i64) -> String {
    match Timestamp::from_microsecond(us) {
        Ok(t) => t.to_string(),
        Err(_) => format!("{}", us as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_forms_agree() {
        let want = 1_467_331_200_000_000;
        for s in [
            "2016-07-01T00:00:00Z",
            "2016-07-01 00:00:00",
            "2016-07-01T02:00:00+02:00",
            "2016-07-01T02:00:00+0200",
            "2016/07/01 00:00:00,000",
            "01/Jul/2016:00:00:00 +0000",
            "Fri, 01 Jul 2016 02:00:00 CEST",
            "1467331200",
            "1467331200.0",
            "1467331200000",
            "1467331200000000",
            "1467331200000000000",
            "1467331200000.0",
        ] {
            assert_eq!(parse_time(s), Ok(want), "{s}");
        }
        assert_eq!(parse_time("1467331200123456789"), Ok(want + 123_456));
        assert_eq!(format_time(want), "2016-07-01T00:00:00Z");
        for s in ["yesterday", "NaN", "1e300", "Dec  4 04:47:44", "4/5/2016", "99999999999999999999"] {
            assert!(parse_time(s).is_err(), "{s}");
        }
    }

    #[test]
    fn the_magnitude_of_a_number_tells_its_unit() {
        assert_eq!(time_of_number(-2.0), Some(-2_000_000));
        assert_eq!(time_of_number(0.001_783_333_333_34), Some(1783));
        assert_eq!(TimeUnit::of_magnitude(9.9e10), Some(TimeUnit::Seconds));
        assert_eq!(TimeUnit::of_magnitude(1e11), Some(TimeUnit::Milliseconds));
        assert_eq!((TimeUnit::of_magnitude(1e21), time_of_number(f64::NAN)), (None, None));
        assert_eq!(TimeUnit::Milliseconds.read("1500"), Some(1_500_000));
        assert_eq!(TimeUnit::Nanoseconds.read("-1"), Some(-1));
    }
}
