//! Replays of a stream's own log: what is asked for, and how far one has come (`/api/v1/replays`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What a replay begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ReplayBegin {
    /// A learner that knows nothing.
    #[default]
    Fresh,
    /// What the stream itself knew there.
    Live,
}

impl ReplayBegin {
    fn is_fresh(&self) -> bool {
        *self == ReplayBegin::Fresh
    }
}

/// What is to be replayed (`POST /api/v1/replays`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReplaySpec {
    /// The name of the stream.
    pub stream: Arc<str>,
    /// How people call the replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The offset of the first event; left out, the first that the log still has and that it can begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The offset after the last event; left out, where the log ends now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// What it begins with.
    #[serde(default, skip_serializing_if = "ReplayBegin::is_fresh")]
    pub begin: ReplayBegin,
    /// What differs from the stream's own settings: keys of `[model]`, and the keys and tables of `[streams.NAME]`
    /// (`fields`, `closed`, `model`, `learning`, `alarm`).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
}

/// How a replay is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ReplayState {
    /// Others come first.
    #[default]
    Waiting,
    /// It learns.
    Running,
    /// It has learnt everything that was asked for.
    Done,
    /// It cannot go on; the detail says why.
    Failed,
    /// The daemon is shutting down.
    Stopped,
}

/// What a part of a replay's course has cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReplayPoint {
    /// The offset before which the part ends; it begins where the one before ends. An event belongs to the part that
    /// holds its first offset.
    pub offset: u64,
    /// Events of the part.
    pub events: u64,
    /// Their mean surprise; 0 if there are none.
    pub loss_bits_per_event: f64,
    /// What the best simple expert of each field would have paid for them; null where that is not known, as in the part
    /// in which the learner decides what the fields hold.
    pub simple_bits_per_event: Option<f64>,
}

/// A range of a stream's own log that is learnt again in a learner that nobody else sees.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Replay {
    /// Its number. No two replays of one run of the daemon have the same.
    pub id: u64,
    /// The name of the stream.
    pub stream: Arc<str>,
    /// How people call the replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The offset of the first event.
    pub from: u64,
    /// The offset after the last event.
    pub to: u64,
    /// What it began with.
    pub begin: ReplayBegin,
    /// What differs from the stream's own settings.
    pub settings: Map<String, Value>,
    /// How it is doing.
    pub state: ReplayState,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When it was asked for, RFC 3339.
    pub asked: String,
    /// How long it has run so far, in seconds.
    pub seconds: f64,
    /// The offset that is learnt next. One that begins with what the stream knew comes from the checkpoint before
    /// `from`, so it is below `from` at first.
    pub offset: u64,
    /// How well it went, over offsets: at most 256 parts of equal width, in order. The last one may be shorter, or is
    /// still under way.
    pub course: Vec<ReplayPoint>,
    /// Mean surprise of all events so far; 0 before the first.
    pub loss_bits_per_event: f64,
    /// 1 − loss / loss of the best simple expert of each field, over all events so far.
    pub skill: Option<f64>,
    /// Which share of their bits networks saved, over all events so far.
    pub network_gain: Option<f64>,
    /// Incidents that began.
    pub incidents: u64,
    /// Events that the learner refused, and passed over: what is said of incidents that it had not seen, and what does
    /// not fit other fields.
    pub refused: u64,
    /// The hash of the learner after the last event, once the replay is done; equal hashes predict the same for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_hash: Option<String>,
}

/// Replays (`GET /api/v1/replays`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReplayList {
    /// The replays that are kept, the newest first.
    pub replays: Vec<Replay>,
}
