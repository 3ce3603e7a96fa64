//! Questions about streams. Predictions are made from snapshots and never wait for the learner.

use super::answer::{AnswerSize, question_permit, stream_list};
use super::parameter::Parameter;
use super::problem::ProblemResponse;
use super::query::Query;
use super::rows::now_us;
use crate::directory::{Snapshot, StreamView};
use crate::hub::Hub;
use crate::owner::{OwnerRequest, StatusAnswer};
use crate::stream_row::row;
use crate::telemetry;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;
use surmise_event::Prediction;
use surmise_protocol::StreamRow;

/// Symbols that a prediction lists, unless the query says how many.
const TOP_SYMBOLS_DEFAULT: usize = 5;
/// Symbols that a query may ask for.
const TOP_SYMBOLS_MAX: usize = 1000;
/// Events that a forecast covers, unless the query says how many.
const HORIZON_EVENTS_DEFAULT: usize = 10;
/// Events that a query may ask for.
const HORIZON_EVENTS_MAX: usize = 1000;

/// Whether a status has the hash.
pub const HASH: Parameter = Parameter::flag("hash", "whether to give the `state_hash`, which takes a while");
/// The key that a prediction is about.
pub const KEY: Parameter = Parameter::text("key", "the key whose next event is asked about");
/// How many symbols a prediction lists.
pub const TOP: Parameter =
    Parameter::number("top", (1, TOP_SYMBOLS_MAX), Some(TOP_SYMBOLS_DEFAULT), "how many symbols of a field to list");
/// How many events a forecast covers.
pub const HORIZON: Parameter = Parameter::number(
    "horizon",
    (1, HORIZON_EVENTS_MAX),
    Some(HORIZON_EVENTS_DEFAULT),
    "how many events ahead to look",
);
/// How many events a question about the next one covers, if it says so.
pub const AHEAD: Parameter = Parameter::number(
    HORIZON.name,
    (1, HORIZON_EVENTS_MAX),
    None,
    "how many events ahead to look; with it the answer is that of `forecast`",
);

/// Whether the answer has to be of everything that was acknowledged.
pub const FRESH: Parameter = Parameter::flag(
    "fresh",
    "whether the answer waits until it is of every event that was acknowledged before the question; without it, it is of \
     the latest snapshot, which is milliseconds old",
);

/// Fields of a stream up to which a prediction is brief: it takes well below a millisecond, on a busy machine less than
/// waking another thread does.
const BRIEF_FIELDS_MAX: usize = 32;
/// Symbols asked for up to which a prediction is brief.
pub(super) const BRIEF_SYMBOLS_MAX: usize = 20;

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
    query: Query,
) -> Result<Response, ProblemResponse> {
    let with_hash = query.flag(&HASH).unwrap_or_default();
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
            Ok(Json(StreamAnswer::Learning(Box::new(answer))).into_response())
        }
        // what is known from the outside includes the reason
        None => Ok(Json(StreamAnswer::Failed(Box::new(row(&view, now_us(&hub), false)))).into_response()),
    }
}

/// `GET /api/v1/streams/{stream}/hash`: the hash of the learner, and the offset that it is of.
pub async fn hash(State(hub): State<Arc<Hub>>, Path(stream): Path<String>) -> Result<Response, ProblemResponse> {
    let name = find_alive(&hub, &stream)?.name.clone();
    let answer = ask_hash(&hub, name).await?;
    let (offset, state_hash) = answer.ok_or_else(|| ProblemResponse::no_stream(&stream))?;
    Ok(Json(StateHash { stream, offset, state_hash }).into_response())
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

/// Which snapshot a question is put to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AsOf {
    /// The latest one, at once.
    Latest,
    /// One that has learnt every event which was acknowledged before.
    Acknowledged,
    /// One that has learnt all events before this offset.
    From(u64),
}

/// Which snapshot a query asks for.
pub(super) fn as_of(query: &Query) -> AsOf {
    if query.flag(&FRESH).unwrap_or_default() { AsOf::Acknowledged } else { AsOf::Latest }
}

