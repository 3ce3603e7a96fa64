//! Events of the log, as the daemon gives them back.

use serde::{Deserialize, Serialize};

/// A part of a stream's log (`GET /api/v1/streams/{stream}/events`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoggedEvent {
    /// Its offset.
    pub offset: u64,
    /// The event, as it would be sent; null if JSON cannot carry it.
    pub event: serde_json::Value,
}
