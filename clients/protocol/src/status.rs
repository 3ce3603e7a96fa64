//! The JSON answers of the HTTP interface, which the daemon writes and clients read.
//!
//! A key that later versions added has a default, so that an older answer still reads.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use surmise_event::{AlarmKind, AlarmPhase, Drift, RefusalCode, Schema};

/// How long one event of a stream takes to be scored and learnt, of those that were measured lately: one in 64.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventCost {
    /// Events that were measured.
    pub measured: u64,
    /// The mean time of one of them, in microseconds.
    pub microseconds: f64,
    /// The stages that it has, in the order in which an event meets them.
    pub stages: Vec<StageCost>,
}

/// The time of one stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StageCost {
    /// Its name.
    pub name: String,
    /// What happens in it, as a phrase.
    pub about: String,
    /// Its mean time in an event, in microseconds.
    pub microseconds: f64,
}

/// The whole state of a stream, as its owner reports it (`GET /api/v1/streams/{stream}`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StreamStatus {
    /// The name of the stream.
    pub stream: String,
    /// The offset that the next event will have.
    pub offset: u64,
    /// How many times the model has changed.
    pub model_version: u64,
    /// Keys whose state is kept, in memory or in the store.
    pub keys: u64,
    /// Keys whose state is in the store and not in memory.
    #[serde(default)]
    pub keys_stored: u64,
    /// Keys whose state was dropped, for lack of space, before they ended.
    #[serde(default)]
    pub keys_forgotten: u64,
    /// The fields of the stream.
    pub schema: Schema,
    /// After so many more events, at most, the kinds of the fields are decided; none once they are, or were declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecided_events: Option<u64>,
    /// The stream with whose knowledge it began, if it began with any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_like: Option<BegunLike>,
    /// The options with which the learner was made.
    #[serde(default)]
    pub options: serde_json::Value,
    /// The learner's report: losses of the mixture, of every expert, and of every field.
    #[serde(default)]
    pub report: serde_json::Value,
    /// Bytes of memory that the learner takes.
    #[serde(default)]
    pub state_bytes: u64,
    /// How long one event takes, stage by stage.
    #[serde(default)]
    pub cost: EventCost,
    /// A hash of everything that decides future predictions, if the query asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_hash: Option<String>,
    /// The time of the latest event, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event_time: Option<String>,
    /// The alarms of the stream: what its budget promised, and what came.
    #[serde(default)]
    pub alarms: AlarmAccount,
    /// The newest checkpoint of the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointMark>,
    /// Events that were refused, by the name of the code.
    #[serde(default)]
    pub refused: BTreeMap<String, u64>,
    /// Events that were put into quarantine, because learning them failed inside the daemon.
    #[serde(default)]
    pub quarantined: u64,
    /// Updates that were refused, by reason: of networks `not_finite` and `exploded`, of counts `burst`, which are the
    /// symbols of bursts that nothing foretold.
    #[serde(default)]
    pub updates_rejected: BTreeMap<String, u64>,
}

/// The stream with whose knowledge another one began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BegunLike {
    /// The name that it had.
    pub stream: String,
    /// Its events before this offset had been learnt.
    pub offset: u64,
}

/// The alarms of a stream: what its budget promised, and what came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlarmAccount {
    /// The budget, as the configuration writes it.
    pub budget: String,
    /// Incidents that the budget allowed for the events so far.
    pub promised: f64,
    /// Incidents that began.
    pub begun: u64,
}

/// The place and time of a stream's newest checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckpointMark {
    /// The number of the checkpoint.
    pub generation: u64,
    /// The offset of the first event that the checkpoint does not contain.
    pub offset: u64,
    /// The time at which the checkpoint was made, RFC 3339.
    pub time: String,
}

/// The list of all streams (`GET /api/v1/streams`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StreamList {
    /// The streams, sorted by name.
    pub streams: Vec<StreamRow>,
}

