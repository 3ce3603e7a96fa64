//! Time, for everything outside the learner. Code that decides takes a [`Moment`]; only [`SystemClock`] reads the
//! clocks of the system, so that a test can run the same decisions under a clock of its own.

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

/// The wall clock, in microseconds since 1970 (UTC).
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |elapsed| i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX))
}

/// Milliseconds since a start, for marks that are compared with each other.
pub fn millis_since(start: Instant) -> u64 {
    start.elapsed().as_millis() as u64
}

/// The time that is left until a deadline; zero if it has passed.
pub fn time_left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
