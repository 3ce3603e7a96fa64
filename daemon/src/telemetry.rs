//! Metrics: the table of all of them, and the recorder of this process.
//!
//! A metric is added in one line of the table: constant, kind, unit, name, labels, help. Constants, descriptions,
//! buckets and the public list [`METRICS`] come from it. The rules of names (`surmise_`, `_total`, the unit at the end)
//! are a test's.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use surmise_event::{Detector, RefusalCode};
use surmise_learner::RejectedUpdates;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricKind {
    /// A number that only rises.
    Counter,
    /// A number that rises and falls.
    Gauge,
    /// Counts of observations up to these bounds.
    Histogram(&'static [f64]),
}

/// What a metric is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricUnit {
    /// It has no unit, like the version.
    None,
    /// Whole things: events, keys, streams.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Nats: surprise as a natural logarithm.
    Nats,
}

/// One metric that the daemon exports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// The name, as Prometheus sees it.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// What it is measured in.
    pub unit: MetricUnit,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub help: &'static str,
}

/// Bounds of durations in seconds.
const DURATION_SECONDS: &[f64] =
    &[1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0];
/// Bounds of the pauses that copies make, in seconds; finer around the aim of one millisecond.
const PAUSE_SECONDS: &[f64] = &[1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1];
/// Bounds of surprises in nats.
const SURPRISE_NATS: &[f64] = &[0.01, 0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// Declares all metrics: a constant with the name of each, and the list of them.
macro_rules! metrics_table {
    ($($constant:ident = $kind:ident $(($buckets:ident))? $unit:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*

        /// All metrics of the daemon, for its documentation and for tests.
        pub const METRICS: &[Metric] = &[$(Metric {
            name: $name,
            kind: MetricKind::$kind $(($buckets))?,
            unit: MetricUnit::$unit,
            labels: &[$($label),*],
            help: $help,
        },)*];
    };
}

metrics_table! {
    RECEIVED = Counter Count "surmise_events_received_total" ["listener", "group"]
        "Events learnt, by listener and group of streams";
    REJECTED = Counter Count "surmise_events_rejected_total" ["reason"]
        "Events refused, by reason";
    QUARANTINED = Counter Count "surmise_events_quarantined_total" []
        "Events whose learning failed inside; they are kept aside, and their streams went on without them";
    DUPLICATE = Counter Count "surmise_events_duplicate_total" []
        "Events recognised as sent before and not learnt again";
    EVENTS_LOST = Counter Count "surmise_events_lost_total" []
        "Events that were acknowledged and could not be read again at a start, as the data directory is damaged";
    STORE_FINDINGS = Gauge Count "surmise_store_findings" ["severity"]
        "What the start found in the data directory, by severity: note, mended or lost; the log and surmise fsck say more";
    LATE = Counter Count "surmise_events_late_total" []
        "Events with an earlier time than their key's last; learnt with a gap of zero";
    QUEUE = Gauge Count "surmise_queue_events" ["stage"]
        "Events that wait, by stage";
    LAG = Gauge Seconds "surmise_input_lag_seconds" []
        "Time from the arrival of the latest event until it was learnt";
    PREDICT = Histogram(DURATION_SECONDS) Seconds "surmise_predict_duration_seconds" []
        "How long answering a prediction or forecast takes";
    LEARN = Histogram(DURATION_SECONDS) Seconds "surmise_learn_duration_seconds" []
        "How long learning an event takes";
    COMMIT = Histogram(DURATION_SECONDS) Seconds "surmise_commit_duration_seconds" []
        "How long making a commit durable takes";
    COPY = Histogram(PAUSE_SECONDS) Seconds "surmise_copy_pause_seconds" []
        "How long a stream waits at once while a copy of its state is made";
    LOSS = Counter Nats "surmise_loss_nats_total" ["group"]
        "Loss of the predictions in nats";
    EXPERT_LOSS = Counter Nats "surmise_expert_loss_nats_total" ["group", "expert"]
        "Loss in nats that each expert alone would have had, by group of streams";
    SURPRISE = Histogram(SURPRISE_NATS) Nats "surmise_surprise_nats" []
        "Surprise of events in nats";
    ALARMS = Counter Count "surmise_alarms_total" ["group", "kind"]
        "Incidents that began, by group of streams and by what was unusual";
    ALARMS_PROMISED = Gauge Count "surmise_alarms_promised" ["group"]
        "Incidents that the budgets allow for the events learnt since the start; surmise_alarms_total has those that came";
    SINK_MESSAGES = Counter Count "surmise_sink_messages_total" ["sink", "result"]
        "Messages of sinks (incidents and rare events), by table of [export] and by what came of them: taken; refused, and passed over; failed, and sent again; dropped, as too many waited";
    SOURCE_LAG = Gauge Bytes "surmise_source_lag_bytes" ["source"]
        "Bytes of files that are there and not in the log yet, by source of the configuration";
    SOURCE_LAG_TIME = Gauge Seconds "surmise_source_lag_seconds" ["source"]
        "How much newer the newest entry of a Redis server, or message of JetStream, is than the one up to which the log has it; of Kafka, how long ago the record was made up to which the log has it; by source of the configuration";
    SOURCE_ERRORS = Gauge Count "surmise_source_errors" ["source"]
        "Files, addresses and servers that a source cannot read now; GET /api/v1/sources says which, and what to do";
    SOURCE_REFUSED = Counter Count "surmise_source_refused_total" ["source"]
        "Lines and messages of a source that are no events and were passed over; the log says why";
    REMOTE_WRITE_SAMPLES = Counter Count "surmise_remote_write_samples_total" ["outcome"]
        "Samples that Prometheus wrote, by what came of them: learnt; repeated, sent before or out of order; refused; unselected, of no metric of [sources.remote_write]; no_number, stale or a histogram; first_of_counter, with none before it; beyond_limit";
    SOURCE_GAPS = Counter Count "surmise_source_gaps_total" ["source"]
        "How often entries of a stream of Redis, messages of JetStream, or records of Kafka were gone before they were read; GET /api/v1/sources says which were gone last";
    SOURCE_REDELIVERED = Counter Count "surmise_source_redelivered_total" ["source", "result"]
        "Messages of a broker that came again, by what came of them: recognised, and not learnt again; learnt, as nothing was known of them any more";
    DRIFT = Counter Count "surmise_drift_detected_total" ["detector"]
        "Lasting changes of streams, by what changed: loss or level";
    UPDATES_REJECTED = Counter Count "surmise_updates_rejected_total" ["reason"]
        "Updates that were not applied, by reason: of networks (not_finite, exploded), and of counts, symbol by symbol (burst)";
    NETWORK_SAVED = Gauge Nats "surmise_network_saved_nats" ["group"]
        "Nats that networks have saved since the start, less those that they cost; surmise_loss_nats_total has what was paid";
    GRADIENT_JOBS_QUEUED = Gauge Count "surmise_gradient_jobs_queued" []
        "Gradient jobs of networks that wait for a worker thread";
    GRADIENT_JOBS = Counter Count "surmise_gradient_jobs_total" ["computed_by"]
        "Gradient jobs of networks whose update is delayed, by what computed them: worker, a thread of learning.threads; owner_first, the stream itself, as no worker had come to it in time; owner_queue_full, the stream itself, as the queue was full";
    MEMORY = Gauge Bytes "surmise_memory_bytes" ["kind"]
        "Memory, by kind: used, what the process takes; streams, what of it streams are counted for; limit, limits.memory; allocated, what the allocator has given out";
    SHED = Counter Count "surmise_shed_total" ["what"]
        "What was dropped near the memory limit and is brought back when it is asked for: snapshots, streams";
    KEYS = Gauge Count "surmise_keys" ["place"]
        "Keys whose state is held, by place: memory or store";
    KEYS_FORGOTTEN = Counter Count "surmise_keys_forgotten_total" []
        "Keys that were forgotten before they ended, for want of room";
    PRODUCERS_FORGOTTEN = Counter Count "surmise_producers_forgotten_total" []
        "Producers that were forgotten for want of room in the store; what they send again is learnt again";
    PAGE_READS = Counter Count "surmise_key_page_reads_total" []
        "States of keys that came back from the store";
    PAGE_WRITES = Counter Count "surmise_key_page_writes_total" []
        "States of keys that went to the store, or ended there";
    CHECKPOINT_TIME = Gauge Seconds "surmise_checkpoint_last_success_timestamp_seconds" []
        "When a checkpoint was last written, in seconds since 1970";
    CHECKPOINT_BYTES = Gauge Bytes "surmise_checkpoint_size_bytes" []
        "Size of the latest checkpoint";
    STORE_BYTES = Gauge Bytes "surmise_store_size_bytes" ["database"]
        "Size of the store on disk, by database";
    DISK = Gauge Bytes "surmise_disk_bytes" ["kind"]
        "Room on the disk, by kind: used, what log, checkpoints, key pages and what was set aside take; limit, store.disk";
    DISK_FULL = Gauge Count "surmise_disk_full" []
        "Whether the disk has no room, so that nothing is acknowledged: 1 or 0";
    DISK_FREED = Counter Count "surmise_disk_freed_total" ["what"]
        "What was given up early near the bound of the disk: checkpoints, log, pages; and databases that were rewritten";
    STREAMS = Gauge Count "surmise_streams_resident" []
        "Streams, in memory or asleep";
    EVICTIONS = Counter Count "surmise_stream_state_evictions_total" []
        "Streams whose learners left memory for want of room; they come back when asked for";
    COVERAGE = Gauge None "surmise_interval_coverage_ratio" ["group", "level"]
        "Share of numbers within the interval of a level, of the stream of the group that learnt last";
    EXPERT_WEIGHT = Gauge None "surmise_expert_weight_ratio" ["group", "expert"]
        "Mean weight of an expert over the fields that have it, of the stream of the group that learnt last";
    VOCABULARY = Gauge Count "surmise_vocabulary_entries" ["group"]
        "Distinct symbols and templates that the streams of a group have seen since the start";
    BASELINE_LOSS = Counter Nats "surmise_baseline_loss_nats_total" ["group", "baseline"]
        "Nats that the best simple expert of each field would have paid alone";
    STREAMS_FAILED = Gauge Count "surmise_streams_failed" []
        "Streams that do not learn any more";
    REPLAYS = Gauge Count "surmise_replays" ["state"]
        "Replays of streams' own logs, by state: running or waiting";
    CONNECTIONS = Gauge Count "surmise_connections" ["listener"]
        "Open connections, by listener; a source of syslog over TCP is one, as syslog/NAME";
    CONNECTIONS_REFUSED = Counter Count "surmise_connections_refused_total" ["listener", "reason"]
        "Connections that got no place, by listener and by whose places are all taken: listener or address";
    CONNECTIONS_EVICTED = Counter Count "surmise_connections_evicted_total" ["listener", "reason"]
        "Connections that made room for others, by listener and by why: silent, said nothing whole yet; idle, for long";
    RECOVERED = Gauge Count "surmise_recovery_events" []
        "Events of the log that were learnt again when the daemon started";
    CONFIG_RELOADED = Gauge Count "surmise_config_last_reload_successful" []
        "Whether the configuration could be read when it was last asked for: 1 or 0";
    LOG_LINES_LOST = Counter Count "surmise_log_lines_lost_total" []
        "Lines of the log that standard error did not take, or that found too many waiting";
    BUILD = Gauge None "surmise_build_info" ["version"]
        "Version of the daemon";
    MODEL = Gauge None "surmise_model_info" ["version", "kernel", "format"]
        "Version of the program that learns, the kernel that it computes with, and the format of its checkpoints";
}

/// The recorder of this process, installed at the first call. `None` if the process has another recorder.
pub fn recorder() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE.get_or_init(install).as_ref()
}

fn install() -> Option<PrometheusHandle> {
    let recorder = match builder() {
        Ok(builder) => builder.build_recorder(),
        Err(e) => {
            tracing::error!("metrics are off: {e}");
            return None;
        }
    };
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::error!("metrics are off: this process has another recorder");
        return None;
    }
    METRICS.iter().for_each(describe);
    begin_at_zero();
    // it could be read at the start
    metrics::gauge!(CONFIG_RELOADED).set(1.0);
    metrics::gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let (version, format) = (env!("CARGO_PKG_VERSION"), surmise_learner::FORMAT.to_string());
    metrics::gauge!(MODEL, "version" => version, "kernel" => surmise_learner::kernel(), "format" => format).set(1.0);
    Some(handle)
}

