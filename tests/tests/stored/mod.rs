//! A data directory of today's version, as tests of later ones need it.

use serde_json::{Value, json};
use std::path::Path;
use surmise_tests::TestDaemon;

/// Few keys in memory, so that others lie in the store; what can be undone stays as long as it may.
pub const TOML: &str = "checkpoint_events = 60\nundo_kept = \"3650d\"\n[model]\nmemory_mib = 1\nkeys = 40\n\
                        network = \"off\"\n[alarm]\nbudget = \"1/1000\"\n";
/// The streams, and how many events each has.
pub const OFFSETS: [(&str, u64); 8] = [
    ("back", 140),
    ("ids", 140),
    ("judged", 2_501),
    ("keyed", 140),
    ("lines", 140),
    ("numbers", 140),
    ("reset", 20),
    ("tokens", 140),
];
/// Where the incident of `judged` is.
const INCIDENT: u64 = 2_499;

/// The event of a stream at a place, beginning with 1.
fn event(stream: &str, n: u64) -> Value {
    match stream {
        "back" | "reset" => json!({"data": {"page": format!("/{}", n * n % 5), "ms": n % 17}}),
        "ids" => json!({"id": format!("order-{n}"), "data": format!("state-{}", n % 3)}),
        "keyed" => json!({"key": format!("user-{}", n * 7 % 90), "data": (["in", "out"][n as usize % 2])}),
        "lines" => json!({"data": format!("job {n} took {} ms", n * n % 40)}),
        "numbers" => json!({"time": 1_764_500_000 + 10 * n, "data": (n % 24) as f64 / 8.0}),
        _ => json!({"data": (["a", "b", "c", "b"][n as usize % 4])}),
    }
}

/// Sends the events of these places to all streams but the one with an incident: three of them have producers.
fn send(d: &TestDaemon, from: u64, to: u64) {
    for (stream, epoch, kind) in [("tokens", 3, "category"), ("keyed", 1, "category"), ("lines", 1, "line")] {
        let mut wire = d.connect();
        let (producer, fields) = (format!("{stream}-producer"), [json!({"name": "value", "kind": kind})]);
        let hello = json!({"protocol": 1, "producer": producer, "epoch": epoch, "stream": stream, "fields": fields});
        wire.send(&json!({ "hello": hello }).to_string());
        assert!(wire.receive().get("welcome").is_some(), "{stream}");
        for seq in from..=to {
            let mut event = event(stream, seq);
            event["seq"] = seq.into();
            wire.send(&event.to_string());
        }
        wire.until_ack(to);
    }
    for stream in ["back", "ids", "numbers", "reset"] {
        let body: String = (from..=to).map(|n| format!("{}\n", event(stream, n))).collect();
        post(d, &format!("{stream}/events"), &body);
    }
}

fn post(d: &TestDaemon, path: &str, body: &str) -> Value {
    let (status, answer) = d.post(&format!("/api/v1/streams/{path}"), body.as_bytes());
    assert_eq!(status, 200, "{path}: {answer}");
    assert!(answer["rejected"].as_u64().unwrap_or(0) == 0, "{path}: {answer}");
    answer
}

/// Makes a directory: 120 events of each stream, one of them reset and one of them reset and brought back, and an
/// incident of which something is said; stopped; then 20 events more, killed.
pub fn make(state: &Path) {
    let mut d = TestDaemon::start_with(state, TOML, &[]);
    send(&d, 1, 120);
    let value = |n: u64| if n == INCIDENT { 5_000 } else { 100 + n * n * 7_919 % 101 };
    let spiked: String =
        (0..=INCIDENT).map(|n| format!("{{\"time\":{},\"data\":{{\"ms\":{}}}}}\n", n * 10, value(n))).collect();
    post(&d, "judged/events", &spiked);
    post(&d, "judged/feedback", &json!({"offset": INCIDENT, "verdict": "bad", "label": "deploy"}).to_string());
    for stream in ["back", "reset"] {
        post(&d, &format!("{stream}/reset"), "");
    }
    post(&d, "back/undo", "");
    assert!(d.terminate().success());
    let mut d = TestDaemon::start_with(state, TOML, &[]);
    send(&d, 121, 140);
    d.kill();
}

/// What a directory remembers beside its streams is there: ids, what was said of an incident, and what was reset.
pub fn hold_memories(d: &TestDaemon) {
    let again: String = (131..=150).map(|n| format!("{}\n", event("ids", n))).collect();
    let answer = post(d, "ids/events", &again);
    assert_eq!((&answer["accepted"], &answer["duplicates"]), (&10.into(), &10.into()), "{answer}");
    let logged = d.get(&format!("/api/v1/streams/judged/events?from={}", INCIDENT + 1)).1;
    let said = json!({"offset": INCIDENT, "verdict": "bad", "label": "deploy"});
    assert_eq!(logged["events"][0]["event"]["feedback"], said, "{logged}");
    let keyed = d.get("/api/v1/streams/keyed").1;
    assert_eq!(keyed["keys"], 90, "those in the store, too: {keyed}");
    post(d, "reset/undo", "");
    assert_eq!(d.get("/api/v1/streams/reset").1["offset"], 120);
}
