//! What a column learns from one event.

use crate::column::{NumberColumn, STACK_WEIGHTS};
use crate::key_column::KeyColumn;
use crate::options::Given;
use crate::siblings::ERROR_SCALES_MAX;
use crate::stages::column_forecast::{ColumnForecast, ExpertForecasts};
use crate::stages::conditional::SiblingInputs;
use crate::stages::experts::*;
use crate::stages::past::{ColumnPast, Regime};
use crate::stages::scored::Scored;
use surmise_experts::PointLoss;

/// Values after which a column's units are no longer guesses.
const UNITS_SETTLED: u64 = 24;
/// Changes that are learnt from lie within so many units.
const CHANGE_MAX: f64 = 50.0;
/// A regression whose errors are so many times those of the last value has gone astray …
const ASTRAY_FACTOR: f64 = 4.0;
/// … once it has learnt from so many events.
const ASTRAY_AFTER: u32 = 100;
/// Rate of the median of the stack's errors, in mean errors.
const HALF_RATE: f64 = 0.03;
/// A point forecast is right within so small a part of a cell, and within so many roundings of the value.
const KNOWN_PART: f64 = 1e-9;
const KNOWN_ROUNDINGS: f64 = 32.0;
/// Steps beyond this are not remembered.
const STEP_MAX: f64 = 1e100;
/// Errors of regressions count as at most so many units.
const INNOVATION_UNITS_MAX: f64 = 1e6;

/// The long regression, which costs most, learns from each of so many events …
const LONG_EACH_UNTIL: u32 = 1_000;
/// … and then from one in so many, of which it remembers as many.
const LONG_ONE_IN: u64 = 4;

/// Whether the long regression learns from an event: multiples of the golden ratio fall evenly whatever the period.
fn is_drawn(event: u64) -> bool {
    event.wrapping_mul(0x9E37_79B9_7F4A_7C15) < u64::MAX / LONG_ONE_IN
}

/// All stages of one column's prediction, after its value was observed.
#[derive(Clone, Copy)]
pub(crate) struct ColumnStages<'a> {
    pub(super) past: &'a ColumnPast,
    pub(super) experts: &'a ExpertForecasts,
    pub(super) forecast: &'a ColumnForecast,
    pub(super) scored: &'a Scored,
    pub(super) key: &'a KeyColumn,
    /// What the regressions on the same event saw.
    pub(super) siblings: &'a SiblingInputs,
}

impl NumberColumn {
    /// A value as z, within wide bounds.
    fn wide_z(&self, y: f64) -> f64 {
        ((y - self.units.base) / self.units.unit).clamp(-INNOVATION_UNITS_MAX, INNOVATION_UNITS_MAX)
    }

    /// The error of a regression, in units of z.
    pub(crate) fn innovation(&self, y: f64, predicted_z: f64) -> f64 {
        self.wide_z(y) - predicted_z
    }

    /// Learns everything but units and lags, which change last.
    pub(crate) fn learn_event(&mut self, stages: ColumnStages<'_>, symbols: &[u32]) {
        self.learn_mixtures(stages);
        let ColumnStages { past, forecast, scored, .. } = stages;
        if scored.is_settled {
            // whatever else would learn that nothing ever changes
            self.repeat[past.run_class].learn(true);
            self.mend_points(stages);
            return;
        }
        self.learn_point_masses(stages);
        if scored.is_foretold {
            self.mend_points(stages);
            return;
        }
        if past.regime() == Regime::Known {
            self.learn_linear(stages);
            self.learn_points(stages);
        }
        self.learn_conditional(stages, symbols);
        self.learn_scales(past.regime(), scored.value, &forecast.centre, forecast.awake);
    }

    /// Learns the weights of all experts, and the correction of the distributions.
    fn learn_mixtures(&mut self, stages: ColumnStages<'_>) {
        let ColumnStages { past, forecast, scored, .. } = stages;
        let share = self.share_mut(past.regime());
        share.learn(&forecast.weights, &scored.masses, scored.mass, forecast.awake);
        let given = &scored.conditional;
        if !given.is_density_alone() {
            let (masses, mass) = (&scored.conditional_masses, scored.conditional_mass);
            self.conditional_share.learn(&given.weights, masses, mass, given.awake);
        }
        for given in Given::ALL {
            let (weights, points) = (&forecast.point_weights[given as usize], scored.points(given));
            self.point_share_mut(given).learn(weights, &points.masses, points.mass, forecast.points_awake);
        }
        let before = self.calibrator(Given::Before).correct(scored.points(Given::Before).span);
        let is_news = !(scored.is_settled || scored.is_foretold);
        self.calibrator_mut(Given::Before).learn(&before, is_news);
        self.calibrator_mut(Given::Within).learn(&scored.corrected, is_news);
    }

    /// Remembers the value, and the change that led to it.
    fn learn_point_masses(&mut self, stages: ColumnStages<'_>) {
        let ColumnStages { past, forecast, scored, .. } = stages;
        let (y, slots) = (scored.value, &scored.slots);
        if let Some(step) = past.step_to(&self.units, y) {
            let again = past.is_repeated(&self.units, y);
            self.repeat[past.run_class].learn(again);
            if step.abs() < STEP_MAX {
                self.steps.learn(step, slots.step, None);
            }
        }
        self.values.learn(y, slots.value, forecast.slot_before);
        self.grid.learn(y, slots.grid);
    }

