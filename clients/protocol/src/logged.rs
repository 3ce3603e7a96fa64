//! Events of the log, as the daemon gives them back.

use crate::event_line::EventLine;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use surmise_event::{Record, format_time};

/// A part of a stream's log (`GET /api/v1/streams/{stream}/events`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoggedEvents {
    /// The name of the stream.
    pub stream: String,
    /// The offset that the next event of the stream will have.
    pub end: u64,
    /// The first offset that the log still holds.
    pub begin: u64,
    /// The events, in order.
    pub events: Vec<LoggedEvent>,
}

/// One event of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoggedEvent {
    /// Its offset.
    pub offset: u64,
    /// When the daemon received it, RFC 3339, if that is known; it takes the place of a time that the event lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<String>,
    /// The event, as it would be sent, with its fields in their order; null if JSON cannot carry it.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    pub event: Box<RawValue>,
}

impl LoggedEvent {
    /// A record of the log at its offset.
    pub fn of(offset: u64, record: &Record) -> LoggedEvent {
        // a value of JSON would lose the order of the fields, which is that of a stream's schema
        let line = EventLine { seq: None, id: None, stream: None, record: record.clone() };
        let event = serde_json::value::to_raw_value(&line).unwrap_or_else(|_| RawValue::NULL.to_owned());
        LoggedEvent { offset, arrival: record.arrival_us.map(format_time), event }
    }
}
