//! What is learnt of one column at one lead: how many events ahead a forecast is.
//!
//! A regression stacks what is expected; the answer is mixed of the stack and of every forecast by itself, as for the
//! next value: one mixture for squared and one for absolute errors. Quantiles are those of the errors that were made at
//! the lead, each followed by stochastic approximation, in units of their mean size, and moved by what `control` says.

use crate::bounds::within;
use crate::dims::FORGETTING;
use crate::horizon::control::{self, IntervalEnds};
use crate::rls::LeastSquares;
use surmise_experts::{ExpertSet, MIXED_PARTS, MixedPoint, PointInputs, PointLoss, PointMixture, RunningMean};
use surmise_state::{Persist, State, StateError};

/// What others forecast at one lead, in the column's own units, by the constants below: the roll-out, the direct
/// regression, the value one period before, and the usual value at that time. NaN where there is nothing.
pub(crate) type HorizonInputs = [f64; LEAD_INPUTS];
/// How many these are.
pub(crate) const LEAD_INPUTS: usize = 4;
pub(crate) const ROLLED: usize = 0;
pub(crate) const DIRECT: usize = 1;
pub(crate) const BEFORE: usize = 2;
pub(crate) const USUAL: usize = 3;

/// What is stacked: the inputs and the slow mean, as distances from the last value; then a constant.
const STACK_DIMS: usize = LEAD_INPUTS + 2;
/// Regressors of a lead, `[STACK_DIMS]` and padding.
type StackRegressors = [f64; crate::dims::padded(STACK_DIMS)];

/// What is mixed at a lead: the stack, its inputs, the last value, the slow mean, those of [`SimpleForecasts`], and the
/// mean of stack, roll-out and last value.
const LEAD_EXPERTS: usize = 16;
const STACK: usize = 0;
const INPUTS: usize = 1;
const LATEST: usize = INPUTS + LEAD_INPUTS;
const CENTRE: usize = LATEST + 1;
const SIMPLE_FIRST: usize = CENTRE + 1;
/// Those of [`SimpleForecasts`] that may go beyond all values.
const EXTRAPOLATING: std::ops::Range<usize> = SIMPLE_FIRST + 2..SIMPLE_FIRST + 6;
const BLEND: usize = SIMPLE_FIRST + SIMPLE;
/// Weights with which the mixtures begin: the last value is believed, the value one period before where there is one,
/// and averages a little. What has learnt little may go anywhere.
const LEAD_PRIOR: [f64; LEAD_EXPERTS] = {
    let mut prior = [0.0; LEAD_EXPERTS];
    (prior[LATEST], prior[SIMPLE_FIRST], prior[INPUTS + BEFORE]) = (1.0, 0.3, 0.5);
    prior
};

/// Inputs and targets of regressions lie within so many units.
pub(crate) const INPUT_MAX: f64 = 50.0;
/// Truths after which the regressions count.
const REGRESSION_TRUTHS_MIN: u32 = 48;
/// How many numbers [`SimpleForecasts`] are kept as, and how many forecasts they make.
pub(crate) const SIMPLE_KEPT: usize = 14;
const SIMPLE: usize = 8;
/// Among them: how far the next value may stray from the last, the last value, the slow mean, and whether nearly every
/// change is a rise.
const REACH: usize = 10;
const KEPT_LATEST: usize = 11;
const KEPT_CENTRE: usize = 12;
const IS_COUNTER: usize = 13;

/// What needs no learning for each lead, at the event from which forecasts start, in the column's own units: the best
/// average, the mean since the level last moved, level and trend of the best setting of Holt's method and of the
/// slowest, slow and quick rise, the median of the past, the value one period before; how far the next value may stray
/// from the last; the last value and the slow mean; 1 if nearly every change is a rise, so that a fall is a counter
/// that starts again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SimpleForecasts(pub(crate) [f64; SIMPLE_KEPT]);

