//! Hundreds of streams of every kind at once, questions meanwhile, and memory within its bound.

use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use surmise_tests::TestDaemon;

const STREAMS: u64 = 200;
const EVENTS: u64 = 400;
const CONNECTIONS: u64 = 20;
/// Resident memory for each byte of a state, at most: the state, a copy that is being made, the snapshot that readers
/// ask for and the memory of the one before, queues, the log's cache. The copies alone may take four times the state
/// (ARCHITECTURE, Copies); 2.5 to 2.8 was measured, according to how many streams had been asked for lately.
const RESIDENT_MAX: f64 = 3.5;

/// A kind of stream, and the memory that one of it takes after all its events.
struct StreamKind {
    name: &'static str,
    /// The data of an event, by its number and that of its stream.
    data: fn(u64, u64) -> Value,
    /// Bytes of a learner's state: what was measured, and a twentieth more.
    state_bytes_max: u64,
}

const KINDS: [StreamKind; 4] = [
    StreamKind {
        name: "pages",
        data: |i, s| json!({"page": format!("/p{}", i * (s + 1) % 7)}),
        state_bytes_max: 475_000,
    },
    StreamKind {
        name: "meters",
        data: |i, s| json!({"cpu": (i * (s + 3)) % 100, "io": (i % 24) as f64 / 3.0, "free": 1e6 / (i + 1) as f64}),
        state_bytes_max: 142_000,
    },
    StreamKind {
        name: "lines",
        data: |i, s| json!(format!("GET /item/{} took {} ms", i * (s + 1) % 11, i % 17)),
        state_bytes_max: 2_730_000,
    },
    StreamKind {
        name: "records",
        data: |i, s| json!({"page": format!("/p{}", i % 5), "ms": (i * s) % 300, "ok": i % 9 != 0, "user": format!("u{}", i % 40)}),
        state_bytes_max: 6_490_000,
    },
];

/// Streams of lines are texts, which their first event does not tell.
const CONFIG: &str = "[streams.\"lines-*\"]\nfields = [{ name = \"value\", kind = \"text\" }]\n";

/// The name and the kind of a stream by its number.
fn stream(number: u64) -> (String, &'static StreamKind) {
    let kind = &KINDS[(number % KINDS.len() as u64) as usize];
    (format!("{}-{number}", kind.name), kind)
}

/// Sends all events of one connection's streams, and waits until they are durable.
fn send(daemon: &TestDaemon, connection: u64) {
    let mut wire = daemon.connect();
    wire.hello(&format!("producer-{connection}"), 1, "unused", &["ack"]);
    let mine: Vec<u64> = (0..STREAMS).filter(|i| i % CONNECTIONS == connection).collect();
    let mut seq = 0;
    for i in 0..EVENTS {
        for number in &mine {
            let (name, kind) = stream(*number);
            seq += 1;
            let event =
                json!({"seq": seq, "stream": name, "key": format!("k{}", i % 3), "data": (kind.data)(i, *number)});
            wire.send(&event.to_string());
        }
    }
    wire.until_ack(seq);
}

#[test]
fn two_hundred_streams_from_twenty_connections_stay_within_their_memory() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start_with(&dir.path().join("state"), CONFIG, &[]);
    let idle = daemon.peak_memory();
    let done = AtomicBool::new(false);
    let answered = std::thread::scope(|s| {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|c| {
                s.spawn({
                    let daemon = &daemon;
                    move || send(daemon, c)
                })
            })
            .collect();
        let questions = s.spawn(|| {
            let mut n = 0u64;
            while !done.load(Ordering::Relaxed) {
                let (status, v) = daemon.get(&format!("/api/v1/streams/{}/next?key=k1&top=3", stream(n % STREAMS).0));
                assert!(status == 200 || status == 404, "{status} {v}");
                n += u64::from(status == 200);
            }
            n
        });
        senders.into_iter().for_each(|t| t.join().unwrap());
        done.store(true, Ordering::Relaxed);
        questions.join().unwrap()
    });
    assert!(answered > 0, "questions were answered meanwhile");
    let peak = daemon.peak_memory();
    let (_, list) = daemon.get("/api/v1/streams");
    assert_eq!(list["streams"].as_array().unwrap().len() as u64, STREAMS);
    let mut states = 0;
    for number in 0..STREAMS {
        let (name, kind) = stream(number);
        let (_, status) = daemon.get(&format!("/api/v1/streams/{name}"));
        assert_eq!(status["offset"], EVENTS, "{status}");
        let bytes = status["state_bytes"].as_u64().unwrap();
        assert!(bytes <= kind.state_bytes_max, "the state of {name} takes {bytes} bytes");
        states += bytes;
    }
    let taken = peak - idle;
    eprintln!("{} MB of memory for {} MB of states, {answered} questions answered", taken >> 20, states >> 20);
    assert!(taken as f64 <= RESIDENT_MAX * states as f64, "{taken} bytes are resident for {states} bytes of states");
    assert!(daemon.text("/metrics").contains("surmise_events_received_total"));
}
