//! Time, for everything outside the learner. Code that decides takes a [`Moment`]; only [`SystemClock`] reads the
//! clocks of the system, so that a test can run the same decisions under a clock of its own.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One moment, as both clocks show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Time since the daemon started. It never goes back, so intervals are measured with it.
    pub uptime: Duration,
    /// Microseconds since 1970 (UTC), for records and for people. It may jump.
    pub wall_us: i64,
}

impl Moment {
    /// The time that has passed since an earlier uptime; zero if that one is later.
    pub fn since(self, uptime: Duration) -> Duration {
        self.uptime.saturating_sub(uptime)
    }
}

/// A source of moments.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Moment;
}

/// The clocks of the operating system.
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose uptime counts from `started`.
    pub fn new(started: Instant) -> SystemClock {
        SystemClock { started }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment { uptime: self.started.elapsed(), wall_us: now_us() }
    }
}

/// A time before this program was written: a clock that shows an earlier one is wrong, as that of a machine which has
/// not heard from a time server yet.
const WRITTEN_US: i64 = 1_735_689_600_000_000;

/// How far tests have moved the wall clock of their process, in microseconds.
static MOVED_US: AtomicI64 = AtomicI64::new(0);

/// Moves the wall clock of this process from where the system's is, as a test of clocks that are wrong or jump.
pub fn move_wall_clock(by_us: i64) {
    MOVED_US.store(by_us, Ordering::Relaxed);
}

/// The wall clock, in microseconds since 1970 (UTC). A clock that shows an earlier time is taken to show 1970.
pub fn now_us() -> i64 {
    since_1970(SystemTime::now()).saturating_add(MOVED_US.load(Ordering::Relaxed)).max(0)
}

fn since_1970(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0, |elapsed| i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX))
}

/// Whether a wall clock is known to be wrong, so that nothing can be told from how it differs from other times.
pub fn is_wrong(wall_us: i64) -> bool {
    wall_us < WRITTEN_US
}

/// Milliseconds since a start, for marks that are compared with each other.
pub fn millis_since(start: Instant) -> u64 {
    start.elapsed().as_millis() as u64
}

/// The time that is left until a deadline; zero if it has passed.
pub fn time_left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_before_1970_shows_1970_and_is_known_to_be_wrong() {
        assert_eq!(since_1970(UNIX_EPOCH - Duration::from_secs(86_400)), 0);
        assert_eq!(since_1970(UNIX_EPOCH + Duration::from_micros(7)), 7);
        assert!(is_wrong(0) && !is_wrong(now_us()));
    }
}
