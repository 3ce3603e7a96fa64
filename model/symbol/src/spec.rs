//! What a symbol model is made of, and the recipes for kinds of data.

use crate::code::Code;
use crate::component::SymbolComponent;
use crate::context::Context;
use surmise_lanes::LANES;
use surmise_network::{Engine, Shape};

/// How a context's statistics are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Probabilities, counts and last bits: for contexts that recur.
    Counts,
    /// Bit histories: for the many that occur a few times.
    Histories,
}

/// The network of a symbol model.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkSpec {
    /// Layers.
    pub layers: usize,
    /// Width of a layer.
    pub hidden: usize,
    /// Steps of a chunk.
    pub chunk: usize,
    /// Learning rate of the recurrence.
    pub rate: f32,
    /// Learning rate of the head.
    pub head_rate: f32,
    /// Past symbols that it sees at each step.
    pub lags: usize,
    /// Embedding rows of a table (a power of two); further symbols share.
    pub rows_max: usize,
    /// Nodes of the head (a power of two).
    pub nodes_max: usize,
    /// Code that runs it.
    pub engine: Engine,
    /// Chunks that the update of a chunk waits before it takes effect.
    pub delay_chunks: usize,
}

/// Other fields that a network sees at most; each has a table of embeddings.
pub(crate) const NETWORK_SIDES_MAX: usize = 4;

/// Components that a model keeps the room of but makes no use of, to measure what they are worth. The other components
/// are left out by the recipe itself; see [`Spec::without`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SymbolAblation {
    /// The match models never find a match.
    pub matches: bool,
    /// Mapped histories and their chain give nothing to the mixer.
    pub histories: bool,
    /// All weight sets of the mixer select by the node, as the first one does.
    pub weight_sets: bool,
    /// All final mixers select by the node, as the first one does.
    pub final_mixers: bool,
    /// The answer is the final mixers' own, without the probability maps.
    pub maps: bool,
}

/// Everything that is fixed about a symbol model.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// How symbols become paths.
    pub code: Code,
    /// Whether several keys may interleave.
    pub keyed: bool,
    /// The contexts, plain orders first and rising: at most 16, as each takes one lane.
    pub contexts: Vec<(Context, Layout)>,
    /// How many hashes of the event's other fields, and of clocks after them, a prediction may use.
    pub sides: usize,
    /// How many of them are clocks.
    pub clocks: usize,
    /// How many numbers of the event a prediction may use.
    pub numbers: usize,
    /// Whether the recency model takes part.
    pub recency: bool,
    /// Whether a chain over the contexts' histories takes part.
    pub chain: bool,
    /// Lines that the table of counts may grow to (a power of two).
    pub count_lines: usize,
    /// Groups of four lines that the table of histories may grow to (a power of two).
    pub history_rows: usize,
    /// Entries that a match index may grow to (a power of two).
    pub match_entries: usize,
    /// Symbols of the past that are held for matches (a power of two).
    pub past: usize,
    /// Rows of weights that a mixer set may have (a power of two); further contexts share.
    pub mixer_rows: usize,
    /// Rows of the hashed probability map (a power of two).
    pub map_rows: usize,
    /// Pairs of bytes whose followers are told apart (a power of two).
    pub follower_pairs: usize,
    /// The network, if there is one.
    pub network: Option<NetworkSpec>,
    /// Bytes that a network and a challenger on trial beside it may take together; 0: no challengers.
    pub network_bytes: usize,
    /// Components that are there and make no difference.
    pub ablation: SymbolAblation,
    /// Bytes that the learners of the event's numbers may take.
    pub numbers_bytes: usize,
    /// Length of a run of one symbol from which on the run rule predicts; `u64::MAX`: it never does.
    pub run_length_min: u64,
    /// Seed of the network's weights.
    pub seed: u64,
}

const A: Layout = Layout::Counts;
const B: Layout = Layout::Histories;

/// Contexts of bytes: text, logs, binary. All lanes are taken: a new one takes the place of another.
const BYTE_CONTEXTS: &[(Context, Layout)] = &[
    (Context::Order(0), A),
    (Context::Order(1), A),
    (Context::Order(2), A),
    (Context::Order(3), A),
    (Context::Order(4), B),
    (Context::Order(5), B),
    (Context::Order(6), B),
    (Context::Word, B),
    (Context::Words, A),
    (Context::Number, A),
    (Context::Field, A),
    (Context::GapWord, B),
    (Context::Shape, B),
    (Context::Above, B),
    (Context::SkipWord, B),
    (Context::Followers, A),
];

