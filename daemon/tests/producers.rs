//! Producers beyond memory are known from the store, epochs rise by learnt events and bounded steps alone, and what is
//! forgotten is named.
#![allow(missing_docs)]

mod common;

use common::{Host, agent};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

const SMALL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[store]\ncheckpoint_events = 1500\n";

/// Threads that send at once.
const SENDERS: u64 = 16;

fn events(from: u64, to: u64) -> String {
    (from..=to).map(|seq| format!("{{\"seq\":{seq},\"data\":\"s{}\"}}\n", seq % 3)).collect()
}

/// Posts the same events for many producers, and returns how many were learnt and how many were duplicates.
fn post_all(host: &Host, producers: u64, body: &str) -> (u64, u64) {
    let (accepted, duplicates) = (AtomicU64::new(0), AtomicU64::new(0));
    let url = host.url("/api/v1/streams/s/events");
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (url, accepted, duplicates) = (&url, &accepted, &duplicates);
            scope.spawn(move || {
                let agent = agent();
                for producer in (sender..producers).step_by(SENDERS as usize) {
                    let url = format!("{url}?producer=p{producer}&epoch=1");
                    let sent = agent.post(url).content_type("application/x-ndjson").send(body);
                    let answer: Value =
                        serde_json::from_str(&sent.unwrap().body_mut().read_to_string().unwrap()).unwrap();
                    assert_eq!(answer["rejected"], 0, "{answer}");
                    accepted.fetch_add(answer["accepted"].as_u64().unwrap(), Ordering::Relaxed);
                    duplicates.fetch_add(answer["duplicates"].as_u64().unwrap(), Ordering::Relaxed);
                }
            });
        }
    });
    (accepted.into_inner(), duplicates.into_inner())
}

/// `SURMISE_PRODUCERS=100000` sends from so many; the default is a few more than memory has room for.
#[test]
fn every_producer_is_known_through_kills_however_many_there_are() {
    let asked = std::env::var("SURMISE_PRODUCERS").ok().and_then(|n| n.parse().ok());
    let (producers, memory) = asked.map_or((600, 100), |n| (n, 4_096));
    let settings = format!("{SMALL}commit_interval = \"1ms\"\n[limits]\nproducers = {memory}\n");
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &settings);
    assert_eq!(post_all(&host, producers, &events(1, 2)), (2 * producers, 0));
    host.kill();
    let host = Host::start_with(dir.path(), &settings);
    assert_eq!(post_all(&host, producers, &events(1, 3)), (producers, 2 * producers));
    let status = host.get("/api/v1/streams/s").1;
    let in_memory = status["producers"].as_u64().unwrap();
    assert!(in_memory <= memory + memory / 4, "{status}");
    assert!(in_memory + status["producers_stored"].as_u64().unwrap() >= producers, "{status}");
    let hash = host.get("/api/v1/streams/s/hash").1;
    host.kill();
    let host = Host::start_with(dir.path(), &settings);
    assert_eq!(host.get("/api/v1/streams/s/hash").1, hash);
    assert_eq!(post_all(&host, producers, &events(1, 3)), (0, 3 * producers));
    host.stop();
    println!("{producers} producers, {memory} in memory: each event was learnt once");
}

/// A producer that leaves the numbers to the daemon goes on where it was, also when memory has long forgotten it.
#[test]
fn numbers_go_on_where_they_were() {
    let settings = format!("{SMALL}[limits]\nproducers = 2\n");
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &settings);
    let send = |host: &Host, stream: &str| {
        for producer in 0..12 {
            let mut w = host.connect();
            let welcome = w.hello(json!({"producer": format!("p{producer}"), "epoch": 1}));
            let committed = welcome["welcome"]["committed_seq"].as_u64().unwrap_or(0);
            w.say(&format!("{{\"stream\":\"{stream}\",\"data\":\"a\"}}"));
            w.until_ack(committed + 1);
        }
    };
    for (n, stream) in ["default", "default", "other", "other", "default"].into_iter().enumerate() {
        send(&host, stream);
        let offsets = ["default", "other"].map(|s| host.get(&format!("/api/v1/streams/{s}")).1["offset"].as_u64());
        assert_eq!(offsets.map(|o| o.unwrap_or(0)).iter().sum::<u64>(), 12 * (n as u64 + 1), "round {n}");
    }
    host.kill();
    let host = Host::start_with(dir.path(), &settings);
    send(&host, "default");
    assert_eq!(host.get("/api/v1/streams/default").1["offset"], 48);
    host.stop();
}

