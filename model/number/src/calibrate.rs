//! Quantile levels corrected by what they have covered.
//!
//! Source: Gibbs and Candès, *Adaptive conformal inference under distribution shift* (2021). For each level p the
//! calibrator holds g(p), the level of the raw distribution below which a fraction p of the outcomes has fallen:
//! g += η (p − [u < g]), where u is the outcome's place in the raw distribution (spread evenly over the mass of its
//! cell). So the fraction below a stated quantile tends to p whatever the stream does. Between levels g is linear.

use surmise_state::{Persist, State, StateError};

const K: usize = 15;
const LEVELS: [f64; K] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995];

#[derive(Clone, Debug)]
pub(crate) struct Calibrator {
    g: [f64; K],
    n: u64,
}

impl Calibrator {
    pub(crate) fn new() -> Self {
        Self { g: LEVELS, n: 0 }
    }

    pub(crate) fn learn(&mut self, u: f64) {
        if !(0.0..=1.0).contains(&u) {
            return;
        }
        self.n += 1;
        let r = (1.0 / (self.n as f64 + 50.0)).max(0.004);
        for (g, p) in self.g.iter_mut().zip(LEVELS) {
            // steps shrink with the level, so that the outermost ones are not noise alone
            let rate = r * (8.0 * (p * (1.0 - p)).sqrt()).min(1.0);
            *g = (*g + rate * if u < *g { p - 1.0 } else { p }).clamp(-0.02, 1.02);
        }
    }

    /// The raw level whose quantile has had a fraction `p` of the outcomes below it.
    pub(crate) fn level(&self, p: f64) -> f64 {
        let (mut p0, mut g0) = (0.0, 0.0f64);
        for (g, l) in self.g.iter().zip(LEVELS) {
            let g = g.clamp(1e-6, 1.0 - 1e-6).max(g0);
            if p <= l {
                return g0 + (g - g0) * (p - p0) / (l - p0);
            }
            (p0, g0) = (l, g);
        }
        g0 + (1.0 - g0) * (p - p0) / (1.0 - p0)
    }
}

impl Persist for Calibrator {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("calibrator")?;
        s.u64("n", &mut self.n)?;
        s.f64s_fixed("g", &mut self.g)
    }
}

/// A number in [0, 1) that depends on a counter and a column only: where in its cell an outcome is taken to lie.
pub(crate) fn spread(counter: u64, column: usize) -> f64 {
    let mut x = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (column as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / 9_007_199_254_740_992.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_that_is_too_narrow_is_corrected() {
        let mut c = Calibrator::new();
        let (mut inside, mut n) = (0, 0);
        for i in 0..40_000u64 {
            // true places crowd at both ends: the raw distribution is too narrow
            let v = spread(i, 7);
            let u = if v < 0.5 { 2.0 * v * v } else { 1.0 - 2.0 * (1.0 - v) * (1.0 - v) };
            if i >= 4000 {
                n += 1;
                inside += u32::from(u >= c.level(0.05) && u < c.level(0.95));
            }
            c.learn(u);
        }
        let covered = inside as f64 / n as f64;
        assert!((covered - 0.9).abs() < 0.01, "{covered}");
        assert!(c.level(0.0) == 0.0 && c.level(1.0) == 1.0 && (c.level(0.5) - 0.5).abs() < 0.05);
    }
}
