//! Health, metrics, and the page.

use crate::directory::StreamView;
use crate::hub::Hub;
use crate::telemetry;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use surmise_protocol::Health;

const PAGE: &str = include_str!("page.html");

/// `GET /`.
pub async fn page() -> impl IntoResponse {
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(PAGE))
}

fn health(hub: &Hub) -> Health {
    let fault = hub.fault.get();
    let (status, detail) = match &fault {
        Some(f) => ("failed", Some(f.clone())),
        None if hub.stopping.is_cancelled() => ("stopping", None),
        None if !hub.is_ready() => ("starting", Some("streams are being brought back".into())),
        None => {
            let failed = hub.directory.all().iter().filter(|s| s.failed.get().is_some()).count();
            ("ok", (failed > 0).then(|| format!("{failed} streams do not learn any more; /api/v1/streams says why")))
        }
    };
    let uptime_seconds = hub.started.elapsed().as_secs_f64();
    Health { status: status.into(), server: crate::hub::SERVER.into(), uptime_seconds, detail }
}

/// `GET /-/healthy`: whether the process lives and can keep what it is sent.
pub async fn healthy(State(hub): State<Arc<Hub>>) -> Response {
    let code = if hub.fault.is_set() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (code, Json(health(&hub))).into_response()
}

/// `GET /-/ready`: whether all streams are brought back and events are taken.
pub async fn ready(State(hub): State<Arc<Hub>>) -> Response {
    let code = if hub.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(health(&hub))).into_response()
}

/// `GET /metrics`.
pub async fn metrics(State(hub): State<Arc<Hub>>) -> Response {
    let Some(recorder) = telemetry::recorder() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "metrics are off\n").into_response();
    };
    let waiting: usize = hub.owners().iter().map(|o| o.inbox.events()).sum();
    metrics::gauge!(telemetry::QUEUE, "stage" => "inbox").set(waiting as f64);
    let jobs = hub.workers.as_ref().map(|t| t.jobs()).unwrap_or_default();
    metrics::gauge!(telemetry::GRADIENT_JOBS_QUEUED).set(jobs.waiting as f64);
    for (by, n) in
        [("worker", jobs.by_workers), ("owner_first", jobs.by_owners_first), ("owner_queue_full", jobs.queue_full)]
    {
        metrics::counter!(telemetry::GRADIENT_JOBS, "computed_by" => by).absolute(n);
    }
    metrics::gauge!(telemetry::STREAMS).set(hub.directory.len() as f64);
    let all = hub.directory.all();
    let sum = |of: fn(&StreamView) -> &AtomicU64| all.iter().map(|s| of(s).load(Ordering::Relaxed)).sum::<u64>();
    let (held, stored) = (sum(|s| &s.keys), sum(|s| &s.keys_stored));
    metrics::gauge!(telemetry::KEYS, "place" => "memory").set(held.saturating_sub(stored) as f64);
    metrics::gauge!(telemetry::KEYS, "place" => "store").set(stored as f64);
    if let Some(store) = hub.store() {
        let pages = &store.pages;
        metrics::counter!(telemetry::PAGE_READS).absolute(pages.reads.load(Ordering::Relaxed));
        metrics::counter!(telemetry::PAGE_WRITES).absolute(pages.writes.load(Ordering::Relaxed));
        metrics::gauge!(telemetry::STORE_BYTES, "database" => "keys").set(pages.disk_bytes() as f64);
        metrics::gauge!(telemetry::STORE_BYTES, "database" => "log").set(store.log.disk_bytes() as f64);
        metrics::gauge!(telemetry::STORE_BYTES, "database" => "checkpoints").set(store.checkpoints.disk_bytes() as f64);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], recorder.render()).into_response()
}
