//! HTTP: questions, events, metrics, the page.

mod checkpoints;
mod events;
mod guard;
mod ops;
mod problem;
mod streams;
mod watch;

use crate::hub::Hub;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
pub use guard::Limited;
use problem::Failure;
use std::sync::Arc;

/// All routes.
pub fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/", get(ops::page))
        .route("/-/healthy", get(ops::healthy))
        .route("/-/ready", get(ops::ready))
        .route("/metrics", get(ops::metrics))
        .route("/api/v1/streams", get(streams::list))
        .route("/api/v1/streams/{stream}", get(streams::status))
        .route("/api/v1/streams/{stream}/hash", get(streams::hash))
        .route("/api/v1/streams/{stream}/next", get(streams::next))
        .route("/api/v1/streams/{stream}/forecast", get(streams::forecast))
        .route("/api/v1/streams/{stream}/watch", get(watch::watch))
        .route("/api/v1/streams/{stream}/events", post(events::push))
        .route("/api/v1/checkpoints", get(checkpoints::list).post(checkpoints::create))
        .route("/api/v1/checkpoints/{stream}/{generation}", get(checkpoints::download))
        .fallback(|| async { Failure::new(404, "not found", "there is nothing at this path; / shows what there is") })
        .method_not_allowed_fallback(|| async {
            Failure::new(405, "method not allowed", "this path takes another method")
        })
        .layer(from_fn_with_state(hub.clone(), guard::token))
        .layer(from_fn(guard::address))
        .with_state(hub)
}
