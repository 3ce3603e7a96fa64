//! What is shown of a stream's past and of its learner: it survives a kill, and is what the stream has learnt.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::{Value, json};
use std::path::Path;

const MODEL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[alarm]\nbudget = \"1/1000\"\n";

fn send(host: &Host, stream: &str, body: &str) {
    let (status, answer) = host.post(&format!("/api/v1/streams/{stream}/events"), body);
    assert_eq!((status, &answer["rejected"]), (200, &json!(0)), "{answer}");
}

fn asked(host: &Host, path: &str) -> Value {
    let (status, answer) = host.get(path);
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// Pages in turn, of two keys, with an odd one at the end.
fn pages(events: usize) -> String {
    let page = |i: usize| if i + 1 == events { "/never" } else { ["/home", "/list", "/cart"][i % 3] };
    (0..events).map(|i| format!("{{\"key\":\"k{}\",\"data\":\"{}\"}}\n", i % 2, page(i))).collect()
}

#[test]
fn what_is_shown_of_a_stream_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), MODEL);
    send(&host, "web", &pages(6000));
    let paths = ["alarms", "surprises?days=1&limit=5"].map(|path| format!("/api/v1/streams/web/{path}"));
    let days = "/api/v1/streams/web/history?span=days";
    let before = paths.clone().map(|path| asked(&host, &path));
    let points = asked(&host, days)["points"].clone();
    assert_eq!(before[0]["alarms"][0]["event"]["data"], "/never", "{}", before[0]);
    assert_eq!((&points[0]["events"], &points[0]["distinct"]), (&json!(6000), &json!(4)), "{points}");
    let rarest = &before[1]["surprises"][0];
    assert_eq!((&rarest["offset"], &rarest["key"]), (&json!(5999), &json!("k1")), "{}", before[1]);
    assert_eq!(before[1]["events"], 6000);
    let counts = before[1]["counts"].as_array().unwrap();
    let count = |n: usize| counts[n]["events"].as_u64().unwrap();
    assert!((1..counts.len()).all(|n| count(n) <= count(n - 1)) && counts[0]["rarity_events"] == 10.0, "{counts:?}");
    host.kill();
    let host = Host::start_with(dir.path(), MODEL);
    assert_eq!(paths.map(|path| asked(&host, &path)), before);
    let again = asked(&host, days)["points"].clone();
    let sums = |points: &Value, what: &str| points.as_array().unwrap().iter().map(|p| p[what].as_f64().unwrap()).sum();
    for what in ["events", "incidents", "bits"] {
        let (before, after): (f64, f64) = (sums(&points, what), sums(&again, what));
        assert!((before - after).abs() < 1e-6 * before.max(1.0), "{what}: {before} and {after}");
    }
    host.stop();
}

/// A change of level that lasts is told of a stream after a restart, too.
#[test]
fn a_lasting_change_is_known_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let levels = |from: usize, level: usize| -> String {
        (from..from + 4000).map(|i| format!("{{\"data\":{}}}\n", level + (i * 7919) % 10)).collect()
    };
    let drift = |host: &Host| asked(host, "/api/v1/streams")["streams"][0]["drift"].clone();
    let host = Host::start_with(dir.path(), MODEL);
    send(&host, "level", &levels(0, 0));
    send(&host, "level", &levels(4000, 500));
    let told = drift(&host);
    assert_eq!((&told["began"], &told["detector"]), (&json!(4000), &json!("level")), "{told}");
    host.stop();
    // asleep on its checkpoint
    let host = Host::start_with(dir.path(), MODEL);
    assert_eq!(drift(&host), told);
    send(&host, "level", &levels(8000, 500));
    let told = drift(&host);
    host.kill();
    let host = Host::start_with(dir.path(), MODEL);
    assert_eq!(drift(&host), told);
    host.stop();
}

fn start_small(dir: &Path) -> Host {
    Host::start_with(dir, "[model]\nnetwork = \"small\"\nmemory_mib = 1\n")
}

