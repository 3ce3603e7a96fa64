//! What operators ask of single checkpoints: what one holds, whether it is whole, how two differ, and keeping one.

use super::problem::ProblemResponse;
use super::query::Query;
use super::streams::find;
use super::undo::{Who, audit};
use crate::hub::Hub;
use crate::producers::ProducerBounds;
use crate::recovery::{RecoveryError, load_learner};
use crate::storage::Storage;
use crate::summary::StreamSummary;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use surmise_event::format_time;
use surmise_learner::Learner;
use surmise_store::{CheckpointMeta, Store, StoreError};

/// Bytes of the longest label.
const LABEL_BYTES_MAX: usize = 64;

/// A checkpoint that was read back.
struct Whole {
    meta: CheckpointMeta,
    learner: Learner,
    summary: StreamSummary,
}

fn meta(hub: &Hub, who: &Who, stream: &str, generation: u64) -> Result<(Arc<Store>, CheckpointMeta), ProblemResponse> {
    who.0.check_stream(stream)?;
    let number = find(hub, stream)?.number;
    let store = hub.store().ok_or_else(ProblemResponse::shutting_down)?;
    let found = store.checkpoints.of(number).into_iter().find(|meta| meta.generation == generation);
    let meta = found.ok_or_else(|| {
        let detail = format!("{stream:?} has no checkpoint {generation}; /api/v1/checkpoints lists them");
        ProblemResponse::new(404, "no such checkpoint", detail).at("generation", None)
    })?;
    Ok((store, meta))
}

