//! The symbol model: what it is made of, its checkpoints, and what is reported of it.

use crate::burst::NoiseBurst;
use crate::challenger::NetworkHistory;
use crate::code::NIBBLES_MAX;
use crate::context::Context;
use crate::contexts::{CONTEXTS_MAX, Contexts, LineKeys};
use crate::decisions::Decisions;
use crate::event_inputs::EventInputs;
use crate::followers::Followers;
use crate::hash::mix;
use crate::history_maps::HistoryMaps;
use crate::key::SymbolKey;
use crate::mixing::Mixing;
use crate::network::SymbolNetwork;
use crate::network_worth::{Likelihoods, NetworkSavings};
use crate::node::NIBBLE_BITS;
use crate::outer::{Claims, OuterMixture};
use crate::past_symbols::PastSymbols;
use crate::run::SymbolRun;
use crate::source::{BeforeSymbol, StatePlace};
use crate::sources::Sources;
use crate::spec::Spec;
use crate::symbol_inputs::{SymbolInputs, byte_kinds};
use surmise_experts::Excess;
use surmise_network::{JobSink, LayerHealth, NamedArray, RejectedUpdates, Sequence, Shape};
use surmise_state::{Persist, State, StateError, incremental_copy};

/// Bytes that every model takes: maps of histories, final mixers, indices of weights.
const FIXED_BYTES: usize = 150 << 10;

/// An online predictor of symbols.
///
/// [`SymbolModel::observe`] walks a symbol's path down the code tree. At each node it first forms a prediction from
/// what was known before the symbol came, and only then looks at the bit and learns. The same prediction answers
/// queries.
#[derive(Clone)]
pub struct SymbolModel {
    pub(crate) spec: Spec,
    /// Symbols that were observed.
    pub(crate) symbols: u64,
    pub(crate) run: SymbolRun,
    pub(crate) contexts: Contexts,
    pub(crate) past: PastSymbols,
    pub(crate) followers: Followers,
    pub(crate) histories: HistoryMaps,
    pub(crate) sources: Sources,
    pub(crate) mixing: Mixing,
    pub(crate) outer: OuterMixture,
    pub(crate) burst: NoiseBurst,
    pub(crate) work: Option<Box<SymbolWork>>,
}

/// Scratch memory of one symbol, kept so that no symbol allocates any.
#[derive(Clone, Default)]
pub(crate) struct SymbolWork {
    pub(crate) symbol: SymbolInputs,
    /// Number of every context's line at the current nibble.
    pub(crate) lines: [u32; CONTEXTS_MAX],
    /// Keys of the lines at the first nibbles.
    pub(crate) keys: LineKeys,
    pub(crate) decisions: Decisions<NIBBLE_BITS>,
    /// The mixer's probabilities of a 1, nibble by nibble.
    pub(crate) mixed: [[f32; NIBBLE_BITS]; NIBBLES_MAX],
    /// Likelihoods of the symbol with and without the network, where there is one.
    pub(crate) likelihoods: Likelihoods,
}

impl SymbolModel {
    /// A model that has seen nothing.
    ///
    /// # Panics
    ///
    /// If the recipe has more contexts, inputs, weight sets or whole experts than there are lanes.
    pub fn new(spec: Spec) -> Self {
        spec.assert_contexts_fit();
        let has_followers = spec.contexts.iter().any(|(context, _)| *context == Context::Followers);
        SymbolModel {
            symbols: 0,
            run: SymbolRun::default(),
            contexts: Contexts::new(&spec),
            past: PastSymbols::new(spec.past, spec.keyed),
            followers: Followers::new(if has_followers { spec.follower_pairs } else { 0 }),
            histories: HistoryMaps::new(&spec),
            sources: Sources::new(&spec),
            mixing: Mixing::new(&spec),
            outer: OuterMixture::new(&spec),
            burst: NoiseBurst::default(),
            work: None,
            spec,
        }
    }

    /// Computes what is fixed while the key's next symbol is predicted.
    pub(crate) fn begin_symbol(&self, key: &SymbolKey, event: EventInputs<'_>, symbol: &mut SymbolInputs) {
        Contexts::hash(&self.spec, key, &self.followers, event.side, &mut symbol.hashes);
        self.sources
            .begin_symbol(&BeforeSymbol { spec: &self.spec, key, past: &self.past, event }, &mut symbol.sources);
        // what selects rows of weights
        symbol.last = [key.at(1), key.at(2), key.at(3), key.at(4)];
        symbol.byte_kinds = byte_kinds(symbol.last);
        symbol.line_place = key.line.place();
        // clocks change with every event, so rows that they selected would hardly ever be met again
        let fields = event.side.len().saturating_sub(self.spec.clocks);
        symbol.side = event.side[..fields].iter().fold(0, |hash, x| mix(hash, *x));
    }
}

/// What is reported.
impl SymbolModel {
    /// The recipe that the model was made from.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Names of the whole experts that the outer mixture is made of.
    pub fn experts(&self) -> &[&'static str] {
        self.outer.names()
    }

    /// Nats that each whole expert alone would have paid for the latest symbol: `[experts]`.
    pub fn expert_nats(&self) -> &[f64] {
        self.outer.latest_nats()
    }

    /// By how much the latest symbol's surprise exceeded what was expected of it, decision by decision.
    pub fn latest_excess(&self) -> Excess {
        self.outer.latest_excess()
    }

    /// Weights of the whole experts in the outer mixture, which sum to 1: `[experts]`.
    pub fn weights(&self) -> &[f64] {
        self.outer.share.weights()
    }

