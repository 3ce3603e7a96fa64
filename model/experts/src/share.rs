//! A fixed-share mixture of whole experts, with a bound on its regret.
//!
//! Source: Herbster and Warmuth, *Tracking the best expert* (1998), with logarithmic loss. Experts are mixed by their
//! posterior weights; after round t a share α_t of all weight is spread evenly, so that an expert that was bad can come
//! back. With N experts the mixture's cumulative loss exceeds that of the best single expert by at most
//!
//! ln N + Σ_t −ln(1 − α_t)   nats,
//!
//! on every sequence, because an expert's weight never falls below what its own probabilities and the factors 1 − α_t
//! leave of its first weight 1/N. Rounds are counted from 0 and α_t = max(1/(t + 2), [`SHARE_MIN`]), so the bound is
//! ln N + ln(T + 1) until 1/(t + 2) meets the floor, and grows by about `SHARE_MIN` with every round after that.

use crate::RunningMean;
use surmise_state::{Persist, State, StateError};

/// The smallest α: how quickly another expert can take over in an endless stream (PREDICTOR §7).
const SHARE_MIN: f64 = 1e-4;
/// α_t as the rate of a running mean: 1/(t + 2) at first, then the floor.
const SHARE: RunningMean = RunningMean::new(SHARE_MIN);

/// The parts of a fixed share that its two users compute in another order.
///
/// Both implementations are the same algorithm up to rounding. They stay apart because states are compared bit for bit:
/// a checkpoint of one arithmetic cannot be continued in the other.
pub trait ShareArithmetic: Clone + Default {
    /// Counts the share α of one round towards the bound.
    fn charge(&mut self, share: f64);

    /// Σ −ln(1 − α_t) over the rounds so far, in nats.
    fn spent(&self, rounds: u64) -> f64;

    /// Writes the weights of the next round to `weights`, which holds the posterior of `experts` experts with the sum
    /// `total`: theirs sum to one, and each is at least its even part of the share.
    fn spread(weights: &mut [f64], experts: usize, total: f64, share: f64);
}

/// The arithmetic of mixtures that are followed bit by bit: the bound's sum is kept as rounds go by.
#[derive(Clone, Debug, Default)]
pub struct BitArithmetic {
    /// Σ −ln(1 − α_t).
    spent: f64,
}

/// The arithmetic of mixtures of whole values: the bound's sum has a closed form.
#[derive(Clone, Debug, Default)]
pub struct ValueArithmetic;

/// A fixed-share mixture of at most `N` experts.
///
/// Each round its user asks for the weights, mixes what the experts say, and reports what each gave to the outcome: bit
/// by bit ([`start`](FixedShare::start), [`finish`](FixedShare::finish)) or at once, with experts that may be absent
/// ([`awake_weights`](FixedShare::awake_weights), [`learn`](FixedShare::learn)).
#[derive(Clone, Debug)]
pub struct FixedShare<const N: usize, A> {
    /// Experts in use; the weights beyond them are zero.
    pub(crate) experts: usize,
    pub(crate) weights: [f64; N],
    pub(crate) rounds: u64,
    pub(crate) arithmetic: A,
}

/// The mixture of `N` experts of a model of numbers.
pub type ValueShare<const N: usize> = FixedShare<N, ValueArithmetic>;

impl<const N: usize, A: ShareArithmetic> FixedShare<N, A> {
    /// A mixture of `experts` ≤ `N` experts of equal weight.
    pub fn new(experts: usize) -> Self {
        let mut weights = [0.0; N];
        weights[..experts].fill(1.0 / experts as f64);
        Self { experts, weights, rounds: 0, arithmetic: A::default() }
    }

    /// The experts' weights, `[experts]`; they sum to one.
    pub fn weights(&self) -> &[f64] {
        &self.weights[..self.experts]
    }

    /// Rounds so far.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Counts a round; returns its α.
    #[inline(always)]
    pub(crate) fn count_round(&mut self) -> f64 {
        let share = SHARE.rate(self.rounds as f64 + 2.0);
        self.rounds += 1;
        self.arithmetic.charge(share);
        share
    }

    /// Nats by which the mixture may have fallen behind its best expert so far, on any sequence.
    pub fn bound(&self) -> f64 {
        libm::log(self.experts as f64) + self.arithmetic.spent(self.rounds)
    }
}

impl ShareArithmetic for BitArithmetic {
    #[inline(always)]
    fn charge(&mut self, share: f64) {
        self.spent += if share > 0.01 {
            -libm::log(1.0 - share)
        } else {
            // the series of −ln(1 − α): cheaper than a logarithm and as exact where α is small
            share * (1.0 + share * (0.5 + share * (1.0 / 3.0 + share * 0.25)))
                + share * share * share * share * share * 0.25
        };
    }

    fn spent(&self, _rounds: u64) -> f64 {
        self.spent
    }

    #[inline(always)]
    fn spread(weights: &mut [f64], experts: usize, total: f64, share: f64) {
        let even = share / experts as f64;
        for weight in weights {
            *weight = *weight / total * (1.0 - share) + even;
        }
    }
}

impl ShareArithmetic for ValueArithmetic {
    #[inline(always)]
    fn charge(&mut self, _share: f64) {}

    fn spent(&self, rounds: u64) -> f64 {
        // Σ ln 1/(1 − α): 1/(t + 2) telescopes until the floor is met
        let early = (rounds as f64).min((1.0 / SHARE_MIN - 2.0).ceil().max(0.0));
        libm::log(early + 1.0) - (rounds as f64 - early) * libm::log1p(-SHARE_MIN)
    }

    #[inline(always)]
    fn spread(weights: &mut [f64], experts: usize, total: f64, share: f64) {
        let (keep, even) = ((1.0 - share) / total, share / experts as f64);
        for weight in weights {
            *weight = *weight * keep + even;
        }
    }
}

impl<const N: usize> Persist for FixedShare<N, BitArithmetic> {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64s_fixed("share weights", &mut self.weights)?;
        s.u64("share symbols", &mut self.rounds)?;
        s.f64("share cost", &mut self.arithmetic.spent)
    }
}

impl<const N: usize> Persist for FixedShare<N, ValueArithmetic> {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("share")?;
        s.u64("t", &mut self.rounds)?;
        s.f64s_fixed("w", &mut self.weights[..self.experts])
    }
}
