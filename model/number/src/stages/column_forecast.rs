//! The second stage of a prediction: the forecast of one column from the past, before its value arrives.
//!
//! It is made in two steps, because the network looks at what the simple experts forecast for all columns, and the
//! stack at what the network does: [`ExpertForecasts`] of every column, then a [`ColumnForecast`] of every column.

use crate::bounds::within;
use crate::column::NumberColumn;
use crate::density::{Background, Lanes, LogT};
use crate::dims::padded;
use crate::key_column::KeyColumn;
use crate::options::Given;
use crate::stages::experts::*;
use crate::stages::past::{ColumnPast, Regime};
use crate::stages::points::{DensityPoints, PointForecasts, PointRanges};
use surmise_experts::ExpertSet;

/// After an event that brought no value, a forecast may stray by so many units (else see
/// [`crate::units::Units::reach`]).
const GAP_REACH_UNITS: f64 = 8.0;
/// The network's log scale stays within ± this.
const LOG_SCALE_MAX: f64 = 6.0;
/// A key's own errors make up this part of its scale, the errors over all keys that part …
const KEY_PART: f64 = 0.8;
const SHARED_PART: f64 = 0.2;
/// … and the key's count as at most so many of the errors over all keys.
const KEY_ERROR_MAX: f64 = 30.0;
/// The narrow expert around the stack has this part of its scale.
const NARROW_PART: f64 = 0.3;

/// What the experts forecast of one column from the past, without the stack.
#[derive(Clone, Debug)]
pub(crate) struct ExpertForecasts {
    /// Centres, `[LANES]`, in the column's units.
    pub(super) centre: Lanes,
    pub(super) awake: ExpertSet,
    /// The range that forecasts may lie in.
    pub(super) low: f64,
    pub(super) high: f64,
    /// The same without what the record of days says.
    pub(super) near: (f64, f64),
    /// The mean of the two linear forecasts, and the unit of its residual: what the network works in.
    pub(super) linear: f64,
    pub(super) residual_unit: f64,
    /// The scale that the network forecasts, once it has spoken.
    network_scale: Option<f64>,
}

impl ExpertForecasts {
    pub(crate) fn new() -> Self {
        Self {
            centre: [0.0; LANES],
            awake: ExpertSet::EMPTY,
            low: f64::MIN,
            high: f64::MAX,
            near: (f64::MIN, f64::MAX),
            linear: 0.0,
            residual_unit: 1.0,
            network_scale: None,
        }
    }

    /// Asks every expert that needs neither network nor stack; `all` is the regression over all columns, as z.
    pub(crate) fn run_experts(&mut self, c: &NumberColumn, key: &KeyColumn, past: &ColumnPast, all: f64) {
        let units = &c.units;
        self.network_scale = None;
        if past.regime() == Regime::Fresh {
            // without a value only the column itself has something to say
            self.centre = std::array::from_fn(|i| if T3.has(i) { units.centre() } else { 0.0 });
            // of a first value of all there is nothing to be near to
            self.awake = if units.seen > 0 { ALWAYS.with(LOG, c.log.awake()) } else { NOTHING_KNOWN };
            (self.low, self.high) = (f64::MIN, f64::MAX);
            self.linear = units.centre();
            self.residual_unit = c.scale(Regime::Known, OWN).max(units.least());
            return;
        }
        let latest = key.lag(1);
        // nothing that extrapolates may stray further than the column has moved, or than the record itself says
        let reach = key.reach(units).max(if key.is_gap() { GAP_REACH_UNITS * units.unit } else { 0.0 });
        let (low, high) = (latest - reach, latest + reach);
        self.near = (low, high);
        (self.low, self.high) = past.day.map_or((low, high), |day| (low.min(day), high.max(day)));
        let raw = |z: f64| units.base + units.unit * z;
        let hour = past.place.map_or(0.0, |place| c.hours.predict(place, &past.deviations));
        let inputs = ExpertInputs {
            units,
            key,
            past,
            latest,
            own: (!c.ablation.regressions).then(|| raw(c.own.predict(0, &past.own) + hour)),
            all: (!c.ablation.regressions && !all.is_nan()).then(|| raw(all)),
            low: self.low,
            high: self.high,
        };
        self.awake = ALWAYS.union(AROUND_STACK).with(LOG, c.log.awake());
        for (lane, expert) in DENSITY.iter().enumerate() {
            let forecast = (expert.centre)(&inputs);
            self.centre[lane] = forecast.unwrap_or(if T3.has(lane) { latest } else { 0.0 });
            self.awake = self.awake.with(lane, forecast.is_some());
        }
        self.linear = 0.5 * (self.centre[OWN] + self.centre[ALL]);
        self.centre[NETWORK] = self.linear;
        self.residual_unit = c.residual_scale().max(units.least());
    }

