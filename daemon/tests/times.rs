//! Times far ahead of their arrival are refused by name, units are told from their size, and a clock that was led
//! astray recovers.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
}

fn line(seq: u64, time: Value) -> String {
    json!({"seq": seq, "time": time, "data": {"v": format!("s{}", seq % 3)}}).to_string()
}

const DAY_US: u64 = 86_400_000_000;

#[test]
fn a_time_far_ahead_is_refused_and_one_long_ago_is_learnt() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(dir.path());
    let mut w = host.connect();
    w.hello(json!({"producer": "p", "epoch": 1, "stream": "s"}));
    w.say(&line(1, json!((now_us() + 2 * DAY_US) / 1_000_000)));
    let refused = w.hear();
    assert_eq!((&refused["error"]["code"], &refused["error"]["field"]), (&json!("time_ahead"), &json!("time")));
    assert!(refused["error"]["reason"].as_str().unwrap().contains("1d ahead of its arrival (limits.ahead)"));
    for (seq, time) in [(2, json!("1971-01-01T00:00:00Z")), (3, json!((now_us() + DAY_US / 2) / 1_000_000))] {
        w.say(&line(seq, time));
    }
    assert_eq!(w.until_ack(3), Vec::<Value>::new());
    let posted = host.post("/api/v1/streams/s/events", &line(9, json!("9999-01-01T00:00:00Z"))).1;
    assert_eq!((&posted["rejected"], &posted["errors"][0]["code"]), (&json!(1), &json!("time_ahead")), "{posted}");
    assert!(host.get_text("/metrics").1.contains("surmise_events_rejected_total{reason=\"time_ahead\"} 2"));
    host.stop();
}

/// JavaScript's milliseconds, and micro- and nanoseconds, are the same times as seconds: a second apart, none late.
#[test]
fn units_are_told_from_their_size() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(dir.path());
    let start = now_us() / 1_000_000 - 1_000;
    let mut w = host.connect();
    w.hello(json!({"producer": "p", "epoch": 1, "stream": "s"}));
    for seq in 1..=40 {
        w.say(&line(seq, json!((start + seq) * [1, 1_000, 1_000_000, 1_000_000_000][seq as usize % 4])));
    }
    assert_eq!(w.until_ack(40), Vec::<Value>::new());
    let status = host.get("/api/v1/streams/s").1;
    assert_eq!(status["report"]["late_events"].as_u64().unwrap_or(0), 0, "{status}");
    let last = format!("\"{}", &status["last_event_time"].as_str().unwrap()[..10]);
    assert!(last.starts_with("\"20"), "{last}");
    host.stop();
}

#[test]
fn a_clock_that_was_led_astray_recovers_and_so_it_does_from_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let settings = "[limits]\nahead = \"1000d\"\n";
    let host = Host::start_with(dir.path(), settings);
    let mut w = host.connect();
    w.hello(json!({"producer": "p", "epoch": 1, "stream": "s"}));
    let start = now_us() / 1_000_000 - 10_000;
    for seq in 1..=200 {
        let astray = if seq == 50 { 900 * 86_400 } else { 0 };
        w.say(&line(seq, json!(start + seq + astray)));
    }
    assert_eq!(w.until_ack(200), Vec::<Value>::new());
    let late = |host: &Host| host.get("/api/v1/streams/s").1["report"]["late_events"].clone();
    assert_eq!(late(&host), 8, "one event led it astray, and eight that agree brought it back");
    let hash = host.get("/api/v1/streams/s/hash").1;
    host.kill();
    // the log is learnt again under a lower limit, which refuses nothing that was taken
    let host = Host::start(dir.path());
    assert_eq!((host.get("/api/v1/streams/s/hash").1, late(&host)), (hash, json!(8)));
    host.stop();
}
