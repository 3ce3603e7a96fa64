//! `GET /api/v1/watch`: all streams at a glance, as server-sent events.
//!
//! Once a second the rows of streams that changed are sent as an event `streams`, and incidents that began or went on
//! as an event `alarms`. A follower that comes first gets all rows, so one that comes again after a break misses
//! nothing, whatever its `Last-Event-ID` is. Incidents of before it finds at `/api/v1/alarms`, if it asks once it has
//! the rows. One that reads too slowly gets all rows again.

use crate::access::Grant;
use crate::board::BoardLook;
use crate::event_stream::{EventFeed, event_stream};
use crate::hub::Hub;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// One follower.
struct BoardFollower {
    hub: Arc<Hub>,
    grant: Arc<Grant>,
    looks: Receiver<Arc<BoardLook>>,
    /// The rows of all streams, until they are sent.
    whole: Option<Arc<BoardLook>>,
}

/// Follows all streams that the token is good for.
pub async fn board(State(hub): State<Arc<Hub>>, Extension(grant): Extension<Arc<Grant>>) -> Response {
    let (whole, looks) = hub.board.follow();
    event_stream(BoardFollower { hub, grant, looks, whole: Some(whole) })
}

impl EventFeed for BoardFollower {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let look = match self.whole.take() {
                Some(whole) => whole,
                None => self.receive().await?,
            };
            let covers = |stream: &str| self.grant.covers(stream);
            let events = look.events(if self.grant.covers_all() { None } else { Some(&covers) });
            if !events.is_empty() {
                return Some(events);
            }
        }
    }
}

impl BoardFollower {
    /// Waits for the next look; `None` if the feed ends. One that lags too far begins anew, with all rows.
    async fn receive(&mut self) -> Option<Arc<BoardLook>> {
        tokio::select! {
            biased;
            () = self.hub.stopping.cancelled() => None,
            () = self.grant.withdrawn.cancelled() => None,
            look = self.looks.recv() => match look {
                Ok(look) => Some(look),
                Err(RecvError::Closed) => None,
                Err(RecvError::Lagged(_)) => {
                    let (whole, looks) = self.hub.board.follow();
                    self.looks = looks;
                    Some(whole)
                }
            },
        }
    }
}