    /// For the latest symbol and every tenth of claimed probability: sum of claims, ones, and binary decisions.
    pub fn claims(&self) -> &Claims {
        self.outer.claims()
    }

    /// What the mixture's regret against its best expert cannot exceed so far, in nats.
    pub fn regret_bound(&self) -> f64 {
        self.outer.share.bound()
    }

    /// Weights of the network.
    pub fn parameters(&self) -> usize {
        self.sources.networks.parameters()
    }

    /// The weights of the network that predicts, if there is one.
    pub fn network_arrays(&self) -> Vec<NamedArray<'_>> {
        self.sources.networks.arrays()
    }

    /// How the layers of the network that predicts are, if there is one.
    pub fn network_health(&self) -> Vec<LayerHealth> {
        self.sources.networks.health()
    }

    /// Bytes that the model takes, nearly: its tables, its past, its networks, and what every model has. Equal states
    /// take equal bytes.
    pub fn bytes(&self) -> usize {
        FIXED_BYTES
            + self.contexts.bytes()
            + self.past.bytes()
            + self.sources.matches.bytes()
            + self.sources.networks.bytes()
            + self.mixing.bytes()
    }

    /// Sets by how many bytes each table may still grow; what has no room replaces what it used least. It is no part of
    /// the state: who sets it sets it again before the next symbol.
    pub fn set_room(&mut self, room: usize) {
        self.contexts.set_room(room);
        self.past.set_room(room);
        self.sources.matches.set_room(room);
    }

    /// Updates of the network and of counts that were refused, by the reason.
    pub fn rejected(&self) -> RejectedUpdates {
        RejectedUpdates { burst: self.burst.held_up(), ..self.sources.networks.rejected() }
    }

    /// What became of challengers of the network so far.
    pub fn network_history(&self) -> NetworkHistory {
        self.sources.networks.history()
    }

    /// What the network has saved so far: its share of the bits, and how much of the time it slept. None where there is
    /// no network, and where the event's numbers are evidence beside it, from which it cannot be told then.
    pub fn network_savings(&self) -> Option<NetworkSavings> {
        self.sources.networks.savings(&self.spec)
    }

    /// Whether the network sleeps, as it was not worth its time.
    pub fn network_sleeps(&self) -> bool {
        self.sources.networks.is_asleep()
    }

    /// The shape of the network, if the model has one.
    pub fn network_shape(&self) -> Option<&Shape> {
        self.sources.networks.shape()
    }
}

/// Gradient jobs, which are computed elsewhere.
impl SymbolModel {
    /// Sets where the networks send gradient jobs; see [`JobSink`]. It is to be set again after a checkpoint was read,
    /// and a clone has none.
    pub fn set_job_sink(&mut self, job_sink: Option<JobSink>) {
        self.sources.networks.set_job_sink(job_sink);
    }

    /// Discards gradient jobs that wait; see [`surmise_network::Recurrence::discard_pending_jobs`].
    pub fn discard_pending_jobs(&mut self) {
        self.sources.networks.discard_pending_jobs();
    }
}

/// Private states of keys.
impl SymbolModel {
    /// The private state of a new key.
    pub fn new_key(&self) -> SymbolKey {
        let mut key = SymbolKey::new();
        self.sources.networks.begin_key(&mut key);
        key
    }

    /// Walks over a key's state, as [`Persist`] does.
    pub fn persist_key(&self, key: &mut SymbolKey, s: &mut State<'_>) -> Result<(), StateError> {
        // a key that was silent during a trial is brought up to date first, so that equal states have equal bytes
        if !s.is_reading() {
            self.sources.networks.update_key(key);
        }
        walk_key(key, self.sources.networks.shape(), s)
    }

    /// The private state of a key of a model of this recipe that has learnt nothing, or one key's first value.
    pub fn first_key(spec: &Spec) -> SymbolKey {
        let mut key = SymbolKey::new();
        key.sequence = SymbolNetwork::shape(spec).map(|shape| Sequence::new(&shape));
        key
    }

    /// Walks over the state of such a key.
    pub fn persist_first_key(spec: &Spec, key: &mut SymbolKey, s: &mut State<'_>) -> Result<(), StateError> {
        walk_key(key, SymbolNetwork::shape(spec).as_ref(), s)
    }
}

/// Walks over the state of a key whose networks have this shape, if there are any.
fn walk_key(key: &mut SymbolKey, shape: Option<&Shape>, s: &mut State<'_>) -> Result<(), StateError> {
    // a checkpoint of another recipe may hold a hidden state where there is no network: it is read and refused
    const ANY_SHAPE: Shape = Shape { layers: 1, hidden: 16, tables: 0, dense: 0, chunk: 1 };
    key.persist(s, || Sequence::new(shape.unwrap_or(&ANY_SHAPE)))?;
    if key.sequence.is_some() == shape.is_some() { Ok(()) } else { Err(StateError::Mismatch("sequence")) }
}

incremental_copy!(SymbolModel {
    large: contexts, past, sources;
    small: spec, symbols, run, followers, histories, mixing, outer, burst, work,
});

impl Persist for SymbolModel {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("symbol model")?;
        s.u64("symbols", &mut self.symbols)?;
        // models without a run rule keep no run
        if self.spec.has_run_rule() {
            self.run.persist(s)?;
        }
        self.contexts.persist(s)?;
        self.past.persist(s)?;
        self.followers.persist(s)?;
        self.histories.persist(s)?;
        self.sources.persist(StatePlace::BeforeMixer, &self.spec, s)?;
        self.mixing.persist(s)?;
        self.outer.persist(s)?;
        self.burst.persist(s)?;
        self.sources.persist(StatePlace::AfterMixtures, &self.spec, s)
    }
}
