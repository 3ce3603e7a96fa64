//! The tables of the configuration file that are this crate's own, each with its defaults. `surmised.toml` says the
//! same to users; a test holds the two together.

use crate::address::OFF;
use crate::tokens::{TokenHash, TokenRule};
use crate::units::{ByteSize, TimeSpan};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use surmise_event::AlarmBudget;

/// `[listen]`: where events and questions come in. The word `"off"` in the place of an address turns a listener off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListenTable {
    /// The TCP address for events as lines of JSON.
    pub tcp: String,
    /// The path of the Unix socket for events as lines of JSON; a relative path lies in the data directory.
    pub unix: String,
    /// The address of HTTP: questions, events, metrics and the web page.
    pub http: String,
    /// The TCP address for bare lines, each of which is an event.
    pub lines: String,
    /// The stream that events go to which name none.
    pub stream: String,
    /// The stream that bare lines go to.
    pub lines_stream: String,
    /// The names under which requests may ask for this machine, beside `localhost` and addresses.
    pub hosts: Vec<String>,
    /// Whether other machines may connect without TLS, so that tokens and events go over the network as they are.
    pub insecure: bool,
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
            hosts: Vec::new(),
            insecure: false,
        }
    }
}

impl ListenTable {
    /// The addresses of the listeners on TCP, by key, as they are written.
    pub(crate) fn addresses(&self) -> [(&'static str, &str); 3] {
        [("tcp", &self.tcp), ("http", &self.http), ("lines", &self.lines)]
    }
}

/// `[tls]`: the certificate that the daemon shows. With one, every TCP listener speaks TLS, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsTable {
    /// The file of the certificate and of those that vouch for it, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// The file of its private key, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

impl TlsTable {
    /// Whether listeners speak TLS.
    pub fn is_on(&self) -> bool {
        self.certificate.is_some()
    }
}

/// `[store]`: the log and the checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreTable {
    /// The data directory. One daemon at a time uses it.
    pub dir: PathBuf,
    /// How long events are gathered before they are made durable together, in one write.
    pub commit_interval: TimeSpan,
    /// The most bytes of one group of events in the log.
    pub group_bytes_max: ByteSize,
    /// How often a stream that learns is checkpointed.
    pub checkpoint_interval: TimeSpan,
    /// After how many events a stream is checkpointed at the latest.
    pub checkpoint_events: u64,
    /// How many checkpoints of a stream are kept.
    pub generations: u32,
    /// The size of the log beyond which events that every kept checkpoint covers are deleted, oldest first.
    pub log_bytes_max: ByteSize,
    /// How long a stream that was replaced or deleted is kept, so that it can be brought back.
    pub undo_kept: TimeSpan,
    /// The most bytes that log, checkpoints and key pages take on the disk; 0 means half of what they take and what is
    /// free.
    pub disk: ByteSize,
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
            undo_kept: TimeSpan(Duration::from_secs(7 * 86_400)),
            disk: ByteSize(0),
        }
    }
}

/// `[limits]`: bounds on everything that producers and readers could make grow without end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsTable {
    /// The most memory that the daemon takes; 0 means half of the machine's, or of its control group's.
    pub memory: ByteSize,
    /// The most bytes of one line.
    pub line_bytes: ByteSize,
    /// The most bytes of the body of one HTTP request.
    pub body_bytes: ByteSize,
    /// The most connections at once, on each listener.
    pub connections: usize,
    /// The most connections at once from one address, on each listener.
    pub connections_per_address: usize,
    /// How long the first line of a connection may take where a token is asked for.
    pub hello_time: TimeSpan,
    /// How long the head of a request may take.
    pub head_time: TimeSpan,
    /// How long a request may be waited for in the middle of its body, in all; each KiB that comes gives a second more.
    pub body_time: TimeSpan,
    /// How long the other side of a connection may leave what is sent to it unread.
    pub unread_time: TimeSpan,
    /// How long a connection may do nothing until it makes room for another one where all places are taken.
    pub idle_time: TimeSpan,
    /// The most streams.
    pub streams: usize,
    /// The most followers of one stream's outcomes over HTTP.
    pub watchers: usize,
    /// The most events that wait for one owner; whatever sends more waits.
    pub inbox_events: usize,
    /// The most bytes of events that wait for one owner; whatever sends more waits.
    pub inbox_bytes: ByteSize,
    /// The most events of one connection that are not answered yet; beyond it the connection is not read.
    pub session_events: usize,
    /// The most bytes of replies of one connection that the other side has not read; beyond it outcomes are brief.
    pub session_bytes: ByteSize,
    /// The most bytes of outcomes that followers have not read, of all streams together; beyond it they are left out.
    pub watch_bytes: ByteSize,
    /// The most long questions that are worked out at once; more of them wait a moment, and are then refused.
    pub questions: usize,
    /// The most values of one answer: horizon times fields times symbols of each.
    pub answer_values: usize,
    /// The most producers of one stream in memory; beyond it those that are silent for longest go to the store.
    pub producers: usize,
    /// The most producers of one stream in the store; beyond it the one that is silent for longest is forgotten.
    pub producers_stored: usize,
    /// The latest events of one stream whose ids are known, so that they are recognised when they are sent again.
    pub event_ids: usize,
    /// The most fields of one schema.
    pub fields: usize,
    /// The most bytes of one symbol.
    pub symbol_bytes: ByteSize,
    /// The most bytes of one text.
    pub text_bytes: ByteSize,
    /// The most bytes of a name of a field, key, stream or producer.
    pub name_bytes: ByteSize,
    /// How far an event's time may be ahead of its arrival.
    pub ahead: TimeSpan,
}

