//! A small memory budget: idle streams sleep and wake as they were, new streams and fields are refused by name, and the
//! first streams learn what they would have learnt.
//!
//! `SURMISE_TRIALS=10000` has so many streams come; by default a few dozen do.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::Value;
use std::time::{Duration, Instant};

/// The allocator of the daemon.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// MiB that the streams may take beside what the test itself takes.
const ROOM_MIB: u64 = 120;

/// Bounds of a stream that are the same under either budget.
const SMALL: &str = "[model]\nmemory_mib = 8\nkeys_mib = 8\n";

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}

fn line(stream: usize, n: usize, fields: usize) -> String {
    let fields: Vec<String> = (0..fields).map(|f| format!("\"f{f}\":\"v{}-{}\"", stream % 7, (n + f) % 3)).collect();
    format!("{{\"data\":{{{}}}}}\n", fields.join(","))
}

fn send(host: &Host, stream: usize, body: &str) -> Value {
    host.post(&format!("/api/v1/streams/s{stream}/events"), body).1
}

fn hash(host: &Host, stream: usize) -> Value {
    host.get(&format!("/api/v1/streams/s{stream}/hash")).1["state_hash"].clone()
}

#[test]
fn a_small_budget_holds_and_the_first_streams_are_as_they_would_be() {
    let streams = std::env::var("SURMISE_TRIALS").ok().and_then(|n| n.parse().ok()).unwrap_or(150);
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let roomy = Host::start_with(dirs[0].path(), SMALL);
    for n in 0..6 {
        assert_eq!(send(&roomy, 0, &line(0, n, 6))["accepted"], 1);
    }
    let want = hash(&roomy, 0);
    roomy.stop();

    let limit = resident_mib() + ROOM_MIB;
    let host = Host::start_with(dirs[1].path(), &format!("{SMALL}[limits]\nmemory = \"{limit}MiB\"\n"));
    for n in 0..3 {
        assert_eq!(send(&host, 0, &line(0, n, 6))["accepted"], 1);
    }
    // streams that learn come until there is no room
    let (mut accepted, mut refused, mut wide, mut tried) = (0, None, None, 0);
    for stream in 1..=streams {
        let body: String = (0..3).map(|n| line(stream, n, 6)).collect();
        let answer = send(&host, stream, &body);
        match answer["accepted"].as_u64() {
            Some(3) => accepted += 1,
            _ => refused = refused.or(Some(answer)),
        }
        // a new field of a stream that is there comes at a moment without room, before idle ones have gone to sleep
        if refused.is_some() && wide.is_none() && stream > accepted {
            let answer = send(&host, accepted - tried % accepted, &line(accepted, 3, 7));
            tried += 1;
            wide = Some(answer.to_string()).filter(|answer| answer.contains("limit_reached"));
        }
    }
    let refused = refused.expect("so many streams do not fit").to_string();
    assert!(refused.contains("limit_reached") && refused.contains("limits.memory"), "{refused}");
    assert!(accepted >= 10, "{accepted} streams fit into {ROOM_MIB} MiB");
    let wide = wide.expect("new fields are refused as well");
    assert!(wide.contains("\"f6\""), "{wide}");
    let resident = resident_mib();
    assert!(resident <= limit + limit / 10, "{resident} MiB of {limit}");

    // more come until those that are idle go to sleep, and there is room again
    let (until, mut stream, mut has_room) = (Instant::now() + Duration::from_secs(60), streams, false);
    while !has_room || host.metric("surmise_shed_total{what=\"streams\"}") == 0.0 {
        assert!(Instant::now() < until, "no stream went to sleep: {}", host.get_text("/metrics").1);
        std::thread::sleep(Duration::from_millis(20));
        stream += 1;
        let body: String = (0..3).map(|n| line(stream, n, 6)).collect();
        has_room = send(&host, stream, &body)["accepted"] == 3;
    }

    // the first of them wakes as it was
    for n in 3..6 {
        assert_eq!(send(&host, 0, &line(0, n, 6))["accepted"], 1);
    }
    assert_eq!(hash(&host, 0), want);
    host.stop();
}
