//! Many streams, wide schemas, many symbols and many keys against the memory budget of a process.
//!
//! `SURMISE_STREAMS=10000` makes so many streams of one event. `SURMISE_SCALE=1` is the whole of the other campaign:
//! 10,000 streams, schemas of 1,024 fields, two million symbols and a million keys; `SURMISE_MEMORY_MIB` is its budget,
//! 0 that of the default configuration. By default both campaigns are small.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use surmise_tests::{TestDaemon, Wire, surmise};

/// Resident memory of a stream of one event, and of a daemon beside its streams.
const STREAM_BYTES_MAX: u64 = 90_000;
const DAEMON_BYTES_MAX: u64 = 100_000_000;
/// Events that a connection sends before it waits for their acknowledgement.
const WINDOW: u64 = 1000;
/// The longest wait for an acknowledgement: an event of a thousand new models takes its time.
const WAIT_MAX: Duration = Duration::from_secs(120);
/// Events of each of the first streams in a third of the campaign.
const FIRST_EVENTS: u64 = 150;
/// Streams of the widest schema.
const WIDE_STREAMS: u64 = 4;

fn setting<T: FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A connection whose events are acknowledged or refused.
struct Sender {
    wire: Wire,
    /// The first number that is neither acknowledged nor refused.
    open: u64,
    refused: BTreeSet<u64>,
    refusals: Vec<Value>,
}

impl Sender {
    /// Reads replies until each number up to `seq` is acknowledged or refused.
    fn wait_for(&mut self, seq: u64) {
        while self.open <= seq {
            let reply = self.wire.receive();
            if let Some(ack) = reply["ack"].as_u64() {
                self.open = self.open.max(ack + 1);
            }
            if let Some(refused) = reply["error"]["seq"].as_u64() {
                self.refused.insert(refused);
                self.refusals.push(reply["error"].clone());
            }
            while self.refused.remove(&self.open) {
                self.open += 1;
            }
        }
    }
}

/// Sends events of a stream each and waits until they are durable or refused; returns the refusals.
fn send(daemon: &TestDaemon, producer: &str, events: impl Iterator<Item = (String, Value)>) -> Vec<Value> {
    let mut sender = Sender { wire: daemon.connect(), open: 1, refused: BTreeSet::new(), refusals: Vec::new() };
    sender.wire.wait_at_most(WAIT_MAX);
    sender.wire.hello(producer, 1, "unused", &["ack"]);
    let mut seq = 0;
    for (stream, mut event) in events {
        seq += 1;
        event["seq"] = seq.into();
        event["stream"] = stream.into();
        sender.wire.send(&event.to_string());
        if seq % WINDOW == 0 {
            sender.wait_for(seq);
        }
    }
    sender.wait_for(seq);
    sender.refusals
}

/// The only event of a stream, of four fields.
fn only_event(stream: u64) -> Value {
    let page = format!("/p{}", stream % 9);
    json!({"data": {"page": page, "ms": stream % 300, "ok": !stream.is_multiple_of(7), "user": format!("u{stream}")}})
}

#[test]
fn streams_of_one_event_take_little() {
    let streams = setting("SURMISE_STREAMS", 200);
    let dir = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(&dir.path().join("state"));
    let begun = Instant::now();
    let refused = send(&daemon, "crowd", (0..streams).map(|i| (format!("crowd-{i}"), only_event(i))));
    assert_eq!(refused, Vec::<Value>::new());
    let took = begun.elapsed();
    // until checkpoints have been made of all of them
    std::thread::sleep(Duration::from_secs(setting("SURMISE_SECONDS", 0)));
    let (resident, peak) = (daemon.resident_memory(), daemon.peak_memory());
    eprintln!("{streams} streams in {took:.1?}: {} MB resident, {} MB at most", resident / 1_000_000, peak / 1_000_000);
    assert!(peak <= DAEMON_BYTES_MAX + streams * STREAM_BYTES_MAX, "{peak} bytes for {streams} streams");
}

