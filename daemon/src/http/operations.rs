//! Operations: health, metrics, and the page for people.

use super::operator::Who;
use super::problem::ProblemResponse;
use crate::directory::StreamView;
use crate::hub::{Hub, SERVER};
use crate::logging::lost_log_lines;
use crate::telemetry;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use surmise_protocol::{DiskBudget, Health};
use surmise_store::Store;

/// The page, as `clients/page` builds it; it asks the endpoints of the API for everything that it shows.
const PAGE: &str = include_str!("../../../clients/page/dist/page.html");
const PAGE_STYLE: &str = include_str!("../../../clients/page/dist/page.css");
const PAGE_SCRIPT: &str = include_str!("../../../clients/page/dist/page.js");

/// What the page may load: its own style and script, and answers of this daemon. Nothing that a name of a stream could
/// smuggle in runs, and no other page can put this one into a frame.
pub const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /`: the page.
pub async fn page() -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)], Html(PAGE))
}

/// `GET /page.css`: how the page looks.
pub async fn page_style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], PAGE_STYLE)
}

/// `GET /page.js`: what the page does.
pub async fn page_script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], PAGE_SCRIPT)
}

/// How the daemon is, as both probes answer it.
fn health(hub: &Hub) -> Health {
    let (status, detail) = match hub.fault.get() {
        Some(fault) => ("failed", Some(fault)),
        None if hub.stopping.is_cancelled() => ("stopping", None),
        None if !hub.is_ready() => ("starting", Some("streams are being brought back".into())),
        None if hub.services.disk.is_full() => {
            let why = hub.services.disk.full().unwrap_or_default();
            ("full", Some(format!("events are not taken, and questions are answered: {why}")))
        }
        None => {
            let failed = hub.directory.all().iter().filter(|stream| stream.failed.load().is_some()).count();
            ("ok", (failed > 0).then(|| format!("{failed} streams do not learn any more; /api/v1/streams says why")))
        }
    };
    let uptime_seconds = hub.started.elapsed().as_secs_f64();
    let disk =
        hub.store().map(|store| DiskBudget { used_bytes: store.disk_bytes(), limit_bytes: store.disk.limit_bytes() });
    Health { status: status.into(), server: SERVER.into(), uptime_seconds, detail, disk }
}

/// An answer of a probe: the status line alone tells a load balancer enough.
fn probe(hub: &Hub, passes: bool) -> Response {
    let code = if passes { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(health(hub))).into_response()
}

/// `GET /-/healthy`: whether the daemon works. One whose disk is full does: it goes on when there is room.
pub async fn healthy(State(hub): State<Arc<Hub>>) -> Response {
    probe(&hub, !hub.fault.is_set())
}

/// `GET /-/ready`: whether all streams are restored and events are accepted.
pub async fn ready(State(hub): State<Arc<Hub>>) -> Response {
    probe(&hub, hub.is_ready() && !hub.services.disk.is_full())
}

/// `POST /-/reload`: reads the configuration again, as SIGHUP does.
pub async fn reload(State(hub): State<Arc<Hub>>, who: Who) -> Result<Response, ProblemResponse> {
    let asked = hub.clone();
    let reloaded = tokio::task::spawn_blocking(move || asked.reload(who.0.name())).await;
    let reloaded = reloaded.map_err(|_| ProblemResponse::new(500, "internal error", "reading it failed inside"))?;
    match reloaded {
        Ok(reloaded) => Ok(Json(reloaded).into_response()),
        Err(e) => Err(ProblemResponse::new(422, "configuration refused", e.to_string())),
    }
}

/// `GET /metrics`: all metrics, after those are set that are read off rather than counted.
pub async fn metrics(State(hub): State<Arc<Hub>>) -> Response {
    let Some(recorder) = telemetry::recorder() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "metrics are off\n").into_response();
    };
    metrics::counter!(telemetry::LOG_LINES_LOST).absolute(lost_log_lines());
    set_queue_metrics(&hub);
    set_key_metrics(&hub);
    hub.budget.look(crate::clock::millis_since(hub.started));
    for (kind, bytes) in [
        ("used", hub.budget.used_bytes()),
        ("streams", hub.budget.counted_bytes()),
        ("limit", hub.budget.limit_bytes()),
        ("allocated", crate::budget::allocated_bytes()),
    ] {
        metrics::gauge!(telemetry::MEMORY, "kind" => kind).set(bytes as f64);
    }
    let (running, waiting) = hub.replays.busy();
    metrics::gauge!(telemetry::REPLAYS, "state" => "running").set(running as f64);
    metrics::gauge!(telemetry::REPLAYS, "state" => "waiting").set(waiting as f64);
    metrics::gauge!(telemetry::DISK_FULL).set(f64::from(u8::from(hub.services.disk.is_full())));
    if let Some(store) = hub.store() {
        set_store_metrics(&store);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], recorder.render()).into_response()
}

fn set_queue_metrics(hub: &Hub) {
    metrics::gauge!(telemetry::QUEUE, "stage" => "inbox").set(hub.waiting().0 as f64);
    for admission in hub.admissions() {
        metrics::gauge!(telemetry::CONNECTIONS, "listener" => admission.listener.to_string())
            .set(admission.taken().0 as f64);
    }
    metrics::gauge!(telemetry::QUEUE, "stage" => "commit").set(hub.events_uncommitted() as f64);
    let jobs = hub.workers.as_ref().map(|pool| pool.jobs()).unwrap_or_default();
    metrics::gauge!(telemetry::GRADIENT_JOBS_QUEUED).set(jobs.waiting as f64);
    for (computed_by, count) in
        [("worker", jobs.by_workers), ("owner_first", jobs.by_owners_first), ("owner_queue_full", jobs.queue_full)]
    {
        metrics::counter!(telemetry::GRADIENT_JOBS, "computed_by" => computed_by).absolute(count);
    }
}

fn set_key_metrics(hub: &Hub) {
    metrics::gauge!(telemetry::STREAMS).set(hub.directory.len() as f64);
    let streams = hub.directory.all();
    let sum = |count: fn(&StreamView) -> &AtomicU64| {
        streams.iter().map(|stream| count(stream).load(Ordering::Relaxed)).sum::<u64>()
    };
    let (held, stored) = (sum(|stream| &stream.keys), sum(|stream| &stream.keys_stored));
    // the two are read one after the other, while streams go on
    metrics::gauge!(telemetry::KEYS, "place" => "memory").set(held.saturating_sub(stored) as f64);
    metrics::gauge!(telemetry::KEYS, "place" => "store").set(stored as f64);
}

fn set_store_metrics(store: &Store) {
    for (kind, bytes) in [("used", store.disk_bytes()), ("limit", store.disk.limit_bytes())] {
        metrics::gauge!(telemetry::DISK, "kind" => kind).set(bytes as f64);
    }
    let pages = &store.pages;
    metrics::counter!(telemetry::PAGE_READS).absolute(pages.reads.load(Ordering::Relaxed));
    metrics::counter!(telemetry::PAGE_WRITES).absolute(pages.writes.load(Ordering::Relaxed));
    for (database, bytes) in
        [("keys", pages.disk_bytes()), ("log", store.log.disk_bytes()), ("checkpoints", store.checkpoints.disk_bytes())]
    {
        metrics::gauge!(telemetry::STORE_BYTES, "database" => database).set(bytes as f64);
    }
}
