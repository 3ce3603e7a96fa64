//! The HTTP interface: questions about streams, posted events, checkpoints, metrics, and the page for people.
//!
//! An endpoint is one line of the table below and a handler in the file of its subject. The line's text is what
//! documents say of the endpoint; a test compares the two.

mod alarms;
mod checkpoints;
mod events;
mod guard;
mod operations;
mod problem;
mod producers;
mod quarantine;
mod query;
mod streams;
mod watch;
mod why;

use crate::hub::Hub;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
pub use guard::LimitedListener;
use problem::ProblemResponse;
use std::sync::Arc;

/// One endpoint, as documents list it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The method: `GET` or `POST`.
    pub method: &'static str,
    /// The path; a part in braces stands for a name or a number.
    pub path: &'static str,
    /// What the endpoint does, in one clause; parameters of the query included.
    pub about: &'static str,
}

/// Makes [`ENDPOINTS`] and the router out of one table.
macro_rules! endpoints {
    (@route GET $handler:path) => { axum::routing::get($handler) };
    (@route POST $handler:path) => { axum::routing::post($handler) };
    ($($method:ident $path:literal $handler:path, $about:literal;)*) => {
        /// Every endpoint of the HTTP interface.
        pub const ENDPOINTS: &[Endpoint] =
            &[$(Endpoint { method: stringify!($method), path: $path, about: $about }),*];

        fn routes() -> Router<Arc<Hub>> {
            Router::new()$(.route($path, endpoints!(@route $method $handler)))*
        }
    };
}

endpoints! {
    GET "/" operations::page, "the page of the streams, for a browser";
    GET "/-/healthy" operations::healthy, "whether the daemon works and can keep what it is sent";
    GET "/-/ready" operations::ready, "whether all streams are restored and events are accepted";
    GET "/metrics" operations::metrics, "metrics for Prometheus";
    GET "/api/v1/streams" streams::list, "all streams: offset, schema, mean surprise of the latest events";
    GET "/api/v1/streams/{stream}" streams::status,
        "one stream: options, losses of every expert, counts; with `hash=1` its `state_hash`";
    GET "/api/v1/streams/{stream}/hash" streams::hash,
        "the `state_hash` of the learner, and the offset that it is of";
    GET "/api/v1/streams/{stream}/next" streams::next, "the prediction of the next event (`key`, `top`)";
    GET "/api/v1/streams/{stream}/forecast" streams::forecast,
        "the predictions of the next events (`key`, `top`, `horizon`)";
    GET "/api/v1/streams/{stream}/watch" watch::watch,
        "outcomes, drifts and alarms as server-sent events, as they come";
    GET "/api/v1/streams/{stream}/alarms" alarms::alarms, "the latest incidents of a stream (`limit`)";
    GET "/api/v1/streams/{stream}/quarantine" quarantine::quarantine,
        "the latest events whose learning failed inside, and that the stream went on without";
    GET "/api/v1/streams/{stream}/events/{offset}/why" why::event_why,
        "why an event was as surprising as it was: its parts, and what was expected instead (`seconds`)";
    POST "/api/v1/streams/{stream}/events" events::push,
        "learns the lines of the body; answered when they are durable (`producer`, `epoch`)";
    POST "/api/v1/producers/{producer}/reset" producers::reset,
        "has a producer forgotten, so that it may begin anew with any epoch and number (`stream`)";
    GET "/api/v1/checkpoints" checkpoints::list, "the checkpoints in the store (`stream`)";
    POST "/api/v1/checkpoints" checkpoints::create,
        "makes checkpoints now; answered when they are durable (`stream`)";
    GET "/api/v1/checkpoints/{stream}/{generation}" checkpoints::download,
        "a checkpoint's learner, for `surmise replay --from`";
}

/// The router with every endpoint, behind the bounds and the token that every request passes.
pub fn router(hub: Arc<Hub>) -> Router {
    routes()
        .fallback(|| async {
            ProblemResponse::new(404, "not found", "there is nothing at this path; / shows what there is")
        })
        .method_not_allowed_fallback(|| async {
            ProblemResponse::new(405, "method not allowed", "this path takes another method")
        })
        // the layer that is added last runs first: the address is checked before the token
        .layer(from_fn_with_state(hub.clone(), guard::check_token))
        .layer(from_fn(guard::check_address))
        .with_state(hub)
}
