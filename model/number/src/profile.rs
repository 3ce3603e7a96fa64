//! The usual day: what a column is at each time of day, and how its deviations go on at each hour.
//!
//! A key's [`DayProfile`] is an exponentially weighted mean of every column at each of up to [`PROFILE_SLOTS_MAX`]
//! times of the period. A column's [`Hours`] are small regressions, one per part of the period, of what the linear
//! forecast leaves over on the last two deviations from the profile: how long a deviation lasts depends on the hour. On
//! streams that have no such pattern the correction would be noise, so it counts only by as much as it has helped: its
//! slope against the residuals that it had to foresee, within 0 and 1.

use crate::bounds::within;
use surmise_experts::RunningMean;
use surmise_state::{Persist, State, StateError};

/// The most times of a period that are told apart (PREDICTOR §8).
pub(crate) const PROFILE_SLOTS_MAX: usize = 288;
/// Parts of the period that have a regression of their own.
const DAY_PARTS: usize = 24;
/// What is usual at a time of day: the mean of about ten days.
const USUAL: RunningMean = RunningMean::new(0.1);
/// Regressors of an hour: two deviations and a constant.
pub(crate) const HOUR_DIMS: usize = 3;
/// Forgetting of an hour's regression, which learns once a day.
const HOUR_FORGETTING: f64 = 0.99;
/// Diagonal of its inverse correlation at the start: small, because corrections are rare and mostly small.
const HOUR_START: f64 = 0.1;
/// Rates at which the worth of corrections, and the size of innovations, are followed.
const SLOPE_RATE: f64 = 0.002;
const SIZE_RATE: f64 = 0.02;
/// Residuals count as at most so many mean sizes.
const CLIP_SIZES_MAX: f64 = 4.0;

/// Where in the period an event lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeriodPlace {
    /// Slot of the profile, of `slots`.
    pub(crate) slot: usize,
    pub(crate) slots: usize,
}

impl PeriodPlace {
    /// The part of the period that it lies in.
    fn part(self) -> usize {
        self.slot * DAY_PARTS.min(self.slots) / self.slots
    }
}

/// A key's usual period.
#[derive(Clone, Debug, Default)]
pub(crate) struct DayProfile {
    pub(crate) epoch: u32,
    width: usize,
    slots: usize,
    /// Means, slot by slot; NaN where none is known.
    means: Vec<f64>,
    /// How often each slot has come.
    seen: Vec<u32>,
    /// The last two deviations of each column, newest first.
    deviations: Vec<[f64; 2]>,
    /// The column's record that its means belong to.
    regimes: Vec<u32>,
    /// A column's means of another record of it, `[slots]` or none, and of which.
    kept: Vec<(u32, Vec<f64>)>,
}

impl DayProfile {
    /// Makes room for `width` columns and `slots` times; starts anew where these or the season are others.
    pub(crate) fn fit(&mut self, epoch: u32, width: usize, slots: usize) {
        if (self.epoch, self.width, self.slots) != (epoch, width, slots) {
            let means = vec![f64::NAN; slots * width];
            let (seen, deviations) = (vec![0; slots], vec![[0.0; 2]; width]);
            let (regimes, kept) = (vec![0; width], vec![(0, Vec::new()); width]);
            *self = Self { epoch, width, slots, means, seen, deviations, regimes, kept };
        }
    }

    /// Keeps what was usual of a column whose values are of another kind now, and takes up again what was usual of
    /// these, if that is known.
    pub(crate) fn settle(&mut self, column: usize, regime: u32) {
        let Some(now) = self.regimes.get_mut(column) else { return };
        let before = std::mem::replace(now, regime);
        if before == regime {
            return;
        }
        let of_column = || (column..self.slots * self.width).step_by(self.width);
        let means = of_column().map(|i| self.means[i]).collect();
        let (of, kept) = std::mem::replace(&mut self.kept[column], (before, means));
        if of == regime && !kept.is_empty() {
            of_column().zip(kept).for_each(|(i, mean)| self.means[i] = mean);
        }
        self.deviations[column] = [0.0; 2];
    }

    /// What a column usually is at a place; NaN if that is not known.
    pub(crate) fn usual(&self, place: PeriodPlace, column: usize) -> f64 {
        if place.slots != self.slots || column >= self.width {
            return f64::NAN;
        }
        self.means[place.slot * self.width + column]
    }

