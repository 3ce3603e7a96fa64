//! What a symbol model is made of, and the recipes for kinds of data.

use crate::code::Code;
use crate::context::Context;
use surmise_lanes::LANES;
use surmise_network::Engine;

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
}

/// Everything that is fixed about a symbol model.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The symbols.
    pub code: Code,
    /// Whether several keys may interleave.
    pub keyed: bool,
    /// The contexts, orders first and rising; at most 16.
    pub contexts: Vec<(Context, Layout)>,
    /// How many other fields, and clocks after them, the model is told of.
    pub sides: usize,
    /// How many of them are clocks.
    pub clocks: usize,
    /// Whether the recency model takes part.
    pub recency: bool,
    /// Lines that the table of counts may grow to (a power of two).
    pub count_lines: usize,
    /// Groups of four lines that the table of histories may grow to (a power of two).
    pub history_rows: usize,
    /// Entries that a match index may grow to (a power of two).
    pub match_entries: usize,
    /// Symbols of the past that are held for matches (a power of two).
    pub past: usize,
    /// The network, if there is one.
    pub network: Option<NetworkSpec>,
    /// Seed of the network's weights.
    pub seed: u64,
}

const A: Layout = Layout::Counts;
const B: Layout = Layout::Histories;

impl Spec {
    /// The recipe for bytes: text, logs, binary.
    pub fn bytes(keyed: bool, memory_mib: u32) -> Spec {
        let contexts = vec![
            (Context::Order(0), A),
            (Context::Order(1), A),
            (Context::Order(2), A),
            (Context::Order(3), A),
            (Context::Order(4), B),
            (Context::Order(5), B),
            (Context::Order(6), B),
            (Context::Word, B),
            (Context::Words, A),
            (Context::Above1, A),
            (Context::Field, A),
            (Context::Skip(0b110), A),
            (Context::Shape, B),
            (Context::Above, B),
            (Context::SkipWord, B),
            (Context::Followers, A),
        ];
        Spec { code: Code::Byte, keyed, contexts, sides: 0, recency: false, ..Spec::sized(memory_mib) }
    }

    /// The recipe for symbols of an open vocabulary: log keys, clicks, requests.
    pub fn symbols(keyed: bool, memory_mib: u32) -> Spec {
        let contexts = vec![
            (Context::Order(0), A),
            (Context::Order(1), A),
            (Context::Order(2), A),
            (Context::Order(3), A),
            (Context::Order(4), B),
            (Context::Order(6), B),
            (Context::Bag(false), A),
            (Context::Bag(true), A),
            (Context::Position, A),
            (Context::Skip(0b110), B),
            (Context::Skip(0b10), B),
            (Context::Skip(0b100), B),
        ];
        Spec { code: Code::Arrival, keyed, contexts, sides: 0, recency: true, ..Spec::sized(memory_mib) }
    }

    /// The recipe for one category among the fields of a record: fewer orders of its own, more of the other fields.
    /// Which sides have values of the same event is the caller's business; all are contexts. Clocks (the hour of the
    /// day, of the week) are further sides, each a context by itself.
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
        for i in 0..sides.min(4) {
            contexts.push((Context::Side(1 << i, 0), A));
            contexts.push((Context::Side(1 << i, 1), A));
        }
        // what a session held so far tells repeated ones apart: book orders 0.92 → 0.69 bits
        contexts.extend([(Context::Bag(true), A), (Context::Bag(false), A)]);
        contexts.truncate(LANES);
        let clocks = clocks.min(LANES - contexts.len());
        contexts.extend((0..clocks).map(|i| (Context::Side(1 << (sides + i), 0), A)));
        let sides = sides + clocks;
        Spec { code, keyed, contexts, sides, clocks, recency: code == Code::Arrival, ..Spec::sized(memory_mib) }
    }

    fn sized(memory_mib: u32) -> Spec {
        // a third for histories, an eighth for counts, the rest for the past, the mixers and the network
        let m = (memory_mib.max(1) as usize) << 20;
        let floor = |n: usize| 1usize << (usize::BITS - 1 - n.max(1).leading_zeros());
        Spec {
            code: Code::Arrival,
            keyed: false,
            contexts: Vec::new(),
            sides: 0,
            clocks: 0,
            recency: false,
            count_lines: floor(m / 8 / 64).max(256),
            history_rows: floor(m / 2 / 64).max(64),
            match_entries: floor(m / 32 / 4).clamp(1 << 12, 1 << 18),
            past: floor(m / 8 / 4).clamp(1 << 12, 1 << 22),
            network: None,
            seed: 1,
        }
    }
}
