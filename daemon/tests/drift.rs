//! Drift and late events, from the event socket to followers and metrics.
#![allow(missing_docs)]

mod common;

use common::{Host, agent};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use surmise_fixtures::Random;

#[test]
fn a_drift_is_reported_to_the_sender_to_followers_and_in_metrics() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[model]\nnetwork = \"off\"\nmemory_mib = 1\n");
    let mut w = host.connect();
    w.hello(json!({"producer": "p", "epoch": 1, "stream": "web", "want": ["ack", "outcome"]}));
    let mut random = Random::new(7);
    // few symbols, then many others
    let mut symbol =
        |changed: bool| if changed { format!("n{}", random.below(50)) } else { format!("s{}", random.below(4)) };
    w.say(&format!(r#"{{"seq":1,"data":"{}"}}"#, symbol(false)));
    w.until_ack(1);
    let feed = agent().get(host.url("/api/v1/streams/web/watch")).call().unwrap();
    let mut feed = BufReader::new(feed.into_body().into_reader()).lines();
    const CHANGE: u64 = 800;
    const END: u64 = 1000;
    let mut lines = String::new();
    for seq in 2..=END {
        let data = symbol(seq > CHANGE);
        lines += &format!("{{\"seq\":{seq},\"data\":\"{data}\"}}\n");
    }
    w.bytes(lines.as_bytes());
    let outcomes: Vec<Value> = w.until_ack(END).into_iter().filter(|v| !v["outcome"]["drift"].is_null()).collect();
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    let drift = &outcomes[0]["outcome"]["drift"][0];
    assert_eq!(drift["detector"], "loss");
    assert!(drift["began"].as_u64().unwrap().abs_diff(CHANGE) <= 8, "{drift}");
    assert!(drift["bits_after"].as_f64() > drift["bits_before"].as_f64(), "{drift}");
    let event = feed.by_ref().map(Result::unwrap).find(|l| l == "event: drift").unwrap();
    assert_eq!(event, "event: drift");
    let data = feed.next().unwrap().unwrap();
    let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&data["stream"], &data["began"]), (&json!("web"), &drift["began"]));
    assert_eq!(host.get("/api/v1/streams/web").1["report"]["drifts"][0], *drift);

    // an event that comes late is learnt and counted
    for (seq, time) in [(END + 1, 100), (END + 2, 160), (END + 3, 130)] {
        w.say(&format!(r#"{{"seq":{seq},"stream":"timed","time":{time},"data":"a"}}"#));
    }
    w.until_ack(END + 3);
    let (_, s) = host.get("/api/v1/streams/timed");
    assert_eq!((&s["report"]["late_events"], &s["offset"]), (&json!(1), &json!(3)));
    assert!(s["report"]["choices"].as_str().unwrap().starts_with("preset records, network off"), "{s}");
    let metrics = host.get_text("/metrics").1;
    for line in ["surmise_drift_detected_total{detector=\"loss\"} 1", "surmise_events_late_total 1"] {
        assert!(metrics.lines().any(|l| l == line), "{line}: {metrics}");
    }
    assert!(metrics.contains("surmise_expert_loss_nats_total{group=\"default\",expert=\"order-0\"}"), "{metrics}");
    drop(feed);
    host.stop();
}
