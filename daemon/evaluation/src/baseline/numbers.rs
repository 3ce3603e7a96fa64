//! Number columns, one step ahead: persistence, season, smoothing, and linear regression on past rows of all columns.

use super::bounds::SEQUENCES_MAX;
use super::measure::{Measure, Score};
use super::rls::RecursiveLeastSquares;
use super::rows::{ColumnScales, LAGS_MAX, PastRows, features, inputs};
use super::season::{LAG_ROWS_MAX, SeasonFinder};
use super::smooth::{AVERAGES, Smoothing, TRENDS};
use crate::losses::LossSums;
use crate::units::ErrorUnits;
use lru::LruCache;
use std::collections::BTreeMap;

const NAMES: [&str; 5] = ["persistence", "seasonal", "moving average", "Holt", "linear RLS"];
/// The share of the past that the regression keeps at each row: a memory of some 10,000 rows.
const FORGETTING: f64 = 0.9999;
/// Rows after which scales are no longer guesses; rows before would be learnt in units that soon mean something else.
const SCALES_ROWS_MIN: u64 = 24;

/// Squared and absolute errors of one forecast of one column.
#[derive(Clone, Copy, Default)]
pub(crate) struct PointErrors {
    pub(crate) count: u64,
    pub(crate) squares: f64,
    pub(crate) distances: f64,
}

impl PointErrors {
    pub(crate) fn add(&mut self, miss: f64) {
        self.count += 1;
        self.squares += miss * miss;
        self.distances += miss.abs();
    }
}

/// The mean over columns of squared and absolute errors in their units.
fn mean(errors: &[PointErrors], names: &[String], units: &ErrorUnits) -> Option<(f64, f64)> {
    let mut sums = (0.0, 0.0, 0.0);
    for (e, name) in errors.iter().zip(names).filter(|(e, _)| e.count > 0) {
        let (n, unit) = (e.count as f64, units.of(name).unwrap_or(1.0));
        sums = (sums.0 + e.squares / n / (unit * unit), sums.1 + e.distances / n / unit, sums.2 + 1.0);
    }
    (sums.2 > 0.0).then(|| (sums.0 / sums.2, sums.1 / sums.2))
}

/// Squared and absolute errors of predictors by name, of those that made any forecast. `columns` are the names of the
/// columns in the order of each predictor's errors.
pub(crate) fn scores<'a>(
    measures: [Measure; 2],
    named: impl Iterator<Item = (&'static str, &'a Vec<PointErrors>)>,
    columns: &[String],
    units: &ErrorUnits,
) -> Vec<Score> {
    let means = named.filter_map(|(name, errors)| Some((name, mean(errors, columns, units)?)));
    means
        .flat_map(|(name, (mse, mae))| {
            [(measures[0], mse), (measures[1], mae)].map(|(m, x)| Score::new(m, name.into(), x))
        })
        .collect()
}

/// Adds errors of predictors to the losses of these. `columns` as in [`scores`].
pub(crate) fn add_losses<'a>(
    measures: [Measure; 2],
    named: impl Iterator<Item = (&'static str, &'a Vec<PointErrors>)>,
    columns: &[String],
    out: &mut BTreeMap<String, LossSums>,
) {
    for (name, errors) in named {
        let losses = out.entry(name.to_owned()).or_default();
        for (e, column) in errors.iter().zip(columns) {
            losses.columns.insert((measures[0], column.clone()), (e.squares, e.count as f64));
            losses.columns.insert((measures[1], column.clone()), (e.distances, e.count as f64));
        }
    }
}

/// The state of one key.
struct NumberSequence {
    past: PastRows,
    averages: Vec<Smoothing>,
    trends: Vec<Smoothing>,
}

/// Forecasts of all number columns of a stream.
pub(crate) struct NumberBaselines {
    names: Vec<String>,
    /// The only column that is forecast, given the others.
    target: Option<usize>,
    keys: LruCache<Option<Box<str>>, NumberSequence>,
    season: SeasonFinder,
    scales: ColumnScales,
    rls: Option<(usize, RecursiveLeastSquares)>,
    inputs: Vec<f64>,
    errors: [Vec<PointErrors>; 5],
    seasonal: bool,
}

impl NumberBaselines {
    pub(crate) fn new(names: Vec<String>, target: Option<usize>) -> NumberBaselines {
        let n = names.len();
        NumberBaselines {
            target,
            keys: LruCache::new(SEQUENCES_MAX),
            season: SeasonFinder::default(),
            scales: ColumnScales::new(n),
            rls: inputs(n).map(|(lags, inputs)| (lags, RecursiveLeastSquares::new(inputs, n, FORGETTING, 1.0))),
            inputs: Vec::new(),
            errors: std::array::from_fn(|_| vec![PointErrors::default(); n]),
            seasonal: false,
            names,
        }
    }