/// Contexts of symbols of an open vocabulary: log keys, clicks, requests.
const SYMBOL_CONTEXTS: &[(Context, Layout)] = &[
    (Context::Order(0), A),
    (Context::Order(1), A),
    (Context::Order(2), A),
    (Context::Order(3), A),
    (Context::Order(4), B),
    (Context::Order(6), B),
    (Context::Bag(64, false), A),
    (Context::Bag(64, true), A),
    (Context::Position, A),
    (Context::Skip(0b110), B),
    (Context::Skip(0b10), B),
    (Context::Skip(0b100), B),
];

const _: () = assert!(BYTE_CONTEXTS.len() <= LANES, "BYTE_CONTEXTS has more contexts than there are lanes: drop one");
const _: () =
    assert!(SYMBOL_CONTEXTS.len() <= LANES, "SYMBOL_CONTEXTS has more contexts than there are lanes: drop one");

impl Spec {
    /// The recipe for bytes: text, logs, binary.
    pub fn bytes(keyed: bool, memory_mib: u32) -> Spec {
        let contexts = BYTE_CONTEXTS.to_vec();
        Spec { code: Code::Byte, keyed, contexts, sides: 0, recency: false, ..Spec::sized(keyed, memory_mib) }
    }

    /// The recipe for symbols of an open vocabulary (log keys, clicks, requests), for a stream whose only field is a
    /// category; [`Spec::among_fields`] is for several fields.
    pub fn symbols(keyed: bool, memory_mib: u32) -> Spec {
        let contexts = SYMBOL_CONTEXTS.to_vec();
        Spec {
            code: Code::Arrival,
            keyed,
            contexts,
            sides: 0,
            recency: true,
            chain: false,
            ..Spec::sized(keyed, memory_mib)
        }
    }

    /// The recipe for one category among the fields of a record: fewer orders of its own, more of the other fields.
    /// Which sides have values of the same event is for the caller to decide; all are contexts. Clocks (the hour of the
    /// day, of the week) are further sides, each a context by itself (PREDICTOR §2). Contexts beyond the lanes are left
    /// out, the last ones first.
    pub fn among_fields(code: Code, keyed: bool, memory_mib: u32, sides: usize, clocks: usize) -> Spec {
        let all = (1u32 << sides.min(16)) as u16;
        let all = all.wrapping_sub(1);
        let mut contexts = vec![
            (Context::Order(0), A),
            (Context::Order(1), A),
            (Context::Order(2), A),
            (Context::Order(3), A),
            (Context::Order(4), B),
            (Context::Skip(0b110), B),
            (Context::Side(all, 0), B),
            (Context::Side(all, 1), B),
        ];
        // the first fields each stand alone as well
        for i in 0..sides.min(4) {
            contexts.push((Context::Side(1 << i, 0), A));
            contexts.push((Context::Side(1 << i, 1), A));
        }
        if code == Code::Arrival {
            // what a session held so far tells repeated ones apart: book orders 0.92 → 0.69 bits
            contexts.extend([(Context::Bag(4096, true), A), (Context::Bag(4096, false), A)]);
        }
        contexts.truncate(LANES);
        let clocks = clocks.min(LANES - contexts.len());
        contexts.extend((0..clocks).map(|i| (Context::Side(1 << (sides + i), 0), A)));
        let sides = sides + clocks;
        let recency = code == Code::Arrival;
        Spec { code, keyed, contexts, sides, clocks, recency, ..Spec::sized(keyed, memory_mib) }
    }

    /// The recipe without a component, to measure what the component is worth (PREDICTOR §15). Leaving out what the
    /// recipe does not have changes nothing. [`SymbolComponent::Sides`] and [`SymbolComponent::Clocks`] decide which
    /// contexts a recipe has at all: they are left out by asking [`Spec::among_fields`] for none.
    pub fn without(mut self, component: SymbolComponent) -> Spec {
        match component {
            SymbolComponent::Words
            | SymbolComponent::Columns
            | SymbolComponent::Followers
            | SymbolComponent::Skips
            | SymbolComponent::Session => {
                self.contexts.retain(|(context, _)| context.component() != Some(component));
            }
            SymbolComponent::Network => self.network = None,
            SymbolComponent::Recency => self.recency = false,
            SymbolComponent::Numbers => self.numbers = 0,
            SymbolComponent::Histories => self.ablation.histories = true,
            SymbolComponent::Matches => self.ablation.matches = true,
            SymbolComponent::WeightSets => self.ablation.weight_sets = true,
            SymbolComponent::FinalMixers => self.ablation.final_mixers = true,
            SymbolComponent::Maps => self.ablation.maps = true,
            SymbolComponent::Sides | SymbolComponent::Clocks => {}
        }
        self
    }

