//! Producers over HTTP: what is known of one, and having it forgotten.

use super::checkpoints::STREAM;
use super::operator::{Who, audit};
use super::problem::ProblemResponse;
use super::query::Query;
use super::streams::find;
use crate::hub::Hub;
use crate::owner::{OwnerRequest, PendingCheckpoint};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// A producer that was forgotten.
#[derive(Serialize, JsonSchema)]
pub struct ForgottenProducer {
    /// The name of the producer.
    producer: String,
    /// The streams that knew it.
    streams: Vec<String>,
}

/// `POST /api/v1/producers/{producer}/reset`: has all streams, or `?stream=`, forget a producer, so that it may begin
/// anew with any epoch and number; answered when that is durable. What it sends again is learnt again.
pub async fn reset(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path(producer): Path<String>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    query.get(&STREAM).map_or_else(|| who.0.check_all_streams(), |stream| who.0.check_stream(stream))?;
    let producer: Arc<str> = producer.into();
    let forget =
        |stream: Option<Arc<str>>, reply| OwnerRequest::ForgetProducer { stream, producer: producer.clone(), reply };
    let store = hub.store().ok_or_else(ProblemResponse::shutting_down)?;
    let pending: Vec<PendingCheckpoint> = match query.get(&STREAM) {
        Some(stream) => {
            let name = find(&hub, stream)?.name.clone();
            hub.ask(stream, |reply| forget(Some(name), reply)).await?
        }
        None => hub.ask_all(|reply| forget(None, reply)).await?.into_iter().flatten().collect(),
    };
    let removed = store.log.remove_mark(&producer);
    removed.map_err(|e| ProblemResponse::new(500, "store failed", e.to_string()))?;
    hub.fencing.forget(&producer);
    let mut streams = Vec::new();
    for (stream, receiver) in pending {
        match receiver.await {
            Ok(Ok(_)) => streams.push(stream.to_string()),
            Ok(Err(e)) => return Err(ProblemResponse::new(500, "checkpoint failed", e.to_string()).at(&stream, None)),
            Err(_) => return Err(ProblemResponse::shutting_down()),
        }
    }
    streams.sort();
    audit(&hub, &who, "producer reset", producer.to_string(), format!("done: known in {}", streams.join(", ")));
    Ok(Json(ForgottenProducer { producer: producer.to_string(), streams }).into_response())
}
