//! Questions about streams. Predictions come from snapshots and never wait for the learner.

use super::problem::Failure;
use crate::directory::{Snapshot, StreamView};
use crate::hub::Hub;
use crate::owner::OwnerRequest;
use crate::telemetry;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use surmise_event::{Prediction, format_time};
use surmise_protocol::{StreamList, StreamRow};

const TOP: usize = 5;
const TOP_MAX: usize = 1000;
const HORIZON: usize = 10;
const HORIZON_MAX: usize = 1000;

/// The query of a request, every key of which is known.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// A key that is not among the known ones, or that is there twice.
    pub fn read(raw: Option<&str>, known: &[&str]) -> Result<Query, Failure> {
        let uri = format!("/?{}", raw.unwrap_or(""))
            .parse()
            .map_err(|_| Failure::bad("query", "the query cannot be read"))?;
        let parsed = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri);
        let pairs = parsed.map_err(|e| Failure::bad("query", e.body_text()))?.0;
        for (i, (key, _)) in pairs.iter().enumerate() {
            if !known.contains(&key.as_str()) {
                let hint = match surmise_protocol::suggest(key, known.iter().copied()) {
                    Some(s) => format!("did you mean {s:?}?"),
                    None => format!("known are {}", known.join(", ")),
                };
                return Err(Failure::bad(key, format!("unknown parameter {key:?}; {hint}")));
            }
            if pairs[..i].iter().any(|(k, _)| k == key) {
                return Err(Failure::bad(key, format!("the parameter {key:?} is there twice")));
            }
        }
        Ok(Query(pairs))
    }

    /// A value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// A whole number within bounds.
    ///
    /// # Errors
    /// It is none, or out of bounds.
    pub fn number(&self, key: &str, default: usize, low: usize, high: usize) -> Result<usize, Failure> {
        let Some(text) = self.get(key) else { return Ok(default) };
        match text.parse() {
            Ok(n) if (low..=high).contains(&n) => Ok(n),
            _ => Err(Failure::bad(key, format!("expected a whole number from {low} to {high}, got {text:?}"))),
        }
    }
}

/// A stream by its name.
pub fn find(hub: &Hub, stream: &str) -> Result<Arc<StreamView>, Failure> {
    hub.directory.get(stream).ok_or_else(|| Failure::no_stream(stream))
}

/// A stream that learns.
fn find_alive(hub: &Hub, stream: &str) -> Result<Arc<StreamView>, Failure> {
    let shared = find(hub, stream)?;
    match shared.failed.get() {
        Some(why) => {
            Err(Failure::new(503, "stream failed", format!("the stream does not learn any more: {why}"))
                .at("stream", None))
        }
        None => Ok(shared),
    }
}

/// What is known of a stream from the outside.
fn row(s: &StreamView) -> StreamRow {
    let last = s.last_event_us.load(Ordering::Relaxed);
    StreamRow {
        stream: s.name.to_string(),
        offset: s.offset.load(Ordering::Relaxed),
        committed_offset: s.committed.load(Ordering::Relaxed),
        model_version: s.model_version.load(Ordering::Relaxed),
        keys: s.keys.load(Ordering::Relaxed),
        schema: s.schema.load().as_ref().clone(),
        recent_bits: s.recent_bits(),
        last_event_time: (last != i64::MIN).then(|| format_time(last)),
        failed: s.failed.get().cloned(),
    }
}

/// `GET /api/v1/streams`: all streams, from the outside; nobody is asked.
pub async fn list(State(hub): State<Arc<Hub>>, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    Query::read(raw.as_deref(), &[])?;
    let streams = hub.directory.all().iter().map(|s| row(s)).collect();
    Ok(Json(StreamList { streams }).into_response())
}

