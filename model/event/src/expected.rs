//! What is expected of one field.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is expected of one field: the distribution of its value, in a form for people and programs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Expected {
    /// Symbols or bytes: the likeliest with their probabilities, and the probability of all others. `null` means a
    /// missing value.
    Symbols {
        /// The likeliest symbols and their probabilities, likeliest first.
        top: Vec<(Option<String>, f64)>,
        /// Probability of everything that is not listed, never-seen symbols included.
        other: f64,
    },
    /// A number, or a gap in seconds.
    Number {
        /// The point forecast.
        mean: f64,
        /// The value that has half of the probability on each side.
        median: f64,
        /// Quantiles, by their level from 0 to 1.
        quantiles: BTreeMap<String, f64>,
        /// Probability that the value is missing, where that has happened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        missing: Option<f64>,
    },
}
