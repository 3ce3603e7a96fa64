//! The sizes of a network.

use serde::{Deserialize, Serialize};

/// In place of an id: this table has no row at this step. In place of a row of the chunk: there is none.
///
/// A sentinel rather than an `Option`, as ids and links lie in arrays of `u32` that kernels and checkpoints read.
pub const NONE: u32 = u32::MAX;

/// Units of a layer are a multiple of this, the number of lanes of a block.
const HIDDEN_MULTIPLE: usize = surmise_lanes::LANES;

/// Steps of a chunk, at most: what is larger is a mistake of a configuration, and would only take memory.
const CHUNK_STEPS_MAX: usize = 1 << 16;

/// The sizes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Layers, at least 1.
    pub layers: usize,
    /// Units H of each layer, a multiple of 16.
    pub hidden: usize,
    /// Embedding tables, each of which gets one id at each step.
    pub tables: usize,
    /// Dense inputs at each step.
    pub dense: usize,
    /// Steps T of a chunk: how far gradients reach back, and how many steps one update takes.
    pub chunk: usize,
}

impl Shape {
    /// The number of features, layers · H.
    pub fn width(&self) -> usize {
        self.layers * self.hidden
    }

    /// The number of gate values of a layer, G = 3H: z, c and o of every unit.
    pub fn gates(&self) -> usize {
        3 * self.hidden
    }

    /// The nearest shape that can be built: at least one layer, one step, and H rounded up to a multiple of 16.
    pub fn valid(&self) -> Shape {
        Shape {
            layers: self.layers.max(1),
            hidden: self.hidden.max(1).next_multiple_of(HIDDEN_MULTIPLE),
            chunk: self.chunk.clamp(1, CHUNK_STEPS_MAX),
            ..*self
        }
    }
}
