//! What tests of sources ask a daemon that reads from a real peer.

use crate::daemon::TestDaemon;
use serde_json::Value;
use std::time::{Duration, Instant};

/// What the daemon tells of its first source.
pub fn source(daemon: &TestDaemon) -> Value {
    daemon.get("/api/v1/sources").1["sources"][0].clone()
}

/// Waits until something holds, for two minutes at most.
pub fn wait_until(daemon: &TestDaemon, what: &str, is_so: impl Fn(&TestDaemon) -> bool) {
    let start = Instant::now();
    while !is_so(daemon) {
        assert!(start.elapsed() < Duration::from_secs(120), "{what}: {}", source(daemon));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The offset before which everything of a stream is durable.
pub fn offset(daemon: &TestDaemon, stream: &str) -> u64 {
    daemon.get(&format!("/api/v1/streams/{stream}")).1["committed_offset"].as_u64().unwrap_or(0)
}

/// Waits until so many events of a stream are durable.
pub fn wait_for(daemon: &TestDaemon, stream: &str, count: u64) {
    wait_until(daemon, &format!("{count} events"), |daemon| offset(daemon, stream) >= count);
}

/// The events of a stream, which has exactly so many.
pub fn events(daemon: &TestDaemon, stream: &str, count: u64) -> Vec<Value> {
    let mut all = Vec::new();
    while (all.len() as u64) < count {
        let path = format!("/api/v1/streams/{stream}/events?from={}&count=200", all.len());
        let answer = daemon.get(&path).1;
        assert_eq!(answer["end"], count, "nothing more comes");
        all.extend(answer["events"].as_array().expect("events").iter().map(|event| event["event"].clone()));
    }
    all
}
