//! What is learnt of one column at one lead: how many events ahead a forecast is.
//!
//! A regression stacks what is expected; the answer is mixed of the stack and of every forecast by itself, as for the
//! next value: one mixture for squared and one for absolute errors. Quantiles are those of the errors that were made at
//! the lead, each followed by stochastic approximation, in units of their mean size, and moved by what `control` says.

use crate::dims::FORGETTING;
use crate::horizon::control::{self, IntervalEnds};
use crate::rls::LeastSquares;
use surmise_experts::{ExpertSet, PointInputs, PointLoss, PointMixture, RunningMean};
use surmise_state::{Persist, State, StateError};

/// What is stacked: the roll-out, the direct regression, the value one period before, the usual value at that time, the
/// last value, and the slow mean; then a constant.
pub(crate) const LEAD_DIMS: usize = 7;
pub(crate) const ROLLED: usize = 0;
pub(crate) const DIRECT: usize = 1;
pub(crate) const BEFORE: usize = 2;
pub(crate) const USUAL: usize = 3;
pub(crate) const LATEST: usize = 4;
pub(crate) const CENTRE: usize = 5;
/// The first of them differ by lead; the others are those of the event from which all leads are forecast.
pub(crate) const LEAD_OWN: usize = 4;
/// Regressors of a lead, `[LEAD_DIMS]` and padding.
pub(crate) type LeadRegressors = [f64; crate::dims::padded(LEAD_DIMS)];

/// What others forecast at one lead, in the column's own units, by the constants above; the direct regression's place
/// is free. NaN where there is nothing, for which the last value stands in.
pub(crate) type HorizonInputs = [f64; LEAD_INPUTS];
/// How many these are.
pub(crate) const LEAD_INPUTS: usize = LEAD_DIMS - 1;

/// What is mixed at a lead: the stack, the six forecasts that it is made of, and those of [`SimpleForecasts`].
const LEAD_EXPERTS: usize = 16;
const LEAD_NAMED: usize = LEAD_DIMS + SIMPLE + 1;
/// The place of the mean of stack, roll and last value.
const BLEND: usize = LEAD_NAMED - 1;
/// Weights with which the mixtures begin: the last value is believed, and averages a little. What has learnt little
/// may go anywhere.
const LEAD_PRIOR: [f64; LEAD_EXPERTS] = {
    let mut prior = [0.0; LEAD_EXPERTS];
    (prior[1 + LATEST], prior[LEAD_DIMS]) = (1.0, 0.3);
    prior
};

/// Inputs of regressions lie within so many units.
pub(crate) const INPUT_MAX: f64 = 50.0;
/// Truths after which the regressions count.
const REGRESSION_TRUTHS_MIN: u32 = 48;
/// How many numbers [`SimpleForecasts`] are kept as, and how many forecasts they make.
pub(crate) const SIMPLE_KEPT: usize = 13;
const SIMPLE: usize = 8;
/// Among them: how far the next value may stray from the last, the last value, and the slow mean.
const REACH: usize = 10;
const KEPT_LATEST: usize = 11;
const KEPT_CENTRE: usize = 12;

/// What needs no learning for each lead, at the event from which forecasts start, in the column's own units: the best
/// average, the slowest, level and trend of the best setting of Holt's method and of the slowest, slow and quick rise,
/// the median of the past, the value one period before; how far the next value may stray from the last; the last value
/// and the slow mean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SimpleForecasts(pub(crate) [f64; SIMPLE_KEPT]);

impl SimpleForecasts {
    /// Writes what is stacked at every lead alike.
    pub(crate) fn complete(&self, inputs: &mut HorizonInputs) {
        (inputs[LATEST], inputs[CENTRE]) = (self.0[KEPT_LATEST], self.0[KEPT_CENTRE]);
    }

