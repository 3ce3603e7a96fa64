//! A mixture of experts that may be absent from a round.
//!
//! Source: Freund, Schapire, Singer and Warmuth, *Using and combining predictors that specialize* (1997). A round from
//! which an expert is absent counts as if it had said what the mixture said, so that the bound of the module `share`
//! holds for every expert.

use crate::share::{ShareArithmetic, ValueArithmetic, ValueShare};
use surmise_state::{Persist, State, StateError};

/// The set of experts that take part in a round, by index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpertSet(u32);

impl ExpertSet {
    /// The most experts that a set can tell apart.
    pub const EXPERTS_MAX: usize = u32::BITS as usize;
    /// The set of all experts, however many there are.
    pub const ALL: Self = Self(u32::MAX);
    /// The set without experts.
    pub const EMPTY: Self = Self(0);

    /// The set of all of the first `experts` experts.
    pub const fn first(experts: usize) -> Self {
        Self(if experts >= Self::EXPERTS_MAX { u32::MAX } else { (1 << experts) - 1 })
    }

    /// The set of these experts.
    pub const fn of(experts: &[usize]) -> Self {
        let (mut set, mut i) = (0, 0);
        while i < experts.len() {
            set |= 1 << experts[i];
            i += 1;
        }
        Self(set)
    }

    /// Whether an expert takes part.
    #[inline(always)]
    pub const fn has(self, expert: usize) -> bool {
        self.0 >> expert & 1 == 1
    }

    /// The set with an expert, if `takes_part`.
    #[inline(always)]
    pub const fn with(self, expert: usize, takes_part: bool) -> Self {
        Self(self.0 | (takes_part as u32) << expert)
    }

    /// The set of these experts, each `places` later.
    #[inline(always)]
    pub const fn later(self, places: usize) -> Self {
        Self(self.0 << places)
    }

    /// The set without the first `experts` experts, each of the others so many places earlier.
    #[inline(always)]
    pub const fn without_first(self, experts: usize) -> Self {
        Self(self.0 >> experts)
    }

    /// The experts of both sets.
    #[inline(always)]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Persist for ExpertSet {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32("expert set", &mut self.0)
    }
}

impl<const N: usize> ValueShare<N> {
    /// A mixture of experts that begins with a favourite among those of `of`, which has what others do not need: each
    /// other one of them has the even weight 1/N, so that the bound is the same, and those that never say anything have
    /// none.
    ///
    /// # Panics
    /// If the favourite is none of them.
    pub fn favouring(experts: usize, of: ExpertSet, favourite: usize) -> Self {
        assert!(of.has(favourite), "the favourite is one of them");
        let even = 1.0 / experts as f64;
        let weights = std::array::from_fn(|i| if i < experts && of.has(i) { even } else { 0.0 });
        let mut share = Self { experts, weights, rounds: 0, arithmetic: ValueArithmetic };
        share.weights[favourite] += 1.0 - share.weights.iter().sum::<f64>();
        share
    }

    /// A mixture of `N` experts of equal weight.
    pub fn whole() -> Self {
        const { assert!(N <= ExpertSet::EXPERTS_MAX) };
        Self::new(N)
    }

    /// The weights of the experts that are awake, summing to one; those of the others are zero.
    pub fn awake_weights(&self, awake: ExpertSet) -> [f64; N] {
        let mut weights = [0.0; N];
        let mut total = 0.0;
        for i in 0..N {
            if awake.has(i) {
                weights[i] = self.weights[i];
                total += weights[i];
            }
        }
        if total > 0.0 {
            let inverse = 1.0 / total;
            weights.iter_mut().for_each(|weight| *weight *= inverse);
        }
        weights
    }

