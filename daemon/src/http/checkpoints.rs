//! Checkpoints over HTTP.

use super::problem::Failure;
use super::streams::{Query, find};
use crate::hub::Hub;
use crate::owner::{OwnerRequest, PendingCheckpoint};
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use surmise_event::format_time;
use surmise_protocol::CheckpointInfo;
use surmise_store::CheckpointMeta;

fn info(stream: &str, m: CheckpointMeta) -> CheckpointInfo {
    CheckpointInfo {
        stream: stream.to_owned(),
        generation: m.generation,
        offset: m.offset,
        time: format_time(m.time_us),
        bytes: m.bytes,
        state_hash: m.state_hash,
    }
}

fn leaving() -> Failure {
    Failure::new(503, "unavailable", "the daemon is shutting down")
}

/// `GET /api/v1/checkpoints`: all of them, or `?stream=`'s.
pub async fn list(State(hub): State<Arc<Hub>>, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let query = Query::read(raw.as_deref(), &["stream"])?;
    let store = hub.store().ok_or_else(leaving)?;
    let metas = match query.get("stream") {
        Some(stream) => store.checkpoints.of(find(&hub, stream)?.number),
        None => store.checkpoints.all(),
    };
    let names: BTreeMap<u32, Arc<str>> = hub.directory.all().iter().map(|s| (s.number, s.name.clone())).collect();
    let infos: Vec<CheckpointInfo> =
        metas.into_iter().filter_map(|m| names.get(&m.stream).map(|name| info(name, m))).collect();
    Ok(Json(json!({ "checkpoints": infos })).into_response())
}

/// `POST /api/v1/checkpoints`: makes them now, of all streams or of `?stream=`; answered when they are durable.
pub async fn create(State(hub): State<Arc<Hub>>, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let query = Query::read(raw.as_deref(), &["stream"])?;
    let written: Vec<PendingCheckpoint> = match query.get("stream") {
        Some(stream) => {
            let name = find(&hub, stream)?.name.clone();
            hub.ask(stream, |reply| OwnerRequest::Checkpoint { stream: Some(name), reply }).await?
        }
        None => {
            hub.ask_all(|reply| OwnerRequest::Checkpoint { stream: None, reply }).await?.into_iter().flatten().collect()
        }
    };
    let mut infos = Vec::new();
    for (stream, receiver) in written {
        match receiver.await {
            Ok(Ok(meta)) => infos.push(info(&stream, meta)),
            Ok(Err(e)) => return Err(Failure::new(500, "checkpoint failed", e).at(&stream, None)),
            Err(_) => return Err(leaving()),
        }
    }
    infos.sort_by(|a, b| a.stream.cmp(&b.stream));
    Ok(Json(json!({ "checkpoints": infos })).into_response())
}

/// `GET /api/v1/checkpoints/{stream}/{generation}`: the learner's bytes, which `surmise replay --from` reads.
pub async fn download(
    State(hub): State<Arc<Hub>>,
    Path((stream, generation)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let number = find(&hub, &stream)?.number;
    let store = hub.store().ok_or_else(leaving)?;
    let wanted = |m: &CheckpointMeta| m.generation.to_string() == generation;
    let meta = store.checkpoints.of(number).into_iter().find(wanted).ok_or_else(|| {
        Failure::new(
            404,
            "no such checkpoint",
            format!("{stream:?} has no checkpoint {generation:?}; /api/v1/checkpoints lists them"),
        )
        .at("generation", None)
    })?;
    let loaded = tokio::task::spawn_blocking(move || store.checkpoints.load(&meta)).await;
    match loaded {
        Ok(Ok((learner, _))) => Ok(([(header::CONTENT_TYPE, "application/octet-stream")], learner).into_response()),
        Ok(Err(e)) => Err(Failure::new(500, "checkpoint damaged", e.to_string())),
        Err(_) => Err(Failure::new(500, "internal error", "reading the checkpoint failed inside")),
    }
}
