//! The outer mixture: fixed share over whole experts, with a bound on its regret.
//!
//! Herbster and Warmuth, "Tracking the Best Expert" (1998). Experts are mixed by their posterior weights; after each
//! symbol a share α_t of the weight is spread evenly, so that an expert that was bad can come back. With N experts,
//! the mixture's cumulative loss exceeds that of the best single expert by at most ln N + Σ −ln(1 − α_t) nats, whatever
//! comes. α_t falls like 1/t to a floor, so the bound grows like ln t, and then by α per event.

use surmise_lanes::{Block, dot, sum};
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
    pub fn start(&self) -> Walk {
        Walk { weights: self.weights, likelihoods: [1.0; EXPERTS_MAX], nibble: Nibble::of(&self.weights) }
    }

    /// Ends a walk: its weights become those of the next symbol, after sharing.
    #[inline]
    pub fn finish(&mut self, walk: &Walk) {
        let walk = &walk.weights;
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

/// The weights on the way through a symbol: posterior after the nibbles so far.
#[derive(Clone, Copy)]
pub struct Walk {
    weights: [f64; EXPERTS_MAX],
    /// Each expert's probability of the nibbles so far.
    likelihoods: [f64; EXPERTS_MAX],
    nibble: Nibble,
}

/// The weights on the way through a nibble. Four bits cannot take them out of the range of single precision, so the
/// work at every bit is done in it.
#[derive(Clone, Copy)]
pub struct Nibble {
    weights: Block,
    likelihoods: Block,
}

impl Nibble {
    #[inline(always)]
    fn of(weights: &[f64; EXPERTS_MAX]) -> Nibble {
        let total: f64 = weights.iter().sum();
        let scale = if total > 0.0 { 1.0 / total } else { 1.0 };
        Nibble { weights: std::array::from_fn(|i| (weights[i] * scale) as f32), likelihoods: [1.0; EXPERTS_MAX] }
    }

    /// The mixture's probability of a 1.
    #[inline(always)]
    pub fn mix<const FMA: bool>(&self, p: &Block) -> f32 {
        let one: [Block; 1] = [[1.0; EXPERTS_MAX]];
        let w = std::slice::from_ref(&self.weights);
        dot::<FMA>(w, std::slice::from_ref(p)) / dot::<FMA>(w, &one)
    }

    /// Takes bits into the weights, one after the other; returns the probability that the mixture gave each.
    #[inline(always)]
    pub fn follow<const N: usize>(&mut self, p: &[Block; N], bits: &[u32; N]) -> [f32; N] {
        let mut before = [0f32; N];
        let mut after = [0f32; N];
        for j in 0..N {
            before[j] = if j == 0 { sum(&self.weights) } else { after[j - 1] };
            self.step(&p[j], bits[j] == 1);
            after[j] = sum(&self.weights);
        }
        std::array::from_fn(|j| after[j] / before[j])
    }

    /// Takes a bit into the weights.
    #[inline(always)]
    pub fn step(&mut self, p: &Block, bit: bool) {
        for i in 0..EXPERTS_MAX {
            let q = if bit { p[i] } else { 1.0 - p[i] };
            self.weights[i] *= q;
            self.likelihoods[i] *= q;
        }
    }
}

impl Walk {
    /// The weights within the current nibble.
    #[inline(always)]
    pub fn nibble(&self) -> Nibble {
        self.nibble
    }

    /// The walk after a nibble.
    #[inline(always)]
    pub fn after(&self, n: &Nibble) -> Walk {
        let mut w = *self;
        for i in 0..EXPERTS_MAX {
            w.weights[i] *= f64::from(n.likelihoods[i]);
            w.likelihoods[i] *= f64::from(n.likelihoods[i]);
        }
        w.nibble = Nibble::of(&w.weights);
        w
    }

    /// Each expert's probability of the nibbles so far.
    pub fn likelihoods(&self) -> &[f64; EXPERTS_MAX] {
        &self.likelihoods
    }
}

/// −ln(1 − α), by its series beyond the few first symbols.
#[inline(always)]
fn share_cost(a: f64) -> f64 {
    if a > 0.01 {
        -libm::log(1.0 - a)
    } else {
        a * (1.0 + a * (0.5 + a * (1.0 / 3.0 + a * 0.25))) + a * a * a * a * a * 0.25
    }
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
                let mut nibble = walk.nibble();
                for b in 0..*bits {
                    let q = f64::from(nibble.mix::<false>(&p));
                    loss -= if *bit { q } else { 1.0 - q }.ln();
                    for i in 0..n { experts[i] -= f64::from(if *bit { p[i] } else { 1.0 - p[i] }).ln(); }
                    nibble.step(&p, *bit);
                    if b % 4 == 3 || b + 1 == *bits {
                        walk = walk.after(&nibble);
                        nibble = walk.nibble();
                    }
                }
                m.finish(&walk);
            }
            let best = experts[..n].iter().copied().fold(f64::INFINITY, f64::min);
            prop_assert!(loss <= best + m.bound() + 1e-4, "{loss} {best} {}", m.bound());
        }
    }
}