    /// Takes in the network's forecast: mean and log scale of the residual in its unit.
    pub(crate) fn apply_network(&mut self, past: &ColumnPast, mean: f64, log_scale: f64) {
        if past.regime() == Regime::Fresh {
            return;
        }
        let y = self.linear + self.residual_unit * mean;
        self.centre[NETWORK] = if y.is_finite() { within(y, self.low, self.high) } else { self.linear };
        self.network_scale = Some(self.residual_unit * libm::exp(log_scale.clamp(-LOG_SCALE_MAX, LOG_SCALE_MAX)));
        self.awake = self.awake.with(NETWORK, true);
    }
}

/// The forecast of one column before its value arrives: centre, scale and weight of every expert, and their stack.
#[derive(Clone, Debug)]
pub(crate) struct ColumnForecast {
    /// Centres, scales and 1/scales of the density experts, `[LANES]`.
    pub(super) centre: Lanes,
    pub(super) scale: Lanes,
    pub(super) inverse: Lanes,
    pub(super) awake: ExpertSet,
    /// Weights of the density experts, `[LANES]`; they sum to one.
    pub(super) weights: Lanes,
    pub(super) log: LogT,
    pub(super) background: Background,
    /// What the stack forecasts, around which densities lie.
    pub(super) mean: f64,
    pub(super) points: PointForecasts,
    /// Regressors of the stack as z, `[STACK_DIMS]` and padding.
    pub(super) stack_inputs: [f64; padded(STACK_DIMS)],
    /// Weights of the density and of the experts on single values, before the event's values and within them.
    pub(super) point_weights: [[f64; POINT_MASS_EXPERTS]; Given::ALL.len()],
    /// Which of the experts on single values have something to say.
    pub(super) points_awake: ExpertSet,
    /// The remembered value that the key's last one is.
    pub(super) slot_before: Option<usize>,
}

impl ColumnForecast {
    pub(crate) fn new() -> Self {
        Self {
            centre: [0.0; LANES],
            scale: [1.0; LANES],
            inverse: [1.0; LANES],
            awake: ExpertSet::EMPTY,
            weights: [0.0; LANES],
            log: LogT::default(),
            background: Background { centre: 0.0, scale: 1.0 },
            mean: 0.0,
            points: PointForecasts::new(),
            stack_inputs: [0.0; padded(STACK_DIMS)],
            point_weights: [[0.0; POINT_MASS_EXPERTS]; Given::ALL.len()],
            points_awake: DENSITY_ALONE,
            slot_before: None,
        }
    }

