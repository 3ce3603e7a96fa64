//! The question about the rest of an event of which some fields are known.

use super::answer::{AnswerSize, question_permit};
use super::problem::ProblemResponse;
use super::query::Query;
use super::rows::now_us;
use super::streams::{Cost, StreamPrediction, as_of, cost_of, predict, top_of};
use crate::directory::Snapshot;
use crate::hub::Hub;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;
use std::borrow::Cow;
use std::sync::Arc;
use surmise_event::Record;
use surmise_protocol::{EventLine, ProducerLine, parse_json};

/// The event of a body, as documents describe it. It is read like an event that is sent.
pub struct EventBody;

impl JsonSchema for EventBody {
    fn schema_name() -> Cow<'static, str> {
        "EventBody".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let numbers = json!({ "type": "array", "items": { "type": "number" } });
        let value = json!({ "anyOf": [{ "type": ["string", "number", "boolean", "null"] }, numbers] });
        let event = json!({
            "type": "object",
            "required": ["data"],
            "properties": {
                "stream": { "type": "string", "description": "The stream; that of the path, if it is there." },
                "key": { "type": "string", "description": "The key of the event, if it has one." },
                "time": {
                    "type": ["string", "number"],
                    "description": "The time of the event, RFC 3339 or seconds since 1970.",
                },
                "data": {
                    "type": "object",
                    "description": "The fields that are known; the answer is about the others.",
                    "additionalProperties": value,
                },
            },
            "additionalProperties": false,
        });
        let fields = json!({
            "type": "object",
            "description": "The fields that are known, where no key of an event is among their names.",
            "additionalProperties": value,
        });
        json_schema!({
            "description": "An event as it would be sent, without the fields that are asked about.",
            "anyOf": [event, fields],
        })
    }
}

/// `POST /api/v1/streams/{stream}/predict`: what is expected of the fields that the event of the body does not have,
/// given those that it has. Of a stream with a target that is the target. Nothing is learnt.
pub async fn rest(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    query: Query,
    body: Bytes,
) -> Result<Response, ProblemResponse> {
    let top = top_of(&query);
    let given = Record { arrival_us: Some(now_us(&hub)), ..event_of(&body, &stream)? };
    let limits = hub.config.limits.record();
    let question = move |snapshot: &Snapshot| snapshot.learner.predict_given(&given, &limits, top).transpose();
    let cost = cost_of(top);
    let _permit = if cost == Cost::Long { Some(question_permit(&hub).await?) } else { None };
    let (answer, _) = predict(&hub, &stream, as_of(&query), cost, AnswerSize { horizon: 1, top }, question).await?;
    let prediction = answer.map_err(|refusal| ProblemResponse::refusal(400, refusal))?;
    Ok(Json(StreamPrediction { stream, prediction }).into_response())
}

/// The event of a body, as it would be sent.
fn event_of(body: &[u8], stream: &str) -> Result<Record, ProblemResponse> {
    let refused = |refusal| ProblemResponse::refusal(400, refusal);
    match parse_json(body.trim_ascii()).map_err(refused)? {
        ProducerLine::Event(EventLine { stream: Some(named), .. }) if named != stream => {
            let detail = format!("the event says {named:?}, and the path {stream:?}");
            Err(ProblemResponse::bad_request("stream", detail))
        }
        ProducerLine::Event(EventLine { record: Record { end: true, .. }, .. }) => {
            Err(ProblemResponse::bad_request("end", "of a key's end nothing is left to be asked"))
        }
        ProducerLine::Event(line) => Ok(line.record),
        ProducerLine::Hello(_) => {
            let detail = "send the event that is asked about, as {\"key\":…,\"data\":{…}}, without what is asked";
            Err(ProblemResponse::bad_request("body", detail))
        }
    }
}
