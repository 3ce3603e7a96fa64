//! The tables of the configuration file, each with its defaults.

use crate::address::OFF;
use crate::units::{ByteSize, TimeSpan};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// `[listen]`: where events and questions come in. `"off"` turns a listener off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListenTable {
    /// Events as lines of JSON, over TCP.
    pub tcp: String,
    /// The same over a Unix socket; a relative path lies in the data directory.
    pub unix: String,
    /// HTTP: questions, events, metrics, the page.
    pub http: String,
    /// Bare lines over TCP: every line is an event.
    pub lines: String,
    /// The stream of events that name none.
    pub stream: String,
    /// The stream of the listener of bare lines.
    pub lines_stream: String,
}

impl Default for ListenTable {
    fn default() -> Self {
        ListenTable {
            tcp: "127.0.0.1:7071".into(),
            unix: "surmised.sock".into(),
            http: "127.0.0.1:7070".into(),
            lines: OFF.into(),
            stream: "default".into(),
            lines_stream: "lines".into(),
        }
    }
}

impl ListenTable {
    /// The listeners on TCP, by key; `None` where one is off or not an address.
    pub(crate) fn addresses(&self) -> [(&'static str, &str); 3] {
        [("tcp", &self.tcp), ("http", &self.http), ("lines", &self.lines)]
    }
}

/// `[store]`: the log and the checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreTable {
    /// The data directory.
    pub dir: PathBuf,
    /// How long events are gathered before they are made durable together.
    pub commit_interval: TimeSpan,
    /// The most bytes of one group in the log.
    pub group_bytes_max: ByteSize,
    /// How often a stream that changes is checkpointed.
    pub checkpoint_interval: TimeSpan,
    /// After how many events it is checkpointed at the latest.
    pub checkpoint_events: u64,
    /// How many checkpoints of a stream are kept.
    pub generations: u32,
    /// Beyond this size of the log, events that every kept checkpoint covers are deleted, oldest first.
    pub log_bytes_max: ByteSize,
}

impl Default for StoreTable {
    fn default() -> Self {
        StoreTable {
            dir: "./surmise-data".into(),
            commit_interval: TimeSpan(Duration::from_millis(5)),
            group_bytes_max: ByteSize(32 << 10),
            checkpoint_interval: TimeSpan(Duration::from_secs(60)),
            checkpoint_events: 200_000,
            generations: 3,
            log_bytes_max: ByteSize(4 << 30),
        }
    }
}

/// `[limits]`: bounds on everything that grows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsTable {
    /// The longest line.
    pub line_bytes: ByteSize,
    /// The largest body of one HTTP request.
    pub body_bytes: ByteSize,
    /// Connections at once, on each listener.
    pub connections: usize,
    /// Streams.
    pub streams: usize,
    /// Followers of one stream's outcomes over HTTP.
    pub watchers: usize,
    /// Events that wait for one owner; a sender of more waits.
    pub inbox_events: usize,
    /// Bytes of events that wait for one owner.
    pub inbox_bytes: ByteSize,
    /// Events of one connection that are not answered yet; a sender of more waits.
    pub session_events: usize,
    /// Producers that one stream remembers; beyond it the one unused for longest is forgotten.
    pub producers: usize,
    /// Fields of one schema.
    pub fields: usize,
    /// The longest symbol.
    pub symbol_bytes: ByteSize,
    /// The longest text.
    pub text_bytes: ByteSize,
    /// The longest name of a field, key, stream or producer.
    pub name_bytes: ByteSize,
}

impl Default for LimitsTable {
    fn default() -> Self {
        let record = surmise_event::Limits::default();
        LimitsTable {
            line_bytes: ByteSize(1 << 20),
            body_bytes: ByteSize(256 << 20),
            connections: 1024,
            streams: 10_000,
            watchers: 256,
            inbox_events: 16_384,
            inbox_bytes: ByteSize(32 << 20),
            session_events: 4_096,
            producers: 4_096,
            fields: record.fields,
            symbol_bytes: ByteSize(record.symbol_bytes as u64),
            text_bytes: ByteSize(record.text_bytes as u64),
            name_bytes: ByteSize(record.name_bytes as u64),
        }
    }
}

impl LimitsTable {
    /// The bounds that one record is held against.
    pub fn record(&self) -> surmise_event::Limits {
        surmise_event::Limits {
            fields: self.fields,
            symbol_bytes: self.symbol_bytes.0 as usize,
            text_bytes: self.text_bytes.0 as usize,
            name_bytes: self.name_bytes.0 as usize,
        }
    }
}

/// `[auth]`: who may connect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthTable {
    /// The token that a hello, or an HTTP request as its bearer token, has to bring. Without one everybody may connect,
    /// and listeners stay on loopback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
}

/// A secret, which is never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"…\"")
    }
}

/// `[owners]`: the threads that learn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnersTable {
    /// How many; 0 means one per core.
    pub threads: usize,
}

impl OwnersTable {
    /// How many threads learn.
    pub fn count(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
            n => n,
        }
    }
}

/// `[learning]`: when what networks learn takes effect, and who works it out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LearningTable {
    /// Chunks that an update of a network waits before it takes effect. What is learnt depends on it.
    pub delay_chunks: u32,
    /// Threads that work updates out meanwhile; 0 means one per core but one, and at least one. There are none where no
    /// stream's updates wait.
    pub threads: usize,
    /// What works updates out meanwhile: a GPU, or those threads.
    pub device: surmise_device::Choice,
}

impl LearningTable {
    /// How many threads work updates out.
    pub fn count(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()).saturating_sub(1).max(1),
            n => n,
        }
    }
}

/// `[shutdown]`: leaving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShutdownTable {
    /// How long finishing may take: events in flight are learnt and made durable, checkpoints are written.
    pub grace: TimeSpan,
}

impl Default for ShutdownTable {
    fn default() -> Self {
        ShutdownTable { grace: TimeSpan(Duration::from_secs(10)) }
    }
}