    /// Mixes what the experts forecast: makes the stack, and sets every expert's scale and weight.
    pub(crate) fn mix(&mut self, c: &NumberColumn, key: &KeyColumn, past: &ColumnPast, experts: &ExpertForecasts) {
        let (units, regime) = (&c.units, past.regime());
        (self.centre, self.awake) = (experts.centre, experts.awake);
        self.log = c.log.density();
        self.background = Background { centre: if units.seen > 0 { units.centre() } else { 0.0 }, scale: units.unit };
        match regime {
            Regime::Fresh => self.mean = units.centre(),
            Regime::Known => self.stack(c, experts),
        }
        self.set_scales(c, key, regime, experts);
        self.weights = c.share(regime).awake_weights(self.awake);
        match regime {
            Regime::Fresh => self.points.set_only(self.mean),
            Regime::Known => {
                let density = DensityPoints { centre: &self.centre, weights: &self.weights, awake: self.awake };
                let with_days = (experts.low, experts.high);
                self.points.make(c, key, past, &PointRanges { near: experts.near, with_days }, &density);
            }
        }
        self.slot_before = past.last.and_then(|last| c.values.find(units, last));
        self.points_awake = if c.ablation.point_masses {
            DENSITY_ALONE
        } else {
            let known = past.last.is_some();
            ExpertSet::of(&[0, FREQUENT])
                .with(GRID, c.grid.is_awake())
                .with(REPEAT, known)
                .with(FOLLOWING, known)
                .with(STEP, known)
        };
        for given in Given::ALL {
            self.point_weights[given as usize] = c.point_share(given).awake_weights(self.points_awake);
        }
    }

    /// Makes the point forecast of what the experts forecast.
    fn stack(&mut self, c: &NumberColumn, experts: &ExpertForecasts) {
        let units = &c.units;
        for (x, y) in self.stack_inputs.iter_mut().zip(&self.centre[..STACKED]) {
            *x = units.z(*y);
        }
        self.stack_inputs[STACK_DIMS - 1] = 1.0;
        if !self.awake.has(NETWORK) {
            self.stack_inputs[NETWORK] = 0.0;
        }
        let y = if c.ablation.stack {
            self.average(&c.share(Regime::Known).awake_weights(self.awake))
        } else {
            units.base + units.unit * c.stack.predict(0, &self.stack_inputs)
        };
        self.mean = if y.is_finite() { within(y, experts.low, experts.high) } else { self.centre[OWN] };
        for lane in 0..DENSITY_EXPERTS {
            if AROUND_STACK.has(lane) {
                self.centre[lane] = self.mean;
            }
        }
    }

    /// The mean of what the stack is made of, by weights of the mixture, `[LANES]`.
    fn average(&self, weights: &Lanes) -> f64 {
        let (sum, total) = (0..STACKED).fold((0.0, 0.0), |(s, t), i| (s + weights[i] * self.centre[i], t + weights[i]));
        sum / total
    }

    /// Sets the scales of all experts.
    fn set_scales(&mut self, c: &NumberColumn, key: &KeyColumn, regime: Regime, experts: &ExpertForecasts) {
        for lane in 0..DENSITY_EXPERTS {
            self.scale[lane] = c.scale(regime, lane);
        }
        if let Some(scale) = experts.network_scale {
            self.scale[NETWORK] = scale;
        }
        let blend = |own: Option<f64>, all: f64| {
            own.map_or(all, |own| KEY_PART * own.min(KEY_ERROR_MAX * all) + SHARED_PART * all)
        };
        let errors = key.errors();
        for (lane, expert) in DENSITY.iter().enumerate() {
            self.scale[lane] = match expert.scale {
                ScaleRule::Errors => continue,
                ScaleRule::KeyErrors => blend(errors.map(|e| e.0), self.scale[STACK]),
                ScaleRule::KeyChanges => blend(errors.map(|e| e.1), self.scale[LAST]),
                ScaleRule::Narrow => NARROW_PART * self.scale[STACK],
            };
        }
        // padding is endlessly wide: it has no mass, and takes no part in how masses are computed
        self.scale[DENSITY_EXPERTS..].fill(f64::INFINITY);
        let least = c.units.least();
        for lane in 0..LANES {
            self.scale[lane] = self.scale[lane].max(least);
            self.inverse[lane] = 1.0 / self.scale[lane];
        }
    }
}
