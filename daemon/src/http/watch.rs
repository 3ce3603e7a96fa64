//! `GET /api/v1/streams/{stream}/watch`: outcomes, the drifts that they show, alarms, and updates of networks that were
//! refused (`updates_refused`), as server-sent events.
//!
//! An outcome is an event `learn`, or `surprise` where an incident begins or goes on with it, so that who listens to
//! `surprise` alone hears of nothing else. Who asks for it (`predict`) is told in between what is expected next.
//!
//! A follower that comes back with `Last-Event-ID` gets what came in between, as far as it is kept, preceded by an
//! event `lagged` for what is not.
//!
//! A feed ends with an event `replaced` when the stream was reset, restored, renamed, learnt again or deleted; who
//! asks again follows what came in its place. The stream never waits for a follower. One that reads too slowly gets
//! an event `lagged` with the number of outcomes that were left out. So does one that asked for a `rate`, of what came
//! beyond it: it gets the rarest, and how many of the others were at least as rare as once in 10, 100, 1,000 and 10,000
//! events. Alarms, refused updates, and drifts with their outcomes, come whatever the rate.

use super::awaited::AwaitedPredictions;
use super::parameter::Parameter;
use super::problem::ProblemResponse;
use super::query::Query;
use super::streams::{BRIEF_SYMBOLS_MAX, StreamPrediction, find};
use crate::access::Grant;
use crate::directory::StreamNotice;
use crate::event_stream::{EventFeed, EventText, event_stream};
use crate::following::FollowedOutcome;
use crate::hub::Hub;
use crate::rarest::{ChosenOutcomes, RarestFeed};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_event::{AlarmPhase, RefusalCode};
use surmise_protocol::DriftEvent;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio_util::sync::CancellationToken;

/// Outcomes a second that a follower may ask for; one that wants more asks for no rate.
const RATE_MAX: usize = 100_000;

/// Bytes of outcomes that are sent together, about.
const PIECE_BYTES: usize = 1 << 14;

/// How many outcomes a second a follower wants.
pub const RATE: Parameter =
    Parameter::number("rate", (1, RATE_MAX), None, "how many outcomes a second to send; all if it is left out");

/// Whether a follower is told what is expected next, and how many symbols of a field.
pub const PREDICT: Parameter = Parameter::number(
    "predict",
    (1, BRIEF_SYMBOLS_MAX),
    None,
    "tells after outcomes what is expected next of the key that spoke last, with so many symbols of a field; nothing if \
     it is left out",
);

