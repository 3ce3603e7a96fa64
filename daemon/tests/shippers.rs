//! Bodies as Vector, Fluent Bit and Telegraf post them, compressed or not, through the door of events.
#![allow(missing_docs)]

mod common;

use common::{Host, agent};
use serde_json::{Value, json};
use std::io::Write;

/// What a body is compressed by, as `Content-Encoding` names it.
fn compressed(coding: &str, body: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    match coding {
        "gzip" => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), level);
            writer.write_all(body).and_then(|()| writer.finish()).unwrap()
        }
        "deflate" => {
            let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), level);
            writer.write_all(body).and_then(|()| writer.finish()).unwrap()
        }
        _ => body.to_vec(),
    }
}

fn post(host: &Host, stream: &str, kind: &str, coding: Option<&str>, body: &[u8]) -> (u16, Value) {
    let request = agent().post(host.url(&format!("/api/v1/streams/{stream}/events"))).header("Content-Type", kind);
    let request = match coding {
        Some(coding) => request.header("Content-Encoding", coding),
        None => request,
    };
    let mut answer = request.send(body).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// The data and the times of the events of a stream.
fn logged(host: &Host, stream: &str) -> Vec<(Value, String)> {
    let (_, answer) = host.get(&format!("/api/v1/streams/{stream}/events?from=0&count=100"));
    let events = answer["events"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let of = |event: &Value| (event["data"].clone(), event["time"].as_str().unwrap_or_default().to_owned());
    events.iter().map(|logged| of(&logged["event"])).collect()
}

#[test]
fn what_shippers_post_is_an_event_each() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[model]\nnetwork = \"off\"\nmemory_mib = 1\n");
    // Fluent Bit: `format json` is an array, `json_lines` are lines; its time is `date`
    let bit = |n: u32| json!({"date": 1_700_000_000.25 + f64::from(n), "log": "GET / 200", "pod": "web-1"});
    let array = json!([bit(0), bit(1), bit(2)]).to_string();
    let lines: String = (3..5).map(|n| bit(n).to_string() + "\n").collect();
    assert_eq!(post(&host, "bit", "application/json", None, array.as_bytes()).1["accepted"], 3);
    assert_eq!(post(&host, "bit", "application/x-ndjson", None, lines.as_bytes()).1["accepted"], 2);
    let events = logged(&host, "bit");
    assert_eq!(events.len(), 5, "{events:?}");
    assert_eq!(events[1], (json!({"log": "GET / 200", "pod": "web-1"}), "2023-11-14T22:13:21.25Z".into()));
    // Vector: an array, compressed in any of its ways
    let vector = |n: u32| json!({"message": "GET / 200", "host": "a", "timestamp": format!("2023-11-14T22:13:2{n}Z")});
    let array = json!([vector(0), vector(1)]).to_string();
    for (n, coding) in ["gzip", "deflate", "identity"].into_iter().enumerate() {
        let body = compressed(coding, array.as_bytes());
        let (status, answer) = post(&host, "vector", "application/json", Some(coding), &body);
        assert_eq!((status, &answer["accepted"]), (200, &json!(2)), "{coding}: {answer}");
        assert_eq!(logged(&host, "vector").len(), 2 * (n + 1));
    }
    assert_eq!(logged(&host, "vector")[5].1, "2023-11-14T22:13:21Z");
    // Telegraf: a batch is an object with an array in it
    let metric = |n: u32| json!({"fields": {"usage": 10 + n}, "name": "cpu", "tags": {"host": "a"}, "timestamp": 1_700_000_000 + n});
    let batch = json!({"metrics": [metric(0), metric(1), metric(2)]}).to_string();
    assert_eq!(post(&host, "telegraf", "application/json", Some("gzip"), &compressed("gzip", batch.as_bytes())).0, 200);
    assert_eq!(post(&host, "telegraf", "application/json", None, metric(3).to_string().as_bytes()).0, 200);
    let events = logged(&host, "telegraf");
    assert_eq!(events.len(), 4, "{events:?}");
    assert_eq!(events[2].1, "2023-11-14T22:13:22Z");
    assert_eq!(events[2].0["fields.usage"], 12.0, "{events:?}");
    // numbers of one event stay one event
    assert_eq!(post(&host, "vectors", "application/json", None, b"[1, 2, 3]").1["accepted"], 1);
    host.stop();
}

#[test]
fn a_body_that_is_compressed_otherwise_or_broken_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[limits]\nbody_bytes = \"1MiB\"\n");
    let line = br#"{"page":"/home"}"#;
    for coding in ["br", "snappy", "zstd", "gzip, gzip"] {
        let (status, problem) = post(&host, "web", "application/json", Some(coding), line);
        assert_eq!((status, &problem["field"]), (415, &json!("content-encoding")), "{coding}: {problem}");
    }
    let (status, problem) = post(&host, "web", "application/json", Some("gzip"), line);
    assert_eq!((status, &problem["field"]), (400, &json!("body")), "{problem}");
    // samples that Prometheus writes have a place of their own
    let (status, problem) = post(&host, "web", "application/x-protobuf", None, line);
    let detail = problem["detail"].as_str().unwrap();
    let other = detail.split(';').next().unwrap();
    assert!(status == 415 && !other.contains("protobuf"), "{problem}");
    // a body of something else is not unpacked
    let given = agent().post(host.url("/api/v1/streams/web/predict")).header("Content-Type", "application/json");
    let answer = given.header("Content-Encoding", "gzip").send(&compressed("gzip", line)[..]).unwrap();
    assert_eq!(answer.status().as_u16(), 415);
    // lines that say so are lines, whatever they begin with
    let lines = b"{\"metrics\":[{\"a\":1}]}\n{\"metrics\":[{\"a\":2}]}\n";
    assert_eq!(post(&host, "wide", "application/x-ndjson", None, lines).1["accepted"], 2);
    // what a body becomes counts, and not what it was sent as
    let bomb = compressed("gzip", &vec![b' '; 64 << 20]);
    assert!(bomb.len() < 100_000);
    assert_eq!(post(&host, "web", "application/json", Some("gzip"), &bomb).0, 413);
    // the events of an array before its fault are learnt, and told
    let (status, problem) = post(&host, "web", "application/json", None, br#"[{"page":"/a"},{"page":"/b"} nonsense"#);
    assert_eq!((status, &problem["taken"]["accepted"]), (400, &json!(1)), "{problem}");
    assert_eq!(logged(&host, "web").len(), 1);
    host.stop();
}
