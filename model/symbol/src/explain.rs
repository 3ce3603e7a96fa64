//! The share that every expert, context and source of evidence has in a prediction.

use crate::component::SymbolComponent;
use crate::event_inputs::EventInputs;
use crate::model::SymbolModel;
use crate::query::Probe;

/// A whole expert's share in the probability of a symbol.
#[derive(Clone, Debug, PartialEq)]
pub struct SymbolExpertShare {
    /// The expert's name.
    pub name: &'static str,
    /// The probability that the expert gave the symbol.
    pub probability: f64,
    /// The expert's weight in the outer mixture before the symbol; the weights sum to 1.
    pub weight: f64,
}

/// The share of a context or of a source of evidence in what the mixer made of a symbol.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceShare {
    /// What the context is, in words, or the source's name.
    pub name: String,
    /// The component with which ablation leaves it out; `None` if it is always kept.
    pub component: Option<SymbolComponent>,
    /// How far it moved the mixer's logits towards the symbol (away from it, if negative), summed over the symbol's
    /// decisions.
    pub logit: f64,
}

/// Why a symbol has the probability that it has.
///
/// The probability is `run_factor · Σ weight · probability` over the experts. The expert "mixed" is the mixer's answer;
/// the mixer's logit of the symbol is the sum of the logits of the evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The probability of the symbol, as [`SymbolModel::probability`] returns it.
    pub probability: f64,
    /// What the run rule leaves to the experts: 1 outside of long runs, 0 for a symbol that merely continues a long
    /// run.
    pub run_factor: f64,
    /// The whole experts, in the order of [`SymbolModel::experts`].
    pub experts: Vec<SymbolExpertShare>,
    /// The mixer's logits of the symbol's decisions, summed with the sign of its bits, before the probability maps.
    pub mixer_logit: f64,
    /// The contexts, lane by lane, and then the sources of evidence.
    pub evidence: Vec<EvidenceShare>,
}

impl SymbolModel {
    /// The shares that the whole experts had in the probability of the latest symbol, in the order of
    /// [`SymbolModel::experts`]. Their sum Σ weight · probability is e to the power of minus the symbol's nats.
    pub fn latest_shares(&self) -> impl Iterator<Item = SymbolExpertShare> {
        let paid = self.experts().iter().zip(self.expert_nats()).zip(self.outer.latest_weights());
        paid.map(|((name, nats), weight)| SymbolExpertShare { name, probability: libm::exp(-nats), weight: *weight })
    }

    /// Explains the probability of a symbol of the probe's next event: what every whole expert said of it and weighs,
    /// and how far every context and source of evidence moved the mixer. Nothing is learnt.
    pub fn explain<'a>(&self, probe: &Probe, event: impl Into<EventInputs<'a>>, symbol: u32) -> Explanation {
        let event = event.into();
        let spec = &self.spec;
        let mut mixer_logit = 0.0;
        let contexts = spec.contexts.iter().map(|(context, _)| (context.to_string(), context.component()));
        let sources = self.mixing.layout().sources();
        let sources = sources.map(|(name, component)| (name.to_string(), component));
        let mut evidence: Vec<EvidenceShare> =
            contexts.chain(sources).map(|(name, component)| EvidenceShare { name, component, logit: 0.0 }).collect();
        let mut search = self.search(probe, event, u32::MAX);
        let (_, likelihoods) = search.follow(symbol, |decisions, _, bit| {
            // logits are of a 1; towards a symbol whose bit is 0 they count the other way
            let sign = if bit == 1 { 1.0 } else { -1.0 };
            mixer_logit += sign * f64::from(decisions.mixed.stretched[0]);
            let logits = self.mixing.input_logits(&decisions.inputs[0], &decisions.mixed);
            // every lane belongs to a context or to a source
            for lane in 0..spec.contexts.len() {
                evidence[lane].logit += sign * self.mixing.layout().context_sum(spec, lane, &logits);
            }
            for (source, logit) in self.mixing.layout().source_sums(&logits).enumerate() {
                evidence[spec.contexts.len() + source].logit += sign * logit;
            }
        });
        let named = self.experts().iter().zip(self.weights()).zip(likelihoods);
        let experts =
            named.map(|((name, weight), probability)| SymbolExpertShare { name, probability, weight: *weight });
        let run_factor = match self.run.run_probability(spec.run_length_min) {
            Some((run_symbol, _)) if run_symbol == symbol => 0.0,
            Some((_, p)) => 1.0 - p,
            None => 1.0,
        };
        let experts = experts.collect();
        Explanation { probability: self.probability(probe, event, symbol), run_factor, experts, mixer_logit, evidence }
    }
}
