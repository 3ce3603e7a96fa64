//! `[sources]`: what the daemon reads itself.

use crate::address::parse_address;
use crate::kafka::KafkaSource;
use crate::nats::NatsSource;
use crate::remote_write::RemoteWriteSource;
use crate::servers::{MqttSource, RedisSource};
use crate::source_fault::{NAME_BYTES_MAX, SourceFault};
use crate::stream_name::check_stream_name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// Streams of Redis servers, by the name of their source.
    pub redis: BTreeMap<String, RedisSource>,
    /// Topics of MQTT brokers, by the name of their source.
    pub mqtt: BTreeMap<String, MqttSource>,
    /// Streams of NATS JetStream, by the name of their source.
    pub nats: BTreeMap<String, NatsSource>,
    /// Topics of Kafka, by the name of their source.
    pub kafka: BTreeMap<String, KafkaSource>,
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
    /// Whether other machines may send to it, although what they send is neither encrypted nor asks for a token.
    pub insecure: bool,
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

impl SourcesTable {
    /// What is wrong with the sources, each fault with the key of its source. Names of streams have so many bytes at
    /// most.
    pub(crate) fn faults(&self, name_bytes_max: usize) -> Vec<(String, SourceFault)> {
        let mut faults = Vec::new();
        let mut add = |kind: &str, name: &str, streams: Vec<&str>, found: Vec<SourceFault>| {
            let all = name_faults(name, &streams, name_bytes_max).into_iter().chain(found);
            faults.extend(all.map(|fault| (format!("sources.{kind}.{name}"), fault)));
        };
        for (name, source) in &self.files {
            add("files", name, vec![source.stream(name)], source.faults());
        }
        for (name, source) in &self.syslog {
            add("syslog", name, vec![source.stream(name)], source.faults());
        }
        for (name, source) in &self.redis {
            let streams = source.read.iter().map(|read| source.stream_of(name, read));
            add("redis", name, streams.collect(), source.faults());
        }
        for (name, source) in &self.mqtt {
            add("mqtt", name, vec![source.stream(name)], source.faults());
        }
        for (name, source) in &self.nats {
            add("nats", name, vec![source.stream(name)], source.faults());
        }
        for (name, source) in &self.kafka {
            add("kafka", name, vec![source.stream(name)], source.faults());
        }
        let remote_write = self.remote_write.iter().flat_map(|source| source.faults(name_bytes_max));
        faults.extend(remote_write.map(|fault| ("sources.remote_write".to_owned(), fault.into())));
        faults
    }
}

/// What is wrong with the name of a source, or with those of its streams.
fn name_faults(name: &str, streams: &[&str], name_bytes_max: usize) -> Vec<SourceFault> {
    let mut faults = Vec::new();
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.chars().all(is_letter) {
        faults.push(SourceFault::Name);
    }
    let mut wrong: Vec<_> = streams.iter().filter_map(|name| check_stream_name(name, name_bytes_max).err()).collect();
    wrong.dedup();
    faults.extend(wrong.into_iter().map(SourceFault::Stream));
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
            match address.as_deref().map(parse_address) {
                Some(Err(error)) => faults.push(SourceFault::Address { key, error }),
                Some(Ok(Some(address))) if !address.ip().is_loopback() && !self.insecure => {
                    faults.push(SourceFault::InClear { key, address });
                }
                Some(Ok(_)) | None => {}
            }
        }
        if let Some(path) = self.unix.as_ref().filter(|path| !path.starts_with('/')) {
            faults.push(SourceFault::Relative(path.clone()));
        }
        faults
    }
}
