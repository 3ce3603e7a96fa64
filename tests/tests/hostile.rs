//! Bad input harms only itself: its sender gets an error that names the field and the reason, and everything lives on.

use serde_json::{Value, json};
use surmise_tests::{TestDaemon, Wire};

const CLOSED: &str = r#"
[streams."strict"]
fields = [{ name = "page", kind = "category", required = true }, { name = "ms", kind = "number" }]
closed = true
"#;

/// Sends a bad line and checks what its error names; then a good line is still learnt.
fn refused(w: &mut Wire, seq: &mut u64, line: &[u8], code: &str, field: &str) -> String {
    w.send_bytes(line);
    w.send_bytes(b"\n");
    let e = w.receive()["error"].clone();
    assert_eq!(e["code"], code, "{e} for {}", String::from_utf8_lossy(&line[..line.len().min(200)]));
    assert!(e["field"].as_str().is_some_and(|f| f.contains(field)), "{e} should name {field}");
    assert_eq!(e["fatal"], false, "{e}");
    *seq += 1;
    w.send(&json!({"seq": *seq, "data": {"page": "/ok", "ms": 1.5}}).to_string());
    assert!(w.until_ack(*seq).iter().all(|v| v["error"].is_null()));
    e["reason"].as_str().expect("an error has a reason").to_owned()
}

