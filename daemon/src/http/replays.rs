//! Replays over HTTP: ranges of a stream's own log that are learnt again, beside it.

use super::operator::{Who, audit};
use super::problem::ProblemResponse;
use super::streams::find;
use crate::clock::now_us;
use crate::directory::StreamView;
use crate::hub::Hub;
use crate::replays::{NotTaken, PlanError, ReplayPlan, plan, start_worker};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_event::format_time;
use surmise_protocol::{Replay, ReplayBegin, ReplayList, ReplaySpec, ReplayState};

/// `GET /api/v1/replays`: the replays of the streams that the token is good for, the newest first.
pub async fn list(State(hub): State<Arc<Hub>>, who: Who) -> Response {
    let mut replays = hub.replays.all();
    replays.retain(|replay| who.0.covers(&replay.stream));
    Json(ReplayList { replays }).into_response()
}

/// `GET /api/v1/replays/{id}`: one replay.
pub async fn show(State(hub): State<Arc<Hub>>, who: Who, Path(id): Path<u64>) -> Result<Response, ProblemResponse> {
    Ok(Json(find_replay(&hub, &who, id)?).into_response())
}

/// `POST /api/v1/replays`: has a range of a stream's log learnt again.
pub async fn create(State(hub): State<Arc<Hub>>, who: Who, body: Bytes) -> Result<Response, ProblemResponse> {
    let read = serde_json::from_slice::<ReplaySpec>(&body);
    let spec = read.map_err(|e| ProblemResponse::bad_request("body", format!("it cannot be read: {e}")))?;
    who.0.check_stream(&spec.stream)?;
    let view = find(&hub, &spec.stream)?;
    let (spec, planned) = plan_beside(&hub, spec, view).await?;
    let replay = Replay {
        stream: spec.stream.clone(),
        name: spec.name,
        from: planned.from,
        to: planned.to,
        begin: spec.begin,
        settings: spec.settings,
        asked: format_time(now_us()),
        offset: planned.from,
        ..Replay::default()
    };
    let (replay, needs_thread) = hub.replays.enter(replay, planned)?;
    if needs_thread && let Err(e) = start_worker(&hub) {
        hub.replays.give_up(&e.to_string());
        return Err(ProblemResponse::new(503, "unavailable", format!("no thread can be started: {e}")));
    }
    let begin = match replay.begin {
        ReplayBegin::Fresh => "fresh",
        ReplayBegin::Live => "live",
    };
    let about = format!("{} {} from {} to {}, {begin}", replay.id, replay.stream, replay.from, replay.to);
    audit(&hub, &who, "replay", about, "begun".into());
    let location = format!("/api/v1/replays/{}", replay.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(replay)).into_response())
}

/// `DELETE /api/v1/replays/{id}`: stops a replay and forgets it.
pub async fn delete(State(hub): State<Arc<Hub>>, who: Who, Path(id): Path<u64>) -> Result<Response, ProblemResponse> {
    find_replay(&hub, &who, id)?;
    let was = hub.replays.remove(id).ok_or_else(|| no_replay(id))?;
    let result = match was.state {
        ReplayState::Waiting | ReplayState::Running => format!("stopped at offset {}", was.offset),
        ReplayState::Done | ReplayState::Failed | ReplayState::Stopped => "forgotten".to_owned(),
    };
    audit(&hub, &who, "replay delete", format!("{id} {}", was.stream), result);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A replay of a stream that the token is good for. Others are not there for who asks.
fn find_replay(hub: &Hub, who: &Who, id: u64) -> Result<Replay, ProblemResponse> {
    hub.replays.get(id).filter(|replay| who.0.covers(&replay.stream)).ok_or_else(|| no_replay(id))
}

fn no_replay(id: u64) -> ProblemResponse {
    let detail = format!("there is no replay {id}; the latest are kept, and none beyond the daemon's end");
    ProblemResponse::new(404, "no such replay", detail).at("id", None)
}

/// Plans a replay off the threads of the sockets, as it reads the log.
async fn plan_beside(
    hub: &Arc<Hub>,
    spec: ReplaySpec,
    view: Arc<StreamView>,
) -> Result<(ReplaySpec, ReplayPlan), ProblemResponse> {
    let store = hub.store().ok_or_else(ProblemResponse::shutting_down)?;
    let mib_max = hub.budget.stream_mib_max();
    let work = move || {
        let entry = store.log.stream(view.number).ok_or(PlanError::NotDurable)?;
        let end = view.committed.load(Ordering::Acquire);
        let planned = plan(&*store, &entry, &view.schema.load(), &spec, end, mib_max)?;
        Ok::<_, PlanError>((spec, planned))
    };
    let planned = tokio::task::spawn_blocking(work).await;
    let planned = planned.map_err(|_| ProblemResponse::new(500, "internal error", "planning it failed inside"))?;
    Ok(planned?)
}

impl From<PlanError> for ProblemResponse {
    fn from(error: PlanError) -> ProblemResponse {
        let (status, title, field) = match &error {
            PlanError::Gone { .. } | PlanError::NoCheckpoint => (409, "no longer in the log", "from"),
            PlanError::NotDurable => (409, "not durable yet", "stream"),
            PlanError::NoRange { .. } => (422, "no such range", "to"),
            PlanError::LiveSettings
            | PlanError::Settings(_)
            | PlanError::Learner(_)
            | PlanError::Memory { .. }
            | PlanError::Bytes => (422, "settings refused", "settings"),
            PlanError::TooLong { .. } => (422, "too long", "body"),
            PlanError::Store(_) => (503, "unavailable", "stream"),
        };
        ProblemResponse::new(status, title, error.to_string()).at(field, None)
    }
}

impl From<NotTaken> for ProblemResponse {
    fn from(error: NotTaken) -> ProblemResponse {
        match error {
            NotTaken::Full => ProblemResponse::new(429, "too many replays", error.to_string()),
            NotTaken::Over => ProblemResponse::shutting_down(),
        }
    }
}
