//! What can be chosen about a learner.

use serde::{Deserialize, Serialize};
use surmise_network::Engine;

/// A named set of choices for a kind of data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Chosen from the schema.
    #[default]
    Auto,
    /// Endless bytes or texts.
    Bytes,
    /// One category: log keys, clicks, requests.
    Symbols,
    /// Numbers only.
    Numbers,
    /// Mixed records.
    Records,
}

/// How large the network is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkSize {
    /// The preset's choice.
    #[default]
    Auto,
    /// No network: counts and simple experts only.
    Off,
    /// Two layers of 32.
    Small,
    /// Two layers of 64.
    Medium,
    /// Two layers of 128.
    Large,
}

/// The choices; every one has a default, and all are part of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Which set of choices the others start from.
    pub preset: Preset,
    /// Size of the network.
    pub network: NetworkSize,
    /// Which code runs the network: `fused` (hand-written kernels) or `dfdx` (the same network in dfdx operations).
    pub engine: Engine,
    /// Ceiling of one stream's tables in MiB.
    pub memory_mib: u32,
    /// Keys whose private state is held; beyond it the one unused for longest is forgotten.
    pub keys: u32,
    /// Seed of every random choice.
    pub seed: u64,
    /// Supervised use: this field is predicted given all others of the same event, and it alone is scored.
    pub target: Option<String>,
    /// Events ahead whose forecasts of numbers are learnt directly, lead by lead; 0: none, forecasts are rolled.
    pub horizon: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            preset: Preset::Auto,
            network: NetworkSize::Auto,
            engine: Engine::Fused,
            memory_mib: 64,
            keys: 100_000,
            seed: 1,
            target: None,
            horizon: 0,
        }
    }
}
