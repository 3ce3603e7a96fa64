//! `[export]`: where the daemon tells what it finds.

use crate::nats::NatsSink;
use crate::sinks::{ExportFault, SinkFilter, StdoutSink, SyslogSink, WebhookRule, is_address, pattern_faults};
use crate::stream_name::fits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `[export]`: where the daemon tells what it finds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExportTable {
    /// Addresses that incidents are posted to, by a name for the log and the metrics.
    pub webhooks: BTreeMap<String, WebhookRule>,
    /// Subjects of NATS that incidents are published to, by a name for the log and the metrics.
    pub nats: BTreeMap<String, NatsSink>,
    /// Where incidents are sent as messages of syslog.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog: Option<SyslogSink>,
    /// Whether incidents are written to standard output, and which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<StdoutSink>,
    /// The streams whose predictions are series for Prometheus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<SeriesTable>,
    /// Where traces of single events go. Without it there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traces: Option<TracesTable>,
}

impl ExportTable {
    /// What every sink takes, by the key of its table within `[export]`, which is its name in metrics and in the log.
    pub fn sinks(&self) -> Vec<(String, SinkFilter)> {
        let webhooks = self.webhooks.iter().map(|(name, rule)| (format!("webhooks.{name}"), rule.filter()));
        let nats = self.nats.iter().map(|(name, rule)| (format!("nats.{name}"), rule.filter()));
        let syslog = self.syslog.iter().map(|rule| ("syslog".into(), rule.filter()));
        let stdout = self.stdout.iter().map(|rule| ("stdout".into(), rule.filter()));
        webhooks.chain(nats).chain(syslog).chain(stdout).collect()
    }

    /// What is wrong, each fault with the key of its table. Names of streams have so many bytes at most.
    pub(crate) fn faults(&self, name_bytes_max: usize) -> Vec<(String, ExportFault)> {
        let keyed = |key: String, faults: Vec<ExportFault>| faults.into_iter().map(move |fault| (key.clone(), fault));
        let webhooks =
            self.webhooks.iter().flat_map(|(name, rule)| keyed(format!("export.webhooks.{name}"), rule.faults(name)));
        let nats = self.nats.iter().flat_map(|(name, rule)| keyed(format!("export.nats.{name}"), rule.faults(name)));
        let syslog = self.syslog.iter().flat_map(|rule| keyed("export.syslog".into(), rule.faults()));
        let series = self.series.iter().flat_map(|table| keyed("export.series".into(), table.faults(name_bytes_max)));
        let traces = self.traces.iter().flat_map(|table| keyed("export.traces".into(), table.faults()));
        let filters = self
            .sinks()
            .into_iter()
            .flat_map(|(key, filter)| keyed(format!("export.{key}"), filter.faults(name_bytes_max)));
        webhooks.chain(nats).chain(syslog).chain(series).chain(traces).chain(filters).collect()
    }
}

/// `[export.series]`: streams whose predictions `GET /api/v1/series` shows to Prometheus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesTable {
    /// The streams: names, or patterns with `*`.
    pub streams: Vec<String>,
    /// Series in one answer at most; the streams beyond are left out, and counted in the answer.
    #[serde(default = "a_thousand_series")]
    pub series_max: usize,
}

fn a_thousand_series() -> usize {
    1000
}

/// The largest bound on series: a scrape of more takes Prometheus longer than it waits.
const SERIES_MAX: usize = 100_000;

impl SeriesTable {
    /// Whether a stream is one of those.
    pub fn covers(&self, stream: &str) -> bool {
        self.streams.iter().any(|pattern| fits(pattern, stream))
    }

    fn faults(&self, name_bytes_max: usize) -> Vec<ExportFault> {
        let mut faults = pattern_faults(&self.streams, name_bytes_max);
        if !(1..=SERIES_MAX).contains(&self.series_max) {
            faults.push(ExportFault::SeriesMax(self.series_max));
        }
        faults
    }
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
    fn faults(&self) -> Vec<ExportFault> {
        let endpoint = (!is_address(&self.endpoint))
            .then(|| ExportFault::Address { key: "endpoint", text: self.endpoint.clone() });
        let every = (self.every == 0).then_some(ExportFault::FollowsNone);
        endpoint.into_iter().chain(every).collect()
    }
}
