//! The budget: how rare an event has to be for an incident to begin, so that incidents are no more than was promised,
//! whatever the stream.

use crate::rarity::RARITY_BITS_MAX;
use surmise_state::{Persist, State, StateError};

/// The most incidents that a quiet stream saves up.
const CREDIT_MAX: f64 = 1.0;

/// Keeps the rate of incidents to what was promised.
///
/// With a promise of α incidents an event, an incident begins with an event that is rarer than once in 10^d / α events,
/// where d is the debt: it rises by one with every incident and falls by α with every event, to −1 at the least, and
/// below zero it counts as zero. So a
/// stream within its budget alarms at what its budget says, and one beyond it needs ten times the rarity for each
/// incident too many.
///
/// # The guarantee
///
/// No event is rarer than once in R = 2⁴⁰. An incident begins only where 10^d / α ≤ R, so that the debt is never more
/// than log₁₀(R α) + 1. After T events with B incidents it is at least B − α T, so
///
/// ```text
/// B ≤ α T + log₁₀(R α) + 1        (α = 1/10,000: B ≤ α T + 9.1)
/// ```
///
/// for every stream, whatever it does and however wrong rarities are. (This is the argument of adaptive conformal
/// inference, Gibbs and Candès 2021, for a threshold that moves on a logarithmic scale and never below its place.)
#[derive(Clone, Debug, Default)]
pub(crate) struct BudgetKeeper {
    debt: f64,
    /// Incidents that were promised so far: the sum of α.
    promised: f64,
    begun: u64,
}

impl BudgetKeeper {
    /// How rare an event has to be.
    pub(crate) fn required(&self, rate: f64) -> f64 {
        libm::pow(10.0, self.debt.max(0.0)) / rate.max(1.0 / (1u64 << RARITY_BITS_MAX as u32) as f64)
    }

    /// An event has come.
    pub(crate) fn event(&mut self, rate: f64) {
        self.debt = (self.debt - rate).max(-CREDIT_MAX);
        self.promised += rate;
    }

    /// An incident has begun.
    pub(crate) fn begin(&mut self) {
        self.debt += 1.0;
        self.begun += 1;
    }

    /// Incidents so far, and how many were promised.
    pub(crate) fn realised(&self) -> (u64, f64) {
        (self.begun, self.promised)
    }
}

impl Persist for BudgetKeeper {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("budget debt", &mut self.debt)?;
        s.f64("budget promised", &mut self.promised)?;
        s.u64("budget begun", &mut self.begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_fixtures::Random;

    #[test]
    fn the_rate_is_held_whatever_the_rarities_claim() {
        // adversaries: always the rarest; the least that passes; more and more; at random; in bursts
        for adversary in 0..5 {
            let (mut keeper, mut random) = (BudgetKeeper::default(), Random::new(adversary));
            for t in 1..=200_000u64 {
                let rate = [1e-4, 1e-3, 1e-2][(t / 70_000) as usize];
                keeper.event(rate);
                let required = keeper.required(rate);
                let rarest = (1u64 << 40) as f64;
                let rarity = match adversary {
                    0 => rarest,
                    1 => required,
                    2 => t as f64 * t as f64,
                    3 => libm::exp2(40.0 * random.uniform()),
                    _ => {
                        if t % 10_000 < 100 {
                            rarest
                        } else {
                            1.0
                        }
                    }
                };
                if rarity.min(rarest) >= required {
                    keeper.begin();
                }
                let (begun, promised) = keeper.realised();
                assert!(begun as f64 <= promised + 11.1, "adversary {adversary}: {begun} of {promised} at {t}");
            }
        }
    }

    #[test]
    fn a_rare_event_within_the_budget_is_told() {
        let mut keeper = BudgetKeeper::default();
        let requires = |keeper: &BudgetKeeper, rarity: f64| (keeper.required(1e-4) / rarity - 1.0).abs() < 1e-3;
        keeper.event(1e-4);
        assert!(requires(&keeper, 1e4));
        keeper.begin();
        assert!(requires(&keeper, 1e5), "ten times for one too many");
        (0..10_001).for_each(|_| keeper.event(1e-4));
        assert!(requires(&keeper, 1e4));
        // a quiet stream saves one incident, and no more
        (0..50_000).for_each(|_| keeper.event(1e-4));
        keeper.begin();
        assert!(requires(&keeper, 1e4));
        keeper.begin();
        assert!(requires(&keeper, 1e5));
    }
}
