//! Traces: the journey of an event comes to a collector of OpenTelemetry, stage by stage, and nothing waits for one.
#![allow(missing_docs)]

mod common;

use common::{Host, agent};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const STAGES: [&str; 5] = ["read", "queue", "learn", "commit", "answer"];

/// A collector: what is posted to it comes out of the channel.
fn collector() -> (SocketAddr, Receiver<ExportTraceServiceRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, (sender, posts)) = (listener.local_addr().unwrap(), channel());
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(connection);
            let (mut head, mut length) = (String::new(), 0);
            while !head.ends_with("\r\n\r\n") {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap() == 0 {
                    break;
                }
                if let Some((_, value)) = line.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case("content-length"))
                {
                    length = value.trim().parse().unwrap();
                }
                head.push_str(&line);
            }
            assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            let _ = sender.send(ExportTraceServiceRequest::decode(&body[..]).unwrap());
        }
    });
    (address, posts)
}

fn start(dir: &std::path::Path, endpoint: &str, every: u64) -> Host {
    let fields = "[streams.closed]\nclosed = true\nfields = [{ name = \"x\", kind = \"number\" }]\n";
    let more =
        format!("{fields}[model]\nnetwork = \"off\"\n[export.traces]\nendpoint = \"{endpoint}\"\nevery = {every}\n");
    Host::start_with(dir, &more)
}

fn spans(posts: &Receiver<ExportTraceServiceRequest>) -> Vec<Span> {
    let posts: Vec<_> = posts.try_iter().flat_map(|post| post.resource_spans).collect();
    for resource in &posts {
        let attributes = &resource.resource.as_ref().unwrap().attributes;
        let service = attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
        assert_eq!(service.value.as_ref().unwrap().value, Some(Value::StringValue("surmised".into())));
    }
    posts.into_iter().flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
}

fn attribute<'a>(span: &'a Span, name: &str) -> Option<&'a Value> {
    span.attributes.iter().find(|attribute| attribute.key == name)?.value.as_ref()?.value.as_ref()
}

#[test]
fn the_journey_of_an_event_is_told_stage_by_stage() {
    let dir = tempfile::tempdir().unwrap();
    let (address, posts) = collector();
    let host = start(&dir.path().join("data"), &format!("http://{address}/"), 100);
    let fifty = "{\"data\":\"a\"}\n{\"data\":\"b\"}\n".repeat(25);
    for _ in 0..5 {
        assert_eq!(host.post("/api/v1/streams/web/events", &fifty).0, 200);
    }
    // a sender that traces its request, and one that does not
    let traced = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let not_traced = "00-11111111111111111111111111111111-2222222222222222-00";
    for caller in [traced, not_traced] {
        let request = agent().post(host.url("/api/v1/streams/web/events")).header("traceparent", caller);
        let request = request.header("Content-Type", "application/x-ndjson");
        assert_eq!(request.send("{\"data\":\"a\"}\n{\"data\":\"b\"}\n").unwrap().status(), 200);
    }
    host.stop();
    let spans = spans(&posts);
    let mut events: Vec<&Span> = spans.iter().filter(|span| span.name == "event").collect();
    events.sort_by_key(|span| span.start_time_unix_nano);
    let offsets: Vec<_> = events.iter().map(|span| attribute(span, "surmise.offset").unwrap()).collect();
    assert_eq!(offsets, [0, 100, 200, 250].map(Value::IntValue).iter().collect::<Vec<_>>());
    for event in &events {
        assert_eq!(attribute(event, "surmise.stream"), Some(&Value::StringValue("web".into())));
        let Some(Value::DoubleValue(bits)) = attribute(event, "surmise.surprise_bits") else { panic!("{event:?}") };
        assert!(*bits > 0.0);
        let mut stages: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id == event.span_id).collect();
        stages.sort_by_key(|span| (span.start_time_unix_nano, span.end_time_unix_nano));
        assert_eq!(stages.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), STAGES);
        assert!(stages.iter().all(|span| span.trace_id == event.trace_id));
        // one stage begins when the one before it ends, and together they are the event's
        assert!(stages.windows(2).all(|pair| pair[0].end_time_unix_nano == pair[1].start_time_unix_nano));
        let (first, last) = (stages[0], stages[4]);
        assert_eq!(
            (first.start_time_unix_nano, last.end_time_unix_nano),
            (event.start_time_unix_nano, event.end_time_unix_nano)
        );
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let parents: Vec<_> = events.iter().map(|event| (hex(&event.trace_id), hex(&event.parent_span_id))).collect();
    assert_eq!(parents[3], ("4bf92f3577b34da6a3ce929d0e0e4736".into(), "00f067aa0ba902b7".into()));
    assert!(parents[..3].iter().all(|(trace, parent)| parent.is_empty() && *trace != parents[3].0));
}

#[test]
fn of_a_long_request_that_is_traced_the_first_event_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (address, posts) = collector();
    let host = start(&dir.path().join("data"), &format!("http://{address}"), 1_000_000);
    let traced = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = agent().post(host.url("/api/v1/streams/web/events")).header("traceparent", traced);
    let request = request.header("Content-Type", "application/x-ndjson");
    // of more lines than owners take at once
    assert_eq!(request.send("{\"data\":\"a\"}\n".repeat(2000)).unwrap().status(), 200);
    host.stop();
    let spans = spans(&posts);
    let events: Vec<&Span> = spans.iter().filter(|span| span.name == "event").collect();
    let [event] = events[..] else { panic!("{events:?}") };
    assert_eq!(attribute(event, "surmise.offset"), Some(&Value::IntValue(0)));
    assert_eq!(event.parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
}

#[test]
fn what_its_owner_refuses_is_told_as_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let (address, posts) = collector();
    let host = start(&dir.path().join("data"), &format!("http://{address}"), 1);
    let url = "/api/v1/streams/closed/events";
    assert_eq!(host.post(url, "{\"data\":{\"x\":1}}\n").0, 200);
    let (_, answer) = host.post(url, "{\"data\":{\"y\":1}}\n");
    assert_eq!(answer["rejected"], 1);
    host.stop();
    let spans = spans(&posts);
    let failed: Vec<_> =
        spans.iter().filter(|span| span.status.as_ref().is_some_and(|status| status.code == 2)).collect();
    let [refused] = failed[..] else { panic!("{spans:?}") };
    let code = answer["errors"][0]["code"].as_str().unwrap();
    assert_eq!(attribute(refused, "error.type"), Some(&Value::StringValue(code.into())));
    assert!(!refused.status.as_ref().unwrap().message.is_empty() && attribute(refused, "surmise.offset").is_none());
    assert!(spans.iter().any(|span| span.name == "event" && attribute(span, "surmise.offset").is_some()));
}

#[test]
fn nothing_waits_for_a_collector_that_is_silent() {
    let dir = tempfile::tempdir().unwrap();
    // it takes connections and never answers
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = start(&dir.path().join("data"), &format!("http://{}", silent.local_addr().unwrap()), 1);
    let events: String = (0..5000).map(|i| format!("{{\"data\":\"{}\"}}\n", ["a", "b"][i % 2])).collect();
    for _ in 0..4 {
        let (status, answer) = host.post("/api/v1/streams/web/events", &events);
        assert_eq!((status, &answer["accepted"]), (200, &5000.into()));
    }
    let begun = std::time::Instant::now();
    host.stop();
    assert!(begun.elapsed() < Duration::from_secs(20), "it is not waited for long");
}
