//! Sinks: `[export.webhooks.NAME]`, `[export.syslog]` and `[export.stdout]`, which are told of incidents and of rare
//! events. Those that publish to NATS are beside what is read from there (`nats.rs`).

use crate::server_url::ServerUrlError;
use crate::stream_name::{StreamNameError, check_stream_name, fits};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Bytes that the name of a webhook, or of a sink of NATS, has at most.
const NAME_BYTES_MAX: usize = 64;

/// What a sink takes: incidents of some streams, and their rare events.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkFilter {
    /// The streams: names, or patterns with `*`.
    pub streams: Vec<String>,
    /// Whether the sink is told, too, that an incident has ended.
    pub ended: bool,
    /// The sink is told of single events that are rarer than once in so many of their stream; of none without it.
    pub rarer_than: Option<u64>,
}

/// `[export.webhooks.NAME]`: an address that incidents are posted to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookRule {
    /// The address.
    pub url: String,
    /// The file of the secret that posts are signed with; without it they are not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// The streams whose incidents are posted: names, or patterns with `*`.
    #[serde(default = "all_streams")]
    pub streams: Vec<String>,
    /// Whether it is posted, too, that an incident has ended.
    #[serde(default)]
    pub ended: bool,
    /// Single events are posted that are rarer than once in so many of their stream; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rarer_than: Option<u64>,
}

/// `[export.syslog]`: where incidents are sent as messages of syslog, RFC 5424. It has one of `udp`, `tcp` and `unix`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogSink {
    /// The host and port for UDP: one message a packet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub udp: Option<String>,
    /// The host and port for TCP: messages with their length before them (RFC 6587).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// The path of a Unix socket, such as `/dev/log`: one message a packet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unix: Option<String>,
    /// The facility of the messages.
    #[serde(default)]
    pub facility: SyslogFacility,
    /// The streams whose incidents are sent: names, or patterns with `*`.
    #[serde(default = "all_streams")]
    pub streams: Vec<String>,
    /// Whether it is sent, too, that an incident has ended.
    #[serde(default)]
    pub ended: bool,
    /// Single events are sent that are rarer than once in so many of their stream; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rarer_than: Option<u64>,
}

/// `[export.stdout]`: incidents as lines of JSON on standard output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StdoutSink {
    /// The streams whose incidents are written: names, or patterns with `*`.
    #[serde(default = "all_streams")]
    pub streams: Vec<String>,
    /// Whether it is written, too, that an incident has ended.
    #[serde(default)]
    pub ended: bool,
    /// Single events are written that are rarer than once in so many of their stream; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rarer_than: Option<u64>,
}

/// The facility of messages of syslog, in the order of their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyslogFacility {
    /// The kernel, 0.
    Kern,
    /// Programs of users, 1.
    User,
    /// The mail system, 2.
    Mail,
    /// Services of the system, 3.
    #[default]
    Daemon,
    /// Security, 4.
    Auth,
    /// Syslog itself, 5.
    Syslog,
    /// Printers, 6.
    Lpr,
    /// Network news, 7.
    News,
    /// UUCP, 8.
    Uucp,
    /// Clocks and timers, 9.
    Cron,
    /// Private matters of security, 10.
    Authpriv,
    /// FTP, 11.
    Ftp,
    /// For local use, 16.
    Local0 = 16,
    /// For local use, 17.
    Local1,
    /// For local use, 18.
    Local2,
    /// For local use, 19.
    Local3,
    /// For local use, 20.
    Local4,
    /// For local use, 21.
    Local5,
    /// For local use, 22.
    Local6,
    /// For local use, 23.
    Local7,
}

/// What is wrong in `[export]`.
#[derive(Debug, thiserror::Error)]
pub enum ExportFault {
    /// The name of a sink cannot be that of a label.
    #[error("the name of a sink has letters, digits, - and _, {NAME_BYTES_MAX} at most")]
    Name,
    /// An address of HTTP is none.
    #[error("{key}: {text:?} is no address; write http://… or https://…")]
    Address {
        /// Its key.
        key: &'static str,
        /// What is written there.
        text: String,
    },
    /// The address of a server cannot be one.
    #[error("{0}")]
    Url(ServerUrlError),
    /// There are too many other addresses.
    #[error("other_urls: {0} are the most")]
    OtherUrls(usize),
    /// A subject cannot be one.
    #[error("subject: {0:?} is no subject: it has tokens with dots between, without spaces and wildcards")]
    Subject(String),
    /// There are no streams.
    #[error("it needs streams, as names or patterns; a sink without the key takes all")]
    WithoutStreams,
    /// A name or pattern of the streams cannot be one.
    #[error("streams: {0}")]
    Stream(StreamNameError),
    /// Nearly every event would be told.
    #[error("rarer_than: once in {0} events is not rare; write 2 at least, or leave it out for incidents alone")]
    NotRare(u64),
    /// It is not said where messages of syslog go, or it is said more than once.
    #[error("messages of syslog go to one address: write udp, tcp or unix")]
    SyslogAddresses,
    /// Where messages go over UDP or TCP is no host and port.
    #[error("{key}: expected a host and a port such as \"logs.example.org:514\", got {text:?}")]
    HostAndPort {
        /// Its key.
        key: &'static str,
        /// What is written there.
        text: String,
    },
    /// The path of a Unix socket is not absolute, so it would depend on where the daemon was started.
    #[error("unix: {0:?} is not absolute; write the whole path")]
    RelativeSocket(String),
    /// The bound on series cannot be one.
    #[error("series_max: {0} is not within 1 and 100000")]
    SeriesMax(usize),
    /// One event in none would be followed.
    #[error("every: one event in 0 cannot be followed; 1 follows each")]
    FollowsNone,
}

