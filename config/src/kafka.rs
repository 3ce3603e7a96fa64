//! `[sources.kafka.NAME]`: a topic of Kafka that the daemon reads.

use crate::server_url::ServerUrl;
use crate::servers::{MessageFormat, StartPlace};
use crate::source_fault::SourceFault;
use serde::{Deserialize, Serialize};

/// How the address of a Kafka broker may begin; the second is for TLS.
pub const KAFKA_SCHEMES: &[&str] = &["kafka", "kafkas"];

/// Other brokers of one source.
const OTHER_URLS_MAX: usize = 16;
/// Letters of the name of a topic.
const TOPIC_LETTERS_MAX: usize = 249;

/// `[sources.kafka.NAME]`: records of a topic of Kafka.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaSource {
    /// The address of a broker that is asked for the others, with the user and the password for all of them.
    pub url: ServerUrl,
    /// Addresses of other brokers of the same cluster, which are asked as well.
    pub other_urls: Vec<ServerUrl>,
    /// How the user and the password are shown to the brokers.
    pub sasl: SaslMechanism,
    /// The name of the topic, all partitions of which are read.
    pub topic: String,
    /// The stream of the events; the name of the source if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Where reading begins.
    pub from: StartPlace,
    /// What the key of a record is.
    pub key: RecordKey,
    /// How the value of a record is read.
    pub format: MessageFormat,
    /// The field of a value that is its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_field: Option<String>,
}

/// How a user and a password are shown to a broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaslMechanism {
    /// As they are, which is for TLS.
    #[default]
    Plain,
    /// By an answer that only who has the password can give, with SHA-256.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// By an answer that only who has the password can give, with SHA-512.
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

/// What the key of a record of Kafka is, if no field of its value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKey {
    /// The key that it has in Kafka, if it has one.
    #[default]
    Record,
    /// Nothing: all records are one sequence.
    None,
}

impl KafkaSource {
    /// The stream of the source of this name.
    pub fn stream<'a>(&'a self, name: &'a str) -> &'a str {
        self.stream.as_deref().unwrap_or(name)
    }

    /// The addresses of all brokers that are asked.
    pub fn urls(&self) -> impl Iterator<Item = &ServerUrl> {
        std::iter::once(&self.url).chain(&self.other_urls)
    }

    pub(crate) fn faults(&self) -> Vec<SourceFault> {
        let mut faults = Vec::new();
        let mut schemes = Vec::new();
        for url in self.urls() {
            match url.parse(KAFKA_SCHEMES) {
                Ok(url) => schemes.push(url.scheme().to_owned()),
                Err(error) => faults.push(SourceFault::Url(error)),
            }
        }
        schemes.dedup();
        if schemes.len() > 1 {
            faults
                .push(SourceFault::Misplaced("url and other_urls have to begin alike: all kafka:// or all kafkas://"));
        }
        if self.other_urls.len() > OTHER_URLS_MAX {
            faults.push(SourceFault::TooMany { what: "addresses in other_urls", most: OTHER_URLS_MAX });
        }
        if !is_topic(&self.topic) {
            faults.push(SourceFault::Misplaced(
                "a source of Kafka needs the name of a topic: topic = \"…\", of letters, digits, ., _ and -",
            ));
        }
        if self.key_field.is_some() && self.format == MessageFormat::Text {
            faults.push(SourceFault::Misplaced("key_field needs fields: format = \"auto\""));
        }
        faults
    }
}

/// Whether a text can be the name of a topic.
fn is_topic(text: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    (1..=TOPIC_LETTERS_MAX).contains(&text.len()) && !matches!(text, "." | "..") && text.chars().all(is_letter)
}
