//! What a learner says about events: predictions before they come, outcomes after.

use crate::alarm::Alarm;
use crate::expected::Expected;
use crate::part::Part;
use crate::session::SessionOutcome;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is expected of the next event of a key: one distribution per field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Prediction {
    /// The offset that the next event of the stream would have: the prediction reflects every event before it.
    pub offset: u64,
    /// The version of the model that made the prediction: how many events it had learnt from.
    pub model_version: u64,
    /// The key that was asked about, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Probability that the key ends instead of going on, where keys of the stream end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<f64>,
    /// What is expected of every field, by name, given that the earlier fields are as expected.
    pub fields: BTreeMap<String, Expected>,
}

/// What an event turned out to be: how surprising, how unusual, and what it shows of its stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The event's offset.
    pub offset: u64,
    /// How many offsets the event took: more than one for a run of bytes, or for values and an end in one record.
    pub events: u64,
    /// The surprise: −log₂ of the event's probability, in bits; the sum over its fields.
    pub surprise_bits: f64,
    /// The excess of the event over what was expected of it, in bits; the sum over its fields.
    #[serde(default)]
    pub excess_bits: f64,
    /// How unusual the event is for its stream, from 0 to 1, on a scale by which streams can be compared (PREDICTOR
    /// §10): a function of `rarity_events`, but of a line with those just before it, so that it fades after an odd one.
    pub anomaly_score: f64,
    /// How rare an event so unusual is: once in so many events of this stream.
    pub rarity_events: f64,
    /// The surprise of each field, in schema order; the end of a key comes last, under the name `end`.
    pub fields: Vec<FieldOutcome>,
    /// The version of the model that made the prediction.
    pub model_version: u64,
    /// Lasting changes of the stream that were noticed with this event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// The incident that the event begins or goes on with, or that is over by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<Alarm>,
    /// Of an event that begins an incident: its parts, with what was expected instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// The sessions that are over with this event: that of its key, if the event ends it, and those of keys that are
    /// forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<SessionOutcome>,
}

/// What was watched when a drift was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Detector {
    /// The loss rose: the stream no longer does what was learnt.
    Loss,
    /// A number moved to another level.
    Level,
    /// Events come faster, or more slowly, than they did.
    Rate,
}

impl Detector {
    /// All detectors.
    pub const ALL: [Detector; 3] = [Detector::Loss, Detector::Level, Detector::Rate];

    /// The word for the detector in JSON and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Detector::Loss => "loss",
            Detector::Level => "level",
            Detector::Rate => "rate",
        }
    }
}

/// A lasting change of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Drift {
    /// What was watched.
    pub detector: Detector,
    /// The number whose level changed, or the field whose loss rose; none if that of the whole event did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<std::sync::Arc<str>>,
    /// The offset where the change began, as far as the detector can say.
    pub began: u64,
    /// The offset of the event with which the change was noticed.
    pub noticed: u64,
    /// Bits per event before it; those of the field alone, if its loss rose.
    pub bits_before: f64,
    /// Bits per event since it began, of the same.
    pub bits_after: f64,
    /// The number's mean before it, or the typical gap between events in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_before: Option<f64>,
    /// The number's mean since it began, or the typical gap between events in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_after: Option<f64>,
}

/// The surprise of one field of an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FieldOutcome {
    /// The field's name.
    pub name: std::sync::Arc<str>,
    /// −log₂ of the probability of the field's value, in bits.
    pub surprise_bits: f64,
    /// The excess: the surprise minus what the prediction itself expected it to be, in bits. Its mean is zero as long
    /// as the stream does what is predicted, however random that is.
    #[serde(default)]
    pub excess_bits: f64,
    /// The variance that the prediction expects the excess to have, in bits squared.
    #[serde(default)]
    pub excess_variance: f64,
    /// Of a text: its oddest word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<OddWord>,
}

impl FieldOutcome {
    /// What the field says of how unusual its event is, in bits: its excess less a quarter of the variance of that. Of
    /// a text it is that of the oddest word, as a sum over all of its words drowns in those that are random.
    pub fn evidence_bits(&self) -> f64 {
        match &self.word {
            Some(word) => word.evidence_bits(),
            None => evidence_bits(self.excess_bits, self.excess_variance),
        }
    }
}

/// The part of its variance that is taken from an excess: one random id of many digits exceeds what was expected of it
/// by some bits now and then, where a short word hardly does (a Chernoff bound of slope .7; PREDICTOR §10).
const VARIANCE_PART: f64 = 0.25;

/// What an excess says of how unusual something is, in bits.
fn evidence_bits(excess_bits: f64, variance: f64) -> f64 {
    excess_bits - VARIANCE_PART * variance
}

/// The word of a text that says most of how unusual the text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OddWord {
    /// The place of its first byte in the text.
    pub start: u32,
    /// The place after its last byte.
    pub end: u32,
    /// The excess of its bytes, and of the marks up to the next word, in bits.
    pub excess_bits: f64,
    /// The variance that the prediction expects that to have, in bits squared.
    pub excess_variance: f64,
    /// The surprise of the same bytes and marks, in bits.
    #[serde(default)]
    pub surprise_bits: f64,
}

impl OddWord {
    /// What the word says of how unusual its event is, in bits: its excess less a quarter of the variance of that.
    pub fn evidence_bits(&self) -> f64 {
        evidence_bits(self.excess_bits, self.excess_variance)
    }
}
