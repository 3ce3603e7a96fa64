//! Exponential smoothing of one column of one key: averages, Holt's method (1957) at several rates, the mean rise of a
//! counter, and the mean since the level last moved.
//!
//! Each gives point forecasts, which the mixtures of [`crate::stages::points`] weigh. Beside the single settings stands
//! the one that has had the least squared errors of late, as one who tunes a method by hand would choose.

use crate::dims::AVERAGE_DISTANCE_MAX;
use crate::plateau::Plateau;
use crate::units::ColumnUnits;
use surmise_experts::RunningMean;
use surmise_state::{Persist, State, StateError};

/// Settings of each method.
pub(crate) const SETTINGS: usize = 4;
/// Rates of averages.
const AVERAGE_RATES: [f64; SETTINGS] = [0.05, 0.2, 0.5, 0.8];
/// Rates of Holt's level and trend.
const TREND_RATES: [(f64, f64); SETTINGS] = [(0.3, 0.05), (0.5, 0.1), (0.8, 0.1), (0.9, 0.3)];
/// The share of old errors that is kept at each value, when settings are compared.
const ERROR_FORGETTING: f64 = 0.99;
/// Mean rises: a slow one and a quick one.
const RISES: [RunningMean; 2] = [RunningMean::new(0.02), RunningMean::new(0.3)];
/// The share of changes that do not fall, from which a fall is a counter that starts again.
const RISING: RunningMean = RunningMean::new(0.02);
const COUNTER_RISING_MIN: f64 = 0.9;

/// The smoothing of one column of one key.
#[derive(Clone, Debug)]
pub(crate) struct ColumnSmoothing {
    averages: [f64; SETTINGS],
    levels: [f64; SETTINGS],
    trends: [f64; SETTINGS],
    /// Mean changes, without those of a counter that starts again; of how many; and how many of all did not fall.
    rises: [f64; 2],
    rises_seen: u32,
    rising: f64,
    changes: u32,
    plateau: Plateau,
}

/// Discounted squared errors of the settings, over all keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct SmoothingErrors {
    averages: [f64; SETTINGS],
    trends: [f64; SETTINGS],
}

impl ColumnSmoothing {
    pub(crate) fn new() -> Self {
        let none = [0.0; SETTINGS];
        Self {
            averages: [f64::NAN; SETTINGS],
            levels: none,
            trends: none,
            rises: [0.0; 2],
            rises_seen: 0,
            rising: 0.5,
            changes: 0,
            plateau: Plateau::new(),
        }
    }

    /// What each average expects.
    pub(crate) fn averages(&self) -> &[f64; SETTINGS] {
        &self.averages
    }

    /// What each setting of Holt's method expects `steps` events ahead.
    pub(crate) fn trends(&self, steps: f64) -> [f64; SETTINGS] {
        std::array::from_fn(|i| self.levels[i] + steps * self.trends[i])
    }

    /// The mean change from value to value, slow and quick.
    pub(crate) fn rises(&self) -> [f64; 2] {
        self.rises
    }

    /// The mean since the level last moved.
    pub(crate) fn plateau(&self) -> &Plateau {
        &self.plateau
    }

    /// Whether nearly every change is a rise, so that a fall is a counter that starts again.
    pub(crate) fn is_counter(&self) -> bool {
        self.rising > COUNTER_RISING_MIN
    }

    /// Begins anew at `y` with all that lies outside of the column's units.
    pub(crate) fn settle(&mut self, units: &ColumnUnits, y: f64) {
        for average in self.averages.iter_mut().filter(|average| units.is_outside(**average)) {
            *average = y;
        }
        for (level, trend) in self.levels.iter_mut().zip(&mut self.trends) {
            if units.is_outside(*level) || trend.abs() > units.unit {
                (*level, *trend) = (y, 0.0);
            }
        }
        if units.is_outside(self.plateau.forecast()) {
            self.plateau.begin(y);
        }
        if self.rises.iter().any(|rise| rise.abs() > units.unit) {
            (self.rises, self.rises_seen) = ([0.0; 2], 0);
        }
    }