/// Asks a snapshot of a stream a question. Returns the answer and how many values it may have.
///
/// A snapshot cannot answer if the state of the key is in the store and no longer kept for so old a snapshot; then a
/// fresh one is asked.
pub(super) async fn predict<T: Send + 'static>(
    hub: &Hub,
    stream: &str,
    as_of: AsOf,
    cost: Cost,
    size: AnswerSize,
    question: impl Fn(&Snapshot) -> Option<T> + Clone + Send + 'static,
) -> Result<(T, usize), ProblemResponse> {
    let view = find_alive(hub, stream)?;
    let mut snapshot = match as_of {
        AsOf::Latest => hub.snapshot(&view).await?,
        AsOf::Acknowledged => hub.acknowledged_snapshot(&view).await?,
        AsOf::From(offset) => hub.snapshot_from(&view, offset).await?,
    };
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
#[derive(Serialize, JsonSchema)]
pub struct StreamPrediction {
    /// The name of the stream.
    pub stream: String,
    /// What is expected.
    #[serde(flatten)]
    pub prediction: Prediction,
}

/// What is answered of one stream.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum StreamAnswer {
    /// Everything, of a stream that learns.
    Learning(Box<StatusAnswer>),
    /// What is known of one that has failed, as a list has it.
    Failed(Box<StreamRow>),
}

/// The predictions of the next events of a stream.
#[derive(Serialize, JsonSchema)]
pub struct StreamForecast {
    /// The name of the stream.
    stream: String,
    /// The offset that the next event of the stream would have.
    offset: u64,
    /// The version of the model that made the predictions.
    model_version: u64,
    /// How many events ahead they look.
    horizon: usize,
    /// The key that was asked about, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// What is expected of each of the events, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Prediction>,
}

/// What is answered to a question about the next event, as documents describe it: its prediction or, if the question
/// says how many events ahead, the predictions of these. It is one of two other types and has no name of its own.
pub struct NextAnswer;

impl JsonSchema for NextAnswer {
    fn schema_name() -> Cow<'static, str> {
        "NextAnswer".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(types: &mut SchemaGenerator) -> Schema {
        let either = [types.subschema_for::<StreamPrediction>(), types.subschema_for::<StreamForecast>()];
        json_schema!({ "anyOf": either })
    }
}

/// The hash of a stream's learner.
#[derive(Serialize, JsonSchema)]
pub struct StateHash {
    /// The name of the stream.
    stream: String,
    /// The offset of the first event that the learner has not learnt.
    offset: u64,
    /// A hash of everything that decides future predictions.
    state_hash: String,
}

/// How many symbols of a category a query asks for.
pub(super) fn top_of(query: &Query) -> usize {
    query.number(&TOP).unwrap_or(TOP_SYMBOLS_DEFAULT)
}

/// Where a question about the next event with so many symbols is worked out.
pub(super) fn cost_of(top: usize) -> Cost {
    if top <= BRIEF_SYMBOLS_MAX { Cost::Brief } else { Cost::Long }
}

/// `GET /api/v1/streams/{stream}/next`: the prediction of the next event; with a horizon, those of the next events.
pub async fn next(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    // the other question has the same parameters, so it reads the same query
    if query.get(&AHEAD).is_some() {
        return forecast(State(hub), Path(stream), query).await;
    }
    let key = query.get(&KEY).map(str::to_owned);
    Ok(Json(predict_next(&hub, stream, key, as_of(&query), top_of(&query)).await?).into_response())
}

/// The prediction of the next event of a key, with so many symbols of a field.
pub(super) async fn predict_next(
    hub: &Hub,
    stream: String,
    key: Option<String>,
    as_of: AsOf,
    top: usize,
) -> Result<StreamPrediction, ProblemResponse> {
    let cost = cost_of(top);
    let question = move |snapshot: &Snapshot| snapshot.learner.forecast(key.as_deref(), 1, top).pop();
    let _permit = if cost == Cost::Long { Some(question_permit(hub).await?) } else { None };
    let size = AnswerSize { horizon: 1, top };
    let (prediction, _) = predict(hub, &stream, as_of, cost, size, question).await?;
    Ok(StreamPrediction { stream, prediction })
}

/// `GET /api/v1/streams/{stream}/forecast`: the predictions of the next events.
pub async fn forecast(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let top = top_of(&query);
    let horizon = query.number(&HORIZON).unwrap_or(HORIZON_EVENTS_DEFAULT);
    let key = query.get(&KEY).map(str::to_owned);
    let asked = key.clone();
    let question = move |snapshot: &Snapshot| {
        let learner = &snapshot.learner;
        let steps = learner.forecast(asked.as_deref(), horizon, top);
        (!steps.is_empty()).then(|| (learner.offset(), learner.model_version(), steps))
    };
    let permit = question_permit(&hub).await?;
    let size = AnswerSize { horizon, top };
    let ((offset, version, steps), values) = predict(&hub, &stream, as_of(&query), Cost::Long, size, question).await?;
    // the steps are written one by one behind the head
    let head = StreamForecast { stream, offset, model_version: version, horizon, key, steps: Vec::new() };
    Ok(stream_list(&head, "steps", steps, values, permit))
}
