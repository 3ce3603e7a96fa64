//! The whole experts of the outer mixture: predictors that could stand alone (PREDICTOR §7).
//!
//! First comes each plain order; then a whole expert is one line of the table below: its name, the recipes that have
//! it, and its probability of a 1. Names, probabilities, reports and documentation are made of that line.

use crate::context::Context;
use crate::contexts::ContextsSaid;
use crate::decisions::Decisions;
use crate::spec::Spec;
use surmise_experts::SYMBOL_EXPERTS_MAX;

/// Experts' probabilities stay this far from 0 and 1.
const PROBABILITY_MIN: f32 = 1.0 / 65536.0;

/// Names of the plain orders.
const ORDERS: [&str; 8] = [ORDER_0, "order-1", "order-2", "order-3", "order-4", "order-5", "order-6", "order-7"];

/// The name of order 0 among the experts.
pub const ORDER_0: &str = "order-0";

/// The name of the network among the experts.
pub const NETWORK: &str = "network";

/// Makes [`singles`] and [`write_singles`] of the table. In a line, the three names stand for the recipe, the decisions
/// that are predicted together, and which of them is at hand.
macro_rules! whole_experts {
    (|$spec:ident, $d:ident, $j:ident| $($name:expr, $about:literal, if $applies:expr => $probability:expr;)+) => {
        /// Names and descriptions of the experts that are no plain order.
        fn singles($spec: &Spec) -> Vec<(&'static str, &'static str)> {
            let mut names = Vec::new();
            $(if $applies {
                names.push(($name, $about));
            })+
            names
        }

        /// Writes the probabilities of those experts at a decision, from number `first` on.
        #[inline(always)]
        fn write_singles<const N: usize>($spec: &Spec, $d: &mut Decisions<N>, $j: usize, first: usize) {
            let mut expert = first;
            $(if $applies {
                $d.experts[$j][expert] = clip($probability);
                expert += 1;
            })+
            let _ = expert;
        }
    };
}

whole_experts! { |spec, d, j|
    "counts", "the counts' own mixture", if spec.network.is_some() => d.mixed.counts_only[j];
    NETWORK, "the network", if spec.network.is_some() => d.sources.networks.paid(j, d.mixed.answer[j]);
    "numbers", "the event's numbers", if spec.numbers > 0 => d.sources.numbers.probability(j);
    "mixed", "the full mixture", if true => d.mixed.answer[j];
}

/// The names of the whole experts that models of a recipe have.
pub fn expert_names(spec: &Spec) -> Vec<&'static str> {
    whole_experts(spec).into_iter().map(|(name, _)| name).collect()
}

/// Names and descriptions of a recipe's experts, in the order of their probabilities.
///
/// # Panics
///
/// If there are more than the outer mixture has room for.
pub fn whole_experts(spec: &Spec) -> Vec<(&'static str, &'static str)> {
    let mut experts = Vec::new();
    // plain orders lead the recipe, and each of them is an expert
    for (context, _) in &spec.contexts {
        let Context::Order(n) = context else { break };
        experts.push((ORDERS[(*n).min(7) as usize], "a plain order, which falls back on the next lower one"));
    }
    experts.extend(singles(spec));
    assert!(
        experts.len() <= SYMBOL_EXPERTS_MAX,
        "a recipe has more than {SYMBOL_EXPERTS_MAX} whole experts: {experts:?}"
    );
    experts
}

/// Writes every expert's probability of a 1 at a decision; `orders` plain orders come first.
#[inline(always)]
pub fn write_experts<const N: usize>(spec: &Spec, orders: usize, d: &mut Decisions<N>, j: usize) {
    write_orders(&d.contexts, orders, j, &mut d.experts[j]);
    write_singles(spec, d, j, orders);
}

/// A plain order stands for itself as far as it is believed, and for the rest falls back on the next lower one.
#[inline(always)]
fn write_orders<const N: usize>(
    said: &ContextsSaid<N>,
    orders: usize,
    j: usize,
    experts: &mut [f32; SYMBOL_EXPERTS_MAX],
) {
    // below the lowest order nothing is known
    let mut p = 0.5;
    for i in 0..orders {
        p += (said.probability[j][i] - p) * said.confidence[j][i];
        experts[i] = clip(p);
    }
}

#[inline(always)]
fn clip(p: f32) -> f32 {
    p.clamp(PROBABILITY_MIN, 1.0 - PROBABILITY_MIN)
}
