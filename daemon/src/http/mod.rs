//! The HTTP interface: questions about streams, posted events, checkpoints, metrics, and the page for people.
//!
//! An endpoint is one line of the table below and a handler in the file of its subject. The line has the role that a
//! token needs for it, and what documents say of the endpoint; a test compares the two.

mod alarms;
mod answer;
mod board;
mod checkpoint_care;
mod checkpoints;
mod endpoint;
mod events;
mod given;
mod guard;
mod history;
mod learner;
mod log;
mod operations;
mod pace;
mod problem;
mod producers;
mod quarantine;
mod query;
mod rows;
mod server;
mod streams;
mod system;
mod undo;
mod watch;
mod why;

use crate::hub::Hub;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
pub use endpoint::Endpoint;
use problem::ProblemResponse;
pub use server::serve;
use std::sync::Arc;
use surmise_config::AccessRole;

/// Makes [`ENDPOINTS`] and the router out of one table.
macro_rules! endpoints {
    (@route GET $handler:path) => { axum::routing::get($handler) };
    (@route POST $handler:path) => { axum::routing::post($handler) };
    (@role open) => { None };
    (@role $role:ident) => { Some(AccessRole::$role) };
    ($($method:ident $role:ident $path:literal $handler:path, $about:literal;)*) => {
        /// Every endpoint of the HTTP interface.
        pub const ENDPOINTS: &[Endpoint] =
            &[$(Endpoint {
                method: stringify!($method),
                path: $path,
                role: endpoints!(@role $role),
                about: $about,
            }),*];

        fn routes() -> Router<Arc<Hub>> {
            Router::new()$(.route($path, endpoints!(@route $method $handler)))*
        }
    };
}

