//! `GET /api/v1/sources`: what the daemon reads itself, and how far it is.

use crate::access::Grant;
use crate::hub::Hub;
use crate::source_board::SourceStatus;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// The sources whose streams the client may touch.
#[derive(Serialize, JsonSchema)]
pub struct SourceList {
    /// The sources, by kind and name.
    sources: Vec<SourceStatus>,
}

/// Lists the sources.
pub async fn sources(State(hub): State<Arc<Hub>>, Extension(grant): Extension<Arc<Grant>>) -> Response {
    let mut sources = hub.sources.all();
    sources.retain(|source| grant.covers(&source.stream));
    Json(SourceList { sources }).into_response()
}
