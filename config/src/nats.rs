//! `[sources.nats.NAME]` and `[export.nats.NAME]`: what the daemon reads from NATS JetStream, and what it publishes to
//! NATS.

use crate::server_url::{ServerUrl, ServerUrlError};
use crate::servers::{MessageFormat, StartPlace};
use crate::sinks::{ExportFault, SinkFilter, all_streams, is_sink_name};
use crate::source_fault::SourceFault;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How the address of a NATS server may begin.
pub const NATS_SCHEMES: &[&str] = &["nats", "tls"];

/// Other servers of one source or sink.
const OTHER_URLS_MAX: usize = 16;
/// Subjects of one source.
const SUBJECTS_MAX: usize = 256;
/// Tokens of a subject that the name of a stream may have.
const STREAM_TOKENS_MAX: usize = 8;

/// What stands for the name of the stream in the subject of a sink.
const STREAM_PLACE: &str = "{stream}";

/// `[sources.nats.NAME]`: messages of a JetStream stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NatsSource {
    /// The address of the server.
    pub url: ServerUrl,
    /// Addresses of other servers of the same cluster, which are tried as well.
    pub other_urls: Vec<ServerUrl>,
    /// The file of credentials (`.creds`) that opens the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<PathBuf>,
    /// The name of the stream in JetStream.
    pub jetstream: String,
    /// The subjects that are read, which may have `*` for one token and `>` for all that follow; all if it is empty.
    pub subjects: Vec<String>,
    /// The durable consumer in JetStream; `surmised-` and the name of the source if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<String>,
    /// The stream of the events; the name of the source if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// How many tokens of a subject are appended to the name of the stream, with dots between.
    pub stream_tokens: usize,
    /// Where reading begins.
    pub from: StartPlace,
    /// What the key of a message is.
    pub key: SubjectKey,
    /// How a message is read.
    pub format: MessageFormat,
    /// The field of a record that is its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_field: Option<String>,
}

/// What the key of a message of NATS is, if no field of it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKey {
    /// Its subject.
    #[default]
    Subject,
    /// Nothing: messages of all subjects are one sequence.
    None,
}

/// `[export.nats.NAME]`: a subject of NATS that incidents are published to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatsSink {
    /// The address of the server.
    #[serde(default)]
    pub url: ServerUrl,
    /// Addresses of other servers of the same cluster, which are tried as well.
    #[serde(default)]
    pub other_urls: Vec<ServerUrl>,
    /// The file of credentials (`.creds`) that opens the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<PathBuf>,
    /// The subject; `{stream}` in it stands for the name of the stream.
    #[serde(default = "usual_subject")]
    pub subject: String,
    /// The streams whose incidents are published: names, or patterns with `*`.
    #[serde(default = "all_streams")]
    pub streams: Vec<String>,
    /// Whether it is published, too, that an incident has ended.
    #[serde(default)]
    pub ended: bool,
    /// Single events are published that are rarer than once in so many of their stream; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rarer_than: Option<u64>,
}

/// Where servers of NATS are, and what opens them.
#[derive(Clone, Debug, PartialEq)]
pub struct NatsServers {
    /// Their addresses; the first one has the user and the password, or the token.
    pub urls: Vec<ServerUrl>,
    /// The file of credentials.
    pub credentials_file: Option<PathBuf>,
}

fn usual_subject() -> String {
    "surmise.incidents".into()
}

impl NatsServers {
    fn new(url: &ServerUrl, others: &[ServerUrl], credentials_file: &Option<PathBuf>) -> NatsServers {
        let urls = std::iter::once(url).chain(others).cloned().collect();
        NatsServers { urls, credentials_file: credentials_file.clone() }
    }

    /// The first address as it may be shown.
    pub fn shown(&self) -> String {
        self.urls.first().map(ServerUrl::shown).unwrap_or_default()
    }

    fn faults(&self) -> impl Iterator<Item = ServerUrlError> {
        self.urls.iter().filter_map(|url| url.parse(NATS_SCHEMES).err())
    }

    fn are_too_many(&self) -> bool {
        self.urls.len() > OTHER_URLS_MAX + 1
    }
}

impl NatsSource {
    /// The stream of the source of this name, or the beginning of the names of its streams.
    pub fn stream<'a>(&'a self, name: &'a str) -> &'a str {
        self.stream.as_deref().unwrap_or(name)
    }

    /// The name of the durable consumer of the source of this name.
    pub fn consumer(&self, name: &str) -> String {
        self.consumer.clone().unwrap_or_else(|| format!("surmised-{name}"))
    }

    /// Where the servers are.
    pub fn servers(&self) -> NatsServers {
        NatsServers::new(&self.url, &self.other_urls, &self.credentials_file)
    }

