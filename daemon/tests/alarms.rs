//! Alarms on their way out: to followers, in the list of incidents, in status and metrics.
#![allow(missing_docs)]

mod common;

use common::{Host, agent};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use surmise_fixtures::Random;

#[test]
fn an_incident_reaches_followers_the_list_and_the_metrics() {
    let dir = tempfile::tempdir().unwrap();
    let more = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[alarm]\nbudget = \"1/1000\"\n";
    let host = Host::start_with(dir.path(), more);
    let mut w = host.connect();
    w.hello(json!({"producer": "p", "epoch": 1, "stream": "web", "want": ["ack", "outcome"]}));
    const ODD: u64 = 4000;
    let line = |seq: u64| {
        let page = if seq == ODD { "/never" } else { ["/home", "/list", "/cart"][seq as usize % 3] };
        json!({"seq": seq, "data": {"page": page, "n": if seq == ODD { 1e6 } else { (seq % 5) as f64 }}}).to_string()
    };
    w.say(&line(1));
    w.until_ack(1);
    let feed = agent().get(host.url("/api/v1/streams/web/watch")).call().unwrap();
    let mut feed = BufReader::new(feed.into_body().into_reader()).lines().map(Result::unwrap);
    let lines: String = (2..=ODD + 1).map(|seq| line(seq) + "\n").collect();
    w.bytes(lines.as_bytes());
    let outcomes = w.until_ack(ODD + 1);
    let odd = outcomes.iter().map(|v| &v["outcome"]).find(|o| o["offset"] == ODD - 1).unwrap();
    assert_eq!(odd["alarm"]["phase"], "begins", "{odd}");
    assert!(odd["rarity_events"].as_f64() >= Some(1000.0), "{odd}");
    assert!(odd["event"].is_null(), "its sender knows the event");

    feed.by_ref().find(|l| l == "event: alarm").unwrap();
    let told = feed.next().unwrap();
    let told: Value = serde_json::from_str(told.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(
        (&told["stream"], &told["phase"], &told["kind"]),
        (&json!("web"), &json!("begins"), &odd["alarm"]["kind"])
    );
    let (_, list) = host.get("/api/v1/streams/web/alarms");
    let incident = list["alarms"].as_array().unwrap().iter().find(|a| a["began"] == ODD - 1).unwrap();
    assert_eq!(incident["event"]["data"]["page"], "/never", "{incident}");
    let sum: f64 = incident["parts"].as_array().unwrap().iter().map(|p| p["surprise_bits"].as_f64().unwrap()).sum();
    assert!((sum - odd["surprise_bits"].as_f64().unwrap()).abs() < 1e-6, "{incident}");
    let (_, status) = host.get("/api/v1/streams/web");
    assert_eq!(
        (&status["alarms"]["budget"], &status["alarms"]["begun"]),
        (&json!("1/1000"), &list["begun"]),
        "{status}"
    );
    assert!((status["alarms"]["promised"].as_f64().unwrap() - 4.0).abs() < 1.0, "{status}");
    let metrics = host.get_text("/metrics").1;
    assert!(host.metric("surmise_alarms_total{group=\"default\",kind=") > 0.0, "{metrics}");
    assert!(metrics.contains("surmise_alarms_promised{group=\"default\"}"), "{metrics}");
    host.stop();
}

#[test]
fn a_host_that_falls_silent_among_others_is_told_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[model]\nnetwork = \"off\"\nmemory_mib = 1\n");
    let mut w = host.connect();
    w.hello(json!({"producer": "p", "epoch": 1, "stream": "fleet", "want": ["ack"]}));
    const LAST: u64 = 12_000;
    let mut random = Random::new(3);
    let line = |seq: u64| {
        // hosts take turns at random; those of the one that stops are the others', too
        let name = match random.below(12) {
            7 if seq > LAST => (random.below(11) + 8) % 12,
            other => other,
        };
        let value = 20 + random.below(7);
        format!("{{\"seq\":{seq},\"time\":{seq},\"key\":\"web-{name}\",\"data\":{value}}}\n")
    };
    w.bytes((1..=16_000).map(line).collect::<String>().as_bytes());
    w.until_ack(16_000);
    let list = host.get("/api/v1/streams/fleet/alarms").1;
    let told = list["alarms"].as_array().unwrap().iter().find(|a| a["kind"] == "silent");
    let told = told.unwrap_or_else(|| panic!("{list}"));
    let began = told["began"].as_u64().unwrap();
    assert!(told["key"] == "web-7" && told["event_offset"] == began && began < LAST && began + 64 > LAST, "{told}");
    assert_eq!(told["event"], json!({"key": "web-7"}), "not the event at which it was noticed");
    // a person can speak of it
    let said =
        host.post("/api/v1/streams/fleet/feedback", &json!({"offset": began + 1, "verdict": "normal"}).to_string());
    assert_eq!(said.0, 200, "{}", said.1);
    host.stop();
}

#[test]
fn silence_is_told_while_it_lasts() {
    let dir = tempfile::tempdir().unwrap();
    let more = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[alarm]\nbudget = \"1/1000\"\n";
    let host = Host::start_with(dir.path(), more);
    let mut w = host.connect();
    w.hello(json!({"producer": "p", "epoch": 1, "stream": "beat", "want": ["ack"]}));
    // ten beats a second, for five minutes up to now
    const BEATS: u64 = 3000;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let beat = |seq: u64| {
        let time = now - (BEATS - seq) as f64 * 0.1;
        format!("{{\"seq\":{seq},\"time\":{time},\"data\":\"beat\"}}\n")
    };
    w.bytes((1..=BEATS).map(beat).collect::<String>().as_bytes());
    w.until_ack(BEATS);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let missing = loop {
        let (_, list) = host.get("/api/v1/streams/beat/alarms");
        let found = list["alarms"].as_array().unwrap().iter().find(|a| a["kind"] == "missing").cloned();
        if let Some(alarm) = found {
            break alarm;
        }
        assert!(std::time::Instant::now() < until, "nothing is told: {list}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert_eq!((&missing["offset"], &missing["event"]), (&json!(BEATS), &Value::Null), "{missing}");
    assert_eq!(host.get("/api/v1/streams/beat").1["offset"], BEATS, "no event ended the silence");
    host.stop();
}
