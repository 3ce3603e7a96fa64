//! The HTTP interface: questions about streams, posted events, checkpoints, metrics, and the page for people.
//!
//! An endpoint is one line of the table below and a handler in the file of its subject. The line has the role that a
//! token needs for it, and what documents say of the endpoint; a test compares the two.

mod alarms;
mod answer;
mod awaited;
mod board;
pub(crate) mod body_cutter;
mod checkpoint_care;
mod checkpoints;
pub(crate) mod cloud_events;
mod configuration;
mod endpoint;
mod events;
pub(crate) mod feedback;
mod given;
mod guard;
mod history;
pub(crate) mod inference;
mod keys;
mod learner;
mod log;
mod openapi;
mod openapi_page;
mod operations;
mod operator;
mod parameter;
mod posted;
mod problem;
mod producers;
mod quarantine;
mod query;
mod remote_write;
mod replays;
mod rows;
mod series;
mod server;
mod sources;
mod streams;
mod surprises;
mod system;
mod templates;
pub(crate) mod undo;
pub(crate) mod unpacking;
mod watch;
mod why;

use crate::hub::Hub;
use crate::reload::Reloaded;
use crate::undo::{Changed, SchemaChange};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::{Extension, Router};
pub use endpoint::Endpoint;
use endpoint::{BYTES, Content, FEED, JSON, PAGE, POSTED, begun, json, optional_json};
use problem::ProblemResponse;
use serde_json::Value;
pub use server::serve;
use std::sync::Arc;
use surmise_config::AccessRole;
use surmise_event::LearnerDescription;
use surmise_protocol::{
    Accepted, AlarmList, Health, HistoryAnswer, KeyList, LoggedEvents, QuarantineList, Replay, ReplayList, ReplaySpec,
    StreamList, SurpriseList, WhyAnswer,
};

/// Makes [`ENDPOINTS`] and the router out of one table.
macro_rules! endpoints {
    (@route GET $handler:path) => { axum::routing::get($handler) };
    (@route POST $handler:path) => { axum::routing::post($handler) };
    (@route PUT $handler:path) => { axum::routing::put($handler) };
    (@route DELETE $handler:path) => { axum::routing::delete($handler) };
    (@role open) => { None };
    (@role $role:ident) => { Some(AccessRole::$role) };
    (@body) => { None };
    (@body $body:expr) => { Some($body) };
    ($($method:ident $role:ident $path:literal $handler:path, $about:literal,
        $(query [$($parameter:path),*],)? $(body $body:expr,)? answer $answer:expr;)*) => {
        /// Every endpoint of the HTTP interface.
        pub const ENDPOINTS: &[Endpoint] =
            &[$(Endpoint {
                method: stringify!($method),
                path: $path,
                role: endpoints!(@role $role),
                about: $about,
                query: &[$($($parameter),*)?],
                body: endpoints!(@body $($body)?),
                answer: $answer,
            }),*];

        fn routes() -> Router<Arc<Hub>> {
            Router::new()$(.route($path, endpoints!(@route $method $handler)))*
        }
    };
}

