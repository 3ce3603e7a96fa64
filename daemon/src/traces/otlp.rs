//! Journeys as spans, sent to a collector by OTLP over HTTP.
//!
//! The names of attributes follow OpenTelemetry's rules: what is ours begins with `surmise.`.

use super::sending::{TraceSender, TracesError};
use crate::journey::{CallerSpan, Journey, JourneyEnd, JourneySink, Milestone};
use crate::outgoing::agent;
use axum::http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    Span, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
    TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use surmise_config::TracesTable;
use surmise_stopwatch::EventStage;

/// How long one post may take.
const POST_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of a collector's answer that are read.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// What sends journeys to the collector of a configuration.
///
/// # Errors
/// Its address is none.
pub fn sender(table: &TracesTable) -> Result<TraceSender, TracesError> {
    let endpoint = format!("{}/v1/traces", table.endpoint.trim_end_matches('/'));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(CollectorClient { agent: agent(POST_TIME_MAX) })
        .with_endpoint(endpoint)
        .with_timeout(POST_TIME_MAX)
        .build()
        .map_err(|e| TracesError(e.to_string()))?;
    let resource = Resource::builder()
        .with_service_name("surmised")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let tracer = provider.tracer("surmise");
    let sink: JourneySink = Arc::new(move |journey| tell(&tracer, journey));
    let close = move |time_max| {
        if let Err(e) = provider.shutdown_with_timeout(time_max) {
            tracing::warn!("the last traces are not sent: {e}");
        }
    };
    Ok(TraceSender { sink, caller, close: Box::new(close) })
}

/// The span that the headers of a request name as W3C Trace Context does (`traceparent`), if its sender traces it.
fn caller(headers: &HeaderMap) -> Option<CallerSpan> {
    let around = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    let (around, named) = (around.span(), |span: &SpanContext| span.is_valid() && span.is_sampled());
    let span = Some(around.span_context()).filter(|span| named(span))?;
    let (trace, span) = (span.trace_id().to_bytes(), span.span_id().to_bytes());
    Some(CallerSpan { trace: u128::from_be_bytes(trace), span: u64::from_be_bytes(span) })
}

/// Tells a journey: a span of the whole, and under it one of the way to each milestone.
fn tell(tracer: &SdkTracer, journey: &Journey) {
    let around = journey.caller.map(remote).unwrap_or_default();
    let mut attributes = vec![
        KeyValue::new("surmise.stream", journey.stream.to_string()),
        KeyValue::new("surmise.listener", journey.listener),
        KeyValue::new("surmise.line", journey.line as i64),
        KeyValue::new("surmise.batch.events", journey.batch as i64),
    ];
    let status = match &journey.end {
        JourneyEnd::Learnt { offset, surprise_bits, rarity_events } => {
            attributes.extend([
                KeyValue::new("surmise.offset", *offset as i64),
                KeyValue::new("surmise.surprise_bits", *surprise_bits),
                KeyValue::new("surmise.rarity_events", *rarity_events),
            ]);
            Status::Ok
        }
        JourneyEnd::Duplicate => {
            attributes.push(KeyValue::new("surmise.duplicate", true));
            Status::Ok
        }
        JourneyEnd::Refused(refusal) => {
            attributes.push(KeyValue::new("error.type", refusal.code.name()));
            Status::error(refusal.reason.clone())
        }
        JourneyEnd::Lost => {
            attributes.push(KeyValue::new("error.type", "lost"));
            Status::error("it was not made durable")
        }
    };
    let builder = tracer.span_builder("event").with_kind(SpanKind::Consumer).with_start_time(time(journey.arrival_us));
    let mut event = builder.with_attributes(attributes).start_with_context(tracer, &around);
    event.set_status(status);
    let around = Context::new().with_remote_span_context(event.span_context().clone());
    let mut begun_us = journey.arrival_us;
    for (milestone, ended_us) in &journey.passed {
        let mut builder = tracer.span_builder(milestone.name()).with_start_time(time(begun_us));
        if *milestone == Milestone::Learnt {
            let times = journey.learning.each();
            let attribute = |(stage, spent): (EventStage, Duration)| {
                KeyValue::new(format!("surmise.{}_us", stage.name()), spent.as_secs_f64() * 1e6)
            };
            builder = builder.with_attributes(times.map(attribute).collect::<Vec<_>>());
        }
        builder.start_with_context(tracer, &around).end_with_timestamp(time(*ended_us));
        begun_us = *ended_us;
    }
    event.end_with_timestamp(time(begun_us));
}

/// The span of a caller, as what another span is under.
fn remote(caller: CallerSpan) -> Context {
    let (trace, span) = (TraceId::from(caller.trace), SpanId::from(caller.span));
    let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::default());
    Context::new().with_remote_span_context(context)
}

fn time(us: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(us.max(0) as u64)
}

/// What posts spans, from the thread that gathers them.
#[derive(Debug)]
struct CollectorClient {
    agent: ureq::Agent,
}

impl CollectorClient {
    fn post(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let answer = self.agent.run(ureq::http::Request::from_parts(parts, &body[..]))?;
        let (parts, mut body) = answer.into_parts();
        let bytes = body.with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(Response::from_parts(parts, bytes.into()))
    }
}

impl HttpClient for CollectorClient {
    // the thread that calls this does nothing else, so it may wait here
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let posted = self.post(request);
        Box::pin(std::future::ready(posted))
    }
}
