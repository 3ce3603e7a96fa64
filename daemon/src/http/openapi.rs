//! The OpenAPI document of `/api/v1`, made from the table of endpoints and from the types of bodies and answers.

use super::cloud_events::{self, CloudEventBody};
use super::endpoint::{Content, Endpoint};
use super::parameter::{NO, Parameter, ParameterValues, YES};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use schemars::transform::ReplaceBoolSchemas;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;
use surmise_protocol::Problem;

/// The beginning of the paths that the document is about.
const ROOT: &str = "/api/v1/";
/// Where the document has its types.
const TYPES: &str = "/components/schemas";

/// What the document says of the interface as a whole.
const ABOUT: &str = "What surmise is asked, sent and told over HTTP. Every error is a problem of RFC 9457, whose \
                     `detail` says what to do; one that passes by itself comes with `Retry-After`. Numbers of `seq`, \
                     `offset` and `generation` are whole numbers up to 2^64 - 1.";

/// The document, which is the same for everybody.
static DOCUMENT: OnceLock<Value> = OnceLock::new();

/// The document of the endpoints that the daemon has.
pub fn document(endpoints: &'static [Endpoint]) -> &'static Value {
    DOCUMENT.get_or_init(|| make(endpoints))
}

/// `GET /api/v1/openapi.json`: the document.
pub async fn openapi(Extension(endpoints): Extension<&'static [Endpoint]>) -> Response {
    Json(document(endpoints)).into_response()
}

/// The endpoints that the document is about.
pub fn documented(endpoints: &'static [Endpoint]) -> impl Iterator<Item = &'static Endpoint> {
    endpoints.iter().filter(|endpoint| endpoint.path.starts_with(ROOT))
}

/// The subject of an endpoint, under which documents list it: the first part of its path.
pub fn subject(endpoint: &Endpoint) -> &'static str {
    let rest = endpoint.path.strip_prefix(ROOT).unwrap_or_default();
    match rest.split(['/', '.']).next() {
        Some(subject @ ("streams" | "checkpoints" | "producers" | "replays")) => subject,
        Some(_) | None => "daemon",
    }
}

fn make(endpoints: &'static [Endpoint]) -> Value {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.definitions_path = TYPES.into();
    settings.meta_schema = None;
    // readers of OpenAPI expect objects
    settings.transforms.push(Box::new(ReplaceBoolSchemas::default()));
    let mut types = SchemaGenerator::new(settings);
    let mut paths = Map::new();
    for endpoint in documented(endpoints) {
        let operation = operation(endpoint, &mut types);
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.to_lowercase()] = operation;
    }
    let problem = types.subschema_for::<Problem>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "surmise",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "MIT or Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "the daemon that serves this document" }],
        "tags": [
            { "name": "streams", "description": "what streams are told and asked" },
            { "name": "checkpoints", "description": "states of streams that are kept" },
            { "name": "replays", "description": "ranges of a stream's own log that are learnt again, beside it" },
            { "name": "producers", "description": "who sends events" },
            { "name": "daemon", "description": "all streams at once, and the daemon itself" },
        ],
        "paths": paths,
        "components": {
            "schemas": types.take_definitions(true),
            "responses": { "Problem": {
                "description": "the request was refused, or could not be answered",
                "headers": { "Retry-After": {
                    "description": "seconds after which to ask again, where that may help (429, 503 and 507)",
                    "schema": { "type": "integer", "minimum": 0 },
                } },
                "content": { "application/problem+json": { "schema": problem } },
            } },
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "a token of the configuration (`auth`), where it asks for one",
            } },
        },
    })
}

