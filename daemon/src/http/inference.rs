//! `/v2`: the read side of the Open Inference Protocol, version 2, so that tools for serving models can ask.
//!
//! A stream is a model. Its inputs are the fields of an event that are known, its outputs what is expected of the
//! others; `sequence_id` is the key. Nothing is learnt. Errors are `{"error":"…"}`, as the protocol has them.

use super::answer::AnswerSize;
use super::problem::ProblemResponse;
use super::rows::now_us;
use super::streams::{AsOf, cost_of, find, predict};
use crate::directory::{Snapshot, StreamView};
use crate::hub::Hub;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_event::{Data, Datum, Expected, FieldKind, Prediction, Record, Schema};
use surmise_protocol::Problem;

/// Symbols of a field that are given.
const SYMBOLS: usize = 5;
/// Bytes of the longest error that is translated.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// The head of a request whose values follow its JSON as bytes.
const BINARY_HEAD_LENGTH: &str = "inference-header-content-length";

/// What is asked.
#[derive(Deserialize)]
struct InferRequest {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
    #[serde(default)]
    inputs: Vec<InputTensor>,
    #[serde(default)]
    outputs: Vec<WantedTensor>,
}

/// A value that is known.
#[derive(Deserialize)]
struct InputTensor {
    name: String,
    /// The lengths of its sides.
    shape: Option<Vec<i64>>,
    data: Value,
}

/// A field that is asked about.
#[derive(Deserialize)]
struct WantedTensor {
    name: String,
}

/// Something that is answered.
#[derive(Debug, PartialEq, Serialize)]
struct OutputTensor {
    name: String,
    datatype: &'static str,
    shape: Vec<usize>,
    data: Vec<Value>,
}

impl OutputTensor {
    fn new(name: String, datatype: &'static str, data: Vec<Value>) -> OutputTensor {
        OutputTensor { name, datatype, shape: vec![data.len()], data }
    }
}

/// `GET /v2`: what serves here.
pub async fn server() -> Response {
    let extensions = ["sequence(string_id)", "statistics", "surmise.streams"];
    Json(json!({ "name": "surmise", "version": env!("CARGO_PKG_VERSION"), "extensions": extensions })).into_response()
}

/// `GET /v2/health/live`: whether the daemon works.
pub async fn live(State(hub): State<Arc<Hub>>) -> Response {
    health("live", !hub.fault.is_set())
}

/// `GET /v2/health/ready`: whether all streams are restored.
pub async fn ready(State(hub): State<Arc<Hub>>) -> Response {
    health("ready", hub.is_ready())
}

fn health(name: &str, holds: bool) -> Response {
    let code = if holds { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(json!({ name: holds }))).into_response()
}

/// The model that a path names.
#[derive(Deserialize)]
pub struct ModelPath {
    stream: String,
    version: Option<String>,
}

impl ModelPath {
    /// The stream of that name, if it is of the version that is asked for.
    fn find(&self, hub: &Hub) -> Result<Arc<StreamView>, ProblemResponse> {
        let view = find(hub, &self.stream)?;
        let is_other = |version: &String| *version != view.number.to_string();
        match self.version.as_ref().filter(|version| is_other(version)) {
            None => Ok(view),
            Some(version) => {
                let detail = format!("the stream {:?} has version {}, not {version}", self.stream, view.number);
                Err(ProblemResponse::new(404, "unknown version", detail).at("version", None))
            }
        }
    }
}

/// `GET /v2/models/{stream}`: a stream as a model.
pub async fn model(State(hub): State<Arc<Hub>>, Path(path): Path<ModelPath>) -> Result<Response, ProblemResponse> {
    let view = path.find(&hub)?;
    let schema = view.schema.load();
    let version = view.number.to_string();
    let answer = json!({
        "name": path.stream, "versions": [version], "platform": "surmise",
        "inputs": tensors(&schema), "outputs": tensors(&schema),
    });
    Ok(Json(answer).into_response())
}

/// `GET /v2/models/{stream}/ready`: whether a stream learns.
pub async fn model_ready(
    State(hub): State<Arc<Hub>>,
    Path(path): Path<ModelPath>,
) -> Result<Response, ProblemResponse> {
    let view = path.find(&hub)?;
    Ok(health("ready", view.failed.load().is_none()))
}

