//! An event whose learning panics costs its stream nothing but the event, through the real door.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use surmised::LearningProbe;

const SMALL: &str = "[model]\nnetwork = \"small\"\nmemory_mib = 1\nkeys = 3\n[store]\ncheckpoint_events = 70\n";

/// Events 1 to 300 of one producer; every 50th is one that cannot be learnt.
const EVENTS: u64 = 300;

fn is_poison(seq: u64) -> bool {
    seq.is_multiple_of(50)
}

fn line(seq: u64) -> String {
    let page = if is_poison(seq) { "poison" } else { ["/a", "/b", "/a", "/c"][(seq * seq) as usize % 4] };
    format!(r#"{{"seq":{seq},"key":"k{}","data":{{"page":"{page}","ms":{}}}}}"#, seq % 11, seq % 17)
}

fn poisoned() -> Option<LearningProbe> {
    Some(Arc::new(|record| {
        assert!(!format!("{record:?}").contains("poison"), "a bug inside");
    }))
}

fn hash(host: &Host) -> Value {
    host.get("/api/v1/streams/s/hash").1
}

/// Sends lines and returns the answers that are no acknowledgements.
fn send(host: &Host, seqs: impl Iterator<Item = u64>) -> Vec<Value> {
    let mut wire = host.connect();
    wire.hello(json!({"producer": "p", "epoch": 1, "stream": "s", "want": ["ack"]}));
    let mut last = 0;
    for seq in seqs {
        wire.say(&line(seq));
        last = seq;
    }
    wire.until_ack(last)
}

/// A daemon that never sees the events that cannot be learnt.
fn undisturbed(dir: &Path) -> Value {
    let host = Host::start_with(dir, SMALL);
    send(&host, (1..=EVENTS + 1).filter(|seq| !is_poison(*seq)));
    let hash = hash(&host);
    host.stop();
    hash
}

#[test]
fn the_stream_goes_on_as_if_the_event_had_never_come() {
    let dir = tempfile::tempdir().unwrap();
    let expected = undisturbed(&dir.path().join("calm"));
    let dir = dir.path().join("poisoned");
    let host = Host::start_probed(&dir, SMALL, poisoned());
    let errors = send(&host, 1..=EVENTS + 1);
    let told: Vec<u64> = errors.iter().map(|e| e["error"]["seq"].as_u64().unwrap()).collect();
    assert_eq!(told, [50, 100, 150, 200, 250, 300], "each sender is told");
    for error in &errors {
        assert_eq!(error["error"]["code"], "quarantined");
        assert!(error["error"]["reason"].as_str().unwrap().contains("a bug inside"), "{error}");
    }
    assert_eq!(hash(&host), expected);
    let (_, list) = host.get("/api/v1/streams/s/quarantine");
    assert_eq!((&list["count"], list["events"].as_array().map(Vec::len)), (&json!(6), Some(6)));
    assert_eq!(list["events"][0]["seq"], 300);
    assert_eq!(list["events"][0]["event"]["data"]["page"], "poison");
    let (_, status) = host.get("/api/v1/streams/s");
    assert_eq!((&status["quarantined"], &status["refused"]["quarantined"]), (&json!(6), &json!(6)));
    assert!(host.metric("surmise_events_quarantined_total") >= 6.0);
    // neither a crash nor an orderly stop brings the events back
    host.kill();
    let host = Host::start_with(&dir, SMALL);
    assert_eq!(hash(&host), expected);
    host.stop();
    let host = Host::start_with(&dir, SMALL);
    assert_eq!(hash(&host), expected);
    assert_eq!(host.get("/api/v1/streams/s/quarantine").1["count"], 6);
    host.stop();
}

#[test]
fn a_stream_whose_first_event_cannot_be_learnt_is_there_and_learns_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_probed(dir.path(), SMALL, poisoned());
    let (status, answer) = host.post("/api/v1/streams/s/events", "{\"data\":\"poison\"}\n");
    assert_eq!((status, &answer["rejected"]), (200, &json!(1)), "{answer}");
    assert_eq!(answer["errors"][0]["code"], "quarantined");
    assert_eq!(host.get("/api/v1/streams/s/quarantine").1["events"][0]["offset"], 0);
    assert_eq!(host.post("/api/v1/streams/s/events", "{\"data\":\"fine\"}\n").1["accepted"], 1);
    assert_eq!(host.get("/api/v1/streams/s").1["offset"], 1);
    host.stop();
}
