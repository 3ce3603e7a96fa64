//! The point forecasts: what every expert says of a value by itself, and the mixtures of them. Each of two losses has
//! one for usual times and one for right after a surprise.
//!
//! The mixtures are apart from that of the densities: a density pays for what it leaves out, a point for how far off it
//! is. Their bound holds for squared and absolute errors (PREDICTOR §8).

use crate::bounds::within;
use crate::column::NumberColumn;
use crate::key_column::KeyColumn;
use crate::stages::experts::*;
use crate::stages::past::{ColumnPast, Regime};
use crate::stages::point_experts::POINT_EXPERTS;
use surmise_experts::{ExpertSet, MixedPoint, PointInputs, PointLoss};

/// The lanes of the density experts that the first of them are.
const FROM_LANES: [usize; 11] =
    [LAST, LAST + 1, LAST + 2, DAY, DAY + 1, OWN, ALL, NETWORK, STACK, STACK + 3, STACK + 5];
/// Those of them that may go beyond all values, by their places.
const EXTRAPOLATING: std::ops::Range<usize> = 4..9;
/// The day before is a good forecast while its mean error is less than so many of the last value's.
const DAY_ERRORS_MAX: f64 = 4.0;
const DENSITY_MEAN: usize = FROM_LANES.len();

/// The point forecasts of one column.
#[derive(Clone, Debug)]
pub(crate) struct PointForecasts {
    pub(crate) inputs: PointInputs<POINT_EXPERTS>,
    /// By [`PointLoss`].
    pub(super) made: [MixedPoint; 2],
}

/// The ranges that nothing that extrapolates may leave: around the last value, and with the record of days.
pub(crate) struct PointRanges {
    pub(super) near: (f64, f64),
    pub(super) with_days: (f64, f64),
}

/// What the forecasts of the density mixture are, by lane, and what they weigh.
pub(crate) struct DensityPoints<'a> {
    pub(super) centre: &'a [f64; LANES],
    pub(super) weights: &'a [f64; LANES],
    pub(super) awake: ExpertSet,
}

impl PointForecasts {
    pub(crate) fn new() -> Self {
        Self { inputs: PointInputs::empty(), made: [MixedPoint::default(); 2] }
    }

    /// The forecast under a loss.
    pub(crate) fn value(&self, loss: PointLoss) -> f64 {
        self.made[loss as usize].value
    }

    /// Where a key has no value yet, there is one thing to say.
    pub(crate) fn set_only(&mut self, value: f64) {
        self.inputs = PointInputs::empty();
        self.inputs.set(&[0.0; POINT_EXPERTS], ExpertSet::EMPTY);
        self.made = [MixedPoint::of(value); 2];
    }

    /// Asks every expert, and mixes what they say.
    pub(crate) fn make(
        &mut self,
        c: &NumberColumn,
        key: &KeyColumn,
        past: &ColumnPast,
        ranges: &PointRanges,
        density: &DensityPoints<'_>,
    ) {
        let (mut x, mut awake) = ([f64::NAN; POINT_EXPERTS], ExpertSet::EMPTY);
        for (to, (i, lane)) in x.iter_mut().zip(FROM_LANES.iter().enumerate()) {
            *to = density.centre[*lane];
            awake = awake.with(i, density.awake.has(*lane));
        }
        let latest = key.lag(1);
        let smoothing = key.smoothing();
        let (averages, trends, rises) = (smoothing.averages(), smoothing.trends(1.0), smoothing.rises());
        let (average, trend) = c.smoothing.best();
        let long = latest + c.units.unit * c.long.predict(0, &past.long);
        let day_change = past.day.zip(past.day_before).map_or(f64::NAN, |(day, before)| latest + day - before);
        // nothing that extrapolates goes as far as yesterday's value unless that has been a good forecast
        let error = |lane: usize| c.scale(Regime::Known, lane);
        let day_counts = error(DAY) < DAY_ERRORS_MAX * error(LAST);
        let (low, high) = if day_counts { ranges.with_days } else { ranges.near };
        let keep = |y: f64| if y.is_finite() { within(y, low, high) } else { y };
        // what remembers for long does not stay behind when values have gone somewhere else for good
        let (lowest, highest) = key.lag_range();
        let recent = |y: f64| y.max(low.min(lowest)).min(high.max(highest));
        for i in EXTRAPOLATING {
            x[i] = keep(x[i]);
        }
        // that a counter started again yesterday says nothing of today
        let day_change = if smoothing.is_counter() { day_change.max(latest) } else { day_change };
        let rest = [
            keep(weighted_mean(density)),
            keep(long),
            recent(averages[0]),
            recent(averages[1]),
            recent(averages[average]),
            recent(c.units.half()),
            keep(density.centre[STACK] + c.stack_half),
            recent(trends[2]),
            recent(smoothing.plateau().forecast()),
            recent(trends[trend]),
            keep(day_change),
            keep(latest + rises[0]),
            keep(latest + rises[1]),
        ];
        for (i, y) in (DENSITY_MEAN..).zip(rest) {
            x[i] = y;
            awake = awake.with(i, true);
        }
        self.inputs.set(&x, awake);
        for loss in PointLoss::ALL {
            self.made[loss as usize] = c.points(loss).forecast(&self.inputs, key.is_startled());
        }
    }
}

/// The mean of the density experts' centres, by their weights.
fn weighted_mean(density: &DensityPoints<'_>) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for lane in 0..DENSITY_EXPERTS {
        if T3.has(lane) && density.awake.has(lane) {
            sum += density.weights[lane] * density.centre[lane];
            total += density.weights[lane];
        }
    }
    sum / total
}
