//! What the sources are doing: what each reads, how far the log has it, and what is wrong.

use crate::remote_write::written_series::WrittenSeries;
use crate::telemetry;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

/// What a source reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Files that grow.
    Files,
    /// Messages of syslog.
    Syslog,
    /// Samples that Prometheus writes.
    #[serde(rename = "remote_write")]
    RemoteWrite,
    /// Streams of a Redis server.
    Redis,
    /// Topics of an MQTT broker.
    Mqtt,
    /// A stream of NATS JetStream.
    Nats,
    /// A topic of Kafka.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "answers have the same type in every build"))]
    Kafka,
}

/// Whether a source reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// It has not begun.
    Waiting,
    /// It reads what there is.
    Reading,
    /// Something of it cannot be read now: `errors` says what. It is tried again.
    Failing,
}

impl SourceKind {
    /// The name of its way into the daemon, for metrics.
    pub fn listener(self) -> &'static str {
        match self {
            SourceKind::Files => "file",
            SourceKind::Syslog => "syslog",
            SourceKind::Redis => "redis",
            SourceKind::Mqtt => "mqtt",
            SourceKind::Nats => "nats",
            SourceKind::Kafka => "kafka",
            SourceKind::RemoteWrite => "remote_write",
        }
    }

    /// What it reads one by one.
    pub fn pieces(self) -> &'static str {
        match self {
            SourceKind::Files => "lines",
            SourceKind::Syslog | SourceKind::Mqtt | SourceKind::Nats => "messages",
            SourceKind::Redis => "entries",
            SourceKind::Kafka => "records",
            SourceKind::RemoteWrite => "samples",
        }
    }
}

/// A source, and how far it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SourceStatus {
    /// What it reads.
    pub kind: SourceKind,
    /// Its name in the configuration.
    pub name: String,
    /// The stream of its events, or the beginning of the names of its streams.
    pub stream: String,
    /// Whether it reads.
    pub state: SourceState,
    /// Events learnt since the start of the daemon, as all that is counted here is.
    pub events: u64,
    /// Lines, messages, entries or records refused since the start.
    pub refused: u64,
    /// Lines since the start that were learnt though they are not as they should be: with bytes that are not UTF-8, or
    /// with fewer cells than there are columns.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub odd: u64,
    /// What was odd last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_odd: Option<String>,
    /// Bytes that are there and that the log does not have yet.
    pub lag_bytes: u64,
    /// How much newer the newest entry or message of a server is than the one up to which the log has it, in seconds.
    /// Of Kafka, which does not say how new its newest record is: how long ago the one up to which the log has it was
    /// made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lag_seconds: Option<f64>,
    /// How often something was gone before it was read, since the start.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub gaps: u64,
    /// What was gone last before it was read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_gap: Option<String>,
    /// Messages since the start that came again, were recognised, and were not learnt again.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub recognised: u64,
    /// Messages since the start that came again, as their broker says, and were learnt, as nothing was known of them
    /// any more. So many at most were learnt twice.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub redelivered: u64,
    /// The files that are followed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub files: Vec<FileStatus>,
    /// What is read of a server: streams of Redis or JetStream and partitions of Kafka with their positions, or topics.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub inputs: Vec<InputStatus>,
    /// The addresses that messages are received at, or that of the server.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub addresses: Vec<String>,
    /// What cannot be read now, and what to do about it.
    pub errors: Vec<String>,
    /// What was refused last, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refusal: Option<String>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A stream of Redis or of JetStream, a partition of a topic of Kafka, or a topic of MQTT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InputStatus {
    /// Its name.
    pub name: String,
    /// The id of the entry, the sequence of the message, or the offset of the record, up to which the log has it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub position: Option<String>,
    /// The id of its newest entry, the sequence of its newest message, or the offset of its newest record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub newest: Option<String>,
}

/// A file that is followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileStatus {
    /// Its path.
    pub path: String,
    /// The offset up to which the log has it.
    pub position: u64,
    /// Its length.
    pub length: u64,
    /// Whether it has another name by now: it is read to its end.
    pub rotated: bool,
}

