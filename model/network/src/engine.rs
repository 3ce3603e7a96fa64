//! Which implementation computes the network.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The implementation that computes a network.
///
/// Both engines use the same parameter arrays, the same links between steps and the same update rule, and agree to
/// about 1e-6 of an array's maximum; a checkpoint of one opens in the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Hand-written kernels, the default; bit-identical on machines of one arithmetic.
    #[default]
    Fused,
    /// dfdx operations forward and dfdx gradients backward, with the same update rule: the reference that the kernels
    /// are tested against, and much slower. It calls the system's exp and tanh, so it repeats itself bit for bit on
    /// one machine and no further.
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no engine {0:?}; engines are fused and dfdx")]
pub struct ParseEngineError(String);

impl FromStr for Engine {
    type Err = ParseEngineError;
    fn from_str(name: &str) -> Result<Self, ParseEngineError> {
        match name {
            "fused" => Ok(Engine::Fused),
            "dfdx" => Ok(Engine::Dfdx),
            _ => Err(ParseEngineError(name.to_owned())),
        }
    }
}
