//! Numbers in common units: how far each lies from its column's mean, in standard deviations (PREDICTOR §11).

use surmise_state::{Persist, State, StateError};

/// Slowest rate at which mean and variance follow (PREDICTOR §11).
const RATE_MIN: f64 = 1e-3;
/// Standard deviations at which a number is clamped (PREDICTOR §11).
const DEVIATIONS_MAX: f64 = 4.0;
/// Numbers beyond this count as this, so that no square overflows.
const NUMBER_MAX: f64 = 1e100;
/// Inputs that say which numbers are missing; column i uses the one at i modulo this.
const MISSING_FLAGS: usize = 16;

/// Mean and variance of every column, common to all keys.
#[derive(Clone)]
pub struct Standard {
    seen: Vec<u32>,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl Standard {
    /// Means and variances of a number of columns.
    pub fn new(columns: usize) -> Self {
        Standard { seen: vec![0; columns], mean: vec![0.0; columns], variance: vec![0.0; columns] }
    }

    /// How many inputs [`Standard::inputs`] makes for a number of columns, a multiple of 16.
    pub fn width(columns: usize) -> usize {
        (columns + MISSING_FLAGS + 1).next_multiple_of(16)
    }

    /// Writes a network's inputs for `numbers`, `[columns]`: the numbers in common units within ±4, then sixteen flags
    /// of what is missing, then a constant. A number that is missing or not finite is 0. `out`: `[Standard::width]`.
    pub fn inputs(&self, numbers: &[f64], out: &mut Vec<f32>) {
        let columns = self.mean.len();
        out.clear();
        out.resize(Self::width(columns), 0.0);
        for i in 0..columns {
            match numbers.get(i).filter(|x| x.is_finite()) {
                Some(x) if self.seen[i] > 1 && self.variance[i] > 1e-9 * self.mean[i] * self.mean[i] * 1e-9 => {
                    let z = (x.clamp(-NUMBER_MAX, NUMBER_MAX) - self.mean[i]) / self.variance[i].sqrt();
                    out[i] = z.clamp(-DEVIATIONS_MAX, DEVIATIONS_MAX) as f32;
                }
                Some(_) => {}
                None => out[columns + i % MISSING_FLAGS] = 1.0,
            }
        }
        out[columns + MISSING_FLAGS] = 1.0;
    }

    /// Learns means and variances from `numbers`, `[columns]`; what is not finite is skipped.
    pub fn learn(&mut self, numbers: &[f64]) {
        for (i, x) in numbers.iter().enumerate().take(self.mean.len()).filter(|(_, x)| x.is_finite()) {
            self.seen[i] = self.seen[i].saturating_add(1);
            let rate = (1.0 / f64::from(self.seen[i])).max(RATE_MIN);
            // Welford's update, with a rate that stops falling
            let before = x.clamp(-NUMBER_MAX, NUMBER_MAX) - self.mean[i];
            self.mean[i] += rate * before;
            let after = x.clamp(-NUMBER_MAX, NUMBER_MAX) - self.mean[i];
            self.variance[i] += rate * (before * after - self.variance[i]);
        }
    }
}

impl Persist for Standard {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32s_fixed("standard seen", &mut self.seen)?;
        s.f64s_fixed("standard mean", &mut self.mean)?;
        s.f64s_fixed("standard variance", &mut self.variance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_out_standardised_and_nothing_poisons_them() {
        let mut s = Standard::new(3);
        let mut out = Vec::new();
        for i in 0..1000 {
            s.learn(&[100.0 + f64::from(i % 5), f64::from(i % 2) * 1e-3, 7.0]);
        }
        s.inputs(&[102.0, 1e-3, 7.0], &mut out);
        assert!(out[0].abs() < 0.05 && (out[1] - 1.0).abs() < 0.05 && out[2] == 0.0, "{out:?}");
        for x in [f64::NAN, f64::INFINITY, 1e308, -1e308, 5e-324] {
            s.learn(&[x, x, x]);
            s.inputs(&[x, 0.0, x], &mut out);
            assert!(out.iter().all(|o| o.is_finite() && o.abs() <= 4.0), "{x}: {out:?}");
        }
        s.inputs(&[f64::NAN], &mut out);
        assert_eq!((out[0], out[3], out[4], out[5], out[19]), (0.0, 1.0, 1.0, 1.0, 1.0));
    }
}
