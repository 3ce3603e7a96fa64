//! Every acknowledged event is durable and is learnt exactly once, wherever the daemon stops.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::json;
use surmise_event::{Limits, Schema};
use surmise_fixtures::Random;
use surmise_learner::{Learner, Options};
use surmise_protocol::{ProducerLine, parse_line};

fn line(i: u64) -> String {
    let pages = ["/a", "/b", "/a", "/c", "/d"];
    format!(r#"{{"seq":{i},"key":"k{}","data":{{"page":"{}","ms":{}}}}}"#, i % 3, pages[(i * i) as usize % 5], i % 17)
}

/// The hash of a learner that sees the lines in order and is never stopped.
fn reference(lines: impl Iterator<Item = String>) -> String {
    let mut learner = Learner::new(Schema::default(), Options::default()).unwrap();
    for l in lines {
        let Ok(ProducerLine::Event(e)) = parse_line(l.as_bytes()) else { panic!("{l}") };
        let event = learner.bind(&e.record, &Limits::default()).unwrap();
        learner.observe(&event);
    }
    learner.state_hash()
}

const OFTEN: &str = "[store]\ncheckpoint_events = 60\ncheckpoint_interval = \"100ms\"\n";

#[test]
fn one_stream_over_kills_at_random_instants() {
    const N: u64 = 1500;
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random::new(7);
    let (mut starts, mut duplicates, mut acked) = (0, 0, 0);
    loop {
        let host = Host::start_with(dir.path(), OFTEN);
        starts += 1;
        let mut w = host.connect();
        let welcome = w.hello(json!({"producer": "p", "epoch": 1, "stream": "s"}));
        let committed = welcome["welcome"]["committed_seq"].as_u64().unwrap_or(0);
        assert!(committed >= acked, "acknowledged {acked}, committed {committed}");
        if committed == N {
            assert_eq!(host.get("/api/v1/streams/s").1["offset"], N);
            assert_eq!(host.get("/api/v1/streams/s/hash").1["state_hash"], reference((1..=N).map(line)));
            host.stop();
            break;
        }
        // sometimes a few too many are sent again
        let from = (committed + 1).saturating_sub(random.below(20)).max(1);
        let to = (from + random.below(300)).min(N);
        for i in from..=to {
            w.say(&line(i));
        }
        if random.below(2) == 0 {
            w.until_ack(to);
            acked = acked.max(to);
        } else {
            std::thread::sleep(std::time::Duration::from_micros(random.below(20_000)));
        }
        duplicates += host.get("/api/v1/streams/s").1["duplicates"].as_u64().unwrap_or(0);
        if random.below(4) == 0 { host.stop() } else { host.kill() }
    }
    println!("{starts} starts, {duplicates} duplicates recognised by the stream");
    assert!(starts > 5);
}

#[test]
fn one_producer_of_several_streams_over_kills() {
    const N: u64 = 900;
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random::new(3);
    let stream = |i: u64| ["a", "b", "c"][(i / 7) as usize % 3];
    let text = |i: u64| line(i).replacen('{', &format!(r#"{{"stream":"{}","#, stream(i)), 1);
    let mut acked = 0;
    loop {
        let host = Host::start_with(dir.path(), OFTEN);
        let mut w = host.connect();
        let committed = w.hello(json!({"producer": "p", "epoch": 4}))["welcome"]["committed_seq"].as_u64().unwrap_or(0);
        assert!(committed >= acked, "acknowledged {acked}, committed {committed}");
        if committed == N {
            for s in ["a", "b", "c"] {
                let mine = (1..=N).filter(|i| stream(*i) == s);
                assert_eq!(host.get(&format!("/api/v1/streams/{s}")).1["offset"], mine.clone().count());
                assert_eq!(host.get(&format!("/api/v1/streams/{s}/hash")).1["state_hash"], reference(mine.map(text)));
            }
            host.stop();
            return;
        }
        let to = (committed + 1 + random.below(200)).min(N);
        for i in committed + 1..=to {
            w.say(&text(i));
        }
        let half = committed + (to - committed) / 2;
        if half > committed {
            w.until_ack(half);
            acked = half;
        }
        if random.below(4) == 0 { host.stop() } else { host.kill() }
    }
}

#[test]
fn a_clean_restart_replays_nothing_and_is_quick() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(dir.path());
    let mut w = host.connect();
    w.hello(json!({"producer": "p", "epoch": 1}));
    let mut seq = 0;
    for i in 0..20 {
        for s in 0..100 {
            seq += 1;
            w.say(&format!(r#"{{"seq":{seq},"stream":"s{s}","data":{{"page":"/p{}"}}}}"#, (i + s) % 7));
        }
    }
    w.until_ack(seq);
    let hash = host.get("/api/v1/streams/s42/hash").1;
    let start = std::time::Instant::now();
    host.stop();
    let stopped = start.elapsed();
    let start = std::time::Instant::now();
    let host = Host::start(dir.path());
    let started = start.elapsed();
    println!("100 streams: stopped in {stopped:.2?}, started again in {started:.2?}");
    assert_eq!(host.get("/api/v1/streams/s42/hash").1, hash);
    assert_eq!(host.get("/api/v1/streams").1["streams"].as_array().unwrap().len(), 100);
    assert_eq!(host.get("/api/v1/streams/s42").1["checkpoint"]["offset"], 20);
    assert!(started.as_secs_f64() < 2.0, "{started:?}");
    host.stop();
}

#[test]
fn the_log_is_trimmed_behind_the_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    let more = "[store]\ngenerations = 1\nlog_bytes_max = \"1MiB\"\ngroup_bytes_max = \"4KiB\"\n";
    let host = Host::start_with(dir.path(), more);
    let mut w = host.connect();
    w.hello(json!({"producer": "p", "epoch": 1, "stream": "s"}));
    let text = "x".repeat(4000);
    for seq in 1..=600 {
        w.say(&format!(r#"{{"seq":{seq},"data":{{"t":"{text}"}}}}"#));
    }
    w.until_ack(600);
    host.post("/api/v1/checkpoints", "");
    let hash = host.get("/api/v1/streams/s/hash").1;
    host.stop();
    let store = surmise_store::Store::open(dir.path(), 1).unwrap();
    let first = store.log.tail(0, 0).next().map(|g| g.unwrap().0.first_offset);
    assert!(first.is_some_and(|o| o > 0), "the beginning is gone: {first:?}");
    drop(store);
    let host = Host::start_with(dir.path(), more);
    assert_eq!(host.get("/api/v1/streams/s/hash").1, hash);
    host.stop();
}

/// As many producers as a stream remembers send, and send all again after the daemon was killed.
#[test]
fn producers_up_to_the_bound_are_remembered_through_a_kill() {
    const PRODUCERS: u64 = 6;
    const EACH: u64 = 5;
    let dir = tempfile::tempdir().unwrap();
    let settings = format!("[limits]\nproducers = {PRODUCERS}\n{OFTEN}");
    let send_all = |host: &Host| {
        let mut duplicates = 0;
        for producer in 0..PRODUCERS {
            let body: String = (1..=EACH).map(|i| line(i) + "\n").collect();
            let (status, v) = host.post(&format!("/api/v1/streams/s/events?producer=p{producer}&epoch=1"), &body);
            assert_eq!((status, &v["rejected"]), (200, &json!(0)), "{v}");
            duplicates += v["duplicates"].as_u64().unwrap();
        }
        duplicates
    };
    let host = Host::start_with(dir.path(), &settings);
    assert_eq!(send_all(&host), 0);
    let hash = host.get("/api/v1/streams/s/hash").1["state_hash"].clone();
    host.kill();
    let host = Host::start_with(dir.path(), &settings);
    assert_eq!(send_all(&host), PRODUCERS * EACH, "each event was known");
    assert_eq!(host.get("/api/v1/streams/s").1["offset"], PRODUCERS * EACH);
    assert_eq!(host.get("/api/v1/streams/s/hash").1["state_hash"], hash);
    host.stop();
}
