//! What operators ask of single checkpoints: what one holds, whether it is whole, how two differ, and keeping one.

use super::checkpoints::find_checkpoint;
use super::operator::{Who, audit};
use super::parameter::Parameter;
use super::problem::ProblemResponse;
use super::query::Query;
use crate::hub::Hub;
use crate::producers::ProducerBounds;
use crate::recovery::{RecoveryError, load_learner};
use crate::storage::Storage;
use crate::summary::StreamSummary;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use surmise_event::format_time;
use surmise_learner::Learner;
use surmise_store::{CheckpointMeta, Store, StoreError};

/// Bytes of the longest label.
const LABEL_BYTES_MAX: usize = 64;

/// The other of two checkpoints.
pub const WITH: Parameter = Parameter::text("with", "the other checkpoint, by its generation or its label").required();
/// Whether a checkpoint is kept.
pub const PINNED: Parameter = Parameter::flag("pinned", "whether the checkpoint is kept; it is, if this is left out");
/// The label of a checkpoint.
pub const LABEL: Parameter =
    Parameter::text("label", "the label, of 64 bytes at most; without it the checkpoint loses the one that it has");

/// A checkpoint that was read back.
struct Whole {
    meta: CheckpointMeta,
    learner: Learner,
    summary: StreamSummary,
}

/// The checkpoint that a path names, of a stream that the asker may touch.
fn meta(hub: &Hub, who: &Who, stream: &str, named: &str) -> Result<(Arc<Store>, CheckpointMeta), ProblemResponse> {
    who.0.check_stream(stream)?;
    find_checkpoint(hub, stream, named)
}

/// Reads checkpoints back, off the threads of the sockets, as a state may be hundreds of megabytes.
async fn read_back(
    hub: &Hub,
    who: &Who,
    stream: &str,
    generations: &[&str],
) -> Result<Vec<Result<Whole, RecoveryError>>, ProblemResponse> {
    let mut wanted = Vec::new();
    for generation in generations {
        wanted.push(meta(hub, who, stream, generation)?);
    }
    let bounds = ProducerBounds::of(&hub.config);
    let read = move |(store, meta): (Arc<Store>, CheckpointMeta)| {
        let (learner, summary) = load_learner(&*store, &meta)?;
        let summary = StreamSummary::decode(&summary, bounds).map_err(StoreError::from)?;
        Ok(Whole { meta, learner, summary })
    };
    let work = move || wanted.into_iter().map(read).collect();
    let failed = "reading a checkpoint failed inside";
    tokio::task::spawn_blocking(work).await.map_err(|_| ProblemResponse::new(500, "internal error", failed))
}

/// What a checkpoint holds.
#[derive(Serialize, JsonSchema)]
pub struct CheckpointDescription {
    /// The name of its stream.
    stream: String,
    /// The number of the checkpoint.
    generation: u64,
    /// The offset of the first event that it does not contain.
    offset: u64,
    /// When it was made, RFC 3339.
    time: String,
    /// The version of the daemon that made it.
    version: String,
    /// Its size.
    bytes: u64,
    /// Whether it is kept when newer ones come.
    pinned: bool,
    /// Its label, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// The learner's `state_hash`, if it was computed when the checkpoint was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_hash: Option<String>,
    /// Records that were learnt.
    events: u64,
    /// How many times the model had changed.
    model_version: u64,
    /// Keys whose state is kept.
    keys: u64,
    /// Keys whose state is in the store and not in memory.
    keys_stored: u64,
    /// Producers that memory knows.
    producers_in_memory: u64,
    /// The fields of the stream with their kinds.
    fields: String,
    /// Whether a record with another field is refused.
    closed: bool,
    /// The loss of the mixture so far.
    loss_bits_per_event: f64,
}

