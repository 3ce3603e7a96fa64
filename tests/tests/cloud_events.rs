//! CloudEvents and the ids of events: every form over HTTP, and batches that are sent again through SIGKILLs.

use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use surmise_tests::{Random, TestDaemon};

const BATCH: &str = "application/cloudevents-batch+json";
const ONE: &str = "application/cloudevents+json";
const LINES: &str = "application/x-ndjson";

/// Checkpoints so often that kills fall before, between and after them.
const TOML: &str = "checkpoint_events = 7000\ncheckpoint_interval = \"300ms\"\n[model]\nmemory_mib = 1\n\
                    network = \"off\"\n";
const EVENTS: usize = 100_000;
const BATCH_EVENTS: usize = 500;
const KILLS: usize = 6;

/// Posts a body; the status and the answer, or nothing if the daemon died meanwhile.
fn try_post(http: &str, stream: &str, headers: &[(&str, &str)], body: &str) -> Option<(u16, Value)> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let (stream, query) = stream.split_once('?').unwrap_or((stream, ""));
    let mut request = agent.post(format!("http://{http}/api/v1/streams/{stream}/events?{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut answer = request.send(body).ok()?;
    let text = answer.body_mut().read_to_string().ok()?;
    Some((answer.status().as_u16(), serde_json::from_str(&text).expect("JSON")))
}

fn post(daemon: &TestDaemon, stream: &str, kind: &str, body: &str) -> (u16, Value) {
    try_post(&daemon.http, stream, &[("Content-Type", kind)], body).expect("the daemon answers")
}

fn counts(answer: &(u16, Value)) -> (u16, u64, u64, u64) {
    let count = |name: &str| answer.1[name].as_u64().unwrap_or(u64::MAX);
    (answer.0, count("accepted"), count("duplicates"), count("rejected"))
}

fn cloud_event(source: &str, id: &str, data: Value) -> Value {
    json!({"specversion": "1.0", "id": id, "source": source, "type": "test", "data": data})
}

fn offset(daemon: &TestDaemon, stream: &str) -> u64 {
    daemon.get(&format!("/api/v1/streams/{stream}")).1["offset"].as_u64().unwrap_or(0)
}

#[test]
fn every_form_is_learnt_once() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start_with(&dir.path().join("state"), TOML, &[]);
    let one = cloud_event("/a", "1", json!("x")).to_string();
    assert_eq!(counts(&post(&daemon, "s", ONE, &one)), (200, 1, 0, 0));
    assert_eq!(counts(&post(&daemon, "s", ONE, &one)), (200, 0, 1, 0));
    // the same event in a batch, after one that is refused, before one of another source
    let bad = json!({"specversion": "1.0", "id": "2", "source": "/a", "data": "x"});
    let batch = json!([bad, cloud_event("/a", "1", json!("x")), cloud_event("/b", "1", json!("y"))]);
    let answer = post(&daemon, "s", BATCH, &batch.to_string());
    assert_eq!(counts(&answer), (200, 1, 1, 1));
    let error = &answer.1["errors"][0];
    assert_eq!((&error["line"], &error["code"], &error["field"]), (&json!(1), &json!("missing_field"), &json!("type")));
    // attributes in headers
    let head = |id| {
        let list = [("Content-Type", "application/json"), ("ce-specversion", "1.0"), ("ce-source", "/a")];
        [&list[..], &[("ce-type", "t"), ("ce-id", id), ("ce-subject", "caf%C3%A9")]].concat()
    };
    let by_headers = |id| try_post(&daemon.http, "s", &head(id), "\"z\"").unwrap();
    assert_eq!((counts(&by_headers("1")), counts(&by_headers("3"))), ((200, 0, 1, 0), (200, 1, 0, 0)));
    let logged = daemon.get("/api/v1/streams/s/events?from=0&count=9").1;
    let keys: Vec<&Value> = logged["events"].as_array().unwrap().iter().map(|event| &event["event"]["key"]).collect();
    assert_eq!(keys, [&Value::Null, &Value::Null, &json!("café")], "{logged}");
    // lines with ids are the same window, and of no source
    assert_eq!(
        counts(&post(&daemon, "s", LINES, "{\"id\":\"1\",\"data\":\"x\"}\n{\"id\":1,\"data\":\"x\"}")),
        (200, 1, 1, 0)
    );
    let metrics = daemon.text("/metrics");
    assert!(metrics.contains("surmise_events_duplicate_total 4\n"), "{metrics}");
}

