//! Time stamps: microseconds since 1970 in UTC.

use crate::record::shorten;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// A text that is no time stamp.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a time such as 2026-11-23T12:00:00Z, 2026-11-23 12:00:00, or seconds since 1970, got {:?}",
    shorten(.0)
)]
pub struct TimeError(pub String);

/// The most seconds since 1970, to both sides, that are read as a time: what still fits into 64 bits as microseconds.
const SECONDS_MAX: f64 = 9e12;

/// Reads a time stamp, in microseconds since 1970 UTC: RFC 3339, a civil date and time (taken as UTC), or a number of
/// seconds since 1970.
///
/// # Errors
/// Says what was expected if the text is none of these.
pub fn parse_time(text: &str) -> Result<i64, TimeError> {
    let s = text.trim();
    // with a time zone
    if let Ok(t) = s.parse::<Timestamp>() {
        return Ok(t.as_microsecond());
    }
    // without one
    if let Ok(d) = s.parse::<DateTime>()
        && let Ok(z) = d.to_zoned(TimeZone::UTC)
    {
        return Ok(z.timestamp().as_microsecond());
    }
    match s.parse::<f64>() {
        Ok(x) if x.is_finite() && x.abs() < SECONDS_MAX => Ok((x * 1e6).round() as i64),
        _ => Err(TimeError(s.to_owned())),
    }
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
        for s in
            ["2016-07-01T00:00:00Z", "2016-07-01 00:00:00", "2016-07-01T02:00:00+02:00", "1467331200", "1467331200.0"]
        {
            assert_eq!(parse_time(s), Ok(want), "{s}");
        }
        assert_eq!(format_time(want), "2016-07-01T00:00:00Z");
        assert!(parse_time("yesterday").is_err() && parse_time("NaN").is_err() && parse_time("1e300").is_err());
    }
}