/// Reads checkpoints back, off the threads of the sockets, as a state may be hundreds of megabytes.
async fn read_back(
    hub: &Hub,
    who: &Who,
    stream: &str,
    generations: &[u64],
) -> Result<Vec<Result<Whole, RecoveryError>>, ProblemResponse> {
    let mut wanted = Vec::new();
    for generation in generations {
        wanted.push(meta(hub, who, stream, *generation)?);
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
fn describe(stream: &str, whole: &mut Whole) -> Value {
    let Whole { meta, learner, summary } = whole;
    let report = learner.report();
    let fields = learner.schema().fields.iter().map(|f| format!("{} {}", f.name, f.kind.name())).collect::<Vec<_>>();
    let mut answer = json!({
        "stream": stream,
        "generation": meta.generation,
        "offset": meta.offset,
        "time": format_time(meta.time_us),
        "version": meta.version,
        "bytes": meta.bytes,
        "pinned": meta.pinned,
        "events": summary.counters.records,
        "model_version": learner.model_version(),
        "keys": learner.keys_held(),
        "keys_stored": learner.keys_stored(),
        "producers_in_memory": summary.producers.len(),
        "fields": fields.join(", "),
        "closed": learner.schema().closed,
        "loss_bits_per_event": report.loss_bits_per_event,
    });
    for (name, text) in [("label", &meta.label), ("state_hash", &meta.state_hash)] {
        if let Some(text) = text {
            answer[name] = text.as_str().into();
        }
    }
    answer
}

fn damaged(error: &RecoveryError) -> ProblemResponse {
    ProblemResponse::new(500, "checkpoint damaged", error.to_string())
}

/// `GET /api/v1/checkpoints/{stream}/{generation}/show`: what a checkpoint holds.
pub async fn show(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path((stream, generation)): Path<(String, u64)>,
) -> Result<Response, ProblemResponse> {
    let read = read_back(&hub, &who, &stream, &[generation]).await?.remove(0);
    Ok(Json(describe(&stream, &mut read.map_err(|e| damaged(&e))?)).into_response())
}

/// `GET /api/v1/checkpoints/{stream}/{generation}/verify`: whether a checkpoint can be read back whole, with the very
/// state that it was made of, and whether the stream can go on from it.
pub async fn verify(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path((stream, generation)): Path<(String, u64)>,
) -> Result<Response, ProblemResponse> {
    let read = read_back(&hub, &who, &stream, &[generation]).await?.remove(0);
    let mut answer = json!({ "stream": stream, "generation": generation });
    let fault = match read {
        Err(e) => Some(e.to_string()),
        Ok(mut whole) => {
            let work = move || (whole.learner.state_hash(), whole);
            let hashed = tokio::task::spawn_blocking(work).await;
            let (hash, whole) = hashed.map_err(|_| ProblemResponse::new(500, "internal error", "hashing failed"))?;
            let (store, meta) = meta(&hub, &who, &stream, generation)?;
            answer["state_hash"] = hash.clone().into();
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
    answer["whole"] = fault.is_none().into();
    if let Some(fault) = fault {
        answer["fault"] = fault.into();
    }
    Ok(Json(answer).into_response())
}

/// `GET /api/v1/checkpoints/{stream}/{generation}/diff?with=`: how two checkpoints of a stream differ; a pair of
/// values for everything that is not the same.
pub async fn diff(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path((stream, generation)): Path<(String, u64)>,
    RawQuery(raw): RawQuery,
) -> Result<Response, ProblemResponse> {
    let query = Query::read(raw.as_deref(), &["with"])?;
    let missing = || ProblemResponse::bad_request("with", "say which other checkpoint, by its generation");
    let with = query.get("with").and_then(|text| text.parse().ok()).ok_or_else(missing)?;
    let mut read = read_back(&hub, &who, &stream, &[generation, with]).await?;
    let described =
        read.iter_mut().map(|read| read.as_mut().map(|whole| describe(&stream, whole)).map_err(|e| damaged(e)));
    let [before, after] = <[Value; 2]>::try_from(described.collect::<Result<Vec<_>, _>>()?)
        .map_err(|_| ProblemResponse::new(500, "internal error", "two checkpoints were to be read"))?;
    let mut answer = json!({ "stream": stream });
    for (name, value) in after.as_object().into_iter().flatten() {
        if before[name] != *value {
            answer[name] = json!([before[name], value]);
        }
    }
    Ok(Json(answer).into_response())
}

/// `POST /api/v1/checkpoints/{stream}/{generation}/pin?pinned=`: keeps a checkpoint when newer ones come, or lets it
/// go.
pub async fn pin(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path((stream, generation)): Path<(String, u64)>,
    RawQuery(raw): RawQuery,
) -> Result<Response, ProblemResponse> {
    let query = Query::read(raw.as_deref(), &["pinned"])?;
    let pinned = match query.get("pinned") {
        None | Some("true" | "1" | "") => true,
        Some("false" | "0") => false,
        Some(_) => return Err(ProblemResponse::bad_request("pinned", "true or false")),
    };
    let change = move |meta: &mut CheckpointMeta| meta.pinned = pinned;
    mark(&hub, &who, &stream, generation, if pinned { "checkpoint pin" } else { "checkpoint unpin" }, change).await
}

/// `POST /api/v1/checkpoints/{stream}/{generation}/label?label=`: gives a checkpoint a label, or takes it away.
pub async fn label(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path((stream, generation)): Path<(String, u64)>,
    RawQuery(raw): RawQuery,
) -> Result<Response, ProblemResponse> {
    let query = Query::read(raw.as_deref(), &["label"])?;
    let label = query.get("label").map(str::to_owned).filter(|label| !label.is_empty());
    if label.as_ref().is_some_and(|label| label.len() > LABEL_BYTES_MAX) {
        return Err(ProblemResponse::bad_request("label", format!("a label has at most {LABEL_BYTES_MAX} bytes")));
    }
    mark(&hub, &who, &stream, generation, "checkpoint label", move |meta| meta.label = label).await
}

async fn mark(
    hub: &Arc<Hub>,
    who: &Who,
    stream: &str,
    generation: u64,
    what: &str,
    change: impl FnOnce(&mut CheckpointMeta) + Send + 'static,
) -> Result<Response, ProblemResponse> {
    let (store, mut meta) = meta(hub, who, stream, generation)?;
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
            let answer =
                json!({ "stream": stream, "generation": generation, "pinned": meta.pinned, "label": meta.label });
            Ok(Json(answer).into_response())
        }
        Ok(Err(e @ StoreError::TooManyPinned { .. })) => Err(ProblemResponse::new(409, "too many", e.to_string())),
        Ok(Err(_)) | Err(_) => Err(ProblemResponse::new(500, "not marked", result)),
    }
}
