//! Everything that happens to a stream can be undone, while events come in, and nothing that was acknowledged is
//! learnt twice by it.
#![allow(missing_docs)]

mod common;

use common::{Host, Wire};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use surmise_event::{Field, FieldKind, Limits, Schema};
use surmise_learner::{Learner, Options};
use surmise_protocol::{ProducerLine, parse_line};

const SMALL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n";

fn line(seq: u64) -> String {
    format!(r#"{{"seq":{seq},"key":"k{}","data":{{"page":"/{}","ms":{}}}}}"#, seq % 3, seq * seq % 5, seq % 17)
}

fn producer(host: &Host, stream: &str) -> Wire {
    let mut w = host.connect();
    w.hello(json!({"producer": "p", "epoch": 1, "stream": stream}));
    w
}

fn send(w: &mut Wire, from: u64, to: u64) -> Vec<Value> {
    (from..=to).for_each(|seq| w.say(&line(seq)));
    w.until_ack(to)
}

fn hash(host: &Host, stream: &str) -> Value {
    host.get(&format!("/api/v1/streams/{stream}/hash")).1
}

fn checkpoint(host: &Host, stream: &str) -> u64 {
    let answer = host.post(&format!("/api/v1/checkpoints?stream={stream}"), "").1;
    answer["checkpoints"][0]["generation"].as_u64().unwrap_or_else(|| panic!("{answer}"))
}

/// Posts again what was acknowledged: all of it is known.
fn all_known(host: &Host, stream: &str, to: u64) {
    let body: String = (1..=to).map(|seq| line(seq) + "\n").collect();
    let answer = host.post(&format!("/api/v1/streams/{stream}/events?producer=p&epoch=1"), &body).1;
    assert_eq!((&answer["duplicates"], &answer["accepted"]), (&json!(to), &json!(0)), "{answer}");
}

#[test]
fn a_reset_begins_anew_and_learns_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    let mut w = producer(&host, "s");
    send(&mut w, 1, 60);
    let (status, answer) = host.post("/api/v1/streams/s/reset", "");
    assert_eq!((status, &answer["offset_before"], &answer["offset"]), (200, &json!(60), &json!(0)), "{answer}");
    assert_eq!(answer["epoch"], 2);
    // the same connection goes on
    send(&mut w, 61, 70);
    assert_eq!(host.get("/api/v1/streams/s").1["offset"], 10);
    all_known(&host, "s", 70);
    let before = hash(&host, "s");
    host.kill();
    let host = Host::start_with(dir.path(), SMALL);
    assert_eq!(hash(&host, "s"), before);
    all_known(&host, "s", 70);
    let operations = host.get("/api/v1/audit").1["operations"].clone();
    assert_eq!((&operations[0]["what"], &operations[0]["about"]), (&json!("stream reset"), &json!("s")));
    host.stop();
}

#[test]
fn a_checkpoint_is_restored_while_events_come_in() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    let mut w = producer(&host, "s");
    send(&mut w, 1, 50);
    let generation = checkpoint(&host, "s");
    let good = hash(&host, "s");
    send(&mut w, 51, 90);
    assert_ne!(hash(&host, "s"), good);
    // events on their way meanwhile are learnt before or after it, each once
    (91..=120).for_each(|seq| w.say(&line(seq)));
    let (status, answer) = host.post(&format!("/api/v1/checkpoints/s/{generation}/restore"), "");
    assert_eq!((status, &answer["offset"]), (200, &json!(50)), "{answer}");
    assert_eq!(w.until_ack(120), Vec::<Value>::new());
    let learnt_before = answer["offset_before"].as_u64().unwrap();
    assert!((90..=120).contains(&learnt_before), "{answer}");
    assert_eq!(host.get("/api/v1/streams/s").1["offset"], 50 + 120 - learnt_before);
    all_known(&host, "s", 120);
    let generation = checkpoint(&host, "s");
    let (second, again) = (hash(&host, "s"), host.post(&format!("/api/v1/checkpoints/s/{generation}/restore"), ""));
    assert_eq!((again.0, hash(&host, "s")), (200, second.clone()), "{}", again.1);
    host.kill();
    let host = Host::start_with(dir.path(), SMALL);
    assert_eq!(hash(&host, "s"), second);
    assert_eq!(host.post("/api/v1/checkpoints/s/99/restore", "").0, 404);
    host.stop();
}

