//! The options of a learner: what can be chosen about it, with defaults and bounds.

use crate::component::Component;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use surmise_event::{AlarmBudget, FieldKind, Schema};
use surmise_network::Engine;

/// A named set of choices for a kind of data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The preset that fits the schema ([`Preset::of`]).
    #[default]
    Auto,
    /// For endless bytes, or texts.
    Bytes,
    /// For sequences of one category: log keys, clicks, requests.
    Symbols,
    /// For numbers only.
    Numbers,
    /// For mixed records.
    Records,
}

impl Preset {
    /// The word for the preset in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Preset::Auto => "auto",
            Preset::Bytes => "bytes",
            Preset::Symbols => "symbols",
            Preset::Numbers => "numbers",
            Preset::Records => "records",
        }
    }

    /// The preset that `auto` stands for on a schema. Gaps between events go with every preset, so they do not count.
    pub fn of(schema: &Schema) -> Preset {
        let mut kinds = schema.fields.iter().map(|f| f.kind).filter(|k| k.is_sent());
        let first = kinds.next();
        let all = |fits: fn(FieldKind) -> bool| first.is_some_and(fits) && kinds.clone().all(fits);
        match () {
            () if all(FieldKind::is_spelled) => Preset::Bytes,
            () if all(FieldKind::has_vocabulary) && schema.fields.len() == 1 => Preset::Symbols,
            () if all(FieldKind::is_number) => Preset::Numbers,
            () => Preset::Records,
        }
    }

    /// The preset itself, or what `auto` stands for on a schema.
    pub(crate) fn chosen(self, schema: &Schema) -> Preset {
        if self == Preset::Auto { Preset::of(schema) } else { self }
    }

    /// Checks that every field of a schema is of a kind that the preset is made for.
    pub(crate) fn check(self, schema: &Schema) -> Result<(), OptionsError> {
        let (fits, made_for): (fn(FieldKind) -> bool, _) = match self {
            Preset::Auto => return Ok(()),
            Preset::Bytes => (FieldKind::is_spelled, "bytes or texts"),
            Preset::Symbols => (FieldKind::has_vocabulary, "categories"),
            Preset::Numbers => (FieldKind::is_number, "numbers"),
            Preset::Records => (|k| !k.is_every_byte(), "anything but single bytes"),
        };
        match schema.fields.iter().find(|f| f.kind.is_sent() && !fits(f.kind)) {
            None => Ok(()),
            Some(odd) => Err(OptionsError::PresetMismatch {
                preset: self,
                made_for,
                field: odd.name.clone(),
                kind: odd.kind,
                fitting: Preset::of(schema),
            }),
        }
    }
}

/// Why options cannot be those of a learner.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// The target is none of the fields of a closed schema.
    #[error("target {target:?} is not a field; fields are {}", fields.join(", "))]
    UnknownTarget {
        /// The target that was asked for.
        target: String,
        /// The fields that the schema has.
        fields: Vec<String>,
    },
    /// A number is out of its bounds.
    #[error("{key}: {value} is not within {min} and {max}")]
    OutOfRange {
        /// The name of the option.
        key: &'static str,
        /// The number.
        value: u32,
        /// The least that it may be.
        min: u32,
        /// The most that it may be.
        max: u32,
    },
    /// The preset is made for other kinds of fields.
    #[error(
        "preset {} is for {made_for}, but field {field:?} is of kind {}; leave the preset out, or name {}",
        preset.name(),
        kind.name(),
        fitting.name()
    )]
    PresetMismatch {
        /// The preset that was asked for.
        preset: Preset,
        /// The kinds of fields that it is made for, in words.
        made_for: &'static str,
        /// The first field that is of another kind.
        field: String,
        /// The kind of that field.
        kind: FieldKind,
        /// The preset that would fit the schema.
        fitting: Preset,
    },
}

/// The size of a network: the units of each of its two layers (PREDICTOR §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkSize {
    /// The size that the preset chooses: medium for bytes and texts, else small.
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

