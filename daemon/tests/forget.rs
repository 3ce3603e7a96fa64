//! What is forgotten leaves nothing behind: a stream is then what it would be if it had never seen it, by its hash.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::{Value, json};
use std::sync::Arc;

const SMALL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[alarm]\nbudget = \"1/1000\"\n";

/// The number of the event that is unusual.
const SPIKE: u64 = 2_602;
const ALL: u64 = 2_700;

fn push(host: &Host, stream: &str, lines: &str) {
    let answer = host.post(&format!("/api/v1/streams/{stream}/events"), lines).1;
    assert_eq!(answer["rejected"], 0, "{answer}");
}

fn say(host: &Host, stream: &str, offset: u64) {
    let body = json!({"offset": offset, "verdict": "normal"}).to_string();
    let (status, answer) = host.post(&format!("/api/v1/streams/{stream}/feedback"), &body);
    assert_eq!(status, 200, "{stream}: {answer}");
}

fn forget(host: &Host, stream: &str, what: Value) -> (u16, Value) {
    host.post(&format!("/api/v1/streams/{stream}/forget"), &what.to_string())
}

fn hash(host: &Host, stream: &str) -> Value {
    let mut answer = host.get(&format!("/api/v1/streams/{stream}/hash")).1;
    assert!(answer["state_hash"].is_string(), "{answer}");
    answer.as_object_mut().unwrap().remove("stream");
    answer
}

/// Everything that is told of a stream's events: incidents, events, those kept aside.
fn told(host: &Host, stream: &str) -> String {
    let parts = [
        "alarms",
        "surprises?limit=112",
        "templates",
        "events?from=0&count=200",
        "events?count=200",
        "quarantine",
        "history",
        "",
    ];
    parts.iter().map(|part| host.get(&format!("/api/v1/streams/{stream}/{part}")).1.to_string()).collect()
}

fn key(n: u64) -> &'static str {
    ["one", "two", "secret"][(n * n % 7 % 3) as usize]
}

fn line(n: u64) -> String {
    let ms = if n == SPIKE { 5_000 } else { 100 + n * n * 7_919 % 101 };
    json!({"time": n * 10, "key": key(n), "data": {"page": format!("/{}", n * n % 5), "ms": ms}}).to_string() + "\n"
}

/// Sends those of some events that a stream sees.
fn send(host: &Host, stream: &str, events: impl Iterator<Item = u64>, sees: impl Fn(u64) -> bool) {
    push(host, stream, &events.filter(|n| sees(*n)).map(line).collect::<String>());
}

/// A stream that sees some of the events, and whose incident is then called normal.
fn seen(host: &Host, stream: &str, sees: impl Fn(u64) -> bool) {
    send(host, stream, 0..ALL, &sees);
    say(host, stream, (0..SPIKE).filter(|n| sees(*n)).count() as u64);
}

fn no_secret(n: u64) -> bool {
    key(n) != "secret"
}

