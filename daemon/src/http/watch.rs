//! `GET /api/v1/streams/{stream}/watch`: outcomes, the drifts that they show, and alarms, as server-sent
//! events.
//!
//! A feed ends with an event `replaced` when the stream was reset, restored, renamed, learnt again or deleted; who
//! asks again follows what came in its place. The stream never waits for a follower. One that reads too slowly gets
//! an event `lagged` with the number of outcomes that were left out.

use super::problem::ProblemResponse;
use super::streams::find;
use crate::access::Grant;
use crate::following::FollowedOutcome;
use crate::hub::Hub;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use surmise_event::RefusalCode;
use surmise_protocol::{AlarmEvent, DriftEvent};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// How often a silent feed sends a comment, so that proxies and clients see that the connection is open.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Follows a stream.
pub async fn watch(
    State(hub): State<Arc<Hub>>,
    Extension(grant): Extension<Arc<Grant>>,
    Path(stream): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ProblemResponse> {
    let shared = find(&hub, &stream)?;
    let watchers_max = hub.config.limits.watchers;
    if shared.outcomes.followers() >= watchers_max {
        let detail = format!("{watchers_max} follow this stream, as many as may (limits.watchers)");
        return Err(
            ProblemResponse::new(429, "too many followers", detail).at("stream", Some(RefusalCode::LimitReached))
        );
    }
    let outcomes = shared.outcomes.follow();
    // one outcome may be several events, so some wait here until the connection takes them
    let (alarms, replaced) = (shared.alarms.follow(), shared.replaced.clone());
    let feeds = Feeds { outcomes, alarms, grant, replaced, is_over: false };
    let start = (hub, feeds, VecDeque::new());
    let events = futures::stream::unfold(start, |(hub, mut feeds, mut waiting)| async move {
        if waiting.is_empty() && feeds.is_over {
            return None;
        }
        if waiting.is_empty() {
            receive(&hub, &mut feeds, &mut waiting).await?;
        }
        waiting.pop_front().map(|event| (Ok(event), (hub, feeds, waiting)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL).text("still here")))
}

/// What a follower of a stream gets.
struct Feeds {
    outcomes: Receiver<Arc<FollowedOutcome>>,
    alarms: Receiver<Arc<AlarmEvent>>,
    /// What lets it follow.
    grant: Arc<Grant>,
    /// Cancelled when another stream has come in the place of this one.
    replaced: CancellationToken,
    /// Whether the follower was told so.
    is_over: bool,
}

/// Waits for an alarm, for an outcome, or for the news that some were left out, and appends its events; `None` if the
/// feed ends.
async fn receive(hub: &Hub, feeds: &mut Feeds, out: &mut VecDeque<Event>) -> Option<()> {
    let received = tokio::select! {
        biased;
        () = hub.stopping.cancelled() => return None,
        () = feeds.grant.withdrawn.cancelled() => return None,
        alarm = feeds.alarms.recv() => match append_alarm(alarm, out) {
            Some(()) => return Some(()),
            None => Err(RecvError::Closed),
        },
        received = feeds.outcomes.recv() => received,
        // what came before is told first
        () = feeds.replaced.cancelled() => Err(RecvError::Closed),
    };
    match received {
        Ok(followed) => {
            // for this one there was no room in memory
            let Some(outcome) = &followed.outcome else {
                out.push_back(Event::default().event("lagged").data("{\"skipped\":1}"));
                return Some(());
            };
            let data = serde_json::to_string(outcome).unwrap_or_default();
            out.push_back(Event::default().event("outcome").id(outcome.offset.to_string()).data(data));
            for drift in &outcome.drift {
                let event = DriftEvent { stream: outcome.stream.clone(), drift: drift.clone() };
                out.push_back(Event::default().event("drift").data(serde_json::to_string(&event).unwrap_or_default()));
            }
        }
        Err(RecvError::Lagged(skipped)) => {
            out.push_back(Event::default().event("lagged").data(format!("{{\"skipped\":{skipped}}}")));
        }
        // nothing sends for a stream that was replaced
        Err(RecvError::Closed) => {
            feeds.is_over = true;
            out.push_back(Event::default().event("replaced").data("{}"));
        }
    }
    Some(())
}

/// Appends the event of an alarm, or the news that some were left out; `None` if the feed ends.
fn append_alarm(received: Result<Arc<AlarmEvent>, RecvError>, out: &mut VecDeque<Event>) -> Option<()> {
    match received {
        Ok(alarm) => {
            out.push_back(Event::default().event("alarm").data(serde_json::to_string(&*alarm).unwrap_or_default()));
        }
        Err(RecvError::Lagged(skipped)) => {
            out.push_back(Event::default().event("lagged").data(format!("{{\"skipped\":{skipped}}}")));
        }
        Err(RecvError::Closed) => return None,
    }
    Some(())
}