/// Values of labels of counters that are known from the start, by the counter and the label.
fn known_labels() -> [(&'static str, &'static str, Vec<&'static str>); 5] {
    let detectors = Detector::ALL.map(Detector::name).to_vec();
    [
        (REJECTED, "reason", RefusalCode::ALL.map(RefusalCode::name).to_vec()),
        (UPDATES_REJECTED, "reason", RejectedUpdates::default().by_reason().map(|(reason, _)| reason).to_vec()),
        (DRIFT, "detector", detectors),
        (SHED, "what", vec!["snapshots", "streams"]),
        (DISK_FREED, "what", vec!["aside", "replaced", "checkpoints", "log", "pages", "rewritten"]),
    ]
}

/// Begins counters and histograms at zero: one that comes into being with the first of what it counts shows no
/// increase, so that no rule would tell of a first loss. Those by stream, listener, source or sink begin where these
/// do.
fn begin_at_zero() {
    for metric in METRICS.iter().filter(|metric| metric.labels.is_empty()) {
        match metric.kind {
            MetricKind::Counter => metrics::counter!(metric.name).increment(0),
            MetricKind::Histogram(_) => drop(metrics::histogram!(metric.name)),
            MetricKind::Gauge => {}
        }
    }
    for (counter, label, values) in known_labels() {
        values.into_iter().for_each(|value| metrics::counter!(counter, label => value).increment(0));
    }
}

/// A recorder with the buckets of all histograms.
fn builder() -> Result<PrometheusBuilder, BuildError> {
    METRICS.iter().try_fold(PrometheusBuilder::new(), |builder, metric| match metric.kind {
        MetricKind::Histogram(buckets) => {
            builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)
        }
        MetricKind::Counter | MetricKind::Gauge => Ok(builder),
    })
}

