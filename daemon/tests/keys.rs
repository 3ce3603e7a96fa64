//! More keys than memory has room for, from end to end.
#![allow(missing_docs)]

mod common;

use common::{Host, Random};
use std::sync::Arc;
use surmise_config::Config;
use surmise_event::{Data, Datum, Limits, Record, Schema};
use surmise_learner::{Learner, MemoryPages};

const KEYS: u64 = 120;
const NARROW: &str = "[model]\nkeys = 10\nmemory_mib = 1\nnetwork = \"small\"\n[store]\ncheckpoint_events = 150\n";
const ROOMY: &str = "[model]\nmemory_mib = 1\nnetwork = \"small\"\n";

fn events(n: u64, seed: u64) -> Vec<(String, String)> {
    let mut r = Random(seed);
    (0..n).map(|i| (format!("k{}", (i / 3 + r.below(20)) % KEYS), format!("s{}", (r.below(2) + i) % 7))).collect()
}

fn push(host: &Host, events: &[(String, String)]) {
    let lines: String = events.iter().map(|(k, s)| format!("{{\"key\":\"{k}\",\"data\":\"{s}\"}}\n")).collect();
    let (status, answer) = host.post("/api/v1/streams/s/events", &lines);
    assert_eq!((status, &answer["accepted"]), (200, &events.len().into()), "{answer}");
}

/// What a learner with room for all of them learns.
fn reference(events: &[(String, String)]) -> Learner {
    let mut l = Learner::new(Schema::default(), Config::from_toml(ROOMY).unwrap().model).unwrap();
    l.set_pages(Arc::new(MemoryPages::default()));
    for (key, symbol) in events {
        let data = Data::One(Datum::Text(symbol.as_str().into()));
        let e = l.bind(&Record { key: Some(key.as_str().into()), data, ..Record::default() }, &Limits::default());
        l.observe(&e.unwrap());
    }
    assert_eq!(l.keys_stored(), 0);
    l
}

/// Every key's prediction, whether it is in memory or not.
fn agrees(host: &Host, l: &mut Learner) {
    assert_eq!(host.get("/api/v1/streams/s/hash").1["state_hash"], l.state_hash());
    for key in (0..=KEYS).map(|k| format!("k{k}")) {
        // a snapshot may be some milliseconds old
        let want = serde_json::to_value(l.predict(Some(&key), 5)).unwrap();
        let next = || host.get(&format!("/api/v1/streams/s/next?key={key}")).1;
        let mut got = next();
        while got["offset"] != want["offset"] {
            std::thread::yield_now();
            got = next();
        }
        assert_eq!(got["fields"], want["fields"], "{key}");
    }
    let (status, ahead) = host.get("/api/v1/streams/s/forecast?key=k0&horizon=3");
    assert_eq!((status, ahead["steps"].as_array().unwrap().len()), (200, l.forecast(Some("k0"), 3, 5).len()));
}

#[test]
fn keys_in_the_store_are_answered_for_and_survive() {
    let dir = tempfile::tempdir().unwrap();
    let all = events(3000, 1);
    let host = Host::start_with(dir.path(), NARROW);
    push(&host, &all[..1000]);
    agrees(&host, &mut reference(&all[..1000]));
    let status = host.get("/api/v1/streams/s").1;
    assert_eq!(status["keys"].as_u64().unwrap(), KEYS);
    assert!(status["keys_stored"].as_u64().unwrap() >= KEYS - 10, "{status}");
    let metrics = host.get_text("/metrics").1;
    let gauge = |name: &str| {
        let line = metrics.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {metrics}"));
        line.trim().parse::<f64>().unwrap()
    };
    assert!(gauge("surmise_keys{place=\"memory\"}") <= 10.0 && gauge("surmise_keys{place=\"store\"}") >= 110.0);
    assert!(gauge("surmise_key_page_reads_total") > 100.0 && gauge("surmise_key_page_writes_total") > 100.0);
    host.kill();
    let host = Host::start_with(dir.path(), NARROW);
    agrees(&host, &mut reference(&all[..1000]));
    push(&host, &all[1000..2000]);
    assert_eq!(host.post("/api/v1/checkpoints", "").0, 200);
    host.stop();
    // it sleeps, and is woken by a question for a key in the store
    let host = Host::start_with(dir.path(), NARROW);
    agrees(&host, &mut reference(&all[..2000]));
    push(&host, &all[2000..]);
    agrees(&host, &mut reference(&all));
    host.stop();
}
