//! `[export]`: where the daemon tells what it finds.

use crate::stream_name::{StreamNameError, check_stream_name, fits};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `[export]`: where the daemon tells what it finds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExportTable {
    /// Addresses that incidents are posted to, by a name for the log and the metrics.
    pub webhooks: BTreeMap<String, WebhookRule>,
    /// Where traces of single events go. Without it there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traces: Option<TracesTable>,
}

/// `[export.traces]`: the collector of OpenTelemetry that traces of single events are sent to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracesTable {
    /// The collector's address for OTLP over HTTP; `/v1/traces` is appended.
    pub endpoint: String,
    /// One event in so many is followed, 1 at least; besides, those whose sender traces its request.
    #[serde(default = "one_in_a_thousand")]
    pub every: u64,
}

fn one_in_a_thousand() -> u64 {
    1000
}

impl TracesTable {
    /// What is wrong with it, each with the key that is meant.
    pub(crate) fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if !is_address(&self.endpoint) {
            let endpoint = &self.endpoint;
            faults.push(("endpoint", format!("{endpoint:?} is no address; write http://… or https://…")));
        }
        if self.every == 0 {
            faults.push(("every", "0: one event in 0 cannot be followed; 1 follows each".into()));
        }
        faults
    }
}

/// Whether something can be posted there.
fn is_address(url: &str) -> bool {
    let host = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let is_host = |host: &str| !host.is_empty() && !host.starts_with(['/', ':', '?', '#']);
    host.is_some_and(is_host) && !url.contains(char::is_whitespace)
}

/// `[export.webhooks.NAME]`: an address that incidents are posted to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookRule {
    /// The address.
    pub url: String,
    /// The streams whose incidents are posted: names, or patterns with `*`.
    #[serde(default = "all_streams")]
    pub streams: Vec<String>,
    /// Whether it is posted, too, that an incident has ended.
    #[serde(default)]
    pub ended: bool,
    /// The file of the secret that posts are signed with; without it they are not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
}

fn all_streams() -> Vec<String> {
    vec!["*".into()]
}

impl WebhookRule {
    /// Whether incidents of a stream are posted.
    pub fn covers(&self, stream: &str) -> bool {
        self.streams.iter().any(|pattern| fits(pattern, stream))
    }
}

/// What is wrong with a webhook.
#[derive(Debug, thiserror::Error)]
pub enum WebhookFault {
    /// The name cannot be that of a label.
    #[error("the name of a webhook has letters, digits, - and _, 64 at most")]
    Name,
    /// The address is none.
    #[error("{0:?} is no address; write http://… or https://…")]
    Url(String),
    /// There are no streams.
    #[error("a webhook needs streams, as names or patterns; leave the key out for all")]
    WithoutStreams,
    /// A name or pattern of its streams cannot be one.
    #[error("streams: {0}")]
    Stream(StreamNameError),
}

impl WebhookRule {
    /// What is wrong with the webhook of this name. Names of streams have so many bytes at most.
    pub(crate) fn faults(&self, name: &str, name_bytes_max: usize) -> Vec<WebhookFault> {
        let mut faults = Vec::new();
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if !(1..=64).contains(&name.len()) || !name.chars().all(is_letter) {
            faults.push(WebhookFault::Name);
        }
        if !is_address(&self.url) {
            faults.push(WebhookFault::Url(self.url.clone()));
        }
        if self.streams.is_empty() {
            faults.push(WebhookFault::WithoutStreams);
        }
        let checked = self.streams.iter().map(|pattern| check_stream_name(&pattern.replace('*', "x"), name_bytes_max));
        faults.extend(checked.filter_map(Result::err).map(WebhookFault::Stream));
        faults
    }
}
