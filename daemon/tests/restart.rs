//! A clean stop leaves nothing to be learnt again, however many streams there are.
#![allow(missing_docs)]

mod common;

use common::Host;
use std::fmt::Write;

const STREAMS: usize = 100;
const EVENTS: usize = 30;

#[test]
fn a_hundred_streams_stopped_and_started_answer_without_learning_anything_again() {
    let dir = tempfile::tempdir().unwrap();
    let small = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n";
    let host = Host::start_with(dir.path(), small);
    for s in 0..STREAMS {
        let mut body = String::new();
        for i in 0..EVENTS {
            writeln!(body, "{{\"data\":\"s{}\"}}", i % (2 + s % 7)).unwrap();
        }
        assert_eq!(host.post(&format!("/api/v1/streams/s{s}/events"), &body).1["accepted"], EVENTS);
    }
    let hash = |host: &Host, s: usize| host.get(&format!("/api/v1/streams/s{s}/hash")).1["state_hash"].clone();
    let before: Vec<_> = (0..STREAMS).map(|s| hash(&host, s)).collect();
    host.stop();

    let host = Host::start_with(dir.path(), small);
    while host.get("/-/ready").0 != 200 {
        std::thread::yield_now();
    }
    let metrics = host.get_text("/metrics").1;
    assert!(metrics.lines().any(|l| l == "surmise_recovery_events 0"), "{metrics}");
    // what is asked of all at once is known without any of them
    let slept = host.get("/api/v1/streams").1;
    assert_eq!(slept.to_string().matches(&format!("\"offset\":{EVENTS},")).count(), STREAMS, "{slept}");
    for (s, hash_before) in before.iter().enumerate() {
        assert_eq!(&hash(&host, s), hash_before, "stream {s}");
        assert_eq!(host.get(&format!("/api/v1/streams/s{s}/next")).1["offset"], EVENTS);
    }
    host.stop();
}
