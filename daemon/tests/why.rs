//! Why an event was as surprising as it was: the parts sum to what its sender was told, from any checkpoint.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::{Value, json};

const MODEL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 1\nkeys = 3\n";

/// The `seq`-th event: a page and a duration by user; events 200 and 350 are odd.
fn line(seq: u64) -> String {
    let (page, ms) = if seq == 200 || seq == 350 { ("/admin", 900 + seq) } else { ("/home", 10 + seq % 5) };
    let text = format!("GET {page} {}", if seq == 350 { 502 } else { 200 });
    json!({"seq": seq, "key": format!("u{}", seq % 7), "data": {"page": page, "ms": ms, "text": text}}).to_string()
}

fn sum(why: &Value, of: &str) -> f64 {
    why["parts"].as_array().unwrap().iter().map(|part| part[of].as_f64().unwrap()).sum()
}

#[test]
fn an_event_is_explained_as_it_was_learnt() {
    let dir = tempfile::tempdir().unwrap();
    let fields = "[streams.web]\nfields = [{ name = \"page\", kind = \"category\" }, \
                  { name = \"ms\", kind = \"number\" }, { name = \"text\", kind = \"text\" }]\n";
    let host = Host::start_with(dir.path(), &format!("{MODEL}{fields}"));
    let mut w = host.connect();
    w.hello(json!({"producer": "p", "epoch": 1, "stream": "web", "want": ["ack", "outcome"]}));
    let mut outcomes = Vec::new();
    for span in [1..=300u64, 301..=400] {
        for seq in span.clone() {
            w.say(&line(seq));
        }
        outcomes.extend(w.until_ack(*span.end()).into_iter().map(|v| v["outcome"].clone()));
        assert_eq!(host.post("/api/v1/checkpoints", "").0, 200);
    }
    // before the first checkpoint from the log's beginning, behind it from the checkpoint
    for seq in [1usize, 200, 301, 350, 400] {
        let (status, why) = host.get(&format!("/api/v1/streams/web/events/{}/why", seq - 1));
        let outcome = &outcomes[seq - 1];
        assert_eq!((status, &why["offset"], &outcome["offset"]), (200, &json!(seq - 1), &json!(seq - 1)), "{why}");
        assert_eq!(why["surprise_bits"], outcome["surprise_bits"], "to the bit: {why}");
        for of in ["surprise_bits", "excess_bits"] {
            assert!((sum(&why, of) - outcome[of].as_f64().unwrap()).abs() < 1e-6, "{of} of {seq}: {why}");
        }
        assert!(why["replayed"].as_u64().unwrap() <= if seq > 300 { 100 } else { 300 }, "{why}");
    }
    let (_, why) = host.get("/api/v1/streams/web/events/349/why");
    let part = |name: &str, value: &str| {
        let parts = why["parts"].as_array().unwrap();
        parts.iter().find(|p| p["name"] == name && p["value"] == value).unwrap_or_else(|| panic!("{value}: {why}"))
    };
    let page = part("page", "/admin");
    assert_eq!((&page["expected"]["top"][0][0], &page["last_seen"]), (&json!("/home"), &json!(199)), "{page}");
    assert!(page["by"].is_string() && page["excess_bits"].as_f64() > Some(3.0), "{page}");
    let word = part("text", "502");
    assert_eq!((&word["expected"]["top"][0][0], &word["last_seen"]), (&json!("200"), &Value::Null), "{word}");
    assert_eq!(part("ms", "1250")["last_seen"], Value::Null, "so many were never seen");
    assert_eq!(why["event"]["data"]["page"], "/admin");
    let (status, problem) = host.get("/api/v1/streams/web/events/400/why");
    assert_eq!((status, &problem["field"]), (404, &json!("offset")), "{problem}");
    assert_eq!(host.get("/api/v1/streams/web/events/x/why").0, 400);
    // what was learnt is as if nobody had asked
    let hash = |host: &Host| host.get("/api/v1/streams/web?hash=1").1["state_hash"].clone();
    let before = hash(&host);
    assert_eq!(host.get("/api/v1/streams/web/events/399/why").0, 200);
    assert_eq!(hash(&host), before);
    host.stop();
}