#[test]
fn what_is_forgotten_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    let later = |n: u64| no_secret(n) && !(500..700).contains(&n);
    seen(&host, "s", |_| true);
    seen(&host, "no-secret", no_secret);
    seen(&host, "neither", later);
    let with_all = hash(&host, "s");
    assert!(told(&host, "s").contains("secret"));
    assert_eq!(forget(&host, "s", json!({"key": "nobody"})).0, 404);
    assert_eq!(forget(&host, "s", json!({})).0, 400);
    assert_eq!(forget(&host, "nothing", json!({"key": "secret"})).0, 404);
    assert_eq!(hash(&host, "s"), with_all);
    let (status, answer) = forget(&host, "s", json!({"key": "secret"}));
    let many = (0..ALL).filter(|n| !no_secret(*n)).count();
    assert_eq!((status, &answer["epoch"], &answer["forgotten"]), (200, &json!(2), &json!(many)), "{answer}");
    assert_eq!(hash(&host, "s"), hash(&host, "no-secret"));
    assert!(!told(&host, "s").contains("secret"), "{}", told(&host, "s"));
    // that nothing has come for a while is told by the clock, of either stream at its own time
    let incident = |stream: &str| {
        let list = host.get(&format!("/api/v1/streams/{stream}/alarms")).1;
        let mut alarms = list["alarms"].as_array().unwrap().iter();
        alarms.find(|alarm| alarm["kind"] != "missing").map(|alarm| alarm["offset"].clone())
    };
    assert!(incident("s").is_some());
    assert_eq!(incident("s"), incident("no-secret"));
    let rare = |stream: &str| {
        let list = host.get(&format!("/api/v1/streams/{stream}/surprises?limit=112")).1;
        let of = |event: &Value| (event["offset"].clone(), event["key"].clone(), event["rarity_events"].clone());
        let rarest: Vec<_> = list["surprises"].as_array().unwrap().iter().map(of).collect();
        (list["events"].clone(), list["counts"].clone(), rarest)
    };
    assert!(!rare("no-secret").2.is_empty());
    assert_eq!(rare("s"), rare("no-secret"));
    // what was forgotten is not there to be forgotten again
    assert_eq!(forget(&host, "s", json!({"key": "secret"})).0, 404);
    // once more, by time, after a kill: what was forgotten before does not come back
    host.kill();
    let host = Host::start_with(dir.path(), SMALL);
    assert_eq!(hash(&host, "s"), hash(&host, "no-secret"));
    let interval = json!({"since": "1970-01-01T01:23:20Z", "until": "1970-01-01T01:56:40Z"});
    assert_eq!(forget(&host, "s", interval).0, 200);
    assert_eq!(hash(&host, "s"), hash(&host, "neither"));
    // what comes after goes on with it, through a kill without its checkpoint's help
    ["s", "neither"].iter().for_each(|stream| send(&host, stream, ALL..ALL + 100, |_| true));
    assert_eq!(hash(&host, "s"), hash(&host, "neither"));
    host.kill();
    let host = Host::start_with(dir.path(), SMALL);
    assert_eq!(hash(&host, "s"), hash(&host, "neither"));
    // and it can be undone
    assert_eq!(host.post("/api/v1/streams/s/undo?incarnation=1", "").0, 200);
    assert_eq!(hash(&host, "s"), with_all);
    host.stop();
}

#[test]
fn offsets_are_those_that_events_have_now() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    seen(&host, "s", |_| true);
    seen(&host, "without", |n| !(100..150).contains(&n));
    let (status, answer) = forget(&host, "s", json!({"from": 100, "to": 150}));
    assert_eq!((status, &answer["forgotten"], &answer["offset"]), (200, &json!(50), &json!(ALL + 1 - 50)), "{answer}");
    assert_eq!(hash(&host, "s"), hash(&host, "without"));
    // twice in a row: what had offset 350 has 300 now
    seen(&host, "less", |n| !(100..150).contains(&n) && !(350..360).contains(&n));
    let (status, answer) = forget(&host, "s", json!({"from": 300, "to": 310}));
    assert_eq!((status, &answer["forgotten"]), (200, &json!(10)), "{answer}");
    assert_eq!(hash(&host, "s"), hash(&host, "less"));
    // there is nothing beyond the end
    assert_eq!(forget(&host, "s", json!({"from": 9_000, "to": 9_010})).0, 404);
    // with the event that was called normal goes what was said of it
    let spike = SPIKE - 60;
    let (status, answer) = forget(&host, "s", json!({"from": spike, "to": spike + 1}));
    assert_eq!((status, &answer["forgotten"]), (200, &json!(2)), "{answer}");
    send(&host, "no-spike", 0..ALL, |n| n != SPIKE && !(100..150).contains(&n) && !(350..360).contains(&n));
    assert_eq!(hash(&host, "s"), hash(&host, "no-spike"));
    // as a value: other numbers may have these digits
    let tells = |stream: &str| told(&host, stream).contains("\"ms\":5000");
    assert!(!tells("s") && tells("without"), "{}", told(&host, "s"));
    host.stop();
}