impl Default for LimitsTable {
    fn default() -> Self {
        let record = surmise_event::Limits::default();
        LimitsTable {
            memory: ByteSize(0),
            line_bytes: ByteSize(1 << 20),
            body_bytes: ByteSize(256 << 20),
            connections: 1024,
            connections_per_address: 512,
            hello_time: TimeSpan(Duration::from_secs(10)),
            head_time: TimeSpan(Duration::from_secs(10)),
            body_time: TimeSpan(Duration::from_secs(30)),
            unread_time: TimeSpan(Duration::from_secs(300)),
            idle_time: TimeSpan(Duration::from_secs(60)),
            streams: 10_000,
            watchers: 256,
            inbox_events: 16_384,
            inbox_bytes: ByteSize(32 << 20),
            session_events: 4_096,
            session_bytes: ByteSize(16 << 20),
            watch_bytes: ByteSize(64 << 20),
            questions: 8,
            answer_values: 250_000,
            producers: 4_096,
            producers_stored: 1_000_000,
            event_ids: 65_536,
            fields: record.fields,
            symbol_bytes: ByteSize(record.symbol_bytes as u64),
            text_bytes: ByteSize(record.text_bytes as u64),
            name_bytes: ByteSize(record.name_bytes as u64),
            ahead: TimeSpan(Duration::from_secs(86_400)),
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

/// `[auth]`: what clients have to show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthTable {
    /// The token that every client has to bring: in its hello, or as the bearer token of an HTTP request. Without one
    /// every client may connect, and listeners stay on loopback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// The hash of such a token, in its place: whoever reads the file then has no token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_hash: Option<TokenHash>,
    /// Tokens of which each opens only what its table says. `token` opens everything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<TokenRule>,
}

impl AuthTable {
    /// Whether clients have to bring a token.
    pub fn asks_for_token(&self) -> bool {
        self.whole_tokens().next().is_some() || !self.tokens.is_empty()
    }

    /// The hashes of the tokens that open everything, however they are written.
    pub fn whole_tokens(&self) -> impl Iterator<Item = TokenHash> {
        let in_clear = self.token.iter().map(|token| TokenHash::of(token.0.as_bytes()));
        in_clear.chain(self.token_hash)
    }
}

/// A secret, which is never printed and never written.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str("…")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"…\"")
    }
}

/// `[owners]`: the threads that learn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnersTable {
    /// How many threads learn; 0 means one per core.
    pub threads: usize,
}

impl OwnersTable {
    /// How many threads learn, on this machine.
    pub fn count(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
            n => n,
        }
    }
}

/// `[learning]`: when updates of networks take effect, and what computes their gradients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LearningTable {
    /// Chunks of events that an update of a network waits before it takes effect. What is learnt depends on it.
    pub delay_chunks: u32,
    /// Threads that compute gradients meanwhile; 0 means one per core but one, and at least one. There are none where
    /// no stream's updates wait.
    pub threads: usize,
    /// What computes gradients meanwhile: a GPU, or those threads.
    pub device: surmise_device::Choice,
}

impl LearningTable {
    /// How many threads compute gradients, on this machine.
    pub fn count(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()).saturating_sub(1).max(1),
            n => n,
        }
    }
}

/// `[alarm]`: how many alarms a stream may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlarmTable {
    /// How many incidents a stream without faults may have: so many per so many events, or per time.
    pub budget: AlarmBudget,
}

/// `[shutdown]`: how the daemon leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShutdownTable {
    /// How long leaving may take, during which events in flight are learnt and made durable, and checkpoints are
    /// written.
    pub grace: TimeSpan,
}

impl Default for ShutdownTable {
    fn default() -> Self {
        ShutdownTable { grace: TimeSpan(Duration::from_secs(10)) }
    }
}