/// Whether a checkpoint is whole.
#[derive(Serialize, JsonSchema)]
pub struct CheckpointProof {
    /// The name of its stream.
    stream: String,
    /// The number of the checkpoint.
    generation: u64,
    /// The `state_hash` of what was read back, if it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_hash: Option<String>,
    /// Whether the stream can go on from it.
    whole: bool,
    /// What is wrong, if anything is.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// How two checkpoints of a stream differ.
#[derive(Serialize, JsonSchema)]
pub struct CheckpointDifference {
    /// The name of their stream.
    stream: String,
    /// The two values of everything that is not the same, by its name.
    #[serde(flatten)]
    differing: BTreeMap<String, Vec<Value>>,
}

/// The marks of a checkpoint.
#[derive(Serialize, JsonSchema)]
pub struct CheckpointMarks {
    /// The name of its stream.
    stream: String,
    /// The number of the checkpoint.
    generation: u64,
    /// Whether it is kept when newer ones come.
    pinned: bool,
    /// Its label, if it has one.
    label: Option<String>,
}

/// What a checkpoint holds.
fn describe(stream: &str, whole: &mut Whole) -> CheckpointDescription {
    let Whole { meta, learner, summary } = whole;
    let report = learner.report();
    let fields = learner.schema().fields.iter().map(|f| format!("{} {}", f.name, f.kind.name())).collect::<Vec<_>>();
    CheckpointDescription {
        stream: stream.to_owned(),
        generation: meta.generation,
        offset: meta.offset,
        time: format_time(meta.time_us),
        version: meta.version.clone(),
        bytes: meta.bytes,
        pinned: meta.pinned,
        label: meta.label.clone(),
        state_hash: meta.state_hash.clone(),
        events: summary.counters.records,
        model_version: learner.model_version(),
        keys: learner.keys_held() as u64,
        keys_stored: learner.keys_stored(),
        producers_in_memory: summary.producers.len() as u64,
        fields: fields.join(", "),
        closed: learner.schema().closed,
        loss_bits_per_event: report.loss_bits_per_event,
    }
}

fn damaged(error: &RecoveryError) -> ProblemResponse {
    ProblemResponse::new(500, "checkpoint damaged", error.to_string())
}

/// `GET /api/v1/checkpoints/{stream}/{generation}/show`: what a checkpoint holds.
pub async fn show(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path((stream, generation)): Path<(String, String)>,
) -> Result<Response, ProblemResponse> {
    let read = read_back(&hub, &who, &stream, &[&generation]).await?.remove(0);
    Ok(Json(describe(&stream, &mut read.map_err(|e| damaged(&e))?)).into_response())
}

/// `GET /api/v1/checkpoints/{stream}/{generation}/verify`: whether a checkpoint can be read back whole, with the very
/// state that it was made of, and whether the stream can go on from it.
pub async fn verify(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path((stream, generation)): Path<(String, String)>,
) -> Result<Response, ProblemResponse> {
    // a label may go to another checkpoint while this one is read
    let generation = meta(&hub, &who, &stream, &generation)?.1.generation;
    let named = generation.to_string();
    let read = read_back(&hub, &who, &stream, &[&named]).await?.remove(0);
    let mut state_hash = None;
    let fault = match read {
        Err(e) => Some(e.to_string()),
        Ok(mut whole) => {
            let work = move || (whole.learner.state_hash(), whole);
            let hashed = tokio::task::spawn_blocking(work).await;
            let (hash, whole) = hashed.map_err(|_| ProblemResponse::new(500, "internal error", "hashing failed"))?;
            let (store, meta) = meta(&hub, &who, &stream, &named)?;
            state_hash = Some(hash.clone());
            match (&meta.state_hash, Storage::can_resume_from(&*store, &meta)) {
                (Some(expected), _) if *expected != hash => Some(format!("its state_hash is {hash}, not {expected}")),
                (_, Ok(false)) => Some("states of its keys are not in the store any more".into()),
                (_, Err(e)) => Some(e.to_string()),
                (_, Ok(true)) if whole.learner.offset() != meta.offset => {
                    Some(format!("it holds offset {}, not {}", whole.learner.offset(), meta.offset))
                }
                (_, Ok(true)) => None,
            }
        }
    };
    let whole = fault.is_none();
    Ok(Json(CheckpointProof { stream, generation, state_hash, whole, fault }).into_response())
}

/// `GET /api/v1/checkpoints/{stream}/{generation}/diff?with=`: how two checkpoints of a stream differ; a pair of
/// values for everything that is not the same.
pub async fn diff(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path((stream, generation)): Path<(String, String)>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let with = query.get(&WITH).unwrap_or_default();
    let mut read = read_back(&hub, &who, &stream, &[&generation, with]).await?;
    let failed = || ProblemResponse::new(500, "internal error", "a checkpoint could not be described");
    let mut described = Vec::new();
    for whole in &mut read {
        let contents = describe(&stream, whole.as_mut().map_err(|e| damaged(e))?);
        described.push(serde_json::to_value(&contents).map_err(|_| failed())?);
    }
    let [before, after] = &described[..] else { return Err(failed()) };
    let names = [before, after].into_iter().filter_map(Value::as_object).flat_map(|object| object.keys());
    let pair = |name: &String| (name.clone(), vec![before[name].clone(), after[name].clone()]);
    let differing = names.filter(|name| before[*name] != after[*name]).map(pair).collect();
    Ok(Json(CheckpointDifference { stream, differing }).into_response())
}

/// `POST /api/v1/checkpoints/{stream}/{generation}/pin?pinned=`: keeps a checkpoint when newer ones come, or lets it
/// go. `PUT` of the same path keeps it.
pub async fn pin(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path((stream, generation)): Path<(String, String)>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    set_pinned(&hub, &who, &stream, &generation, query.flag(&PINNED).unwrap_or(true)).await
}

/// `DELETE /api/v1/checkpoints/{stream}/{generation}/pin`: lets a checkpoint go again.
pub async fn unpin(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path((stream, generation)): Path<(String, String)>,
) -> Result<Response, ProblemResponse> {
    set_pinned(&hub, &who, &stream, &generation, false).await
}

async fn set_pinned(
    hub: &Arc<Hub>,
    who: &Who,
    stream: &str,
    named: &str,
    pinned: bool,
) -> Result<Response, ProblemResponse> {
    let what = if pinned { "checkpoint pin" } else { "checkpoint unpin" };
    mark(hub, who, stream, named, what, move |meta| meta.pinned = pinned).await
}

/// A label as a body says it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelBody {
    /// The label, of 64 bytes at most; null or an empty one takes it away.
    // a body that does not say it is a mistake, and must not take the label away
    #[serde(deserialize_with = "Option::deserialize")]
    label: Option<String>,
}

