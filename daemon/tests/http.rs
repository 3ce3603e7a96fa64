//! The HTTP interface.
#![allow(missing_docs)]

mod common;

use common::{Host, Wire};
use serde_json::{Value, json};
use std::net::TcpStream;

fn fill(host: &Host) {
    let body: String = (0..120).map(|i| format!("{{\"data\":\"{}\"}}\n", ["/home", "/list", "/cart"][i % 3])).collect();
    let (status, v) = host.post("/api/v1/streams/web/events", &body);
    assert_eq!((status, &v), (200, &json!({"accepted": 120, "rejected": 0, "duplicates": 0, "errors": []})));
}

#[test]
fn questions_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(dir.path());
    fill(&host);
    let (_, s) = host.get("/api/v1/streams/web?hash=1");
    assert_eq!(
        (&s["offset"], &s["records"], &s["schema"]["fields"][0]["name"]),
        (&json!(120), &json!(120), &json!("value")),
        "{s}"
    );
    assert!(
        s["report"]["experts"].is_array() && s["state_bytes"].as_u64().unwrap() > 0 && s["state_hash"].is_string(),
        "{s}"
    );
    assert_eq!(s["committed_offset"], 120);
    let (_, n) = host.get("/api/v1/streams/web/next?top=2");
    assert_eq!((&n["stream"], &n["offset"]), (&json!("web"), &json!(120)), "{n}");
    assert_eq!(n["fields"]["value"]["top"].as_array().unwrap().len(), 2, "{n}");
    assert!(n["model_version"].is_u64());
    let (_, f) = host.get("/api/v1/streams/web/forecast?horizon=4&top=1");
    assert_eq!((f["steps"].as_array().unwrap().len(), &f["offset"]), (4, &json!(120)), "{f}");
    assert_eq!(host.get("/api/v1/streams/web/next?horizon=4&top=1").1, f, "with a horizon, next is a forecast");
    // a snapshot follows the learner while somebody asks
    fill(&host);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while host.get("/api/v1/streams/web/next").1["offset"] != 240 {
        assert!(std::time::Instant::now() < until, "the snapshot does not follow");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let (_, list) = host.get("/api/v1/streams");
    assert_eq!((&list["streams"][0]["stream"], &list["streams"][0]["offset"]), (&json!("web"), &json!(240)), "{list}");
    let (_, text) = host.get_text("/metrics");
    for name in [
        "surmise_events_received_total{listener=\"http\",group=\"default\"}",
        "surmise_commit_duration_seconds_bucket",
        "surmise_build_info",
        "surmise_loss_nats_total",
        "surmise_queue_events",
        "surmise_gradient_jobs_queued",
        "surmise_gradient_jobs_total",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
    assert!(!text.contains("web"), "metrics never name a stream");
    let (status, page) = host.get_text("/");
    assert!(status == 200 && page.contains("<main") && !page.contains("http://") || page.contains("w3.org"));
    host.stop();
}

#[test]
fn faults_are_problems_with_a_field() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[limits]\nbody_bytes = \"10KiB\"\n");
    fill(&host);
    let long = format!("/api/v1/streams/{}", "x".repeat(10_000));
    for (path, status, field) in [
        ("/api/v1/streams/nobody", 404, "stream"),
        ("/api/v1/streams/nobody/next", 404, "stream"),
        ("/api/v1/streams/web/next?top=banana", 400, "top"),
        ("/api/v1/streams/web/next?top=0", 400, "top"),
        ("/api/v1/streams/web/next?tpo=3", 400, "tpo"),
        ("/api/v1/streams/web/forecast?horizon=99999999", 400, "horizon"),
        ("/api/v1/streams/web/next?horizon=0", 400, "horizon"),
        ("/api/v1/checkpoints/web/77", 404, "generation"),
        ("/api/v1/nothing", 404, ""),
        (&long, 414, ""),
    ] {
        let mut r = common::agent().get(host.url(path)).call().unwrap();
        assert_eq!(r.headers()["content-type"], "application/problem+json", "{path}");
        let v: Value = serde_json::from_str(&r.body_mut().read_to_string().unwrap()).unwrap();
        assert_eq!((r.status().as_u16(), v["status"].as_u64()), (status, Some(u64::from(status))), "{path}: {v}");
        assert_eq!(v["field"].as_str().unwrap_or(""), field, "{path}: {v}");
        assert!(!v["detail"].as_str().unwrap().is_empty());
    }
    let (status, v) = host.post("/api/v1/streams/a%2Fb/events", "x");
    assert_eq!((status, &v["field"], &v["code"]), (400, &json!("stream"), &json!("bad_stream")));
    let (status, v) = host.post("/api/v1/streams/web/events", &"{\"data\":\"/home\"}\n".repeat(2000));
    assert_eq!((status, &v["field"]), (413, &json!("body")), "{v}");
    assert_eq!(host.post("/api/v1/streams", "").0, 405);
    host.stop();
}

