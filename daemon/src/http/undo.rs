//! Undo over HTTP: what operators do to streams and checkpoints. Each operation is written into the audit log.

use super::checkpoints::find_checkpoint;
use super::operator::{Who, audit};
use super::parameter::Parameter;
use super::problem::ProblemResponse;
use super::query::Query;
use crate::forgetting::Forgotten;
use crate::hub::Hub;
use crate::relearning::RelearnError;
use crate::undo::{Changed, SchemaChange, StreamChange, UndoError, change};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use surmise_config::check_stream_name;
use surmise_event::{Refusal, RefusalCode, parse_time};
use surmise_store::AuditEntry;

/// Entries of the audit log that are answered, unless the query says how many.
const AUDIT_ENTRIES_DEFAULT: usize = 100;
/// Entries that a query may ask for.
const AUDIT_ENTRIES_MAX: usize = 10_000;

/// Whether nothing is kept of a stream that is deleted.
pub const FOR_GOOD: Parameter = Parameter::flag("for_good", "whether the stream goes for good, and cannot come back");
/// Which of the streams that were replaced is to come back.
pub const INCARNATION: Parameter = Parameter::number(
    "incarnation",
    (0, u32::MAX as usize),
    None,
    "which incarnation is to come back; the latest if it is left out",
);
/// Another name of a stream.
pub const TO: Parameter = Parameter::text("to", "how the stream is to be called").required();
/// How many operations to list.
pub const AUDIT_LIMIT: Parameter =
    Parameter::number("limit", (1, AUDIT_ENTRIES_MAX), Some(AUDIT_ENTRIES_DEFAULT), "how many operations to list");

/// What operators did.
#[derive(Serialize, JsonSchema)]
pub struct Operations {
    /// The latest operations, the oldest first.
    operations: Vec<AuditEntry>,
    /// Lines of the audit log that are damaged.
    damaged: u64,
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
) -> Result<Response, ProblemResponse> {
    made(&hub, &who, "stream reset", &stream, String::new(), StreamChange::Reset).await
}

/// `POST /api/v1/streams/{stream}/delete?for_good=`: the stream goes; it is kept for a while, unless it goes for good.
pub async fn delete(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path(stream): Path<String>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let for_good = query.flag(&FOR_GOOD).unwrap_or_default();
    let parameters = if for_good { " for good" } else { "" }.to_owned();
    made(&hub, &who, "stream delete", &stream, parameters, StreamChange::Delete { for_good }).await
}

/// `POST /api/v1/streams/{stream}/undo?incarnation=`: the stream that was reset, restored, learnt again or deleted
/// comes back as it ended.
pub async fn bring_back(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path(stream): Path<String>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let wanted = query.number(&INCARNATION).map(|number| number as u32);
    let parameters = wanted.map_or(String::new(), |epoch| format!(" to incarnation {epoch}"));
    made(&hub, &who, "stream undo", &stream, parameters, StreamChange::BringBack(wanted)).await
}

/// `POST /api/v1/streams/{stream}/rename?to=`: the stream gets another name.
pub async fn rename(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path(stream): Path<String>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let to = query.get(&TO).unwrap_or_default();
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
    body: Bytes,
) -> Result<Response, ProblemResponse> {
    let read = serde_json::from_slice::<SchemaChange>(&body);
    let asked = read.map_err(|e| ProblemResponse::bad_request("body", format!("the change cannot be read: {e}")))?;
    if asked.fields.is_empty() && asked.closed.is_none() {
        let detail = "say what is to change: fields, each with name and kind, or closed";
        return Err(ProblemResponse::bad_request("body", detail));
    }
    let kinds = asked.fields.iter().map(|field| format!(" {}:{}", field.name, field.kind.name()));
    let closed = asked.closed.map_or(String::new(), |closed| format!(" closed={closed}"));
    let new_fields = if asked.new_fields { " new_fields" } else { "" };
    let parameters = kinds.collect::<String>() + &closed + new_fields;
    made(&hub, &who, "stream schema", &stream, parameters, StreamChange::Schema(asked)).await
}

/// What is to be forgotten of a stream: the events that all of this holds of.
#[derive(Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgetBody {
    /// The offset of the first event.
    #[serde(default)]
    from: Option<u64>,
    /// The offset after the last event.
    #[serde(default)]
    to: Option<u64>,
    /// The time of the first event, RFC 3339.
    #[serde(default)]
    since: Option<String>,
    /// The time after the last event, RFC 3339.
    #[serde(default)]
    until: Option<String>,
    /// The key of the events.
    #[serde(default)]
    key: Option<String>,
}

