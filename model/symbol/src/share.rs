//! The outer mixture: fixed share over whole experts, with a bound on its regret.
//!
//! Herbster and Warmuth, "Tracking the Best Expert" (1998). Experts are mixed by their posterior weights; after each
//! symbol a share α_t of the weight is spread evenly, so that an expert that was bad can come back. With N experts,
//! the mixture's cumulative loss exceeds that of the best single expert by at most ln N + Σ −ln(1 − α_t) nats, whatever
//! comes. α_t falls like 1/t to a floor, so the bound grows like ln t, and then by α per event.

use surmise_state::{Persist, State, StateError};

/// Most experts in a mixture.
pub const EXPERTS_MAX: usize = 16;

/// The share does not fall below this: how quickly another expert can take over in an endless stream.
const SHARE_MIN: f64 = 1e-4;

/// A fixed-share mixture over `n` experts.
#[derive(Clone)]
pub struct FixedShare {
    n: usize,
    weights: [f64; EXPERTS_MAX],
    symbols: u64,
    /// Σ −ln(1 − α_t).
    shared: f64,
}

impl FixedShare {
    /// Over `n` experts of equal weight.
    pub fn new(n: usize) -> Self {
        let mut weights = [0.0; EXPERTS_MAX];
        weights[..n].fill(1.0 / n as f64);
        FixedShare { n, weights, symbols: 0, shared: 0.0 }
    }

    /// The experts' weights, which sum to 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights[..self.n]
    }

    /// The weights for a walk through one symbol.
    #[inline(always)]
    pub fn start(&self) -> [f64; EXPERTS_MAX] {
        self.weights
    }

    /// The mixture's probability of a 1, under the weights of a walk.
    #[inline(always)]
    pub fn mix(walk: &[f64; EXPERTS_MAX], p: &[f32; EXPERTS_MAX]) -> f64 {
        let mut a = [0f64; 8];
        let mut b = [0f64; 8];
        for i in 0..8 {
            a[i] = walk[i] * f64::from(p[i]) + walk[i + 8] * f64::from(p[i + 8]);
            b[i] = walk[i] + walk[i + 8];
        }
        (((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]))) / (((b[0] + b[4]) + (b[2] + b[6])) + ((b[1] + b[5]) + (b[3] + b[7])))
    }

    /// Takes a bit into the weights of a walk.
    #[inline(always)]
    pub fn step(walk: &mut [f64; EXPERTS_MAX], p: &[f32; EXPERTS_MAX], bit: bool) {
        for i in 0..EXPERTS_MAX {
            walk[i] *= f64::from(if bit { p[i] } else { 1.0 - p[i] });
        }
    }

    /// Ends a walk: its weights become those of the next symbol, after sharing.
    #[inline]
    pub fn finish(&mut self, walk: &[f64; EXPERTS_MAX]) {
        self.symbols += 1;
        let share = (1.0 / (self.symbols as f64 + 1.0)).max(SHARE_MIN);
        self.shared += share_cost(share);
        let total: f64 = walk[..self.n].iter().sum();
        if !(total.is_finite() && total > 0.0) {
            // the walk's probabilities vanished beyond the range of numbers: keep the weights of before
            return;
        }
        let even = share / self.n as f64;
        for i in 0..self.n {
            self.weights[i] = walk[i] / total * (1.0 - share) + even;
        }
    }

    /// What the mixture's regret against its best expert cannot exceed so far, in nats.
    pub fn bound(&self) -> f64 {
        libm::log(self.n as f64) + self.shared
    }
}

/// −ln(1 − α), by its series beyond the few first symbols.
#[inline(always)]
fn share_cost(a: f64) -> f64 {
    if a > 0.01 { -libm::log(1.0 - a) } else { a * (1.0 + a * (0.5 + a * (1.0 / 3.0 + a * 0.25))) + a * a * a * a * a * 0.25 }
}

impl Persist for FixedShare {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64s_fixed("share weights", &mut self.weights)?;
        s.u64("share symbols", &mut self.symbols)?;
        s.f64("share cost", &mut self.shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the experts say and whatever comes, the regret stays within the bound.
        #[test]
        fn regret_is_bounded(n in 2usize..16, steps in proptest::collection::vec((proptest::collection::vec(0.0001f32..0.9999, 16), any::<bool>(), 1usize..9), 1..400)) {
            let mut m = FixedShare::new(n);
            let (mut loss, mut experts) = (0.0, [0.0f64; EXPERTS_MAX]);
            for (ps, bit, bits) in &steps {
                let p: [f32; 16] = ps.as_slice().try_into().unwrap();
                let mut walk = m.start();
                for _ in 0..*bits {
                    let q = FixedShare::mix(&walk, &p);
                    loss -= if *bit { q } else { 1.0 - q }.ln();
                    for i in 0..n { experts[i] -= f64::from(if *bit { p[i] } else { 1.0 - p[i] }).ln(); }
                    FixedShare::step(&mut walk, &p, *bit);
                }
                m.finish(&walk);
            }
            let best = experts[..n].iter().copied().fold(f64::INFINITY, f64::min);
            prop_assert!(loss <= best + m.bound() + 1e-6, "{loss} {best} {}", m.bound());
        }
    }
}
