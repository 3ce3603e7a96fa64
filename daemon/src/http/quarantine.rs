//! `GET /api/v1/streams/{stream}/quarantine`: the events whose learning failed inside.

use super::problem::ProblemResponse;
use super::streams::find;
use crate::hub::Hub;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use surmise_protocol::QuarantineList;

/// Lists the events in the quarantine of a stream, the latest first.
pub async fn quarantine(State(hub): State<Arc<Hub>>, Path(stream): Path<String>) -> Result<Response, ProblemResponse> {
    let view = find(&hub, &stream)?;
    let quarantine = view.quarantine.load();
    let events = quarantine.latest.iter().rev().cloned().collect();
    Ok(Json(QuarantineList { stream: view.name.clone(), count: quarantine.count, events }).into_response())
}
