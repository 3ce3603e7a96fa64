//! Explanations: what every expert said of the values of the latest event, and how much it counted.
//!
//! The surprise of a value is that of a mixture of experts (PREDICTOR §7): −log₂ Σ weight · probability. An explanation
//! keeps the terms of this sum as they were before the value was learnt, so that a reader can say which experts
//! expected the value, which did not, and which of them the learner relied on. It is the ground of answers to "why?".
//! Of a number the sum is what was predicted before the correction by the distribution's own record (PREDICTOR §8), so
//! that its surprise may differ a little.

use std::f64::consts::LOG2_E;
use std::sync::Arc;
use surmise_number::NumberExpertShare;
use surmise_symbol::{EvidenceShare, SymbolModel};

/// Why the value of one field was as surprising as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldExplanation {
    /// The name of the field.
    pub field: Arc<str>,
    /// The surprise of the value in bits, as the event's outcome has it.
    pub surprise_bits: f64,
    /// What each expert said of the value.
    pub experts: Vec<ExpertOpinion>,
    /// Of a value that is one symbol: how far every context and source of evidence moved the mixer, which is the expert
    /// that all others are fed into, towards the value. Empty for texts and numbers.
    pub evidence: Vec<EvidenceShare>,
}

/// What one expert said of a value, and how much it counted.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpertOpinion {
    /// The name of the expert, as in reports.
    pub name: &'static str,
    /// The weight of the expert in the field's mixture before the value; the weights of a field sum to 1. Of a text,
    /// the weight before its first byte.
    pub weight: f64,
    /// The surprise that the value would have had, had the expert predicted alone; `None` if the expert said nothing.
    /// Of a text, the sum over its bytes.
    pub surprise_bits: Option<f64>,
}

impl FieldExplanation {
    /// The explanation of a value that is about to be observed by a symbol model.
    pub(crate) fn before(field: &Arc<str>, model: &SymbolModel) -> FieldExplanation {
        let experts = model.experts().iter().zip(model.weights());
        let experts = experts.map(|(name, weight)| ExpertOpinion { name, weight: *weight, surprise_bits: Some(0.0) });
        FieldExplanation { field: field.clone(), surprise_bits: 0.0, experts: experts.collect(), evidence: Vec::new() }
    }

    /// The explanation of a number that was observed; `nats` is its surprise, and `shares` are those of its experts.
    pub(crate) fn of_number(field: &Arc<str>, nats: f64, shares: Vec<NumberExpertShare>) -> FieldExplanation {
        let bits = |probability: f64| -libm::log2(probability);
        let opinion = |s: NumberExpertShare| ExpertOpinion {
            name: s.name,
            weight: s.weight,
            surprise_bits: s.probability.map(bits),
        };
        let experts = shares.into_iter().map(opinion).collect();
        FieldExplanation { field: field.clone(), surprise_bits: nats * LOG2_E, experts, evidence: Vec::new() }
    }

    /// Adds what a part of the value cost that no expert has a say in.
    pub(crate) fn add_common(&mut self, nats: f64) {
        self.surprise_bits += nats * LOG2_E;
        self.experts.iter_mut().for_each(|expert| *expert.surprise_bits.get_or_insert(0.0) += nats * LOG2_E);
    }

    /// Adds what the mixture and its experts (`[experts]`) paid for a symbol of the value, in nats.
    pub(crate) fn add_symbol(&mut self, nats: f64, expert_nats: &[f64]) {
        self.surprise_bits += nats * LOG2_E;
        for (expert, nats) in self.experts.iter_mut().zip(expert_nats) {
            *expert.surprise_bits.get_or_insert(0.0) += nats * LOG2_E;
        }
    }
}
