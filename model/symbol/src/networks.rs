//! The networks of a symbol model as a source of evidence: the champion, which the mixer sees, and a challenger that is
//! tried beside it now and then (PREDICTOR §5 and §12).

use crate::challenger::{NetworkHistory, ScoredSymbol, Trials};
use crate::component::SymbolComponent;
use crate::key::SymbolKey;
use crate::network::{LOGIT_MAX, NETWORK_IDS_MAX, SymbolNetwork, head_errors, learn_beside};
use crate::network_worth::{NetworkSavings, NetworkWorth};
use crate::node::{NIBBLE_BITS, TreeNode};
use crate::source::{EvidenceSource, INITIAL_WEIGHT, MixerInput, StatePlace, UsedBy};
use crate::spec::Spec;
use surmise_lanes::sigmoid;
use surmise_network::{Hidden, JobSink, LayerHealth, NONE, NamedArray, RejectedUpdates, Sequence, Shape};
use surmise_state::{Persist, State, StateError, incremental_copy};

/// The champion and the trials of challengers.
#[derive(Clone)]
pub struct Networks {
    /// The network that the mixer sees, if the recipe has one.
    champion: Option<SymbolNetwork>,
    trials: Trials,
    /// Whether the champion is worth its time.
    worth: NetworkWorth,
}

/// What the champion said at N decisions.
#[derive(Clone)]
pub struct NetworksSaid<const N: usize> {
    /// The head's logits; [`Networks::look`] or [`Networks::look_ahead`] fills them in before the rest is formed.
    logits: [f32; N],
    /// The logits within bounds, which are the mixer's input.
    stretched: [f32; N],
    /// The probability of a 1; ½ while the network sleeps.
    pub probability: [f32; N],
    is_asleep: bool,
}

impl<const N: usize> Default for NetworksSaid<N> {
    fn default() -> Self {
        NetworksSaid { logits: [0.0; N], stretched: [0.0; N], probability: [0.5; N], is_asleep: false }
    }
}

impl<const N: usize> NetworksSaid<N> {
    /// The probability of a 1 that the network pays for as an expert: while it sleeps, the mixture's `answer`.
    #[inline(always)]
    pub fn paid(&self, j: usize, answer: f32) -> f32 {
        if self.is_asleep { answer } else { self.probability[j] }
    }
}

/// Reading, training and judging networks.
impl Networks {
    /// Evaluates the champion's head at the nodes of the nibble that is about to be learnt.
    #[inline(always)]
    pub fn look<const FMA: bool, const N: usize>(&self, nodes: &[TreeNode; N], said: &mut NetworksSaid<N>) {
        said.is_asleep = self.worth.is_asleep();
        match &self.champion {
            Some(network) if !said.is_asleep => {
                let numbers = nodes.map(|node| node.number);
                said.logits = network.head.logits::<FMA, N>(&numbers, network.core.features());
            }
            _ => said.logits = [0.0; N],
        }
    }

    /// Evaluates the champion's head at one node, for a question. `features`: `[width of the network]`, as
    /// [`Networks::peek`] returned them.
    #[inline(always)]
    pub fn look_ahead(&self, features: &[f32], node: &TreeNode, said: &mut NetworksSaid<1>) {
        said.is_asleep = self.worth.is_asleep();
        match &self.champion {
            Some(network) if !said.is_asleep => said.logits = [network.head.logit(node.number, features)],
            _ => said.logits = [0.0],
        }
    }

    /// The network's features for the symbol after a key's past, from a copy of the key's hidden state, which moves
    /// forward; empty if there is no network, or if it sleeps. `side` are hashes of the event's other fields.
    pub fn peek(&self, key: &SymbolKey, hidden: &mut Option<Hidden>, side: &[u32]) -> Vec<f32> {
        let (Some(network), Some(hidden), false) = (&self.champion, hidden, self.worth.is_asleep()) else {
            return Vec::new();
        };
        let mut ids = [NONE; NETWORK_IDS_MAX];
        let used = network.ids(key, &[0u32; 0], side, &mut ids);
        let mut features = vec![0.0; network.core.width()];
        network.core.peek(hidden, &ids[..used], &[], &mut features);
        features
    }

    /// A copy of a key's hidden state.
    pub fn hidden(&self, key: &SymbolKey) -> Option<Hidden> {
        self.champion.as_ref().map(|network| key.hidden(network.core.shape(), self.trials.champion))
    }