    /// How far the last two values were from usual.
    pub(crate) fn deviations(&self, column: usize) -> [f64; 2] {
        self.deviations.get(column).copied().unwrap_or_default()
    }

    /// Moves on over an event that is only expected: the profile stays as it is.
    pub(crate) fn pass(&mut self, value: impl Fn(usize) -> f64, place: Option<PeriodPlace>) {
        for c in 0..self.width {
            let d = place.map_or(f64::NAN, |p| value(c) - self.usual(p, c));
            let last = &mut self.deviations[c];
            *last = [if d.is_finite() { d } else { 0.0 }, last[0]];
        }
    }

    /// Takes in an event; NaN where a value was missing.
    pub(crate) fn learn(&mut self, place: PeriodPlace, value: impl Fn(usize) -> f64) {
        if place.slots != self.slots {
            return;
        }
        let n = &mut self.seen[place.slot];
        *n = n.saturating_add(1);
        let r = USUAL.rate(f64::from(*n));
        for c in 0..self.width {
            let y = value(c);
            let mean = &mut self.means[place.slot * self.width + c];
            let d = y - *mean;
            let d = if d.is_finite() { d } else { 0.0 };
            if mean.is_nan() {
                *mean = y;
            } else {
                *mean += r * d;
            }
            let last = &mut self.deviations[c];
            *last = [d, last[0]];
        }
    }
}

impl Persist for DayProfile {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("profile")?;
        s.u32("epoch", &mut self.epoch)?;
        let (mut width, mut slots) = (self.width, self.slots);
        s.len("width", &mut width)?;
        s.len("slots", &mut slots)?;
        if s.is_reading() {
            if slots > PROFILE_SLOTS_MAX || width > 1 << 16 {
                return Err(StateError::Invalid("profile"));
            }
            let epoch = self.epoch;
            *self = Self::default();
            self.fit(epoch, width, slots);
        }
        s.f64s_fixed("means", &mut self.means)?;
        s.u32s_fixed("seen", &mut self.seen)?;
        self.deviations.iter_mut().try_for_each(|d| s.f64s_fixed("deviations", d))?;
        s.u32s_fixed("regimes", &mut self.regimes)?;
        for (of, kept) in &mut self.kept {
            s.u32("kept", of)?;
            s.f64s("kept", kept)?;
            if !kept.is_empty() && kept.len() != self.slots {
                return Err(StateError::Invalid("profile"));
            }
        }
        Ok(())
    }
}

/// How a column's deviations go on, by the part of the period: in units of z.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hours {
    /// Inverse correlation and weights of each part; empty until there is a period.
    parts: Vec<Hour>,
    /// Covariance of corrections and residuals, and variance of corrections.
    slope: [f64; 2],
    /// Mean size of the innovations.
    size: f64,
}

/// The regression of one part of the period: inverse correlation `[HOUR_DIMS, HOUR_DIMS]` and weights `[HOUR_DIMS]`.
#[derive(Clone, Debug)]
struct Hour {
    p: [f64; HOUR_DIMS * HOUR_DIMS],
    w: [f64; HOUR_DIMS],
}

impl Hour {
    fn new() -> Self {
        let mut p = [0.0; HOUR_DIMS * HOUR_DIMS];
        (0..HOUR_DIMS).for_each(|i| p[i * HOUR_DIMS + i] = HOUR_START);
        Self { p, w: [0.0; HOUR_DIMS] }
    }

    fn predict(&self, x: &[f64; HOUR_DIMS]) -> f64 {
        self.w[0] * x[0] + self.w[1] * x[1] + self.w[2] * x[2]
    }

    fn learn(&mut self, x: &[f64; HOUR_DIMS], error: f64) {
        let k: [f64; HOUR_DIMS] =
            std::array::from_fn(|i| (0..HOUR_DIMS).map(|j| self.p[i * HOUR_DIMS + j] * x[j]).sum());
        let den = HOUR_FORGETTING + (k[0] * x[0] + k[1] * x[1] + k[2] * x[2]);
        let trace: f64 = (0..HOUR_DIMS).map(|i| self.p[i * HOUR_DIMS + i]).sum();
        let grow = if trace < HOUR_START * HOUR_DIMS as f64 { 1.0 / HOUR_FORGETTING } else { 1.0 };
        let mut next = self.clone();
        for i in 0..HOUR_DIMS {
            next.w[i] += k[i] * error / den;
            for j in 0..HOUR_DIMS {
                next.p[i * HOUR_DIMS + j] = (self.p[i * HOUR_DIMS + j] - k[i] * k[j] / den) * grow;
            }
        }
        let fine = (0..HOUR_DIMS).all(|i| next.p[i * HOUR_DIMS + i] > 0.0) && next.w.iter().all(|w| w.abs() < 1e6);
        *self = if den > 0.0 && den.is_finite() && fine { next } else { Self::new() };
    }
}

