//! Metrics: their names, and the recorder of this process.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

/// Events read, by listener and group of streams.
pub const RECEIVED: &str = "surmise_events_received_total";
/// Events refused, by reason.
pub const REJECTED: &str = "surmise_events_rejected_total";
/// Events recognised as sent before.
pub const DUPLICATE: &str = "surmise_events_duplicate_total";
/// Events that wait, by stage.
pub const QUEUE: &str = "surmise_queue_events";
/// Gradient jobs that wait for a worker thread.
pub const GRADIENT_JOBS_QUEUED: &str = "surmise_gradient_jobs_queued";
/// Gradient jobs that were handed to the workers, by what computed them.
pub const GRADIENT_JOBS: &str = "surmise_gradient_jobs_total";
/// Age of the latest event when it was learnt.
pub const LAG: &str = "surmise_input_lag_seconds";
/// How long predicting takes.
pub const PREDICT: &str = "surmise_predict_duration_seconds";
/// How long learning a batch takes, per event.
pub const LEARN: &str = "surmise_learn_duration_seconds";
/// How long making a commit durable takes.
pub const COMMIT: &str = "surmise_commit_duration_seconds";
/// How long a stream waits at once while a copy of its state is made.
pub const COPY: &str = "surmise_copy_pause_seconds";
/// Loss of the mixture.
pub const LOSS: &str = "surmise_loss_nats_total";
/// Loss that each expert would have had.
pub const EXPERT_LOSS: &str = "surmise_expert_loss_nats_total";
/// Lasting changes found, by what changed.
pub const DRIFT: &str = "surmise_drift_detected_total";
/// Events that came with an earlier time than their key's last.
pub const LATE: &str = "surmise_events_late_total";
/// Updates of networks that were not applied.
pub const UPDATES_REJECTED: &str = "surmise_updates_rejected_total";
/// Keys whose state is held, by place: memory or store.
pub const KEYS: &str = "surmise_keys";
/// Keys that were forgotten before they ended.
pub const KEYS_FORGOTTEN: &str = "surmise_keys_forgotten_total";
/// States of keys read from the store.
pub const PAGE_READS: &str = "surmise_key_page_reads_total";
/// States of keys written to the store.
pub const PAGE_WRITES: &str = "surmise_key_page_writes_total";
/// Surprise of events.
pub const SURPRISE: &str = "surmise_surprise_nats";
/// When a checkpoint last succeeded.
pub const CHECKPOINT_TIME: &str = "surmise_checkpoint_last_success_timestamp_seconds";
/// How large it was.
pub const CHECKPOINT_BYTES: &str = "surmise_checkpoint_size_bytes";
/// Streams in memory.
pub const STREAMS: &str = "surmise_streams_resident";
/// Streams that do not learn any more.
pub const STREAMS_FAILED: &str = "surmise_streams_failed";
/// Connections open, by listener.
pub const CONNECTIONS: &str = "surmise_connections";
/// Bytes of the store on disk, by database.
pub const STORE_BYTES: &str = "surmise_store_size_bytes";
/// Events of the log that were learnt again at the start.
pub const RECOVERED: &str = "surmise_recovery_events";
/// Which build this is.
pub const BUILD: &str = "surmise_build_info";

const SECONDS: &[f64] = &[1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0];
/// See [`COPY`].
const PAUSES: &[f64] = &[1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1];
const NATS: &[f64] = &[0.01, 0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// The recorder of this process; made by whoever asks first.
pub fn recorder() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE.get_or_init(install).as_ref()
}

fn install() -> Option<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
        .and_then(|b| b.set_buckets_for_metric(Matcher::Full(COPY.into()), PAUSES))
        .and_then(|b| b.set_buckets_for_metric(Matcher::Full(SURPRISE.into()), NATS));
    let recorder = match builder {
        Ok(b) => b.build_recorder(),
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
    describe();
    metrics::gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Some(handle)
}

fn describe() {
    describe_counter!(RECEIVED, Unit::Count, "Events learnt, by listener and group of streams");
    describe_counter!(REJECTED, Unit::Count, "Events refused, by reason");
    describe_counter!(DUPLICATE, Unit::Count, "Events recognised as sent before and not learnt again");
    describe_gauge!(QUEUE, Unit::Count, "Events that wait, by stage");
    describe_gauge!(GRADIENT_JOBS_QUEUED, Unit::Count, "Gradient jobs of networks that wait for a worker thread");
    describe_counter!(
        GRADIENT_JOBS,
        Unit::Count,
        "Gradient jobs of networks whose update is delayed, by what computed them: worker, a thread of learning.threads; owner_first, the stream itself, as no worker had come to it in time; owner_queue_full, the stream itself, as the queue was full"
    );
    describe_gauge!(LAG, Unit::Seconds, "Time from the arrival of the latest event until it was learnt");
    describe_histogram!(PREDICT, Unit::Seconds, "How long answering a prediction or forecast takes");
    describe_histogram!(LEARN, Unit::Seconds, "How long learning an event takes");
    describe_histogram!(COMMIT, Unit::Seconds, "How long making a commit durable takes");
    describe_histogram!(COPY, Unit::Seconds, "How long a stream waits at once while a copy of its state is made");
    describe_counter!(LOSS, "Loss of the predictions in nats");
    describe_counter!(EXPERT_LOSS, "Loss in nats that each expert alone would have had, by group of streams");
    describe_counter!(DRIFT, Unit::Count, "Lasting changes of streams, by what changed: loss or level");
    describe_counter!(
        LATE,
        Unit::Count,
        "Events with an earlier time than their key's last; learnt with a gap of zero"
    );
    describe_counter!(UPDATES_REJECTED, Unit::Count, "Updates of networks that were not applied, by reason");
    describe_gauge!(KEYS, Unit::Count, "Keys whose state is held, by place: memory or store");
    describe_counter!(KEYS_FORGOTTEN, Unit::Count, "Keys that were forgotten before they ended, for want of room");
    describe_counter!(PAGE_READS, Unit::Count, "States of keys that came back from the store");
    describe_counter!(PAGE_WRITES, Unit::Count, "States of keys that went to the store, or ended there");
    describe_histogram!(SURPRISE, "Surprise of events in nats");
    describe_gauge!(CHECKPOINT_TIME, Unit::Seconds, "When a checkpoint was last written, in seconds since 1970");
    describe_gauge!(CHECKPOINT_BYTES, Unit::Bytes, "Size of the latest checkpoint");
    describe_gauge!(STREAMS, Unit::Count, "Streams in memory");
    describe_gauge!(STREAMS_FAILED, Unit::Count, "Streams that do not learn any more");
    describe_gauge!(CONNECTIONS, Unit::Count, "Open connections, by listener");
    describe_gauge!(STORE_BYTES, Unit::Bytes, "Size of the store on disk, by database");
    describe_gauge!(RECOVERED, Unit::Count, "Events of the log that were learnt again when the daemon started");
    describe_gauge!(BUILD, "Version of the daemon");
}
