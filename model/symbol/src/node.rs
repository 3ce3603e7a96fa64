//! Binary decisions: every input of the mixer, its output, and what learning needs afterwards.

use crate::code::{NIBBLES, Path};
use crate::inputs::Row;
use crate::matching::Expectation;
use crate::numbers::{Opinion, Reading};
use crate::recency::{Recent, Sighting};
use crate::refine::MapPlace;
use surmise_lanes::{Block, LANES};

/// Decisions of a nibble. On the path of a symbol that came they are predicted together and then learnt together, so
/// that each weight is fetched once and no decision waits for another.
pub const TOGETHER: usize = 4;

/// Most contexts of a model: one lane each.
pub const CONTEXTS_MAX: usize = LANES;

/// What is fixed while one symbol is predicted.
#[derive(Clone, Default)]
pub struct Front {
    /// The hash of every context.
    pub hashes: [u32; CONTEXTS_MAX],
    /// What the match models expect.
    pub expected: [Expectation; 2],
    /// The most recent distinct symbols.
    pub recent: Recent,
    /// The two last symbols + 1.
    pub last: [u32; 2],
    /// Kinds of the last four bytes, and the place within word and line.
    pub kinds: u32,
    /// See `kinds`.
    pub place: u32,
    /// A hash of the event's other fields.
    pub side: u32,
    /// What was seen in the event's numbers.
    pub reading: Reading,
}

/// Where in the tree a decision stands.
#[derive(Clone, Copy, Default)]
pub struct Place {
    /// Nibbles before this one.
    pub depth: usize,
    /// Those nibbles, packed.
    pub prefix: u32,
    /// The node within the nibble, 1..16.
    pub node: u32,
    /// Bits of the nibble still to come after this one.
    pub shift: u32,
    /// The node's number for the head and for selecting.
    pub number: u32,
    /// Recent symbols that share the prefix.
    pub mask: u32,
    /// Nibbles of the prefix.
    pub nibbles: [u8; NIBBLES],
}

/// N binary decisions that are predicted side by side.
#[derive(Clone)]
pub struct Decisions<const N: usize> {
    /// Raw statistics of every lane.
    pub slots: [[u32; LANES]; N],
    /// The mixer's inputs.
    pub inputs: [Row; N],
    /// Index of every lane's history map entry.
    pub maps: [[u32; LANES]; N],
    /// 1 in lanes whose context has been seen.
    pub seen: [Block; N],
    /// How far every lane's count is believed.
    pub confidence: [Block; N],
    /// Probability of a 1 in count lanes; elsewhere that by history.
    pub direct: [Block; N],
    /// Which bit each match expects: 0, 1, or −1 for none.
    pub expects: [[i8; 2]; N],
    /// Recency's view.
    pub sighting: [Sighting; N],
    /// The network's stretched prediction.
    pub network: [f32; N],
    /// The same as a probability.
    pub network_probability: [f32; N],
    /// What the event's numbers say.
    pub numbers: [Opinion; N],
    /// Where the selected weights are.
    pub selected: [[u32; LANES]; N],
    /// Outputs of the sets, stretched, and as probabilities.
    pub outputs: [Block; N],
    /// See `outputs`.
    pub probabilities: [Block; N],
    /// Selected final weights.
    pub finals: [[u32; 3]; N],
    /// Outputs of the final mixers.
    pub final_outputs: [[f32; N]; 3],
    /// The mixed prediction, stretched, and as a probability.
    pub stretched: [f32; N],
    /// See `stretched`.
    pub mixed: [f32; N],
    /// Where it fell in the probability maps.
    pub places: [[MapPlace; 2]; N],
    /// The counts' own mixture as a probability.
    pub counts_only: [f32; N],
    /// Every expert's probability of a 1.
    pub experts: [Block; N],
}

impl<const N: usize> Default for Decisions<N> {
    fn default() -> Self {
        Decisions {
            slots: [[0; LANES]; N],
            inputs: [Row::default(); N],
            maps: [[0; LANES]; N],
            seen: [[0.0; LANES]; N],
            confidence: [[0.0; LANES]; N],
            direct: [[0.0; LANES]; N],
            expects: [[-1; 2]; N],
            sighting: [Sighting::default(); N],
            network: [0.0; N],
            network_probability: [0.5; N],
            numbers: [Opinion::default(); N],
            selected: [[0; LANES]; N],
            outputs: [[0.0; LANES]; N],
            probabilities: [[0.0; LANES]; N],
            finals: [[0; 3]; N],
            final_outputs: [[0.0; N]; 3],
            stretched: [0.0; N],
            mixed: [0.5; N],
            places: [[MapPlace::default(); 2]; N],
            counts_only: [0.5; N],
            experts: [[0.0; LANES]; N],
        }
    }
}

/// What a match's expectation says at a place: the expected bit, if its path runs through the node.
#[inline(always)]
pub fn expected_bit(e: &Expectation, at: &Place) -> i8 {
    let Path { nibbles, .. } = &e.path;
    let x = u32::from(nibbles[at.depth]);
    if e.alive && e.length > 0 && (x | 16) >> (at.shift + 1) == at.node { (x >> at.shift & 1) as i8 } else { -1 }
}
