//! A fast count against the share of a long past.

use crate::table::{exp, log2};
use surmise_state::{Persist, State, StateError};

/// Events that the fast count looks back over.
const WINDOW_EVENTS: f64 = 64.0;

/// How often something happened in all, and how often of late.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Burst {
    /// Events in all.
    pub count: f64,
    /// Events of about the last 64 of the frame, as of `at`.
    pub recent: f64,
    /// Events of the frame at the last event of this.
    pub at: f64,
}

impl Burst {
    /// What has not happened yet, in a frame that has seen `total` events.
    pub fn new(total: f64) -> Burst {
        Burst { count: 0.0, recent: 0.0, at: total }
    }

    /// Counts an event in a frame that has seen `total` events before. Returns the bits by which the recent count goes
    /// beyond what the long past lets expect: the deviance of a Poisson law, zero where it is not beyond.
    #[inline]
    pub fn hit(&mut self, total: f64) -> f64 {
        let before = self.recent_at(total);
        let expected = WINDOW_EVENTS * (self.count + 0.5) / (total + WINDOW_EVENTS);
        (self.recent, self.at) = (before + 1.0, total);
        self.count += 1.0;
        if before > expected {
            before * log2(before / expected) - (before - expected) * std::f64::consts::LOG2_E
        } else {
            0.0
        }
    }

    /// The recent count as of a later total.
    #[inline]
    pub fn recent_at(&self, total: f64) -> f64 {
        self.recent * exp((self.at - total) / WINDOW_EVENTS)
    }
}

impl Persist for Burst {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("count", &mut self.count)?;
        s.f64("recent", &mut self.recent)?;
        s.f64("at", &mut self.at)
    }
}