fn describe(metric: &Metric) {
    let unit = match metric.unit {
        MetricUnit::Seconds => Unit::Seconds,
        MetricUnit::Bytes => Unit::Bytes,
        MetricUnit::Count | MetricUnit::Nats | MetricUnit::None => Unit::Count,
    };
    match metric.kind {
        MetricKind::Counter => describe_counter!(metric.name, unit, metric.help),
        MetricKind::Gauge => describe_gauge!(metric.name, unit, metric.help),
        MetricKind::Histogram(_) => describe_histogram!(metric.name, unit, metric.help),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_prefix_the_unit_and_the_ending_of_their_kind() {
        for metric in METRICS {
            let name = metric.name;
            let stem = name.strip_prefix("surmise_").unwrap_or_else(|| panic!("{name} has no prefix"));
            assert!(stem.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == MetricKind::Counter, "{name}");
            let measured = stem.trim_end_matches("_total");
            let ending = match metric.unit {
                MetricUnit::Seconds => "_seconds",
                MetricUnit::Bytes => "_bytes",
                MetricUnit::Nats => "_nats",
                MetricUnit::Count | MetricUnit::None => "",
            };
            assert!(measured.ends_with(ending), "{name} does not name its unit");
            for other in ["_seconds", "_bytes", "_nats"] {
                assert!(other == ending || !measured.ends_with(other), "{name} names a unit that is not its own");
            }
            assert!(!metric.help.ends_with('.') && metric.help.starts_with(char::is_uppercase), "{}", metric.help);
        }
    }

    #[test]
    fn what_has_no_labels_is_told_before_it_happens() {
        let text = recorder().unwrap().render();
        for metric in METRICS.iter().filter(|metric| metric.labels.is_empty()) {
            let series = match metric.kind {
                MetricKind::Counter => format!("\n{} ", metric.name),
                MetricKind::Histogram(_) => format!("\n{}_count ", metric.name),
                MetricKind::Gauge => continue,
            };
            assert!(text.contains(&series), "{series} is missing: {text}");
        }
    }

    #[test]
    fn every_metric_is_listed_once_and_buckets_rise() {
        let mut names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
        for metric in METRICS {
            if let MetricKind::Histogram(buckets) = metric.kind {
                assert!(buckets.windows(2).all(|pair| pair[0] < pair[1]), "{}", metric.name);
            }
        }
        assert!(builder().is_ok());
    }
}
