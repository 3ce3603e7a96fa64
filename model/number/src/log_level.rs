//! Centre and spread of a column's logarithm.

use crate::bounds::within;
use crate::density::LogT;
use surmise_experts::RunningMean;
use surmise_state::{Persist, State, StateError};

/// Centre and spread follow about fifty values; one counts as at most eight spreads.
const SPREAD: RunningMean = RunningMean::clipped(0.02, 8.0);
/// The smallest spread of a forecast.
const SPREAD_MIN: f64 = 1e-9;

/// Centre and spread of ln y, while every value is positive.
#[derive(Clone, Debug)]
pub(crate) struct LogLevel {
    mean: f64,
    spread: f64,
    seen: u32,
    positive: bool,
}

impl LogLevel {
    pub(crate) fn new() -> Self {
        Self { mean: 0.0, spread: 1.0, seen: 0, positive: true }
    }

    /// Whether every value so far was positive, and there were enough of them.
    pub(crate) fn awake(&self) -> bool {
        self.positive && self.seen >= 2
    }

    /// The distribution to expect.
    pub(crate) fn density(&self) -> LogT {
        LogT { mu: self.mean, inv: 1.0 / self.spread.max(SPREAD_MIN) }
    }

    /// Takes in a value; one that is not positive ends it for good.
    pub(crate) fn learn(&mut self, y: f64) {
        if y <= 0.0 {
            self.positive = false;
        }
        if !self.positive {
            return;
        }
        let log = libm::log(y);
        let rate = SPREAD.rate(self.seen as f64 + 1.0);
        let error = log - self.mean;
        if self.seen == 0 {
            (self.mean, self.spread) = (log, 1.0);
        } else {
            let most = SPREAD.most(self.spread, self.seen);
            let error = within(error, -most, most);
            self.spread += rate * (error.abs() - self.spread);
            self.mean += rate * error;
        }
        self.seen = (self.seen + 1).min(SEEN_MAX);
    }
}

/// Counts of values end here.
const SEEN_MAX: u32 = 1 << 30;

impl Persist for LogLevel {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("log", &mut self.mean)?;
        s.f64("log", &mut self.spread)?;
        s.u32("log", &mut self.seen)?;
        s.bool("log", &mut self.positive)
    }
}
