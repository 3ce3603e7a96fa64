//! Traces: now and then the journey of one event is told to a collector of OpenTelemetry.
//!
//! One event in `export.traces.every` is followed, whatever its stream, at most one of those that are sent together;
//! and the first of each request whose sender traces it, as a child of the sender's span. What a collector does not
//! take in time is dropped: nothing waits for it.

#[cfg(feature = "traces")]
mod otlp;
mod sending;

use crate::inbox::{InboxEvent, ReplyOptions};
use crate::journey::{CallerSpan, Journey};
use crate::ticket::Outbox;
use axum::http::HeaderMap;
use sending::{TraceSender, TracesError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use surmise_config::TracesTable;

#[cfg(feature = "traces")]
use otlp::sender;

/// What follows events, or does not.
#[derive(Default)]
pub struct Traces {
    followed: Option<Sampling>,
}

/// Which events are followed, and where their journeys go.
struct Sampling {
    every: u64,
    seen: AtomicU64,
    sender: TraceSender,
}

impl Traces {
    /// Traces as the configuration asks for them.
    ///
    /// # Errors
    /// They are asked for and not built in, or what sends them cannot be made.
    pub fn open(table: Option<&TracesTable>) -> Result<Traces, TracesError> {
        let Some(table) = table else { return Ok(Traces::default()) };
        let (every, seen, sender) = (table.every.max(1), AtomicU64::new(0), sender(table)?);
        Ok(Traces { followed: Some(Sampling { every, seen, sender }) })
    }

    /// The span that the headers of a request name, if its sender traces it and events are followed.
    pub fn caller(&self, headers: &HeaderMap) -> Option<CallerSpan> {
        (self.followed.as_ref()?.sender.caller)(headers)
    }

    /// The journey of one of these events of a stream, if one of them is followed.
    pub fn begin(
        &self,
        stream: &Arc<str>,
        events: &[InboxEvent],
        answers: ReplyOptions,
        outbox: &Outbox,
    ) -> Option<Box<Journey>> {
        let followed = self.followed.as_ref()?;
        let caller = outbox.take_caller();
        let index = followed.index(events.len(), caller.is_some())?;
        let event = events.get(index)?;
        let arrived = (event.line, event.record.arrival_us.unwrap_or_default());
        let place = (index, events.len());
        let journey =
            Journey::begin(stream.clone(), answers.listener, place, arrived, caller, followed.sender.sink.clone());
        Some(Box::new(journey))
    }

    /// Sends what is gathered, which takes so long at most. Nothing is told afterwards.
    pub fn close(&self, time_max: Duration) {
        if let Some(followed) = &self.followed {
            (followed.sender.close)(time_max);
        }
    }
}

impl Sampling {
    /// The place of the event that is followed among the next `events` ones.
    fn index(&self, events: usize, is_called: bool) -> Option<usize> {
        let seen = self.seen.fetch_add(events as u64, Ordering::Relaxed);
        let next = match seen % self.every {
            0 => 0,
            past => self.every - past,
        };
        if is_called && events > 0 { Some(0) } else { usize::try_from(next).ok().filter(|next| *next < events) }
    }
}

#[cfg(not(feature = "traces"))]
fn sender(_: &TracesTable) -> Result<TraceSender, TracesError> {
    let why = "this surmised was built without them; build it with `--features traces`, or leave the table out";
    Err(TracesError(why.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_in_so_many_is_followed() {
        let sender = TraceSender { sink: Arc::new(|_| ()), caller: |_| None, close: Box::new(|_| ()) };
        let followed = Sampling { every: 10, seen: AtomicU64::new(0), sender };
        // events 0, 10, 20 and 30, however they come together
        let places: Vec<_> = [1, 4, 8, 3, 10, 5].map(|events| followed.index(events, false)).to_vec();
        assert_eq!(places, [Some(0), None, Some(5), None, Some(4), Some(4)]);
        assert_eq!((followed.index(3, true), followed.index(0, true)), (Some(0), None));
    }

    #[cfg(not(feature = "traces"))]
    #[test]
    fn a_daemon_without_traces_says_how_to_have_them() {
        let table = TracesTable { endpoint: "http://127.0.0.1:4318".into(), every: 1 };
        let fault = Traces::open(Some(&table)).map(drop).unwrap_err().to_string();
        assert!(fault.contains("export.traces") && fault.contains("--features traces"), "{fault}");
        assert!(Traces::open(None).is_ok());
    }
}