#[test]
fn a_request_or_a_hello_alone_locks_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    let post = |host: &Host, epoch: u64, body: &str| {
        host.post(&format!("/api/v1/streams/s/events?producer=web-7&epoch={epoch}"), body)
    };
    for body in ["", "{broken", &events(1, 1)] {
        let (status, problem) = post(&host, u64::MAX, body);
        assert_eq!((status, &problem["code"]), (409, &json!("bad_epoch")), "{problem}");
    }
    // high, but within bounds: nothing is learnt, so nothing is raised
    assert_eq!((post(&host, 1 << 39, "").0, post(&host, 1 << 39, "{broken").0), (200, 200));
    assert_eq!(post(&host, 3, &events(1, 1)).1["accepted"], 1);
    let refused = host.connect().hello(json!({"producer": "web-7", "epoch": u64::MAX, "stream": "s"}));
    assert_eq!((&refused["error"]["code"], &refused["error"]["field"]), (&json!("bad_epoch"), &json!("hello.epoch")));
    // a hello alone is forgotten with its connection, with a kill or without one
    let welcomed = |host: &Host, epoch: u64| host.connect().hello(json!({"producer": "q", "epoch": epoch})).clone();
    assert!(welcomed(&host, 100)["welcome"].is_object());
    while welcomed(&host, 99)["welcome"].is_null() {
        std::thread::yield_now();
    }
    host.kill();
    let host = Host::start_with(dir.path(), SMALL);
    assert!(welcomed(&host, 99)["welcome"].is_object());
    assert_eq!(post(&host, 2, &events(2, 2)).1["code"], "fenced", "what was learnt holds through a kill");
    assert_eq!(post(&host, 3, &events(1, 2)).1["accepted"], 1);
    host.stop();
}

#[test]
fn an_operator_resets_a_producer_and_it_stays_reset() {
    let dir = tempfile::tempdir().unwrap();
    let settings = format!("{SMALL}[limits]\nproducers = 1\n");
    let host = Host::start_with(dir.path(), &settings);
    let post = |host: &Host, producer: &str, epoch: u64| {
        let path = format!("/api/v1/streams/s/events?producer={producer}&epoch={epoch}");
        host.post(&path, &events(1, 3)).1
    };
    for (producer, epoch) in [("a", 1 << 39), ("b", 1), ("c", 1), ("d", 1)] {
        assert_eq!(post(&host, producer, epoch)["accepted"], 3);
    }
    assert_eq!(post(&host, "a", 4)["code"], "fenced", "a typo in its epoch locks it out");
    let (status, answer) = host.post("/api/v1/producers/a/reset", "");
    assert_eq!((status, &answer["streams"]), (200, &json!(["s"])), "{answer}");
    host.kill();
    let host = Host::start_with(dir.path(), &settings);
    assert_eq!(post(&host, "a", 4)["accepted"], 3);
    assert_eq!(post(&host, "b", 1)["duplicates"], 3, "the others are known");
    assert_eq!(host.post("/api/v1/producers/nobody/reset", "").1["streams"], json!([]));
    host.stop();
}

#[test]
fn forgetting_at_the_bound_of_the_store_is_named() {
    let settings = format!("{SMALL}[limits]\nproducers = 1\nproducers_stored = 2\n");
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &settings);
    let hello = |producer: u64| {
        let mut w = host.connect();
        let welcome = w.hello(json!({"producer": format!("p{producer}"), "epoch": 1, "stream": "s"}));
        (w, welcome["welcome"].clone())
    };
    for producer in 0..6 {
        let (mut w, _) = hello(producer);
        w.say(r#"{"seq":1,"data":"a"}"#);
        w.until_ack(1);
    }
    assert!(host.get("/api/v1/streams/s").1["producers_forgotten"].as_u64().unwrap() >= 2);
    assert!(host.metric("surmise_producers_forgotten_total ") >= 2.0);
    let stranger = hello(99).1;
    assert!(stranger["producers_forgotten"].as_u64().unwrap() >= 2, "{stranger}");
    host.stop();
}
