//! `POST /api/v1/write`: samples that Prometheus writes, by its protocol remote write 1.0.
//!
//! Prometheus sends again what is answered with 5xx or 429, and drops what is answered with 4xx. So what another try
//! would change is a 503 or a 507; what it would not is a 400, after everything else of the request is durable.

use super::endpoint::Content;
use super::events::check_takes_events;
use super::posted::{disk_full, read_whole};
use super::problem::ProblemResponse;
use crate::access::Grant;
use crate::batch::ToldSchema;
use crate::clock::now_us;
use crate::hub::Hub;
use crate::ingest::{Door, Intake, LineChunk, LineSyntax};
use crate::remote_write::message::{MessageFault, WriteRequest};
use crate::remote_write::samples::{PassedOver, SampleEvent, SortedSamples};
use crate::source_board::{SourceKind, SourceState};
use crate::sources::REMOTE_WRITE;
use crate::sources::learning::{Learnt, learn_all};
use crate::telemetry;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use surmise_config::RemoteWriteSource;
use surmise_event::{Data, Datum, Field, FieldKind, Record, Schema, VALUE};
use surmise_protocol::EventLine;
use surmise_store::group::Origin;

/// The type of a request.
pub const WRITE_REQUEST: &str = "application/x-protobuf";

/// The body of a request.
pub const REQUEST: Content = Content::Other(WRITE_REQUEST);

/// Bytes of a body, packed or not. Those of Prometheus have some hundred thousand.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// Microseconds of a millisecond.
const US_PER_MS: i64 = 1000;

/// Learns the samples of a request.
pub async fn write(
    State(hub): State<Arc<Hub>>,
    Extension(grant): Extension<Arc<Grant>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ProblemResponse> {
    let Some(source) = hub.config.sources.remote_write.clone() else {
        let detail = "the configuration has no [sources.remote_write], which says what is learnt";
        return Err(ProblemResponse::new(404, "nothing is received", detail));
    };
    check_takes_events(&hub)?;
    check_packing(&headers)?;
    let body = read_whole(body, &hub.config.limits, REQUEST_BYTES_MAX as u64).await?;
    let request = WriteRequest::read(&body, REQUEST_BYTES_MAX).map_err(|fault| {
        let status = if matches!(fault, MessageFault::TooLong { .. }) { 413 } else { 400 };
        ProblemResponse::new(status, "no request of remote write", fault.to_string()).at("body", None)
    })?;
    let sorted = sort(&hub, &source, &request);
    let chunks = sorted.streams.iter().map(|(stream, events)| chunk(&hub, &grant, stream, events)).collect();
    let disk = hub.services.disk.clone();
    let learnt = tokio::select! {
        biased;
        why = disk.until_full() => return Err(disk_full(&why)),
        learnt = learn_all(&hub, chunks, "remote_write") => learnt,
    };
    let learnt = learnt.map_err(|fault| ProblemResponse::new(503, "unavailable", fault.to_string()))?;
    {
        let mut table = hub.sources.written_series.lock().unwrap_or_else(PoisonError::into_inner);
        sorted.latest.iter().for_each(|(id, latest)| table.note(*id, *latest));
    }
    tell(&hub, sorted.passed_over, &learnt);
    match learnt.refusal {
        None => Ok(StatusCode::NO_CONTENT.into_response()),
        Some(reason) => {
            let detail = format!("{} samples were refused, the others are learnt: {reason}", learnt.rejected);
            Err(ProblemResponse::new(400, "refused", detail))
        }
    }
}

/// Refuses a body that is packed otherwise than the protocol says, or is a request of another version of it.
fn check_packing(headers: &HeaderMap) -> Result<(), ProblemResponse> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let unsupported =
        |field: &str, detail: &str| Err(ProblemResponse::new(415, "unsupported media type", detail).at(field, None));
    if text(header::CONTENT_TYPE).contains("io.prometheus.write.v2") {
        return unsupported("content-type", "remote write 1.0 is understood, and no other version");
    }
    match text(header::CONTENT_ENCODING) {
        "" | "snappy" => Ok(()),
        _ => unsupported("content-encoding", "requests of remote write are packed with snappy"),
    }
}

/// Sorts the samples of a request by stream.
fn sort(hub: &Hub, source: &RemoteWriteSource, request: &WriteRequest) -> SortedSamples {
    let mut new: BTreeSet<String> = BTreeSet::new();
    // counted once, as a request may have a hundred thousand metrics
    let known = hub.directory.all().iter().filter(|view| view.name.starts_with(&source.prefix)).count();
    let may_be_stream = |stream: &str| {
        if hub.directory.get(stream).is_some() || new.contains(stream) {
            return true;
        }
        known + new.len() < source.streams_max && new.insert(stream.to_owned())
    };
    let mut table = hub.sources.written_series.lock().unwrap_or_else(PoisonError::into_inner);
    SortedSamples::of(request, source, &mut table, may_be_stream)
}

/// The samples of one stream as events, with the schema of a stream that they begin.
fn chunk(hub: &Hub, grant: &Arc<Grant>, stream: &Arc<str>, events: &[SampleEvent]) -> (LineChunk, Option<ToldSchema>) {
    let mut intake = Intake::new(Door::Source, LineSyntax::Json, stream.clone(), &hub.config.limits);
    intake.set_grant(grant.clone());
    let (mut chunk, arrival_us) = (LineChunk::default(), now_us());
    for SampleEvent { time_ms, value, key, producer } in events {
        let before = chunk.events.len();
        let time_us = i64::try_from(*time_ms).unwrap_or(i64::MAX).saturating_mul(US_PER_MS);
        let data = Data::One(Datum::Number(*value));
        let record = Record { key: key.clone(), time_us: Some(time_us), data, ..Record::default() };
        let bytes = key.as_ref().map_or(0, |key| key.len()) + size_of::<SampleEvent>();
        intake.read_event(Ok(EventLine { record, ..EventLine::default() }), bytes, arrival_us, &mut chunk);
        for (_, event) in &mut chunk.events[before..] {
            event.seq = Some(*time_ms);
            // the series of a stream are sent by several connections, so nothing is said to be safe
            event.origin = Some(Origin { producer: producer.clone(), epoch: 0, seq: *time_ms, safe: None });
        }
    }
    let schema = Arc::new(Schema::new([Field::new(VALUE, FieldKind::Number)]));
    (chunk, Some(ToldSchema { stream: stream.clone(), schema }))
}

/// Counts what became of the samples of a request, and tells it where sources are told of.
fn tell(hub: &Hub, passed_over: PassedOver, learnt: &Learnt) {
    let PassedOver { unselected, repeated, no_number, first, beyond } = passed_over;
    for (outcome, count) in [
        ("learnt", learnt.accepted),
        ("repeated", repeated + learnt.duplicates),
        ("refused", learnt.rejected),
        ("unselected", unselected),
        ("no_number", no_number),
        ("first_of_counter", first),
        ("beyond_limit", beyond),
    ] {
        metrics::counter!(telemetry::REMOTE_WRITE_SAMPLES, "outcome" => outcome).increment(count);
    }
    hub.sources.update(SourceKind::RemoteWrite, REMOTE_WRITE, |status| {
        status.state = SourceState::Reading;
        status.events += learnt.accepted;
        status.refused += learnt.rejected;
        status.last_refusal = learnt.refusal.clone().or(status.last_refusal.take());
    });
}