    /// The forecasts `step` + 1 events ahead; `latest` is the last value, and `before` the value one period before what
    /// is forecast.
    fn at(&self, step: usize, latest: f64, before: f64) -> [f64; SIMPLE] {
        let [average, slowest, level, trend, slow_level, slow_trend, rise, quick_rise, half, period_ago, ..] = self.0;
        let steps = (step + 1) as f64;
        [
            average,
            slowest,
            level + steps * trend,
            slow_level + steps * slow_trend,
            latest + steps * rise,
            latest + steps * quick_rise,
            half,
            latest + before - period_ago,
        ]
    }
}

/// One origin's forecasts at one lead, as they are mixed.
#[derive(Clone, Debug)]
pub(crate) struct LeadForecast {
    inputs: PointInputs<LEAD_EXPERTS>,
    /// By [`PointLoss`], in the column's own units.
    pub(crate) points: [f64; 2],
}

/// Mean squared errors of what is blended, and what keeps them from nothing.
const SQUARE: RunningMean = RunningMean::new(0.002);
const SQUARE_MIN: f64 = 1e-200;
/// Mean size of the answer's errors.
const SIZE: RunningMean = RunningMean::clipped(0.01, 8.0);
/// Steps of the quantiles of errors, over four.
const MARK: RunningMean = RunningMean::new(0.005);
/// Levels whose errors are followed.
const LEVELS: [f64; 9] = [0.005, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.995];
const MIDDLE: usize = 4;
/// Where their quantiles start, in mean sizes.
const MARKS: [f64; 9] = [-5.0, -4.0, -2.3, -0.8, 0.0, 0.8, 2.3, 4.0, 5.0];
/// By how much more slowly the size of errors is followed with each step of a lead.
const SIZE_PACE_STEPS: f64 = 1.0 / 6.0;
/// Truths after which quantiles are told.
const TRUTHS_MIN: u32 = 12;
/// Errors after which quantiles are followed.
const MARKS_AFTER: u32 = 10;

/// What is learnt of one column at one lead.
#[derive(Clone, Debug)]
pub(crate) struct LeadModel {
    stack: LeastSquares,
    /// Counted from 0.
    step: usize,
    /// How fast the size of errors is followed: those of a long lead come in runs.
    pace_of_size: f64,
    /// Discounted squared errors of stack, roll and last value.
    squares: [f64; 3],
    /// By [`PointLoss`].
    mixtures: [PointMixture<LEAD_EXPERTS>; 2],
    /// Mean size of the answer's errors in the column's own units, and how many there were.
    size: f64,
    seen: u32,
    /// Quantiles of errors in units of `size`, at [`LEVELS`].
    marks: [f64; 9],
    /// Truths below the interval of nine in ten and above it, less those that were promised; see `control`.
    beyond: [f64; 2],
}

impl LeadModel {
    /// What is learnt `step` + 1 events ahead: nothing so far.
    pub(crate) fn new(step: usize) -> Self {
        let pace = 1.0 / (1.0 + step as f64);
        let mixtures = PointLoss::ALL.map(|loss| PointMixture::new(loss, LEAD_PRIOR).with_pace(pace));
        let pace_of_size = 1.0 / (1.0 + SIZE_PACE_STEPS * step as f64);
        Self {
            step,
            stack: fresh_stack(),
            pace_of_size,
            squares: [0.0; 3],
            mixtures,
            size: 0.0,
            seen: 0,
            marks: MARKS,
            beyond: control::start(step),
        }
    }

    /// The units of z have changed: what was learnt in them starts again.
    pub(crate) fn restart_stack(&mut self) {
        self.stack = fresh_stack();
    }

    /// What the stack expects, as z.
    fn stacked(&self, x: &LeadRegressors) -> f64 {
        let forecasts = &x[..LEAD_DIMS - 1];
        let low = forecasts.iter().copied().fold(f64::INFINITY, f64::min);
        let high = forecasts.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let slack = 0.5 * (high - low) + 0.5;
        self.stack.predict(0, x).clamp(low - slack, high + slack)
    }

