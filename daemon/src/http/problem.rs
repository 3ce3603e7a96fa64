//! Errors as `application/problem+json`.

use crate::hub::AskError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::Problem;

/// An error of the HTTP interface.
#[derive(Debug)]
pub struct Failure(Box<Problem>);

impl Failure {
    /// An error of a status.
    pub fn new(status: u16, title: &str, detail: impl Into<String>) -> Failure {
        Failure(Box::new(Problem::new(status, title, detail)))
    }

    /// A part of the request that cannot be.
    pub fn bad(field: &str, detail: impl Into<String>) -> Failure {
        Failure::new(400, "bad request", detail).at(field, None)
    }

    /// Names the part that is at fault.
    pub fn at(mut self, field: &str, code: Option<RefusalCode>) -> Failure {
        self.0.field = Some(field.to_owned());
        self.0.code = code;
        self
    }

    /// There is no such stream.
    pub fn no_stream(stream: &str) -> Failure {
        Failure::new(404, "no such stream", format!("no stream is called {stream:?}; it begins with its first event"))
            .at("stream", None)
    }

    /// A refused record or name.
    pub fn refusal(status: u16, r: Refusal) -> Failure {
        Failure::new(status, "refused", r.reason).at(&r.field, Some(r.code))
    }
}

impl From<AskError> for Failure {
    fn from(e: AskError) -> Failure {
        Failure::new(503, "unavailable", e.to_string()).at("stream", Some(RefusalCode::Unavailable))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.0).expect("invariant: a problem can be written as JSON");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.0.status {
            503 | 429 => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"))),
            401 => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            _ => {}
        }
        response
    }
}