impl SourceStatus {
    /// What of it is counted: refused, gone before it was read, come again and recognised, come again and learnt.
    fn counted(&self) -> (u64, u64, u64, u64) {
        (self.refused, self.gaps, self.recognised, self.redelivered)
    }
}

/// Counts what is new in a status since so much was counted of it.
fn count(status: &SourceStatus, (refused, gaps, recognised, redelivered): (u64, u64, u64, u64)) {
    let source = || status.name.clone();
    metrics::counter!(telemetry::SOURCE_REFUSED, "source" => source()).increment(status.refused - refused);
    if matches!(status.kind, SourceKind::Redis | SourceKind::Nats | SourceKind::Kafka) {
        metrics::counter!(telemetry::SOURCE_GAPS, "source" => source()).increment(status.gaps - gaps);
    }
    if matches!(status.kind, SourceKind::Mqtt | SourceKind::Nats) {
        for (result, new) in
            [("recognised", status.recognised - recognised), ("learnt", status.redelivered - redelivered)]
        {
            metrics::counter!(telemetry::SOURCE_REDELIVERED, "source" => source(), "result" => result).increment(new);
        }
    }
}

impl FileStatus {
    /// The status of a file that is read so far.
    pub fn new(path: &Path, position: u64, length: u64, rotated: bool) -> FileStatus {
        FileStatus { path: path.display().to_string(), position, length, rotated }
    }
}

/// What all sources are doing.
#[derive(Default)]
pub struct SourceBoard {
    /// The series that Prometheus writes.
    pub written_series: Mutex<WrittenSeries>,
    sources: Mutex<BTreeMap<(SourceKind, String), SourceStatus>>,
}

impl SourceBoard {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(SourceKind, String), SourceStatus>> {
        self.sources.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Adds a source, of which nothing was read yet.
    pub fn add(&self, kind: SourceKind, name: &str, stream: &str) {
        let status = SourceStatus {
            kind,
            name: name.to_owned(),
            stream: stream.to_owned(),
            state: SourceState::Waiting,
            events: 0,
            refused: 0,
            odd: 0,
            last_odd: None,
            lag_bytes: 0,
            lag_seconds: None,
            gaps: 0,
            last_gap: None,
            recognised: 0,
            redelivered: 0,
            files: Vec::new(),
            inputs: Vec::new(),
            addresses: Vec::new(),
            errors: Vec::new(),
            last_refusal: None,
        };
        count(&status, (0, 0, 0, 0));
        self.lock().insert((kind, name.to_owned()), status);
    }

    /// Changes what is told of a source.
    pub fn update(&self, kind: SourceKind, name: &str, change: impl FnOnce(&mut SourceStatus)) {
        let mut sources = self.lock();
        let Some(status) = sources.get_mut(&(kind, name.to_owned())) else { return };
        let (errors, counted) = (status.errors.clone(), status.counted());
        let had_lag = status.lag_seconds.is_some();
        change(status);
        status.state = match status.state {
            _ if !status.errors.is_empty() => SourceState::Failing,
            SourceState::Failing => SourceState::Reading,
            state => state,
        };
        let label = |metric| metrics::gauge!(metric, "source" => name.to_owned());
        label(telemetry::SOURCE_LAG).set(status.lag_bytes as f64);
        if had_lag || status.lag_seconds.is_some() {
            label(telemetry::SOURCE_LAG_TIME).set(status.lag_seconds.unwrap_or(f64::NAN));
        }
        label(telemetry::SOURCE_ERRORS).set(status.errors.len() as f64);
        for error in status.errors.iter().filter(|error| !errors.contains(error)) {
            tracing::warn!(source = name, "{error}");
        }
        count(status, counted);
    }

    /// All sources, by kind and name.
    pub fn all(&self) -> Vec<SourceStatus> {
        self.lock().values().cloned().collect()
    }
}
