//! Who asks for an operation, and the account that is kept of it.

use super::problem::ProblemResponse;
use crate::access::Grant;
use crate::hub::Hub;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use std::sync::Arc;

/// Who asks for an operation: what the request's token opens.
pub struct Who(pub Arc<Grant>);

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Who, ProblemResponse> {
        let grant = parts.extensions.get::<Arc<Grant>>().cloned();
        let missing = || ProblemResponse::new(500, "internal error", "the request was not checked");
        grant.map(Who).ok_or_else(missing)
    }
}

/// Writes an operation that a request asked for into the audit log.
pub fn audit(hub: &Hub, who: &Who, what: &str, about: String, result: String) {
    hub.audit(who.0.name(), what, about, result);
}