/// A time of a body, in microseconds since 1970.
fn time_of(name: &str, text: Option<&String>) -> Result<Option<i64>, ProblemResponse> {
    let parsed = text.map(|text| parse_time(text)).transpose();
    parsed.map_err(|e| ProblemResponse::bad_request(name, e.to_string()))
}

/// `POST /api/v1/streams/{stream}/forget`: the stream becomes what it would be if it had never seen some of its events.
pub async fn forget(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path(stream): Path<String>,
    body: Bytes,
) -> Result<Response, ProblemResponse> {
    let (forgotten, parameters) = read_forgotten(&body)?;
    made(&hub, &who, "stream forget", &stream, parameters, StreamChange::Forget(forgotten)).await
}

/// Reads what is to be forgotten, and how the audit log says it.
///
/// # Errors
/// The body cannot be read, or says nothing.
pub fn read_forgotten(body: &[u8]) -> Result<(Forgotten, String), ProblemResponse> {
    let read = serde_json::from_slice::<ForgetBody>(body);
    let asked = read.map_err(|e| ProblemResponse::bad_request("body", format!("it cannot be read: {e}")))?;
    if asked == ForgetBody::default() {
        let detail = "say what to forget: a key, an interval of offsets (from, to) or of times (since, until)";
        return Err(ProblemResponse::bad_request("body", detail));
    }
    let (since_us, until_us) = (time_of("since", asked.since.as_ref())?, time_of("until", asked.until.as_ref())?);
    let said = [
        asked.from.map(|from| format!(" from {from}")),
        asked.to.map(|to| format!(" to {to}")),
        asked.since.map(|since| format!(" since {since}")),
        asked.until.map(|until| format!(" until {until}")),
        asked.key.as_ref().map(|_| " of a key".to_owned()),
    ];
    let parameters = said.into_iter().flatten().collect();
    Ok((Forgotten { from: asked.from, to: asked.to, since_us, until_us, key: asked.key }, parameters))
}

/// `POST /api/v1/checkpoints/{stream}/{generation}/restore`: the stream goes back to a checkpoint.
pub async fn restore(
    State(hub): State<Arc<Hub>>,
    who: Who,
    Path((stream, named)): Path<(String, String)>,
) -> Result<Response, ProblemResponse> {
    let generation = match named.parse() {
        Ok(generation) => generation,
        Err(_) => find_checkpoint(&hub, &stream, &named)?.1.generation,
    };
    let asked = StreamChange::Restore(generation);
    made(&hub, &who, "checkpoint restore", &stream, format!(" to {generation}"), asked).await
}

/// `GET /api/v1/audit`: the latest operations.
pub async fn audit_log(State(hub): State<Arc<Hub>>, query: Query) -> Result<Response, ProblemResponse> {
    let many = query.number(&AUDIT_LIMIT).unwrap_or(AUDIT_ENTRIES_DEFAULT);
    let store = hub.store().ok_or_else(ProblemResponse::shutting_down)?;
    let read = tokio::task::spawn_blocking(move || store.audit.read(many)).await;
    match read {
        Ok(Ok(read)) => Ok(Json(Operations { operations: read.entries, damaged: read.damaged }).into_response()),
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
            UndoError::NothingToForget(_) => (404, "no such events"),
            UndoError::NoRoom { .. } => (507, "disk full"),
            UndoError::NotWhole { .. } => (409, "not whole"),
            UndoError::KeysGone(_) => (409, "states of keys are gone"),
            UndoError::NameTaken(_) => (409, "name taken"),
            UndoError::Failed => (409, "stream failed"),
            UndoError::Relearn(RelearnError::LogNotWhole(_)) => (409, "log not whole"),
            UndoError::Relearn(RelearnError::EarlierNumbers { .. } | RelearnError::UnclearNumbers(_)) => {
                (409, "other numbers")
            }
            UndoError::Relearn(RelearnError::Dependent { .. }) => (409, "kept events depend on it"),
            UndoError::Store(e) | UndoError::Relearn(RelearnError::Store(e)) if e.is_no_room() => (507, "disk full"),
            UndoError::ClosedWithoutFields(_)
            | UndoError::UnknownField { .. }
            | UndoError::NothingFits { .. }
            | UndoError::Relearn(RelearnError::Schema(_)) => (422, "schema refused"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_room_is_told_with_both_figures() {
        let error = UndoError::NoRoom { stream: "s".into(), needed_bytes: 4096, free_bytes: 1024 };
        let answer = ProblemResponse::from(error);
        let told = format!("{answer:?}");
        assert!(told.contains("4096 bytes") && told.contains("1024 are free"), "{told}");
        assert_eq!(answer.into_response().status(), 507);
    }
}
