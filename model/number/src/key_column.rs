//! What the model remembers of one column of one key.

use crate::dims::{AVERAGE_DISTANCE_MAX, LONG_LAGS, SIZE_MAX};
use crate::smooth::ColumnSmoothing;
use crate::units::ColumnUnits;
use surmise_experts::RunningMean;
use surmise_state::{Persist, State, StateError};

/// A key's mean errors follow its last eight values or so.
const ERROR: RunningMean = RunningMean::new(0.12);
/// A forecast may go on by so many of the smaller of two steps in one direction.
const STEADY_STEPS_MAX: f64 = 2.0;
/// Values in a row that were nearly certain, after which another such one teaches nothing.
const CERTAIN_RUN: u32 = 64;
/// The rate of the key's mean.
const MEAN_RATE: f64 = 0.5;
/// Holt's method: damping of the trend, the rate of the level, and the rate of the trend.
const TREND_DAMPING: f64 = 0.9;
const LEVEL_RATE: f64 = 0.7;
const TREND_RATE: f64 = 0.1;

/// One column of one key: its last values, and simple statistics of them.
#[derive(Clone, Debug)]
pub(crate) struct KeyColumn {
    /// Past values, newest first, at most [`LONG_LAGS`]; where one was missing stands what was expected.
    lags: Vec<f64>,
    /// The last value that was really there, NaN before the first, and the change that led to it.
    last: f64,
    change: f64,
    /// How many times `last` has come in a row.
    run: u32,
    /// Events since `last`.
    gap: u32,
    mean: f64,
    level: f64,
    trend: f64,
    /// Recent |error| of the stack and of the last value.
    error: f64,
    move_error: f64,
    /// For how many values more what comes is taken as right after a surprise: one that was far from what was expected,
    /// by the key's own errors.
    startled: u8,
    /// Values that were there.
    seen: u32,
    smoothing: ColumnSmoothing,
    /// The column's record that the last value belonged to.
    regime: u32,
    /// How many values in a row were nearly certain before they came.
    certain: u32,
}

impl KeyColumn {
    pub(crate) fn new() -> Self {
        Self {
            lags: Vec::new(),
            last: f64::NAN,
            change: f64::NAN,
            run: 0,
            gap: 0,
            mean: f64::NAN,
            level: f64::NAN,
            trend: 0.0,
            error: 0.0,
            move_error: 0.0,
            startled: 0,
            seen: 0,
            smoothing: ColumnSmoothing::new(),
            regime: 0,
            certain: 0,
        }
    }

    /// The last value that was really there, if any was.
    pub(crate) fn last(&self) -> Option<f64> {
        self.last.is_finite().then_some(self.last)
    }

    /// How many times the last value has come in a row after its first.
    pub(crate) fn run(&self) -> u32 {
        self.run
    }

    /// Whether the key's last value was missing.
    pub(crate) fn is_gap(&self) -> bool {
        self.gap > 0
    }

    /// Whether so many values in a row were nearly certain that another such one teaches nothing.
    pub(crate) fn is_certain(&self) -> bool {
        self.certain >= CERTAIN_RUN
    }

    /// Takes in whether the last value was nearly certain before it came.
    pub(crate) fn count_certain(&mut self, certain: bool) {
        self.certain = if certain { self.certain.saturating_add(1) } else { 0 };
    }

    /// The exponentially weighted mean.
    pub(crate) fn mean(&self) -> f64 {
        self.mean
    }

    /// Holt's forecast.
    pub(crate) fn trend_ahead(&self) -> f64 {
        self.level + self.trend
    }

    /// Whether there was a surprise among the latest values.
    pub(crate) fn is_startled(&self) -> bool {
        self.startled > 0
    }

    /// Averages and trends of the values that were there.
    pub(crate) fn smoothing(&self) -> &ColumnSmoothing {
        &self.smoothing
    }

    /// Recent |error| of the stack and of the last value, once the key has values enough to trust them.
    pub(crate) fn errors(&self) -> Option<(f64, f64)> {
        (self.seen >= KEY_ERRORS_MIN).then_some((self.error, self.move_error))
    }

    /// The value `k` ≥ 1 events ago, or the oldest known; NaN if none is.
    pub(crate) fn lag(&self, k: usize) -> f64 {
        self.lags.get(k - 1).or(self.lags.last()).copied().unwrap_or(f64::NAN)
    }

    /// How many past values are kept.
    pub(crate) fn lags_known(&self) -> usize {
        self.lags.len()
    }

    /// The value `k` ≥ 1 events ago; NaN if it is not kept.
    pub(crate) fn lag_or_nan(&self, k: usize) -> f64 {
        self.lags.get(k - 1).copied().unwrap_or(f64::NAN)
    }

