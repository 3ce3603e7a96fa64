//! `GET /api/v1/streams/{stream}/watch`: outcomes, and the drift that they show, as server-sent events. Who lags is told how much was left out.

use super::problem::Failure;
use super::streams::find;
use crate::hub::Hub;
use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use surmise_event::RefusalCode;
use surmise_protocol::{DriftEvent, OutcomeReply};
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
        return Err(Failure::new(429, "too many followers", detail).at("stream", Some(RefusalCode::LimitReached)));
    }
    let outcomes = shared.outcomes.subscribe();
    let start = (hub, outcomes, VecDeque::new());
    let events = futures::stream::unfold(start, |(hub, mut outcomes, mut waiting)| async move {
        if waiting.is_empty() {
            next(&hub, &mut outcomes, &mut waiting).await?;
        }
        waiting.pop_front().map(|event| (Ok(event), (hub, outcomes, waiting)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)).text("still here")))
}

/// Waits for what comes next: an outcome and its drift, or that something was left out.
async fn next(hub: &Hub, outcomes: &mut Receiver<Arc<OutcomeReply>>, out: &mut VecDeque<Event>) -> Option<()> {
    let received = tokio::select! {
        biased;
        () = hub.stopping.cancelled() => return None,
        received = outcomes.recv() => received,
    };
    match received {
        Ok(outcome) => {
            let data = serde_json::to_string(&*outcome).unwrap_or_default();
            out.push_back(Event::default().event("outcome").id(outcome.offset.to_string()).data(data));
            for drift in &outcome.drift {
                let told = DriftEvent { stream: outcome.stream.clone(), drift: drift.clone() };
                out.push_back(Event::default().event("drift").data(serde_json::to_string(&told).unwrap_or_default()));
            }
        }
        Err(RecvError::Lagged(n)) => {
            out.push_back(Event::default().event("lagged").data(format!("{{\"skipped\":{n}}}")));
        }
        Err(RecvError::Closed) => return None,
    }
    Some(())
}
