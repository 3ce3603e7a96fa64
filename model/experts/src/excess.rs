//! Excess: how much more surprising an outcome was than the prediction itself expected its surprise to be.
//!
//! A decision that comes out with probability p has the surprise −ln p, and the prediction expected the surprise
//! h = −p ln p − (1 − p) ln(1 − p) of it. The difference −ln p − h has mean zero under the prediction, whatever the
//! prediction is: sums of it are a martingale. So what is random by nature (an id, a noisy digit) adds nothing on
//! average, and what was expected to be certain and is not adds much. No outcome but the one that came is looked at.

use std::f64::consts::{LN_2, LOG2_E};
use std::ops::AddAssign;
use surmise_lanes::ln;

/// Probabilities of decisions are taken to be this far from 0 and 1 at least, in single precision.
const PROBABILITY_MIN: f32 = 1e-7;
/// The same in double precision.
const VALUE_PROBABILITY_MIN: f64 = 1e-15;

/// By how much the surprise of something exceeded what was expected of it.
///
/// Units: nats, and nats squared. Under the prediction the sum of `nats` over any decisions has mean zero, and `nats`²
/// has the mean of `variance`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Excess {
    /// Surprise minus expected surprise, in nats.
    pub nats: f64,
    /// The variance of `nats` under the prediction.
    pub variance: f64,
}

impl Excess {
    /// The excess of a decision of two sides; the side that came had the probability `p`.
    pub fn of_decision(p: f64) -> Excess {
        let p = p.clamp(VALUE_PROBABILITY_MIN, 1.0 - VALUE_PROBABILITY_MIN);
        let against = libm::log((1.0 - p) / p);
        Excess { nats: (1.0 - p) * against, variance: p * (1.0 - p) * against * against }
    }

    /// Adds the excess of N decisions; the sides that came had the probabilities `p`.
    #[inline(always)]
    pub fn add_decisions<const FMA: bool, const N: usize>(&mut self, p: &[f32; N]) {
        let (mut nats, mut variance) = ([0f32; N], [0f32; N]);
        for i in 0..N {
            let p = p[i].clamp(PROBABILITY_MIN, 1.0 - PROBABILITY_MIN);
            // −ln p − h(p) = (1 − p) (ln(1 − p) − ln p)
            let against = ln::<FMA>((1.0 - p) / p);
            nats[i] = (1.0 - p) * against;
            variance[i] = p * nats[i] * against;
        }
        self.nats += f64::from(nats.iter().sum::<f32>());
        self.variance += f64::from(variance.iter().sum::<f32>());
    }

    /// The excess of a place in a distribution of numbers, of which the mass `below` lies below the number's cell and
    /// `mass` in it.
    ///
    /// It is that of the tail t = 2 min(u, 1 − u), averaged over the levels u of the cell: −ln t − 1 has mean zero and
    /// variance one where u is uniform, and averaging within cells keeps the mean and lowers the variance.
    pub fn of_levels(below: f64, mass: f64) -> Excess {
        // the integral of −ln(2u) from 0 to u: of the lower half as it is, of the upper half mirrored
        let integral = |u: f64| if u > 0.0 { u * (1.0 - LN_2 - libm::log(u)) } else { 0.0 };
        let (low, mass) = (below.clamp(0.0, 1.0), mass.clamp(VALUE_PROBABILITY_MIN, 1.0));
        let high = (low + mass).min(1.0);
        let nats = if mass < 1e-6 {
            // too narrow for a difference
            -libm::log(2.0 * low.min(1.0 - low).max(mass))
        } else {
            let lower = integral(high.min(0.5)) - integral(low.min(0.5));
            let upper = integral((1.0 - low).min(0.5)) - integral((1.0 - high).min(0.5));
            (lower + upper) / (high - low)
        };
        Excess { nats: nats - 1.0, variance: 1.0 - mass }
    }

    /// The excess in bits.
    pub fn bits(&self) -> f64 {
        self.nats * LOG2_E
    }

    /// The variance in bits squared.
    pub fn variance_bits(&self) -> f64 {
        self.variance * LOG2_E * LOG2_E
    }
}

impl AddAssign for Excess {
    fn add_assign(&mut self, other: Excess) {
        self.nats += other.nats;
        self.variance += other.variance;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_exceeds_by_nothing_on_average_and_varies_as_it_says() {
        for p in [1e-6, 0.003, 0.2, 0.5, 0.81, 0.99999] {
            let (came, not) = (Excess::of_decision(p), Excess::of_decision(1.0 - p));
            let entropy = -p * libm::log(p) - (1.0 - p) * libm::log(1.0 - p);
            assert!((came.nats - (-libm::log(p) - entropy)).abs() < 1e-9, "{p}");
            assert!((p * came.nats + (1.0 - p) * not.nats).abs() < 1e-12, "{p}");
            let squares = p * came.nats * came.nats + (1.0 - p) * not.nats * not.nats;
            assert!((squares - came.variance).abs() < 1e-9 && (came.variance - not.variance).abs() < 1e-9, "{p}");
            let mut lanes = Excess::default();
            lanes.add_decisions::<false, 2>(&[p as f32, 0.5]);
            assert!((lanes.nats - came.nats).abs() < 1e-4 && (lanes.variance - came.variance).abs() < 1e-4, "{p}");
        }
    }

    #[test]
    fn levels_exceed_by_nothing_on_average_however_wide_their_cells_are() {
        for cells in [1, 2, 3, 7, 1000, 3_000_000] {
            let mass = 1.0 / f64::from(cells);
            let step = (cells / 3000).max(1);
            let mean: f64 = (0..cells)
                .step_by(step as usize)
                .map(|i| mass * f64::from(step) * Excess::of_levels(f64::from(i) * mass, mass).nats)
                .sum();
            assert!(mean.abs() < 0.01, "{cells}: {mean}");
        }
        assert!(Excess::of_levels(1.0, 1e-9).nats > 18.0 && Excess::of_levels(0.0, 1e-9).nats > 18.0);
        assert!(Excess::of_levels(0.5, 1e-9).nats < -0.99);
    }
}
