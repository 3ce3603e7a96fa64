//! The outer mixture: a fixed share over whole experts, and what they paid for the latest symbol (PREDICTOR §7).

use crate::spec::Spec;
use crate::whole_experts::{NETWORK, ORDER_0, whole_experts};
use surmise_experts::{BitShare, Excess, SYMBOL_EXPERTS_MAX, SymbolWalk};
use surmise_state::{Persist, State, StateError};

/// Claimed probabilities of ones, ones, and decisions, by tenth of the claimed probability.
pub type Claims = [[f64; 3]; 10];

/// The mixture over whole experts, with what is reported of the latest symbol. The report is no state.
#[derive(Clone)]
pub struct OuterMixture {
    /// The weights.
    pub share: BitShare,
    names: Vec<&'static str>,
    network: Option<usize>,
    order_0: Option<usize>,
    /// Nats that each expert would have paid for the latest symbol: `[SYMBOL_EXPERTS_MAX]`.
    latest_nats: [f64; SYMBOL_EXPERTS_MAX],
    /// Weights that the experts had before the latest symbol: `[SYMBOL_EXPERTS_MAX]`.
    latest_weights: [f64; SYMBOL_EXPERTS_MAX],
    claims: Claims,
    /// By how much the latest symbol exceeded what was expected of it, decision by decision.
    excess: Excess,
}

impl OuterMixture {
    /// The mixture of a recipe's experts, all of equal weight.
    pub fn new(spec: &Spec) -> Self {
        let names: Vec<_> = whole_experts(spec).into_iter().map(|(name, _)| name).collect();
        OuterMixture {
            share: BitShare::new(names.len()),
            network: names.iter().position(|name| *name == NETWORK),
            order_0: names.iter().position(|name| *name == ORDER_0),
            names,
            latest_nats: [0.0; SYMBOL_EXPERTS_MAX],
            latest_weights: [0.0; SYMBOL_EXPERTS_MAX],
            claims: Claims::default(),
            excess: Excess::default(),
        }
    }

    /// The experts' names.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// The position of the network among the experts, if the recipe has one.
    pub fn network(&self) -> Option<usize> {
        self.network
    }

    /// Nats that order 0 alone would have paid for the latest symbol, if the recipe has it.
    pub fn order_0_nats(&self) -> Option<f64> {
        self.order_0.map(|order_0| self.latest_nats[order_0])
    }

    /// Nats that each expert alone would have paid for the latest symbol.
    pub fn latest_nats(&self) -> &[f64] {
        &self.latest_nats[..self.names.len()]
    }

    /// Weights that the experts had before the latest symbol.
    pub fn latest_weights(&self) -> &[f64] {
        &self.latest_weights[..self.names.len()]
    }

    fn keep_weights(&mut self) {
        self.latest_weights[..self.names.len()].copy_from_slice(self.share.weights());
    }

    /// What the decisions of the latest symbol claimed.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// By how much the latest symbol exceeded what was expected of it.
    pub fn latest_excess(&self) -> Excess {
        self.excess
    }

    /// Forgets what was claimed for the symbol before, and its excess.
    #[inline(always)]
    pub fn clear_claims(&mut self) {
        self.claims = Claims::default();
        self.excess = Excess::default();
    }

    /// Adds the excess of decisions whose sides that came had the probabilities `p`.
    #[inline(always)]
    pub fn add_excess<const FMA: bool, const N: usize>(&mut self, p: &[f32; N]) {
        self.excess.add_decisions::<FMA, N>(p);
    }

    /// Counts a decision's claimed probability of a 1 and the bit that came.
    #[inline(always)]
    pub fn count_claim(&mut self, probability: f32, bit: u32) {
        let claim = &mut self.claims[((probability * 10.0) as usize).min(9)];
        claim[0] += f64::from(probability);
        claim[1] += f64::from(bit);
        claim[2] += 1.0;
    }

    /// Takes in a symbol: the weights on its path, and what each expert paid.
    pub fn finish(&mut self, walk: &SymbolWalk) {
        // the report is of the weights that the symbol was predicted with
        self.keep_weights();
        self.share.finish(walk);
        for i in 0..self.names.len() {
            self.latest_nats[i] = -libm::log(walk.likelihoods()[i]);
        }
    }

    /// Charges every expert alike for what was decided before any of them was asked, with the probability `p`; returns
    /// the nats.
    pub fn charge_all(&mut self, p: f64) -> f64 {
        let nats = -libm::log(p);
        self.latest_nats[..self.names.len()].iter_mut().for_each(|paid| *paid += nats);
        self.excess += Excess::of_decision(p);
        nats
    }

    /// Reports a symbol that no expert was asked about and that had the probability `p`; returns the nats that all of
    /// them paid.
    pub fn report_unasked(&mut self, p: f64) -> f64 {
        let nats = -libm::log(p);
        self.keep_weights();
        self.latest_nats[..self.names.len()].fill(nats);
        self.clear_claims();
        self.excess = Excess::of_decision(p);
        nats
    }
}

impl Persist for OuterMixture {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.share.persist(s)
    }
}