#[test]
fn a_stream_is_renamed_as_it_is_and_deleted_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &format!("{SMALL}[owners]\nthreads = 4\n"));
    send(&mut producer(&host, "s"), 1, 40);
    send(&mut producer(&host, "other"), 41, 45);
    let before = hash(&host, "s")["state_hash"].clone();
    assert_eq!(host.post("/api/v1/streams/s/rename?to=other", "").0, 409);
    for (from, to) in [("s", "a"), ("a", "b"), ("b", "web-7")] {
        let (status, answer) = host.post(&format!("/api/v1/streams/{from}/rename?to={to}"), "");
        assert_eq!((status, &answer["stream"], &answer["offset"]), (200, &json!(to), &json!(40)), "{answer}");
        assert_eq!((host.get(&format!("/api/v1/streams/{from}")).0, &hash(&host, to)["state_hash"]), (404, &before));
    }
    all_known(&host, "web-7", 40);
    // the old name is free: a stream of its own begins
    assert_eq!(host.post("/api/v1/streams/s/events", &line(1)).1["accepted"], 1);
    assert_eq!(host.post("/api/v1/streams/other/delete", "").0, 200);
    host.kill();
    let host = Host::start_with(dir.path(), SMALL);
    let streams = host.get("/api/v1/streams").1["streams"].clone();
    let names: Vec<&str> = streams.as_array().unwrap().iter().map(|s| s["stream"].as_str().unwrap()).collect();
    assert_eq!((names, &hash(&host, "web-7")["state_hash"]), (vec!["s", "web-7"], &before));
    assert_eq!(host.post("/api/v1/streams/other/events", &line(1)).1["accepted"], 1);
    assert_eq!(host.get("/api/v1/streams/other").1["offset"], 1);
    host.stop();
}

/// The hash of a learner that has this schema from the beginning; and how many lines it refuses.
fn reference(schema: Schema, options: Options, lines: &[String]) -> (String, u64) {
    let mut learner = Learner::new(schema, options).unwrap();
    let mut refused = 0;
    for l in lines {
        let Ok(ProducerLine::Event(e)) = parse_line(l.as_bytes()) else { panic!("{l}") };
        match learner.bind(&e.record, &Limits::default()) {
            Ok(event) => drop(learner.observe(&event)),
            Err(_) => refused += 1,
        }
    }
    (learner.state_hash(), refused)
}

