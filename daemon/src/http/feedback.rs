//! `POST /api/v1/streams/{stream}/feedback`: what people say of incidents.

use super::events::learn_line;
use super::problem::ProblemResponse;
use super::streams::find;
use crate::hub::Hub;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use surmise_event::{Data, Feedback, FeedbackVerdict, Record};
use surmise_protocol::EventLine;

/// What is said of an incident.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackBody {
    /// The offset of an event of the incident.
    // what others call the number that a verdict is about
    #[serde(alias = "prediction_id")]
    offset: u64,
    /// Whether the incident mattered.
    #[serde(default)]
    verdict: Option<FeedbackVerdict>,
    /// A label, which later incidents of the kind are told with. An empty one takes the label away.
    #[serde(default)]
    label: Option<Box<str>>,
    /// The incarnation of the stream that the offset is of, as the incident tells it; if it is another one by now,
    /// nothing is learnt.
    #[serde(default, alias = "generation")]
    incarnation: Option<u32>,
}

/// What was learnt of it.
#[derive(Serialize, JsonSchema)]
pub struct FeedbackTaken {
    /// The name of the stream.
    stream: String,
    /// What was said.
    feedback: Feedback,
}

/// Learns what is said of an incident; answered when it is durable.
pub async fn feedback(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    body: Bytes,
) -> Result<Response, ProblemResponse> {
    let feedback = read_feedback(&body)?;
    // nothing begins with feedback
    let view = find(&hub, &stream)?;
    let bytes = line_of(&feedback)?;
    // the owner knows which incarnation it is when it learns this
    learn_line(hub, &view.name, bytes).await?;
    Ok(Json(FeedbackTaken { stream, feedback }).into_response())
}

/// Reads what is said of an incident.
///
/// # Errors
/// The body is no feedback, or says nothing.
pub fn read_feedback(body: &[u8]) -> Result<Feedback, ProblemResponse> {
    let read = serde_json::from_slice::<FeedbackBody>(body);
    let FeedbackBody { offset, verdict, label, incarnation } =
        read.map_err(|e| ProblemResponse::bad_request("body", format!("it cannot be read: {e}")))?;
    let feedback = Feedback { offset, verdict, label, incarnation };
    match feedback.fault() {
        Some((part, fault)) => Err(ProblemResponse::bad_request(part, fault)),
        None => Ok(feedback),
    }
}

/// Feedback as a line of the protocol.
///
/// # Errors
/// It has no such line.
pub fn line_of(feedback: &Feedback) -> Result<Vec<u8>, ProblemResponse> {
    let data = Data::Feedback(Box::new(feedback.clone()));
    let line = EventLine { record: Record { data, ..Record::default() }, ..EventLine::default() };
    let mut bytes = Vec::new();
    line.write_line(&mut bytes).map_err(|refusal| ProblemResponse::refusal(400, refusal))?;
    Ok(bytes)
}
