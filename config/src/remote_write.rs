//! `[sources.remote_write]`: samples that Prometheus writes to the daemon.

use crate::stream_name::{StreamNameError, check_stream_name, fits};
use serde::{Deserialize, Serialize};

/// What is wrong with the table.
#[derive(Debug, thiserror::Error)]
pub enum RemoteWriteFault {
    /// It names no metrics.
    #[error("a source of remote write needs metrics = [\"…\"]; each metric is a stream, so choose few")]
    WithoutMetrics,
    /// A stream cannot have such a name.
    #[error("prefix: {0}")]
    Prefix(StreamNameError),
}

/// `[sources.remote_write]`: which samples are learnt, and as what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RemoteWriteSource {
    /// The metrics whose samples are learnt, by name or pattern. Each is a stream.
    pub metrics: Vec<String>,
    /// Those of them that are counters, by name or pattern: what is learnt is by how much they rise in a second.
    pub rates: Vec<String>,
    /// The labels that make up the key of a sample; all if there are none.
    pub labels: Vec<String>,
    /// What stands before the name of a metric in that of its stream.
    pub prefix: String,
    /// The most streams.
    pub streams_max: usize,
    /// The most series.
    pub series_max: usize,
}

impl Default for RemoteWriteSource {
    fn default() -> Self {
        RemoteWriteSource {
            metrics: Vec::new(),
            rates: ["*_total", "*_count", "*_sum", "*_bucket"].map(str::to_owned).to_vec(),
            labels: Vec::new(),
            prefix: "prometheus-".into(),
            streams_max: 64,
            series_max: 10_000,
        }
    }
}

impl RemoteWriteSource {
    /// Whether samples of a metric are learnt.
    pub fn takes(&self, metric: &str) -> bool {
        self.metrics.iter().any(|pattern| fits(pattern, metric))
    }

    /// Whether a metric is a counter.
    pub fn is_rate(&self, metric: &str) -> bool {
        self.rates.iter().any(|pattern| fits(pattern, metric))
    }

    /// Whether a label is a part of the key.
    pub fn is_of_key(&self, label: &str) -> bool {
        self.labels.is_empty() || self.labels.iter().any(|name| name == label)
    }

    pub(crate) fn faults(&self, name_bytes_max: usize) -> Vec<RemoteWriteFault> {
        let mut faults = Vec::new();
        if self.metrics.is_empty() {
            faults.push(RemoteWriteFault::WithoutMetrics);
        }
        if let Err(fault) = check_stream_name(&format!("{}m", self.prefix), name_bytes_max) {
            faults.push(RemoteWriteFault::Prefix(fault));
        }
        faults
    }
}
