//! What is learnt of one column at one lead: how many events ahead a forecast is.
//!
//! A regression stacks what is expected, and the answer is a mean of stack, roll and last value with weights
//! ∝ (discounted squared error)⁻⁸, so that it does not lose to either. Quantiles are those of the errors that were made
//! at the lead, each followed by stochastic approximation, in units of their mean size.

use crate::dims::FORGETTING;
use crate::rls::LeastSquares;
use surmise_experts::RunningMean;
use surmise_state::{Persist, State, StateError};

/// What is stacked: the roll-out, the direct regression, the value one period before, the last value, the slow mean,
/// and the usual value at that time; then a constant.
pub(crate) const LEAD_DIMS: usize = 7;
pub(crate) const ROLLED: usize = 0;
pub(crate) const DIRECT: usize = 1;
pub(crate) const BEFORE: usize = 2;
pub(crate) const LATEST: usize = 3;
pub(crate) const CENTRE: usize = 4;
pub(crate) const USUAL: usize = 5;
/// Regressors of a lead, `[LEAD_DIMS]` and padding.
pub(crate) type LeadRegressors = [f64; crate::dims::padded(LEAD_DIMS)];

/// What others forecast at one lead, in the column's own units, by the constants above; the direct regression's place
/// is free. NaN where there is nothing, for which the last value stands in.
pub(crate) type HorizonInputs = [f64; LEAD_DIMS - 1];

/// Mean squared errors of what is mixed.
const SQUARE: RunningMean = RunningMean::new(0.002);
/// Mean size of the answer's errors.
const SIZE: RunningMean = RunningMean::clipped(0.01, 8.0);
/// Steps of the quantiles of errors, over four.
const MARK: RunningMean = RunningMean::new(0.005);
/// Levels whose errors are followed.
const LEVELS: [f64; 9] = [0.005, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.995];
/// Where their quantiles start, in mean sizes.
const MARKS: [f64; 9] = [-5.0, -4.0, -2.3, -0.8, 0.0, 0.8, 2.3, 4.0, 5.0];
/// Errors after which quantiles are followed.
const MARKS_AFTER: u32 = 10;

/// What is learnt of one column at one lead.
#[derive(Clone, Debug)]
pub(crate) struct LeadModel {
    stack: LeastSquares,
    /// Discounted squared errors of stack, roll and last value.
    squares: [f64; 3],
    /// Mean size of the answer's errors, and how many there were.
    size: f64,
    seen: u32,
    /// Quantiles of errors in units of `size`, at [`LEVELS`].
    marks: [f64; 9],
}

impl LeadModel {
    pub(crate) fn new() -> Self {
        let mut stack = LeastSquares::new(LEAD_DIMS, 1, FORGETTING, 0.05);
        stack.set_weight(0, ROLLED, 0.5);
        stack.set_weight(0, DIRECT, 0.25);
        stack.set_weight(0, USUAL, 0.25);
        Self { stack, squares: [1e-6; 3], size: 0.0, seen: 0, marks: MARKS }
    }

    /// How many truths have come.
    pub(crate) fn seen(&self) -> u32 {
        self.seen
    }

    /// The forecast as z, and the three that it is made of.
    pub(crate) fn predict(&self, x: &LeadRegressors) -> (f64, [f64; 3]) {
        let forecasts = &x[..LEAD_DIMS - 1];
        let low = forecasts.iter().copied().fold(f64::INFINITY, f64::min);
        let high = forecasts.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let slack = 0.5 * (high - low) + 0.5;
        let stacked = self.stack.predict(0, x).clamp(low - slack, high + slack);
        let all = [stacked, x[ROLLED], x[LATEST]];
        let least = self.squares.iter().copied().fold(f64::INFINITY, f64::min);
        let weights = self.squares.map(|square| {
            let ratio = least / square;
            let fourth = (ratio * ratio) * (ratio * ratio);
            fourth * fourth
        });
        let sum: f64 = weights.iter().sum();
        ((weights[0] * all[0] + weights[1] * all[1] + weights[2] * all[2]) / sum, all)
    }

    /// Learns from a truth as z, and the regressors from which it was forecast.
    pub(crate) fn learn(&mut self, x: &LeadRegressors, y: f64) {
        let (forecast, all) = self.predict(x);
        let seen = f64::from(self.seen);
        let rate = SQUARE.rate(seen + 1.0);
        for (square, forecast) in self.squares.iter_mut().zip(all) {
            *square += rate * ((y - forecast).powi(2).min(100.0 * *square + 1.0) - *square);
            *square = square.max(1e-12);
        }
        self.stack.learn(x, y - self.stack.predict(0, x));
        let error = y - forecast;
        SIZE.learn(&mut self.size, self.seen, error.abs(), 0.0);
        self.size = self.size.max(1e-12);
        if self.seen > MARKS_AFTER {
            let error = error / self.size;
            let rate = 4.0 * MARK.rate(seen + 10.0);
            for (mark, p) in self.marks.iter_mut().zip(LEVELS) {
                // levels near the ends move more slowly: errors beyond them are rare
                let inner = (8.0 * (p * (1.0 - p)).sqrt()).min(1.0);
                *mark += rate * inner * if error < *mark { p - 1.0 } else { p };
            }
        }
        self.seen = self.seen.saturating_add(1);
    }

    /// The error at level `p`, as z.
    pub(crate) fn error_at(&self, p: f64) -> f64 {
        let mut top = f64::NEG_INFINITY;
        let marks = self.marks.map(|mark| {
            top = top.max(mark);
            top
        });
        let i = LEVELS.partition_point(|level| *level < p).clamp(1, LEVELS.len() - 1);
        let (low, high) = (LEVELS[i - 1], LEVELS[i]);
        let part = ((p - low) / (high - low)).clamp(0.0, 1.0);
        self.size * (marks[i - 1] + part * (marks[i] - marks[i - 1]))
    }
}

impl Persist for LeadModel {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.stack.persist(s)?;
        s.f64s_fixed("squares", &mut self.squares)?;
        s.f64("size", &mut self.size)?;
        s.u32("seen", &mut self.seen)?;
        s.f64s_fixed("marks", &mut self.marks)
    }
}
