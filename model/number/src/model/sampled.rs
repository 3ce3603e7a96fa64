//! Forecasts of several events from paths: what may come is drawn from the distribution of each step, and fed back in.
//!
//! Step one is the standing distribution. A number of values are drawn from it, one from each of as many equally likely
//! parts; each of them goes on as a path of its own, which draws its next value from the distribution that stands after
//! it. The draws of a step are again one from each part, in an order that has nothing to do with that of the step
//! before (Latin hypercube sampling; McKay, Beckman and Conover, 1979). So values keep what the model knows of them:
//! an order, a range, a season that they return to, values that come again and again, a counter that starts again.
//! A draw beyond a bound that values keep (see `range`) counts as lying at it. Columns are drawn independently of each
//! other within an event.

use crate::key_column::KeyColumn;
use crate::options::{EventContext, Forecast, Given};
use crate::stages::event::EventScratch;
use crate::stages::network::LookAhead;
use crate::stages::quantiles::Predictive;
use crate::{NumberKey, NumberModel};
use surmise_experts::PointLoss;

/// Paths that are drawn: at most so many; fewer where all of them would take more draws than there is time for, and so
/// many where that is too few, or where leads are learnt and only waited for.
const PATHS_MAX: usize = 128;
const DRAWS_MAX: usize = 50_000;
const PATHS_MIN: usize = 8;

impl NumberModel {
    /// The next `horizon` events of a key as paths have them: the mean of what each path expects, and the median and
    /// the quantiles at `levels` of what they draw. `ctx` speaks of the first step.
    pub(super) fn forecast_paths(
        &self,
        key: &NumberKey,
        ctx: &EventContext<'_>,
        horizon: usize,
        levels: &[f64],
    ) -> Vec<Vec<Forecast>> {
        let columns = self.columns();
        let mut ahead = self.network.as_ref().map(|network| network.ahead(key.network.as_ref()));
        let mut first = EventScratch::default();
        first.forecast(self.sources(), key, ctx, &mut ahead);
        let standing = |j: usize| Forecast {
            mean: first.point(j, PointLoss::Squared),
            median: first.point(j, PointLoss::Absolute),
            quantiles: self.standing_quantiles(&first, j, levels),
        };
        let mut steps: Vec<Vec<Forecast>> = (0..horizon.min(1)).map(|_| (0..columns).map(standing).collect()).collect();
        if horizon > 1 {
            let start = PathStart { key: moving_copy(key, columns), ahead, first };
            let drawn = self.draw_paths(&start, horizon);
            steps.extend(drawn.chunks(columns).map(|step| step.iter().map(|drawn| drawn.forecast(levels)).collect()));
        }
        steps
    }

    /// Draws paths. Returns what they had from the second step on, `[horizon − 1 · columns]`.
    fn draw_paths(&self, start: &PathStart, horizon: usize) -> Vec<Drawn> {
        let columns = self.columns();
        let paths = match self.horizons {
            Some(_) => PATHS_MIN,
            None => (DRAWS_MAX / (horizon * columns).max(1)).clamp(PATHS_MIN, PATHS_MAX),
        };
        let mut shuffle = Shuffle(0);
        let mut parts = |_| shuffle.parts(paths);
        let even: Vec<f64> = (0..paths).map(|i| level(i, paths)).collect();
        let of_first: Vec<Vec<f64>> = (0..columns).map(|j| self.standing_quantiles(&start.first, j, &even)).collect();
        let orders: Vec<Vec<u32>> = (0..horizon * columns).map(&mut parts).collect();
        let mut drawn: Vec<Drawn> = (columns..horizon * columns).map(|_| Drawn::default()).collect();
        let mut event = EventScratch::default();
        for path in 0..paths {
            let (mut key, mut ahead) = (start.key.clone(), start.ahead.clone());
            let first = |j: usize| self.columns[j].range.keep(of_first[j][orders[j][path] as usize]);
            self.move_by(&mut key, &start.first, first);
            for step in 1..horizon {
                event.forecast(self.sources(), &key, &EventContext::default(), &mut ahead);
                for j in 0..columns {
                    let at = level(orders[step * columns + j][path] as usize, paths);
                    let drawn = &mut drawn[(step - 1) * columns + j];
                    let keep = |y: f64| self.columns[j].range.keep(y);
                    drawn.expected += keep(event.point(j, PointLoss::Squared)) / paths as f64;
                    drawn.values.extend(self.standing_quantiles(&event, j, &[at]).into_iter().map(keep));
                }
                if step + 1 < horizon {
                    let value = |j: usize| drawn[(step - 1) * columns + j].values[path];
                    self.move_by(&mut key, &event, value);
                }
            }
        }
        drawn
    }

    /// Moves a key on over an event that had these values.
    fn move_by(&self, key: &mut NumberKey, event: &EventScratch, value: impl Fn(usize) -> f64) {
        for (j, (key, column)) in key.columns.iter_mut().zip(&self.columns).enumerate() {
            if column.units.seen == 0 {
                continue;
            }
            if event.would_settle(&column.units, j, value(j)) {
                key.repeat();
            } else {
                key.push(Some(value(j)), event.mean(j), column.units.quantum);
            }
        }
        self.move_days(key, event, value);
    }

    /// Quantiles of the distribution of a column that stands before an event.
    fn standing_quantiles(&self, event: &EventScratch, column: usize, levels: &[f64]) -> Vec<f64> {
        if levels.is_empty() {
            return Vec::new();
        }
        let map = self.columns[column].calibrator(Given::Before).map();
        Predictive::new(event.cdf(&self.columns, column)).quantiles(levels.iter().map(|level| map.plain(*level)))
    }
}

/// Where paths begin: the key before the first step, and the distribution of that.
struct PathStart {
    key: NumberKey,
    ahead: Option<LookAhead>,
    first: EventScratch,
}

/// What paths had of one column at one step.
#[derive(Default)]
struct Drawn {
    /// The mean of what each expected.
    expected: f64,
    values: Vec<f64>,
}

impl Drawn {
    fn forecast(&self, levels: &[f64]) -> Forecast {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        // the draw whose part of the distribution the level is in, so that it is a value that can come
        let quantile = |level: f64| sorted[((level * sorted.len() as f64) as usize).min(sorted.len() - 1)];
        Forecast {
            mean: self.expected,
            median: quantile(0.5),
            quantiles: levels.iter().map(|level| quantile(*level)).collect(),
        }
    }
}

/// The middle of one of so many equally likely parts of a distribution.
fn level(part: usize, parts: usize) -> f64 {
    (part as f64 + 0.5) / parts as f64
}

/// A key that can be moved on many times: the network's part is in what looks ahead.
fn moving_copy(key: &NumberKey, columns: usize) -> NumberKey {
    let mut key = NumberKey { network: None, ..key.clone() };
    key.columns.resize_with(columns, KeyColumn::new);
    key
}

/// Orders that have nothing to do with each other, the same ones in every forecast (splitmix64; Steele, Lea and Flood,
/// 2014).
struct Shuffle(u64);

impl Shuffle {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The numbers below `n` in such an order.
    fn parts(&mut self, n: usize) -> Vec<u32> {
        let mut parts: Vec<u32> = (0..n as u32).collect();
        for i in (1..n).rev() {
            parts.swap(i, (self.bits() % (i as u64 + 1)) as usize);
        }
        parts
    }
}
