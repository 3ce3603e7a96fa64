//! The event socket: what it refuses, which connections it fences, and that it keeps serving.
#![allow(missing_docs)]

mod common;

use common::{Host, Wire, config};
use serde_json::{Value, json};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use surmise_store::StoreError;
use surmised::Daemon;

const STRICT: &str = r#"
[streams."strict"]
fields = [{ name = "page", kind = "category", required = true }, { name = "ms", kind = "number" }]
closed = true
[limits]
line_bytes = "64KiB"
"#;

#[test]
fn every_bad_line_is_named_and_the_connection_lives_on() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), STRICT);
    let mut w = host.connect();
    w.hello(json!({"producer": "p", "epoch": 1, "stream": "strict"}));
    let deep = format!(r#"{{"seq":99,"data":{{"page":{}1{}}}}}"#, "[".repeat(2000), "]".repeat(2000));
    let long = format!(r#"{{"seq":99,"data":{{"page":"{}"}}}}"#, "x".repeat(100_000));
    let symbol = format!(r#"{{"seq":99,"data":{{"page":"{}"}}}}"#, "x".repeat(10_000));
    let bad: Vec<(&[u8], &str, &str)> = vec![
        (b"{not json", "bad_json", "line"),
        (br#"{"seq":99,"data":{"page":"/a","ms":"fast"}}"#, "wrong_type", "ms"),
        (br#"{"seq":99,"data":{"page":"/a","colour":"red"}}"#, "unknown_field", "colour"),
        (br#"{"seq":99,"data":{"ms":3}}"#, "missing_field", "page"),
        (br#"{"seq":99,"data":{"page":"/a","ms":1e400}}"#, "not_finite", "ms"),
        (br#"{"seq":99,"data":{"page":"/a","ms":true}}"#, "wrong_type", "ms"),
        (br#"{"seq":99,"data":{"page":{"a":{"b":1}}}}"#, "unknown_field", "page.a.b"),
        (br#"{"seq":99,"data":{}}"#, "empty", "data"),
        (br#"{"seq":99,"time":"yesterday","data":{"page":"/a"}}"#, "bad_time", "time"),
        (br#"{"seq":99,"stream":"a/b","data":{"page":"/a"}}"#, "bad_stream", "stream"),
        (b"{\"seq\":99,\"data\":{\"page\":\"\xff\"}}", "bad_utf8", ""),
        (br#"{"hello":{"protocol":1}}"#, "bad_hello", "hello"),
        (deep.as_bytes(), "wrong_type", "page"),
        (long.as_bytes(), "line_too_long", "line"),
        (symbol.as_bytes(), "too_long", "page"),
    ];
    for (i, (line, code, field)) in bad.iter().enumerate() {
        w.bytes(line);
        w.bytes(b"\n");
        let e = w.hear()["error"].clone();
        assert_eq!((e["code"].as_str(), e["fatal"].as_bool()), (Some(*code), Some(false)), "{e}");
        assert!(e["field"].as_str().unwrap().contains(field), "{e}");
        assert_eq!(e["line"].as_u64(), Some(2 * i as u64 + 2), "{e}");
        assert!(e["reason"].as_str().unwrap().len() > 8, "{e}");
        let seq = i as u64 + 1;
        w.say(&format!(r#"{{"seq":{seq},"data":{{"page":"/ok","ms":1}}}}"#));
        assert_eq!(w.until_ack(seq), Vec::<Value>::new());
    }
    let (_, s) = host.get("/api/v1/streams/strict");
    assert_eq!(s["offset"], bad.len());
    assert_eq!(s["refused"]["wrong_type"], 2, "those that reached the stream: {s}");
    host.stop();
}

#[test]
fn numbers_rise_and_duplicates_are_recognised() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[store]\ncommit_interval = \"300ms\"\n");
    let mut w = host.connect();
    assert_eq!(w.hello(json!({"producer": "p", "epoch": 1, "stream": "s"}))["welcome"]["committed_seq"], Value::Null);
    for seq in [1, 2, 5, 6, 4, 7] {
        w.say(&format!(r#"{{"seq":{seq},"data":"a"}}"#));
    }
    let others = w.until_ack(7);
    assert_eq!(others.len(), 1);
    assert_eq!((&others[0]["error"]["code"], &others[0]["error"]["seq"]), (&json!("seq_not_rising"), &json!(4)));
    w.say(r#"{"seq":6,"data":"a"}"#);
    assert_eq!(w.hear(), json!({"ack": 7, "duplicates": 1}));
    drop(w);
    let mut w = host.connect();
    assert_eq!(w.hello(json!({"producer": "p", "epoch": 1, "stream": "s"}))["welcome"]["committed_seq"], 7);
    // without numbers, events go on from there
    w.say(r#"{"data":"b"}"#);
    assert_eq!(w.hear(), json!({"ack": 8, "duplicates": 0}));
    assert_eq!(host.get("/api/v1/streams/s").1["offset"], 6);
    host.stop();
}

#[test]
fn newer_connections_and_epochs_fence_older_ones() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(dir.path());
    let hello = |epoch: u64| json!({"producer": "p", "epoch": epoch, "stream": "s"});
    let mut old = host.connect();
    old.hello(hello(3));
    old.say(r#"{"seq":1,"data":"a"}"#);
    old.until_ack(1);
    let mut same = host.connect();
    assert_eq!(same.hello(hello(3))["welcome"]["committed_seq"], 1);
    let e = old.hear()["error"].clone();
    assert_eq!((&e["code"], &e["fatal"]), (&json!("fenced"), &json!(true)), "{e}");
    assert!(old.closed());
    let e = host.connect().hello(hello(2))["error"].clone();
    assert_eq!((&e["code"], &e["fatal"], &e["field"]), (&json!("fenced"), &json!(true), &json!("hello.epoch")), "{e}");
    let mut newer = host.connect();
    assert_eq!(newer.hello(hello(4))["welcome"]["committed_seq"], Value::Null);
    assert_eq!(same.hear()["error"]["code"], "fenced");
    newer.say(r#"{"seq":1,"data":"b"}"#);
    newer.until_ack(1);
    assert_eq!(host.get("/api/v1/streams/s").1["offset"], 2);
    host.kill();
    // the epoch is remembered
    let host = Host::start(dir.path());
    assert_eq!(host.connect().hello(hello(3))["error"]["code"], "fenced");
    host.stop();
}

#[test]
fn plain_and_bare_connections_need_no_hello() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[listen]\nlines = \"127.0.0.1:0\"\n");
    let mut w = host.connect();
    for line in ["up", "down", "", r#"{"stream":"web","data":{"page":"/a"}}"#, r#"{"a":1,"stream":"web"}"#] {
        w.say(line);
    }
    let e = w.hear()["error"].clone();
    assert_eq!((&e["code"], &e["line"]), (&json!("bad_json"), &json!(5)), "{e}");
    w.bytes(b"up"); // the last line needs no end
    w.half_close();
    assert!(w.closed());
    let mut bare = Wire::over(std::net::TcpStream::connect(host.running().lines_addr().unwrap()).unwrap());
    bare.bytes(b"{\"not\": \"parsed\"}\nplain text\n\xff\xfe\n");
    assert_eq!(bare.hear()["error"]["code"], "bad_utf8");
    let mut lines = host.connect();
    lines.hello(json!({"producer": "l", "stream": "log", "format": "lines", "key": "host-1"}));
    lines.say("a b c");
    lines.say("{");
    assert_eq!(lines.until_ack(2), Vec::<Value>::new());
    let offset = |s: &str| host.get(&format!("/api/v1/streams/{s}")).1["offset"].as_u64();
    assert_eq!(["default", "web", "lines", "log"].map(offset), [Some(3), Some(1), Some(2), Some(2)]);
    assert_eq!(host.get("/api/v1/streams/log").1["keys"], 1);
    host.stop();
}

#[test]
fn the_unix_socket_serves_and_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let host = Host::start(dir.path());
        let path = host.running().unix_path().unwrap().to_owned();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut w = Wire::over(UnixStream::connect(&path).unwrap());
        w.hello(json!({"stream": "s", "want": ["ack", "outcome", "next"]}));
        w.say(r#"{"seq":1,"key":"u","data":"a","end":true}"#);
        let o = w.until_ack(1).remove(0)["outcome"].clone();
        assert_eq!((&o["seq"], &o["stream"], &o["key"]), (&json!(1), &json!("s"), &json!("u")), "{o}");
        assert!(o["next"]["fields"]["value"]["top"].is_array(), "{o}");
        host.kill(); // leaves the socket's file behind, or not: the next one does not mind
        std::fs::write(dir.path().join("x"), "").unwrap();
    }
}

#[test]
fn tokens_are_asked_for_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[auth]\ntoken = \"open sesame\"\n");
    for hello in [json!({"token": "open barley"}), json!({"token": ""}), json!({})] {
        let mut w = host.connect();
        let e = w.hello(hello)["error"].clone();
        assert_eq!((&e["code"], &e["fatal"]), (&json!("unauthorized"), &json!(true)), "{e}");
        assert!(w.closed());
    }
    let mut plain = host.connect();
    plain.say("up");
    assert_eq!(plain.hear()["error"]["code"], "unauthorized");
    assert!(host.connect().hello(json!({"token": "open sesame"}))["welcome"].is_object());
    assert_eq!(host.get("/api/v1/streams").0, 401);
    assert_eq!(host.get("/metrics").0, 401);
    assert_eq!(host.get("/-/ready").0, 200);
    let url = host.url("/api/v1/streams");
    let r = common::agent().get(url).header("Authorization", "Bearer open sesame").call().unwrap();
    assert_eq!(r.status(), 200);
    host.stop();
}

#[test]
fn a_connection_that_does_not_read_makes_no_other_wait() {
    let dir = tempfile::tempdir().unwrap();
    let host =
        Host::start_with(dir.path(), "[limits]\nsession_events = 100\ninbox_events = 200\n[owners]\nthreads = 1\n");
    let mut deaf = host.connect();
    deaf.hello(json!({"producer": "deaf", "stream": "s", "want": ["outcome", "next"]}));
    deaf.lines.get_ref().set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let line = format!("{{\"data\":\"{}\"}}\n", "x".repeat(1000)).repeat(100);
    let mut sent = 0;
    while std::io::Write::write_all(deaf.lines.get_mut(), line.as_bytes()).is_ok() {
        sent += 100;
        assert!(sent < 1_000_000, "it is never made to wait");
    }
    let mut w = host.connect();
    w.hello(json!({"producer": "p", "stream": "other"}));
    for seq in 1..=500 {
        w.say(&format!(r#"{{"seq":{seq},"data":"a"}}"#));
    }
    w.until_ack(500);
    drop(deaf);
    host.stop();
}

#[test]
fn too_many_connections_and_streams_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[limits]\nconnections = 2\nstreams = 2\n");
    let mut a = host.connect();
    a.hello(json!({"producer": "p"}));
    let _b = {
        let mut b = host.connect();
        b.hello(json!({}));
        b
    };
    let mut c = host.connect();
    let e = c.hear()["error"].clone();
    assert_eq!((&e["code"], &e["fatal"]), (&json!("limit_reached"), &json!(true)), "{e}");
    for (seq, stream) in [(1, "x"), (2, "y"), (4, "x")] {
        a.say(&format!(r#"{{"seq":{seq},"stream":"{stream}","data":"a"}}"#));
        a.until_ack(seq);
    }
    a.say(r#"{"seq":5,"stream":"z","data":"a"}"#);
    let e = a.hear()["error"].clone();
    assert_eq!((&e["code"], &e["seq"]), (&json!("limit_reached"), &json!(5)), "{e}");
    host.stop();
}

#[test]
fn a_stream_that_is_refused_its_first_event_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), STRICT);
    let mut w = host.connect();
    w.hello(json!({"stream": "strict"}));
    w.say(r#"{"seq":1,"data":{"colour":"red"}}"#);
    assert_eq!(w.hear()["error"]["code"], "unknown_field");
    assert_eq!(host.get("/api/v1/streams").1["streams"], json!([]));
    host.stop();
}

#[test]
fn a_second_daemon_on_a_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(dir.path());
    let other = host.runtime.block_on(Daemon::start(config(dir.path(), ""))).err().expect("it does not start");
    assert!(matches!(other.downcast_ref(), Some(StoreError::Locked { .. })), "{other:#}");
    assert!(other.to_string().contains("another surmised"), "{other}");
    assert_eq!(host.get("/-/healthy").0, 200);
    host.stop();
}

#[test]
fn events_of_cloud_events_are_lines_too() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[model]\nnetwork = \"off\"\nmemory_mib = 1\n");
    let event = |id: &str, data: Value| {
        json!({"specversion": "1.0", "id": id, "source": "/shop", "type": "seen", "subject": "u7", "data": data})
            .to_string()
    };
    // after a hello, beside lines of the protocol, and one that is sent again is learnt once
    let mut w = host.connect();
    w.hello(json!({"stream": "web", "want": ["outcome"]}));
    w.say(&event("1", json!("/home")));
    let outcome = w.hear()["outcome"].clone();
    assert_eq!((&outcome["key"], &outcome["offset"]), (&json!("u7"), &json!(0)), "{outcome}");
    w.say(&event("1", json!("/home")));
    w.say(r#"{"key":"u7","data":"/cart"}"#);
    let next = std::iter::repeat_with(|| w.hear()).find(|reply| reply["outcome"].is_object()).unwrap();
    assert_eq!(next["outcome"]["offset"], 1, "{next}");
    // on a plain connection, from its first line on
    let mut plain = host.connect();
    plain.say(&event("2", json!({"page": "/home"})));
    plain.say(&event("3", json!({"page": "/cart"})).replace("1.0", "0.3"));
    let error = plain.hear()["error"].clone();
    assert_eq!((&error["field"], &error["line"]), (&json!("specversion"), &json!(2)), "{error}");
    // nothing is acknowledged there, so it is waited for
    let logged = || host.get("/api/v1/streams/default/events?from=0").1["events"].clone();
    let first = std::iter::repeat_with(logged).map(|events| events[0]["event"].clone()).find(Value::is_object);
    let first = first.unwrap();
    assert_eq!((&first["key"], &first["data"]["page"]), (&json!("u7"), &json!("/home")), "{first}");
    host.stop();
}