/// `GET /v2/models/{stream}/stats`: how many events of a stream were predicted, each once, before it was learnt.
pub async fn statistics(State(hub): State<Arc<Hub>>, Path(path): Path<ModelPath>) -> Result<Response, ProblemResponse> {
    let view = path.find(&hub)?;
    let events = view.offset.load(Ordering::Relaxed);
    let statistics = json!({
        "name": path.stream, "version": view.number.to_string(),
        "inference_count": events, "execution_count": events,
    });
    Ok(Json(json!({ "model_stats": [statistics] })).into_response())
}

/// The fields of a stream as tensors.
fn tensors(schema: &Schema) -> Vec<Value> {
    let tensor = |name: &str, kind: FieldKind| json!({ "name": name, "datatype": datatype(kind), "shape": [-1] });
    schema.fields.iter().map(|field| tensor(&field.name, field.kind)).collect()
}

fn datatype(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Number | FieldKind::Gap => "FP64",
        FieldKind::Category | FieldKind::Text | FieldKind::Byte | FieldKind::Line => "BYTES",
    }
}

/// `POST /v2/models/{stream}/infer`: what is expected of the fields that are not given, or of those that are asked
/// about.
pub async fn infer(
    State(hub): State<Arc<Hub>>,
    Path(path): Path<ModelPath>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ProblemResponse> {
    if headers.contains_key(BINARY_HEAD_LENGTH) {
        let detail = "values are read from JSON alone; send them in data, without the binary extension (in tritonclient: \
                      set_data_from_numpy(…, binary_data=False), and InferRequestedOutput(…, binary_data=False))";
        return Err(ProblemResponse::bad_request("inputs", detail));
    }
    let view = path.find(&hub)?;
    let stream = path.stream;
    let InferQuestion { id, known, outputs } = read_question(&body)?;
    let record = Record { arrival_us: Some(now_us(&hub)), ..known };
    let version = view.number.to_string();
    let limits = hub.config.limits.record();
    let question = move |snapshot: &Snapshot| snapshot.learner.predict_given(&record, &limits, SYMBOLS).transpose();
    let size = AnswerSize { horizon: 1, top: SYMBOLS };
    let (answer, _) = predict(&hub, &stream, AsOf::Acknowledged, cost_of(SYMBOLS), size, question).await?;
    let prediction = answer.map_err(|refusal| ProblemResponse::refusal(400, refusal))?;
    let wanted: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
    let outputs = answered(&prediction, &wanted)?;
    let mut answer = json!({ "model_name": stream, "model_version": version, "outputs": outputs });
    if let Some(id) = id {
        answer["id"] = id.into();
    }
    Ok(Json(answer).into_response())
}

/// A question, as far as it can be read without the stream.
pub struct InferQuestion {
    id: Option<String>,
    /// What is known of the event.
    pub known: Record,
    outputs: Vec<WantedTensor>,
}

/// Reads a question.
///
/// # Errors
/// The body is none.
pub fn read_question(body: &[u8]) -> Result<InferQuestion, ProblemResponse> {
    let read = serde_json::from_slice::<InferRequest>(body);
    let InferRequest { id, parameters, inputs, outputs } =
        read.map_err(|e| ProblemResponse::bad_request("body", format!("the request cannot be read: {e}")))?;
    let key = match parameters.get("sequence_id") {
        None => None,
        Some(Value::String(key)) => Some(key.as_str().into()),
        Some(Value::Number(number)) => Some(number.to_string().into()),
        Some(_) => return Err(ProblemResponse::bad_request("sequence_id", "write a text or a number")),
    };
    let fields = inputs.into_iter().map(given).collect::<Result<Vec<_>, _>>()?;
    let data = if fields.is_empty() { Data::None } else { Data::Fields(fields) };
    Ok(InferQuestion { id, known: Record { key, data, ..Record::default() }, outputs })
}

/// The value of an input, which has one element.
fn given(input: InputTensor) -> Result<(Box<str>, Datum), ProblemResponse> {
    let mut value = input.data;
    // lists of lists are the same tensor written by its rows
    while let Value::Array(mut list) = value {
        if list.len() != 1 {
            let detail = format!("an event has one value of {:?}, not {}", input.name, list.len());
            return Err(ProblemResponse::bad_request(&input.name, detail));
        }
        value = list.remove(0);
    }
    if let Some(shape) = input.shape.filter(|shape| shape.iter().any(|length| *length != 1)) {
        let shape = shape.iter().take(8).map(i64::to_string).collect::<Vec<_>>().join(", ");
        let value: String = value.to_string().chars().take(40).collect();
        let detail = format!("the shape of {:?} is [{shape}], but its data is one value, {value}", input.name);
        return Err(ProblemResponse::bad_request(&input.name, detail));
    }
    let datum = match value {
        Value::Null => Datum::Null,
        Value::Bool(flag) => Datum::Bool(flag),
        Value::Number(number) => Datum::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Datum::Text(text.into()),
        Value::Array(_) | Value::Object(_) => {
            return Err(ProblemResponse::bad_request(&input.name, "an element is a text, a number or a truth value"));
        }
    };
    Ok((input.name.into(), datum))
}

/// What is expected, as tensors: of a number its mean, and its quantiles with their levels; of anything else the
/// likeliest values with their probabilities.
fn answered(prediction: &Prediction, wanted: &[&str]) -> Result<Vec<OutputTensor>, ProblemResponse> {
    if let Some(unknown) = wanted.iter().find(|name| !prediction.fields.contains_key(**name)) {
        let detail = format!("nothing is expected of {unknown:?}: it is given, or the stream has no such field");
        return Err(ProblemResponse::bad_request("outputs", detail));
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.contains(&name);
    let mut outputs = Vec::new();
    for (name, expected) in prediction.fields.iter().filter(|(name, _)| is_wanted(name)) {
        match expected {
            Expected::Number { mean, quantiles, .. } => {
                let levels = quantiles.keys().filter_map(|level| level.parse::<f64>().ok()).map(Value::from);
                outputs.extend([
                    OutputTensor::new(name.clone(), "FP64", vec![(*mean).into()]),
                    OutputTensor::new(format!("{name}.levels"), "FP64", levels.collect()),
                    OutputTensor::new(
                        format!("{name}.quantiles"),
                        "FP64",
                        quantiles.values().map(|value| (*value).into()).collect(),
                    ),
                ]);
            }
            Expected::Symbols { top, .. } => outputs.extend([
                // a missing value is an empty text
                OutputTensor::new(
                    name.clone(),
                    "BYTES",
                    top.iter().map(|(symbol, _)| symbol.clone().unwrap_or_default().into()).collect(),
                ),
                OutputTensor::new(
                    format!("{name}.probability"),
                    "FP64",
                    top.iter().map(|(_, probability)| (*probability).into()).collect(),
                ),
            ]),
        }
    }
    Ok(outputs)
}

/// Tells errors under `/v2` as the protocol has them.
pub async fn tell_errors(request: Request, next: Next) -> Response {
    let is_ours = request.uri().path() == "/v2" || request.uri().path().starts_with("/v2/");
    let response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !is_ours || kind != Some(b"application/problem+json") {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, ERROR_BYTES_MAX).await.unwrap_or_default();
    let problem = serde_json::from_slice::<Problem>(&bytes).unwrap_or_default();
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    head.headers.remove(header::CONTENT_LENGTH);
    let error = json!({ "error": format!("{}: {}", problem.title, problem.detail) });
    Response::from_parts(head, Body::from(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_one_value_however_it_is_written() {
        let value = |data: Value| given(InputTensor { name: "ms".into(), shape: None, data }).map(|(_, datum)| datum);
        assert_eq!(value(json!([[3.5]])).unwrap(), Datum::Number(3.5));
        assert_eq!(value(json!(["/cart"])).unwrap(), Datum::Text("/cart".into()));
        assert!(value(json!([1, 2])).is_err() && value(json!([])).is_err() && value(json!([{}])).is_err());
        let shaped =
            |shape: &[i64]| given(InputTensor { name: "ms".into(), shape: Some(shape.to_vec()), data: json!([20]) });
        assert!(shaped(&[1]).is_ok() && shaped(&[1, 1]).is_ok() && shaped(&[]).is_ok());
        assert!(shaped(&[3]).is_err() && shaped(&[0]).is_err() && shaped(&[1, -1]).is_err());
    }
}
