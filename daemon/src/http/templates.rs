//! `GET /api/v1/streams/{stream}/templates`: the templates of a stream's lines, read off a snapshot.

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
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use surmise_event::KnownTemplate;

/// Templates that an answer lists, unless the query says how many.
const LISTED_DEFAULT: usize = 100;
/// Templates that an answer lists at most.
const LISTED_MAX: usize = 1000;

/// How many templates to list.
pub const LIMIT: Parameter =
    Parameter::number("limit", (1, LISTED_MAX), Some(LISTED_DEFAULT), "how many templates to list");

/// The templates of a stream.
#[derive(Serialize, JsonSchema)]
pub struct TemplateList {
    /// The name of the stream.
    stream: String,
    /// How many there are in all its fields.
    count: usize,
    /// Those of the most lines, in this order.
    templates: Vec<KnownTemplate>,
}

/// Lists the templates of lines, those of the most lines first. A stream without lines has none.
pub async fn templates(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let _permit = question_permit(&hub).await?;
    let limit = query.number(&LIMIT).unwrap_or(LISTED_DEFAULT);
    let size = AnswerSize { horizon: 1, top: limit };
    let list = move |snapshot: &Snapshot| Some(snapshot.learner.templates(limit));
    let ((count, templates), _) = predict(&hub, &stream, AsOf::Latest, Cost::Long, size, list).await?;
    Ok(Json(TemplateList { stream, count, templates }).into_response())
}
