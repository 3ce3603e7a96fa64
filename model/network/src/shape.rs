//! The sizes of a network, and which engine runs it.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// No id in this table at this step.
pub const NONE: u32 = u32::MAX;

/// What computes the network. Both engines use the same parameter arrays, the same links and the same update rule, and
/// agree to about 1e-6 of an array's maximum; a checkpoint of one opens in the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Hand-written kernels, the default; bit-identical on machines of one arithmetic.
    #[default]
    Fused,
    /// dfdx operations forward and dfdx gradients backward, handed to the same update rule; an order of magnitude
    /// slower, and the reference that the kernels are tested against. It calls the system's exp and tanh, so it repeats
    /// itself bit for bit on one machine and no further.
    Dfdx,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Fused => "fused",
            Engine::Dfdx => "dfdx",
        })
    }
}

/// The name of an engine that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseEngineError(String);

impl fmt::Display for ParseEngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no engine {:?}; engines are fused and dfdx", self.0)
    }
}

impl std::error::Error for ParseEngineError {}

impl FromStr for Engine {
    type Err = ParseEngineError;
    fn from_str(s: &str) -> Result<Self, ParseEngineError> {
        match s {
            "fused" => Ok(Engine::Fused),
            "dfdx" => Ok(Engine::Dfdx),
            _ => Err(ParseEngineError(s.to_owned())),
        }
    }
}

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
    /// Features: layers · hidden.
    pub fn width(&self) -> usize {
        self.layers * self.hidden
    }

    /// The nearest shape that can be built: at least one layer, one step, and H rounded up to a multiple of 16.
    pub fn valid(&self) -> Shape {
        Shape {
            layers: self.layers.max(1),
            hidden: self.hidden.max(1).next_multiple_of(16),
            chunk: self.chunk.clamp(1, 1 << 16),
            ..*self
        }
    }
}
