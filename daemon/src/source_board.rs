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
}

/// A source, and how far it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SourceStatus {
    /// What it reads.
    pub kind: SourceKind,
    /// Its name in the configuration.
    pub name: String,
    /// The stream of its events; a pattern if they go to several.
    pub stream: String,
    /// Events learnt since the start.
    pub events: u64,
    /// Lines or messages refused since the start.
    pub refused: u64,
    /// Bytes that are there and that the log does not have yet.
    pub lag_bytes: u64,
    /// The files that are followed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub files: Vec<FileStatus>,
    /// The addresses that messages are received at.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub addresses: Vec<String>,
    /// What cannot be read now, and what to do about it.
    pub errors: Vec<String>,
    /// What was refused last, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refusal: Option<String>,
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
            events: 0,
            refused: 0,
            lag_bytes: 0,
            files: Vec::new(),
            addresses: Vec::new(),
            errors: Vec::new(),
            last_refusal: None,
        };
        metrics::counter!(telemetry::SOURCE_REFUSED, "source" => name.to_owned()).increment(0);
        self.lock().insert((kind, name.to_owned()), status);
    }

    /// Changes what is told of a source.
    pub fn update(&self, kind: SourceKind, name: &str, change: impl FnOnce(&mut SourceStatus)) {
        let mut sources = self.lock();
        let Some(status) = sources.get_mut(&(kind, name.to_owned())) else { return };
        let (errors, refused) = (status.errors.clone(), status.refused);
        change(status);
        let label = |metric| metrics::gauge!(metric, "source" => name.to_owned());
        label(telemetry::SOURCE_LAG).set(status.lag_bytes as f64);
        label(telemetry::SOURCE_ERRORS).set(status.errors.len() as f64);
        for error in status.errors.iter().filter(|error| !errors.contains(error)) {
            tracing::warn!(source = name, "{error}");
        }
        let refused = status.refused - refused;
        if refused > 0 {
            metrics::counter!(telemetry::SOURCE_REFUSED, "source" => name.to_owned()).increment(refused);
        }
    }

    /// All sources, by kind and name.
    pub fn all(&self) -> Vec<SourceStatus> {
        self.lock().values().cloned().collect()
    }
}