/// One stream in the list, as known without asking its owner.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StreamRow {
    /// The name of the stream.
    pub stream: String,
    /// Which incarnation of the name it is: a reset, a restored checkpoint and the like make another one, in which
    /// offsets may mean other events.
    #[serde(default)]
    pub incarnation: u32,
    /// The offset that the next event will have.
    pub offset: u64,
    /// The offset before which all events are durable.
    #[serde(default)]
    pub committed_offset: u64,
    /// How many times the model has changed.
    #[serde(default)]
    pub model_version: u64,
    /// Keys whose state is kept.
    #[serde(default)]
    pub keys: u64,
    /// The fields of the stream.
    #[serde(default)]
    pub schema: Schema,
    /// The mean surprise of the latest events, in bits.
    #[serde(default)]
    pub recent_bits: Option<f64>,
    /// The time of the latest event, RFC 3339.
    #[serde(default)]
    pub last_event_time: Option<String>,
    /// Why the stream does not learn any more, if it has failed.
    #[serde(default)]
    pub failed: Option<String>,
    /// The pattern of the configuration that the name falls under; empty if it falls under none.
    #[serde(default)]
    pub group: String,
    /// Events per second over the latest ten seconds.
    #[serde(default)]
    pub events_per_second: f64,
    /// 1 − loss / loss of the best simple expert of each field, over about the latest hour.
    #[serde(default)]
    pub skill: Option<f64>,
    /// Incidents that began.
    #[serde(default)]
    pub incidents: u64,
    /// Incidents that the budget of alarms allowed for the events so far.
    #[serde(default)]
    pub promised: f64,
    /// The latest incident, as it stands now.
    #[serde(default)]
    pub last_incident: Option<IncidentMark>,
    /// The latest drift since the daemon started.
    #[serde(default)]
    pub drift: Option<Drift>,
    /// Bits per event of each of the latest thirty minutes, the oldest first, if the query asked for it (`trend=1`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trend: Option<Vec<Option<f32>>>,
}

/// An incident in a list of streams.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IncidentMark {
    /// What is unusual.
    pub kind: AlarmKind,
    /// Where it stands.
    pub phase: AlarmPhase,
    /// The offset of its first unusual event.
    pub began: u64,
    /// The offset of its most unusual event so far.
    #[serde(default)]
    pub oddest: u64,
    /// The time of its first event, RFC 3339.
    #[serde(default)]
    pub time: Option<String>,
}

/// One checkpoint in the store (`GET /api/v1/checkpoints` lists them).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckpointInfo {
    /// The name of its stream.
    pub stream: String,
    /// The number of the checkpoint; later ones have larger numbers.
    pub generation: u64,
    /// The offset of the first event that the checkpoint does not contain.
    pub offset: u64,
    /// The time at which the checkpoint was made, RFC 3339.
    pub time: String,
    /// The size of the checkpoint.
    pub bytes: u64,
    /// The learner's `state_hash` in the checkpoint, if it was computed when the checkpoint was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_hash: Option<String>,
    /// Whether it is kept when newer ones come.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// Its label, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Whether the daemon works and accepts events (`GET /-/healthy`, `GET /-/ready`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Health {
    /// One word: `ok`, `starting`, `stopping`, `full` (the disk has no room for events) or `failed`.
    pub status: String,
    /// Name and version of the daemon.
    #[serde(default)]
    pub server: String,
    /// Seconds since the daemon was started.
    #[serde(default)]
    pub uptime_seconds: f64,
    /// An explanation for people, if the status needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What the store takes on the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskBudget>,
}

/// What the store takes on the disk, and what it may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DiskBudget {
    /// Bytes that log, checkpoints and key pages take.
    pub used_bytes: u64,
    /// Bytes that they may take (`store.disk`).
    pub limit_bytes: u64,
}

/// The answer to posted events, sent once they are durable (`POST /api/v1/streams/{stream}/events`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Accepted {
    /// Events that were learnt and are durable.
    pub accepted: u64,
    /// Events that were refused.
    pub rejected: u64,
    /// Events that were recognised as sent before and not learnt again.
    #[serde(default)]
    pub duplicates: u64,
    /// The refusals in the order of lines; all are counted, the daemon may list only the first.
    #[serde(default)]
    pub errors: Vec<AcceptedError>,
}

/// The refusal of one posted line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AcceptedError {
    /// The number of the line in the body, from 1.
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// A URI for the kind of problem; `about:blank` if the status alone tells it.
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    /// The kind of problem in a few words.
    #[serde(default)]
    pub title: String,
    /// The HTTP status of the response.
    #[serde(default)]
    pub status: u16,
    /// What happened and what to do.
    #[serde(default)]
    pub detail: String,
    /// The part of the request that is at fault, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The code of the fault as on the event socket, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<RefusalCode>,
    /// What was taken of a body that broke off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<TakenLines>,
}

/// What became of the lines that came before a body broke off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TakenLines {
    /// Lines that were taken: the first so many of the body. None of the others was.
    pub lines: u64,
    /// Events among them that were learnt and are durable.
    pub accepted: u64,
    /// Events among them that were recognised as sent before.
    pub duplicates: u64,
    /// Events among them that were refused.
    pub rejected: u64,
}

fn about_blank() -> String {
    "about:blank".into()
}

impl Problem {
    /// A problem with an HTTP status, a title and an explanation.
    pub fn new(status: u16, title: impl Into<String>, detail: impl Into<String>) -> Problem {
        Problem { kind: about_blank(), title: title.into(), status, detail: detail.into(), ..Problem::default() }
    }
}