    /// The forecast `step` + 1 events ahead, from what others forecast and what needs no learning. `units` are base and
    /// unit of z; none where the direct regression spoke in others that are no longer in force, and nothing is stacked.
    pub(crate) fn predict(
        &self,
        others: &HorizonInputs,
        simple: &SimpleForecasts,
        step: usize,
        units: Option<(f64, f64)>,
    ) -> LeadForecast {
        let mut all = [f64::NAN; LEAD_EXPERTS];
        all[1..LEAD_DIMS].copy_from_slice(others);
        // a regression that has just begun expects anything
        match units.filter(|_| self.stack.size(0).1 >= REGRESSION_TRUTHS_MIN) {
            Some((base, unit)) => all[0] = base + unit * self.stacked(&regressors(others, (base, unit))),
            None => all[1 + DIRECT] = f64::NAN,
        }
        let (latest, before) = (all[1 + LATEST], all[1 + BEFORE]);
        all[LEAD_DIMS..BLEND].copy_from_slice(&simple.at(step, latest, before));
        // nothing that extrapolates goes further than values usually walk, or than they were at this time
        let reach = 2.0 * simple.0[REACH] * ((step + 1) as f64).sqrt();
        let usual = [before, all[1 + USUAL]].into_iter().filter(|y| y.is_finite());
        let (low, high) = usual.fold((latest - reach, latest + reach), |(a, b), y| (a.min(y), b.max(y)));
        for y in [0, 1 + ROLLED, 1 + DIRECT].into_iter().chain(LEAD_DIMS + 2..LEAD_DIMS + 6) {
            if all[y].is_finite() {
                all[y] = all[y].clamp(low, high);
            }
        }
        all[BLEND] = self.blend([all[0], all[1 + ROLLED], latest]);
        let mut inputs = PointInputs::empty();
        inputs.set(&all, ExpertSet::first(LEAD_NAMED));
        let points = PointLoss::ALL.map(|loss| self.mixtures[loss as usize].forecast(&inputs).value);
        LeadForecast { inputs, points }
    }

    /// The mean of stack, roll and last value with weights ∝ (discounted squared error)⁻⁸: it follows a walk.
    fn blend(&self, all: [f64; 3]) -> f64 {
        let there: [bool; 3] = std::array::from_fn(|i| all[i].is_finite());
        let least = (0..3).filter(|i| there[*i]).fold(f64::INFINITY, |least, i| least.min(self.squares[i]));
        let (mut sum, mut total) = (0.0, 0.0);
        for i in (0..3).filter(|i| there[*i]) {
            let ratio = (least + SQUARE_MIN) / (self.squares[i] + SQUARE_MIN);
            let fourth = (ratio * ratio) * (ratio * ratio);
            sum += fourth * fourth * all[i];
            total += fourth * fourth;
        }
        sum / total
    }

    /// The stack learns from a truth as z of `units`.
    pub(crate) fn learn_stack(&mut self, others: &HorizonInputs, z: f64, units: (f64, f64)) {
        let x = regressors(others, units);
        self.stack.learn(&x, z - self.stack.predict(0, &x));
    }

    /// Learns from a truth what was forecast of it, in the column's own units. Weights are those that stand now: what
    /// is learnt is as if it had not had to wait.
    /// `ends` are those that were told, and there are `cells` to a unit.
    pub(crate) fn learn(&mut self, forecast: &LeadForecast, y: f64, ends: IntervalEnds, cells: f64) {
        let inputs = &forecast.inputs;
        for mixture in &mut self.mixtures {
            let made = mixture.forecast(inputs);
            mixture.learn(inputs, &made, y);
        }
        for (i, square) in self.squares.iter_mut().enumerate() {
            let Some(said) = inputs.forecast([0, 1 + ROLLED, 1 + LATEST][i]) else { continue };
            let miss = (y - said).powi(2);
            let least = if self.seen == 0 { miss } else { miss.min(100.0 * *square + 0.01 * miss) };
            *square += SQUARE.rate(f64::from(self.seen) + 1.0) * (least - *square);
        }
        let error = y - forecast.points[PointLoss::Squared as usize];
        if let Some(latest) = inputs.forecast(1 + LATEST) {
            self.beyond = control::count(self.beyond, (cells * y).round() - (cells * latest).round(), ends);
        }
        if self.seen > MARKS_AFTER && self.size > 0.0 {
            let error = error / self.size;
            let rate = 4.0 * (1.0 / (f64::from(self.seen) + 10.0)).max(self.pace_of_size * MARK.rate_min);
            for (mark, p) in self.marks.iter_mut().zip(LEVELS) {
                // levels near the ends move more slowly: errors beyond them are rare
                let inner = (8.0 * (p * (1.0 - p)).sqrt()).min(1.0);
                *mark += rate * inner * if error < *mark { p - 1.0 } else { p };
            }
        }
        // a size of nothing must be able to grow
        RunningMean { rate_min: self.pace_of_size * SIZE.rate_min, ..SIZE }.learn(
            &mut self.size,
            self.seen,
            error.abs(),
            0.01 * error.abs(),
        );
        self.seen = self.seen.saturating_add(1);
    }

