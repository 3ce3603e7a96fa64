//! Binary decisions that are predicted together: what every part of the model said, and what learning needs of it.

use crate::contexts::ContextsSaid;
use crate::history_maps::HistoryMapsSaid;
use crate::inputs::InputRow;
use crate::probability_map::MapPlace;
use crate::sources::SourcesSaid;
use surmise_lanes::{Block, LANES};

/// N binary decisions that are predicted together.
#[derive(Clone)]
pub struct Decisions<const N: usize> {
    /// What the contexts have seen.
    pub contexts: ContextsSaid<N>,
    /// What the maps of histories said.
    pub histories: HistoryMapsSaid<N>,
    /// What the sources of evidence said.
    pub sources: SourcesSaid<N>,
    /// The mixer's inputs.
    pub inputs: [InputRow; N],
    /// What the mixer made of them.
    pub mixed: Mixed<N>,
    /// Every whole expert's probability of a 1: `[N, SYMBOL_EXPERTS_MAX]`.
    pub experts: [Block; N],
}

/// What the mixer made of N decisions.
#[derive(Clone)]
pub struct Mixed<const N: usize> {
    /// Place of every set's selected row.
    pub rows: [[u32; LANES]; N],
    /// Outputs of the sets, stretched.
    pub outputs: [Block; N],
    /// Outputs of the sets as probabilities.
    pub probabilities: [Block; N],
    /// The counts' own mixture as a probability.
    pub counts_only: [f32; N],
    /// Selected rows of the final mixers.
    pub final_rows: [[u32; 3]; N],
    /// Outputs of the final mixers, stretched.
    pub final_outputs: [[f32; N]; 3],
    /// The mean of the final mixers, stretched.
    pub stretched: [f32; N],
    /// That mean as a probability.
    pub probability: [f32; N],
    /// Where that mean fell in the probability maps.
    pub places: [[MapPlace; 2]; N],
    /// The answer: the mean corrected by the probability maps.
    pub answer: [f32; N],
}

impl<const N: usize> Default for Decisions<N> {
    fn default() -> Self {
        Decisions {
            contexts: ContextsSaid::default(),
            histories: HistoryMapsSaid::default(),
            sources: SourcesSaid::default(),
            inputs: [InputRow::default(); N],
            mixed: Mixed::default(),
            experts: [[0.0; LANES]; N],
        }
    }
}

impl<const N: usize> Default for Mixed<N> {
    fn default() -> Self {
        Mixed {
            rows: [[0; LANES]; N],
            outputs: [[0.0; LANES]; N],
            probabilities: [[0.0; LANES]; N],
            counts_only: [0.5; N],
            final_rows: [[0; 3]; N],
            final_outputs: [[0.0; N]; 3],
            stretched: [0.0; N],
            probability: [0.5; N],
            places: [[MapPlace::default(); 2]; N],
            answer: [0.5; N],
        }
    }
}
