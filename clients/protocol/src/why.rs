//! The answer to why an event was as surprising as it was.

use crate::alarm_event::event_json;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use surmise_event::{Alarm, Outcome, Part, Record};

/// Why an event was as surprising as it was: its parts in the order of their excess, the largest first
/// (`GET /api/v1/streams/{stream}/events/{offset}/why`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WhyAnswer {
    /// The name of the stream.
    pub stream: Arc<str>,
    /// The offset of the event.
    pub offset: u64,
    /// How many offsets its record takes: more than one for a run of bytes, or for values and an end in one record.
    pub events: u64,
    /// The event itself, as it would be sent; null if JSON cannot carry it.
    pub event: serde_json::Value,
    /// The surprise of the event, in bits: the sum over its parts.
    pub surprise_bits: f64,
    /// The excess of the event, in bits: the sum over its parts.
    pub excess_bits: f64,
    /// How unusual the event is for its stream, from 0 to 1.
    pub anomaly_score: f64,
    /// How rare an event so unusual is: once in so many events of this stream.
    pub rarity_events: f64,
    /// The incident that the event belongs to, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<Alarm>,
    /// The version of the model that made the prediction.
    pub model_version: u64,
    /// The parts of the event, in the order of their excess, the largest first.
    pub parts: Vec<Part>,
    /// How many records were learnt again to answer.
    pub replayed: u64,
}

impl WhyAnswer {
    /// The answer for an event that was observed again.
    pub fn new(stream: Arc<str>, record: &Record, outcome: Outcome, mut parts: Vec<Part>, replayed: u64) -> WhyAnswer {
        parts.sort_by(|a, b| b.excess_bits.total_cmp(&a.excess_bits));
        WhyAnswer {
            stream,
            offset: outcome.offset,
            events: outcome.events,
            event: event_json(record),
            surprise_bits: outcome.surprise_bits,
            excess_bits: outcome.excess_bits,
            anomaly_score: outcome.anomaly_score,
            rarity_events: outcome.rarity_events,
            alarm: outcome.alarm,
            model_version: outcome.model_version,
            parts,
            replayed,
        }
    }
}