    /// The ends of the interval of nine in ten around a forecast, from the value `latest`, where there are `cells` to a
    /// unit; none while little was learnt.
    pub(crate) fn ends(&self, mean: f64, latest: f64, cells: f64) -> IntervalEnds {
        let end = |p: f64| (cells * (mean + self.error_at(p))).round() - (cells * latest).round();
        let is_told = self.seen > TRUTHS_MIN;
        [control::OUTSIDE, 1.0 - control::OUTSIDE].map(|p| if is_told { end(p) as f32 } else { f32::NAN })
    }

    /// The quantile of level `p` around a forecast, as the number of its cell; none while little was learnt.
    pub(crate) fn quantile(&self, mean: f64, p: f64, cells: f64) -> Option<f64> {
        (self.seen > TRUTHS_MIN).then(|| (cells * (mean + self.error_at(p))).round() / cells)
    }

    /// The error at level `p`, in the column's own units.
    fn error_at(&self, p: f64) -> f64 {
        let mut top = f64::NEG_INFINITY;
        let marks = self.marks.map(|mark| {
            top = top.max(mark);
            top
        });
        let i = LEVELS.partition_point(|level| *level < p).clamp(1, LEVELS.len() - 1);
        let (low, high) = (LEVELS[i - 1], LEVELS[i]);
        let part = ((p - low) / (high - low)).clamp(0.0, 1.0);
        let mark = marks[i - 1] + part * (marks[i] - marks[i - 1]);
        let mark = mark + control::shift(self.beyond, p, self.seen, self.step);
        // no end is moved beyond the middle
        self.size * if p < 0.5 { mark.min(marks[MIDDLE]) } else { mark.max(marks[MIDDLE]) }
    }
}

/// What others forecast as z, and a constant.
fn regressors(others: &HorizonInputs, (base, unit): (f64, f64)) -> LeadRegressors {
    let mut x = LeadRegressors::default();
    for (to, y) in x.iter_mut().zip(others) {
        // the last value stands in for what is not known
        let y = if y.is_finite() { *y } else { others[LATEST] };
        *to = ((y - base) / unit).clamp(-INPUT_MAX, INPUT_MAX);
    }
    x[LEAD_DIMS - 1] = 1.0;
    x
}

/// A stack that has learnt nothing.
fn fresh_stack() -> LeastSquares {
    let mut stack = LeastSquares::new(LEAD_DIMS, 1, FORGETTING, 0.05);
    stack.set_weight(0, ROLLED, 0.5);
    stack.set_weight(0, DIRECT, 0.25);
    stack.set_weight(0, USUAL, 0.25);
    stack
}

impl Persist for LeadModel {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.stack.persist(s)?;
        s.f64s_fixed("squares", &mut self.squares)?;
        self.mixtures.iter_mut().try_for_each(|mixture| mixture.persist(s))?;
        s.f64("size", &mut self.size)?;
        s.u32("seen", &mut self.seen)?;
        s.f64s_fixed("marks", &mut self.marks)?;
        s.f64s_fixed("beyond", &mut self.beyond)
    }
}