    /// Learns the regression on the column's own past, its correction by the hour, and the stack.
    fn learn_linear(&mut self, stages: ColumnStages<'_>) {
        let ColumnStages { past, experts, forecast, scored, .. } = stages;
        let y = scored.value;
        let z = self.units.z(y);
        let error = self.innovation(y, self.own.predict(0, &past.own));
        if let Some(place) = past.place {
            self.hours.learn(place, &past.deviations, error);
        }
        // what is learnt in units that are guesses has to be unlearnt
        if self.units.seen >= UNITS_SETTLED {
            self.own.learn(&past.own, error);
        }
        let error = self.innovation(y, self.stack.predict(0, &forecast.stack_inputs));
        self.stack.learn(&forecast.stack_inputs, error);
        let last = self.scale(Regime::Known, LAST).max(self.units.quantum);
        let astray = ASTRAY_FACTOR * last / self.units.unit;
        if self.own.size(0).1 > ASTRAY_AFTER && self.own.size(0).0 > astray {
            self.own.reset(0, &[(0, 1.0)]);
        }
        if self.stack.size(0).1 > ASTRAY_AFTER && self.stack.size(0).0 > astray {
            self.stack.reset(0, &STACK_WEIGHTS);
        }
        self.learn_residual(y - experts.linear);
        self.learn_covariance(z, past.z[0]);
    }

    /// Learns point forecasts of a value that the distribution knew, where they did not know it: however sure the
    /// distribution is, their bound holds for every value. Where they were right there is nothing to learn, nor does
    /// the regret against anybody grow.
    fn mend_points(&mut self, stages: ColumnStages<'_>) {
        let (y, points) = (stages.scored.value, &stages.forecast.points);
        let near = KNOWN_PART * self.units.quantum + KNOWN_ROUNDINGS * f64::EPSILON * y.abs();
        let is_known = |loss: &PointLoss| (points.value(*loss) - y).abs() <= near;
        if stages.past.regime() != Regime::Known {
            return;
        }
        for loss in PointLoss::ALL {
            let mixture = self.points_mut(loss).of(stages.key.is_startled());
            match is_known(&loss) {
                true => mixture.pass(),
                false => mixture.learn_known(&points.inputs, &points.made[loss as usize], y),
            }
        }
    }

    /// Learns the mixtures of point forecasts, and the experts that are in them alone.
    fn learn_points(&mut self, stages: ColumnStages<'_>) {
        let ColumnStages { past, forecast, scored, key, .. } = stages;
        let (y, points) = (scored.value, &forecast.points);
        for loss in PointLoss::ALL {
            self.points_mut(loss).of(key.is_startled()).learn(&points.inputs, &points.made[loss as usize], y);
        }
        let learns = self.long.size(0).1 < LONG_EACH_UNTIL || is_drawn(self.units.seen);
        if learns && self.units.seen >= UNITS_SETTLED {
            let change = ((y - key.lag(1)) / self.units.unit).clamp(-CHANGE_MAX, CHANGE_MAX);
            let error = change - self.long.predict(0, &past.long);
            self.long.learn(&past.long, error);
        }
        self.smoothing.learn(key.smoothing(), y);
        let beyond = y - forecast.mean - self.stack_half;
        self.stack_half += HALF_RATE * self.scale(Regime::Known, STACK).min(beyond.abs()) * beyond.signum();
    }

    /// Learns what other columns and symbols of the event say of this one.
    fn learn_conditional(&mut self, stages: ColumnStages<'_>, symbols: &[u32]) {
        let ColumnStages { forecast, scored, .. } = stages;
        let (y, given, sigma) = (scored.value, &scored.conditional, forecast.scale[STACK]);
        if given.awake.has(GIVEN_ERRORS) {
            let z = self.wide_z(y);
            let settled = self.units.seen == UNITS_SETTLED;
            if let Some(siblings) = &mut self.siblings {
                let error = ((y - forecast.mean) / sigma).clamp(-ERROR_SCALES_MAX, ERROR_SCALES_MAX);
                siblings.learn(&stages.siblings.errors, error, &stages.siblings.values, z);
                if settled {
                    // the first events came in units that were guesses
                    siblings.restart_values();
                    self.restart_conditional_scale(GIVEN_VALUES);
                }
            }
            self.learn_conditional_scale(GIVEN_ERRORS, y - given.centre[GIVEN_ERRORS]);
            self.learn_conditional_scale(GIVEN_VALUES, y - given.centre[GIVEN_VALUES]);
        }
        if given.awake.has(GIVEN_SYMBOLS) {
            self.symbols.learn(symbols, (y - given.centre[GIVEN_SYMBOLS]) / sigma);
        }
    }

    /// Looks for columns that explain column `own`, which this is, better than its siblings do; `error` gives any
    /// column's error of the event in units of its scale, 0 where it was not known before this column's value.
    pub(crate) fn search_siblings(&mut self, own: usize, stages: ColumnStages<'_>, error: impl Fn(usize) -> f64) {
        let ColumnStages { forecast, scored, .. } = stages;
        let Some(siblings) = &mut self.siblings else { return };
        let e = ((scored.value - forecast.mean) * forecast.inverse[STACK]).clamp(-ERROR_SCALES_MAX, ERROR_SCALES_MAX);
        let left = e - siblings.predict_error(&stages.siblings.errors);
        siblings.search(own, left, error);
    }
}
