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

kernels! {
    /// Takes the regrets of a round into sums and weights; returns Σ X.
    fn learn(r: &[f64], regret: &mut [f64], squares: &mut [f64], most: &mut [f64], rate: &mut [f64],
        weight: &mut [f64], spent: &mut [f64]) -> f64 {
        for i in 0..r.len() {
            let (a, r) = (regret[i].max(0.0), r[i]);
            let q = r * r;
            most[i] = most[i].max(q);
            squares[i] += q;
            let next = 1.0 / (most[i] + squares[i] + TINY);
            let b = (a + r).max(0.0);
            spent[i] = (next * b * b - rate[i] * a * (a + 2.0 * r)).max(0.0);
            regret[i] += r;
            rate[i] = next;
            weight[i] = regret[i].max(0.0) * next;
        }
        let mut sum = 0.0;
        for i in 0..r.len() { sum += spent[i]; }
        sum
    }
}

/// A mixture of `N` forecasts with polynomial weights; see the module.
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
        let mut grown = [0.0; N];
        *spent += learn(regrets, regret, squares, most, rate, weight, &mut grown);
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
