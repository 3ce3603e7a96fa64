//! `GET /api/v1/watch`: all streams at a glance, as server-sent events.
//!
//! Once a second the rows of streams that changed are sent as an event `streams`, and incidents that began or went on
//! as an event `alarms`. A follower that comes first gets all rows, so one that comes again after a break misses
//! nothing, whatever its `Last-Event-ID` is. Incidents of before it finds at `/api/v1/alarms`, if it asks once it has
//! the rows. One that reads too slowly gets all rows again.

use crate::access::Grant;
use crate::board::BoardLook;
use crate::hub::Hub;
use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// One follower.
struct BoardFollower {
    hub: Arc<Hub>,
    grant: Arc<Grant>,
    looks: Receiver<Arc<BoardLook>>,
    waiting: VecDeque<Event>,
}

/// Follows all streams that the token is good for.
pub async fn board(
    State(hub): State<Arc<Hub>>,
    Extension(grant): Extension<Arc<Grant>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (whole, looks) = hub.board.follow();
    let mut follower = BoardFollower { hub, grant, looks, waiting: VecDeque::new() };
    follower.append(&whole);
    let events = futures::stream::unfold(follower, |mut follower| async move {
        while follower.waiting.is_empty() {
            let look = tokio::select! {
                biased;
                () = follower.hub.stopping.cancelled() => return None,
                () = follower.grant.withdrawn.cancelled() => return None,
                look = follower.looks.recv() => match look {
                    Ok(look) => look,
                    Err(RecvError::Closed) => return None,
                    Err(RecvError::Lagged(_)) => follower.follow_again(),
                },
            };
            follower.append(&look);
        }
        follower.waiting.pop_front().map(|event| (Ok(event), follower))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)).text("still here"))
}

impl BoardFollower {
    /// Begins anew, with all rows.
    fn follow_again(&mut self) -> Arc<BoardLook> {
        let (whole, looks) = self.hub.board.follow();
        self.looks = looks;
        whole
    }

    /// Lets the events wait that tell what was found.
    fn append(&mut self, look: &BoardLook) {
        let covers = |stream: &str| self.grant.covers(stream);
        let text = look.text(if self.grant.covers_all() { None } else { Some(&covers) });
        for (name, data) in [("streams", &text.streams), ("alarms", &text.alarms)] {
            let event = |data| Event::default().event(name).id(look.number.to_string()).data(data);
            self.waiting.extend(data.as_ref().map(event));
        }
    }
}
