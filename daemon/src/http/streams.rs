//! Questions about streams. Predictions are made from snapshots and never wait for the learner.

use super::answer::{AnswerSize, question_permit, stream_list};
use super::problem::ProblemResponse;
use super::query::Query;
use super::rows::{now_us, row};
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
use std::time::Instant;
use surmise_event::Prediction;

/// Symbols that a prediction lists, unless the query says how many.
const TOP_SYMBOLS_DEFAULT: usize = 5;
/// Symbols that a query may ask for.
const TOP_SYMBOLS_MAX: usize = 1000;
/// Events that a forecast covers, unless the query says how many.
const HORIZON_EVENTS_DEFAULT: usize = 10;
/// Events that a query may ask for.
const HORIZON_EVENTS_MAX: usize = 1000;

/// Fields of a stream up to which a prediction is brief: it takes well below a millisecond, on a busy machine less than
/// waking another thread does.
const BRIEF_FIELDS_MAX: usize = 32;
/// Symbols asked for up to which a prediction is brief.
const BRIEF_SYMBOLS_MAX: usize = 20;

/// The stream of a name, which may have failed.
pub fn find(hub: &Hub, stream: &str) -> Result<Arc<StreamView>, ProblemResponse> {
    hub.directory.get(stream).ok_or_else(|| ProblemResponse::no_stream(stream))
}

/// The stream of a name, which learns.
fn find_alive(hub: &Hub, stream: &str) -> Result<Arc<StreamView>, ProblemResponse> {
    let view = find(hub, stream)?;
    match view.failed.load_full() {
        Some(why) => {
            let detail = format!("the stream does not learn any more: {why}");
            Err(ProblemResponse::new(503, "stream failed", detail).at("stream", None))
        }
        None => Ok(view),
    }
}

/// `GET /api/v1/streams/{stream}`: everything about one stream, as its owner reports it.
pub async fn status(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, ProblemResponse> {
    let query = Query::read(raw.as_deref(), &["hash"])?;
    let with_hash = matches!(query.get("hash"), Some("1" | "true" | ""));
    let view = find(&hub, &stream)?;
    let name = view.name.clone();
    let asked = name.clone();
    match hub.ask(&stream, |reply| OwnerRequest::Status { stream: asked, reply }).await? {
        Some(mut answer) => {
            if with_hash && let Some((offset, hash)) = ask_hash(&hub, name).await? {
                // events that came in between are in the hash alone
                answer.status.state_hash = Some(hash);
                answer.status.offset = offset;
            }
            Ok(Json(answer).into_response())
        }
        // the stream has failed: what is known from the outside includes the reason
        None => Ok(Json(row(&view, now_us(&hub), false)).into_response()),
    }
}

/// `GET /api/v1/streams/{stream}/hash`: the hash of the learner, and the offset that it is of.
pub async fn hash(State(hub): State<Arc<Hub>>, Path(stream): Path<String>) -> Result<Response, ProblemResponse> {
    let name = find_alive(&hub, &stream)?.name.clone();
    let answer = ask_hash(&hub, name).await?;
    let (offset, state_hash) = answer.ok_or_else(|| ProblemResponse::no_stream(&stream))?;
    Ok(Json(json!({ "stream": stream, "offset": offset, "state_hash": state_hash })).into_response())
}

/// The hash of a stream's learner and the offset that it is of, from a copy.
async fn ask_hash(hub: &Hub, stream: Arc<str>) -> Result<Option<(u64, String)>, ProblemResponse> {
    let asked = stream.clone();
    Ok(hub.ask(&stream, |reply| OwnerRequest::Hash { stream: asked, reply }).await?)
}

/// Where a question to a snapshot is worked out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// In the task that read the request, if the stream has few fields.
    Brief,
    /// In a thread of its own, as it may take long.
    Long,
}