#[test]
fn a_log_in_parts_is_forgotten_of() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    send(&host, "first", 0..2_650, |_| true);
    // another name: the log goes on under another number, and what is said there is of an incident before
    assert_eq!(host.post("/api/v1/streams/first/rename?to=s", "").0, 200);
    say(&host, "s", SPIKE);
    send(&host, "s", 2_650..ALL, |_| true);
    let answer = host.post("/api/v1/checkpoints?stream=s", "").1;
    let generation = answer["checkpoints"][0]["generation"].clone();
    send(&host, "s", 0..5, |_| true);
    // what came after a checkpoint that is restored is no part of the stream
    assert_eq!(host.post(&format!("/api/v1/checkpoints/s/{generation}/restore"), "").0, 200);
    let expected = |stream: &str, sees: &dyn Fn(u64) -> bool| {
        send(&host, stream, 0..2_650, sees);
        say(&host, stream, (0..SPIKE).filter(|n| sees(*n)).count() as u64);
        send(&host, stream, 2_650..ALL, sees);
        hash(&host, stream)
    };
    assert_eq!(hash(&host, "s"), expected("all", &|_| true));
    assert_eq!(forget(&host, "s", json!({"from": 40, "to": 60})).0, 200);
    assert_eq!(hash(&host, "s"), expected("less", &|n| !(40..60).contains(&n)));
    assert_eq!(forget(&host, "s", json!({"key": "secret"})).0, 200);
    assert_eq!(hash(&host, "s"), expected("least", &|n| no_secret(n) && !(40..60).contains(&n)));
    host.stop();
}

/// A part of a log may be of a stream of bytes, where the one that goes on from it is not.
#[test]
fn each_part_counts_its_offsets_in_its_own_way() {
    let dir = tempfile::tempdir().unwrap();
    let of = |stream: &str, kind: &str| {
        format!("[streams.{stream}]\nfields = [{{ name = \"value\", kind = \"{kind}\" }}]\n")
    };
    let host = Host::start_with(dir.path(), &(SMALL.to_owned() + &of("s", "byte") + &of("other", "text")));
    let lines = |from: u64, to: u64| -> String {
        (from..to).map(|n| json!({"time": n, "data": format!("GET /{}", n * n % 7)}).to_string() + "\n").collect()
    };
    push(&host, "s", &lines(0, 300));
    let schema = json!({"fields": [{"name": "value", "kind": "text"}]}).to_string();
    let (status, answer) = host.post("/api/v1/streams/s/schema", &schema);
    assert_eq!((status, &answer["offset_before"], &answer["offset"]), (200, &json!(300 * 6), &json!(300)), "{answer}");
    push(&host, "s", &lines(300, 400));
    // it is not certain which events had these offsets
    let (status, answer) = forget(&host, "s", json!({"from": 20, "to": 30}));
    assert_eq!((status, &answer["title"]), (409, &json!("other numbers")), "{answer}");
    assert_eq!(forget(&host, "s", json!({"since": "1970-01-01T00:01:40Z", "until": "1970-01-01T00:01:50Z"})).0, 200);
    assert_eq!(forget(&host, "s", json!({"from": 350, "to": 360})).0, 200);
    push(&host, "other", &(lines(0, 100) + &lines(110, 360) + &lines(370, 400)));
    assert_eq!(hash(&host, "s"), hash(&host, "other"));
    host.stop();
}

#[test]
fn what_is_kept_aside_is_forgotten_too() {
    let dir = tempfile::tempdir().unwrap();
    let probe: surmised::LearningProbe = Arc::new(|record| {
        assert!(!format!("{record:?}").contains("poison"), "a bug inside");
    });
    let host = Host::start_probed(dir.path(), SMALL, Some(probe));
    send(&host, "s", 0..50, |_| true);
    let poison = json!({"key": "secret", "data": {"page": "poison", "ms": 1}}).to_string();
    assert_eq!(host.post("/api/v1/streams/s/events", &poison).1["errors"][0]["code"], "quarantined");
    assert!(told(&host, "s").contains("poison"));
    assert_eq!(forget(&host, "s", json!({"key": "secret"})).0, 200);
    assert!(!told(&host, "s").contains("poison") && !told(&host, "s").contains("secret"));
    assert_eq!(host.get("/api/v1/streams/s/quarantine").1["count"], 1);
    host.stop();
}

/// Producers go on where they are: what is forgotten is not sent again.
#[test]
fn events_that_were_forgotten_are_not_learnt_when_they_are_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    let lines: String = (1..=60).map(|n| line(n).replacen('{', &format!("{{\"seq\":{n},"), 1)).collect();
    let send = |host: &Host| host.post("/api/v1/streams/s/events?producer=p", &lines).1;
    assert_eq!(send(&host)["accepted"], 60);
    assert_eq!(forget(&host, "s", json!({"key": "secret"})).0, 200);
    let before = hash(&host, "s");
    assert_eq!(send(&host)["duplicates"], 60);
    host.kill();
    let host = Host::start_with(dir.path(), SMALL);
    assert_eq!((send(&host)["duplicates"].clone(), hash(&host, "s")), (json!(60), before));
    host.stop();
}