#[test]
fn templates_are_listed_with_their_lines() {
    let dir = tempfile::tempdir().unwrap();
    let fields = "[streams.log]\nfields = [{ name = \"line\", kind = \"line\" }]\n";
    let host = Host::start_with(dir.path(), &format!("{fields}{MODEL}"));
    let line = |i: usize| match i % 3 {
        0 => format!("job {i} has begun on host{}", i % 7),
        1 => format!("disk sda{} is {} % full", i % 4, i % 100),
        _ => format!("user u{} has left", i % 50),
    };
    let lines: String = (0..900).map(|i| format!("{{\"data\":{{\"line\":{}}}}}\n", json!(line(i)))).collect();
    send(&host, "log", &lines);
    let list = asked(&host, "/api/v1/streams/log/templates");
    let templates = list["templates"].as_array().unwrap();
    assert_eq!(list["count"], templates.len());
    assert_eq!(templates.iter().map(|t| t["lines"].as_u64().unwrap()).sum::<u64>(), 900, "{list}");
    assert!(templates.windows(2).all(|pair| pair[0]["lines"].as_u64() >= pair[1]["lines"].as_u64()), "{list}");
    let begun = templates.iter().find(|t| t["text"].as_str().unwrap().contains("has begun on")).unwrap();
    assert_eq!((&begun["field"], &begun["latest_offset"]), (&json!("line"), &json!(897)), "{list}");
    assert_eq!(asked(&host, "/api/v1/streams/log/templates?limit=1")["templates"], json!([templates[0]]));
    let status = asked(&host, "/api/v1/streams/log");
    assert_eq!(status["report"]["fields"]["line"]["distinct"], list["count"]);
    // a stream without lines has none
    send(&host, "web", &pages(10));
    assert_eq!(asked(&host, "/api/v1/streams/web/templates")["templates"], json!([]));
    host.stop();
}

#[test]
fn coverage_and_the_time_of_an_event_are_measured_live() {
    let dir = tempfile::tempdir().unwrap();
    let host = start_small(dir.path());
    let mut state = 1u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f64 / (1u64 << 24) as f64
    };
    let values: String = (0..3000)
        .map(|_| format!("{{\"data\":{{\"x\":{:.4},\"word\":\"a\"}}}}\n", noise() + noise() + noise()))
        .collect();
    send(&host, "plant", &values);
    let status = asked(&host, "/api/v1/streams/plant");
    let covered = |level: &str| status["report"]["fields"]["x"][level].as_f64().unwrap();
    for (level, share, off) in [("coverage_50", 0.5, 0.1), ("coverage_90", 0.9, 0.06), ("coverage_99", 0.99, 0.03)] {
        assert!((covered(level) - share).abs() < off, "{level}: {}", covered(level));
    }
    let metrics = host.get_text("/metrics").1;
    for level in ["0.5", "0.9", "0.99"] {
        let name = format!("surmise_interval_coverage_ratio{{group=\"default\",level=\"{level}\"}}");
        assert!(metrics.contains(&name), "{name} is missing: {metrics}");
    }
    for name in [
        "surmise_expert_weight_ratio{group=\"default\",expert=",
        "surmise_vocabulary_entries{group=\"default\"} 1",
        "surmise_baseline_loss_nats_total{group=\"default\",baseline=\"simple\"}",
        concat!("surmise_model_info{version=\"", env!("CARGO_PKG_VERSION"), "\",kernel=\""),
    ] {
        assert!(metrics.contains(name), "{name} is missing: {metrics}");
    }
    let learner = asked(&host, "/api/v1/streams/plant/learner");
    let field = learner["fields"].as_array().unwrap().iter().find(|field| field["name"] == "x").unwrap();
    let tenths: Vec<f64> = field["tenths"].as_array().unwrap().iter().map(|t| t.as_f64().unwrap()).collect();
    assert!(tenths.len() == 10 && (tenths.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{tenths:?}");
    let cost = &status["cost"];
    // one of 64
    assert_eq!(cost["measured"], 3000usize.div_ceil(64), "{cost}");
    let stages = cost["stages"].as_array().unwrap();
    let sum: f64 = stages.iter().map(|stage| stage["microseconds"].as_f64().unwrap()).sum();
    assert!((sum - cost["microseconds"].as_f64().unwrap()).abs() < 1e-6 * sum && sum > 0.0, "{cost}");
    let names: Vec<_> = stages.iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    for stage in ["reading", "key", "contexts", "network", "mixing", "learning", "numbers", "judging"] {
        assert!(names.contains(&stage), "{stage} is missing: {names:?}");
    }
    host.stop();
}
