//! A column that is rolled out over events that come as expected: what is expected of each, and how wide that is.

use crate::column::NumberColumn;
use crate::options::{Forecast, Given};
use crate::stages::event::EventScratch;
use crate::stages::quantiles::Predictive;
use surmise_experts::PointLoss;

/// Scales grow up to so many units of the column.
const SPREAD_UNITS_MAX: f64 = 1.5;
/// A path that is as likely as that is certain.
const CERTAIN_MIN: f64 = 0.999;

/// The steps of one column so far.
///
/// Where one value is likelier than all others together, it is what is expected; else that is the mean. Quantiles of a
/// column without such values keep the shape of step one around the mean, and widen as an autoregression with the
/// column's own lag-one correlation does, up to the column's own spread: σ_h = σ_1 √(1 + φ² + … + φ^2(h−1)). Where
/// there are such values, a step's own distribution stands as far as the path to it is likely, and beyond that all
/// values of the column as often as they come.
pub(super) struct RolledColumn {
    /// What was expected of the latest step.
    expected: f64,
    /// How likely the path was, of values that were likelier than all others together.
    likely: f64,
    /// The shape that widens, made at the first step; none where one value was expected there.
    shape: Option<RolledShape>,
    is_first: bool,
}

impl RolledColumn {
    pub(super) fn new() -> RolledColumn {
        RolledColumn { expected: f64::NAN, likely: 1.0, shape: None, is_first: true }
    }

    /// What was expected of the latest step.
    pub(super) fn expected(&self) -> f64 {
        self.expected
    }

    /// The forecast of the next step, of which `event` knows all that can be known; quantiles at `levels`.
    pub(super) fn step(
        &mut self,
        event: &EventScratch,
        columns: &[NumberColumn],
        column: usize,
        levels: &[f64],
    ) -> Forecast {
        let is_first = std::mem::replace(&mut self.is_first, false);
        let value = Predictive::likeliest(event.cdf(columns, column));
        if is_first && value.is_none() {
            self.shape = Some(RolledShape::new(event, columns, column, levels));
        }
        let mean = event.point(column, PointLoss::Squared);
        let quantiles = match &mut self.shape {
            Some(shape) if value.is_none() => shape.widen(if is_first { event.mean(column) } else { mean }),
            _ => self.own_quantiles(event, columns, column, levels),
        };
        let (expected, likely) = value.unwrap_or((event.mean(column), 1.0));
        self.expected = expected;
        self.likely *= likely;
        Forecast { mean, median: event.point(column, PointLoss::Absolute), quantiles }
    }

    /// Quantiles of the step's own distribution, as far as the path to it is likely.
    fn own_quantiles(&self, event: &EventScratch, columns: &[NumberColumn], column: usize, levels: &[f64]) -> Vec<f64> {
        let c = &columns[column];
        let map = c.calibrator(Given::Before).map();
        let standing = Predictive::new(event.cdf(columns, column));
        let own = |levels: Vec<f64>| standing.quantiles(levels.into_iter().map(|level| map.plain(level)));
        if self.likely >= CERTAIN_MIN {
            return own(levels.to_vec());
        }
        // what is off the path lies half below the step's own distribution and half above it
        let off = 1.0 - self.likely;
        let within = levels.iter().map(|level| ((level - 0.5 * off) / self.likely).clamp(0.0, 1.0));
        let within = own(within.collect());
        let beyond = |level: f64, near: f64| {
            let far = c.values.quantile(level).unwrap_or(near);
            if level < 0.5 { far.min(near) } else { far.max(near) }
        };
        let both = levels.iter().zip(within).map(|(level, near)| match *level {
            low if low < 0.5 * off => beyond(low / off, near),
            high if high > 1.0 - 0.5 * off => beyond((high - self.likely) / off, near),
            _ => near,
        });
        both.collect()
    }
}

/// The shape of a column's distribution at the first step, and how it widens with each step.
struct RolledShape {
    /// Quantiles less the mean.
    offsets: Vec<f64>,
    autocorrelation: f64,
    /// The scale grows up to so many times its first.
    widest: f64,
    /// 1 + φ² + … so far, and the next term.
    variance: f64,
    power: f64,
}

impl RolledShape {
    /// The shape of the first step.
    fn new(event: &EventScratch, columns: &[NumberColumn], column: usize, levels: &[f64]) -> RolledShape {
        let c = &columns[column];
        let mut offsets = Vec::new();
        if !levels.is_empty() {
            let map = c.calibrator(Given::Before).map();
            let standing = Predictive::new(event.cdf(columns, column));
            offsets = standing.quantiles(levels.iter().map(|level| map.plain(*level)));
            offsets.iter_mut().for_each(|offset| *offset -= event.mean(column));
        }
        let widest = (SPREAD_UNITS_MAX * c.units.unit / event.scale(column).max(1e-300)).max(1.0);
        RolledShape { offsets, autocorrelation: c.autocorrelation(0.0), widest, variance: 0.0, power: 1.0 }
    }

    /// The quantiles of the next step around its centre, wider than those before.
    fn widen(&mut self, centre: f64) -> Vec<f64> {
        self.variance += self.power;
        self.power *= self.autocorrelation * self.autocorrelation;
        let wider = self.variance.sqrt().min(self.widest);
        self.offsets.iter().map(|offset| centre + offset * wider).collect()
    }
}
