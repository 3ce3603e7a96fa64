//! Forecasts of several steps: persistence, season, and one regression for every step, learnt when the truth is there.

use super::bounds::SEQUENCES_MAX;
use super::measure::{Measure, Score};
use super::numbers::{PointErrors, add_losses, scores};
use super::rls::RecursiveLeastSquares;
use super::rows::{ColumnScales, LAGS_MAX, PastRows, features, inputs};
use super::season::{LAG_ROWS_MAX, SeasonFinder};
use crate::losses::LossSums;
use crate::units::ErrorUnits;
use lru::LruCache;
use std::collections::{BTreeMap, VecDeque};

const NAMES: [&str; 3] = ["persistence", "seasonal", "direct RLS"];
/// Steps times columns at most that the regression forecasts.
const OUTPUTS_MAX: usize = 2048;
/// The share of the past that the regression keeps at each row.
const FORGETTING: f64 = 0.9999;

/// The state of one key.
#[derive(Default)]
struct HorizonSequence {
    past: PastRows,
    /// What the regression saw at each of the latest events, and what it forecast there; the latest first.
    made: VecDeque<(Vec<f64>, Vec<f64>)>,
}

/// Forecasts of all number columns over all steps up to the last.
pub(crate) struct HorizonBaselines {
    names: Vec<String>,
    steps: usize,
    keys: LruCache<Option<Box<str>>, HorizonSequence>,
    season: SeasonFinder,
    scales: ColumnScales,
    rls: Option<(usize, RecursiveLeastSquares)>,
    errors: [Vec<PointErrors>; 3],
    seasonal: bool,
}

impl HorizonBaselines {
    pub(crate) fn new(names: Vec<String>, steps: usize) -> HorizonBaselines {
        let n = names.len();
        let size = inputs(n).filter(|_| n * steps <= OUTPUTS_MAX);
        HorizonBaselines {
            steps,
            keys: LruCache::new(SEQUENCES_MAX),
            season: SeasonFinder::default(),
            scales: ColumnScales::new(n),
            rls: size.map(|(lags, inputs)| (lags, RecursiveLeastSquares::new(inputs, n * steps, FORGETTING, 1.0))),
            errors: std::array::from_fn(|_| vec![PointErrors::default(); n]),
            seasonal: false,
            names,
        }
    }

    /// Judges the forecasts that were made of a row, learns the row, and makes the next forecasts. `row`: `[columns]`.
    pub(crate) fn event(&mut self, key: &Option<Box<str>>, time_us: Option<i64>, row: &[f64], count: bool) {
        let k = self.keys.get_or_insert_mut_ref(key, HorizonSequence::default);
        let (n, lag) = (row.len(), self.season.lag());
        self.seasonal |= lag.is_some();
        for step in (1..=self.steps).take_while(|_| count) {
            let Some(origin) = k.past.back(step) else { break };
            let before = lag.and_then(|l| k.past.back(l * step.div_ceil(l))).unwrap_or(origin);
            let linear = k.made.get(step - 1).map(|(_, f)| &f[(step - 1) * n..][..n]);
            for c in (0..n).filter(|c| row[*c].is_finite()) {
                self.errors[0][c].add(row[c] - origin[c]);
                self.errors[1][c].add(row[c] - before[c]);
                if let Some(f) = linear {
                    self.errors[2][c].add(row[c] - f[c]);
                }
            }
        }
        // how far the next rows would be from this one is known in full only `steps` rows later
        self.scales.learn(row, k.past.back(1));
        k.past.push(row, (self.steps + lag.unwrap_or(LAG_ROWS_MAX) + 1).max(LAGS_MAX));
        self.season.learn(time_us);
        let Some((lags, rls)) = &mut self.rls else { return };
        if let (Some((seen, _)), Some(origin)) = (k.made.get(self.steps - 1), k.past.back(self.steps + 1)) {
            let mut truth = vec![0.0; n * self.steps];
            for step in 1..=self.steps {
                let Some(then) = k.past.back(self.steps + 1 - step) else { continue };
                for c in 0..n {
                    truth[(step - 1) * n + c] = ((then[c] - origin[c]) / self.scales.deviation(c)).clamp(-20.0, 20.0);
                }
            }
            rls.learn(seen, &truth);
        }
        let mut seen = Vec::new();
        let before = lag.and_then(|l| k.past.back(l));
        features(&k.past, &self.scales, *lags, time_us, before, &mut seen);
        let last = k.past.back(1).unwrap_or_default();
        let forecast = |o: usize| {
            let c = o % n;
            let change = rls.forecast(o, &seen) * self.scales.deviation(c);
            last[c] + self.scales.bounded(c, change, 1 + o / n)
        };
        let forecasts = (0..n * self.steps).map(forecast).collect();
        k.made.push_front((seen, forecasts));
        k.made.truncate(self.steps);
    }

    pub(crate) fn ended(&mut self, key: &Option<Box<str>>) {
        self.keys.pop(key);
    }

    pub(crate) fn scores(&self, units: &ErrorUnits) -> Vec<Score> {
        scores([Measure::AheadMse, Measure::AheadMae], self.named(), &self.names, units)
    }

    /// Adds the errors so far to each predictor's losses.
    pub(crate) fn add_losses(&self, out: &mut BTreeMap<String, LossSums>) {
        add_losses([Measure::AheadMse, Measure::AheadMae], self.named(), &self.names, out);
    }

    fn named(&self) -> impl Iterator<Item = (&'static str, &Vec<PointErrors>)> {
        let all = NAMES.into_iter().zip(&self.errors).enumerate();
        all.filter(|(i, _)| *i != 1 || self.seasonal).map(|(_, n)| n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_judged_when_their_truth_comes() {
        let mut a = HorizonBaselines::new(vec!["x".into()], 3);
        for i in 0..10 {
            a.event(&None, None, &[f64::from(i)], true);
        }
        // a line of slope 1: persistence misses by the number of steps; 9 + 8 + 7 forecasts had their truth
        let e = a.errors[0][0];
        assert_eq!((e.count, e.squares, e.distances), (24, 9.0 + 8.0 * 4.0 + 7.0 * 9.0, 9.0 + 16.0 + 21.0));
        assert_eq!(a.errors[2][0].count, 24);
    }

    #[test]
    fn a_regression_learns_what_repeats() {
        let mut a = HorizonBaselines::new(vec!["x".into()], 5);
        for i in 0..3000i64 {
            a.event(&None, None, &[(i as f64 * 0.7).sin() * 4.0], i > 1000);
        }
        let s = a.scores(&ErrorUnits::default());
        let mse = |name: &str| s.iter().find(|s| s.name == name && s.measure == Measure::AheadMse).unwrap().value;
        assert!(mse("direct RLS") < 0.01 * mse("persistence"), "{s:?}");
    }
}
