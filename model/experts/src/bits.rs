//! A mixture that is followed bit by bit through one symbol of two nibbles (four bits each).
//!
//! The experts' weights are posterior weights all along: after every bit they are what the bits so far make of them.
//! Between symbols they are kept in double precision; within a nibble the work is done on one block of `f32` lanes.

use crate::share::{BitArithmetic, FixedShare, ShareArithmetic};
use surmise_lanes::{Block, LANES, dot, sum};

/// The most experts in a mixture over bits: one block of lanes.
pub const SYMBOL_EXPERTS_MAX: usize = LANES;

/// The mixture of whole experts around a model of symbols.
pub type BitShare = FixedShare<SYMBOL_EXPERTS_MAX, BitArithmetic>;

/// The weights on the way through a symbol: posterior after the nibbles so far.
#[derive(Clone, Copy)]
pub struct SymbolWalk {
    weights: [f64; SYMBOL_EXPERTS_MAX],
    /// Each expert's probability of the nibbles so far.
    likelihoods: [f64; SYMBOL_EXPERTS_MAX],
    nibble: NibbleWalk,
}

/// The weights on the way through a nibble. Four bits cannot take them out of the range of single precision, so the
/// work at every bit is done in it.
#[derive(Clone, Copy)]
pub struct NibbleWalk {
    weights: Block,
    likelihoods: Block,
}

impl BitShare {
    /// The weights for a walk through one symbol.
    #[inline(always)]
    pub fn start(&self) -> SymbolWalk {
        SymbolWalk {
            weights: self.weights,
            likelihoods: [1.0; SYMBOL_EXPERTS_MAX],
            nibble: NibbleWalk::of(&self.weights),
        }
    }

    /// Ends a walk: its weights become those of the next symbol, after sharing.
    #[inline]
    pub fn finish(&mut self, walk: &SymbolWalk) {
        let n = self.experts;
        let share = self.count_round();
        let total: f64 = walk.weights[..n].iter().sum();
        if !(total.is_finite() && total > 0.0) {
            // the walk's probabilities vanished beyond the range of numbers: keep the weights of before
            return;
        }
        self.weights[..n].copy_from_slice(&walk.weights[..n]);
        BitArithmetic::spread(&mut self.weights[..n], n, total, share);
    }
}

impl NibbleWalk {
    #[inline(always)]
    fn of(weights: &[f64; SYMBOL_EXPERTS_MAX]) -> NibbleWalk {
        let total: f64 = weights.iter().sum();
        let scale = if total > 0.0 { 1.0 / total } else { 1.0 };
        NibbleWalk {
            weights: std::array::from_fn(|i| (weights[i] * scale) as f32),
            likelihoods: [1.0; SYMBOL_EXPERTS_MAX],
        }
    }

    /// The mixture's probability of a 1, where `p` holds each expert's: `[experts]`, in lanes.
    #[inline(always)]
    pub fn mix<const FMA: bool>(&self, p: &Block) -> f32 {
        let one: [Block; 1] = [[1.0; SYMBOL_EXPERTS_MAX]];
        let weights = std::slice::from_ref(&self.weights);
        dot::<FMA>(weights, std::slice::from_ref(p)) / dot::<FMA>(weights, &one)
    }

    /// Takes bits into the weights, one after the other; returns the probability that the mixture gave each. `p` holds
    /// each expert's probability of a 1 at each of the bits: `[N][experts]`.
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
        for i in 0..SYMBOL_EXPERTS_MAX {
            let q = if bit { p[i] } else { 1.0 - p[i] };
            self.weights[i] *= q;
            self.likelihoods[i] *= q;
        }
    }
}

impl SymbolWalk {
    /// The weights within the current nibble.
    #[inline(always)]
    pub fn nibble(&self) -> NibbleWalk {
        self.nibble
    }

    /// The walk after a nibble.
    #[inline(always)]
    pub fn after(&self, nibble: &NibbleWalk) -> SymbolWalk {
        let mut walk = *self;
        for i in 0..SYMBOL_EXPERTS_MAX {
            walk.weights[i] *= f64::from(nibble.likelihoods[i]);
            walk.likelihoods[i] *= f64::from(nibble.likelihoods[i]);
        }
        walk.nibble = NibbleWalk::of(&walk.weights);
        walk
    }

    /// Each expert's probability of the nibbles so far.
    pub fn likelihoods(&self) -> &[f64; SYMBOL_EXPERTS_MAX] {
        &self.likelihoods
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the experts say and whatever comes, the regret stays within the bound.
        #[test]
        fn regret_is_bounded(
            n in 2usize..16,
            steps in proptest::collection::vec(
                (proptest::collection::vec(0.0001f32..0.9999, 16), any::<bool>(), 1usize..9),
                1..400,
            ),
        ) {
            let mut share = BitShare::new(n);
            let (mut loss, mut experts) = (0.0, [0.0f64; SYMBOL_EXPERTS_MAX]);
            for (ps, bit, bits) in &steps {
                let p: Block = ps.as_slice().try_into().unwrap();
                let mut walk = share.start();
                let mut nibble = walk.nibble();
                for b in 0..*bits {
                    let q = f64::from(nibble.mix::<false>(&p));
                    loss -= if *bit { q } else { 1.0 - q }.ln();
                    for i in 0..n {
                        experts[i] -= f64::from(if *bit { p[i] } else { 1.0 - p[i] }).ln();
                    }
                    nibble.step(&p, *bit);
                    if b % 4 == 3 || b + 1 == *bits {
                        walk = walk.after(&nibble);
                        nibble = walk.nibble();
                    }
                }
                share.finish(&walk);
            }
            let best = experts[..n].iter().copied().fold(f64::INFINITY, f64::min);
            prop_assert!(loss <= best + share.bound() + 1e-4, "{loss} {best} {}", share.bound());
        }
    }
}
