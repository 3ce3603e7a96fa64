//! Server-sent events: how they are written, and the answer that sends them.
//!
//! Events that are there at once are sent at once, as one piece of the answer. A follower of a fast stream gets dozens
//! of events a second, and each piece has a frame and a way through the server of its own.
//!
//! Source: the HTML standard, section "Server-sent events".

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use std::fmt::{Display, Write};
use std::future::Future;
use std::time::Duration;
use tokio::time::timeout;

/// How often a silent feed sends a comment, so that proxies and clients see that the connection is open.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// What a silent feed sends.
const STILL_HERE: &[u8] = b": still here\n\n";

/// The events that one follower gets.
pub trait EventFeed: Send + 'static {
    /// Waits for the next events and returns their text; `None` if the feed ends. Where the wait is given up, nothing
    /// is lost.
    fn next(&mut self) -> impl Future<Output = Option<Bytes>> + Send;
}

/// Events as text, to which more are appended.
#[derive(Debug, Default)]
pub struct EventText(String);

impl EventText {
    /// Appends an event without an id. `data` is one line, as JSON is.
    pub fn event(&mut self, name: &str, data: &str) {
        self.write(format_args!("event: {name}\ndata: {data}\n\n"));
    }

    /// Appends an event whose id a follower that comes back names as its `Last-Event-ID`. `data` is one line.
    pub fn event_with_id(&mut self, name: &str, id: u64, data: &str) {
        self.write(format_args!("event: {name}\nid: {id}\ndata: {data}\n\n"));
    }

    fn write(&mut self, event: impl Display) {
        // a text takes everything
        let _ = write!(self.0, "{event}");
    }

    /// Bytes of the events so far.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text of the events so far, which are not there any more.
    pub fn take(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.0))
    }
}

/// The answer that sends a feed's events until it ends, or until the follower leaves.
pub fn event_stream(feed: impl EventFeed) -> Response {
    event_stream_kept_alive(feed, KEEP_ALIVE_INTERVAL)
}

fn event_stream_kept_alive(feed: impl EventFeed, interval: Duration) -> Response {
    let pieces = futures::stream::unfold(feed, move |mut feed| async move {
        let piece = match timeout(interval, feed.next()).await {
            Ok(events) => events?,
            Err(_) => Bytes::from_static(STILL_HERE),
        };
        Some((Ok::<_, Infallible>(piece), feed))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, Body::from_stream(pieces)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says what it is told to say, and is silent then for ever.
    struct Told(Vec<Bytes>);

    impl EventFeed for Told {
        async fn next(&mut self) -> Option<Bytes> {
            match self.0.is_empty() {
                true => futures::future::pending().await,
                false => Some(self.0.remove(0)),
            }
        }
    }

    #[test]
    fn events_are_lines_with_an_empty_one_after_each() {
        let mut text = EventText::default();
        text.event("lagged", "{\"skipped\":1}");
        text.event_with_id("learn", 7, "{}");
        assert_eq!(text.take(), "event: lagged\ndata: {\"skipped\":1}\n\nevent: learn\nid: 7\ndata: {}\n\n");
        assert!(text.is_empty() && text.take().is_empty());
    }

    #[tokio::test]
    async fn a_silent_feed_says_that_it_is_still_here() {
        use futures::StreamExt;
        let told = Told(vec![Bytes::from_static(b"data: 1\n\n")]);
        let answer = event_stream_kept_alive(told, Duration::from_millis(1));
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
        let pieces: Vec<_> = answer.into_body().into_data_stream().take(3).map(Result::unwrap).collect().await;
        assert_eq!(pieces, ["data: 1\n\n", ": still here\n\n", ": still here\n\n"]);
    }
}
