//! Replays through HTTP: ranges of a stream's own log that are learnt again, beside it.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

const MODEL: &str = "[model]\nmemory_mib = 1\nnetwork = \"small\"\nkeys = 3\n";
const REPLAYS: &str = "/api/v1/replays";

/// The `seq`-th event: a page, a duration and a text by user; every 97th is odd.
fn line(seq: u64) -> String {
    let (page, ms) = if seq.is_multiple_of(97) { ("/admin", 900 + seq) } else { ("/home", 10 + seq % 5) };
    let text = format!("GET {page} {}", 200 + seq % 3);
    json!({"seq": seq, "key": format!("u{}", seq % 7), "data": {"page": page, "ms": ms, "text": text}}).to_string()
}

/// Sends events, and returns their outcomes.
fn send(host: &Host, seqs: std::ops::RangeInclusive<u64>) -> Vec<Value> {
    let mut wire = host.connect();
    wire.hello(json!({"producer": "p", "epoch": 1, "stream": "web", "want": ["ack", "outcome"]}));
    let mut outcomes = Vec::new();
    let (mut seq, last) = (*seqs.start(), *seqs.end());
    while seq <= last {
        let until = (seq + 255).min(last);
        (seq..=until).for_each(|seq| wire.say(&line(seq)));
        outcomes.extend(wire.until_ack(until).into_iter().map(|reply| reply["outcome"].clone()));
        seq = until + 1;
    }
    outcomes
}

fn ask(host: &Host, spec: Value) -> (u16, Value) {
    host.post(REPLAYS, &spec.to_string())
}

fn begin(host: &Host, spec: Value) -> u64 {
    let (status, replay) = ask(host, spec);
    assert_eq!(status, 202, "{replay}");
    replay["id"].as_u64().unwrap()
}

fn get(host: &Host, id: u64) -> Value {
    let (status, replay) = host.get(&format!("{REPLAYS}/{id}"));
    assert_eq!(status, 200, "{replay}");
    replay
}

fn delete(host: &Host, id: u64) -> u16 {
    common::agent().delete(host.url(&format!("{REPLAYS}/{id}"))).call().unwrap().status().as_u16()
}

