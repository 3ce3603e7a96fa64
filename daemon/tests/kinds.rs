//! What fields hold: told by the sender, or decided from a stream's first events, alike after a crash.

mod common;

use common::Host;
use serde_json::{Value, json};

/// The kinds of a stream's fields, and how many events are left to decide them.
fn kinds(host: &Host, stream: &str) -> (Value, Value) {
    let status = host.get(&format!("/api/v1/streams/{stream}")).1;
    let fields = status["schema"]["fields"].as_array().unwrap();
    (fields.iter().map(|f| json!([f["name"], f["kind"]])).collect(), status["undecided_events"].clone())
}

fn event(i: u64) -> Value {
    let status = [200, 200, 404, 500][(i * i / 3 % 4) as usize];
    json!({"seq": i + 1, "data": {"status": status, "ms": i * 37 % 101}})
}

#[test]
fn first_events_decide_what_fields_hold_and_a_crash_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = "[model]\nnetwork = \"off\"\n";
    let mut host = Host::start_with(dir.path(), options);
    let hello = json!({"producer": "p", "epoch": 1, "stream": "web", "want": ["ack"]});
    let send = |host: &Host, events: std::ops::Range<u64>| {
        let mut wire = host.connect();
        wire.hello(hello.clone());
        let last = events.end;
        events.for_each(|i| wire.say(&event(i).to_string()));
        wire.until_ack(last);
    };
    send(&host, 0..250);
    assert_eq!(kinds(&host, "web"), (json!([["ms", "number"], ["status", "number"]]), json!(6)));
    host.kill();
    host = Host::start_with(dir.path(), options);
    send(&host, 250..300);
    let decided = (json!([["ms", "number"], ["status", "category"]]), Value::Null);
    assert_eq!(kinds(&host, "web"), decided);
    let hash = |host: &Host| host.get("/api/v1/streams/web?hash=true").1["state_hash"].clone();
    let before = hash(&host);
    assert!(before.is_string());
    host.kill();
    host = Host::start_with(dir.path(), options);
    assert_eq!((kinds(&host, "web"), hash(&host)), (decided, before));
    host.stop();
}

#[test]
fn a_sender_can_tell_what_the_fields_of_a_new_stream_hold() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[model]\nnetwork = \"off\"\n");
    let fields = json!([{"name": "status", "kind": "category"}, {"name": "note", "kind": "text"}]);
    let mut wire = host.connect();
    wire.hello(json!({"producer": "p", "epoch": 1, "stream": "told", "fields": fields}));
    wire.say(&event(0).to_string());
    // another stream of the same connection is not told
    wire.say(r#"{"seq":2,"stream":"other","data":{"status":200}}"#);
    wire.until_ack(2);
    let told = (json!([["status", "category"], ["note", "text"], ["ms", "number"]]), Value::Null);
    assert_eq!(kinds(&host, "told"), told);
    assert_eq!(kinds(&host, "other").0, json!([["status", "number"]]));
    // a stream that is there has its fields
    let mut late = host.connect();
    late.hello(json!({"producer": "q", "epoch": 1, "stream": "told", "fields": [{"name": "x", "kind": "number"}]}));
    late.say(&event(0).to_string());
    late.until_ack(1);
    assert_eq!(kinds(&host, "told"), told);
    for bad in [
        json!([{"name": "x", "kind": "byte"}]),
        json!([{"name": "", "kind": "number"}]),
        json!([{"name": "x", "kind": "number"}, {"name": "x", "kind": "text"}]),
        json!([{"name": "wait", "kind": "gap"}]),
    ] {
        let e = host.connect().hello(json!({"stream": "bad", "fields": bad}))["error"].clone();
        assert_eq!((&e["code"], &e["field"]), (&json!("bad_hello"), &json!("hello.fields")), "{e}");
    }
    host.stop();
}

/// Who sends bytes can make sure that the stream is one of them before it sends any.
#[test]
fn that_a_stream_is_one_of_bytes_can_be_said_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let declared = "fields = [{ name = \"value\", kind = \"byte\" }]";
    let host = Host::start_with(dir.path(), &format!("[model]\nnetwork = \"off\"\n[streams.\"book-*\"]\n{declared}\n"));
    let hello = |stream: &str| json!({"producer": "p", "epoch": 1, "stream": stream, "fields": [{"name": "value", "kind": "byte"}]});
    let say = |stream: &str| {
        let mut wire = host.connect();
        let answer = wire.hello(hello(stream));
        (wire, answer)
    };
    let refused = |answer: &Value| answer["error"]["reason"].as_str().unwrap_or_default().contains("none of bytes");
    assert!(refused(&say("other").1));
    assert_eq!(host.get("/api/v1/streams/other").0, 404, "nothing is made of what is refused");
    // before its first event, and when it is there
    for seq in [1, 2] {
        let (mut wire, answer) = say("book-1");
        assert!(answer["welcome"].is_object(), "{answer}");
        wire.say(&json!({"seq": seq, "data": "to be, or not"}).to_string());
        wire.until_ack(seq);
    }
    assert_eq!(kinds(&host, "book-1").0, json!([["value", "byte"]]));
    host.stop();
}
