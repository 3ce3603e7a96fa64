//! `GET /api/v1/streams`: the list of streams, from what is known without asking their owners.

use super::parameter::Parameter;
use super::problem::ProblemResponse;
use super::query::Query;
use crate::access::Grant;
use crate::hub::Hub;
use crate::stream_row::row;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use std::sync::Arc;
use surmise_protocol::StreamList;

/// Whether rows have a trend.
pub const TREND: Parameter = Parameter::flag("trend", "whether to give the surprise of each of the latest minutes");

/// The daemon's time, in microseconds since 1970.
pub fn now_us(hub: &Hub) -> i64 {
    hub.services.clock.now().wall_us
}

/// `GET /api/v1/streams`: all streams that the token is good for.
pub async fn list(
    State(hub): State<Arc<Hub>>,
    Extension(grant): Extension<Arc<Grant>>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let with_trend = query.flag(&TREND).unwrap_or_default();
    let (now_us, streams) = (now_us(&hub), hub.directory.all());
    let covered = streams.iter().filter(|view| grant.covers(&view.name));
    let streams = covered.map(|view| row(view, now_us, with_trend)).collect();
    Ok(Json(StreamList { streams }).into_response())
}