/// Waits until something holds of a replay.
fn until(host: &Host, id: u64, holds: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let replay = get(host, id);
        if holds(&replay) {
            return replay;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{replay}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn until_over(host: &Host, id: u64) -> Value {
    until(host, id, |replay| !["waiting", "running"].contains(&replay["state"].as_str().unwrap()))
}

/// Holds the course of a replay against what the sender of the events was told.
fn assert_course_is(replay: &Value, outcomes: &[Value]) {
    let course = replay["course"].as_array().unwrap();
    let mut from = replay["from"].as_u64().unwrap();
    let mut all = (0, 0.0);
    for point in course {
        let to = point["offset"].as_u64().unwrap();
        let told: Vec<f64> = outcomes
            .iter()
            .filter(|outcome| (from..to).contains(&outcome["offset"].as_u64().unwrap()))
            .map(|outcome| outcome["surprise_bits"].as_f64().unwrap())
            .collect();
        assert_eq!(point["events"], told.len(), "{point}");
        let mean = told.iter().sum::<f64>() / told.len() as f64;
        assert!((point["loss_bits_per_event"].as_f64().unwrap() - mean).abs() < 1e-9, "{mean}: {point}");
        all = (all.0 + told.len(), all.1 + told.iter().sum::<f64>());
        from = to;
    }
    assert_eq!(from, replay["to"].as_u64().unwrap());
    assert!((replay["loss_bits_per_event"].as_f64().unwrap() - all.1 / all.0 as f64).abs() < 1e-9);
}

#[test]
fn a_replay_of_what_the_stream_knew_is_the_stream_itself() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), MODEL);
    let mut outcomes = send(&host, 1..=1500);
    assert_eq!(host.post("/api/v1/checkpoints", "").0, 200);
    outcomes.extend(send(&host, 1501..=3000));
    let hash = host.get("/api/v1/streams/web/hash").1["state_hash"].clone();
    // from the checkpoint before it, from the beginning of the log, and a learner that knows nothing
    for spec in [
        json!({"stream": "web", "from": 1700, "begin": "live"}),
        json!({"stream": "web", "begin": "live", "settings": {"network": "small"}}),
        json!({"stream": "web", "name": "anew", "to": 3000}),
    ] {
        let (status, begun) = ask(&host, spec.clone());
        assert_eq!((status, &begun["stream"], &begun["course"]), (202, &json!("web"), &json!([])), "{begun}");
        let replay = until_over(&host, begun["id"].as_u64().unwrap());
        assert_eq!((&replay["state"], &replay["offset"]), (&json!("done"), &json!(3000)), "{replay}");
        assert_eq!(replay["state_hash"], hash, "{spec}");
        assert_course_is(&replay, &outcomes);
        let begun = |outcome: &&Value| outcome["alarm"]["phase"] == "begins";
        let from = replay["from"].as_u64().unwrap();
        let incidents = outcomes.iter().filter(|o| o["offset"].as_u64() >= Some(from)).filter(begun).count();
        assert_eq!(replay["incidents"], incidents);
        assert!(replay["seconds"].as_f64() > Some(0.0) && replay["refused"] == 0, "{replay}");
        assert!(replay["asked"].as_str().unwrap().ends_with('Z'));
    }
    let (_, list) = host.get(REPLAYS);
    let ids: Vec<&Value> = list["replays"].as_array().unwrap().iter().map(|replay| &replay["id"]).collect();
    assert_eq!(ids, [3, 2, 1]);
    let replay = get(&host, 3);
    assert!(replay["skill"].as_f64().is_some_and(|skill| skill > 0.0 && skill < 1.0), "{replay}");
    let known = replay["course"].as_array().unwrap().iter().filter(|p| p["simple_bits_per_event"].is_f64()).count();
    assert!(known + 1 >= replay["course"].as_array().unwrap().len(), "only the part in which it decides is unknown");
    // and the stream has learnt nothing from that
    assert_eq!(host.get("/api/v1/streams/web/hash").1["state_hash"], hash);
    host.stop();
}

#[test]
fn the_figures_of_a_whole_replay_are_those_of_the_streams_own_report() {
    let dir = tempfile::tempdir().unwrap();
    let fields = "[streams.letters]\nfields = [{ name = \"value\", kind = \"category\" }]\n";
    let host = Host::start_with(dir.path(), &format!("{MODEL}{fields}"));
    let letters: String =
        (0..3000u64).map(|i| format!("\"{}\"\n", ["a", "b", "c", "d"][(i * i % 7 % 4) as usize])).collect();
    assert_eq!(host.post("/api/v1/streams/letters/events", &letters).0, 200);
    let replay = until_over(&host, begin(&host, json!({"stream": "letters"})));
    let (_, status) = host.get("/api/v1/streams/letters");
    let near = |a: &Value, b: &Value| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-9;
    for figure in ["network_gain", "loss_bits_per_event"] {
        assert!(near(&replay[figure], &status["report"][figure]), "{figure}: {replay}");
    }
    // of the second half alone they are what is left of it
    let half = until_over(&host, begin(&host, json!({"stream": "letters", "from": 1500, "begin": "live"})));
    assert_eq!((&half["state"], &half["state_hash"]), (&json!("done"), &replay["state_hash"]), "{half}");
    assert!(half["loss_bits_per_event"].as_f64() < replay["loss_bits_per_event"].as_f64(), "{half}");
    assert!(half["network_gain"].is_f64() && half["network_gain"] != replay["network_gain"], "{half}");
    host.stop();
}