#[test]
fn a_schema_changes_and_the_log_is_learnt_again_under_it() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    let lines: Vec<String> = (1..=80)
        .map(|seq| match seq % 10 {
            0 => format!(r#"{{"seq":{seq},"data":{{"status":"timeout","ms":{seq}}}}}"#),
            3 => format!(r#"{{"seq":{seq},"data":{{"status":200,"ms":{seq},"debug":"yes"}}}}"#),
            _ => format!(r#"{{"seq":{seq},"data":{{"status":200,"ms":{seq}}}}}"#),
        })
        .collect();
    let mut w = producer(&host, "s");
    lines.iter().for_each(|l| w.say(l));
    w.until_ack(80);
    let options: Options = serde_json::from_value(host.get("/api/v1/streams/s").1["options"].clone()).unwrap();
    let field = |name: &str, kind| Field { name: name.into(), kind, required: false };
    let post = |body: Value| host.post("/api/v1/streams/s/schema", &body.to_string());
    // the kind that the first event decided is changed
    let (status, answer) = post(json!({"fields": [{"name": "status", "kind": "category"}]}));
    assert_eq!((status, &answer["offset"]), (200, &json!(80)), "{answer}");
    let schema = Schema { fields: vec![field("status", FieldKind::Category)], closed: false };
    assert_eq!(hash(&host, "s")["state_hash"], reference(schema, options.clone(), &lines).0);
    // and once more: the log is still whole
    let (status, answer) = post(json!({"fields": [{"name": "debug", "kind": "text"}]}));
    assert_eq!(status, 200, "{answer}");
    let names = |v: &Value| -> Vec<String> {
        v["schema"]["fields"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&host.get("/api/v1/streams/s").1), ["status", "debug", "ms"]);
    all_known_lines(&host, &lines);
    let (status, answer) = post(json!({"fields": [], "closed": true}));
    assert_eq!((status, answer.get("refused")), (200, None), "{answer}");
    let refused = host.post("/api/v1/streams/s/events", r#"{"data":{"status":"ok","new":1}}"#).1;
    assert_eq!(refused["errors"][0]["code"], "unknown_field", "{refused}");
    let before = hash(&host, "s");
    host.kill();
    let host = Host::start_with(dir.path(), SMALL);
    assert_eq!(hash(&host, "s"), before);
    assert_eq!(host.post("/api/v1/streams/s/schema", "{}").0, 400);
    assert_eq!(host.post("/api/v1/streams/s/schema", r#"{"fields":[{"name":"x","kind":"colour"}]}"#).0, 400);
    host.stop();
}

fn all_known_lines(host: &Host, lines: &[String]) {
    let answer = host.post("/api/v1/streams/s/events?producer=p&epoch=1", &lines.join("\n")).1;
    assert_eq!(answer["duplicates"], lines.len(), "{answer}");
}

#[test]
fn a_log_that_is_not_whole_is_not_learnt_again() {
    let dir = tempfile::tempdir().unwrap();
    let more = format!("{SMALL}[store]\ngenerations = 1\nlog_bytes_max = \"1MiB\"\ngroup_bytes_max = \"4KiB\"\n");
    let host = Host::start_with(dir.path(), &more);
    let mut w = producer(&host, "s");
    let text = "x".repeat(4000);
    (1..=600).for_each(|seq| w.say(&format!(r#"{{"seq":{seq},"data":{{"t":"{text}"}}}}"#)));
    w.until_ack(600);
    checkpoint(&host, "s");
    checkpoint(&host, "s");
    let before = hash(&host, "s");
    let (status, problem) = host.post("/api/v1/streams/s/schema", r#"{"fields":[{"name":"t","kind":"text"}]}"#);
    assert!(status == 409 && problem["detail"].as_str().unwrap().contains("store.log_bytes_max"), "{problem}");
    assert_eq!(hash(&host, "s"), before, "everything is as it was");
    host.stop();
}

#[test]
fn followers_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    let mut w = producer(&host, "s");
    send(&mut w, 1, 10);
    let response = common::agent().get(host.url("/api/v1/streams/s/watch")).call().unwrap();
    let mut feed = BufReader::new(response.into_body().into_reader()).lines();
    assert_eq!(host.post("/api/v1/streams/s/reset", "").0, 200);
    let told = feed.find(|line| line.as_ref().is_ok_and(|line| line == "event: replaced"));
    assert!(told.is_some(), "the feed says so");
    host.stop();
}

#[test]
fn checkpoints_are_kept_labelled_compared_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &format!("{SMALL}[store]\ngenerations = 2\n"));
    let mut w = producer(&host, "s");
    send(&mut w, 1, 30);
    let first = checkpoint(&host, "s");
    let of = |generation: u64, rest: &str| format!("/api/v1/checkpoints/s/{generation}/{rest}");
    assert_eq!(host.post(&of(first, "pin"), "").1["pinned"], true);
    assert_eq!(host.post(&of(first, "label?label=stable"), "").1["label"], "stable");
    for to in [50, 70, 90] {
        send(&mut w, to - 19, to);
        checkpoint(&host, "s");
    }
    let listed = host.get("/api/v1/checkpoints?stream=s").1["checkpoints"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 3, "the pinned one beside two: {listed}");
    assert_eq!((&listed[0]["label"], &listed[0]["pinned"]), (&json!("stable"), &json!(true)), "{listed}");
    let last = listed[2]["generation"].as_u64().unwrap();
    assert_eq!(host.post(&of(last, "label?label=stable"), "").0, 200);
    let shown = host.get(&of(first, "show")).1;
    assert_eq!((&shown["offset"], shown.get("label")), (&json!(30), None), "a label is on one checkpoint: {shown}");
    assert_eq!(host.get(&of(last, "show")).1["label"], "stable");
    assert_eq!(host.get(&of(first, &format!("diff?with={last}"))).1["offset"], json!([30, 90]));
    assert_eq!(host.get(&of(first, "verify")).1["whole"], true);
    assert_eq!(host.get(&format!("/api/v1/checkpoints/s/stable/diff?with={first}")).1["offset"], json!([90, 30]));
    // the pinned one outlives a restart, and leads back
    host.kill();
    let host = Host::start_with(dir.path(), &format!("{SMALL}[store]\ngenerations = 2\n"));
    assert_eq!(host.post(&of(first, "restore"), "").1["offset"], 30);
    all_known(&host, "s", 90);
    host.stop();
}

/// Far more keys than memory has room for: their states in the store go along, to a checkpoint and to another name.
#[test]
fn states_of_keys_in_the_store_go_along() {
    let dir = tempfile::tempdir().unwrap();
    let settings = "[model]\nnetwork = \"off\"\nmemory_mib = 1\nkeys = 20\n";
    let host = Host::start_with(dir.path(), settings);
    let keyed = |seq: u64| format!(r#"{{"seq":{seq},"key":"k{}","data":"s{}"}}"#, seq * 7 % 150, seq * seq % 9);
    let mut w = producer(&host, "s");
    (1..=900).for_each(|seq| w.say(&keyed(seq)));
    w.until_ack(900);
    assert!(host.get("/api/v1/streams/s").1["keys_stored"].as_u64().unwrap() > 50);
    let (generation, good) = (checkpoint(&host, "s"), hash(&host, "s"));
    (901..=1500).for_each(|seq| w.say(&keyed(seq)));
    w.until_ack(1500);
    assert_eq!(host.post(&format!("/api/v1/checkpoints/s/{generation}/restore"), "").0, 200);
    assert_eq!(hash(&host, "s"), good);
    assert_eq!(host.post("/api/v1/streams/s/rename?to=t", "").0, 200);
    assert_eq!(hash(&host, "t")["state_hash"], good["state_hash"]);
    // what comes reads and writes them, and a restart finds them again
    let mut w = producer(&host, "t");
    (1501..=2100).for_each(|seq| w.say(&keyed(seq)));
    w.until_ack(2100);
    let after = hash(&host, "t");
    host.kill();
    let host = Host::start_with(dir.path(), settings);
    assert_eq!(hash(&host, "t"), after);
    host.stop();
}

#[test]
fn every_replacement_is_undone_and_the_undo_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let mut host = Host::start_with(dir.path(), &format!("{SMALL}keys = 2\n"));
    send(&mut producer(&host, "s"), 1, 40);
    let generation = checkpoint(&host, "s");
    let mut sent = 40;
    for operation in ["reset", "restore", "schema", "delete"] {
        let mut w = producer(&host, "s");
        send(&mut w, sent + 1, sent + 30);
        sent += 30;
        let before = hash(&host, "s");
        let generations = host.get("/api/v1/checkpoints?stream=s").1["checkpoints"].as_array().unwrap().len() as u64;
        let answer = match operation {
            "restore" => host.post(&format!("/api/v1/checkpoints/s/{}/restore", generation.min(generations)), ""),
            "schema" => host.post("/api/v1/streams/s/schema", r#"{"fields":[{"name":"ms","kind":"category"}]}"#),
            _ => host.post(&format!("/api/v1/streams/s/{operation}"), ""),
        };
        assert_eq!(answer.0, 200, "{operation}: {}", answer.1);
        let wrong = (operation != "delete").then(|| {
            send(&mut w, sent + 1, sent + 5);
            sent += 5;
            hash(&host, "s")
        });
        if operation == "schema" {
            host.kill();
            host = Host::start_with(dir.path(), &format!("{SMALL}keys = 2\n"));
        }
        for expected in [Some(&before), wrong.as_ref(), wrong.as_ref().map(|_| &before)].into_iter().flatten() {
            let (status, answer) = host.post("/api/v1/streams/s/undo", "");
            assert_eq!((status, &hash(&host, "s")), (200, expected), "{operation}: {answer}");
            all_known(&host, "s", sent);
        }
        let (status, answer) = host.post("/api/v1/streams/s/undo?incarnation=77", "");
        assert_eq!((status, answer["title"].as_str()), (404, Some("nothing kept")), "{answer}");
    }
    // what is back goes on, is the same after a start, and is the same when it learns its log again
    send(&mut producer(&host, "s"), sent + 1, sent + 10);
    let before = hash(&host, "s");
    host.kill();
    let host = Host::start_with(dir.path(), &format!("{SMALL}keys = 2\n"));
    assert_eq!(hash(&host, "s"), before);
    all_known(&host, "s", sent + 10);
    host.stop();
}

#[test]
fn what_goes_for_good_or_is_too_old_does_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    send(&mut producer(&host, "s"), 1, 20);
    assert_eq!(host.post("/api/v1/streams/s/reset", "").0, 200);
    assert_eq!(host.post("/api/v1/streams/s/delete?for_good=true", "").0, 200);
    assert_eq!(host.post("/api/v1/streams/s/undo", "").0, 404);
    send(&mut producer(&host, "other"), 21, 40);
    assert_eq!(host.post("/api/v1/streams/other/undo", "").0, 404);
    assert_eq!(host.post("/api/v1/streams/other/delete", "").0, 200);
    // a name that is in use again does not give the deleted stream back
    send(&mut producer(&host, "other"), 41, 45);
    assert_eq!(host.post("/api/v1/streams/other/undo", "").0, 404);
    assert_eq!(host.post("/api/v1/streams/other/delete", "").0, 200);
    host.stop();
    let host = Host::start_with(dir.path(), "[store]\nundo_kept = \"0s\"\n");
    assert_eq!(host.post("/api/v1/streams/other/undo", "").0, 404);
    host.stop();
}

/// The answer to a request without a body and without a kind of one, as `curl -X` sends it.
fn bare(host: &Host, method: &str, path: &str) -> (u16, Value) {
    let (agent, url) = (common::agent(), host.url(path));
    let answer = match method {
        "PUT" => agent.put(url).send_empty(),
        "DELETE" => agent.delete(url).call(),
        _ => agent.post(url).send_empty(),
    };
    let mut answer = answer.unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
}

#[test]
fn a_label_is_said_in_a_body_too_and_names_its_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    let mut w = producer(&host, "s");
    send(&mut w, 1, 30);
    let first = checkpoint(&host, "s");
    let labelling = format!("/api/v1/checkpoints/s/{first}/label");
    assert_eq!(host.post(&labelling, r#"{"label":"stable"}"#).1["label"], "stable");
    // what says no label takes none away
    for body in ["{}", "stable", r#"{"lable":"x"}"#, r#"{"label":7}"#, "[]"] {
        let (status, problem) = host.post(&labelling, body);
        assert_eq!((status, &problem["field"]), (400, &json!("body")), "{body}: {problem}");
    }
    assert_eq!(host.post(&format!("{labelling}?label=a"), r#"{"label":"b"}"#).0, 400, "one of two labels");
    assert_eq!(host.post(&labelling, &json!({"label": "x".repeat(65)}).to_string()).0, 400);
    send(&mut w, 31, 50);
    let last = checkpoint(&host, "s");
    let of = |named: &str, rest: &str| format!("/api/v1/checkpoints/s/{named}/{rest}");
    assert_eq!(host.get(&of("stable", "show")).1["generation"], first);
    assert_eq!(host.get(&of("stable", "verify")).1["whole"], true);
    let whole = common::agent().get(host.url("/api/v1/checkpoints/s/stable")).call().unwrap();
    assert!(whole.status() == 200 && whole.headers()["content-type"] == "application/octet-stream");
    for (method, pinned) in [("PUT", true), ("DELETE", false), ("POST", true)] {
        let (status, marks) = bare(&host, method, &of("stable", "pin"));
        assert_eq!((status, &marks["pinned"], &marks["generation"]), (200, &json!(pinned), &json!(first)), "{marks}");
    }
    assert_eq!(host.get(&of(&last.to_string(), "show")).1["pinned"], false);
    for (method, rest) in [("GET", "show"), ("GET", "verify"), ("PUT", "pin"), ("POST", "restore")] {
        let path = of("stabel", rest);
        let (status, problem) = if method == "GET" { host.get(&path) } else { bare(&host, method, &path) };
        assert_eq!((status, &problem["field"]), (404, &json!("generation")), "{rest}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("\"stabel\""), "{problem}");
    }
    assert_eq!(bare(&host, "POST", &of("stable", "restore")).1["offset"], 30);
    assert_eq!(host.post(&labelling, r#"{"label":null}"#).1["label"], Value::Null);
    host.stop();
}
