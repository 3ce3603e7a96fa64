//! A mixture of whole forecasts with polynomial weights, and a bound on its regret in any convex loss.
//!
//! Source: Gaillard, Stoltz and van Erven, *A second-order bound with excess losses* (2014), the algorithm ML-Poly. An
//! expert's regret Rᵢ is the sum of rᵢ = ℓ(mixture) − ℓ(expert) over the rounds in which it took part. Its weight is
//! proportional to ηᵢ (Rᵢ)₊, where ηᵢ = 1/(max rᵢ² + Σ rᵢ²) is a rate of its own: no range of losses has to be known.
//!
//! The potential Φ = Σ ηᵢ (Rᵢ)₊² grows by at most Xᵢ = max(0, η′ᵢ (aᵢ + rᵢ)₊² − ηᵢ (aᵢ² + 2 aᵢ rᵢ)) for each expert in
//! a round, where aᵢ = (Rᵢ)₊ and η′ is the rate after the round: what is left out, 2 Σ ηᵢ aᵢ rᵢ, is not positive,
//! because a convex loss of the mixture is at most the mixture of losses (Jensen). Hence on every sequence
//!
//! Rᵢ ≤ √(S (max rᵢ² + Σ rᵢ²)),   S = Σ X over all rounds and experts,
//!
//! and S is added up as rounds go by. Where losses have settled in a range, Xᵢ ≤ ηᵢ rᵢ², so that S grows with the
//! logarithm of the number of rounds.

use surmise_lanes::kernels;
use surmise_state::{Persist, State, StateError};

/// Keeps rates finite before an expert's first regret.
const TINY: f64 = 1e-300;

/// Lanes of a block.
const BLOCK: usize = 8;
#[inline(always)]
fn most(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// Takes the regrets of a round into a block of regrets, squares, largest squares, rates and weights; adds what each
/// lane spends to `sum`.
#[inline(always)]
fn learn_block(r: &[f64; BLOCK], record: [&mut [f64; BLOCK]; 5], sum: &mut [f64; BLOCK]) {
    let [regret, squares, largest, rate, weight] = record;
    // copies, because records might overlap for all that the compiler knows
    let (old, mut now, mut both, mut top, mut next) = (*regret, *regret, *squares, *largest, *rate);
    let (mut gone, mut pull) = ([0.0; BLOCK], [0.0; BLOCK]);
    for i in 0..BLOCK {
        let (a, r) = (most(old[i], 0.0), r[i]);
        let q = r * r;
        top[i] = most(q, top[i]);
        both[i] += q;
        let quick = 1.0 / (top[i] + both[i] + TINY);
        let b = most(a + r, 0.0);
        gone[i] = most(quick * b * b - next[i] * a * (a + 2.0 * r), 0.0);
        now[i] += r;
        next[i] = quick;
        pull[i] = most(now[i], 0.0) * quick;
    }
    for i in 0..BLOCK {
        sum[i] += gone[i];
    }
    (*regret, *squares, *largest, *rate, *weight) = (now, both, top, next, pull);
}

kernels! {
    /// Takes the regrets of a round into regrets, squares, largest squares, rates and weights; returns Σ X, which is
    /// summed in a block of lanes.
    fn learn(r: &[f64], regret: &mut [f64], squares: &mut [f64], largest: &mut [f64], rate: &mut [f64],
        weight: &mut [f64]) -> f64 {
        let mut sum = [0.0; BLOCK];
        let record = (regret.as_chunks_mut().0.iter_mut()).zip(squares.as_chunks_mut().0);
        let record = record.zip(largest.as_chunks_mut().0).zip(rate.as_chunks_mut().0);
        let parts = r.as_chunks().0.iter().zip(record).zip(weight.as_chunks_mut().0);
        for ((r, (((regret, squares), largest), rate)), weight) in parts {
            learn_block(r, [regret, squares, largest, rate, weight], &mut sum);
        }
        let [a, b, c, d, e, f, g, h] = sum;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }
}

/// A mixture of `N` forecasts with polynomial weights; see the module. `N` is a multiple of eight, of which the last
/// may be padding that never takes part.
#[derive(Clone, Debug)]
pub struct PolynomialShare<const N: usize> {
    /// Σ rᵢ, Σ rᵢ² and max rᵢ².
    regret: [f64; N],
    squares: [f64; N],
    most: [f64; N],
    /// S.
    spent: f64,
    /// ηᵢ and ηᵢ (Rᵢ)₊, which follow from the above.
    rate: [f64; N],
    weight: [f64; N],
}

impl<const N: usize> PolynomialShare<N> {
    /// A mixture without a record.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        const { assert!(N.is_multiple_of(BLOCK)) };
        let none = [0.0; N];
        Self { regret: none, squares: none, most: none, spent: 0.0, rate: [1.0 / TINY; N], weight: none }
    }

    /// Weights that do not sum to one; all are zero while no expert has been better than the mixture, whatever weights
    /// were used then.
    pub fn weights(&self) -> &[f64; N] {
        &self.weight
    }

    /// Takes in a round: `regrets` are the mixture's loss less each expert's, 0 for an expert that took no part. The
    /// bound holds if Σ weight · regret is not positive, as it is for the losses of a weighted mean under a convex loss
    /// and for its linearised losses.
    pub fn learn(&mut self, regrets: &[f64; N]) {
        let Self { regret, squares, most, rate, weight, spent } = self;
        *spent += learn(regrets, regret, squares, most, rate, weight);
    }

    /// Σ rᵢ: by how much the mixture has lost more than an expert so far.
    pub fn regret(&self, expert: usize) -> f64 {
        self.regret[expert]
    }

    /// What the regret against an expert cannot exceed, on any sequence.
    pub fn bound(&self, expert: usize) -> f64 {
        (self.spent * (self.most[expert] + self.squares[expert])).sqrt()
    }
}

impl<const N: usize> Persist for PolynomialShare<N> {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64s_fixed("regrets", &mut self.regret)?;
        s.f64s_fixed("squares", &mut self.squares)?;
        s.f64s_fixed("largest", &mut self.most)?;
        s.f64("spent", &mut self.spent)?;
        if s.is_reading() {
            for i in 0..N {
                self.rate[i] = 1.0 / (self.most[i] + self.squares[i] + TINY);
                self.weight[i] = self.regret[i].max(0.0) * self.rate[i];
            }
        }
        Ok(())
    }
}
