//! How a replay leaves the machine to those who need it now.
//!
//! The lowest priority alone is not enough: threads on two halves of one core, or that share its caches and memory,
//! slow each other down whatever their priorities are. So a replay works in short stretches, and rests for much longer
//! than it worked as long as events wait to be learnt.

use std::time::{Duration, Instant};

/// How long it works before it looks whether events wait.
const STRETCH: Duration = Duration::from_millis(4);
/// How many times as long as it worked it rests while events wait.
const REST_FACTOR: u32 = 15;
/// How long it rests before it looks whether it is to stop.
const NAP: Duration = Duration::from_millis(20);

/// The pace of one replay.
pub struct ReplayPace {
    /// When the stretch of work began.
    began: Instant,
}

impl ReplayPace {
    /// The first stretch begins.
    pub fn new() -> ReplayPace {
        ReplayPace { began: Instant::now() }
    }

    /// Rests if it has worked for a stretch and events wait, at most until it is to stop.
    pub fn rest(&mut self, do_events_wait: &dyn Fn() -> bool, is_stopped: &dyn Fn() -> bool) {
        let worked = self.began.elapsed();
        if worked < STRETCH {
            return;
        }
        if do_events_wait() {
            // one long event is no reason to rest for minutes
            let until = Instant::now() + worked.min(STRETCH * 8) * REST_FACTOR;
            while !is_stopped() {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                std::thread::sleep(left.min(NAP));
            }
        }
        self.began = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Works and rests for a while; returns the part of the time that it worked.
    fn working_part(do_events_wait: bool) -> f64 {
        let (began, mut worked) = (Instant::now(), Duration::ZERO);
        let mut pace = ReplayPace::new();
        while began.elapsed() < Duration::from_millis(600) {
            let event = Instant::now();
            while event.elapsed() < Duration::from_micros(300) {
                std::hint::spin_loop();
            }
            worked += event.elapsed();
            pace.rest(&|| do_events_wait, &|| false);
        }
        worked.as_secs_f64() / began.elapsed().as_secs_f64()
    }

    #[test]
    fn it_rests_while_events_wait_and_only_then() {
        let (busy, idle) = (working_part(true), working_part(false));
        assert!(busy < 0.2 && idle > 0.8, "{busy} of the time while events wait, {idle} while none does");
        let mut pace = ReplayPace { began: Instant::now() - Duration::from_secs(60) };
        let began = Instant::now();
        pace.rest(&|| true, &|| true);
        assert!(began.elapsed() < NAP, "it does not rest when it is to stop");
        pace.began = Instant::now() - Duration::from_secs(60);
        pace.rest(&|| true, &|| false);
        assert!(began.elapsed() < Duration::from_secs(5), "nor for long after a long event");
    }
}