/// Asks a snapshot of a stream a question. Returns the answer and how many values it may have.
///
/// A snapshot cannot answer if the state of the key is in the store and no longer kept for so old a snapshot; then a
/// fresh one is asked.
pub(super) async fn predict<T: Send + 'static>(
    hub: &Hub,
    stream: &str,
    cost: Cost,
    size: AnswerSize,
    question: impl Fn(&Snapshot) -> Option<T> + Clone + Send + 'static,
) -> Result<(T, usize), ProblemResponse> {
    let view = find_alive(hub, stream)?;
    let mut snapshot = hub.snapshot(&view).await?;
    let fields = snapshot.learner.schema().fields.len();
    size.check(fields, hub.config.limits.answer_values)?;
    let start = Instant::now();
    for is_last_attempt in [false, true] {
        // a prediction that panics, which would be a bug, costs its sender an error and nobody else anything
        let answer = if cost == Cost::Brief && fields <= BRIEF_FIELDS_MAX {
            catch_unwind(AssertUnwindSafe(|| question(&snapshot))).ok()
        } else {
            let (asked, question) = (snapshot.clone(), question.clone());
            tokio::task::spawn_blocking(move || question(&asked)).await.ok()
        };
        let failed = "the prediction failed inside; the daemon's log says more";
        let answer = answer.ok_or_else(|| ProblemResponse::new(500, "internal error", failed))?;
        if let Some(answer) = answer {
            metrics::histogram!(telemetry::PREDICT).record(start.elapsed().as_secs_f64());
            return Ok((answer, size.values(fields)));
        }
        if !is_last_attempt {
            snapshot = hub.fresh_snapshot(&view).await?;
        }
    }
    Err(ProblemResponse::new(503, "unavailable", "the state of the key cannot be read from the store"))
}

/// A prediction with the name of its stream.
#[derive(Serialize)]
pub(super) struct StreamPrediction {
    pub stream: String,
    #[serde(flatten)]
    pub prediction: Prediction,
}

/// How many symbols of a category a query asks for.
pub(super) fn top_of(query: &Query) -> Result<usize, ProblemResponse> {
    query.number("top", TOP_SYMBOLS_DEFAULT, 1, TOP_SYMBOLS_MAX)
}

/// Where a question about the next event with so many symbols is worked out.
pub(super) fn cost_of(top: usize) -> Cost {
    if top <= BRIEF_SYMBOLS_MAX { Cost::Brief } else { Cost::Long }
}

/// `GET /api/v1/streams/{stream}/next`: the prediction of the next event.
pub async fn next(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, ProblemResponse> {
    let query = Query::read(raw.as_deref(), &["key", "top"])?;
    let top = top_of(&query)?;
    let key = query.get("key").map(str::to_owned);
    let cost = cost_of(top);
    let question = move |snapshot: &Snapshot| snapshot.learner.forecast(key.as_deref(), 1, top).pop();
    let _permit = if cost == Cost::Long { Some(question_permit(&hub).await?) } else { None };
    let size = AnswerSize { horizon: 1, top };
    let (prediction, _) = predict(&hub, &stream, cost, size, question).await?;
    Ok(Json(StreamPrediction { stream, prediction }).into_response())
}

/// `GET /api/v1/streams/{stream}/forecast`: the predictions of the next events.
pub async fn forecast(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, ProblemResponse> {
    let query = Query::read(raw.as_deref(), &["key", "top", "horizon"])?;
    let top = top_of(&query)?;
    let horizon = query.number("horizon", HORIZON_EVENTS_DEFAULT, 1, HORIZON_EVENTS_MAX)?;
    let key = query.get("key").map(str::to_owned);
    let asked = key.clone();
    let question = move |snapshot: &Snapshot| {
        let learner = &snapshot.learner;
        let steps = learner.forecast(asked.as_deref(), horizon, top);
        (!steps.is_empty()).then(|| (learner.offset(), learner.model_version(), steps))
    };
    let permit = question_permit(&hub).await?;
    let size = AnswerSize { horizon, top };
    let ((offset, version, steps), values) = predict(&hub, &stream, Cost::Long, size, question).await?;
    let mut head = json!({ "stream": stream, "offset": offset, "model_version": version, "horizon": horizon });
    if let Some(key) = key {
        head["key"] = key.into();
    }
    Ok(stream_list(head, "steps", steps, values, permit))
}
