//! `GET /api/v1/streams/{stream}/events/{offset}/why`: why an event was as surprising as it was.

use super::parameter::Parameter;
use super::problem::ProblemResponse;
use super::query::Query;
use super::streams::find;
use crate::hub::Hub;
use crate::why::{WhyError, WhyQuestion, why};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_learner::Pages;
use surmise_store::StreamPages;

/// How long an answer may take, in seconds, unless the query says it, and at most.
const SECONDS_DEFAULT: usize = 60;
const SECONDS_MAX: usize = 600;

/// How long an answer may take.
pub const SECONDS: Parameter =
    Parameter::number("seconds", (1, SECONDS_MAX), Some(SECONDS_DEFAULT), "how long the answer may take");

/// Learns the log again from the newest checkpoint at or below the event, in a thread of its own, and tells the event's
/// parts.
pub async fn event_why(
    State(hub): State<Arc<Hub>>,
    Path((stream, offset)): Path<(String, String)>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let seconds_max = query.number(&SECONDS).unwrap_or(SECONDS_DEFAULT) as u64;
    let offset: u64 = offset.parse().map_err(|_| {
        ProblemResponse::bad_request("offset", format!("expected the offset of an event, got {offset:?}"))
    })?;
    let view = find(&hub, &stream)?;
    let end = view.offset.load(Ordering::Relaxed);
    if offset >= end {
        let detail = format!("the next event of {stream:?} has offset {end}; there is no event {offset} yet");
        return Err(ProblemResponse::new(404, "no such event", detail).at("offset", None));
    }
    let Ok(permit) = hub.why_permits.clone().try_acquire_owned() else {
        let detail = "another such question is being worked out; ask again in a moment";
        return Err(ProblemResponse::new(429, "too many questions", detail));
    };
    let shutting_down = || ProblemResponse::new(503, "unavailable", "the daemon is shutting down");
    let store = hub.store().ok_or_else(shutting_down)?;
    let id = store.id(view.number).map_err(|e| ProblemResponse::new(503, "unavailable", e.to_string()))?;
    let question = WhyQuestion { stream: view.name.clone(), number: view.number, offset, seconds_max };
    let work = move || {
        let pages: Arc<dyn Pages> = Arc::new(StreamPages::new(Arc::downgrade(&store), id));
        // a bug inside costs its sender an error and nobody else anything
        let answer = catch_unwind(AssertUnwindSafe(|| why(&*store, &question, Some(pages))));
        drop(permit);
        answer
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(Ok(answer))) => Ok(Json(answer).into_response()),
        Ok(Ok(Err(error))) => Err(problem(error)),
        Ok(Err(_)) | Err(_) => {
            Err(ProblemResponse::new(500, "internal error", "the answer failed inside; the daemon's log says more"))
        }
    }
}

/// The problem that an error of [`why`] is.
fn problem(error: WhyError) -> ProblemResponse {
    let (status, title) = match &error {
        WhyError::NotYet { .. } | WhyError::NotDurable => (404, "not durable yet"),
        WhyError::Gone { .. } => (410, "no longer known"),
        WhyError::TooLong { .. } => (503, "takes too long"),
        WhyError::Pages(_) => (503, "unavailable"),
        WhyError::Store(_) | WhyError::Learner(_) | WhyError::Refused(_) => (500, "internal error"),
    };
    ProblemResponse::new(status, title, error.to_string()).at("offset", None)
}
