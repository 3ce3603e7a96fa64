//! What a stream keeps of those in whose place it came: their log, and the checkpoints that people marked; and what it
//! takes from the configuration instead.
#![allow(missing_docs)]

mod common;

use common::{Host, Wire};
use serde_json::{Value, json};

const SMALL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n";

fn line(seq: u64) -> String {
    format!(r#"{{"seq":{seq},"key":"k{}","data":{{"page":"/{}","ms":{}}}}}"#, seq % 3, seq * seq % 5, seq % 17)
}

/// Makes sure that an event of a log is the one that was sent under a number.
fn assert_sent(event: &Value, seq: u64) {
    let sent: Value = serde_json::from_str(&line(seq)).unwrap();
    let of = |data: &Value| (data["page"].clone(), data["ms"].as_f64());
    assert_eq!(of(&event["event"]["data"]), of(&sent["data"]), "{event}");
}

fn producer(host: &Host, stream: &str) -> Wire {
    let mut w = host.connect();
    w.hello(json!({"producer": "p", "epoch": 1, "stream": stream}));
    w
}

fn send(w: &mut Wire, from: u64, to: u64) {
    (from..=to).for_each(|seq| w.say(&line(seq)));
    w.until_ack(to);
}

/// Everything that reads the log of a stream finds it whole, whatever stream it was when an event came.
#[test]
fn the_log_is_whole_whatever_the_stream_was_before() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    let change = |path: &str, body: &str| {
        let (status, answer) = host.post(path, body);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    };
    send(&mut producer(&host, "s"), 1, 40);
    let generation = change("/api/v1/checkpoints?stream=s", "")["checkpoints"][0]["generation"].clone();
    send(&mut producer(&host, "s"), 41, 60);
    change(&format!("/api/v1/checkpoints/s/{generation}/restore"), "");
    send(&mut producer(&host, "s"), 61, 70);
    change("/api/v1/streams/s/schema", r#"{"fields":[{"name":"ms","kind":"category"}]}"#);
    change("/api/v1/streams/s/rename?to=web", "");
    send(&mut producer(&host, "web"), 71, 80);
    change("/api/v1/streams/web/reset", "");
    change("/api/v1/streams/web/undo", "");
    send(&mut producer(&host, "web"), 81, 90);
    let kept: Vec<u64> = (1..=40).chain(61..=90).collect();
    let end = kept.len() as u64;
    let events = |from: u64| host.get(&format!("/api/v1/streams/web/events?from={from}&count=1000")).1;
    let logged = events(0);
    assert_eq!((&logged["begin"], &logged["end"]), (&json!(0), &json!(end)), "{logged}");
    for (place, event) in logged["events"].as_array().unwrap().iter().enumerate() {
        assert_eq!(event["offset"], place, "{event}");
        assert_sent(event, kept[place]);
    }
    for (from, seq) in [(39, 40), (40, 61), (60, 81)] {
        let answer = events(from);
        assert_eq!(answer["events"][0]["offset"], from, "{answer}");
        assert_sent(&answer["events"][0], seq);
    }
    // what was learnt is learnt again from the first event on, to the state that the stream is in
    let began = host.post("/api/v1/replays", r#"{"stream":"web","begin":"fresh"}"#);
    assert_eq!(began.0, 202, "{}", began.1);
    let replay = loop {
        let replay = host.get(&format!("/api/v1/replays/{}", began.1["id"])).1;
        if !["waiting", "running"].contains(&replay["state"].as_str().unwrap()) {
            break replay;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    assert_eq!(
        (&replay["from"], &replay["to"], &replay["state"]),
        (&json!(0), &json!(end), &json!("done")),
        "{replay}"
    );
    assert_eq!(replay["state_hash"], host.get("/api/v1/streams/web/hash").1["state_hash"], "{replay}");
    for offset in [0, 20, 45, end - 1] {
        let (status, why) = host.get(&format!("/api/v1/streams/web/events/{offset}/why"));
        assert_eq!((status, &why["offset"]), (200, &json!(offset)), "{why}");
    }
    host.stop();
}

#[test]
fn marked_checkpoints_go_along_as_far_as_they_lead_to_the_stream() {
    let dir = tempfile::tempdir().unwrap();
    let config = format!("{SMALL}keys = 2\n[store]\ngenerations = 2\n");
    let host = Host::start_with(dir.path(), &config);
    let change = |path: &str| {
        let (status, answer) = host.post(path, "");
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    };
    let hash = |host: &Host| host.get("/api/v1/streams/web/hash").1["state_hash"].clone();
    let (mut hashes, mut generations) = (Vec::new(), Vec::new());
    for to in [20, 40, 60] {
        send(&mut producer(&host, "web"), to - 19, to);
        hashes.push(hash(&host));
        generations.push(change("/api/v1/checkpoints?stream=web")["checkpoints"][0]["generation"].clone());
    }
    change(&format!("/api/v1/checkpoints/web/{}/pin", generations[1]));
    change(&format!("/api/v1/checkpoints/web/{}/label?label=good", generations[1]));
    change(&format!("/api/v1/checkpoints/web/{}/pin", generations[2]));
    let marked = |host: &Host, stream: &str| -> Vec<(Value, Value)> {
        let listed = host.get(&format!("/api/v1/checkpoints?stream={stream}")).1["checkpoints"].clone();
        let marked = listed.as_array().unwrap().iter().filter(|c| c["pinned"] == true);
        marked.map(|c| (c["offset"].clone(), c.get("label").cloned().unwrap_or_default())).collect()
    };
    let both = vec![(json!(40), json!("good")), (json!(60), json!(null))];
    assert_eq!(marked(&host, "web"), both);
    change("/api/v1/streams/web/rename?to=shop");
    assert_eq!(marked(&host, "shop"), both);
    change("/api/v1/streams/shop/rename?to=web");
    // what lies beyond what is restored is none of the stream's, until that is undone
    change("/api/v1/checkpoints/web/good/restore");
    assert_eq!((marked(&host, "web"), hash(&host)), (both[..1].to_vec(), hashes[1].clone()));
    change("/api/v1/streams/web/undo");
    assert_eq!((marked(&host, "web"), hash(&host)), (both.clone(), hashes[2].clone()));
    change("/api/v1/streams/web/reset");
    assert_eq!(marked(&host, "web"), []);
    change("/api/v1/streams/web/undo");
    host.kill();
    let host = Host::start_with(dir.path(), &config);
    assert_eq!(marked(&host, "web"), both);
    let (status, answer) = host.post("/api/v1/checkpoints/web/good/restore", "");
    assert_eq!((status, hash(&host)), (200, hashes[1].clone()), "{answer}");
    // that was an offset before the stream of this name began: its log is what leads there, and what came since
    send(&mut producer(&host, "web"), 61, 70);
    let logged = host.get("/api/v1/streams/web/events?from=0&count=1000").1;
    assert_eq!((&logged["begin"], &logged["end"]), (&json!(0), &json!(50)), "{logged}");
    for (event, seq) in logged["events"].as_array().unwrap().iter().zip((1..=40).chain(61..=70)) {
        assert_sent(event, seq);
    }
    let body = r#"{"fields":[{"name":"ms","kind":"category"}]}"#;
    let (status, answer) = host.post("/api/v1/streams/web/schema", body);
    assert_eq!((status, &answer["offset"]), (200, &json!(50)), "{answer}");
    host.stop();
}

#[test]
fn a_reset_begins_with_what_is_declared_by_now() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    let mut w = producer(&host, "s");
    send(&mut w, 1, 20);
    host.kill();
    let fields = "[streams.s]\nfields = [{ name = \"status\", kind = \"number\" }]\nmodel = { memory_mib = 2 }\n";
    let host = Host::start_with(dir.path(), &format!("{SMALL}{fields}"));
    let declared = |host: &Host| host.get("/api/v1/streams/s").1["schema"]["fields"].clone();
    let status = json!([{"name": "status", "kind": "number"}]);
    assert_ne!(declared(&host), status, "until then the stream keeps what it has");
    assert_eq!(host.post("/api/v1/streams/s/reset", "").0, 200);
    assert_eq!(declared(&host), status);
    host.kill();
    let host = Host::start_with(dir.path(), &format!("{SMALL}{fields}"));
    assert_eq!(declared(&host), status);
    let (code, answer) = host.post("/api/v1/streams/s/undo", "");
    assert_eq!((code, &answer["offset"]), (200, &json!(20)), "{answer}");
    assert_ne!(declared(&host), status, "what was replaced comes back as it was");
    host.stop();
}