impl Hours {
    /// The correction of the linear forecast, as far as such corrections have helped; 0 if nothing is known.
    pub(crate) fn predict(&self, place: PeriodPlace, x: &[f64; HOUR_DIMS]) -> f64 {
        let trust = if self.slope[1] > 1e-12 { (self.slope[0] / self.slope[1]).clamp(0.0, 1.0) } else { 0.0 };
        self.parts.get(place.part()).map_or(0.0, |h| trust * h.predict(x))
    }

    /// Learns from what the linear forecast left over.
    pub(crate) fn learn(&mut self, place: PeriodPlace, x: &[f64; HOUR_DIMS], residual: f64) {
        if self.parts.is_empty() {
            self.parts = vec![Hour::new(); DAY_PARTS];
        }
        let h = &mut self.parts[place.part()];
        let said = h.predict(x);
        let cap = if self.size > 0.0 { CLIP_SIZES_MAX * self.size } else { CLIP_SIZES_MAX };
        let e = residual - said;
        let clipped = within(e, -cap, cap);
        self.slope[0] += SLOPE_RATE * ((said + clipped) * said - self.slope[0]);
        self.slope[1] += SLOPE_RATE * (said * said - self.slope[1]);
        self.size += SIZE_RATE * (e.abs().min(8.0 * self.size.max(0.05)) - self.size);
        h.learn(x, clipped);
    }

    /// The column changed its units: one new unit is `a` old ones.
    pub(crate) fn rebase(&mut self, a: f64) {
        self.parts.iter_mut().for_each(|h| h.w[HOUR_DIMS - 1] /= a);
        self.size /= a;
        self.slope.iter_mut().for_each(|s| *s /= a * a);
    }

    /// The units changed so much that nothing can be kept.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }
}

impl Persist for Hours {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("hours")?;
        let mut some = !self.parts.is_empty();
        s.bool("hours", &mut some)?;
        if s.is_reading() {
            self.parts = if some { vec![Hour::new(); DAY_PARTS] } else { Vec::new() };
        }
        for h in &mut self.parts {
            s.f64s_fixed("p", &mut h.p)?;
            s.f64s_fixed("w", &mut h.w)?;
        }
        s.f64s_fixed("slope", &mut self.slope)?;
        s.f64("size", &mut self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_fixtures::Random;

    #[test]
    fn a_usual_day_is_learnt_and_deviations_are_told() {
        let mut p = DayProfile::default();
        p.fit(1, 2, 24);
        for t in 0..24 * 40 {
            let place = PeriodPlace { slot: t % 24, slots: 24 };
            p.learn(place, |c| (t % 24) as f64 * (c + 1) as f64);
        }
        assert!((p.usual(PeriodPlace { slot: 7, slots: 24 }, 1) - 14.0).abs() < 1e-9);
        p.learn(PeriodPlace { slot: 0, slots: 24 }, |_| 5.0);
        assert_eq!(p.deviations(0), [5.0, 0.0]);
        assert!(p.usual(PeriodPlace { slot: 0, slots: 12 }, 0).is_nan());
    }

    #[test]
    fn corrections_count_only_where_they_help() {
        let mut random = Random::new(7);
        let mut draw = || f64::from(random.signed());
        let (mut patterned, mut noise) = (Hours::default(), Hours::default());
        let (mut left, mut all, mut said) = (0.0, 0.0, 0.0);
        for t in 0..24_000 {
            let place = PeriodPlace { slot: t % 24, slots: 24 };
            let x = [draw(), draw(), 1.0];
            // deviations last by night only
            let y = if t % 24 < 8 { 0.8 * x[0] } else { -0.4 * x[0] };
            if t > 12_000 {
                left += (y - patterned.predict(place, &x)).powi(2);
                all += y * y;
                said += noise.predict(place, &x).powi(2);
            }
            patterned.learn(place, &x, y);
            noise.learn(place, &x, draw());
        }
        assert!(left < 0.05 * all, "{left} of {all}");
        // by itself an hour's regression says .003 of the noise's variance of a third
        assert!(said / 12_000.0 < 0.001, "{said}");
    }
}
