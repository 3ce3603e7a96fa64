//! `GET /api/v1/streams/{stream}/learner`: what the learner of a stream is made of, read off a snapshot.

use super::answer::{AnswerSize, question_permit};
use super::problem::ProblemResponse;
use super::streams::{AsOf, Cost, predict};
use crate::directory::Snapshot;
use crate::hub::Hub;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Describes the learner, with the weight and the loss of every expert.
pub async fn learner(State(hub): State<Arc<Hub>>, Path(stream): Path<String>) -> Result<Response, ProblemResponse> {
    let _permit = question_permit(&hub).await?;
    // of a field there are some tens of named parts
    let size = AnswerSize { horizon: 1, top: 64 };
    let describe = |snapshot: &Snapshot| Some(snapshot.learner.describe());
    let (description, _) = predict(&hub, &stream, AsOf::Latest, Cost::Long, size, describe).await?;
    Ok(Json(description).into_response())
}
