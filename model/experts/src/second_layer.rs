//! What mixes the mixtures of a point mixture's first layer, and the advice that it has beside them.

use crate::point_kernels::{MIXTURES, PRIOR_ROUNDS, weigh};
use crate::polynomial::PolynomialShare;
use surmise_state::{Persist, State, StateError};

/// Places: the mixtures, the advice, and padding.
const PLACES: usize = 8;
/// How many forecasts a point mixture may be given beside those that it makes of its experts'.
pub(crate) const ADVICE: usize = 2;
/// The least rate at which losses are forgotten.
const FOLLOWED_RATE: f64 = 0.001;

/// The second layer.
// a box would be one more place in memory to visit at every value
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
pub(crate) enum SecondLayer {
    /// Polynomial weights, whose regret is bounded.
    Shared(PolynomialShare<PLACES>),
    /// Discounted losses of each mixture, by a power of which they are weighed; no bound.
    Followed([f64; PLACES]),
}

impl SecondLayer {
    /// One that weighs by losses, and has seen none.
    pub(crate) const fn followed() -> Self {
        SecondLayer::Followed([f64::INFINITY; PLACES])
    }

    /// Forgets all it has learnt.
    pub(crate) fn restart(&mut self) {
        match self {
            SecondLayer::Shared(share) => *share = PolynomialShare::new(),
            SecondLayer::Followed(_) => *self = Self::followed(),
        }
    }

    /// The mixture of what each mixture of the first layer forecasts, and of the advice. While none of them has been
    /// better than the whole, advice is believed alone. Losses are weighed by their sixth power, and absolute ones by
    /// the twelfth, which is the sixth of what they are when squared.
    pub(crate) fn mix(&self, forecasts: &[f64; MIXTURES], advice: Option<[f64; ADVICE]>, absolute: bool) -> f64 {
        let mut followed = [0.0; PLACES];
        let weights = match self {
            SecondLayer::Shared(share) => share.weights(),
            SecondLayer::Followed(losses) => {
                // what has no record has lost infinitely much
                weigh(losses, &[1.0; PLACES], 0.0, absolute, &mut followed);
                &followed
            }
        };
        let advised = advice.iter().flatten();
        let weighed = || weights.iter().zip(forecasts.iter().chain(advised.clone()));
        let total: f64 = weighed().map(|(w, _)| w).sum();
        if total > 0.0 && total.is_finite() {
            return weighed().map(|(w, f)| w * f).sum::<f64>() / total;
        }
        match advice {
            Some(advice) => advice.iter().sum::<f64>() / ADVICE as f64,
            None => forecasts.iter().sum::<f64>() / MIXTURES as f64,
        }
    }

    /// Takes in what the whole lost and what each mixture and the advice did, after `count` others; `pace` is by how
    /// much more slowly losses are forgotten. Only weights with a bound take advice in.
    pub(crate) fn learn(
        &mut self,
        own: f64,
        losses: [f64; MIXTURES],
        advice: Option<[f64; ADVICE]>,
        count: u32,
        pace: f64,
    ) {
        match self {
            SecondLayer::Shared(share) => {
                const { assert!(MIXTURES + ADVICE <= PLACES) };
                let mut regrets = [0.0; PLACES];
                for (regret, loss) in regrets.iter_mut().zip(losses.iter().chain(advice.iter().flatten())) {
                    *regret = own - loss;
                }
                share.learn(&regrets);
            }
            SecondLayer::Followed(means) => {
                let rate = (1.0 / (f64::from(count) + PRIOR_ROUNDS)).max(pace * FOLLOWED_RATE);
                for (mean, loss) in means.iter_mut().zip(losses) {
                    let before = if mean.is_finite() { *mean } else { own };
                    *mean = before + rate * (loss - before);
                }
            }
        }
    }

    /// The regret against a mixture, where it is counted.
    pub(crate) fn regret(&self, mixture: usize) -> f64 {
        match self {
            SecondLayer::Shared(share) => share.regret(mixture),
            SecondLayer::Followed(_) => 0.0,
        }
    }

    /// What that cannot exceed; infinite where nothing is promised.
    pub(crate) fn bound(&self, mixture: usize) -> f64 {
        match self {
            SecondLayer::Shared(share) => share.bound(mixture),
            SecondLayer::Followed(_) => f64::INFINITY,
        }
    }
}

impl Persist for SecondLayer {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        match self {
            SecondLayer::Shared(share) => share.persist(s),
            SecondLayer::Followed(losses) => s.f64s_fixed("second", losses),
        }
    }
}