endpoints! {
    GET open "/" operations::page, "the page of the streams, for a browser",
        answer PAGE;
    GET open "/page.css" operations::page_style, "how the page looks",
        answer Content::Other("text/css");
    GET open "/page.js" operations::page_script, "what the page does",
        answer Content::Other("text/javascript");
    GET open "/-/healthy" operations::healthy, "whether the daemon works and can keep what it is sent",
        answer json::<Health>();
    GET open "/-/ready" operations::ready, "whether all streams are restored and events are accepted",
        answer json::<Health>();
    POST Operate "/-/reload" operations::reload,
        "reads the configuration again; answered with the changed keys that are applied, and those that need a restart",
        answer json::<Reloaded>();
    GET Read "/metrics" operations::metrics, "metrics for Prometheus",
        answer Content::Other("text/plain");
    GET Read "/api/v1/series" series::series,
        "what is expected next of the streams of `[export.series]`, and their anomaly scores, for Prometheus",
        answer Content::Other("text/plain");
    GET open "/api" openapi_page::page, "this interface, for a browser: what can be asked, and what is answered",
        answer PAGE;
    GET open "/api/v1/openapi.json" openapi::openapi, "this interface, as an OpenAPI document",
        answer JSON;
    GET Read "/api/v1/streams" rows::list,
        "all streams: offset, schema, rate, mean surprise of the latest events, skill, latest incident (`trend`)",
        query [rows::TREND], answer json::<StreamList>();
    GET Read "/api/v1/watch" board::board,
        "the rows of streams that change, and incidents, as server-sent events, once a second",
        answer FEED;
    GET Read "/api/v1/alarms" alarms::all, "the latest incidents of all streams, the latest first (`limit`)",
        query [alarms::ALL_LIMIT], answer json::<AlarmList>();
    GET Read "/api/v1/system" system::system, "limits, and how near each of them is; queues and the store",
        answer json::<system::SystemReport>();
    GET Operate "/api/v1/config" configuration::configuration,
        "the configuration in force: each key with its value, where it comes from, and what is inferred; no secrets",
        answer json::<configuration::ConfigInForce>();
    GET Read "/api/v1/sources" sources::sources,
        "what the daemon reads itself, its state and positions, how far it is behind, and what is wrong",
        answer json::<sources::SourceList>();
    GET Read "/api/v1/streams/{stream}" streams::status,
        "one stream: options, losses of every expert, counts; with `hash=1` its `state_hash`",
        query [streams::HASH], answer json::<streams::StreamAnswer>();
    GET Read "/api/v1/streams/{stream}/hash" streams::hash,
        "the `state_hash` of the learner, and the offset that it is of",
        answer json::<streams::StateHash>();
    GET Read "/api/v1/streams/{stream}/next" streams::next,
        "the prediction of the next event (`key`, `top`, `fresh`); with `horizon`, what `forecast` answers",
        query [streams::KEY, streams::TOP, streams::AHEAD, streams::FRESH], answer json::<streams::NextAnswer>();
    POST Read "/api/v1/streams/{stream}/predict" given::rest,
        "what is expected of the fields that the event of the body lacks, given those that it has (`top`, `fresh`)",
        query [streams::TOP, streams::FRESH], body json::<given::EventBody>(), answer json::<streams::StreamPrediction>();
    GET Read "/api/v1/streams/{stream}/forecast" streams::forecast,
        "the predictions of the next events (`key`, `top`, `horizon`, `fresh`)",
        query [streams::KEY, streams::TOP, streams::HORIZON, streams::FRESH], answer json::<streams::StreamForecast>();
    GET Read "/api/v1/streams/{stream}/watch" watch::watch,
        "server-sent events: `learn` is an outcome, `surprise` one with which an incident begins or goes on, `predict` what is \
         expected next; `drift`, `alarm` and refused updates; beyond `rate` a second, the rarest outcomes",
        query [watch::RATE, watch::PREDICT], answer FEED;
    GET Read "/api/v1/streams/{stream}/history" history::history,
        "events, surprise and incidents over time (`span`: seconds, minutes, hours or days), losses by window",
        query [history::SPAN], answer json::<HistoryAnswer>();
    GET Read "/api/v1/streams/{stream}/learner" learner::learner,
        "what the learner is made of, with the weight and the loss of every expert",
        answer json::<LearnerDescription>();
    GET Read "/api/v1/streams/{stream}/surprises" surprises::surprises,
        "the rarest events of the latest days, and how often events were how rare (`days`, `limit`, `min_nats`)",
        query [surprises::DAYS, surprises::LIMIT, surprises::MIN_NATS], answer json::<SurpriseList>();
    GET Read "/api/v1/streams/{stream}/templates" templates::templates,
        "the templates of the stream's lines, those of the most lines first (`limit`)",
        query [templates::LIMIT], answer json::<templates::TemplateList>();
    GET Read "/api/v1/streams/{stream}/keys" keys::keys,
        "the stream's keys with their latest events (`limit`; `order`: latest or quietest), and which are silent",
        query [keys::LIMIT, keys::ORDER], answer json::<KeyList>();
    GET Read "/api/v1/streams/{stream}/events" log::events, "events of the log (`from`, `count`)",
        query [log::FROM, log::COUNT], answer json::<LoggedEvents>();
    GET Read "/api/v1/streams/{stream}/alarms" alarms::alarms, "the latest incidents of a stream (`limit`)",
        query [alarms::LIMIT], answer json::<AlarmList>();
    GET Read "/api/v1/streams/{stream}/quarantine" quarantine::quarantine,
        "the latest events whose learning failed inside, and that the stream went on without",
        answer json::<QuarantineList>();
    GET Read "/api/v1/streams/{stream}/events/{offset}/why" why::event_why,
        "why an event was as surprising as it was: its parts, and what was expected instead (`seconds`)",
        query [why::SECONDS], answer json::<WhyAnswer>();
    POST Ingest "/api/v1/streams/{stream}/events" events::push,
        "learns the lines or the CloudEvents of the body; answered when they are durable (`producer`, `epoch`)",
        query [events::PRODUCER, events::EPOCH], body POSTED, answer json::<Accepted>();
    POST Ingest "/api/v1/write" remote_write::write,
        "learns samples that Prometheus writes (remote write 1.0), as `[sources.remote_write]` says",
        body remote_write::REQUEST, answer Content::Nothing;
    POST Operate "/api/v1/streams/{stream}/reset" undo::reset,
        "lets a stream begin anew; its producers go on where they are",
        answer json::<Changed>();
    POST Operate "/api/v1/streams/{stream}/rename" undo::rename, "gives a stream another name (`to`)",
        query [undo::TO], answer json::<Changed>();
    POST Operate "/api/v1/streams/{stream}/schema" undo::schema,
        "learns a stream's log again under another schema (`{\"fields\":[{\"name\":…,\"kind\":…}],\"closed\":…}`)",
        body json::<SchemaChange>(), answer json::<Changed>();
    POST Ingest "/api/v1/streams/{stream}/feedback" feedback::feedback,
        "learns what a person says of an incident: whether it mattered, and a label (`{\"offset\":…,\"verdict\":…}`)",
        body json::<feedback::FeedbackBody>(), answer json::<feedback::FeedbackTaken>();
    POST Operate "/api/v1/streams/{stream}/forget" undo::forget,
        "makes a stream what it would be without some of its events (`from`, `to`, `since`, `until`, `key`)",
        body json::<undo::ForgetBody>(), answer json::<Changed>();
    POST Operate "/api/v1/streams/{stream}/delete" undo::delete,
        "deletes a stream; it can be brought back for `store.undo_kept`, unless it goes for good (`for_good`)",
        query [undo::FOR_GOOD], answer json::<Changed>();
    POST Operate "/api/v1/streams/{stream}/undo" undo::bring_back,
        "brings back what was reset, restored, learnt again or deleted, as it ended (`incarnation`)",
        query [undo::INCARNATION], answer json::<Changed>();
    POST Operate "/api/v1/producers/{producer}/reset" producers::reset,
        "has a producer forgotten, so that it may begin anew with any epoch and number (`stream`)",
        query [checkpoints::STREAM], answer json::<producers::ForgottenProducer>();
    GET Read "/api/v1/checkpoints" checkpoints::list, "the checkpoints in the store (`stream`)",
        query [checkpoints::STREAM], answer json::<checkpoints::CheckpointList>();
    POST Operate "/api/v1/checkpoints" checkpoints::create,
        "makes checkpoints now; answered when they are durable (`stream`)",
        query [checkpoints::STREAM], answer json::<checkpoints::CheckpointList>();
    GET Read "/api/v1/checkpoints/{stream}/{generation}" checkpoints::download,
        "a checkpoint's learner, for `surmise replay --from`",
        answer BYTES;
    POST Operate "/api/v1/checkpoints/{stream}/{generation}/restore" undo::restore,
        "goes back to a checkpoint, while events come in; nothing acknowledged is learnt twice",
        answer json::<Changed>();
    GET Read "/api/v1/checkpoints/{stream}/{generation}/show" checkpoint_care::show, "what a checkpoint holds",
        answer json::<checkpoint_care::CheckpointDescription>();
    GET Read "/api/v1/checkpoints/{stream}/{generation}/verify" checkpoint_care::verify,
        "whether a checkpoint can be read back whole",
        answer json::<checkpoint_care::CheckpointProof>();
    GET Read "/api/v1/checkpoints/{stream}/{generation}/diff" checkpoint_care::diff,
        "how two checkpoints of a stream differ (`with`)",
        query [checkpoint_care::WITH], answer json::<checkpoint_care::CheckpointDifference>();
    POST Operate "/api/v1/checkpoints/{stream}/{generation}/pin" checkpoint_care::pin,
        "keeps a checkpoint when newer ones come (`pinned`)",
        query [checkpoint_care::PINNED], answer json::<checkpoint_care::CheckpointMarks>();
    PUT Operate "/api/v1/checkpoints/{stream}/{generation}/pin" checkpoint_care::pin,
        "keeps a checkpoint when newer ones come",
        answer json::<checkpoint_care::CheckpointMarks>();
    DELETE Operate "/api/v1/checkpoints/{stream}/{generation}/pin" checkpoint_care::unpin,
        "lets a checkpoint go again when newer ones come",
        answer json::<checkpoint_care::CheckpointMarks>();
    POST Operate "/api/v1/checkpoints/{stream}/{generation}/label" checkpoint_care::label,
        "gives a checkpoint a label, or takes it away (`label`, or `{\"label\":…}`)",
        query [checkpoint_care::LABEL], body optional_json::<checkpoint_care::LabelBody>(),
        answer json::<checkpoint_care::CheckpointMarks>();
    GET Read "/api/v1/replays" replays::list, "the replays of this run of the daemon, the newest first",
        answer json::<ReplayList>();
    POST Operate "/api/v1/replays" replays::create,
        "learns a range of a stream's log again in a learner of its own, behind everything else (`{\"stream\":…}`)",
        body json::<ReplaySpec>(), answer begun::<Replay>();
    GET Read "/api/v1/replays/{id}" replays::show, "how far a replay has come, and how well it goes",
        answer json::<Replay>();
    DELETE Operate "/api/v1/replays/{id}" replays::delete, "stops a replay, and forgets it",
        answer Content::Nothing;
    GET open "/v2" inference::server, "what serves here, by the Open Inference Protocol", answer JSON;
    GET open "/v2/health/live" inference::live, "whether the daemon works", answer JSON;
    GET open "/v2/health/ready" inference::ready, "whether all streams are restored", answer JSON;
    GET Read "/v2/models/{stream}" inference::model, "a stream as a model: its fields as tensors", answer JSON;
    GET Read "/v2/models/{stream}/ready" inference::model_ready, "whether a stream learns", answer JSON;
    GET Read "/v2/models/{stream}/stats" inference::statistics, "how many events of a stream were predicted",
        answer JSON;
    POST Read "/v2/models/{stream}/infer" inference::infer,
        "what is expected of the fields that are no input; `sequence_id` is the key", body JSON, answer JSON;
    GET Read "/v2/models/{stream}/versions/{version}" inference::model,
        "a version of a model: the number of its stream", answer JSON;
    GET Read "/v2/models/{stream}/versions/{version}/ready" inference::model_ready, "whether that version learns",
        answer JSON;
    GET Read "/v2/models/{stream}/versions/{version}/stats" inference::statistics, "how many events of that version were predicted",
        answer JSON;
    POST Read "/v2/models/{stream}/versions/{version}/infer" inference::infer,
        "what that version expects of the fields that are no input", body JSON, answer JSON;
    GET Operate "/api/v1/audit" undo::audit_log, "what operators did (`limit`)",
        query [undo::AUDIT_LIMIT], answer json::<undo::Operations>();
}

/// The OpenAPI document of the HTTP interface.
pub fn document() -> &'static Value {
    openapi::document(ENDPOINTS)
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
        .layer(Extension(ENDPOINTS))
        .layer(from_fn_with_state((hub.clone(), ENDPOINTS), guard::check_origin))
        .layer(from_fn(guard::check_address))
        .layer(map_response(problem::tell_as_problem))
        .layer(from_fn(inference::tell_errors))
        .layer(map_response(guard::secure))
        .with_state(hub)
}
