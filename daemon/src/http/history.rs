//! `GET /api/v1/streams/{stream}/history`: the course of a stream, in fixed memory.

use super::problem::ProblemResponse;
use super::query::Query;
use super::rows::now_us;
use super::streams::find;
use crate::history::RESOLUTIONS;
use crate::hub::Hub;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use surmise_protocol::HistoryAnswer;

/// Gives the latest spans of one length, and the losses over windows of time.
pub async fn history(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, ProblemResponse> {
    let query = Query::read(raw.as_deref(), &["span"])?;
    let asked = query.get("span").unwrap_or("minutes");
    let Some(place) = RESOLUTIONS.iter().position(|resolution| resolution.name == asked) else {
        let names = RESOLUTIONS.map(|resolution| resolution.name).join(", ");
        return Err(ProblemResponse::bad_request("span", format!("expected one of {names}, got {asked:?}")));
    };
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
