//! `GET /api/v1/streams/{stream}/surprises`: the most surprising events of a stream.

use super::parameter::Parameter;
use super::problem::ProblemResponse;
use super::query::Query;
use super::rows::now_us;
use super::streams::find;
use crate::hub::Hub;
use crate::rare_events::{DAY_EVENTS_MAX, DAYS_MAX};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use surmise_protocol::SurpriseList;

/// Events that are kept at most.
const KEPT_MAX: usize = DAYS_MAX * DAY_EVENTS_MAX;

/// Events that an answer lists, unless the query says how many.
const LISTED_DEFAULT: usize = 20;

/// How many days back.
pub const DAYS: Parameter =
    Parameter::number("days", (1, DAYS_MAX), Some(DAYS_MAX), "events of how many days, today among them");
/// How many events to list.
pub const LIMIT: Parameter = Parameter::number("limit", (1, KEPT_MAX), Some(LISTED_DEFAULT), "how many events to list");
/// How surprising an event has to be, in nats.
pub const MIN_NATS: Parameter =
    Parameter::number("min_nats", (0, NATS_MAX), Some(0), "leave out events of fewer nats of surprise");
/// More nats than any event has.
const NATS_MAX: usize = 1_000_000;

/// Lists the rarest events of the latest days, and counts how rare events were since the stream began.
pub async fn surprises(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let (days, limit) = (query.number(&DAYS).unwrap_or(DAYS_MAX), query.number(&LIMIT).unwrap_or(LISTED_DEFAULT));
    let view = find(&hub, &stream)?;
    let (events, counts, mut surprises) = view.past.rare(now_us(&hub), days);
    let bits_min = query.number(&MIN_NATS).unwrap_or(0) as f64 * std::f64::consts::LOG2_E;
    surprises.retain(|event| event.surprise_bits >= bits_min);
    surprises.truncate(limit);
    Ok(Json(SurpriseList { stream: view.name.to_string(), events, counts, surprises }).into_response())
}
