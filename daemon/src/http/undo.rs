//! Undo over HTTP: what operators do to streams and checkpoints. Each operation is written into the audit log.

use super::problem::ProblemResponse;
use super::query::Query;
use crate::access::Grant;
use crate::hub::Hub;
use crate::relearning::RelearnError;
use crate::undo::{Changed, SchemaChange, StreamChange, UndoError, change};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;
use surmise_config::check_stream_name;
use surmise_event::{Refusal, RefusalCode, format_time};
use surmise_store::AuditEntry;

/// Entries of the audit log that are answered, unless the query says how many.
const AUDIT_ENTRIES_DEFAULT: usize = 100;
/// Entries that a query may ask for.
const AUDIT_ENTRIES_MAX: usize = 10_000;

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

/// Writes an operation into the audit log. What cannot be written there is said in the daemon's log.
pub fn audit(hub: &Hub, who: &Who, what: &str, about: String, result: String) {
    let time = format_time(crate::clock::now_us());
    let entry = AuditEntry { time, who: who.0.name().to_owned(), what: what.into(), about, result };
    tracing::info!("{} by {}: {}: {}", entry.what, entry.who, entry.about, entry.result);
    if let Some(store) = hub.store()
        && let Err(e) = store.audit.append(&entry)
    {
        tracing::error!("{e}");
    }
}

async fn made(
    hub: &Arc<Hub>,
    who: &Who,
    what: &str,
    stream: &str,
    parameters: String,
    asked: StreamChange,
) -> Result<Response, ProblemResponse> {
    who.0.check_stream(stream)?;
    if let StreamChange::Rename(to) = &asked {
        who.0.check_stream(to)?;
    }
    let changed = change(hub, stream, asked).await;
    let result = match &changed {
        Ok(Changed { stream, epoch, offset_before, offset, .. }) => match epoch {
            Some(epoch) => format!("done: {stream} is incarnation {epoch}, offset {offset_before} became {offset}"),
            None => format!("done: {stream} is gone, with {offset_before} events"),
        },
        Err(e) => format!("refused: {e}"),
    };
    audit(hub, who, what, format!("{stream}{parameters}"), result);
    Ok(Json(changed?).into_response())
}

/// `POST /api/v1/streams/{stream}/reset`: the stream begins anew; its producers go on where they are.
pub async fn reset(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path(stream): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, ProblemResponse> {
    Query::read(raw.as_deref(), &[])?;
    made(&hub, &who, "stream reset", &stream, String::new(), StreamChange::Reset).await
}

/// `POST /api/v1/streams/{stream}/delete?for_good=`: the stream goes; it is kept for a while, unless it goes for good.
pub async fn delete(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path(stream): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, ProblemResponse> {
    let query = Query::read(raw.as_deref(), &["for_good"])?;
    let for_good = match query.get("for_good") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ProblemResponse::bad_request("for_good", "write true or false")),
    };
    let parameters = if for_good { " for good" } else { "" }.to_owned();
    made(&hub, &who, "stream delete", &stream, parameters, StreamChange::Delete { for_good }).await
}