endpoints! {
    GET open "/" operations::page, "the page of the streams, for a browser";
    GET open "/page.css" operations::page_style, "how the page looks";
    GET open "/page.js" operations::page_script, "what the page does";
    GET open "/-/healthy" operations::healthy, "whether the daemon works and can keep what it is sent";
    GET open "/-/ready" operations::ready, "whether all streams are restored and events are accepted";
    POST Operate "/-/reload" operations::reload,
        "reads the configuration again; answered with the changed keys that are applied, and those that need a restart";
    GET Read "/metrics" operations::metrics, "metrics for Prometheus";
    GET Read "/api/v1/streams" rows::list,
        "all streams: offset, schema, rate, mean surprise of the latest events, skill, latest incident (`trend`)";
    GET Read "/api/v1/watch" board::board,
        "the rows of streams that change, and incidents, as server-sent events, once a second";
    GET Read "/api/v1/alarms" alarms::all, "the latest incidents of all streams, the latest first (`limit`)";
    GET Read "/api/v1/system" system::system, "limits, and how near each of them is; queues and the store";
    GET Read "/api/v1/streams/{stream}" streams::status,
        "one stream: options, losses of every expert, counts; with `hash=1` its `state_hash`";
    GET Read "/api/v1/streams/{stream}/hash" streams::hash,
        "the `state_hash` of the learner, and the offset that it is of";
    GET Read "/api/v1/streams/{stream}/next" streams::next, "the prediction of the next event (`key`, `top`)";
    POST Read "/api/v1/streams/{stream}/predict" given::rest,
        "what is expected of the fields that the event of the body lacks, given those that it has (`top`)";
    GET Read "/api/v1/streams/{stream}/forecast" streams::forecast,
        "the predictions of the next events (`key`, `top`, `horizon`)";
    GET Read "/api/v1/streams/{stream}/watch" watch::watch,
        "outcomes, drifts and alarms as server-sent events, as they come; beyond `rate` a second, the rarest outcomes";
    GET Read "/api/v1/streams/{stream}/history" history::history,
        "events, surprise and incidents over time (`span`: seconds, minutes, hours or days), losses by window";
    GET Read "/api/v1/streams/{stream}/learner" learner::learner,
        "what the learner is made of, with the weight and the loss of every expert";
    GET Read "/api/v1/streams/{stream}/events" log::events, "events of the log (`from`, `count`)";
    GET Read "/api/v1/streams/{stream}/alarms" alarms::alarms, "the latest incidents of a stream (`limit`)";
    GET Read "/api/v1/streams/{stream}/quarantine" quarantine::quarantine,
        "the latest events whose learning failed inside, and that the stream went on without";
    GET Read "/api/v1/streams/{stream}/events/{offset}/why" why::event_why,
        "why an event was as surprising as it was: its parts, and what was expected instead (`seconds`)";
    POST Ingest "/api/v1/streams/{stream}/events" events::push,
        "learns the lines of the body; answered when they are durable (`producer`, `epoch`)";
    POST Operate "/api/v1/streams/{stream}/reset" undo::reset,
        "lets a stream begin anew; its producers go on where they are";
    POST Operate "/api/v1/streams/{stream}/rename" undo::rename, "gives a stream another name (`to`)";
    POST Operate "/api/v1/streams/{stream}/schema" undo::schema,
        "learns a stream's log again under another schema (`{\"fields\":[{\"name\":…,\"kind\":…}],\"closed\":…}`)";
    POST Operate "/api/v1/streams/{stream}/delete" undo::delete,
        "deletes a stream; it can be brought back for `store.undo_kept`, unless it goes for good (`for_good`)";
    POST Operate "/api/v1/streams/{stream}/undo" undo::bring_back,
        "brings back what was reset, restored, learnt again or deleted, as it ended (`incarnation`)";
    POST Operate "/api/v1/producers/{producer}/reset" producers::reset,
        "has a producer forgotten, so that it may begin anew with any epoch and number (`stream`)";
    GET Read "/api/v1/checkpoints" checkpoints::list, "the checkpoints in the store (`stream`)";
    POST Operate "/api/v1/checkpoints" checkpoints::create,
        "makes checkpoints now; answered when they are durable (`stream`)";
    GET Read "/api/v1/checkpoints/{stream}/{generation}" checkpoints::download,
        "a checkpoint's learner, for `surmise replay --from`";
    POST Operate "/api/v1/checkpoints/{stream}/{generation}/restore" undo::restore,
        "goes back to a checkpoint, while events come in; nothing acknowledged is learnt twice";
    GET Read "/api/v1/checkpoints/{stream}/{generation}/show" checkpoint_care::show, "what a checkpoint holds";
    GET Read "/api/v1/checkpoints/{stream}/{generation}/verify" checkpoint_care::verify,
        "whether a checkpoint can be read back whole";
    GET Read "/api/v1/checkpoints/{stream}/{generation}/diff" checkpoint_care::diff,
        "how two checkpoints of a stream differ (`with`)";
    POST Operate "/api/v1/checkpoints/{stream}/{generation}/pin" checkpoint_care::pin,
        "keeps a checkpoint when newer ones come (`pinned`)";
    POST Operate "/api/v1/checkpoints/{stream}/{generation}/label" checkpoint_care::label,
        "gives a checkpoint a label, or takes it away (`label`)";
    GET Operate "/api/v1/audit" undo::audit_log, "what operators did (`limit`)";
}

/// The router with every endpoint, behind the checks that every request passes.
pub fn router(hub: Arc<Hub>) -> Router {
    routes()
        .fallback(|| async {
            ProblemResponse::new(404, "not found", "there is nothing at this path; / shows what there is")
        })
        .method_not_allowed_fallback(|| async {
            ProblemResponse::new(405, "method not allowed", "this path takes another method")
        })
        // the layer that is added last runs first: the origin is checked before the token
        .layer(from_fn_with_state((hub.clone(), ENDPOINTS), guard::check_access))
        .layer(from_fn_with_state(hub.clone(), guard::check_origin))
        .layer(from_fn(guard::check_address))
        .layer(map_response(guard::secure))
        .with_state(hub)
}