#[test]
fn what_cannot_be_taken_is_a_problem_that_says_what_was_taken() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start_with(&dir.path().join("state"), TOML, &[]);
    let one = cloud_event("/a", "1", json!("x"));
    let (status, problem) = post(&daemon, "s", BATCH, &format!("[{one},{one}"));
    assert_eq!((status, &problem["field"], &problem["taken"]["accepted"]), (400, &json!("body"), &json!(1)));
    assert_eq!(offset(&daemon, "s"), 1, "{problem}");
    let (status, problem) = post(&daemon, "s", ONE, &one.to_string().replace("\"1.0\"", "\"0.3\""));
    assert_eq!((status, &problem["field"], &problem["code"]), (400, &json!("specversion"), &json!("wrong_type")));
    let (status, problem) = post(&daemon, "s", BATCH, "{}");
    assert_eq!((status, &problem["title"]), (400, &json!("bad request")), "{problem}");
    assert_eq!(post(&daemon, "s", "application/cloudevents+xml", "<a/>").0, 415);
    let (status, problem) = post(&daemon, "s", ONE, &"x".repeat((1 << 20) + 1));
    assert_eq!((status, &problem["code"]), (413, &json!("line_too_long")));
    assert_eq!(post(&daemon, "s?producer=p", BATCH, "[]").0, 400);
}

/// A batch of the events from `first` on.
fn batch(first: usize) -> String {
    let event = |i: usize| {
        let mut random = Random::new(i as u64);
        random.bits();
        let mut event =
            cloud_event("/load", &i.to_string(), json!(format!("/p{}", (i * i) % 7 + random.below(2) as usize)));
        event["subject"] = json!(format!("k{}", random.below(40)));
        event["time"] = json!(format!("2026-11-29T{:02}:{:02}:{:02}Z", i / 3600 % 24, i / 60 % 60, i % 60));
        event
    };
    Value::Array((first..first + BATCH_EVENTS).map(event).collect()).to_string()
}

/// Sends all events in batches, each until it is answered. Returns how often one was sent again.
fn send_all(http: &str, sent: &AtomicUsize) -> usize {
    let mut again = 0;
    for first in (0..EVENTS).step_by(BATCH_EVENTS) {
        let (body, begun) = (batch(first), Instant::now());
        loop {
            match try_post(http, "load", &[("Content-Type", BATCH)], &body) {
                Some((200, answer)) => {
                    let [accepted, duplicates] = ["accepted", "duplicates"].map(|name| answer[name].as_u64().unwrap());
                    assert_eq!(accepted + duplicates, BATCH_EVENTS as u64, "{answer}");
                    break;
                }
                Some((status, answer)) => assert_eq!(status, 503, "{answer}"),
                None => {}
            }
            again += 1;
            assert!(begun.elapsed() < Duration::from_secs(120), "no answer for two minutes");
            std::thread::sleep(Duration::from_millis(5));
        }
        sent.store(first + BATCH_EVENTS, Ordering::Release);
    }
    again
}

#[test]
fn batches_that_are_sent_again_through_kills_are_learnt_once() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("killed");
    let mut daemon = TestDaemon::start_with(&state, TOML, &[]);
    let (http, sent) = (daemon.http.clone(), AtomicUsize::new(0));
    let mut random = Random::new(29);
    let again = std::thread::scope(|scope| {
        let sender = scope.spawn(|| send_all(&http, &sent));
        for kill in 1..=KILLS {
            // kills are spread over the events, at no instant that a batch would know
            let until = EVENTS * kill / (KILLS + 1) + random.below(BATCH_EVENTS as u64) as usize;
            while sent.load(Ordering::Acquire) < until && !sender.is_finished() {
                std::thread::sleep(Duration::from_micros(random.below(3000)));
            }
            assert!(!sender.is_finished(), "everything was sent before kill {kill}");
            daemon.kill_and_restart(&state, TOML);
        }
        sender.join().unwrap()
    });
    assert!(again > 0, "no batch was in doubt");
    assert_eq!(offset(&daemon, "load"), EVENTS as u64);
    let calm = TestDaemon::start_with(&dir.path().join("calm"), TOML, &[]);
    assert_eq!(send_all(&calm.http, &AtomicUsize::new(0)), 0);
    assert_eq!(daemon.hash("load"), calm.hash("load"));
    // a restart between two sends of the same ids
    daemon.kill_and_restart(&state, TOML);
    let repeat = |first| counts(&post(&daemon, "load", BATCH, &batch(first)));
    assert_eq!(repeat(EVENTS - BATCH_EVENTS), (200, 0, BATCH_EVENTS as u64, 0));
    assert_eq!(repeat(EVENTS - 65_536 / BATCH_EVENTS * BATCH_EVENTS), (200, 0, BATCH_EVENTS as u64, 0));
    assert_eq!(daemon.hash("load"), calm.hash("load"));
    // what is older than the window of limits.event_ids is new
    assert_eq!(repeat(0), (200, BATCH_EVENTS as u64, 0, 0));
}
