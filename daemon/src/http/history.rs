//! `GET /api/v1/streams/{stream}/history`: the course of a stream, in fixed memory.

use super::parameter::Parameter;
use super::problem::ProblemResponse;
use super::query::Query;
use super::rows::now_us;
use super::streams::find;
use crate::history::RESOLUTIONS;
use crate::hub::Hub;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use surmise_protocol::HistoryAnswer;

/// The length of a span.
pub const SPAN: Parameter = Parameter::one_of("span", &SPAN_NAMES, "how long a span is; minutes if it is left out");

const SPAN_NAMES: [&str; RESOLUTIONS.len()] =
    [RESOLUTIONS[0].name, RESOLUTIONS[1].name, RESOLUTIONS[2].name, RESOLUTIONS[3].name];

/// Gives the latest spans of one length, and the losses over windows of time.
pub async fn history(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let asked = query.get(&SPAN).unwrap_or("minutes");
    let place = RESOLUTIONS.iter().position(|resolution| resolution.name == asked).unwrap_or_default();
    let view = find(&hub, &stream)?;
    let now_us = now_us(&hub);
    let answer = HistoryAnswer {
        stream: view.name.to_string(),
        span_seconds: RESOLUTIONS[place].span_seconds as u64,
        spans_max: RESOLUTIONS[place].spans_max,
        now: now_us as f64 / 1e6,
        points: view.past.points(place, now_us),
        windows: view.past.windows(),
    };
    Ok(Json(answer).into_response())
}
