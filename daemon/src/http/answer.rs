//! Long answers: how many may be worked out at once, how large one may be, and how it is sent without being built whole
//! in memory.

use super::problem::ProblemResponse;
use crate::hub::Hub;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream, StreamExt};
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;
use surmise_event::RefusalCode;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

/// How long a question waits for others before it is refused.
const QUESTION_WAIT_MAX: Duration = Duration::from_secs(2);
/// How long a large answer may take to be sent. Its permit is not given back before.
const SEND_TIME_MAX: Duration = Duration::from_secs(30);
/// Values of an answer above which it is large.
const LARGE_VALUES_MIN: usize = 10_000;
/// Values that a prediction of a number has: its mean, its median and its quantiles.
const NUMBER_VALUES: usize = 10;

/// How much is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerSize {
    /// Events ahead.
    pub horizon: usize,
    /// Symbols of each field.
    pub top: usize,
}

impl AnswerSize {
    /// The values of an answer about so many fields.
    pub fn values(self, fields: usize) -> usize {
        self.horizon * fields.max(1) * self.top.max(NUMBER_VALUES)
    }

    /// Checks that an answer is not larger than it may be.
    ///
    /// # Errors
    /// It is; the error names the bound.
    pub fn check(self, fields: usize, values_max: usize) -> Result<(), ProblemResponse> {
        let values = self.values(fields);
        if values <= values_max {
            return Ok(());
        }
        let AnswerSize { horizon, top } = self;
        let detail = format!(
            "horizon {horizon} times {fields} fields times {} symbols are {values} values, more than {values_max} \
             (limits.answer_values); ask for fewer",
            top.max(NUMBER_VALUES)
        );
        let field = if horizon > 1 { "horizon" } else { "top" };
        Err(ProblemResponse::new(400, "answer too large", detail).at(field, Some(RefusalCode::LimitReached)))
    }
}

/// Waits for the permit of a long question.
///
/// # Errors
/// Too many others are being worked out.
pub async fn question_permit(hub: &Hub) -> Result<OwnedSemaphorePermit, ProblemResponse> {
    let waiting = tokio::time::timeout(QUESTION_WAIT_MAX, hub.question_permits.clone().acquire_owned());
    waiting.await.ok().and_then(Result::ok).ok_or_else(|| {
        let max = hub.config.limits.questions;
        let detail = format!("{max} questions are being worked out, as many as may be at once (limits.questions)");
        ProblemResponse::new(429, "too many questions", detail).at("stream", Some(RefusalCode::LimitReached))
    })
}

/// An answer that is an object with one long list, which is written item by item. If it is large, the permit is kept
/// until it is sent or has taken too long.
pub fn stream_list<T: Serialize + Send + 'static>(
    head: &impl Serialize,
    list: &str,
    items: Vec<T>,
    values: usize,
    permit: OwnedSemaphorePermit,
) -> Response {
    // the object without its closing brace, and the beginning of the list
    let mut opening = serde_json::to_string(head).expect("invariant: an answer can be written as JSON");
    opening.pop();
    opening += &format!(",{}:[", Value::from(list));
    let json = items.into_iter().enumerate().map(|(i, item)| {
        let mut bytes = if i == 0 { Vec::new() } else { vec![b','] };
        serde_json::to_writer(&mut bytes, &item).expect("invariant: an answer can be written as JSON");
        Bytes::from(bytes)
    });
    let parts = stream::iter(std::iter::once(Bytes::from(opening)).chain(json).chain([Bytes::from_static(b"]}")]));
    let permit = (values >= LARGE_VALUES_MIN).then_some(permit);
    let body = Body::from_stream(while_permitted(parts, permit));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// The parts of an answer, for as long as its permit is good for. An answer without one may take its time.
fn while_permitted(
    parts: impl Stream<Item = Bytes> + Send + 'static,
    permit: Option<OwnedSemaphorePermit>,
) -> impl Stream<Item = Result<Bytes, TooSlow>> + Send + 'static {
    let until = Instant::now() + SEND_TIME_MAX;
    parts.map(move |part| match &permit {
        Some(_) if Instant::now() > until => Err(TooSlow),
        Some(_) | None => Ok(part),
    })
}

/// The error of an answer that is read too slowly; it breaks the connection off.
#[derive(Debug, thiserror::Error)]
#[error("the answer is read too slowly")]
struct TooSlow;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_too_large_says_what_it_may_be() {
        let size = AnswerSize { horizon: 100, top: 50 };
        assert_eq!(size.values(4), 20_000);
        assert!(size.check(4, 20_000).is_ok() && size.check(4, 19_999).is_err());
        assert_eq!(AnswerSize { horizon: 2, top: 1 }.values(0), 2 * NUMBER_VALUES);
    }
}
