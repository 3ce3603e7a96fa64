//! What can be chosen about a learner.

use crate::Component;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use surmise_event::{FieldKind, Schema};
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

impl Preset {
    /// Its word in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Preset::Auto => "auto",
            Preset::Bytes => "bytes",
            Preset::Symbols => "symbols",
            Preset::Numbers => "numbers",
            Preset::Records => "records",
        }
    }

    /// The preset for a kind of schema; gaps between events go with every one.
    pub fn of(schema: &Schema) -> Preset {
        let mut kinds = schema.fields.iter().map(|f| f.kind).filter(|k| *k != FieldKind::Gap);
        let first = kinds.next();
        let all = |fits: fn(FieldKind) -> bool| first.is_some_and(fits) && kinds.clone().all(fits);
        match () {
            () if all(|k| matches!(k, FieldKind::Byte | FieldKind::Text)) => Preset::Bytes,
            () if all(|k| k == FieldKind::Category) && schema.fields.len() == 1 => Preset::Symbols,
            () if all(|k| k == FieldKind::Number) => Preset::Numbers,
            () => Preset::Records,
        }
    }

    /// The preset that counts for a schema.
    pub(crate) fn chosen(self, schema: &Schema) -> Preset {
        if self == Preset::Auto { Preset::of(schema) } else { self }
    }

    /// Why the preset does not fit a schema, if so.
    pub(crate) fn fault(self, schema: &Schema) -> Option<String> {
        let (fits, wants): (fn(FieldKind) -> bool, _) = match self {
            Preset::Auto => return None,
            Preset::Bytes => (|k| matches!(k, FieldKind::Byte | FieldKind::Text), "bytes or texts"),
            Preset::Symbols => (|k| k == FieldKind::Category, "categories"),
            Preset::Numbers => (|k| k == FieldKind::Number, "numbers"),
            Preset::Records => (|k| k != FieldKind::Byte, "anything but single bytes"),
        };
        let odd = schema.fields.iter().find(|f| f.kind != FieldKind::Gap && !fits(f.kind))?;
        Some(format!(
            "preset {} is for {wants}, but field {:?} is of kind {}; leave the preset out, or name {}",
            self.name(),
            odd.name,
            odd.kind.name(),
            Preset::of(schema).name()
        ))
    }
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
    /// Keys whose private state is held in memory. Beyond it those unused for longest go to the store where there is
    /// one, and are forgotten where there is none.
    pub keys: u32,
    /// Ceiling of the states of keys in memory, in MiB; beyond it the same happens.
    pub keys_mib: u32,
    /// Keys whose private state lies in the store; beyond it the one unused for longest is forgotten.
    pub keys_stored: u32,
    /// Ceiling of the states of keys in the store, in MiB; beyond it the same happens.
    pub keys_stored_mib: u32,
    /// Seed of every random choice.
    pub seed: u64,
    /// Supervised use: this field is predicted given all others of the same event, and it alone is scored.
    pub target: Option<String>,
    /// Events ahead whose forecasts of numbers are learnt directly, lead by lead; 0: none, forecasts are rolled.
    pub horizon: u32,
    /// Chunks that an update of a network waits before it takes effect, at most [`DELAY_CHUNKS_MAX`]; so long others
    /// have to work it out beside. What is learnt depends on it, but not on who works it out.
    pub delay_chunks: u32,
    /// Components that are left out, to see what they are worth; `without` until checkpoint format 4.
    #[serde(alias = "without")]
    pub ablate: BTreeSet<Component>,
}

/// The most chunks that an update may wait.
pub const DELAY_CHUNKS_MAX: u32 = 64;

impl NetworkSize {
    /// The size that counts, where the preset decides.
    pub(crate) fn chosen(self, preset: Preset) -> NetworkSize {
        match (self, preset) {
            (NetworkSize::Auto, Preset::Bytes) => NetworkSize::Medium,
            (NetworkSize::Auto, _) => NetworkSize::Small,
            (size, _) => size,
        }
    }

    /// Units of a layer.
    pub(crate) fn hidden(self) -> Option<usize> {
        match self {
            NetworkSize::Off => None,
            NetworkSize::Auto | NetworkSize::Small => Some(32),
            NetworkSize::Medium => Some(64),
            NetworkSize::Large => Some(128),
        }
    }
}

impl Options {
    /// Why a value is out of bounds, if one is; begins with its key.
    pub fn fault(&self) -> Option<String> {
        let n = self.delay_chunks;
        (n > DELAY_CHUNKS_MAX).then(|| format!("delay_chunks: {n} is not within 0 and {DELAY_CHUNKS_MAX}"))
    }

    /// What was chosen for a schema, for people: `preset symbols, network small 2x32, memory 64 MiB`.
    pub fn describe(&self, schema: &Schema) -> String {
        let preset = self.preset.chosen(schema);
        let size = self.network().chosen(preset);
        let network = match (size, size.hidden()) {
            (_, None) => "off".to_owned(),
            (NetworkSize::Medium, Some(n)) => format!("medium 2x{n}"),
            (NetworkSize::Large, Some(n)) => format!("large 2x{n}"),
            (_, Some(n)) => format!("small 2x{n}"),
        };
        let network = match (size.hidden(), self.delay_chunks) {
            (None, _) | (_, 0) => network,
            (_, n) => format!("{network} (updates wait {n} chunk{})", if n == 1 { "" } else { "s" }),
        };
        let parts: Vec<_> = self.ablate.iter().map(|p| p.name()).collect();
        let without = if parts.is_empty() { String::new() } else { format!(", without {}", parts.join(", ")) };
        format!("preset {}, network {network}, memory {} MiB{without}", preset.name(), self.memory_mib)
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            preset: Preset::Auto,
            network: NetworkSize::Auto,
            engine: Engine::Fused,
            memory_mib: 64,
            keys: 100_000,
            keys_mib: 256,
            keys_stored: 4_000_000,
            keys_stored_mib: 4096,
            seed: 1,
            target: None,
            horizon: 0,
            delay_chunks: 0,
            ablate: BTreeSet::new(),
        }
    }
}