#[test]
fn posted_events_are_answered_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(dir.path());
    let body =
        "{\"data\":{\"ms\":1}}\n{broken\n\n{\"data\":{}}\n{\"ms\":2}\n{\"stream\":\"x\",\"data\":{\"ms\":1}}\nbroken";
    let (status, v) = host.post("/api/v1/streams/s/events", body);
    assert_eq!((status, &v["accepted"], &v["rejected"]), (200, &json!(2), &json!(4)), "{v}");
    let errors: Vec<(u64, &str)> = v["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["line"].as_u64().unwrap(), e["code"].as_str().unwrap()))
        .collect();
    assert_eq!(errors, [(2, "bad_json"), (4, "empty"), (6, "bad_stream"), (7, "bad_json")]);
    // with a producer, what is sent twice is learnt once
    let body: String = (1..=5).map(|seq| format!("{{\"seq\":{seq},\"data\":{{\"ms\":{seq}}}}}\n")).collect();
    let path = "/api/v1/streams/s/events?producer=p&epoch=2";
    assert_eq!(host.post(path, &body).1["accepted"], 5);
    let (_, v) = host.post(path, &body);
    assert_eq!((&v["accepted"], &v["duplicates"]), (&json!(0), &json!(5)));
    let (status, v) = host.post("/api/v1/streams/s/events?producer=p&epoch=1", &body);
    assert_eq!((status, &v["code"]), (409, &json!("fenced")));
    assert_eq!(host.get("/api/v1/streams/s").1["offset"], 7);
    host.stop();
}