    /// Makes `to` what [`hidden`](Self::hidden) returns, in the memory of an earlier copy.
    pub fn place(&self, key: &SymbolKey, to: &mut Option<Hidden>) {
        match (&self.champion, to) {
            (None, to) => *to = None,
            (Some(network), Some(to)) => key.hidden_into(network.core.shape(), self.trials.champion, to),
            (Some(_), to) => *to = self.hidden(key),
        }
    }

    /// Gives a new key its hidden state.
    pub fn begin_key(&self, key: &mut SymbolKey) {
        key.sequence = self.champion.as_ref().map(|network| Sequence::new(network.core.shape()));
        key.network = self.trials.champion;
    }

    /// Brings a key's hidden states up to what became of challengers since the key's last symbol.
    pub fn update_key(&self, key: &mut SymbolKey) {
        if let Some(network) = &self.champion {
            key.match_networks(network.core.shape(), self.trials.champion, self.trials.challenger());
        }
    }

    /// The weights of the champion.
    pub fn arrays(&self) -> Vec<NamedArray<'_>> {
        let arrays = |network| {
            let SymbolNetwork { core, head, .. }: &SymbolNetwork = network;
            core.arrays().into_iter().chain(head.arrays()).collect()
        };
        self.champion.as_ref().map_or_else(Vec::new, arrays)
    }

    /// How the layers of the champion are.
    pub fn health(&self) -> Vec<LayerHealth> {
        self.champion.as_ref().map_or_else(Vec::new, |network| network.core.health())
    }

    /// The shape of the networks, if there are any.
    pub fn shape(&self) -> Option<&Shape> {
        self.champion.as_ref().map(|network| network.core.shape())
    }

    /// Whether the champion is awake, and its open chunk has no planned step left.
    pub fn needs_plan(&self) -> bool {
        let is_unplanned = |network: &SymbolNetwork| network.core.planned() == 0;
        !self.worth.is_asleep() && self.champion.as_ref().is_some_and(is_unplanned)
    }

    /// Plans the champion's steps for symbols of a key that are yet to come, as far as the open chunk has room. The
    /// network sees symbols alone, so it can run ahead of the other sources.
    pub fn plan<S: Copy + Into<u32>>(&mut self, key: &mut SymbolKey, side: &[u32], symbols: &[S]) {
        let Some(network) = &mut self.champion else { return };
        let mut ids = [NONE; NETWORK_IDS_MAX];
        // each step's inputs are the symbols before it, all of which are known
        for i in 0..symbols.len() {
            let used = network.ids(key, &symbols[..i], side, &mut ids);
            debug_assert_eq!(used, network.core.shape().tables);
            let sequence = key.sequence.get_or_insert_with(|| Sequence::new(network.core.shape()));
            // what does not fit into the open chunk is planned when the next one is open
            if !network.core.plan(sequence, &ids[..used], &[]) {
                return;
            }
        }
    }

    /// Takes the champion's next planned step of a key; there is none while it sleeps.
    pub fn advance(&mut self, key: &mut SymbolKey) {
        if let (Some(network), Some(sequence)) = (&mut self.champion, &mut key.sequence) {
            network.core.advance(sequence);
        }
    }

    /// Ends the champion's step for a symbol that came, lets a challenger learn the symbol, and judges the trial. The
    /// key does not have the symbol yet.
    pub fn finish_symbol(&mut self, spec: &Spec, key: &mut SymbolKey, side: &[u32], scored: &ScoredSymbol<'_>) {
        let Some(champion) = &mut self.champion else { return };
        champion.core.finish();
        // where the counts' mixture misses more than the network, their difference tells nothing of it
        if spec.numbers == 0 {
            self.worth.judge(scored.nats, scored.saved_nats, champion.core.is_between_chunks());
        }
        if self.worth.is_asleep() {
            return;
        }
        // a challenger is trained on the same symbols, and no prediction uses it
        let challenger_nats = self.trials.trial.as_mut().map_or(0.0, |trial| {
            let mut ids = [NONE; NETWORK_IDS_MAX];
            let used = champion.ids(key, &[0u32; 0], side, &mut ids);
            let (_, sequence) =
                key.challenger.get_or_insert_with(|| (trial.number, Sequence::new(champion.core.shape())));
            learn_beside(&mut trial.network, sequence, &ids[..used], spec.code, scored.symbol, scored.mixed)
        });
        self.trials.judge(spec, champion, scored, challenger_nats);
    }
}