#[test]
fn settings_and_ranges_are_tried_beside_the_stream_and_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &format!("{MODEL}[limits]\nmemory = \"1GiB\"\n"));
    send(&host, 1..=600);
    let hash = host.get("/api/v1/streams/web/hash").1["state_hash"].clone();
    let settings = json!({"network": "off", "seed": 7, "alarm": {"budget": "1/100"},
                          "fields": [{"name": "page", "kind": "category"}, {"name": "ms", "kind": "number"},
                                     {"name": "text", "kind": "text"}]});
    let id = begin(&host, json!({"stream": "web", "from": 100, "to": 333, "settings": settings}));
    let replay = until_over(&host, id);
    assert_eq!((&replay["state"], &replay["settings"]), (&json!("done"), &settings), "{replay}");
    let course = replay["course"].as_array().unwrap();
    assert_eq!((course.len(), &course[0]["offset"], &course[232]["offset"]), (233, &json!(101), &json!(333)));
    assert_eq!(replay["network_gain"], Value::Null, "there is no network");
    assert_ne!(replay["state_hash"], hash);
    for (spec, expected, says) in [
        (json!({"stream": "none"}), 404, "no stream"),
        (json!({"stream": "web", "settings": {"netwerk": "off"}}), 422, "netwerk"),
        (json!({"stream": "web", "settings": {"network": "none"}}), 422, "none"),
        (json!({"stream": "web", "settings": {"memory_mib": 2000}}), 422, "limits.memory"),
        (
            json!({"stream": "web", "settings": {"target": "nothing", "fields": [{"name": "a", "kind": "text"}],
                                              "closed": true}}),
            422,
            "target",
        ),
        (json!({"stream": "web", "settings": {"fields": [{"name": "a", "kind": "byte"}]}}), 422, "byte"),
        (json!({"stream": "web", "begin": "live", "settings": {"seed": 7}}), 422, "fresh"),
        (json!({"stream": "web", "from": 20, "to": 20}), 422, "600"),
        (json!({"stream": "web", "to": 601}), 422, "600"),
        (json!({"stream": "web", "name": "x".repeat(300)}), 422, "name"),
        (json!({"stream": "web", "since": 20}), 400, "since"),
    ] {
        let (status, problem) = ask(&host, spec.clone());
        assert_eq!(status, expected, "{spec}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{spec}: {problem}");
    }
    assert_eq!((host.get("/api/v1/replays/99").0, delete(&host, 99)), (404, 404));
    host.stop();
}

#[test]
fn what_runs_or_waits_can_be_stopped_and_few_may_wait() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[model]\nmemory_mib = 1\nnetwork = \"off\"\n");
    send(&host, 1..=20_000);
    // so slow that it does not end by itself
    let slow = json!({"stream": "web", "settings": {"network": "large"}});
    let first = begin(&host, slow.clone());
    let running = until(&host, first, |replay| replay["course"].as_array().is_some_and(|course| course.len() > 1));
    assert_eq!((&running["state"], &running["state_hash"]), (&json!("running"), &Value::Null));
    let (offset, last) = (running["offset"].as_u64().unwrap(), running["course"].as_array().unwrap().last().unwrap());
    assert!(offset < 20_000 && last["offset"].as_u64().unwrap() <= offset, "{running}");
    assert!(priorities(&host).contains(&19), "it comes last");
    let waiting: Vec<u64> = (0..8).map(|_| begin(&host, slow.clone())).collect();
    let (status, problem) = ask(&host, slow.clone());
    assert_eq!((status, problem["title"].as_str().unwrap()), (429, "too many replays"));
    let (_, metrics) = host.get_text("/metrics");
    assert!(metrics.contains("surmise_replays{state=\"running\"} 1") && metrics.contains("{state=\"waiting\"} 8"));
    // the stream learns on meanwhile
    send(&host, 20_001..=20_100);
    assert_eq!((delete(&host, first), host.get(&format!("{REPLAYS}/{first}")).0), (204, 404));
    until(&host, waiting[0], |replay| replay["state"] == "running");
    for id in &waiting[1..] {
        assert_eq!(delete(&host, *id), 204);
    }
    let (_, audit) = host.get("/api/v1/audit");
    let done: Vec<&Value> = audit["operations"].as_array().unwrap().iter().map(|entry| &entry["what"]).collect();
    assert_eq!(done.iter().filter(|what| **what == "replay delete").count(), 8);
    // leaving waits for no replay, and the data directory is free again
    let began = Instant::now();
    host.stop();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    let host = Host::start_with(dir.path(), MODEL);
    assert_eq!(host.get(REPLAYS).1, json!({"replays": []}));
    host.stop();
}

