//! `GET /api/v1/streams/{stream}/alarms`: the latest incidents of a stream.

use super::parameter::Parameter;
use super::problem::ProblemResponse;
use super::query::Query;
use super::streams::find;
use crate::access::Grant;
use crate::hub::Hub;
use crate::incidents::INCIDENTS_MAX;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use std::sync::Arc;
use surmise_protocol::{AlarmEvent, AlarmList};

/// Incidents that an answer lists, unless the query says how many.
const LISTED_DEFAULT: usize = 20;
/// Incidents of all streams that an answer lists at most.
const ALL_LISTED_MAX: usize = 500;

/// How many incidents of a stream to list.
pub const LIMIT: Parameter =
    Parameter::number("limit", (1, INCIDENTS_MAX), Some(LISTED_DEFAULT), "how many incidents to list");
/// How many incidents of all streams to list.
pub const ALL_LIMIT: Parameter =
    Parameter::number("limit", (1, ALL_LISTED_MAX), Some(LISTED_DEFAULT), "how many incidents to list");

/// Lists the latest incidents, the latest first, as they stand now.
pub async fn alarms(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let limit = query.number(&LIMIT).unwrap_or(LISTED_DEFAULT);
    let view = find(&hub, &stream)?;
    let alarms = view.past.incidents.latest(limit);
    Ok(Json(AlarmList { stream: view.name.clone(), begun: view.past.incidents.begun(), alarms }).into_response())
}

/// `GET /api/v1/alarms`: the latest incidents of all streams that the token is good for, the latest first.
pub async fn all(
    State(hub): State<Arc<Hub>>,
    Extension(grant): Extension<Arc<Grant>>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let limit = query.number(&ALL_LIMIT).unwrap_or(LISTED_DEFAULT);
    let streams = hub.directory.all();
    let covered = || streams.iter().filter(|view| grant.covers(&view.name));
    let begun = covered().map(|view| view.past.incidents.begun()).sum();
    // the latest of each stream first, so that one stream does not hold the copies of thousands
    let mut alarms: Vec<AlarmEvent> = covered().flat_map(|view| view.past.incidents.latest(limit)).collect();
    alarms.sort_by(|a, b| b.time.cmp(&a.time).then(b.alarm.began.cmp(&a.alarm.began)));
    alarms.truncate(limit);
    Ok(Json(AlarmList { stream: "".into(), begun, alarms }).into_response())
}
