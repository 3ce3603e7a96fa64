//! Room on the disk: what the store takes stays within `store.disk`, and a disk that fills up while the daemon runs
//! costs nothing. Nothing is acknowledged meanwhile, questions are answered, and all goes on when there is room.
//!
//! The whole measure is `SURMISE_TRIALS=200 cargo test --release -p surmise-tests --test disk -- --nocapture`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use surmise_fixtures::skipped;
use surmise_tests::{Random, TestDaemon, trials};

const MODEL: &str = "[model]\nmemory_mib = 1\nnetwork = \"off\"\n";
/// Bytes of the symbol of an event, so that the log grows faster than what is learnt.
const SYMBOL_BYTES: usize = 3900;

/// Numbered events of one producer.
fn events(from: u64, count: u64) -> String {
    let event = |seq: u64| {
        let symbol = ["a", "b", "c"][seq as usize % 3].repeat(SYMBOL_BYTES);
        format!("{{\"seq\":{seq},\"data\":{{\"what\":\"{symbol}\"}}}}\n")
    };
    (from..from + count).map(event).collect()
}

const STREAM: &str = "/api/v1/streams/s";

/// Posts events, and returns whether they were taken. A refusal may come before all of them are sent.
fn post(d: &TestDaemon, from: u64, count: u64) -> bool {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("http://{}{STREAM}/events?producer=p&epoch=1", d.http));
    let sent = request.header("Content-Type", "application/x-ndjson").send(events(from, count).as_bytes());
    let Ok(mut answer) = sent else { return false };
    let comes_back = answer.headers().contains_key("retry-after");
    let (status, text) = (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap_or_default());
    let is_said = text.contains(r#""field":"disk""#) && text.contains(r#""code":"unavailable""#);
    assert!(status == 200 || status == 507 && is_said && comes_back, "{status}: {text}");
    status == 200
}

fn disk_use(d: &TestDaemon) -> (u64, u64) {
    let (_, health) = d.get("/-/healthy");
    (health["disk"]["used_bytes"].as_u64().unwrap(), health["disk"]["limit_bytes"].as_u64().unwrap())
}

#[test]
fn the_store_stays_within_its_budget_and_learns_on() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let toml = format!("disk = \"256MiB\"\ncheckpoint_events = 1000\n{MODEL}");
    let mut d = TestDaemon::start_with(&state, &toml, &[]);
    // more than the budget in events
    let (batch, batches) = (200, 400);
    let (mut most, mut waited) = (0, 0);
    for at in 0..batches {
        let begun = Instant::now();
        while !post(&d, at * batch + 1, batch) {
            waited += 1;
            assert!(begun.elapsed() < Duration::from_secs(120), "room is given back");
            std::thread::sleep(Duration::from_millis(100));
        }
        let (used, limit) = disk_use(&d);
        assert_eq!(limit, 256 << 20);
        most = most.max(used);
    }
    assert!(most <= 256 << 20, "{most} bytes");
    let (_, status) = d.get(STREAM);
    assert_eq!(status["offset"], batch * batches);
    let said = std::fs::read_to_string(state.with_extension("log")).unwrap();
    assert!(said.contains("given up early"), "{said}");
    let shown = String::from_utf8(d.surmise(&["status"]).stdout).unwrap();
    assert!(shown.contains(", disk ") && shown.contains(" of 256.0 MiB"), "{shown}");
    let metrics = d.text("/metrics");
    assert!(metrics.contains("surmise_disk_bytes{kind=\"limit\"} 268435456"), "{metrics}");
    let hash = d.hash("s");
    d.kill_and_restart(&state, &toml);
    assert_eq!(d.hash("s"), hash);
    println!(
        "{} MiB of events within 256 MiB: {} MiB at most, {waited} posts waited",
        (batch * batches) >> 8,
        most >> 20
    );
}

fn mount(disk: &Path, options: &str) -> bool {
    let done = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(disk).output();
    done.is_ok_and(|done| done.status.success())
}

/// Writes a file until the disk has no more than so much room.
fn fill(path: &Path, disk: &Path, left: u64) {
    let free = || {
        let said = Command::new("df").args(["--output=avail", "-B1"]).arg(disk).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        said.lines().last().unwrap().trim().parse::<u64>().unwrap()
    };
    // the daemon takes room meanwhile
    let filled = (0..50).any(|_| {
        let bytes = free().saturating_sub(left).max(1).to_string();
        let done = Command::new("fallocate").arg("-l").arg(bytes).arg(path).output();
        done.is_ok_and(|done| done.status.success())
    });
    assert!(filled, "the disk can be filled");
}

/// Needs to mount a small file system; says so where it may not.
#[test]
fn a_disk_that_fills_up_stops_acknowledgements_until_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let disk = dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    if !mount(&disk, "size=320m") {
        skipped("a disk that fills up", "a file system cannot be mounted here");
        return;
    }
    let (state, ballast) = (disk.join("state"), disk.join("ballast"));
    let toml = format!("checkpoint_events = 500\nlog_bytes_max = \"16MiB\"\ndisk = \"256MiB\"\n{MODEL}");
    let mut d = TestDaemon::start_with(&state, &toml, &[]);
    let mut random = Random::new(41);
    let (count, mut refused, mut next, mut restarts) = (trials(4), 0, 1, 0);
    assert!(post(&d, next, 50));
    next += 50;
    for trial in 0..count {
        fill(&ballast, &disk, random.below(6 << 20));
        let begun = Instant::now();
        // until there is no room; how long that takes depends on what is free within the files
        let is_full = loop {
            let many = 1 + random.below(200);
            if !post(&d, next, many) {
                break true;
            }
            next += many;
            if begun.elapsed() > Duration::from_secs(20) {
                break false;
            }
        };
        if is_full {
            let (ready, health) = d.get("/-/ready");
            assert!(ready == 503 && health["status"] == "full" || ready == 200, "{health}");
            assert_eq!(d.get(STREAM).0, 200, "questions are answered");
            refused += 1;
        }
        if trial % 4 == 3 {
            // what was acknowledged is there, whatever the disk was
            d.kill();
            std::fs::remove_file(&ballast).unwrap();
            d = TestDaemon::start_with(&state, &toml, &[]);
            restarts += 1;
            assert!(d.get(STREAM).1["offset"].as_u64().unwrap() + 1 >= next, "nothing acknowledged is missing");
        } else {
            std::fs::remove_file(&ballast).unwrap();
        }
        let begun = Instant::now();
        while !post(&d, next, 200) {
            assert!(begun.elapsed() < Duration::from_secs(60), "it goes on when there is room");
            std::thread::sleep(Duration::from_millis(20));
        }
        next += 200;
        assert_eq!(d.get(STREAM).1["offset"], next - 1, "each event is learnt once");
        assert!(d.try_wait().is_none());
    }
    let hash = d.hash("s");
    d.kill();
    let d = TestDaemon::start_with(&state, &toml, &[]);
    assert_eq!(d.hash("s"), hash);
    drop(d);
    assert!(Command::new("umount").arg(&disk).status().is_ok_and(|status| status.success()));
    println!(
        "{count} times full, {refused} met it, all went on; {restarts} kills while full lost nothing acknowledged"
    );
}