/// The priorities of this process's threads that replay.
fn priorities(_: &Host) -> Vec<i64> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let read = |task: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(task.path().join("stat")).ok()?;
        let (name, rest) = stat.rsplit_once(") ")?;
        name.ends_with("(replay").then(|| rest.split(' ').nth(16)?.parse().ok()).flatten()
    };
    tasks.filter_map(read).collect()
}

/// A stream whose log begins behind its beginning.
fn trimmed(dir: &Path) -> Host {
    let more = "[model]\nmemory_mib = 1\nnetwork = \"off\"\n\
                [store]\nlog_bytes_max = \"1MiB\"\ngenerations = 2\ngroup_bytes_max = \"16KiB\"\n";
    let host = Host::start_with(dir, more);
    let text = "x".repeat(2000);
    let mut wire = host.connect();
    wire.hello(json!({"producer": "long", "epoch": 1, "stream": "web"}));
    for seq in 1..=1500 {
        wire.say(&json!({"seq": seq, "data": {"page": "/home", "ms": 1, "text": text}}).to_string());
        if seq % 500 == 0 {
            wire.until_ack(seq);
            assert_eq!(host.post("/api/v1/checkpoints", "").0, 200);
        }
    }
    host
}

#[test]
fn a_range_that_is_gone_is_refused_with_the_first_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let host = trimmed(dir.path());
    // while the log is trimmed, reading it may be refused for a moment
    let begin_of_log = || host.get("/api/v1/streams/web/events?count=1").1["begin"].as_u64().unwrap_or(0);
    let began = Instant::now();
    while begin_of_log() < 900 {
        assert!(began.elapsed() < Duration::from_secs(20), "the log is trimmed to 1 MiB, of 2000 bytes an event");
        std::thread::sleep(Duration::from_millis(50));
    }
    // nothing else is learnt, so it stays there
    std::thread::sleep(Duration::from_millis(300));
    let begin_of_log = begin_of_log();
    let (status, problem) = ask(&host, json!({"stream": "web", "from": 0}));
    let says = problem["detail"].as_str().unwrap();
    assert!(status == 409 && says.contains(&begin_of_log.to_string()), "{problem}");
    let fresh = until_over(&host, begin(&host, json!({"stream": "web"})));
    assert_eq!((&fresh["state"], &fresh["from"]), (&json!("done"), &json!(begin_of_log)), "{fresh}");
    // what the stream knew begins with a checkpoint
    let live = until_over(&host, begin(&host, json!({"stream": "web", "begin": "live"})));
    assert!(live["state"] == "done" && live["from"].as_u64() >= Some(begin_of_log), "{live}");
    assert_eq!(live["state_hash"], host.get("/api/v1/streams/web/hash").1["state_hash"]);
    // in the middle of a group
    let middle = begin_of_log + 5;
    let cut = until_over(&host, begin(&host, json!({"stream": "web", "from": middle, "to": middle + 7})));
    let events: u64 = cut["course"].as_array().unwrap().iter().map(|point| point["events"].as_u64().unwrap()).sum();
    assert_eq!((&cut["state"], events), (&json!("done"), 7), "{cut}");
    host.stop();
}