    /// Whether the symbols are bytes of a stream of their own.
    pub(crate) fn is_text(&self) -> bool {
        self.code == Code::Byte && self.sides == 0
    }

    /// Whether the context of a lane counts; the others keep bit histories, and lanes without a context count nothing.
    pub(crate) fn is_counted(&self, lane: usize) -> bool {
        self.contexts.get(lane).is_some_and(|(_, layout)| *layout == Layout::Counts)
    }

    /// Whether a run rule predicts symbols of long runs.
    pub(crate) fn has_run_rule(&self) -> bool {
        self.run_length_min < u64::MAX
    }

    /// Panics with the name of the first context that has no lane, if there is one.
    pub(crate) fn assert_contexts_fit(&self) {
        if let Some((context, _)) = self.contexts.get(LANES) {
            let count = self.contexts.len();
            panic!("{count} contexts, but {LANES} lanes: {context:?} does not fit, so the recipe must drop one");
        }
    }

    /// A recipe without contexts whose parts have their shares of a ceiling in MiB (PREDICTOR §14). What is fixed
    /// weighs more under a low ceiling, so the tables take less of it then.
    fn sized(keyed: bool, memory_mib: u32) -> Spec {
        let bytes = (memory_mib.max(1) as usize) << 20;
        let is_low = bytes < 8 << 20;
        let symbol_bytes = if keyed { 12 } else { 4 };
        Spec {
            code: Code::Arrival,
            keyed,
            contexts: Vec::new(),
            sides: 0,
            clocks: 0,
            numbers: 0,
            numbers_bytes: bytes / 8,
            run_length_min: u64::MAX,
            recency: false,
            chain: true,
            count_lines: floor(bytes / 8 / 64).max(256),
            history_rows: floor(bytes / if is_low { 4 } else { 2 } / 64).max(64),
            match_entries: floor(bytes / 64 / 4).clamp(1 << 9, 1 << 18),
            past: floor(bytes / if is_low { 16 } else { 8 } / symbol_bytes).clamp(1 << 10, 1 << 22),
            mixer_rows: floor(bytes / if is_low { 64 } else { 32 } / 320).min(1 << 12),
            map_rows: floor(bytes / 32 / 132).min(1 << 12),
            follower_pairs: floor(bytes / 64 / 2).min(1 << 16),
            network: None,
            network_bytes: bytes / 4,
            ablation: SymbolAblation::default(),
            seed: 1,
        }
    }
}

/// The largest power of two that is no larger than a number, at least 1.
fn floor(number: usize) -> usize {
    1 << number.max(1).ilog2()
}

impl NetworkSpec {
    /// The nearest network that takes at most so many bytes: fewer rows and nodes for an open vocabulary, then a
    /// smaller width, then one lag, then rows that bytes share; none if even that is too large (PREDICTOR §14).
    pub fn within(mut self, bytes: usize, code: Code, sides: usize) -> Option<NetworkSpec> {
        // a weight and its mean squared gradient
        const WEIGHT_BYTES: usize = 8;
        loop {
            let gates = self.layers * 3 * self.hidden;
            let tables = (self.lags + sides.min(NETWORK_SIDES_MAX)) * gates * WEIGHT_BYTES;
            let node = self.layers * self.hidden * WEIGHT_BYTES + 12;
            let shape =
                Shape { layers: self.layers, hidden: self.hidden, tables: self.lags, dense: 0, chunk: self.chunk };
            let jobs = surmise_network::pending_jobs_bytes(&shape, self.delay_chunks);
            let fixed =
                gates * (self.hidden + 1) * WEIGHT_BYTES + self.chunk * self.layers * self.hidden * 8 * 4 + jobs;
            let (rows, nodes) = match code {
                Code::Byte => (256, 512),
                Code::Arrival => (floor(bytes / 2 / tables), floor(bytes * 2 / 5 / node)),
            };
            let (rows, nodes) = (rows.min(self.rows_max), nodes.min(self.nodes_max));
            let rows_min = if code == Code::Arrival { 64 } else { 256 };
            if rows >= rows_min && nodes >= 256 && rows * tables + nodes * node + fixed <= bytes {
                return Some(NetworkSpec { rows_max: rows, nodes_max: nodes, ..self });
            }
            // the width is given up first, then the lags, then rows
            if self.hidden > 16 {
                self.hidden /= 2;
            } else if self.lags > 1 {
                self.lags = 1;
            } else {
                let fits = 64 * tables + 512 * node + fixed <= bytes;
                return fits.then_some(NetworkSpec { rows_max: 64, nodes_max: 512, ..self });
            }
        }
    }
}
