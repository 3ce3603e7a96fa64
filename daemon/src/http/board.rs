//! `GET /api/v1/watch`: all streams at a glance, as server-sent events.
//!
//! Once a second the rows of streams that changed are sent as an event `streams`, and incidents that began or went on
//! as an event `alarms`. A follower that comes first gets all rows, so one that comes again after a break misses
//! nothing, whatever its `Last-Event-ID` is. Incidents of before it finds at `/api/v1/alarms`, if it asks once it has
//! the rows. The streams and their owners know nothing of followers here.

use super::rows::{now_us, row};
use crate::access::Grant;
use crate::hub::Hub;
use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use rustc_hash::FxHashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use surmise_protocol::AlarmEvent;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often rows are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Trends change by the minute: they are sent with every so many looks.
const TREND_LOOKS: u64 = 15;
/// Looks for which a stream that rests is sent once more, so that its rate falls to nought.
const RESTING_LOOKS: u64 = 12;
/// Incidents of one stream that one event carries.
const STREAM_ALARMS_MAX: usize = 16;

/// What a follower was sent of a stream.
#[derive(Clone, Copy, Default)]
struct Sent {
    offset: u64,
    incidents: u64,
    failed: bool,
    /// The look at which the stream was last seen to change.
    changed_at: u64,
    /// The look at which it was last looked at.
    seen_at: u64,
}

/// One follower.
struct Board {
    hub: Arc<Hub>,
    grant: Arc<Grant>,
    interval: Interval,
    looks: u64,
    sent: FxHashMap<Arc<str>, Sent>,
    waiting: Vec<Event>,
}

/// Follows all streams that the token is good for.
pub async fn board(
    State(hub): State<Arc<Hub>>,
    Extension(grant): Extension<Arc<Grant>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut interval = interval(LOOK_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let board = Board { hub, grant, interval, looks: 0, sent: FxHashMap::default(), waiting: Vec::new() };
    let events = futures::stream::unfold(board, |mut board| async move {
        while board.waiting.is_empty() {
            tokio::select! {
                biased;
                () = board.hub.stopping.cancelled() => return None,
                () = board.grant.withdrawn.cancelled() => return None,
                _ = board.interval.tick() => board.look(),
            }
        }
        board.waiting.pop().map(|event| (Ok(event), board))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)).text("still here"))
}

impl Board {
    /// Looks at all streams, and lets the events wait that tell what changed.
    fn look(&mut self) {
        self.looks += 1;
        let (looks, now_us) = (self.looks, now_us(&self.hub));
        let with_trend = looks % TREND_LOOKS == 1;
        let (mut rows, mut alarms) = (Vec::new(), Vec::<AlarmEvent>::new());
        for view in self.hub.directory.all().iter().filter(|view| self.grant.covers(&view.name)) {
            let is_new = !self.sent.contains_key(&view.name);
            let sent = self.sent.entry(view.name.clone()).or_default();
            let (offset, incidents) = (view.offset.load(Ordering::Relaxed), view.past.incidents.changes());
            let failed = view.failed.load().is_some();
            if is_new || (sent.offset, sent.incidents, sent.failed) != (offset, incidents, failed) {
                sent.changed_at = looks;
            }
            // those before the first look are asked for
            if looks > 1 && sent.incidents != incidents {
                alarms.extend(view.past.incidents.latest(STREAM_ALARMS_MAX));
            }
            let rests_long = looks - sent.changed_at > RESTING_LOOKS;
            if sent.changed_at == looks || (with_trend && !rests_long) || looks - sent.changed_at == RESTING_LOOKS {
                let mut row = row(view, now_us, with_trend || is_new);
                // the schema is long and hardly ever changes; who wants it asks for the stream
                row.schema.fields.truncate(if is_new { usize::MAX } else { 0 });
                rows.push(row);
            }
            (sent.offset, sent.incidents, sent.failed, sent.seen_at) = (offset, incidents, failed, looks);
        }
        let gone: Vec<Arc<str>> =
            self.sent.iter().filter(|(_, sent)| sent.seen_at != looks).map(|(name, _)| name.clone()).collect();
        self.sent.retain(|_, sent| sent.seen_at == looks);
        let id = looks.to_string();
        // the last is sent first
        if !alarms.is_empty() {
            let data = serde_json::json!({ "alarms": alarms }).to_string();
            self.waiting.push(Event::default().event("alarms").id(&id).data(data));
        }
        if looks == 1 || !rows.is_empty() || !gone.is_empty() {
            let all = looks == 1;
            let data = serde_json::json!({ "all": all, "streams": rows, "gone": gone }).to_string();
            self.waiting.push(Event::default().event("streams").id(&id).data(data));
        }
    }
}
