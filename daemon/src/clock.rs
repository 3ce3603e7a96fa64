//! Time, for everything outside the learner.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Now, in microseconds since 1970.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}

/// Milliseconds since a start, for marks that are compared with each other.
pub fn millis_since(start: Instant) -> u64 {
    start.elapsed().as_millis() as u64
}

/// What is left until a point in time.
pub fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}