/// Gradient jobs, and what is reported.
impl Networks {
    fn each_mut(&mut self) -> impl Iterator<Item = &mut SymbolNetwork> {
        let challenger = self.trials.trial.as_mut().map(|trial| &mut trial.network);
        self.champion.iter_mut().chain(challenger)
    }

    /// Sets where the networks send gradient jobs.
    pub fn set_job_sink(&mut self, job_sink: Option<JobSink>) {
        self.each_mut().for_each(|network| network.core.set_job_sink(job_sink.clone()));
    }

    /// Discards gradient jobs that wait.
    pub fn discard_pending_jobs(&mut self) {
        self.each_mut().for_each(|network| network.core.discard_pending_jobs());
    }

    /// Bytes of the networks, nearly.
    pub fn bytes(&self) -> usize {
        let trial = self.trials.trial.as_ref().map_or(0, |trial| trial.network.bytes());
        self.champion.as_ref().map_or(0, SymbolNetwork::bytes) + trial
    }

    /// What the champions have saved so far; none where the counts' mixture misses other evidence, too.
    pub fn savings(&self, spec: &Spec) -> Option<NetworkSavings> {
        (self.champion.is_some() && spec.numbers == 0).then(|| self.worth.savings())
    }

    /// Whether the champion sleeps.
    pub fn is_asleep(&self) -> bool {
        self.worth.is_asleep()
    }

    /// What became of challengers so far.
    pub fn history(&self) -> NetworkHistory {
        self.trials.history
    }

    /// Weights of the champion.
    pub fn parameters(&self) -> usize {
        self.champion.as_ref().map_or(0, |network| network.core.parameters())
    }

    /// Updates of the champion that were refused, by the reason.
    pub fn rejected(&self) -> RejectedUpdates {
        self.champion.as_ref().map_or_else(RejectedUpdates::default, |network| network.core.rejected())
    }
}

incremental_copy!(Networks { large: champion, trials; small: worth });

impl EvidenceSource for Networks {
    const NAME: &'static str = "network";
    const COMPONENT: Option<SymbolComponent> = Some(SymbolComponent::Network);
    const INPUTS: &'static [MixerInput] =
        &[MixerInput { name: "the network's logit", initial_weight: INITIAL_WEIGHT, used_by: UsedBy::AllButCounts }];
    const STATE: StatePlace = StatePlace::AfterMixtures;

    type AtSymbol = ();
    type AtNibble = ();
    type Said<const N: usize> = NetworksSaid<N>;
    type Inputs = [f32; 1];

    fn new(spec: &Spec) -> Self {
        Networks { champion: SymbolNetwork::new(spec, 0), trials: Trials::new(), worth: NetworkWorth::default() }
    }

    fn is_present(spec: &Spec) -> bool {
        spec.network.is_some()
    }

    #[inline(always)]
    fn predict<const FMA: bool, const N: usize>(
        &self,
        (): &(),
        (): &(),
        _: &[TreeNode; N],
        said: &mut NetworksSaid<N>,
    ) {
        for j in 0..N {
            said.stretched[j] = said.logits[j].clamp(-LOGIT_MAX, LOGIT_MAX);
        }
        for j in 0..N {
            said.probability[j] = sigmoid::<FMA>(said.stretched[j]);
        }
    }

    #[inline(always)]
    fn inputs<const N: usize>(said: &NetworksSaid<N>, j: usize) -> [f32; 1] {
        [said.stretched[j]]
    }

    #[inline(always)]
    fn learn_bits<const FMA: bool>(
        &mut self,
        (): &(),
        nodes: &[TreeNode; NIBBLE_BITS],
        said: &NetworksSaid<NIBBLE_BITS>,
        mixed: &[f32; NIBBLE_BITS],
        bits: &[u32; NIBBLE_BITS],
    ) {
        if let (Some(network), false) = (&mut self.champion, said.is_asleep) {
            // the head learns at once; the gradient of its features waits for the chunk's end
            let (features, gradient) = network.core.features_and_gradient();
            let errors = head_errors(&said.probability, mixed, bits);
            let numbers = nodes.map(|node| node.number);
            network.head.learn_all::<FMA, NIBBLE_BITS>(&numbers, &errors, features, gradient);
        }
    }

    fn persist(&mut self, spec: &Spec, s: &mut State<'_>) -> Result<(), StateError> {
        match &mut self.champion {
            Some(champion) => {
                // a checkpoint may come from another champion, which the trials make anew before it is read
                self.trials.persist(s, spec, champion)?;
                self.worth.persist(s)?;
                champion.persist(s)
            }
            None => Ok(()),
        }
    }
}
