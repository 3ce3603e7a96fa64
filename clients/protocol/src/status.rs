//! The JSON of the HTTP interface, shared by the daemon and its clients.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use surmise_event::{RefusalCode, Schema};

/// A stream and its state (`GET /api/v1/streams/{stream}`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamStatus {
    /// Its name.
    pub stream: String,
    /// The offset that its next event will have.
    pub offset: u64,
    /// How many times its model has changed.
    pub model_version: u64,
    /// Keys whose state is held, in memory or in the store.
    pub keys: u64,
    /// Those whose state lies in the store.
    #[serde(default)]
    pub keys_stored: u64,
    /// Keys that were forgotten before they ended.
    #[serde(default)]
    pub keys_forgotten: u64,
    /// Its fields.
    pub schema: Schema,
    /// The learner's options.
    #[serde(default)]
    pub options: serde_json::Value,
    /// The learner's report: losses of the mixture, of every expert, and of every field.
    #[serde(default)]
    pub report: serde_json::Value,
    /// Bytes of memory that its learner holds.
    #[serde(default)]
    pub state_bytes: u64,
    /// A hash of everything that decides what is predicted from here on, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_hash: Option<String>,
    /// The time of its latest event, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event_time: Option<String>,
    /// Its newest checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointMark>,
    /// Events that were refused, by code.
    #[serde(default)]
    pub refused: BTreeMap<String, u64>,
}

/// Which checkpoint is a stream's newest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointMark {
    /// Its number.
    pub generation: u64,
    /// The offset of the first event that is not in it.
    pub offset: u64,
    /// When it was made, RFC 3339.
    pub time: String,
}

/// All streams (`GET /api/v1/streams`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamList {
    /// The streams, by name.
    pub streams: Vec<StreamRow>,
}

/// What the list says of a stream, without asking its learner.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamRow {
    /// Its name.
    pub stream: String,
    /// The offset that its next event will have.
    pub offset: u64,
    /// The offset up to which its events are durable.
    #[serde(default)]
    pub committed_offset: u64,
    /// How many times its model has changed.
    #[serde(default)]
    pub model_version: u64,
    /// Keys whose state is held.
    #[serde(default)]
    pub keys: u64,
    /// Its fields.
    #[serde(default)]
    pub schema: Schema,
    /// Mean surprise of its latest events.
    #[serde(default)]
    pub recent_bits: Option<f64>,
    /// The time of its latest event, RFC 3339.
    #[serde(default)]
    pub last_event_time: Option<String>,
    /// Why it does not learn any more, if so.
    #[serde(default)]
    pub failed: Option<String>,
}

/// A checkpoint in the store (`GET /api/v1/checkpoints` lists them).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointInfo {
    /// Its stream.
    pub stream: String,
    /// Its number, rising.
    pub generation: u64,
    /// The offset of the first event that is not in it.
    pub offset: u64,
    /// When it was made, RFC 3339.
    pub time: String,
    /// Its size.
    pub bytes: u64,
    /// The learner's `state_hash` in it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_hash: Option<String>,
}

/// Whether the daemon lives and is ready (`/-/healthy`, `/-/ready`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// `ok`, or a word for what is the matter.
    pub status: String,
    /// Name and version of the daemon.
    #[serde(default)]
    pub server: String,
    /// Seconds since it was started.
    #[serde(default)]
    pub uptime_seconds: f64,
    /// What the matter is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The answer to events that were posted (`POST /api/v1/streams/{stream}/events`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// Events that are durable now.
    pub accepted: u64,
    /// Events that were refused.
    pub rejected: u64,
    /// Events that had been sent before.
    #[serde(default)]
    pub duplicates: u64,
    /// Why events were refused; perhaps only the first of them.
    #[serde(default)]
    pub errors: Vec<AcceptedError>,
}

/// Why one posted event was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedError {
    /// The number of its line, from 1.
    pub line: u64,
    /// The kind of fault.
    pub code: RefusalCode,
    /// The field that is at fault.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

/// An error of the HTTP interface: `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A URI of the kind of problem; `about:blank` where the status says it all.
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    /// The kind of problem in few words.
    #[serde(default)]
    pub title: String,
    /// The status of the response.
    #[serde(default)]
    pub status: u16,
    /// What happened and what to do.
    #[serde(default)]
    pub detail: String,
    /// The field that is at fault, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The kind of fault as in errors of the event socket, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<RefusalCode>,
}

fn about_blank() -> String {
    "about:blank".into()
}

impl Problem {
    /// A problem of a status.
    pub fn new(status: u16, title: impl Into<String>, detail: impl Into<String>) -> Problem {
        Problem { kind: about_blank(), title: title.into(), status, detail: detail.into(), ..Problem::default() }
    }
}