impl SimpleForecasts {
    /// The last value.
    pub(crate) fn latest(&self) -> f64 {
        self.0[KEPT_LATEST]
    }

    /// Whether nearly every change of the column is a rise.
    fn is_counter(&self) -> bool {
        self.0[IS_COUNTER] > 0.0
    }

    /// The forecasts `step` + 1 events ahead; `before` is the value one period before what is forecast.
    fn at(&self, step: usize, before: f64) -> [f64; SIMPLE] {
        let [average, plateau, level, trend, slow_level, slow_trend, rise, quick_rise, half, period_ago, ..] = self.0;
        let (steps, latest) = ((step + 1) as f64, self.latest());
        let change = before - period_ago;
        [
            average,
            plateau,
            level + steps * trend,
            slow_level + steps * slow_trend,
            latest + steps * rise,
            latest + steps * quick_rise,
            half,
            // that a counter started again a period before says nothing of now
            latest + if self.is_counter() { change.max(0.0) } else { change },
        ]
    }

    /// What nothing that extrapolates may leave `step` + 1 events ahead: as far as values usually walk, or where they
    /// were at this time. A counter does not come back to where it was: nothing at all may leave how far it walks.
    fn range(&self, step: usize, inputs: &HorizonInputs) -> (f64, f64) {
        let (latest, reach) = (self.latest(), 2.0 * self.0[REACH] * ((step + 1) as f64).sqrt());
        let usual = [inputs[BEFORE], inputs[USUAL]].into_iter().filter(|y| y.is_finite() && !self.is_counter());
        usual.fold((latest - reach, latest + reach), |(a, b), y| (a.min(y), b.max(y)))
    }
}

/// What was forecast at one lead, as distances from the last value: the inputs, the stack, the mean of stack, roll-out
/// and last value, and by [`PointLoss`] the answer and the mixtures that it was made of. NaN where there was nothing.
pub(crate) type IssuedForecast = [f32; ISSUED];
/// How many numbers these are.
pub(crate) const ISSUED: usize = LEAD_INPUTS + 2 + 2 * MIXED_PARTS;

/// One origin's forecasts at one lead.
#[derive(Clone, Debug)]
pub(crate) struct LeadForecast {
    /// What others forecast, and the stack and the blend made of it.
    inputs: HorizonInputs,
    stack: f64,
    blend: f64,
    /// By [`PointLoss`], in the column's own units.
    made: [MixedPoint; 2],
}

impl LeadForecast {
    /// What was issued, when the last value was `latest`.
    pub(crate) fn of_issued(issued: &IssuedForecast, latest: f64) -> Self {
        let y = |i: usize| latest + f64::from(issued[i]);
        let made =
            |loss: usize| MixedPoint::of_parts(std::array::from_fn(|i| y(LEAD_INPUTS + 2 + loss * MIXED_PARTS + i)));
        Self {
            inputs: std::array::from_fn(y),
            stack: y(LEAD_INPUTS),
            blend: y(LEAD_INPUTS + 1),
            made: [made(0), made(1)],
        }
    }

    /// The same to be kept.
    pub(crate) fn issued(&self, latest: f64) -> IssuedForecast {
        let all = self.inputs.into_iter().chain([self.stack, self.blend]);
        let mut all = all.chain(self.made.into_iter().flat_map(MixedPoint::parts));
        std::array::from_fn(|_| all.next().map_or(f32::NAN, |y| (y - latest) as f32))
    }

    /// The answer under a loss.
    pub(crate) fn value(&self, loss: PointLoss) -> f64 {
        self.made[loss as usize].value
    }