    /// Takes in a value and the change that led to it, NaN for the first.
    pub(crate) fn learn(&mut self, y: f64, change: f64) {
        // the slowest average is the farthest; NaN before the first value
        let is_near = (y - self.averages[0]).abs() < AVERAGE_DISTANCE_MAX;
        if !is_near {
            (self.averages, self.levels, self.trends) = ([y; SETTINGS], [y; SETTINGS], [0.0; SETTINGS]);
            self.plateau.begin(y);
            return;
        }
        self.plateau.learn(y);
        for i in 0..SETTINGS {
            self.averages[i] += AVERAGE_RATES[i] * (y - self.averages[i]);
            let (alpha, beta) = TREND_RATES[i];
            let before = self.levels[i];
            let ahead = before + self.trends[i];
            self.levels[i] = ahead + alpha * (y - ahead);
            self.trends[i] += beta * (self.levels[i] - before - self.trends[i]);
        }
        let is_small = change.abs() < AVERAGE_DISTANCE_MAX;
        if !is_small {
            return;
        }
        self.changes = self.changes.saturating_add(1);
        let fell = change < 0.0;
        self.rising += RISING.rate(f64::from(self.changes) + 1.0) * (f64::from(u8::from(!fell)) - self.rising);
        if !(fell && self.is_counter()) {
            self.rises_seen = self.rises_seen.saturating_add(1);
            for (rise, rule) in self.rises.iter_mut().zip(RISES) {
                *rise += rule.rate(f64::from(self.rises_seen)) * (change - *rise);
            }
        }
    }
}

impl SmoothingErrors {
    /// The average and the setting of Holt's method with the least errors.
    pub(crate) fn best(&self) -> (usize, usize) {
        let least = |errors: &[f64; SETTINGS]| (1..SETTINGS).fold(0, |a, b| if errors[b] < errors[a] { b } else { a });
        (least(&self.averages), least(&self.trends))
    }

    /// Takes in a value that a key's smoothing had to foresee.
    pub(crate) fn learn(&mut self, key: &ColumnSmoothing, y: f64) {
        let trends = key.trends(1.0);
        for i in 0..SETTINGS {
            let misses = [y - key.averages[i], y - trends[i]];
            for (sum, miss) in [&mut self.averages[i], &mut self.trends[i]].into_iter().zip(misses) {
                *sum = ERROR_FORGETTING * *sum + miss * miss;
            }
        }
    }
}

impl Persist for ColumnSmoothing {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64s_fixed("averages", &mut self.averages)?;
        s.f64s_fixed("levels", &mut self.levels)?;
        s.f64s_fixed("trends", &mut self.trends)?;
        s.f64s_fixed("rises", &mut self.rises)?;
        s.u32("rises_n", &mut self.rises_seen)?;
        s.f64("rising", &mut self.rising)?;
        s.u32("changes", &mut self.changes)?;
        self.plateau.persist(s)
    }
}

impl Persist for SmoothingErrors {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64s_fixed("average errors", &mut self.averages)?;
        s.f64s_fixed("trend errors", &mut self.trends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_followed_and_the_better_setting_chosen() {
        let (mut key, mut errors, mut last) = (ColumnSmoothing::new(), SmoothingErrors::default(), f64::NAN);
        for i in 0..500 {
            let y = 3.0 * f64::from(i);
            if i > 0 {
                errors.learn(&key, y);
            }
            key.learn(y, y - last);
            last = y;
        }
        let (average, trend) = errors.best();
        assert_eq!(average, 3, "the fastest average lags least");
        assert!((key.trends(1.0)[trend] - 1500.0).abs() < 0.01 && (key.trends(5.0)[trend] - 1512.0).abs() < 0.05);
        assert!((key.averages()[3] - 1497.0).abs() < 1.0 && (key.rises()[0] - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_freak_is_gone_with_the_next_value() {
        let mut key = ColumnSmoothing::new();
        let mut last = f64::NAN;
        for y in [1.0, 2.0, 1e118, 2.0, 3.0] {
            key.learn(y, y - last);
            last = y;
        }
        let trends = key.trends(1.0);
        assert!(key.averages().iter().chain(&trends).chain(&key.rises()).all(|y| y.abs() < 10.0), "{key:?}");
    }

    #[test]
    fn a_counter_that_starts_again_keeps_its_rise() {
        let (mut key, mut y) = (ColumnSmoothing::new(), 0.0);
        for i in 0..400 {
            let next = if i % 97 == 96 { 0.0 } else { y + 5.0 };
            key.learn(next, next - y);
            y = next;
        }
        assert!(key.rises().iter().all(|rise| (rise - 5.0).abs() < 1e-9), "{:?}", key.rises());
    }
}