/// Follows a stream.
pub async fn watch(
    State(hub): State<Arc<Hub>>,
    Extension(grant): Extension<Arc<Grant>>,
    Path(stream): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ProblemResponse> {
    let rate = query.number(&RATE).unwrap_or_default();
    let shared = find(&hub, &stream)?;
    let watchers_max = hub.config.limits.watchers;
    if shared.followers() >= watchers_max {
        let detail = format!("{watchers_max} follow this stream, as many as may (limits.watchers)");
        return Err(
            ProblemResponse::new(429, "too many followers", detail).at("stream", Some(RefusalCode::LimitReached))
        );
    }
    let after = last_event_id(&headers)?;
    let mut waiting = EventText::default();
    let outcomes = match rate {
        0 => {
            let (latest, outcomes) = shared.outcomes.follow_again();
            if let Some(after) = after {
                resume(after, &latest, shared.offset.load(Ordering::Relaxed), &mut waiting);
            }
            Outcomes::All(outcomes)
        }
        rate => {
            let (latest, choices) = shared.rarest.follow(rate);
            let feed = shared.rarest.clone();
            let mut rarest = Rarest { feed, choices, rate, after, next: None };
            if after.is_some() {
                latest.iter().for_each(|choice| _ = rarest.append(choice, &mut waiting));
            }
            Outcomes::Rarest(rarest)
        }
    };
    let (notices, replaced) = (shared.notices.follow(), shared.replaced.clone());
    let predictions = query.number(&PREDICT).map(|top| AwaitedPredictions::new(hub.clone(), stream, top));
    Ok(event_stream(Feeds { hub, outcomes, predictions, notices, grant, replaced, waiting, is_over: false }))
}

/// The offset of the last outcome that a follower had before a break, if it says so.
fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ProblemResponse> {
    let Some(id) = headers.get("last-event-id") else { return Ok(None) };
    let offset = id.to_str().ok().and_then(|text| text.trim().parse().ok());
    let expected = "expected the id of an outcome, which is its offset";
    offset.map(Some).ok_or_else(|| ProblemResponse::bad_request("last-event-id", expected))
}

/// Appends what came after an offset, as far as it is kept, preceded by the news of what is not.
fn resume(after: u64, latest: &[Arc<FollowedOutcome>], end: u64, out: &mut EventText) {
    let offset = |followed: &Arc<FollowedOutcome>| followed.outcome.as_ref().map(|outcome| outcome.offset);
    let missed = || latest.iter().filter(|followed| offset(followed).is_some_and(|offset| offset > after));
    if !latest.iter().any(|followed| offset(followed).is_some_and(|offset| offset <= after)) {
        let skipped = missed().find_map(offset).unwrap_or(end).saturating_sub(after.saturating_add(1));
        if skipped > 0 {
            append_lag(skipped, out);
        }
    }
    missed().for_each(|followed| append_outcome(followed, out));
}

/// What a follower of a stream gets.
struct Feeds {
    hub: Arc<Hub>,
    outcomes: Outcomes,
    /// What is expected next, if it asked for that.
    predictions: Option<AwaitedPredictions>,
    notices: Receiver<Arc<StreamNotice>>,
    /// What lets it follow.
    grant: Arc<Grant>,
    /// Cancelled when another stream has come in the place of this one.
    replaced: CancellationToken,
    /// Events that came before it followed.
    waiting: EventText,
    /// Whether the follower was told that another stream has come.
    is_over: bool,
}

impl EventFeed for Feeds {
    async fn next(&mut self) -> Option<Bytes> {
        while self.waiting.is_empty() {
            if self.is_over {
                return None;
            }
            self.receive().await?;
        }
        Some(self.waiting.take())
    }
}

impl Feeds {
    /// Waits for a notice, for an outcome, or for the news that some were left out, and lets its events wait; `None` if
    /// the feed ends.
    async fn receive(&mut self) -> Option<()> {
        let received = tokio::select! {
            biased;
            () = self.hub.stopping.cancelled() => return None,
            () = self.grant.withdrawn.cancelled() => return None,
            notice = self.notices.recv() => match append_notice(notice, &mut self.waiting) {
                Some(()) => return Some(()),
                None => Err(RecvError::Closed),
            },
            prediction = next_of(&mut self.predictions) => {
                let json = prediction.and_then(|prediction| serde_json::to_string(&prediction).ok());
                json.into_iter().for_each(|json| self.waiting.event("predict", &json));
                Ok(None)
            }
            received = self.outcomes.append_next(&mut self.waiting) => received,
            // what came before is told first
            () = self.replaced.cancelled() => Err(RecvError::Closed),
        };
        match received {
            Ok(latest) => {
                let latest = latest.as_ref().and_then(|followed| followed.outcome.as_ref());
                if let (Some(outcome), Some(predictions)) = (latest, &mut self.predictions) {
                    predictions.outcome(outcome.key.as_deref(), outcome.offset + 1);
                }
            }
            Err(RecvError::Lagged(skipped)) => append_lag(skipped, &mut self.waiting),
            // nothing sends for a stream that was replaced
            Err(RecvError::Closed) => {
                self.is_over = true;
                self.outcomes.append_rest(&mut self.waiting);
                self.waiting.event("replaced", "{}");
            }
        }
        Some(())
    }
}

/// Waits for the next prediction of those that a follower asked for, for ever if it did not.
async fn next_of(predictions: &mut Option<AwaitedPredictions>) -> Option<StreamPrediction> {
    match predictions {
        Some(predictions) => predictions.next().await,
        None => std::future::pending().await,
    }
}

/// The outcomes that a follower gets.
enum Outcomes {
    /// All of them.
    All(Receiver<Arc<FollowedOutcome>>),
    /// The rarest.
    Rarest(Rarest),
}

/// The rarest outcomes, at the rate that a follower asked for.
struct Rarest {
    feed: Arc<RarestFeed>,
    choices: Receiver<Arc<ChosenOutcomes>>,
    rate: usize,
    /// The offset of the last outcome that it had before a break, if it came back after one.
    after: Option<u64>,
    /// The number of the first event that it was told nothing of.
    next: Option<u64>,
}

impl Outcomes {
    /// Waits for the next outcomes and appends their events; returns the latest of them. Where the wait is given up,
    /// nothing was taken.
    async fn append_next(&mut self, out: &mut EventText) -> Result<Option<Arc<FollowedOutcome>>, RecvError> {
        match self {
            Outcomes::All(outcomes) => {
                let mut latest = outcomes.recv().await?;
                append_outcome(&latest, out);
                // those that have come meanwhile are sent with it
                while out.len() < PIECE_BYTES {
                    match outcomes.try_recv() {
                        Ok(followed) => {
                            append_outcome(&followed, out);
                            latest = followed;
                        }
                        Err(TryRecvError::Lagged(skipped)) => append_lag(skipped, out),
                        Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                    }
                }
                Ok(Some(latest))
            }
            Outcomes::Rarest(rarest) => match rarest.choices.recv().await {
                Ok(choice) => Ok(rarest.append(&choice, out)),
                // how many events that were, the next choice tells
                Err(RecvError::Lagged(_)) => Ok(None),
                Err(RecvError::Closed) => Err(RecvError::Closed),
            },
        }
    }

    /// Appends what has come when nothing comes any more.
    fn append_rest(&mut self, out: &mut EventText) {
        if let Outcomes::Rarest(rarest) = self {
            rarest.feed.end_window();
            while let Ok(choice) = rarest.choices.try_recv() {
                rarest.append(&choice, out);
            }
        }
    }
}

impl Rarest {
    /// Appends what is sent of a choice, preceded by the news of what is not; returns the latest of what is sent.
    fn append(&mut self, choice: &ChosenOutcomes, out: &mut EventText) -> Option<Arc<FollowedOutcome>> {
        let (first, last) = choice.offsets;
        let is_new = |offset: u64| self.after.is_none_or(|after| offset > after);
        let before = self.next.replace(choice.number + choice.events());
        if !is_new(last) {
            return None;
        }
        let missed = match (before, self.after) {
            (Some(next), _) => choice.number.saturating_sub(next),
            // how many events the offsets of the break were is not known
            (None, Some(after)) => first.saturating_sub(after.saturating_add(1)),
            (None, None) => 0,
        };
        if missed > 0 {
            append_lag(missed, out);
        }
        let (chosen, left_out) = choice.at_rate(self.rate);
        // one that came back amid a choice was told of what was left out
        if left_out.events > 0 && is_new(first) {
            let data = serde_json::json!({ "skipped": left_out.events, "at_least": left_out.at_least });
            out.event("lagged", &data.to_string());
        }
        let is_wanted = |followed: &FollowedOutcome| followed.outcome.as_ref().is_none_or(|o| is_new(o.offset));
        let mut latest = None;
        for chosen in chosen.iter().filter(|chosen| is_wanted(&chosen.followed)) {
            append_outcome(&chosen.followed, out);
            latest = Some(chosen.followed.clone());
        }
        latest
    }
}

/// Appends the news that outcomes were left out.
fn append_lag(skipped: u64, out: &mut EventText) {
    out.event("lagged", &format!("{{\"skipped\":{skipped}}}"));
}

/// Appends the event of an outcome and of the drifts that it shows.
fn append_outcome(followed: &FollowedOutcome, out: &mut EventText) {
    // for this one there was no room in memory
    let Some(outcome) = &followed.outcome else {
        return append_lag(1, out);
    };
    let is_surprise = outcome.alarm.as_ref().is_some_and(|alarm| alarm.phase != AlarmPhase::Ended);
    out.event_with_id(if is_surprise { "surprise" } else { "learn" }, outcome.offset, followed.json());
    for drift in &outcome.drift {
        let event = DriftEvent { stream: outcome.stream.clone(), drift: drift.clone() };
        out.event("drift", &serde_json::to_string(&event).unwrap_or_default());
    }
}

/// Appends the event of a notice, or the news that some were left out; `None` if the feed ends.
fn append_notice(received: Result<Arc<StreamNotice>, RecvError>, out: &mut EventText) -> Option<()> {
    match received.as_deref() {
        Ok(StreamNotice::Alarm(alarm)) => out.event("alarm", &serde_json::to_string(alarm).unwrap_or_default()),
        Ok(StreamNotice::UpdatesRefused(refused)) => {
            out.event("updates_refused", &serde_json::to_string(refused).unwrap_or_default());
        }
        Err(RecvError::Lagged(skipped)) => append_lag(*skipped, out),
        Err(RecvError::Closed) => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::StreamView;
    use surmise_event::Schema;
    use surmise_learner::Options;
    use surmise_store::StreamEntry;

    #[tokio::test]
    async fn who_follows_is_told_of_updates_that_were_refused() {
        let view = StreamView::new(&StreamEntry::new(1, "s", "", Schema::default(), Options::default(), 0));
        let mut notices = view.notices.follow();
        view.tell_refused("exploded", 2, 1024);
        let mut out = EventText::default();
        append_notice(notices.recv().await, &mut out).unwrap();
        let data = r#"{"stream":"s","reason":"exploded","updates":2,"offset":1024}"#;
        assert_eq!(out.take(), format!("event: updates_refused\ndata: {data}\n\n"));
    }
}