/// `GET /api/v1/streams/{stream}`: everything about one stream; its owner is asked.
pub async fn status(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Failure> {
    let query = Query::read(raw.as_deref(), &["hash"])?;
    let with_hash = matches!(query.get("hash"), Some("1" | "true" | ""));
    let shared = find(&hub, &stream)?;
    let name = shared.name.clone();
    match hub.ask(&stream, |reply| OwnerRequest::Status { stream: name, with_hash, reply }).await? {
        Some(answer) => Ok(Json(answer).into_response()),
        None => Ok(Json(row(&shared)).into_response()), // it failed: what is left to say
    }
}

/// `GET /api/v1/streams/{stream}/hash`: the hash of its learner, and the offset that it is of.
pub async fn hash(State(hub): State<Arc<Hub>>, Path(stream): Path<String>) -> Result<Response, Failure> {
    let name = find_alive(&hub, &stream)?.name.clone();
    let answer = hub.ask(&stream, |reply| OwnerRequest::Hash { stream: name, reply }).await?;
    let (offset, state_hash) = answer.ok_or_else(|| Failure::no_stream(&stream))?;
    Ok(Json(json!({ "stream": stream, "offset": offset, "state_hash": state_hash })).into_response())
}

/// Fields of a stream, and symbols asked for, up to which the next event is worked out where the request was read: that
/// takes well below a millisecond, and on a busy machine less than waking another thread.
const BRIEF: (usize, usize) = (32, 20);

/// Has a snapshot answer, on a thread of its own unless it is `brief`. One that cannot, as the state of the key lies in the store and is no
/// longer kept for so old a snapshot, is asked again when it is new.
async fn predict<T: Send + 'static>(
    hub: &Hub,
    stream: &str,
    brief: bool,
    question: impl Fn(&Snapshot) -> Option<T> + Clone + Send + 'static,
) -> Result<T, Failure> {
    let shared = find_alive(hub, stream)?;
    let mut snapshot = hub.snapshot(&shared).await?;
    let start = Instant::now();
    for again in [true, false] {
        let answer = if brief && snapshot.learner.schema().fields.len() <= BRIEF.0 {
            catch_unwind(AssertUnwindSafe(|| question(&snapshot))).ok()
        } else {
            let (asked, question) = (snapshot.clone(), question.clone());
            tokio::task::spawn_blocking(move || question(&asked)).await.ok()
        };
        let failed = "the prediction failed inside; the daemon's log says more";
        let answer = answer.ok_or_else(|| Failure::new(500, "internal error", failed))?;
        if let Some(answer) = answer {
            metrics::histogram!(telemetry::PREDICT).record(start.elapsed().as_secs_f64());
            return Ok(answer);
        }
        if again {
            snapshot = hub.fresh_snapshot(&shared).await?;
        }
    }
    Err(Failure::new(503, "unavailable", "the state of the key cannot be read from the store"))
}

/// A prediction with the stream that it is of.
#[derive(Serialize)]
struct Named {
    stream: String,
    #[serde(flatten)]
    prediction: Prediction,
}

/// `GET /api/v1/streams/{stream}/next`: what is expected of the next event.
pub async fn next(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Failure> {
    let query = Query::read(raw.as_deref(), &["key", "top"])?;
    let top = query.number("top", TOP, 1, TOP_MAX)?;
    let key = query.get("key").map(str::to_owned);
    let prediction =
        predict(&hub, &stream, top <= BRIEF.1, move |s| s.learner.forecast(key.as_deref(), 1, top).pop()).await?;
    Ok(Json(Named { stream, prediction }).into_response())
}

/// `GET /api/v1/streams/{stream}/forecast`: what is expected of the events after it.
pub async fn forecast(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Failure> {
    let query = Query::read(raw.as_deref(), &["key", "top", "horizon"])?;
    let top = query.number("top", TOP, 1, TOP_MAX)?;
    let horizon = query.number("horizon", HORIZON, 1, HORIZON_MAX)?;
    let key = query.get("key").map(str::to_owned);
    let asked = key.clone();
    let (offset, version, steps) = predict(&hub, &stream, false, move |s| {
        let steps = s.learner.forecast(asked.as_deref(), horizon, top);
        (!steps.is_empty()).then(|| (s.learner.offset(), s.learner.model_version(), steps))
    })
    .await?;
    let mut answer =
        json!({ "stream": stream, "offset": offset, "model_version": version, "horizon": horizon, "steps": steps });
    if let Some(key) = key {
        answer["key"] = key.into();
    }
    Ok(Json(answer).into_response())
}
