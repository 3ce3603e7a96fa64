//! Errors of the HTTP interface, as `application/problem+json` (RFC 9457).

use crate::hub::AskError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::{Problem, TakenLines};

/// An error of the HTTP interface: what every handler returns instead of an answer.
#[derive(Debug)]
pub struct ProblemResponse(Box<Problem>);

impl ProblemResponse {
    /// A problem with an HTTP status, a title in a few words, and a detail that says what to do.
    pub fn new(status: u16, title: &str, detail: impl Into<String>) -> ProblemResponse {
        ProblemResponse(Box::new(Problem::new(status, title, detail)))
    }

    /// The problem of a request of which a part, named `field`, has an impossible value.
    pub fn bad_request(field: &str, detail: impl Into<String>) -> ProblemResponse {
        ProblemResponse::new(400, "bad request", detail).at(field, None)
    }

    /// Names the part of the request that is at fault, and the code of the fault if the event socket has one for it.
    pub fn at(mut self, field: &str, code: Option<RefusalCode>) -> ProblemResponse {
        self.0.field = Some(field.to_owned());
        self.0.code = code;
        self
    }

    /// What is wrong, and what to do.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Says what was taken of a body before it broke off.
    pub fn after(mut self, taken: TakenLines) -> ProblemResponse {
        let TakenLines { lines, accepted, duplicates, rejected } = taken;
        self.0.detail += &format!(
            "; the first {lines} lines were taken ({accepted} learnt, {duplicates} sent before, {rejected} refused)"
        );
        self.0.taken = Some(taken);
        self
    }

    /// The problem of a request for a stream that does not exist.
    pub fn no_stream(stream: &str) -> ProblemResponse {
        let detail = format!("no stream is called {stream:?}; it begins with its first event");
        ProblemResponse::new(404, "no such stream", detail).at("stream", None)
    }

    /// The problem of a request that comes while the daemon shuts down.
    pub fn shutting_down() -> ProblemResponse {
        ProblemResponse::new(503, "unavailable", "the daemon is shutting down")
    }

    /// The problem of a record or a name that was refused.
    pub fn refusal(status: u16, refusal: Refusal) -> ProblemResponse {
        ProblemResponse::new(status, "refused", refusal.reason).at(&refusal.field, Some(refusal.code))
    }
}

/// Bytes of an answer of another kind that a problem tells.
const TOLD_BYTES_MAX: usize = 4 << 10;

/// Makes a problem of an error that was found before a handler saw the request, such as a path that cannot be read.
pub async fn tell_as_problem(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if !(status.is_client_error() || status.is_server_error()) || !(kind.is_empty() || kind.starts_with(b"text/plain"))
    {
        return response;
    }
    let allowed = response.headers().get(header::ALLOW).cloned();
    let text = axum::body::to_bytes(response.into_body(), TOLD_BYTES_MAX).await.unwrap_or_default();
    let title = status.canonical_reason().unwrap_or("error").to_lowercase();
    let mut told = ProblemResponse::new(status.as_u16(), &title, String::from_utf8_lossy(&text)).into_response();
    if let Some(allowed) = allowed {
        told.headers_mut().insert(header::ALLOW, allowed);
    }
    told
}

impl From<AskError> for ProblemResponse {
    fn from(error: AskError) -> ProblemResponse {
        ProblemResponse::new(503, "unavailable", error.to_string()).at("stream", Some(RefusalCode::Unavailable))
    }
}

impl IntoResponse for ProblemResponse {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.0).expect("invariant: a problem can be written as JSON");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.0.status {
            // a client that asks again in a second may well succeed
            429 | 503 => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"))),
            // the checkpointer makes room within seconds, if a person need not
            507 => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"))),
            401 => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_says_when_to_ask_again() {
        let told = |status: u16| {
            let response = ProblemResponse::new(status, "a title", "a detail").into_response();
            response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().map(str::to_owned).unwrap())
        };
        assert_eq!([429, 503, 507].map(told), ["1", "1", "5"].map(|seconds| Some(seconds.to_owned())));
        assert_eq!([400, 404, 409, 500].map(told), [None, None, None, None]);
    }
}