/// The first streams, which are there before anything else: an event of each by its number.
fn first_events(events: std::ops::Range<u64>) -> impl Iterator<Item = (String, Value)> {
    events.flat_map(|i| {
        let page = json!({"data": {"page": format!("/p{}", i * i % 7)}, "key": format!("k{}", i % 3)});
        let meter = json!({"data": {"cpu": i * 7 % 100, "io": (i % 24) as f64 / 3.0}});
        let line = json!({"data": format!("GET /item/{} took {} ms", i % 11, i % 17)});
        [("pages", page), ("meters", meter), ("lines", line)].map(|(stream, event)| (format!("first-{stream}"), event))
    })
}

fn first_hashes(daemon: &TestDaemon) -> [String; 3] {
    ["pages", "meters", "lines"].map(|stream| daemon.hash(&format!("first-{stream}")))
}

/// An event of the widest schema.
fn wide_event(fields: u64, n: u64) -> Value {
    let field = |f: u64| match f % 3 {
        0 => json!(format!("v{}", (f + n) % 5)),
        1 => json!((f * n) % 17),
        _ => json!(n.is_multiple_of(2)),
    };
    let data: Map<String, Value> = (0..fields).map(|f| (format!("f{f}"), field(f))).collect();
    json!({"data": data})
}

/// Everything at once, from a connection each. Returns the refusals.
fn flood(daemon: &TestDaemon, scale: f64) -> Vec<Value> {
    let scaled = |n: f64, least: u64| ((n * scale) as u64).max(least);
    let (streams, fields) = (scaled(10_000.0, 50), scaled(1024.0, 64));
    let (symbols, keys) = (scaled(2e6, 1000), scaled(1e6, 1000));
    let crowd = move || (0..streams).map(|i| (format!("crowd-{i}"), only_event(i)));
    let wide =
        move || (0..3 * WIDE_STREAMS).map(move |i| (format!("wide-{}", i % WIDE_STREAMS), wide_event(fields, i)));
    let symbols = move || (0..symbols).map(|i| ("symbols".into(), json!({"data": {"id": format!("symbol-{i}")}})));
    let keys = move || (0..keys).map(|i| ("keys".into(), json!({"key": format!("key-{i}"), "data": {"ms": i % 50}})));
    let first = move || first_events(FIRST_EVENTS..2 * FIRST_EVENTS);
    std::thread::scope(|s| {
        let sent = [
            s.spawn(move || send(daemon, "crowd", crowd())),
            s.spawn(move || send(daemon, "wide", wide())),
            s.spawn(move || send(daemon, "symbols", symbols())),
            s.spawn(move || send(daemon, "keys", keys())),
            s.spawn(move || send(daemon, "first-amid", first())),
        ];
        sent.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// The budget that the daemon says it has.
fn limit_mib(daemon: &TestDaemon) -> u64 {
    let metrics = daemon.text("/metrics");
    let limit = metrics.lines().find_map(|line| line.strip_prefix("surmise_memory_bytes{kind=\"limit\"} "));
    limit.expect("the budget is a metric").parse::<f64>().unwrap() as u64 >> 20
}

#[test]
fn the_budget_holds_and_the_first_streams_are_undisturbed() {
    let (scale, mib) = (setting("SURMISE_SCALE", 0.005), setting("SURMISE_MEMORY_MIB", 256_u64));
    let dir = tempfile::tempdir().unwrap();
    let config = format!("[limits]\nmemory = \"{mib}MiB\"\n");
    let alone = TestDaemon::start_with(&dir.path().join("alone"), &config, &[]);
    assert_eq!(send(&alone, "first", first_events(0..3 * FIRST_EVENTS)), Vec::<Value>::new());
    let want = first_hashes(&alone);
    drop(alone);

    let daemon = TestDaemon::start_with(&dir.path().join("state"), &config, &[]);
    let limit_mib = limit_mib(&daemon);
    let (done, most) = (AtomicBool::new(false), Mutex::new(0));
    let begun = Instant::now();
    let refused = std::thread::scope(|s| {
        s.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let mut most = most.lock().unwrap();
                *most = daemon.resident_memory().max(*most);
                drop(most);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let flooded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            assert_eq!(send(&daemon, "first-before", first_events(0..FIRST_EVENTS)), Vec::<Value>::new());
            let refused = flood(&daemon, scale);
            let after = first_events(2 * FIRST_EVENTS..3 * FIRST_EVENTS);
            assert_eq!(send(&daemon, "first-after", after), Vec::<Value>::new());
            refused
        }));
        done.store(true, Ordering::Relaxed);
        flooded.unwrap()
    });
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for refusal in &refused {
        let (code, field, reason) = (&refusal["code"], &refusal["field"], refusal["reason"].as_str().unwrap());
        assert_eq!(code, "limit_reached", "{refusal}");
        let bound = ["limits.memory", "limits.streams", "memory_mib"].into_iter().find(|bound| reason.contains(bound));
        let bound = bound.unwrap_or_else(|| panic!("no bound is named: {refusal}"));
        let what = if field == "stream" { "stream" } else { "field" };
        *reasons.entry(format!("a {what} by {bound}")).or_default() += 1;
    }
    let most = *most.lock().unwrap();
    eprintln!("scale {scale}, {:.0?}: {} of {limit_mib} MiB at most, refused {reasons:?}", begun.elapsed(), most >> 20);
    assert_eq!(first_hashes(&daemon), want);
    assert!(most <= (limit_mib << 20) / 10 * 11, "{} MiB are resident of {limit_mib}", most >> 20);
}