    /// Ends a round: `masses` are the experts' probabilities of the outcome, `weights` what
    /// [`awake_weights`](Self::awake_weights) gave for it, and `mixture` their [`mix`].
    pub fn learn(&mut self, weights: &[f64; N], masses: &[f64; N], mixture: f64, awake: ExpertSet) {
        let share = self.count_round();
        if !(mixture > 0.0 && mixture.is_finite()) {
            return;
        }
        let mut awake_total = 0.0;
        for i in 0..N {
            if awake.has(i) {
                awake_total += self.weights[i];
            }
        }
        // what is awake keeps its part of all weight; what sleeps keeps its own
        let scale = awake_total / mixture;
        let mut total = 0.0;
        for i in 0..N {
            if awake.has(i) {
                self.weights[i] = weights[i] * masses[i] * scale;
            }
            total += self.weights[i];
        }
        if !(total > 0.0 && total.is_finite()) {
            // all that was awake gave next to nothing: start again
            self.weights[..self.experts].fill(1.0 / self.experts as f64);
            return;
        }
        // over all lanes, because their number is a constant; then padding goes back to zero
        ValueArithmetic::spread(&mut self.weights, self.experts, total, share);
        self.weights[self.experts..].fill(0.0);
    }
}

/// The mixture Σ w m of the experts' masses.
#[inline]
pub fn mix<const N: usize>(weights: &[f64; N], masses: &[f64; N]) -> f64 {
    let mut sum = 0.0;
    for i in 0..N {
        sum += weights[i] * masses[i];
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_fixtures::Random;

    #[test]
    fn regret_stays_below_its_bound_whatever_comes() {
        let some = ExpertSet::of(&[0, 2, 3]);
        let favouring = ValueShare::<5>::favouring(5, some, 2);
        assert!(favouring.weights().iter().zip([0.2, 0.0, 0.6, 0.2, 0.0]).all(|(w, is)| (w - is).abs() < 1e-12));
        let beginnings = [(ValueShare::<5>::whole(), ExpertSet::first(5)), (favouring, some)];
        for (kind, (share, all)) in (0..6u64).flat_map(|kind| beginnings.iter().map(move |begin| (kind, begin.clone())))
        {
            let (mut share, mut mixture, mut alone) = (share, 0.0, [0.0; 5]);
            let mut random = Random::new(kind + 1);
            for t in 0..30_000u64 {
                let u = random.uniform();
                let weights = share.awake_weights(all);
                let mut masses = [0.0; 5];
                for (i, mass) in masses.iter_mut().enumerate() {
                    *mass = match kind {
                        0 => 0.1 + 0.15 * i as f64,
                        1 => libm::pow(u, i as f64 + 1.0).max(1e-12),
                        2 if t / 1000 % 5 == i as u64 => 0.9,
                        2 => 1e-9,
                        // the adversary gives least to the expert that the mixture trusts most
                        3 => {
                            if weights[i] == weights.iter().copied().fold(0.0, f64::max) {
                                1e-6
                            } else {
                                0.5
                            }
                        }
                        4 => {
                            if t == 20_000 && i < 4 {
                                1e-200
                            } else {
                                0.8 - 0.1 * i as f64
                            }
                        }
                        _ => (u * (i + 1) as f64).fract().max(1e-3),
                    };
                }
                let p = mix(&weights, &masses);
                mixture -= p.ln();
                alone.iter_mut().zip(masses).for_each(|(alone, mass)| *alone -= mass.ln());
                share.learn(&weights, &masses, p, all);
                let best = (0..5).filter(|i| all.has(*i)).map(|i| alone[i]).fold(f64::INFINITY, f64::min);
                let bound = share.bound();
                assert!(mixture <= best + bound + 1e-6, "kind {kind} at {t}: {mixture} {best} {bound}");
            }
            assert!(share.bound() < 14.0);
        }
    }

    #[test]
    fn an_expert_that_sleeps_keeps_its_part() {
        let mut share = ValueShare::<3>::whole();
        let awake = ExpertSet::of(&[0, 2]);
        let weights = share.awake_weights(awake);
        assert_eq!(weights, [0.5, 0.0, 0.5]);
        let masses = [0.9, 0.0, 0.1];
        share.learn(&weights, &masses, mix(&weights, &masses), awake);
        // a half of all weight is shared after the first round
        assert!((share.weights()[1] - 1.0 / 3.0).abs() < 1e-12 && share.weights()[0] > share.weights()[2]);
    }
}
