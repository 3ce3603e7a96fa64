//! `GET /api/v1/streams/{stream}/alarms`: the latest incidents of a stream.

use super::problem::ProblemResponse;
use super::query::Query;
use super::streams::find;
use crate::hub::Hub;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use surmise_protocol::AlarmList;

/// Incidents that an answer lists, unless the query says how many.
const LISTED_DEFAULT: usize = 20;

/// Lists the latest incidents, the latest first, as they stand now.
pub async fn alarms(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, ProblemResponse> {
    let query = Query::read(raw.as_deref(), &["limit"])?;
    let limit = query.number("limit", LISTED_DEFAULT, 1, crate::incidents::INCIDENTS_MAX)?;
    let view = find(&hub, &stream)?;
    let alarms = view.incidents.latest(limit);
    Ok(Json(AlarmList { stream: view.name.clone(), begun: view.incidents.begun(), alarms }).into_response())
}