/// The label that a request asks for, in its query or in its body; none takes it away.
fn asked_label(query: &Query, body: &[u8]) -> Result<Option<String>, ProblemResponse> {
    let said = query.get(&LABEL).map(str::to_owned);
    let label = if body.trim_ascii().is_empty() {
        said
    } else {
        let fault = |e| ProblemResponse::bad_request("body", format!("send {{\"label\":\"stable\"}}: {e}"));
        let LabelBody { label } = serde_json::from_slice(body).map_err(fault)?;
        if said.is_some() {
            return Err(ProblemResponse::bad_request(
                "label",
                "the label is in the query and in the body; say it once",
            ));
        }
        label
    };
    let label = label.filter(|label| !label.is_empty());
    if label.as_ref().is_some_and(|label| label.len() > LABEL_BYTES_MAX) {
        return Err(ProblemResponse::bad_request("label", format!("a label has at most {LABEL_BYTES_MAX} bytes")));
    }
    if label.as_ref().is_some_and(|label| label.parse::<u64>().is_ok()) {
        let reason = "a number is the checkpoint of that generation, so no label can be one";
        return Err(ProblemResponse::bad_request("label", reason));
    }
    Ok(label)
}

/// `POST /api/v1/checkpoints/{stream}/{generation}/label?label=`: gives a checkpoint a label, or takes it away.
pub async fn label(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path((stream, generation)): Path<(String, String)>,
    query: Query,
    body: Bytes,
) -> Result<Response, ProblemResponse> {
    let label = asked_label(&query, &body)?;
    mark(&hub, &who, &stream, &generation, "checkpoint label", move |meta| meta.label = label).await
}

async fn mark(
    hub: &Arc<Hub>,
    who: &Who,
    stream: &str,
    named: &str,
    what: &str,
    change: impl FnOnce(&mut CheckpointMeta) + Send + 'static,
) -> Result<Response, ProblemResponse> {
    let (store, mut meta) = meta(hub, who, stream, named)?;
    let generation = meta.generation;
    change(&mut meta);
    let marked = meta.clone();
    let done = tokio::task::spawn_blocking(move || store.checkpoints.mark(&marked)).await;
    let result = match &done {
        Ok(Ok(())) => "done".to_owned(),
        Ok(Err(e)) => format!("refused: {e}"),
        Err(_) => "it failed inside".to_owned(),
    };
    let label = meta.label.as_ref().map_or(String::new(), |label| format!(" {label}"));
    audit(hub, who, what, format!("{stream} {generation}{label}"), result.clone());
    match done {
        Ok(Ok(())) => {
            let (pinned, label) = (meta.pinned, meta.label);
            Ok(Json(CheckpointMarks { stream: stream.to_owned(), generation, pinned, label }).into_response())
        }
        Ok(Err(e @ StoreError::TooManyPinned { .. })) => Err(ProblemResponse::new(409, "too many", e.to_string())),
        Ok(Err(_)) | Err(_) => Err(ProblemResponse::new(500, "not marked", result)),
    }
}
