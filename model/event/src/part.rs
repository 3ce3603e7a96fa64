//! Parts of an event: what each of its values, words and ends cost, and what was expected instead.

use crate::expected::Expected;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One part of an event: the value of a field, one word of a text, or that its key ended or went on. The surprises of
/// all parts of an event sum to the event's, and so do the excesses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Part {
    /// The name of the field; `end` for the end of a key, and for its going on.
    pub name: Arc<str>,
    /// The value that came, as text; null if it was missing.
    pub value: Option<String>,
    /// Of a word: where its first byte is in the text, and where the next word begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<(u32, u32)>,
    /// −log₂ of the probability that the part had, in bits.
    pub surprise_bits: f64,
    /// The surprise minus what was expected of it, in bits.
    pub excess_bits: f64,
    /// What was expected before the part came; absent where it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
    /// Which context, source or expert had the largest share in what was expected most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The offset of the latest earlier event with a part like this one, as far back as is known: the same symbol or
    /// word, or a number as far out on the same side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<u64>,
}
