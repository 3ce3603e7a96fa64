//! `GET /api/v1/streams/{stream}/keys`: the keys of a stream, read off a snapshot.

use super::answer::{AnswerSize, question_permit};
use super::parameter::Parameter;
use super::problem::ProblemResponse;
use super::query::Query;
use super::streams::{AsOf, Cost, predict};
use crate::directory::Snapshot;
use crate::hub::Hub;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use surmise_learner::KeyOrder;
use surmise_protocol::KeyList;

/// Keys that an answer lists, unless the query says how many.
const LISTED_DEFAULT: usize = 100;
/// Keys that an answer lists at most.
const LISTED_MAX: usize = 1000;
/// The word for the order in which silent keys come first.
const QUIETEST: &str = "quietest";

/// How many keys to list.
pub const LIMIT: Parameter = Parameter::number("limit", (1, LISTED_MAX), Some(LISTED_DEFAULT), "how many keys to list");
/// Which keys to list first.
pub const ORDER: Parameter = Parameter::one_of(
    "order",
    &["latest", QUIETEST],
    "which keys come first: those that spoke last, as without it, or those that are silent for longest",
);

/// Lists the keys that are in memory. Events without a key are no key.
pub async fn keys(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let _permit = question_permit(&hub).await?;
    let limit = query.number(&LIMIT).unwrap_or(LISTED_DEFAULT);
    let order = if query.get(&ORDER) == Some(QUIETEST) { KeyOrder::Quietest } else { KeyOrder::Latest };
    let list = move |snapshot: &Snapshot| Some(snapshot.learner.known_keys(order, limit));
    let size = AnswerSize { horizon: 1, top: limit };
    let ((count, keys), _) = predict(&hub, &stream, AsOf::Acknowledged, Cost::Long, size, list).await?;
    Ok(Json(KeyList { stream, count: count as u64, keys }).into_response())
}
