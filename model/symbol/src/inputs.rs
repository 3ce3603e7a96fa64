//! The layout of the mixer's inputs: which there are, and in which lanes.
//!
//! Every context has an input of each kind in [`CONTEXT_INPUTS`], in a block of lanes per kind. The single inputs,
//! which the sources of evidence declare, take lanes that contexts leave empty (PREDICTOR §6).

use crate::component::SymbolComponent;
use crate::source::{INITIAL_WEIGHT, MixerInput, UsedBy};
use crate::spec::Spec;
use surmise_lanes::{Block, LANES};

/// Blocks of inputs at most.
pub const BLOCKS_MAX: usize = 5;

/// One number for each input, a block after the other.
pub type InputRow = [Block; BLOCKS_MAX];

/// Inputs at most that do not come from contexts.
pub const SINGLE_INPUTS_MAX: usize = LANES;

/// The block of stretched probabilities, of contexts that count.
pub const COUNT_BLOCK: usize = 0;
/// The block of confidences.
pub const CONFIDENCE_BLOCK: usize = 1;
/// The block of stretched probabilities by bit history.
pub const HISTORY_BLOCK: usize = 2;
/// The block of the chain over the histories.
pub const CHAIN_BLOCK: usize = 3;

/// The inputs of every context, one block of lanes each. The last is there in recipes with a chain only.
pub const CONTEXT_INPUTS: [MixerInput; 4] = [
    context_input("stretched probability by counts", INITIAL_WEIGHT),
    context_input("linear probability by confidence", INITIAL_WEIGHT),
    context_input("stretched probability by history", INITIAL_WEIGHT),
    context_input("chain over the histories", 0.024),
];

const fn context_input(name: &'static str, initial_weight: f32) -> MixerInput {
    MixerInput { name, initial_weight, used_by: UsedBy::AllSets }
}

/// A single input as a model may have it.
#[derive(Clone, Copy, Debug)]
pub struct SingleInput {
    /// The declaration.
    pub input: MixerInput,
    /// The name of its source.
    pub source: &'static str,
    /// The component of its source.
    pub component: Option<SymbolComponent>,
    /// Whether the model has the source.
    pub is_present: bool,
}

/// Which inputs a model's rows have, and where.
#[derive(Clone, Debug)]
pub struct InputLayout {
    /// Blocks that are used.
    blocks: usize,
    contexts: usize,
    has_chain: bool,
    /// The lane of each single input, counted over all blocks; [`NO_PLACE`] if the model lacks it.
    places: [usize; SINGLE_INPUTS_MAX],
    singles: Vec<SingleInput>,
    /// The lanes of single inputs that the counts' own mixture must not use.
    not_counted: Vec<usize>,
}

/// Which inputs the rows of a weight set start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetInputs {
    /// All inputs.
    All,
    /// The inputs that come from counting.
    CountsOnly,
}

/// Stands for the place of an input that a model lacks; no row is as long.
const NO_PLACE: usize = usize::MAX;

impl InputLayout {
    /// The layout of a recipe. Single inputs take lanes of the first block that would be empty, as those of contexts
    /// with histories are, or a block of their own if these are too few: every block costs time at every set of
    /// weights.
    pub fn new(spec: &Spec, singles: Vec<SingleInput>) -> InputLayout {
        let blocks = if spec.chain { CHAIN_BLOCK + 1 } else { HISTORY_BLOCK + 1 };
        let free: Vec<usize> = (0..LANES).filter(|lane| !spec.is_counted(*lane)).collect();
        let fits = free.len() >= singles.iter().filter(|single| single.is_present).count();
        let own: Vec<usize> = (0..LANES).map(|lane| blocks * LANES + lane).collect();
        // what takes lanes is what is there, in the order of the declarations
        let mut lanes = if fits { free } else { own }.into_iter();
        let mut places = [NO_PLACE; SINGLE_INPUTS_MAX];
        for (place, _) in places.iter_mut().zip(&singles).filter(|(_, single)| single.is_present) {
            *place = lanes.next().expect("a block has lanes for all single inputs");
        }
        let blocks = blocks + usize::from(!fits);
        let mut layout = InputLayout {
            blocks,
            contexts: spec.contexts.len(),
            has_chain: spec.chain,
            places,
            singles,
            not_counted: Vec::new(),
        };
        let not_counted = layout.singles().filter(|(single, _)| single.input.used_by == UsedBy::AllButCounts);
        layout.not_counted = not_counted.map(|(_, place)| place).collect();
        layout
    }

    /// Blocks that rows use.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// Whether the model has a single input.
    #[inline(always)]
    pub fn has(&self, single: usize) -> bool {
        self.places[single] != NO_PLACE
    }

    /// The lane of a single input, counted over all blocks.
    #[inline(always)]
    pub fn place(&self, single: usize) -> usize {
        self.places[single]
    }

    /// The single inputs that the model has, with their lanes.
    pub fn singles(&self) -> impl Iterator<Item = (&SingleInput, usize)> {
        self.singles.iter().zip(self.places).filter(|(single, _)| single.is_present)
    }

    /// Initial weights of the rows of a weight set: `[blocks, LANES]`, and zeros behind them.
    pub fn initial_row(&self, inputs: SetInputs) -> InputRow {
        let mut row = InputRow::default();
        for (block, input) in CONTEXT_INPUTS.iter().enumerate().filter(|(b, _)| self.has_chain || *b != CHAIN_BLOCK) {
            row[block][..self.contexts].fill(input.initial_weight);
        }
        // the counts' own mixture must stay a mixture of counts
        for (single, place) in self.singles() {
            let is_used = inputs == SetInputs::All || single.input.used_by == UsedBy::AllSets;
            row.as_flattened_mut()[place] = if is_used { single.input.initial_weight } else { 0.0 };
        }
        row
    }

    /// The lanes of single inputs that the counts' own mixture must not use.
    #[inline(always)]
    pub fn not_counted(&self) -> &[usize] {
        &self.not_counted
    }

    /// Names and components of the sources that the model has, in the order of their inputs.
    pub fn sources(&self) -> impl Iterator<Item = (&'static str, Option<SymbolComponent>)> {
        self.by_source().map(|singles| (singles[0].0.source, singles[0].0.component))
    }

    /// The sum of each source's lanes; `lanes`: `[BLOCKS_MAX · LANES]`.
    pub fn source_sums(&self, lanes: &[f64; BLOCKS_MAX * LANES]) -> impl Iterator<Item = f64> {
        self.by_source().map(|singles| singles.iter().map(|(_, place)| lanes[*place]).sum())
    }

    /// The sum of the lanes of the context in `lane`; `lanes`: `[BLOCKS_MAX · LANES]`.
    pub fn context_sum(&self, spec: &Spec, lane: usize, lanes: &[f64; BLOCKS_MAX * LANES]) -> f64 {
        // in the first block the lanes of contexts with histories may hold single inputs
        let first = if spec.is_counted(lane) { COUNT_BLOCK } else { CONFIDENCE_BLOCK };
        let last = if self.has_chain { CHAIN_BLOCK } else { HISTORY_BLOCK };
        (first..=last).map(|block| lanes[block * LANES + lane]).sum()
    }

    fn by_source(&self) -> impl Iterator<Item = Vec<(&SingleInput, usize)>> {
        let singles: Vec<_> = self.singles().collect();
        let groups: Vec<Vec<_>> = singles.chunk_by(|a, b| a.0.source == b.0.source).map(<[_]>::to_vec).collect();
        groups.into_iter()
    }
}