#[test]
fn an_epoch_whose_events_come_over_http_fences_older_ones_on_the_socket() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(dir.path());
    let hello = |epoch: u64| json!({"producer": "p", "epoch": epoch, "stream": "s"});
    let mut old = host.connect();
    old.hello(hello(3));
    old.say(r#"{"seq":1,"data":"a"}"#);
    old.until_ack(1);
    let newer = "/api/v1/streams/s/events?producer=p&epoch=4";
    assert_eq!(host.post(newer, r#"{"seq":1,"data":"b"}"#).1["accepted"], 1, "a new epoch numbers anew");
    let e = old.hear()["error"].clone();
    assert_eq!((&e["code"], &e["fatal"]), (&json!("fenced"), &json!(true)), "{e}");
    assert!(old.closed());
    assert_eq!(host.connect().hello(hello(3))["error"]["code"], "fenced");
    host.kill();
    // an event of the epoch was learnt, so that the epoch is remembered
    let host = Host::start(dir.path());
    let (status, v) = host.post("/api/v1/streams/s/events?producer=p&epoch=3", r#"{"seq":2,"data":"a"}"#);
    assert_eq!((status, &v["code"]), (409, &json!("fenced")), "{v}");
    assert_eq!(host.post(newer, r#"{"seq":1,"data":"b"}"#).1["duplicates"], 1);
    assert_eq!(host.get("/api/v1/streams/s").1["offset"], 2);
    host.stop();
}

#[test]
fn checkpoints_are_made_listed_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(dir.path());
    fill(&host);
    let (status, v) = host.post("/api/v1/checkpoints?stream=web", "");
    assert_eq!(
        (status, &v["checkpoints"][0]["offset"], &v["checkpoints"][0]["generation"]),
        (200, &json!(120), &json!(1)),
        "{v}"
    );
    assert_eq!(host.get("/api/v1/checkpoints").1, v);
    assert_eq!(host.post("/api/v1/checkpoints", "").1["checkpoints"][0]["generation"], 2);
    assert_eq!(host.post("/api/v1/checkpoints?stream=nobody", "").0, 404);
    let mut r = common::agent().get(host.url("/api/v1/checkpoints/web/1")).call().unwrap();
    assert_eq!(r.headers()["content-type"], "application/octet-stream");
    let bytes = r.body_mut().with_config().limit(u64::MAX).read_to_vec().unwrap();
    let mut learner = surmise_learner::Learner::load(&bytes).unwrap();
    assert_eq!(learner.offset(), 120);
    let hash = host.get("/api/v1/streams/web/hash").1;
    assert_eq!((&hash["state_hash"], &hash["offset"]), (&json!(learner.state_hash()), &json!(120)));
    assert_eq!(v["checkpoints"][0]["state_hash"], hash["state_hash"]);
    host.stop();
}

#[test]
fn outcomes_can_be_followed() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(dir.path());
    fill(&host);
    let mut w = Wire::over(TcpStream::connect(host.running().http_addr().unwrap()).unwrap());
    w.bytes(b"GET /api/v1/streams/web/watch HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        std::io::BufRead::read_line(&mut w.lines, &mut head).unwrap();
    }
    assert!(head.contains("200 OK") && head.contains("text/event-stream"), "{head}");
    host.post("/api/v1/streams/web/events", "{\"key\":\"k\",\"data\":\"/surprise\"}");
    let mut text = String::new();
    while !text.contains("\n\n") {
        std::io::BufRead::read_line(&mut w.lines, &mut text).unwrap();
    }
    let data = text.lines().find_map(|l| l.strip_prefix("data:")).unwrap();
    assert!(text.contains("event: learn"), "{text}");
    let o: Value = serde_json::from_str(data).unwrap();
    assert_eq!((&o["offset"], &o["key"], &o["stream"]), (&json!(120), &json!("k"), &json!("web")), "{o}");
    // following does not keep the daemon from leaving
    let start = std::time::Instant::now();
    host.stop();
    assert!(start.elapsed().as_secs() < 5);
}

const FLOWERS: &str = "[streams.flowers]\nmodel = { target = \"kind\" }\n\
    fields = [{ name = \"petals\", kind = \"number\" }, { name = \"kind\", kind = \"category\" }]\n";

#[test]
fn the_rest_of_an_event_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), FLOWERS);
    let kinds = ["rose", "tulip", "lily"];
    // in no order, so that the kind shows in the petals alone
    let mut random = surmise_fixtures::Random::new(1);
    let event = |i: usize| json!({"data": {"petals": 10 * (i % 3) + i % 2, "kind": kinds[i % 3]}});
    let body: String = (0..1500).map(|_| format!("{}\n", event(random.below(600) as usize))).collect();
    assert_eq!(host.post("/api/v1/streams/flowers/events", &body).1["accepted"], 1500);
    let path = "/api/v1/streams/flowers/predict";
    for (i, kind) in kinds.iter().enumerate() {
        let (status, p) = host.post(&format!("{path}?top=2"), &json!({"data": {"petals": 10 * i}}).to_string());
        assert_eq!((status, &p["fields"]["kind"]["top"][0][0]), (200, &json!(kind)), "{p}");
        assert_eq!((&p["offset"], p["fields"].as_object().unwrap().len()), (&json!(1500), 1), "{p}");
    }
    let flat = host.post(path, "{\"petals\":20}").1;
    assert_eq!(flat, host.post(path, "{\"data\":{\"petals\":20}}").1, "fields may stand alone, as in what is sent");
    let refused = |body: Value| {
        let (status, p) = host.post(path, &body.to_string());
        (status, p["field"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(refused(event(1)), (400, "kind".into()), "the target is what is asked");
    assert_eq!(refused(json!({"data": {"leaves": 3}})), (400, "leaves".into()));
    assert_eq!(refused(json!({"stream": "trees", "data": {"petals": 3}})), (400, "stream".into()));
    assert_eq!(refused(json!({"key": "a", "end": true})), (400, "end".into()));
    assert_eq!(host.post("/api/v1/streams/trees/predict", "{\"data\":{\"petals\":1}}").0, 404);
    assert_eq!(host.get("/api/v1/streams/flowers").1["offset"], 1500, "nothing was learnt");
}