    /// What is mixed `step` + 1 events ahead.
    fn mixed(&self, simple: &SimpleForecasts, step: usize) -> PointInputs<LEAD_EXPERTS> {
        let mut all = [f64::NAN; LEAD_EXPERTS];
        (all[STACK], all[BLEND]) = (self.stack, self.blend);
        all[INPUTS..LATEST].copy_from_slice(&self.inputs);
        (all[LATEST], all[CENTRE]) = (simple.latest(), simple.0[KEPT_CENTRE]);
        all[SIMPLE_FIRST..BLEND].copy_from_slice(&simple.at(step, self.inputs[BEFORE]));
        let (low, high) = simple.range(step, &self.inputs);
        let extrapolates =
            |i: usize| [STACK, INPUTS + ROLLED, INPUTS + DIRECT].contains(&i) || EXTRAPOLATING.contains(&i);
        for (i, y) in all.iter_mut().enumerate() {
            if y.is_finite() && (extrapolates(i) || simple.is_counter()) {
                *y = within(*y, low, high);
            }
        }
        let mut mixed = PointInputs::empty();
        mixed.set(&all, ExpertSet::first(BLEND + 1));
        mixed
    }
}

/// Mean squared errors of what is blended, and what keeps them from nothing.
const SQUARE: RunningMean = RunningMean::new(0.002);
const SQUARE_MIN: f64 = 1e-200;
/// Mean size of the answer's errors.
const SIZE: RunningMean = RunningMean::clipped(0.01, 8.0);
/// A size counts as at most eight times the mean one, or so large a part of the least of the latest three.
const LASTING_PART: f64 = 0.01;
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
    /// The latest two, newest first.
    latest: [f64; 2],
    seen: u32,
    /// Quantiles of errors in units of `size`, at [`LEVELS`].
    marks: [f64; 9],
    /// Truths below the interval of nine in ten and above it, less those that were promised; see `control`.
    beyond: [f64; 2],
}

impl LeadModel {
    /// What is learnt `step` + 1 events ahead: nothing so far.
    pub(crate) fn new(step: usize) -> Self {
        let mixtures = PointLoss::ALL.map(|loss| PointMixture::of_lead(step, loss, LEAD_PRIOR));
        let pace_of_size = 1.0 / (1.0 + SIZE_PACE_STEPS * step as f64);
        Self {
            step,
            stack: fresh_stack(),
            pace_of_size,
            squares: [0.0; 3],
            mixtures,
            size: 0.0,
            latest: [0.0; 2],
            seen: 0,
            marks: MARKS,
            beyond: control::start(step),
        }
    }

    /// What the stack expects, from what it is made of as distances from the last value.
    fn stacked(&self, x: &StackRegressors) -> f64 {
        let forecasts = &x[..STACK_DIMS - 1];
        let low = forecasts.iter().copied().fold(0.0, f64::min);
        let high = forecasts.iter().copied().fold(0.0, f64::max);
        let slack = 0.5 * (high - low) + 0.5;
        within(self.stack.predict(0, x), low - slack, high + slack)
    }