#[test]
fn every_bad_line_is_named_and_the_connection_lives_on() {
    let dir = tempfile::tempdir().unwrap();
    let d = TestDaemon::start_with(&dir.path().join("state"), CLOSED, &[]);
    let mut w = d.connect();
    w.hello("bad", 1, "strict", &["ack"]);
    let mut seq = 0;
    let mut bad = |line: &[u8], code: &str, field: &str| refused(&mut w, &mut seq, line, code, field);
    bad(b"{not json", "bad_json", "");
    bad(br#"{"seq":900,"data":{"page":"/a","ms":"fast"}}"#, "wrong_type", "ms");
    bad(br#"{"seq":901,"data":{"page":"/a","colour":"red"}}"#, "unknown_field", "colour");
    bad(br#"{"seq":902,"data":{"ms":3}}"#, "missing_field", "page");
    bad(br#"{"seq":903,"data":{"page":"/a","ms":NaN}}"#, "not_finite", "ms");
    bad(br#"{"seq":904,"data":{"page":"/a","ms":Infinity}}"#, "not_finite", "ms");
    for not_finite in
        [&br#"{"seq":905,"data":{"page":"/a","ms":1e400}}"#[..], br#"{"seq":905,"data":{"page":"/a","ms":-1e999}}"#]
    {
        w.send_bytes(not_finite);
        w.send_bytes(b"\n");
        let e = w.receive()["error"].clone();
        assert!(e["field"].as_str().unwrap().contains("ms") && !e["reason"].as_str().unwrap().is_empty(), "{e}");
    }
    let mut bad = |line: &[u8], code: &str, field: &str| refused(&mut w, &mut seq, line, code, field);
    let long = format!(r#"{{"seq":906,"data":{{"page":"{}"}}}}"#, "x".repeat(2 << 20));
    bad(long.as_bytes(), "line_too_long", "");
    let symbol = format!(r#"{{"seq":907,"data":{{"page":"{}"}}}}"#, "y".repeat((1 << 20) - 200));
    bad(symbol.as_bytes(), "too_long", "page");
    bad(b"{\"seq\":908,\"data\":{\"page\":\"\xff\xfe\"}}", "bad_utf8", "");
    let deep = format!(r#"{{"seq":909,"data":{{"page":{}1{}}}}}"#, "[".repeat(5000), "]".repeat(5000));
    w.send(&deep);
    assert!(w.receive()["error"]["reason"].as_str().is_some());
    let mut bad = |line: &[u8], code: &str, field: &str| refused(&mut w, &mut seq, line, code, field);
    bad(br#"{"seq":910,"data":{"page":"/a","ms":true}}"#, "wrong_type", "ms");
    bad(br#"{"seq":911,"data":{"page":{"a":{"b":1}},"ms":1}}"#, "unknown_field", "page.a.b");
    bad(br#"{"seq":912,"time":"yesterday","data":{"page":"/a"}}"#, "bad_time", "time");
    bad(br#"{"seq":913,"sream":"x","data":{"page":"/a"}}"#, "bad_json", "sream");
    assert_eq!(d.get("/-/healthy").0, 200);
    let (_, s) = d.get("/api/v1/streams/strict");
    assert_eq!(s["offset"].as_u64(), Some(seq), "good events are learnt, bad ones are not: {s}");
}

#[test]
fn a_sequence_number_that_goes_back_is_named() {
    let dir = tempfile::tempdir().unwrap();
    // a long commit interval: nothing is durable yet when the number goes back
    let d = TestDaemon::start_with(&dir.path().join("state"), "commit_interval = \"500ms\"\n", &[]);
    let mut w = d.connect();
    w.hello("p", 1, "s", &["ack"]);
    for seq in [5, 6, 4] {
        w.send(&format!(r#"{{"seq":{seq},"data":"a"}}"#));
    }
    let e = w.receive()["error"].clone();
    assert_eq!((&e["code"], &e["seq"], &e["field"]), (&json!("seq_not_rising"), &json!(4), &json!("seq")), "{e}");
    w.until_ack(6);
    w.send(r#"{"seq":6,"data":"a"}"#);
    let a = w.receive();
    assert_eq!((&a["ack"], &a["duplicates"]), (&json!(6), &json!(1)), "what is durable is a duplicate: {a}");
    assert_eq!(d.get("/api/v1/streams/s").1["offset"], 2);
}

#[test]
fn tokens_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let d = TestDaemon::start_with(&dir.path().join("state"), "[auth]\ntoken = \"open sesame\"\n", &[]);
    let hello = |token: Value| {
        let mut w = d.connect();
        w.send(
            &json!({"hello": {"protocol": 1, "producer": "p", "epoch": 1, "stream": "s", "token": token}}).to_string(),
        );
        w.receive()
    };
    for wrong in [json!("open barley"), json!(""), Value::Null] {
        let e = hello(wrong)["error"].clone();
        assert_eq!((&e["code"], &e["fatal"]), (&json!("unauthorized"), &json!(true)), "{e}");
    }
    assert!(hello(json!("open sesame"))["welcome"].is_object());
    assert_eq!(d.get("/api/v1/streams").0, 401);
    assert_eq!(d.get("/-/healthy").0, 200, "health is not a secret");
}

#[test]
fn http_answers_bad_events_as_the_socket_does() {
    let dir = tempfile::tempdir().unwrap();
    let d = TestDaemon::start_with(&dir.path().join("state"), CLOSED, &[]);
    let body = [
        r#"{"data":{"page":"/a","ms":1}}"#,
        "{not json",
        r#"{"data":{"page":"/a","ms":"fast"}}"#,
        r#"{"data":{"page":"/a","colour":"red"}}"#,
        r#"{"data":{"ms":1}}"#,
        r#"{"data":{"page":"/a","ms":1e400}}"#,
        r#"{"data":{"page":"/b"}}"#,
    ];
    let (status, v) = d.post("/api/v1/streams/strict/events", body.join("\n").as_bytes());
    assert!(status == 200 || status == 207, "{status} {v}");
    assert_eq!((&v["accepted"], &v["rejected"]), (&json!(2), &json!(5)), "{v}");
    let fields: Vec<&str> = v["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    assert!(fields.iter().any(|f| f.contains("ms")) && fields.contains(&"colour") && fields.contains(&"page"), "{v}");
    for (path, want) in
        [("/api/v1/streams/nobody", 404), ("/api/v1/streams/strict/next?top=banana", 400), ("/api/v1/nothing", 404)]
    {
        let (status, v) = d.get(path);
        assert_eq!(status, want, "{path}: {v}");
    }
    assert_eq!(d.get("/api/v1/streams/strict").1["offset"], 2);
}

/// Lines as `nc` would send them: no hello, one JSON or one bare symbol a line.
#[test]
fn plain_lines_need_no_hello() {
    let dir = tempfile::tempdir().unwrap();
    let d = TestDaemon::start(&dir.path().join("state"));
    let mut w = d.connect();
    for line in ["up", "down", "up", "\"down\""] {
        w.send(line);
    }
    w.send(r#"{"stream":"web","key":"u1","data":{"page":"/a"}}"#);
    w.send("{broken");
    assert_eq!(w.receive()["error"]["code"], "bad_json");
    // a number where texts came is the symbol of its digits; no value at all is refused
    w.send(r#"{"stream":"web","data":{"page":3}}"#);
    w.send(r#"{"stream":"web","data":{}}"#);
    assert_eq!(w.receive()["error"]["field"], "data");
    let names: Vec<String> = d.get("/api/v1/streams").1["streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["stream"].as_str().unwrap().to_owned())
        .collect();
    assert!(names.contains(&"default".to_owned()) && names.contains(&"web".to_owned()), "{names:?}");
    assert_eq!(d.get("/api/v1/streams/default").1["offset"], 4);
}
