//! `GET /api/v1/streams/{stream}/watch`: outcomes as server-sent events. Who lags is told how much was left out.

use super::problem::Failure;
use super::streams::find;
use crate::hub::Hub;
use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use surmise_event::Code;
use surmise_protocol::OutcomeReply;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Follows a stream.
pub async fn watch(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let shared = find(&hub, &stream)?;
    let max = hub.config.limits.watchers;
    if shared.outcomes.receiver_count() >= max {
        let detail = format!("{max} follow this stream, as many as may (limits.watchers)");
        return Err(Failure::new(429, "too many followers", detail).at("stream", Some(Code::LimitReached)));
    }
    let outcomes = shared.outcomes.subscribe();
    let events = futures::stream::unfold((hub, outcomes), |(hub, mut outcomes)| async move {
        let event = next(&hub, &mut outcomes).await?;
        Some((Ok(event), (hub, outcomes)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)).text("still here")))
}

async fn next(hub: &Hub, outcomes: &mut Receiver<Arc<OutcomeReply>>) -> Option<Event> {
    let received = tokio::select! {
        biased;
        () = hub.stopping.cancelled() => return None,
        received = outcomes.recv() => received,
    };
    match received {
        Ok(outcome) => {
            let data = serde_json::to_string(&*outcome).unwrap_or_default();
            Some(Event::default().event("outcome").id(outcome.offset.to_string()).data(data))
        }
        Err(RecvError::Lagged(n)) => Some(Event::default().event("lagged").data(format!("{{\"skipped\":{n}}}"))),
        Err(RecvError::Closed) => None,
    }
}
