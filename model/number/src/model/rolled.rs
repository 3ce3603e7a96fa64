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
/// Values recur where no more of them than this part are new.
const NOVELTY_MAX: f64 = 0.05;

/// The steps of one column so far.
///
/// Where one value is likelier than all others together, it is what is expected; else that is the mean. Quantiles of a
/// column without such values keep the shape of step one around the mean, and widen as an autoregression with the
/// column's own lag-one correlation does, up to the column's own spread: σ_h = σ_1 √(1 + φ² + … + φ^2(h−1)). Where
/// there are such values, a step's own distribution stands as far as the path to it is likely, and beyond that, where
/// values recur, all of the column as often as they come.
pub(super) struct RolledColumn {
    /// What was expected of the latest step.
    expected: f64,
    /// How likely the path was, of values that were likelier than all others together.
    likely: f64,
    /// The shape that widens, made at the first step without such a value.
    shape: Option<RolledShape>,
    /// 1 + φ² + … so far, and the next term.
    variance: f64,
    power: f64,
}

impl RolledColumn {
    pub(super) fn new() -> RolledColumn {
        RolledColumn { expected: f64::NAN, likely: 1.0, shape: None, variance: 0.0, power: 1.0 }
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
        let is_first = self.variance == 0.0;
        self.variance += self.power;
        self.power *= libm::pow(columns[column].autocorrelation(0.0), 2.0);
        let value = Predictive::likeliest(event.cdf(columns, column));
        let mean = event.point(column, PointLoss::Squared);
        let quantiles = match value {
            Some(_) => self.own_quantiles(event, columns, column, levels),
            None => {
                let shape = self.shape.get_or_insert_with(|| RolledShape::new(event, columns, column, levels));
                // what stands for the first step is around the stack
                shape.widened(if is_first { event.mean(column) } else { mean }, self.variance.sqrt())
            }
        };
        let (expected, likely) = value.unwrap_or((event.mean(column), 1.0));
        self.expected = expected;
        self.likely *= likely;
        Forecast { mean, median: event.point(column, PointLoss::Absolute), quantiles }
    }

    /// Quantiles of the step's own distribution, as far as the path to it is likely.
    fn own_quantiles(&self, event: &EventScratch, columns: &[NumberColumn], column: usize, levels: &[f64]) -> Vec<f64> {
        let c = &columns[column];
        let mut quantiles = standing_quantiles(event, columns, column, levels);
        // what is off the path lies half below the step's own distribution and half above it, where values recur
        let off = 1.0 - self.likely;
        if self.likely >= CERTAIN_MIN || c.values.novelty() > NOVELTY_MAX {
            return quantiles;
        }
        for (level, y) in levels.iter().zip(&mut quantiles) {
            if *level < 0.5 * off {
                *y = c.values.quantile(level / off).map_or(*y, |far| far.min(*y));
            } else if *level > 1.0 - 0.5 * off {
                *y = c.values.quantile((level - self.likely) / off).map_or(*y, |far| far.max(*y));
            }
        }
        quantiles
    }
}

/// Quantiles of the distribution that stands before an event.
fn standing_quantiles(event: &EventScratch, columns: &[NumberColumn], column: usize, levels: &[f64]) -> Vec<f64> {
    if levels.is_empty() {
        return Vec::new();
    }
    let map = columns[column].calibrator(Given::Before).map();
    Predictive::new(event.cdf(columns, column)).quantiles(levels.iter().map(|level| map.plain(*level)))
}

/// The shape of a column's distribution at a step, to be widened.
struct RolledShape {
    /// Quantiles less the mean.
    offsets: Vec<f64>,
    /// The scale grows up to so many times its first.
    widest: f64,
}

impl RolledShape {
    /// The shape of a step as if it were the first.
    fn new(event: &EventScratch, columns: &[NumberColumn], column: usize, levels: &[f64]) -> RolledShape {
        let mut offsets = standing_quantiles(event, columns, column, levels);
        offsets.iter_mut().for_each(|offset| *offset -= event.mean(column));
        let unit = columns[column].units.unit;
        let widest = (SPREAD_UNITS_MAX * unit / event.scale(column).max(1e-300)).max(1.0);
        RolledShape { offsets, widest }
    }

    /// The quantiles around a centre, so many times as wide.
    fn widened(&self, centre: f64, wider: f64) -> Vec<f64> {
        let wider = wider.min(self.widest);
        self.offsets.iter().map(|offset| centre + offset * wider).collect()
    }
}