/// `POST /api/v1/streams/{stream}/undo?incarnation=`: the stream that was reset, restored, learnt again or deleted
/// comes back as it ended.
pub async fn bring_back(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path(stream): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, ProblemResponse> {
    let query = Query::read(raw.as_deref(), &["incarnation"])?;
    let wanted = query.get("incarnation").map(|text| text.parse::<u32>());
    let wanted = wanted.transpose().map_err(|_| ProblemResponse::bad_request("incarnation", "write a number"))?;
    let parameters = wanted.map_or(String::new(), |epoch| format!(" to incarnation {epoch}"));
    made(&hub, &who, "stream undo", &stream, parameters, StreamChange::BringBack(wanted)).await
}

/// `POST /api/v1/streams/{stream}/rename?to=`: the stream gets another name.
pub async fn rename(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path(stream): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, ProblemResponse> {
    let query = Query::read(raw.as_deref(), &["to"])?;
    let to = query.get("to").ok_or_else(|| ProblemResponse::bad_request("to", "say how the stream is to be called"))?;
    if let Err(fault) = check_stream_name(to, hub.config.limits.name_bytes.0 as usize) {
        return Err(ProblemResponse::refusal(400, Refusal::new(RefusalCode::BadStream, "to", fault.to_string())));
    }
    made(&hub, &who, "stream rename", &stream, format!(" to {to}"), StreamChange::Rename(to.into())).await
}

/// `POST /api/v1/streams/{stream}/schema`: the stream's log is learnt again under another schema, which the body
/// tells.
pub async fn schema(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path(stream): Path<String>,
    RawQuery(raw): RawQuery,
    body: Bytes,
) -> Result<Response, ProblemResponse> {
    Query::read(raw.as_deref(), &[])?;
    let read = serde_json::from_slice::<SchemaChange>(&body);
    let asked = read.map_err(|e| ProblemResponse::bad_request("body", format!("the change cannot be read: {e}")))?;
    if asked == SchemaChange::default() {
        let detail = "say what is to change: fields, each with name and kind, or closed";
        return Err(ProblemResponse::bad_request("body", detail));
    }
    let kinds = asked.fields.iter().map(|field| format!(" {}:{}", field.name, field.kind.name()));
    let closed = asked.closed.map_or(String::new(), |closed| format!(" closed={closed}"));
    let parameters = kinds.collect::<String>() + &closed;
    made(&hub, &who, "stream schema", &stream, parameters, StreamChange::Schema(asked)).await
}

/// `POST /api/v1/checkpoints/{stream}/{generation}/restore`: the stream goes back to a checkpoint.
pub async fn restore(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path((stream, generation)): Path<(String, u64)>,
    RawQuery(raw): RawQuery,
) -> Result<Response, ProblemResponse> {
    Query::read(raw.as_deref(), &[])?;
    let asked = StreamChange::Restore(generation);
    made(&hub, &who, "checkpoint restore", &stream, format!(" to {generation}"), asked).await
}

/// `GET /api/v1/audit`: the latest operations.
pub async fn audit_log(
    State(hub): State<Arc<Hub>>,
    who: Who,
    RawQuery(raw): RawQuery,
) -> Result<Response, ProblemResponse> {
    who.0.check_all_streams()?;
    let query = Query::read(raw.as_deref(), &["limit"])?;
    let many = query.number("limit", AUDIT_ENTRIES_DEFAULT, 1, AUDIT_ENTRIES_MAX)?;
    let store = hub.store().ok_or_else(ProblemResponse::shutting_down)?;
    let read = tokio::task::spawn_blocking(move || store.audit.read(many)).await;
    match read {
        Ok(Ok(read)) => Ok(Json(json!({ "operations": read.entries, "damaged": read.damaged })).into_response()),
        Ok(Err(e)) => Err(ProblemResponse::new(500, "store failed", e.to_string())),
        Err(_) => Err(ProblemResponse::new(500, "internal error", "reading the audit log failed inside")),
    }
}

impl From<UndoError> for ProblemResponse {
    fn from(error: UndoError) -> ProblemResponse {
        let (status, title) = match &error {
            UndoError::NoStream(_) => (404, "no such stream"),
            UndoError::NoCheckpoint { .. } => (404, "no such checkpoint"),
            UndoError::NothingKept { .. } => (404, "nothing kept"),
            UndoError::NotWhole { .. } => (409, "not whole"),
            UndoError::KeysGone(_) => (409, "states of keys are gone"),
            UndoError::NameTaken(_) => (409, "name taken"),
            UndoError::Failed => (409, "stream failed"),
            UndoError::Relearn(RelearnError::LogNotWhole(_)) => (409, "log not whole"),
            UndoError::ClosedWithoutFields(_) | UndoError::Relearn(RelearnError::Schema(_)) => (422, "schema refused"),
            UndoError::Owner(_) | UndoError::NotDurable => (503, "unavailable"),
            UndoError::Relearn(_)
            | UndoError::Learner(_)
            | UndoError::Recovery(_)
            | UndoError::Store(_)
            | UndoError::Inside
            | UndoError::Uncertain(_) => (500, "not changed"),
        };
        ProblemResponse::new(status, title, error.to_string())
    }
}