    /// The least and the largest of the latest values that are kept; infinite the wrong way round if there are none.
    pub(crate) fn lag_range(&self) -> (f64, f64) {
        self.lags.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(*y), high.max(*y)))
    }

    /// By how much the last two values both moved on in one direction, at least; 0 where they turned.
    fn steady_step(&self) -> f64 {
        let (late, early) = (self.lag(1) - self.lag(2), self.lag(2) - self.lag(3));
        if late * early > 0.0 { late.abs().min(early.abs()) } else { 0.0 }
    }

    /// How far a forecast may stray from the last value: some of the column's mean steps, or what the key's own last
    /// two steps bear out, because a mean needs many steps to learn that a counter at rest has begun to run.
    pub(crate) fn reach(&self, units: &ColumnUnits) -> f64 {
        units.reach().max(STEADY_STEPS_MAX * self.steady_step())
    }

    fn push_lag(&mut self, y: f64) {
        if self.lags.len() >= LONG_LAGS {
            self.lags.pop();
        }
        self.lags.insert(0, y);
    }

    /// Moves on by one event that was as expected: no surprise, whatever the stack said.
    pub(crate) fn push_expected(&mut self, value: Option<f64>, expected: f64, quantum: f64) {
        let startled = self.startled.saturating_sub(1);
        self.push(value, expected, quantum);
        self.startled = startled;
    }

    /// Moves on by one event. `expected` stands in for a value that is missing; `quantum` is the width of a cell.
    pub(crate) fn push(&mut self, value: Option<f64>, expected: f64, quantum: f64) {
        let Some(value) = value else {
            self.gap = self.gap.saturating_add(1);
            if self.last.is_finite() && expected.is_finite() {
                self.smooth(expected);
                self.push_lag(expected);
            }
            return;
        };
        if self.last.is_finite() {
            let change = value - self.last;
            self.run = if change.abs() < 0.5 * quantum { self.run.saturating_add(1) } else { 0 };
            self.change = change;
            let (rate, off) = (ERROR.rate(self.seen as f64 + 1.0), (value - expected).abs().min(SIZE_MAX));
            let is_surprise = self.seen >= KEY_ERRORS_MIN && off > STARTLING_ERRORS * self.error;
            self.startled = if is_surprise { STARTLED_VALUES } else { self.startled.saturating_sub(1) };
            self.error += rate * (off - self.error);
            self.move_error += rate * (change.abs() - self.move_error);
        }
        self.smoothing.learn(value, value - self.last);
        self.seen = self.seen.saturating_add(1);
        self.last = value;
        self.gap = 0;
        self.smooth(value);
        self.push_lag(value);
    }

    /// Takes in the last value once more, which has come so often that it says nothing else.
    pub(crate) fn repeat(&mut self) {
        self.startled = self.startled.saturating_sub(1);
        self.run = self.run.saturating_add(1);
        self.gap = 0;
    }

    /// Values are of another kind than before, and `y` is the latest: what lies outside of the column's units stands
    /// for nothing any more.
    pub(crate) fn settle(&mut self, regime: u32, units: &ColumnUnits, y: f64) {
        if std::mem::replace(&mut self.regime, regime) == regime {
            return;
        }
        for lag in self.lags.iter_mut().filter(|lag| units.is_outside(**lag)) {
            *lag = y;
        }
        if units.is_outside(self.mean) || units.is_outside(self.level) || self.trend.abs() > units.unit {
            (self.mean, self.level, self.trend) = (y, y, 0.0);
        }
        self.error = self.error.min(units.unit);
        self.move_error = self.move_error.min(units.unit);
        self.smoothing.settle(units, y);
    }

    /// Moves mean, level and trend on.
    fn smooth(&mut self, y: f64) {
        let is_near = (y - self.mean).abs() < AVERAGE_DISTANCE_MAX;
        if !is_near {
            (self.mean, self.level, self.trend) = (y, y, 0.0);
            return;
        }
        self.mean += MEAN_RATE * (y - self.mean);
        let ahead = self.level + TREND_DAMPING * self.trend;
        let level = ahead + LEVEL_RATE * (y - ahead);
        self.trend = TREND_DAMPING * self.trend + TREND_RATE * (level - ahead);
        self.level = level;
    }
}

/// Values after which a key's own errors say something of its scale.
const KEY_ERRORS_MIN: u32 = 4;
/// From so many of its mean errors on a value is a surprise.
const STARTLING_ERRORS: f64 = 8.0;
/// So many values after a surprise are right after it.
const STARTLED_VALUES: u8 = 5;

impl Persist for KeyColumn {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64s("lags", &mut self.lags)?;
        for v in [
            &mut self.last,
            &mut self.change,
            &mut self.mean,
            &mut self.level,
            &mut self.trend,
            &mut self.error,
            &mut self.move_error,
        ] {
            s.f64("column", v)?;
        }
        s.u8("startled", &mut self.startled)?;
        s.u32("run", &mut self.run)?;
        s.u32("gap", &mut self.gap)?;
        s.u32("seen", &mut self.seen)?;
        s.u32("regime", &mut self.regime)?;
        s.u32("certain", &mut self.certain)?;
        self.smoothing.persist(s)?;
        if self.lags.len() > LONG_LAGS { Err(StateError::Invalid("lags")) } else { Ok(()) }
    }
}
