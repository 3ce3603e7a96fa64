//! Clients that do not read, that ask without end, or that send half a request hinder nobody else.
#![allow(missing_docs)]

mod common;

use common::{Host, Wire};
use serde_json::json;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// One owner, short queues, and a stream whose learner takes its time, since its network has the slow engine.
const SLOW: &str = "
[owners]
threads = 1
[limits]
session_events = 100
inbox_events = 200
[streams.\"other\"]
model = { engine = \"dfdx\" }
";

/// Fields of a record of every kind.
const FIELDS: usize = 24;

/// A record of many fields, by its number.
fn record(i: usize) -> String {
    let fields: Vec<String> = (0..FIELDS)
        .map(|f| match f % 3 {
            0 => format!("\"n{f}\":{}", (i * (f + 1)) % 97),
            1 => format!("\"c{f}\":\"v{}\"", (i + f) % 5),
            _ => format!("\"t{f}\":\"took {} of {f}\"", i % 7),
        })
        .collect();
    format!("{{\"data\":{{{}}}}}\n", fields.join(","))
}

/// A connection that asks for outcomes and predictions of wide records and reads none; it returns once it has to wait.
fn fill_without_reading(host: &Host, producer: usize) -> (Wire, u64) {
    let mut deaf = host.connect();
    deaf.hello(json!({"producer": format!("deaf-{producer}"), "stream": "wide", "want": ["outcome", "next"]}));
    deaf.lines.get_ref().set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let lines: String = (0..20).map(record).collect();
    let mut sent = 0;
    while deaf.lines.get_mut().write_all(lines.as_bytes()).is_ok() {
        sent += 20;
        assert!(sent < 200_000, "it is never made to wait");
    }
    (deaf, sent)
}

#[test]
fn clients_that_do_not_read_and_many_questions_hinder_nobody_though_the_owner_is_slow() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SLOW);
    let deaf: Vec<(Wire, u64)> = std::thread::scope(|s| {
        let host = &host;
        let all: Vec<_> = (0..4).map(|i| s.spawn(move || fill_without_reading(host, i))).collect();
        all.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let learnt = || host.get("/api/v1/streams/wide").1["offset"].as_u64().unwrap();
    let settled = (0..60).find_map(|_| {
        let before = learnt();
        std::thread::sleep(Duration::from_millis(500));
        (learnt() == before).then_some(before)
    });
    let settled = settled.expect("events of connections that read no reply are learnt without end");
    let sent: u64 = deaf.iter().map(|(_, sent)| sent).sum();
    assert!(settled < sent, "all {sent} events were learnt although no reply was read");
    let (done, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let (status, v) = host.get("/api/v1/streams/wide/next?top=5");
                    assert_eq!(status, 200, "{v}");
                    let (status, v) = host.get("/api/v1/streams/wide");
                    assert_eq!(status, 200, "{v}");
                    asked.fetch_add(2, Ordering::Relaxed);
                }
            });
        }
        let mut wire = host.connect();
        wire.hello(json!({"producer": "p", "stream": "other", "want": ["ack", "outcome"]}));
        for seq in 1..=300 {
            wire.say(&format!(r#"{{"seq":{seq},"data":{{"page":"/p{}","ms":{}}}}}"#, seq % 5, seq % 11));
        }
        let outcomes = wire.until_ack(300);
        done.store(true, Ordering::Relaxed);
        assert!(
            outcomes.iter().all(|o| o["error"].is_null()),
            "{:?}",
            outcomes.iter().find(|o| o["error"].is_object())
        );
    });
    assert!(asked.load(Ordering::Relaxed) > 0, "questions were asked meanwhile");
    assert_eq!(learnt(), settled, "events were learnt for connections that read no reply");
    drop(deaf);
    host.stop();
}

#[test]
fn half_sent_requests_within_the_bound_of_connections_hinder_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[limits]\nconnections = 64\n");
    let half = |text: &str| {
        let mut s = TcpStream::connect(host.running().http_addr().unwrap()).unwrap();
        s.write_all(text.as_bytes()).unwrap();
        s
    };
    let heads = (0..25).map(|_| half("GET /api/v1/streams HTTP/1.1\r\nHost: "));
    let bodies = "POST /api/v1/streams/s/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"da";
    let waiting: Vec<TcpStream> = heads.chain((0..25).map(|_| half(bodies))).collect();
    let mut wire = host.connect();
    wire.hello(json!({"producer": "p", "stream": "s"}));
    for seq in 1..=50 {
        wire.say(&format!(r#"{{"seq":{seq},"data":"a"}}"#));
    }
    wire.until_ack(50);
    for path in ["/-/healthy", "/-/ready", "/api/v1/streams/s/next", "/metrics"] {
        assert_eq!(host.get_text(path).0, 200, "{path}");
    }
    assert_eq!(host.get("/api/v1/streams/s").1["offset"], 50, "nothing of half a body is learnt");
    drop(waiting);
    host.stop();
}
