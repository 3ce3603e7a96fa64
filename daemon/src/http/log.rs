//! `GET /api/v1/streams/{stream}/events`: events of the log, so that one can be seen among its neighbours.

use super::parameter::Parameter;
use super::problem::ProblemResponse;
use super::query::Query;
use super::streams::find;
use crate::hub::Hub;
use crate::log_range::{StreamLog, records_of};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_protocol::{LoggedEvent, LoggedEvents};
use surmise_store::{Store, StoreError};

/// Events that an answer has, unless the query says how many, and at most.
const EVENTS_DEFAULT: usize = 20;
const EVENTS_MAX: usize = 1000;

/// Where the events begin.
pub const FROM: Parameter =
    Parameter::number("from", (0, usize::MAX), None, "the offset to begin at; the latest events if it is left out");
/// How many events to give.
pub const COUNT: Parameter =
    Parameter::number("count", (1, EVENTS_MAX), Some(EVENTS_DEFAULT), "how many events to give");

/// Gives events of the log from an offset on, the latest ones if no offset is asked for.
pub async fn events(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let count = query.number(&COUNT).unwrap_or(EVENTS_DEFAULT);
    let view = find(&hub, &stream)?;
    let end = view.committed.load(Ordering::Acquire);
    let latest = end.saturating_sub(count as u64) as usize;
    let from = query.number(&FROM).unwrap_or(latest) as u64;
    let shutting_down = || ProblemResponse::shutting_down();
    let store = hub.store().ok_or_else(shutting_down)?;
    let number = view.number;
    let read = move || read(&store, number, from, count);
    let unavailable = |e: StoreError| ProblemResponse::new(503, "unavailable", e.to_string());
    let read = tokio::task::spawn_blocking(read).await;
    let read = read.map_err(|_| ProblemResponse::new(500, "internal error", "reading the log failed inside"))?;
    let (begin, events) = read.map_err(unavailable)?;
    Ok(Json(LoggedEvents { stream: view.name.to_string(), end, begin, events }).into_response())
}

/// Reads events from an offset on; also tells where the log begins.
fn read(store: &Store, number: u32, from: u64, count: usize) -> Result<(u64, Vec<LoggedEvent>), StoreError> {
    // one that is not durable yet has nothing
    let Some(entry) = store.log.stream(number) else { return Ok((from, Vec::new())) };
    let log = StreamLog::of(store, &entry);
    let begin = log.begin()?.unwrap_or(from);
    let start = log.reading_start(begin, from)?;
    let mut events = Vec::new();
    for group in log.tail(start) {
        let (group, _) = group?;
        for (offset, offsets, logged) in records_of(&group) {
            if offset + offsets > from {
                events.push(LoggedEvent::of(offset, &logged.record));
            }
            if events.len() >= count {
                return Ok((begin, events));
            }
        }
    }
    Ok((begin, events))
}
