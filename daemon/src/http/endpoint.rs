//! What is known of an endpoint beside its handler.

use super::parameter::Parameter;
use axum::http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use surmise_config::AccessRole;

/// Paths of what is the daemon's as a whole: rules for other streams, and what was done to them, are in each of them.
const WHOLE_DAEMON_PATHS: [&str; 3] = ["/-/reload", "/api/v1/config", "/api/v1/audit"];

/// One endpoint, as documents list it.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// The method: `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// The path; a part in braces stands for a name or a number.
    pub path: &'static str,
    /// The role that a token needs for it; none where no token is asked for.
    pub role: Option<AccessRole>,
    /// What the endpoint does, in one clause; parameters of the query included.
    pub about: &'static str,
    /// The parameters of the query; any other is refused.
    pub query: &'static [Parameter],
    /// What is posted, if anything is.
    pub body: Option<Content>,
    /// What is answered if all goes well.
    pub answer: Content,
}

/// What a body is.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// JSON of one type.
    Json(fn(&mut SchemaGenerator) -> Schema),
    /// JSON of one type, or nothing.
    OptionalJson(fn(&mut SchemaGenerator) -> Schema),
    /// JSON of one type, about what has begun and is not done.
    Begun(fn(&mut SchemaGenerator) -> Schema),
    /// Events, in any form that they may be posted in.
    Events,
    /// Nothing.
    Nothing,
    /// Something else, by its media type.
    Other(&'static str),
}

/// JSON of a type.
pub const fn json<T: JsonSchema>() -> Content {
    Content::Json(SchemaGenerator::subschema_for::<T>)
}

/// JSON of a type, or nothing.
pub const fn optional_json<T: JsonSchema>() -> Content {
    Content::OptionalJson(SchemaGenerator::subschema_for::<T>)
}

/// JSON of a type, about what has begun and is not done.
pub const fn begun<T: JsonSchema>() -> Content {
    Content::Begun(SchemaGenerator::subschema_for::<T>)
}

/// JSON that is described elsewhere.
pub const JSON: Content = Content::Other("application/json");
/// A body of events, as lines of JSON or as CloudEvents.
pub const POSTED: Content = Content::Events;
/// An answer that never ends: server-sent events.
pub const FEED: Content = Content::Other("text/event-stream");
/// An answer that is a file of bytes.
pub const BYTES: Content = Content::Other("application/octet-stream");
/// A page for a browser.
pub const PAGE: Content = Content::Other("text/html");

impl Content {
    /// The status of an answer that is this.
    pub fn status(self) -> &'static str {
        match self {
            Content::Json(_) | Content::OptionalJson(_) | Content::Events | Content::Other(_) => "200",
            Content::Begun(_) => "202",
            Content::Nothing => "204",
        }
    }
}

impl Endpoint {
    /// The endpoint of a list that a request with this method and this pattern of a path is for.
    pub fn find(endpoints: &'static [Endpoint], method: &Method, path: Option<&str>) -> Option<&'static Endpoint> {
        // the head of an answer is asked for like the answer
        let method = if method == Method::HEAD { &Method::GET } else { method };
        endpoints.iter().find(|endpoint| endpoint.method == method && Some(endpoint.path) == path)
    }

    /// Whether it tells of the daemon as a whole, or changes it: then a token that is good for some streams alone does
    /// not open it, whatever its roles. What tells of one stream, or of those that a token is good for, is no such one.
    pub fn is_of_whole_daemon(&self) -> bool {
        WHOLE_DAEMON_PATHS.contains(&self.path)
    }

    /// Whether it can be asked without a body.
    pub fn may_lack_body(&self) -> bool {
        matches!(self.body, None | Some(Content::OptionalJson(_)))
    }

    /// Whether it serves probes and operators.
    pub fn is_operation(&self) -> bool {
        matches!(self.role, None | Some(AccessRole::Operate)) || self.path == "/metrics"
    }
}