    pub(crate) fn faults(&self) -> Vec<SourceFault> {
        let servers = self.servers();
        let mut faults: Vec<SourceFault> = servers.faults().map(SourceFault::Url).collect();
        if servers.are_too_many() {
            faults.push(SourceFault::TooMany { what: "addresses in other_urls", most: OTHER_URLS_MAX });
        }
        if !is_name(&self.jetstream) {
            faults.push(SourceFault::Misplaced(
                "a source of NATS needs the name of a stream in JetStream: jetstream = \"…\", without dots and spaces",
            ));
        }
        if self.consumer.as_ref().is_some_and(|name| !is_name(name)) {
            faults.push(SourceFault::Misplaced("consumer has to be a name without dots, spaces, *, > and slashes"));
        }
        faults.extend(self.subjects.iter().filter(|subject| !is_filter(subject)).cloned().map(SourceFault::Subject));
        if self.subjects.len() > SUBJECTS_MAX {
            faults.push(SourceFault::TooMany { what: "subjects", most: SUBJECTS_MAX });
        }
        if self.stream_tokens > STREAM_TOKENS_MAX {
            faults.push(SourceFault::TooMany { what: "tokens of a subject in stream_tokens", most: STREAM_TOKENS_MAX });
        }
        if self.key_field.is_some() && self.format == MessageFormat::Text {
            faults.push(SourceFault::Misplaced("key_field needs fields: format = \"auto\""));
        }
        faults
    }
}

impl NatsSink {
    /// What is published.
    pub fn filter(&self) -> SinkFilter {
        SinkFilter { streams: self.streams.clone(), ended: self.ended, rarer_than: self.rarer_than }
    }

    /// Where the servers are.
    pub fn servers(&self) -> NatsServers {
        NatsServers::new(&self.url, &self.other_urls, &self.credentials_file)
    }

    /// The subject of messages of a stream. What a subject cannot hold of its name becomes `_`.
    pub fn subject(&self, stream: &str) -> String {
        let is_letter = |letter: char| !letter.is_whitespace() && !letter.is_control() && !matches!(letter, '*' | '>');
        let letters: String = stream.chars().map(|c| if is_letter(c) { c } else { '_' }).collect();
        // a token has to have letters
        let tokens = letters.split('.').map(|token| if token.is_empty() { "_" } else { token });
        self.subject.replace(STREAM_PLACE, &tokens.collect::<Vec<_>>().join("."))
    }

    /// What is wrong with the sink of this name, beside what it takes.
    pub(crate) fn faults(&self, name: &str) -> Vec<ExportFault> {
        let servers = self.servers();
        let mut faults: Vec<ExportFault> = servers.faults().map(ExportFault::Url).collect();
        if servers.are_too_many() {
            faults.push(ExportFault::OtherUrls(OTHER_URLS_MAX));
        }
        if !is_sink_name(name) {
            faults.push(ExportFault::Name);
        }
        if !is_subject(&self.subject("x")) {
            faults.push(ExportFault::Subject(self.subject.clone()));
        }
        faults
    }
}

/// Whether a text can be the name of a stream or of a consumer in JetStream.
fn is_name(text: &str) -> bool {
    let is_bad =
        |letter: char| letter.is_whitespace() || letter.is_control() || matches!(letter, '.' | '*' | '>' | '/' | '\\');
    !text.is_empty() && !text.contains(is_bad)
}

/// Whether a text is a subject without wildcards: tokens with dots between.
fn is_subject(text: &str) -> bool {
    is_filter(text) && !text.split('.').any(|token| matches!(token, "*" | ">"))
}

/// Whether a text is a subject that may have wildcards: `*` is a whole token, and `>` the last one.
fn is_filter(text: &str) -> bool {
    let mut tokens = text.split('.').rev();
    let last = tokens.next().unwrap_or_default();
    let is_bad = |letter: char| letter.is_whitespace() || letter.is_control() || matches!(letter, '*' | '>');
    let is_token = |token: &str| token == "*" || (!token.is_empty() && !token.contains(is_bad));
    (last == ">" || is_token(last)) && tokens.all(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_told_from_what_is_none() {
        for (text, filter, subject) in [
            ("orders.new", true, true),
            ("orders.*.new", true, false),
            ("orders.>", true, false),
            (">", true, false),
            ("orders.>.new", false, false),
            ("orders..new", false, false),
            ("", false, false),
            ("or ders", false, false),
            ("or*ders", false, false),
        ] {
            assert_eq!((is_filter(text), is_subject(text)), (filter, subject), "{text}");
        }
        assert!(is_name("ORDERS-1") && !is_name("a.b") && !is_name("") && !is_name("a b"));
    }

    #[test]
    fn a_subject_has_the_name_of_the_stream_as_far_as_it_can() {
        let sink = |subject: &str| NatsSink {
            url: "nats://x".into(),
            other_urls: Vec::new(),
            credentials_file: None,
            subject: subject.to_owned(),
            streams: Vec::new(),
            ended: false,
            rarer_than: None,
        };
        assert_eq!(sink("odd.{stream}").subject("plant.hall 3>"), "odd.plant.hall_3_");
        assert_eq!(sink("odd.{stream}").subject(".a."), "odd._.a._");
        assert_eq!(sink(&usual_subject()).subject("web"), "surmise.incidents");
    }
}
