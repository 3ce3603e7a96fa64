//! `[sources.redis.NAME]` and `[sources.mqtt.NAME]`: servers whose messages the daemon fetches.

use crate::server_url::ServerUrl;
use crate::source_fault::SourceFault;
use serde::{Deserialize, Serialize};

/// How the address of a Redis server may begin.
pub const REDIS_SCHEMES: &[&str] = &["redis", "rediss"];
/// How the address of an MQTT broker may begin.
pub const MQTT_SCHEMES: &[&str] = &["mqtt", "mqtts"];

/// Streams of Redis of one source.
const REDIS_STREAMS_MAX: usize = 256;
/// Levels of a topic that the name of a stream may have.
const STREAM_LEVELS_MAX: usize = 8;

/// `[sources.redis.NAME]`: streams of a Redis server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedisSource {
    /// The address of the server.
    pub url: ServerUrl,
    /// The names of the streams in Redis.
    pub read: Vec<String>,
    /// The stream of their events; the name of the source if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Whether the events of each stream of Redis go into a stream of the same name instead.
    pub same_names: bool,
    /// Where reading begins.
    pub from: StartPlace,
    /// The field of an entry that holds the event as JSON; without it the fields of an entry are the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_field: Option<String>,
    /// The field of a record that is its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_field: Option<String>,
}

/// Where reading a stream of another server begins of which the log has nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartPlace {
    /// With the first entry or message that is there.
    #[default]
    Start,
    /// With the first one that comes.
    New,
}

/// `[sources.mqtt.NAME]`: topics of an MQTT broker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MqttSource {
    /// The address of the broker.
    pub url: ServerUrl,
    /// The topics, which may have `+` for one level, and `#` for all that follow.
    pub topics: Vec<String>,
    /// The stream of the messages; the name of the source if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// How many levels of a topic are appended to the name of the stream, with dots between.
    pub stream_levels: usize,
    /// What the key of a message is.
    pub key: MqttKey,
    /// How a message is read.
    pub format: MessageFormat,
    /// The field of a record that is its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_field: Option<String>,
    /// The name by which the broker knows the session; `surmised-` and the name of the source if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// What the key of a message of MQTT is, if no field of it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MqttKey {
    /// Its topic.
    #[default]
    Topic,
    /// Nothing: messages of all topics are one sequence.
    None,
}

/// How the bytes of a message are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageFormat {
    /// JSON is what it says, a number a number, and what is no JSON a symbol.
    #[default]
    Auto,
    /// Every message, as it stands, is a line of text.
    Text,
}

impl RedisSource {
    /// The stream of the source of this name.
    pub fn stream<'a>(&'a self, name: &'a str) -> &'a str {
        self.stream.as_deref().unwrap_or(name)
    }

    /// The stream that the events of a stream of Redis go into.
    pub fn stream_of<'a>(&'a self, name: &'a str, read: &'a str) -> &'a str {
        if self.same_names { read } else { self.stream(name) }
    }

    pub(crate) fn faults(&self) -> Vec<SourceFault> {
        let mut faults = Vec::new();
        if let Err(error) = self.url.parse(REDIS_SCHEMES) {
            faults.push(SourceFault::Url(error));
        }
        let mut names = self.read.clone();
        names.sort();
        names.dedup();
        if self.read.is_empty() || names.len() < self.read.len() || names.iter().any(String::is_empty) {
            faults.push(SourceFault::Misplaced(
                "a source of Redis needs the names of streams, each once: read = [\"…\"]",
            ));
        }
        if self.read.len() > REDIS_STREAMS_MAX {
            faults.push(SourceFault::TooMany { what: "streams of Redis", most: REDIS_STREAMS_MAX });
        }
        if self.same_names && self.stream.is_some() {
            faults.push(SourceFault::Misplaced("same_names and stream exclude each other"));
        }
        faults
    }
}

impl MqttSource {
    /// The stream of the source of this name, or the beginning of the names of its streams.
    pub fn stream<'a>(&'a self, name: &'a str) -> &'a str {
        self.stream.as_deref().unwrap_or(name)
    }

    /// The name by which the broker knows the session of the source of this name.
    pub fn session(&self, name: &str) -> String {
        self.client_id.clone().unwrap_or_else(|| format!("surmised-{name}"))
    }

    pub(crate) fn faults(&self) -> Vec<SourceFault> {
        let mut faults = Vec::new();
        if let Err(error) = self.url.parse(MQTT_SCHEMES) {
            faults.push(SourceFault::Url(error));
        }
        if self.topics.is_empty() {
            faults.push(SourceFault::Misplaced("a source of MQTT needs topics = [\"…\"]"));
        }
        faults.extend(self.topics.iter().filter(|topic| !is_filter(topic)).cloned().map(SourceFault::Topic));
        if self.stream_levels > STREAM_LEVELS_MAX {
            faults.push(SourceFault::TooMany { what: "levels of a topic in stream_levels", most: STREAM_LEVELS_MAX });
        }
        if self.client_id.as_ref().is_some_and(String::is_empty) {
            faults.push(SourceFault::Misplaced("client_id has to be a name: an empty one has no session that lasts"));
        }
        if self.key_field.is_some() && self.format == MessageFormat::Text {
            faults.push(SourceFault::Misplaced("key_field needs fields: format = \"auto\""));
        }
        faults
    }
}

/// Whether a topic with wildcards is one: `+` is a whole level, and `#` the last one.
fn is_filter(topic: &str) -> bool {
    let mut levels = topic.split('/').rev();
    let last = levels.next().unwrap_or_default();
    let is_level = |level: &str| level == "+" || !level.contains(['+', '#', '\0']);
    !topic.is_empty() && (last == "#" || is_level(last)) && levels.all(is_level)
}