/// An event of a stream whose models grow: many keys, many symbols, numbers.
fn growing_event(stream: u64, n: u64) -> Value {
    let mut mixed = (stream << 32 | n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^= mixed >> 29;
    json!({"key": format!("k{}", mixed % 3000), "data": {
        "page": format!("/p{}", mixed % 1999), "user": format!("u{}", mixed % 6007), "ms": mixed % 97, "rate": n % 24
    }})
}

/// Streams that are all busy, and together take twice the budget: they take turns. `SURMISE_BUSY` and
/// `SURMISE_BUSY_EVENTS` say how many there are, and how many events each has.
#[test]
fn busy_streams_take_turns_and_stay_within_the_budget_together() {
    let (streams, events) = (setting("SURMISE_BUSY", 100u64), setting("SURMISE_BUSY_EVENTS", 2000u64));
    let dir = tempfile::tempdir().unwrap();
    let budget = 512u64 << 20;
    let toml = "[limits]\nmemory = \"512MiB\"\n[model]\nnetwork = \"off\"\nmemory_mib = 12\n";
    let daemon = TestDaemon::start_with(&dir.path().join("state"), toml, &[]);
    let begun = Instant::now();
    std::thread::scope(|s| {
        for stream in 0..streams {
            let daemon = &daemon;
            s.spawn(move || {
                let all = (0..events).map(|n| (format!("busy-{stream}"), growing_event(stream, n)));
                assert_eq!(send(daemon, &format!("p{stream}"), all), Vec::<Value>::new());
            });
        }
    });
    let (took, peak) = (begun.elapsed(), daemon.peak_memory());
    let metrics = daemon.text("/metrics");
    let turns = metrics.lines().find(|line| line.starts_with("surmise_shed_total{what=\"busy streams\"}"));
    eprintln!("{streams} busy streams in {took:.1?}, {} MiB at most of {}; {turns:?}", peak >> 20, budget >> 20);
    assert!(peak <= budget * 5 / 4, "{peak} bytes of {budget}");
    assert!(turns.is_some(), "they took turns");
    let events_file = dir.path().join("busy.ndjson");
    for stream in [0, streams - 1] {
        let lines: String = (0..events).map(|n| growing_event(stream, n).to_string() + "\n").collect();
        std::fs::write(&events_file, lines).unwrap();
        let options = ["--set", "network=off", "--set", "memory_mib=12", "--set", "keys_mib=32", "--output", "json"];
        let replayed = surmise([&["replay", events_file.to_str().unwrap()], &options[..]].concat());
        let replayed: Value = serde_json::from_slice(&replayed.stdout).unwrap();
        assert_eq!(daemon.hash(&format!("busy-{stream}")), replayed["state_hash"].as_str().unwrap(), "busy-{stream}");
    }
}