    /// The forecast at this lead, from what others forecast and what needs no learning. `unit` is what
    /// distances are measured in; none where nothing is regressed.
    pub(crate) fn predict(
        &self,
        mut inputs: HorizonInputs,
        simple: &SimpleForecasts,
        unit: Option<f64>,
    ) -> LeadForecast {
        let latest = simple.latest();
        // a regression that has just begun expects anything
        let unit = unit.filter(|_| self.stack.size(0).1 >= REGRESSION_TRUTHS_MIN);
        let stack = unit.map_or(f64::NAN, |unit| latest + unit * self.stacked(&regressors(&inputs, simple, unit)));
        if unit.is_none() {
            inputs[DIRECT] = f64::NAN;
        }
        let (low, high) = simple.range(self.step, &inputs);
        let near = |y: f64| if y.is_finite() { within(y, low, high) } else { y };
        let blend = self.blend([near(stack), near(inputs[ROLLED]), latest]);
        let made = [MixedPoint::default(); 2];
        let mut forecast = LeadForecast { inputs, stack, blend, made };
        let mixed = forecast.mixed(simple, self.step);
        forecast.made = PointLoss::ALL.map(|loss| self.mixtures[loss as usize].forecast(&mixed));
        forecast
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

    /// The stack learns from a truth what it was made of.
    pub(crate) fn learn_stack(&mut self, forecast: &LeadForecast, simple: &SimpleForecasts, y: f64, unit: f64) {
        let x = regressors(&forecast.inputs, simple, unit);
        let z = ((y - simple.latest()) / unit).clamp(-INPUT_MAX, INPUT_MAX);
        self.stack.learn(&x, z - self.stack.predict(0, &x));
    }

    /// Learns from a truth what was forecast of it, in the column's own units: as it was issued, because what was
    /// learnt meanwhile knows of the truth's neighbours.
    /// `ends` are those that were told, and there are `cells` to a unit.
    pub(crate) fn learn(
        &mut self,
        forecast: &LeadForecast,
        simple: &SimpleForecasts,
        y: f64,
        ends: IntervalEnds,
        cells: f64,
    ) {
        let inputs = forecast.mixed(simple, self.step);
        for (mixture, made) in self.mixtures.iter_mut().zip(&forecast.made) {
            mixture.learn(&inputs, made, y);
        }
        for (i, square) in self.squares.iter_mut().enumerate() {
            let Some(said) = inputs.forecast([STACK, INPUTS + ROLLED, LATEST][i]) else { continue };
            let miss = (y - said).powi(2);
            let least = if self.seen == 0 { miss } else { miss.min(100.0 * *square + 0.01 * miss) };
            *square += SQUARE.rate(f64::from(self.seen) + 1.0) * (least - *square);
        }
        let error = y - forecast.value(PointLoss::Squared);
        let distance = (cells * y).round() - (cells * simple.latest()).round();
        self.beyond = control::count(self.beyond, distance, ends);
        if self.seen > MARKS_AFTER && self.size > 0.0 {
            let error = error / self.size;
            let rate = 4.0 * (1.0 / (f64::from(self.seen) + 10.0)).max(self.pace_of_size * MARK.rate_min);
            for (mark, p) in self.marks.iter_mut().zip(LEVELS) {
                // levels near the ends move more slowly: errors beyond them are rare
                let inner = (8.0 * (p * (1.0 - p)).sqrt()).min(1.0);
                *mark += rate * inner * if error < *mark { p - 1.0 } else { p };
            }
        }
        // a size of nothing must be able to grow, but not by what comes once
        let off = error.abs();
        let lasting = self.latest.iter().fold(off, |least, size| least.min(*size));
        let size = RunningMean { rate_min: self.pace_of_size * SIZE.rate_min, ..SIZE };
        size.learn(&mut self.size, self.seen, off, LASTING_PART * lasting);
        self.latest = [off, self.latest[0]];
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

/// What others forecast and the slow mean, as distances from the last value in `unit`, and a constant.
fn regressors(inputs: &HorizonInputs, simple: &SimpleForecasts, unit: f64) -> StackRegressors {
    let mut x = StackRegressors::default();
    for (to, y) in x.iter_mut().zip(inputs.iter().chain([&simple.0[KEPT_CENTRE]])) {
        // the last value stands in for what is not known
        *to = if y.is_finite() { ((y - simple.latest()) / unit).clamp(-INPUT_MAX, INPUT_MAX) } else { 0.0 };
    }
    x[STACK_DIMS - 1] = 1.0;
    x
}

/// A stack that has learnt nothing.
fn fresh_stack() -> LeastSquares {
    let mut stack = LeastSquares::new(STACK_DIMS, 1, FORGETTING, 0.05);
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
        s.f64s_fixed("latest sizes", &mut self.latest)?;
        s.u32("seen", &mut self.seen)?;
        s.f64s_fixed("marks", &mut self.marks)?;
        s.f64s_fixed("beyond", &mut self.beyond)
    }
}