pub(crate) fn all_streams() -> Vec<String> {
    vec!["*".into()]
}

/// Whether a sink may have this name, which is that of a label.
pub(crate) fn is_sink_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(is_letter)
}

/// Whether something can be posted there.
pub(crate) fn is_address(url: &str) -> bool {
    let host = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let is_host = |host: &str| !host.is_empty() && !host.starts_with(['/', ':', '?', '#']);
    host.is_some_and(is_host) && !url.contains(char::is_whitespace)
}

/// Whether a text is a host, by name or by address, and a port.
fn is_host_and_port(text: &str) -> bool {
    let parts = text.rsplit_once(':');
    let is_host = |host: &str| {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        // an address of version 6 is in brackets, as its colons would be taken for that of the port
        !host.is_empty() && !host.contains(char::is_whitespace) && (bare.is_some() || !host.contains(':'))
    };
    parts.is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// What is wrong with names and patterns of streams.
pub(crate) fn pattern_faults(patterns: &[String], name_bytes_max: usize) -> Vec<ExportFault> {
    if patterns.is_empty() {
        return vec![ExportFault::WithoutStreams];
    }
    let checked = patterns.iter().map(|pattern| check_stream_name(&pattern.replace('*', "x"), name_bytes_max));
    checked.filter_map(Result::err).map(ExportFault::Stream).collect()
}

impl SinkFilter {
    /// Whether the sink is told of a stream.
    pub fn covers(&self, stream: &str) -> bool {
        self.streams.iter().any(|pattern| fits(pattern, stream))
    }

    pub(crate) fn faults(&self, name_bytes_max: usize) -> Vec<ExportFault> {
        let mut faults = pattern_faults(&self.streams, name_bytes_max);
        faults.extend(self.rarer_than.filter(|events| *events < 2).map(ExportFault::NotRare));
        faults
    }
}

impl WebhookRule {
    /// What is posted.
    pub fn filter(&self) -> SinkFilter {
        SinkFilter { streams: self.streams.clone(), ended: self.ended, rarer_than: self.rarer_than }
    }

    /// What is wrong with the webhook of this name, beside what it takes.
    pub(crate) fn faults(&self, name: &str) -> Vec<ExportFault> {
        let mut faults = Vec::new();
        if !is_sink_name(name) {
            faults.push(ExportFault::Name);
        }
        if !is_address(&self.url) {
            faults.push(ExportFault::Address { key: "url", text: self.url.clone() });
        }
        faults
    }
}

impl SyslogSink {
    /// What is sent.
    pub fn filter(&self) -> SinkFilter {
        SinkFilter { streams: self.streams.clone(), ended: self.ended, rarer_than: self.rarer_than }
    }

    /// What is wrong with it, beside what it takes.
    pub(crate) fn faults(&self) -> Vec<ExportFault> {
        let named = [&self.udp, &self.tcp, &self.unix].into_iter().flatten().count();
        let mut faults = Vec::new();
        if named != 1 {
            faults.push(ExportFault::SyslogAddresses);
        }
        for (key, address) in [("udp", &self.udp), ("tcp", &self.tcp)] {
            let wrong = address.iter().filter(|text| !is_host_and_port(text));
            faults.extend(wrong.map(|text| ExportFault::HostAndPort { key, text: text.clone() }));
        }
        let relative = self.unix.iter().filter(|path| !path.starts_with('/'));
        faults.extend(relative.cloned().map(ExportFault::RelativeSocket));
        faults
    }
}

impl StdoutSink {
    /// What is written.
    pub fn filter(&self) -> SinkFilter {
        SinkFilter { streams: self.streams.clone(), ended: self.ended, rarer_than: self.rarer_than }
    }
}
