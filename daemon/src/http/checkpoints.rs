//! Checkpoints over HTTP: listing them, making them now, and reading one.

use super::answer::question_permit;
use super::operator::{Who, audit};
use super::parameter::Parameter;
use super::problem::ProblemResponse;
use super::query::Query;
use super::streams::find;
use crate::access::Grant;
use crate::hub::Hub;
use crate::owner::{OwnerRequest, PendingCheckpoint};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use surmise_event::format_time;
use surmise_protocol::CheckpointInfo;
use surmise_store::{CheckpointMeta, Store};

/// Checkpoints, as an answer lists them.
#[derive(Serialize, JsonSchema)]
pub struct CheckpointList {
    /// The checkpoints, those of one stream together, the newest last.
    checkpoints: Vec<CheckpointInfo>,
}

/// The stream that is asked about, instead of all of them.
pub const STREAM: Parameter = Parameter::text("stream", "the stream that is meant, instead of all of them");

/// A checkpoint as answers list it.
fn info(stream: &str, meta: CheckpointMeta) -> CheckpointInfo {
    CheckpointInfo {
        stream: stream.to_owned(),
        generation: meta.generation,
        offset: meta.offset,
        time: format_time(meta.time_us),
        bytes: meta.bytes,
        state_hash: meta.state_hash,
        pinned: meta.pinned,
        label: meta.label,
    }
}

/// The checkpoint of a stream that a path names: by its number, or by its label.
///
/// # Errors
/// There is no such stream or checkpoint, or the daemon shuts down.
pub fn find_checkpoint(hub: &Hub, stream: &str, named: &str) -> Result<(Arc<Store>, CheckpointMeta), ProblemResponse> {
    let number = find(hub, stream)?.number;
    let store = hub.store().ok_or_else(ProblemResponse::shutting_down)?;
    let mut all = store.checkpoints.of(number).into_iter();
    let (found, fault) = match named.parse::<u64>() {
        Ok(generation) => {
            (all.find(|meta| meta.generation == generation), format!("{stream:?} has no checkpoint {generation}"))
        }
        Err(_) => (
            all.filter(|meta| meta.label.as_deref() == Some(named)).max_by_key(|meta| meta.generation),
            format!("no checkpoint of {stream:?} has the number or the label {named:?}"),
        ),
    };
    let meta = found.ok_or_else(|| {
        let detail = format!("{fault}; /api/v1/checkpoints lists them");
        ProblemResponse::new(404, "no such checkpoint", detail).at("generation", None)
    })?;
    Ok((store, meta))
}

/// `GET /api/v1/checkpoints`: the checkpoints in the store, of all streams that the token is good for or of `?stream=`.
pub async fn list(
    State(hub): State<Arc<Hub>>,
    Extension(grant): Extension<Arc<Grant>>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let store = hub.store().ok_or_else(ProblemResponse::shutting_down)?;
    let metas = match query.get(&STREAM) {
        Some(stream) => {
            grant.check_stream(stream)?;
            store.checkpoints.of(find(&hub, stream)?.number)
        }
        None => store.checkpoints.all(),
    };
    // the store knows streams by their numbers
    let names: BTreeMap<u32, Arc<str>> =
        hub.directory.all().iter().map(|stream| (stream.number, stream.name.clone())).collect();
    let name = |meta: &CheckpointMeta| names.get(&meta.stream).filter(|name| grant.covers(name));
    let infos: Vec<CheckpointInfo> =
        metas.into_iter().filter_map(|meta| name(&meta).map(|name| info(name, meta))).collect();
    Ok(Json(CheckpointList { checkpoints: infos }).into_response())
}

/// `POST /api/v1/checkpoints`: makes checkpoints now, of all streams or of `?stream=`; answered when they are durable.
pub async fn create(State(hub): State<Arc<Hub>>, who: Who, query: Query) -> Result<Response, ProblemResponse> {
    query.get(&STREAM).map_or_else(|| who.0.check_all_streams(), |stream| who.0.check_stream(stream))?;
    let made = create_now(&hub, &query).await;
    let about = query.get(&STREAM).map_or("all streams", |stream| stream).to_owned();
    let result = match &made {
        Ok(infos) => format!("done: {}", infos.len()),
        Err(e) => format!("refused: {}", e.detail()),
    };
    audit(&hub, &who, "checkpoint create", about, result);
    Ok(Json(CheckpointList { checkpoints: made? }).into_response())
}

/// Makes checkpoints and waits until they are durable.
async fn create_now(hub: &Arc<Hub>, query: &Query) -> Result<Vec<CheckpointInfo>, ProblemResponse> {
    let pending: Vec<PendingCheckpoint> = match query.get(&STREAM) {
        Some(stream) => {
            let name = find(hub, stream)?.name.clone();
            hub.ask(stream, |reply| OwnerRequest::Checkpoint { stream: Some(name), reply }).await?
        }
        None => {
            hub.ask_all(|reply| OwnerRequest::Checkpoint { stream: None, reply }).await?.into_iter().flatten().collect()
        }
    };
    let mut infos = Vec::new();
    for (stream, receiver) in pending {
        match receiver.await {
            Ok(Ok(meta)) => infos.push(info(&stream, meta)),
            Ok(Err(e)) => return Err(ProblemResponse::new(500, "checkpoint failed", e.to_string()).at(&stream, None)),
            Err(_) => return Err(ProblemResponse::shutting_down()),
        }
    }
    infos.sort_by(|a, b| a.stream.cmp(&b.stream));
    Ok(infos)
}

/// `GET /api/v1/checkpoints/{stream}/{generation}`: the bytes of a checkpoint's learner, which `surmise replay --from`
/// reads.
pub async fn download(
    State(hub): State<Arc<Hub>>,
    Path((stream, generation)): Path<(String, String)>,
) -> Result<Response, ProblemResponse> {
    let (store, meta) = find_checkpoint(&hub, &stream, &generation)?;
    // it is whole in memory until it is sent, so few may be
    let permit = question_permit(&hub).await?;
    // a checkpoint may be hundreds of megabytes, which no thread of the sockets should wait for
    let loaded = tokio::task::spawn_blocking(move || store.checkpoints.load(&meta)).await;
    match loaded {
        Ok(Ok((learner, _))) => {
            let whole = async move {
                let _until_sent = permit;
                Ok::<_, std::convert::Infallible>(axum::body::Bytes::from(learner))
            };
            let body = axum::body::Body::from_stream(futures::stream::once(whole));
            Ok(([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response())
        }
        Ok(Err(e)) => Err(ProblemResponse::new(500, "checkpoint damaged", e.to_string())),
        Err(_) => Err(ProblemResponse::new(500, "internal error", "reading the checkpoint failed inside")),
    }
}
