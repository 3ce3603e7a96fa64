//! `GET /api/v1/streams/{stream}/events`: events of the log, so that one can be seen among its neighbours.

use super::parameter::Parameter;
use super::problem::ProblemResponse;
use super::query::Query;
use super::streams::find;
use crate::hub::Hub;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_protocol::{LoggedEvent, LoggedEvents, event_json};
use surmise_store::{Store, StoreError};

/// Events that an answer has, unless the query says how many, and at most.
const EVENTS_DEFAULT: usize = 20;
const EVENTS_MAX: usize = 200;

/// Where the events begin.
pub const FROM: Parameter =
    Parameter::number("from", (0, usize::MAX), None, "the offset to begin at; the latest events if it is left out");
/// How many events to give.
pub const COUNT: Parameter =
    Parameter::number("count", (1, EVENTS_MAX), Some(EVENTS_DEFAULT), "how many events to give");

/// A group takes at most so many offsets before the one that is asked for; the search for its beginning goes back in
/// such steps.
const STEP_OFFSETS: u64 = 1024;

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
    let every_byte = view.schema.load().is_bytes();
    let shutting_down = || ProblemResponse::shutting_down();
    let store = hub.store().ok_or_else(shutting_down)?;
    let number = view.number;
    let read = move || read(&store, number, every_byte, from, count);
    let unavailable = |e: StoreError| ProblemResponse::new(503, "unavailable", e.to_string());
    let read = tokio::task::spawn_blocking(read).await;
    let read = read.map_err(|_| ProblemResponse::new(500, "internal error", "reading the log failed inside"))?;
    let (begin, events) = read.map_err(unavailable)?;
    Ok(Json(LoggedEvents { stream: view.name.to_string(), end, begin, events }).into_response())
}

/// Reads events from an offset on; also tells where the log begins.
fn read(
    store: &Store,
    number: u32,
    every_byte: bool,
    from: u64,
    count: usize,
) -> Result<(u64, Vec<LoggedEvent>), StoreError> {
    let begin = store.log.tail(number, 0).next().transpose()?.map_or(from, |(group, _)| group.first_offset);
    // a group begins at its first event: go back until one begins at or before the offset
    let mut start = from;
    let mut step = 0;
    while start > begin && !begins_at_or_before(store, number, start, from)? {
        step = (step * 2).max(STEP_OFFSETS);
        start = from.saturating_sub(step).max(begin);
    }
    let mut events = Vec::new();
    for group in store.log.tail(number, start) {
        let (group, _) = group?;
        let mut offset = group.first_offset;
        for logged in &group.records {
            let next = offset + logged.record.offsets(every_byte);
            if next > from {
                events.push(LoggedEvent { offset, event: event_json(&logged.record) });
            }
            offset = next;
            if events.len() >= count {
                return Ok((begin, events));
            }
        }
    }
    Ok((begin, events))
}

/// Whether the first group that begins at `start` or later begins at `from` or earlier.
fn begins_at_or_before(store: &Store, number: u32, start: u64, from: u64) -> Result<bool, StoreError> {
    let first = store.log.tail(number, start).next().transpose()?;
    Ok(first.is_some_and(|(group, _)| group.first_offset <= from))
}