    /// Judges the forecasts of a row, and learns the row. `row`: `[columns]`; a value that is not finite is missing.
    pub(crate) fn event(&mut self, key: &Option<Box<str>>, time_us: Option<i64>, row: &[f64], count: bool) {
        let smooth = |rates| vec![Smoothing::new(rates); row.len()];
        let new = || NumberSequence { past: PastRows::default(), averages: smooth(AVERAGES), trends: smooth(TRENDS) };
        let k = self.keys.get_or_insert_mut_ref(key, new);
        let lag = self.season.lag();
        self.seasonal |= lag.is_some();
        let last: Vec<f64> = k.past.back(1).map_or_else(|| vec![0.0; row.len()], <[f64]>::to_vec);
        let before = lag.and_then(|l| k.past.back(l));
        if let Some((lags, _)) = &self.rls {
            let given: Option<Vec<f64>> = self.target.map(|t| {
                let mut given = row.to_vec();
                given[t] = f64::NAN;
                given
            });
            features(&k.past, &self.scales, *lags, time_us, given.as_deref().or(before), &mut self.inputs);
        }
        for c in (0..row.len()).filter(|c| count && row[*c].is_finite() && self.target.is_none_or(|t| t == *c)) {
            let linear = self.rls.as_ref().map(|(_, rls)| {
                let change = rls.forecast(c, &self.inputs) * self.scales.deviation(c);
                let change = if self.target.is_some() { change } else { self.scales.bounded(c, change, 1) };
                last[c] + change
            });
            let all = [
                Some(last[c]),
                Some(before.map_or(last[c], |b| b[c])),
                Some(k.averages[c].forecast()),
                Some(k.trends[c].forecast()),
                linear,
            ];
            for (e, forecast) in self.errors.iter_mut().zip(all).filter_map(|(e, f)| Some((e, f?))) {
                e[c].add(row[c] - forecast);
            }
        }
        if let Some((_, rls)) = &mut self.rls
            && k.past.back(1).is_some()
            && self.scales.settled(SCALES_ROWS_MIN)
        {
            let changes: Vec<f64> = (0..row.len())
                .map(|c| (row[c] - last[c]) / self.scales.deviation(c))
                .map(|y| y.clamp(-20.0, 20.0))
                .collect();
            rls.learn(&self.inputs, &changes);
        }
        for c in (0..row.len()).filter(|c| row[*c].is_finite()) {
            k.averages[c].learn(row[c]);
            k.trends[c].learn(row[c]);
        }
        self.scales.learn(row, k.past.back(1));
        k.past.push(row, lag.unwrap_or(LAG_ROWS_MAX).max(LAGS_MAX));
        self.season.learn(time_us);
    }

    pub(crate) fn ended(&mut self, key: &Option<Box<str>>) {
        self.keys.pop(key);
    }

    pub(crate) fn scores(&self, units: &ErrorUnits) -> Vec<Score> {
        scores([Measure::Mse, Measure::Mae], self.named(), &self.names, units)
    }

    /// Adds the errors so far to each predictor's losses.
    pub(crate) fn add_losses(&self, out: &mut BTreeMap<String, LossSums>) {
        add_losses([Measure::Mse, Measure::Mae], self.named(), &self.names, out);
    }

    fn named(&self) -> impl Iterator<Item = (&'static str, &Vec<PointErrors>)> {
        let all = NAMES.into_iter().zip(&self.errors).enumerate();
        all.filter(|(i, _)| *i != 1 || self.seasonal).map(|(_, n)| n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mse(s: &[Score], name: &str) -> f64 {
        s.iter().find(|s| s.measure == Measure::Mse && s.name == name).unwrap().value
    }

    #[test]
    fn each_forecast_finds_what_it_is_for() {
        let mut n = NumberBaselines::new(vec!["a".into(), "b".into()], None);
        let noise = |i: i64| (((i * 7919) % 1013) as f64 / 1013.0 - 0.5) * 2.0;
        for i in 0..2000 {
            // a jumps about but is the same every day; b is what a was two hours before
            let a = |i: i64| noise(i.rem_euclid(24));
            n.event(&None, Some(i * 3_600_000_000), &[a(i), a(i - 2)], i > 500);
        }
        let s = n.scores(&ErrorUnits::default());
        assert!(mse(&s, "seasonal") < 1e-12, "{s:?}");
        assert!(mse(&s, "linear RLS") < 0.01 && mse(&s, "persistence") > 0.1, "{s:?}");
    }

    /// What lies further back than a season is an input as well: with a row an hour, all 26 that are said.
    #[test]
    fn every_lag_that_is_said_is_kept() {
        let mut n = NumberBaselines::new(vec!["x".into()], None);
        let noise = |i: i64| if i < 0 { 0.0 } else { ((i * i * 31 + i * 7919) % 1013) as f64 / 1013.0 - 0.5 };
        let mut rows = vec![0.0; 3000];
        for i in 0..3000usize {
            // each row is the one 26 rows before, turned around, and little else
            rows[i] = noise(i as i64) * 0.05 - if i >= 26 { rows[i - 26] } else { noise(i as i64 * 5) };
            n.event(&None, Some(i as i64 * 3_600_000_000), &rows[i..=i], i > 1500);
        }
        let s = n.scores(&ErrorUnits::default());
        assert!(mse(&s, "linear RLS") < 0.02 * mse(&s, "persistence"), "{s:?}");
    }

    #[test]
    fn a_target_is_forecast_given_the_others() {
        let mut n = NumberBaselines::new(vec!["x".into(), "y".into()], Some(1));
        for i in 0..3000i64 {
            let x = ((i * 7919) % 1013) as f64 / 100.0;
            n.event(&None, None, &[x, 3.0 * x + 2.0], i > 1000);
        }
        let s = n.scores(&ErrorUnits::default());
        assert!(mse(&s, "linear RLS") < 2.0 && mse(&s, "persistence") > 100.0, "{s:?}");
        assert!(s.iter().all(|s| s.name != "seasonal"), "there are no times");
    }
}
