//! What is said about events: before they come, and after.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is expected of the next event of a key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The offset that the next event of the stream would have: everything before it is reflected.
    pub offset: u64,
    /// How many times the model's weights had changed.
    pub model_version: u64,
    /// The key, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Probability that the key ends instead of going on, where keys of the stream end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<f64>,
    /// What is expected of every field, by name, given that the earlier ones are as expected.
    pub fields: BTreeMap<String, Expected>,
}

/// What is expected of one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Expected {
    /// Symbols (or bytes): the likeliest with their probabilities, and what is left for all others. `null` stands for
    /// a missing value.
    Symbols {
        /// Likeliest first.
        top: Vec<(Option<String>, f64)>,
        /// Probability of everything that is not listed, never-seen symbols included.
        other: f64,
    },
    /// A number, or a gap in seconds.
    Number {
        /// The point forecast.
        mean: f64,
        /// Half of the probability lies on each side.
        median: f64,
        /// Quantiles by level.
        quantiles: BTreeMap<String, f64>,
        /// Probability that the value is missing, where that has happened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        missing: Option<f64>,
    },
}

/// What an event turned out to be worth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The event's offset.
    pub offset: u64,
    /// How many offsets it took (more than one for a run of bytes, or values and an end in one record).
    pub events: u64,
    /// −log₂ of its probability: the sum over its fields.
    pub surprise_bits: f64,
    /// Where the surprise stands among the stream's own recent ones, from 0 to 1.
    pub anomaly_score: f64,
    /// Each field's share, in schema order; the end of a key comes last under the name `end`.
    pub fields: Vec<FieldOutcome>,
    /// The version of the model that made the prediction.
    pub model_version: u64,
    /// Lasting changes of the stream that show with this event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
}

/// What a drift is a change of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detector {
    /// The stream's loss rose: it no longer does what was learnt.
    Loss,
    /// A number moved to another level.
    Level,
}

impl Detector {
    /// Its word in JSON and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Detector::Loss => "loss",
            Detector::Level => "level",
        }
    }
}

/// A lasting change of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// What changed.
    pub detector: Detector,
    /// The number whose level changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<std::sync::Arc<str>>,
    /// The offset where it began, as far as can be told.
    pub began: u64,
    /// The offset of the event with which it was noticed.
    pub noticed: u64,
    /// Bits per event before it.
    pub bits_before: f64,
    /// Bits per event since it began.
    pub bits_after: f64,
    /// The number's mean before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_before: Option<f64>,
    /// The number's mean since it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_after: Option<f64>,
}

/// One field's share of an outcome.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FieldOutcome {
    /// The field's name.
    pub name: std::sync::Arc<str>,
    /// −log₂ of the probability of its value.
    pub surprise_bits: f64,
}
