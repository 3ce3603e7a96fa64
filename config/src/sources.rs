//! `[sources]`: what the daemon reads itself.

use crate::address::{AddressError, parse_address};
use crate::remote_write::{RemoteWriteFault, RemoteWriteSource};
use crate::stream_name::{StreamNameError, check_stream_name};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bytes that the name of a source has at most.
const NAME_BYTES_MAX: usize = 64;

/// `[sources]`: what the daemon reads itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourcesTable {
    /// Files that grow, by the name of their source.
    pub files: BTreeMap<String, FileSource>,
    /// Listeners for syslog, by the name of their source.
    pub syslog: BTreeMap<String, SyslogSource>,
    /// Samples that Prometheus writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_write: Option<RemoteWriteSource>,
}

/// `[sources.files.NAME]`: files whose lines are events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileSource {
    /// The files: paths, or patterns with `*`, `?` and `[…]` in their parts, and `**` for folders of any depth.
    pub paths: Vec<String>,
    /// The stream of their events; the name of the source if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// How lines are read.
    pub format: FileFormat,
    /// The names of the columns of `csv` files that do not begin with a header; empty where they do.
    pub columns: Vec<String>,
    /// The field of a record that is its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_field: Option<String>,
    /// Whether the path of a file is the key of its events.
    pub key_is_path: bool,
}

/// How the lines of a file are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// Every line, as it stands, is an event.
    #[default]
    Lines,
    /// Lines are JSON: events of the protocol, or records, as on a plain connection.
    Ndjson,
    /// Lines are rows of a table.
    Csv,
}

/// `[sources.syslog.NAME]`: where messages of syslog are received.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyslogSource {
    /// The UDP address: one message a packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udp: Option<String>,
    /// The TCP address: messages with their length before them, or one a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// The path of a Unix socket, as `/dev/log` is one: one message a packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unix: Option<String>,
    /// The stream of the messages; the name of the source if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// What the key of a message is.
    pub key: SyslogKey,
}

/// What the key of a message of syslog is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyslogKey {
    /// The host that it names.
    #[default]
    Host,
    /// The program that it names.
    Program,
    /// The host, the program and the number of the process, so that each process is a sequence of its own.
    Process,
    /// Nothing: messages of all hosts are one sequence.
    None,
}

/// What is wrong with a source.
#[derive(Debug, thiserror::Error)]
pub enum SourceFault {
    /// The name cannot be that of a label.
    #[error("the name of a source has letters, digits, - and _, {NAME_BYTES_MAX} at most")]
    Name,
    /// There are no paths.
    #[error("a source of files needs paths = [\"/var/log/…\"]")]
    WithoutPaths,
    /// A path is not absolute, so it would depend on where the daemon was started.
    #[error("{0:?} is not absolute; write the whole path")]
    Relative(String),
    /// A pattern cannot be read.
    #[error("paths: {pattern:?}: {error}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        error: glob::PatternError,
    },
    /// An option belongs to another format.
    #[error("{0}")]
    Misplaced(&'static str),
    /// There is nothing to receive messages at.
    #[error("a source of syslog needs an address: udp, tcp or unix")]
    WithoutAddress,
    /// An address cannot be read.
    #[error("{key}: {error}")]
    Address {
        /// Its key.
        key: &'static str,
        /// What was expected.
        error: AddressError,
    },
    /// The stream cannot have this name.
    #[error("stream: {0}")]
    Stream(StreamNameError),
    /// The table of remote write is at fault.
    #[error(transparent)]
    RemoteWrite(#[from] RemoteWriteFault),
}

impl SourcesTable {
    /// What is wrong with the sources, each fault with the key of its source. Names of streams have so many bytes at
    /// most.
    pub(crate) fn faults(&self, name_bytes_max: usize) -> Vec<(String, SourceFault)> {
        let files = self.files.iter().flat_map(|(name, source)| {
            let key = format!("sources.files.{name}");
            let named = name_faults(name, source.stream(name), name_bytes_max);
            named.into_iter().chain(source.faults()).map(move |fault| (key.clone(), fault))
        });
        let syslog = self.syslog.iter().flat_map(|(name, source)| {
            let key = format!("sources.syslog.{name}");
            let named = name_faults(name, source.stream(name), name_bytes_max);
            named.into_iter().chain(source.faults()).map(move |fault| (key.clone(), fault))
        });
        let remote_write = self.remote_write.iter().flat_map(|source| {
            source.faults(name_bytes_max).into_iter().map(|fault| ("sources.remote_write".to_owned(), fault.into()))
        });
        files.chain(syslog).chain(remote_write).collect()
    }
}

/// What is wrong with the name of a source, or with that of its stream.
fn name_faults(name: &str, stream: &str, name_bytes_max: usize) -> Vec<SourceFault> {
    let mut faults = Vec::new();
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.chars().all(is_letter) {
        faults.push(SourceFault::Name);
    }
    if let Err(fault) = check_stream_name(stream, name_bytes_max) {
        faults.push(SourceFault::Stream(fault));
    }
    faults
}

impl FileSource {
    /// The stream of the source of this name.
    pub fn stream<'a>(&'a self, name: &'a str) -> &'a str {
        self.stream.as_deref().unwrap_or(name)
    }

    fn faults(&self) -> Vec<SourceFault> {
        let mut faults = Vec::new();
        if self.paths.is_empty() {
            faults.push(SourceFault::WithoutPaths);
        }
        for pattern in &self.paths {
            if !pattern.starts_with('/') {
                faults.push(SourceFault::Relative(pattern.clone()));
            }
            if let Err(error) = glob::Pattern::new(pattern) {
                faults.push(SourceFault::Pattern { pattern: pattern.clone(), error });
            }
        }
        if !self.columns.is_empty() && self.format != FileFormat::Csv {
            faults.push(SourceFault::Misplaced("columns are those of format = \"csv\""));
        }
        if self.key_field.is_some() && self.format == FileFormat::Lines {
            faults.push(SourceFault::Misplaced("key_field needs fields: format = \"ndjson\" or \"csv\""));
        }
        faults
    }
}

impl SyslogSource {
    /// The stream of the source of this name.
    pub fn stream<'a>(&'a self, name: &'a str) -> &'a str {
        self.stream.as_deref().unwrap_or(name)
    }

    fn faults(&self) -> Vec<SourceFault> {
        let mut faults = Vec::new();
        if self.udp.is_none() && self.tcp.is_none() && self.unix.is_none() {
            faults.push(SourceFault::WithoutAddress);
        }
        for (key, address) in [("udp", &self.udp), ("tcp", &self.tcp)] {
            if let Some(Err(error)) = address.as_deref().map(parse_address) {
                faults.push(SourceFault::Address { key, error });
            }
        }
        if let Some(path) = self.unix.as_ref().filter(|path| !path.starts_with('/')) {
            faults.push(SourceFault::Relative(path.clone()));
        }
        faults
    }
}
