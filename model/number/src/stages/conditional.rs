//! The third stage of a prediction: the forecast of a column given what is known of its own event.

use crate::column::NumberColumn;
use crate::dims::EVENT_DIMS_MAX;
use crate::siblings::ERROR_SCALES_MAX;
use crate::stages::column_forecast::ColumnForecast;
use crate::stages::experts::*;
use surmise_experts::ExpertSet;

/// The error that other columns' errors explain stays within so many scales.
const SHIFT_SCALES_MAX: f64 = 30.0;
/// The value that other columns' values explain stays within so many units.
const SHIFT_UNITS_MAX: f64 = 20.0;

/// The forecast of one column given its event: centre, scale and weight of every conditional expert, the first of which
/// is the mixture of the density experts.
#[derive(Clone, Debug)]
pub(crate) struct ConditionalForecast {
    pub(super) awake: ExpertSet,
    /// Centres and 1/scales, `[CONDITIONAL_EXPERTS]`, in the column's units.
    pub(super) centre: [f64; CONDITIONAL_EXPERTS],
    pub(super) inverse: [f64; CONDITIONAL_EXPERTS],
    /// Weights, `[CONDITIONAL_EXPERTS]`; they sum to one.
    pub(super) weights: [f64; CONDITIONAL_EXPERTS],
}

/// What the regressions on the same event see. It is kept beside the forecast, because it is large, and a forecast is
/// passed on.
#[derive(Clone, Debug)]
pub(crate) struct SiblingInputs {
    /// The siblings' errors, in units of their scales: `[siblings]` and padding.
    pub(super) errors: [f64; EVENT_DIMS_MAX],
    /// The siblings' values as z, the stack and a constant: `[siblings + 2]` and padding.
    pub(super) values: [f64; EVENT_DIMS_MAX],
}

impl SiblingInputs {
    pub(crate) fn new() -> Self {
        Self { errors: [0.0; EVENT_DIMS_MAX], values: [0.0; EVENT_DIMS_MAX] }
    }
}

/// A column of the same event whose value is known: the value, its forecast, and what is learnt about the column.
pub(crate) struct KnownColumn<'a> {
    pub(super) value: f64,
    pub(super) forecast: &'a ColumnForecast,
    pub(super) column: &'a NumberColumn,
}

impl ConditionalForecast {
    /// The forecast of a column from the past (`forecast`), the event's `symbols`, and other columns of the event, as
    /// far as `known` has them. Leaves in `inputs` what the regressions saw.
    pub(crate) fn new<'a>(
        c: &NumberColumn,
        forecast: &ColumnForecast,
        symbols: &[u32],
        known: impl Fn(usize) -> Option<KnownColumn<'a>>,
        inputs: &mut SiblingInputs,
    ) -> Self {
        let mut it = Self {
            awake: DENSITY_ALONE,
            centre: [forecast.mean; CONDITIONAL_EXPERTS],
            inverse: std::array::from_fn(|i| if i == 0 { forecast.inverse[STACK] } else { 1.0 }),
            weights: [0.0; CONDITIONAL_EXPERTS],
        };
        if !c.ablation.conditioning {
            it.regress(c, forecast, known, inputs);
            if !symbols.is_empty() {
                it.awake = it.awake.with(GIVEN_SYMBOLS, true);
                let (offset, scale) = c.symbols.predict(symbols);
                let sigma = forecast.scale[STACK];
                it.centre[GIVEN_SYMBOLS] = forecast.mean + sigma * offset;
                it.inverse[GIVEN_SYMBOLS] = 1.0 / (sigma * scale).max(c.units.least());
            }
        }
        it.weights = c.conditional_share.awake_weights(it.awake);
        it
    }

    /// The forecasts from the siblings' errors and values, as far as these are known.
    fn regress<'a>(
        &mut self,
        c: &NumberColumn,
        forecast: &ColumnForecast,
        known: impl Fn(usize) -> Option<KnownColumn<'a>>,
        inputs: &mut SiblingInputs,
    ) {
        let Some(siblings) = &c.siblings else { return };
        (inputs.errors, inputs.values) = ([0.0; EVENT_DIMS_MAX], [0.0; EVENT_DIMS_MAX]);
        let mut any = false;
        for (i, other) in siblings.others().iter().enumerate() {
            let Some(other) = known(*other as usize) else { continue };
            any = true;
            let error = (other.value - other.forecast.mean) * other.forecast.inverse[STACK];
            inputs.errors[i] = error.clamp(-ERROR_SCALES_MAX, ERROR_SCALES_MAX);
            inputs.values[i] = other.column.units.z(other.value);
        }
        if !any {
            return;
        }
        let n = siblings.others().len();
        (inputs.values[n], inputs.values[n + 1]) = (c.units.z(forecast.mean), 1.0);
        self.awake = self.awake.with(GIVEN_ERRORS, true).with(GIVEN_VALUES, true);
        let sigma = forecast.scale[STACK];
        let error = siblings.predict_error(&inputs.errors).clamp(-SHIFT_SCALES_MAX, SHIFT_SCALES_MAX);
        self.centre[GIVEN_ERRORS] = forecast.mean + sigma * error;
        let z = siblings.predict_value(&inputs.values).clamp(-SHIFT_UNITS_MAX, SHIFT_UNITS_MAX);
        self.centre[GIVEN_VALUES] = c.units.base + c.units.unit * z;
        for i in [GIVEN_ERRORS, GIVEN_VALUES] {
            self.inverse[i] = 1.0 / c.conditional_scale(i).unwrap_or(sigma).max(c.units.least());
        }
    }

    /// Whether nothing of the event is known: the density alone takes part.
    pub(crate) fn is_density_alone(&self) -> bool {
        self.awake == DENSITY_ALONE
    }

    /// The forecast, and the 1/scale of the expert that is trusted most.
    pub(crate) fn centre(&self) -> (f64, f64) {
        let w = &self.weights;
        let best = (1..CONDITIONAL_EXPERTS).fold(0, |best, i| if w[i] > w[best] { i } else { best });
        (self.mean(), self.inverse[best])
    }

    /// The forecast: centres by weight and precision, so that the share which an expert keeps for bad days does not
    /// pull on the good ones.
    pub(crate) fn mean(&self) -> f64 {
        let awake = || (0..CONDITIONAL_EXPERTS).filter(|i| self.weights[*i] > 0.0);
        let widest = awake().map(|i| self.inverse[i]).fold(f64::MAX, f64::min);
        let (mut sum, mut total) = (0.0, 0.0);
        for i in awake() {
            let ratio = widest / self.inverse[i];
            let weight = self.weights[i] / (ratio * ratio).max(1e-30);
            sum += weight * (self.centre[i] - self.centre[0]);
            total += weight;
        }
        if total > 0.0 && sum.is_finite() { self.centre[0] + sum / total } else { self.centre[0] }
    }
}