/// The options of a learner. Every one has a default, and all are part of a checkpoint.
///
/// A learner keeps the options that it was made with: two learners with equal options that see equal events in equal
/// order have equal states, bit for bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The kind of data that models are made for.
    pub preset: Preset,
    /// The size of the network.
    pub network: NetworkSize,
    /// The code that runs the network: `fused` (hand-written kernels) or `dfdx` (the same network in dfdx operations).
    pub engine: Engine,
    /// The ceiling of one stream's models, in MiB, shared by demand among its fields (PREDICTOR §14); at least 8 are
    /// shared where there are several. Private states of keys come on top.
    pub memory_mib: u32,
    /// The most keys whose private state is held in memory. Beyond it the keys that are unused for longest go to the
    /// store where there is one, and are forgotten where there is none.
    pub keys: u32,
    /// The most memory that the states of keys may take, in MiB. Beyond it the keys that are unused for longest go to
    /// the store where there is one, and are forgotten where there is none.
    pub keys_mib: u32,
    /// The most keys whose private state lies in the store. Beyond it the key that is unused for longest is forgotten.
    pub keys_stored: u32,
    /// The most bytes that the states of keys may take in the store, in MiB. Beyond it the key that is unused for
    /// longest is forgotten.
    pub keys_stored_mib: u32,
    /// The seed of every random choice.
    pub seed: u64,
    /// The field that is predicted given all others of the same event, and alone is scored: supervised use. `None`
    /// predicts and scores every field.
    pub target: Option<String>,
    /// How many events ahead forecasts of numbers are learnt directly, lead by lead (PREDICTOR §9); with 0 they
    /// are drawn as paths instead.
    pub horizon: u32,
    /// Chunks of events that a network's update waits before it takes effect, at most [`DELAY_CHUNKS_MAX`]. Other
    /// threads may compute gradients meanwhile. What is learnt depends on this number, but not on what computes the
    /// gradients, nor on when.
    pub delay_chunks: u32,
    /// How many incidents a stream without faults may have (PREDICTOR §10).
    pub alarm_budget: AlarmBudget,
    /// Components that are ablated, to measure what they are worth; `without` until checkpoint format 4.
    #[serde(alias = "without")]
    pub ablate: BTreeSet<Component>,
}

/// The most that a stream's models may take ([`Options::memory_mib`]): 64 GiB.
const MODEL_MIB_MAX: u32 = 1 << 16;

/// The most that the states of keys may take in memory ([`Options::keys_mib`]): 1 TiB.
const KEYS_MIB_MAX: u32 = 1 << 20;

/// The most that the states of keys may take in the store ([`Options::keys_stored_mib`]): 16 TiB.
const KEYS_STORED_MIB_MAX: u32 = 1 << 24;

/// The most events ahead that forecasts are learnt for ([`Options::horizon`]).
const HORIZON_MAX: u32 = 4096;

/// The most chunks that an update may wait ([`Options::delay_chunks`]).
pub const DELAY_CHUNKS_MAX: u32 = 64;

impl NetworkSize {
    /// The size itself, or what `auto` stands for under a preset.
    pub(crate) fn chosen(self, preset: Preset) -> NetworkSize {
        match (self, preset) {
            (NetworkSize::Auto, Preset::Bytes) => NetworkSize::Medium,
            (NetworkSize::Auto, _) => NetworkSize::Small,
            (size, _) => size,
        }
    }

    /// Units of a layer; `None` for no network.
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
    /// Checks the bounds of all values that have some.
    ///
    /// # Errors
    /// Names the key and its bounds.
    pub fn check(&self) -> Result<(), OptionsError> {
        let bounds = [
            ("memory_mib", self.memory_mib, 1, MODEL_MIB_MAX),
            ("keys", self.keys, 1, u32::MAX),
            ("keys_mib", self.keys_mib, 0, KEYS_MIB_MAX),
            ("keys_stored_mib", self.keys_stored_mib, 0, KEYS_STORED_MIB_MAX),
            ("horizon", self.horizon, 0, HORIZON_MAX),
            ("delay_chunks", self.delay_chunks, 0, DELAY_CHUNKS_MAX),
        ];
        match bounds.into_iter().find(|(_, value, min, max)| !(min..=max).contains(&value)) {
            Some((key, value, min, max)) => Err(OptionsError::OutOfRange { key, value, min, max }),
            None => Ok(()),
        }
    }

    /// Describes for people what was chosen for a schema: `preset symbols, network small 2x32, memory 64 MiB`.
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
        let ablated: Vec<_> = self.ablate.iter().map(|c| c.name()).collect();
        let without = if ablated.is_empty() { String::new() } else { format!(", without {}", ablated.join(", ")) };
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
            alarm_budget: AlarmBudget::default(),
            ablate: BTreeSet::new(),
        }
    }
}
