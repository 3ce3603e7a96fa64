//! More keys than memory has room for, from end to end.
#![allow(missing_docs)]

mod common;

use common::Host;
use std::sync::Arc;
use surmise_config::Config;
use surmise_event::{Data, Datum, Limits, Record, Schema};
use surmise_fixtures::Random;
use surmise_learner::{Learner, MemoryPages};

const KEYS: u64 = 120;
const NARROW: &str = "[model]\nkeys = 10\nmemory_mib = 1\nnetwork = \"small\"\n[store]\ncheckpoint_events = 150\n";
const ROOMY: &str = "[model]\nmemory_mib = 1\nnetwork = \"small\"\n";

fn events(n: u64, seed: u64) -> Vec<(String, String)> {
    let mut random = Random::new(seed);
    let mut event = |i| (format!("k{}", (i / 3 + random.below(20)) % KEYS), format!("s{}", (random.below(2) + i) % 7));
    (0..n).map(&mut event).collect()
}

fn post(host: &Host, events: &[(String, String)]) {
    let lines: String = events.iter().map(|(k, s)| format!("{{\"key\":\"{k}\",\"data\":\"{s}\"}}\n")).collect();
    let (status, answer) = host.post("/api/v1/streams/s/events", &lines);
    assert_eq!((status, &answer["accepted"]), (200, &events.len().into()), "{answer}");
}

/// A learner that keeps all keys in memory, after these events.
fn reference(events: &[(String, String)]) -> Learner {
    let mut learner = Learner::new(Schema::default(), Config::from_toml(ROOMY).unwrap().model).unwrap();
    learner.set_pages(Arc::new(MemoryPages::default()));
    for (key, symbol) in events {
        let data = Data::One(Datum::Text(symbol.as_str().into()));
        let event =
            learner.bind(&Record { key: Some(key.as_str().into()), data, ..Record::default() }, &Limits::default());
        learner.observe(&event.unwrap());
    }
    assert_eq!(learner.keys_stored(), 0);
    learner
}

/// Checks every key's prediction, whether its state is in memory or in the store.
fn agrees(host: &Host, learner: &mut Learner) {
    assert_eq!(host.get("/api/v1/streams/s/hash").1["state_hash"], learner.state_hash());
    for key in (0..=KEYS).map(|k| format!("k{k}")) {
        // a snapshot may be some milliseconds old
        let want = serde_json::to_value(learner.predict(Some(&key), 5)).unwrap();
        let next = || host.get(&format!("/api/v1/streams/s/next?key={key}")).1;
        let mut got = next();
        while got["offset"] != want["offset"] {
            std::thread::yield_now();
            got = next();
        }
        assert_eq!(got["fields"], want["fields"], "{key}");
    }
    let (status, ahead) = host.get("/api/v1/streams/s/forecast?key=k0&horizon=3");
    assert_eq!((status, ahead["steps"].as_array().unwrap().len()), (200, learner.forecast(Some("k0"), 3, 5).len()));
}

#[test]
fn keys_in_the_store_are_answered_for_and_survive() {
    let dir = tempfile::tempdir().unwrap();
    let all = events(3000, 1);
    let host = Host::start_with(dir.path(), NARROW);
    post(&host, &all[..1000]);
    agrees(&host, &mut reference(&all[..1000]));
    let status = host.get("/api/v1/streams/s").1;
    assert_eq!(status["keys"].as_u64().unwrap(), KEYS);
    assert!(status["keys_stored"].as_u64().unwrap() >= KEYS - 10, "{status}");
    let metrics = host.get_text("/metrics").1;
    let gauge = |name: &str| {
        let line =
            metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {metrics}"));
        line.trim().parse::<f64>().unwrap()
    };
    assert!(gauge("surmise_keys{place=\"memory\"}") <= 10.0 && gauge("surmise_keys{place=\"store\"}") >= 110.0);
    assert!(gauge("surmise_key_page_reads_total") > 100.0 && gauge("surmise_key_page_writes_total") > 100.0);
    host.kill();
    let host = Host::start_with(dir.path(), NARROW);
    agrees(&host, &mut reference(&all[..1000]));
    post(&host, &all[1000..2000]);
    assert_eq!(host.post("/api/v1/checkpoints", "").0, 200);
    host.stop();
    // it sleeps, and is woken by a question for a key in the store
    let host = Host::start_with(dir.path(), NARROW);
    agrees(&host, &mut reference(&all[..2000]));
    post(&host, &all[2000..]);
    agrees(&host, &mut reference(&all));
    host.stop();
}