fn operation(endpoint: &Endpoint, types: &mut SchemaGenerator) -> Value {
    let parameters: Vec<Value> =
        path_parameters(endpoint.path).chain(endpoint.query.iter().map(query_parameter)).collect();
    let all = if endpoint.is_of_whole_daemon() { ", and has to be good for all streams" } else { "" };
    let role = endpoint.role.map_or(String::new(), |role| format!(" A token needs the role `{}`{all}.", role.name()));
    let security = if endpoint.role.is_some() { json!([{ "token": [] }]) } else { json!([]) };
    let answered = match endpoint.answer {
        Content::Nothing => json!({ "description": "it is done" }),
        Content::Begun(_) => {
            let place =
                json!({ "description": "where it is told how far it has come", "schema": { "type": "string" } });
            let content = content(endpoint.answer, types);
            json!({ "description": "it has begun", "headers": { "Location": place }, "content": content })
        }
        Content::Json(_) | Content::OptionalJson(_) | Content::Events | Content::Other(_) => {
            json!({ "description": "the answer", "content": content(endpoint.answer, types) })
        }
    };
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "tags": [subject(endpoint)],
        "summary": endpoint.about,
        "description": format!("{}.{role}", capitalised(endpoint.about)),
        "security": security,
        "responses": {
            endpoint.answer.status(): answered,
            "4XX": { "$ref": "#/components/responses/Problem" },
            "5XX": { "$ref": "#/components/responses/Problem" },
        },
    });
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    match endpoint.body {
        Some(body) => {
            let is_required = !endpoint.may_lack_body();
            operation["requestBody"] = json!({ "required": is_required, "content": content(body, types) });
        }
        None if matches!(endpoint.method, "POST" | "PUT") => operation["requestBody"] = nothing(),
        None => {}
    }
    operation
}

/// The body of a request that posts nothing. One that is there has a type, which pages of other origins cannot send.
fn nothing() -> Value {
    let about = "Nothing: leave it out. A body is not read, but its type is looked at, so that no form can ask.";
    json!({ "required": false, "description": about, "content": { "application/json": { "schema": {} } } })
}

/// A name for an endpoint that programs can use: its method and the parts of its path.
fn operation_id(endpoint: &Endpoint) -> String {
    let rest = endpoint.path.strip_prefix(ROOT).unwrap_or_default();
    let parts = rest.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.fold(endpoint.method.to_lowercase(), |id, part| id + "_" + part)
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn content(content: Content, types: &mut SchemaGenerator) -> Value {
    match content {
        Content::Json(schema) | Content::OptionalJson(schema) | Content::Begun(schema) => {
            json!({ "application/json": { "schema": schema(types) } })
        }
        Content::Nothing => json!({}),
        Content::Other(kind @ "application/json") => json!({ kind: { "schema": { "type": "object" } } }),
        Content::Other(kind @ "application/octet-stream") => json!({ kind: {} }),
        // one event may be sent as plain JSON
        Content::Events => {
            let about = "one event: a value, or an object with `data`, `key`, `time`, and `id` or `seq`";
            let lines = json!({ "type": "string", "description": "one event a line" });
            let cloud_event = types.subschema_for::<CloudEventBody>();
            json!({
                "application/json": { "schema": { "description": about } },
                "application/x-ndjson": { "schema": lines },
                (cloud_events::ONE_EVENT): { "schema": cloud_event },
                (cloud_events::EVENTS): { "schema": { "type": "array", "items": cloud_event } },
            })
        }
        Content::Other(kind) => json!({ kind: { "schema": { "type": "string" } } }),
    }
}

/// The parameters of a path: its parts in braces.
fn path_parameters(path: &'static str) -> impl Iterator<Item = Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| {
        let number = || json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX });
        let text = || json!({ "type": "string", "minLength": 1 });
        let (about, example, schema) = match name {
            "generation" => {
                ("the number of a checkpoint, or its label", json!(1), json!({ "anyOf": [number(), text()] }))
            }
            "id" => ("the number of a replay", json!(1), number()),
            "offset" => ("the offset of an event", json!(0), number()),
            "producer" => ("the name of a producer", json!("web-7"), text()),
            _ => ("the name of a stream", json!("web"), text()),
        };
        json!({
            "name": name, "in": "path", "required": true, "description": about, "example": example, "schema": schema,
        })
    })
}

fn query_parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.values {
        ParameterValues::Text => json!({ "type": "string" }),
        ParameterValues::Flag => json!({ "type": "string", "enum": YES.iter().chain(&NO).collect::<Vec<_>>() }),
        ParameterValues::OneOf(words) => json!({ "type": "string", "enum": words }),
        ParameterValues::Number { low, high, default } => {
            let mut schema = json!({ "type": "integer", "minimum": low, "maximum": high });
            if let Some(default) = default {
                schema["default"] = default.into();
            }
            schema
        }
    };
    json!({
        "name": parameter.name,
        "in": "query",
        "required": parameter.is_required,
        "description": parameter.about,
        "schema": schema,
    })
}
