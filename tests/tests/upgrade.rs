//! A data directory that an earlier version left behind goes on: converted, and where the state of a learner is of an
//! older format, learnt again from the log.
//!
//! `tests/data/store-0.1.0.tar.xz` was written by the version before records named their streams (`surmise log 1`,
//! `surmise checkpoints 1`, learners of format 5): five streams (symbols, numbers with times, keys of which some lie in
//! the store, texts, lines of a log) with producers, 120 events each, stopped; then 20 more, killed.

use std::path::Path;
use std::process::Command;
use surmise_tests::{Random, TestDaemon};

const LIKE_THEN: &str = "checkpoint_events = 60\n[model]\nmemory_mib = 1\nkeys = 40\nnetwork = \"off\"\n";
const OFFSETS: [(&str, u64); 5] = [("keyed", 141), ("lines", 140), ("numbers", 140), ("texts", 140), ("tokens", 140)];

fn unpack(dir: &Path) -> std::path::PathBuf {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/data/store-0.1.0.tar.xz");
    let status = Command::new("tar").args(["xf", file, "-C"]).arg(dir).status().expect("tar can be started");
    assert!(status.success(), "tar left with {status}");
    dir.join("data")
}

fn hashes(d: &TestDaemon) -> Vec<String> {
    OFFSETS
        .iter()
        .map(|(stream, offset)| {
            let (status, found) = d.get(&format!("/api/v1/streams/{stream}"));
            assert_eq!((status, found["offset"].as_u64()), (200, Some(*offset)), "{stream}: {found}");
            assert!(found["failed"].is_null(), "{found}");
            d.hash(stream)
        })
        .collect()
}

#[test]
fn a_directory_of_the_version_before_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let state = unpack(dir.path());
    let mut d = TestDaemon::start_with(&state, LIKE_THEN, &[]);
    let first = hashes(&d);
    let said = std::fs::read_to_string(state.with_extension("log")).unwrap();
    assert!(said.contains("the log was converted") && said.contains("checkpoint is passed over"), "{said}");
    assert!(!said.contains("are lost") && !said.contains("panicked"), "{said}");
    // producers resume where they were, and what they send again is not learnt again
    for (producer, epoch, stream) in [("tokens-producer", 3, "tokens"), ("keyed-producer", 1, "keyed")] {
        let welcome = d.connect().hello(producer, epoch, stream, &["ack"]);
        assert_eq!(welcome["welcome"]["committed_seq"].as_u64(), Some(140), "{welcome}");
    }
    let mut w = d.connect();
    w.hello("tokens-producer", 3, "tokens", &["ack"]);
    for seq in 131..=150u64 {
        w.send(&format!(r#"{{"seq":{seq},"data":"{}"}}"#, ["a", "b", "c", "b"][seq as usize % 4]));
    }
    w.until_ack(150);
    assert_eq!(d.get("/api/v1/streams/tokens").1["offset"].as_u64(), Some(150));
    let tokens = d.hash("tokens");
    d.kill_and_restart(&state, LIKE_THEN);
    assert_eq!(d.hash("tokens"), tokens);
    assert_eq!(first[..4], OFFSETS[..4].iter().map(|(stream, _)| d.hash(stream)).collect::<Vec<_>>()[..]);
}

#[test]
fn killed_while_it_is_converted_it_goes_on_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let whole = unpack(dir.path());
    let d = TestDaemon::start_with(&whole, LIKE_THEN, &[]);
    let want = hashes(&d);
    let mut random = Random::new(5);
    for trial in 0..surmise_tests::trials(3) {
        let dir = tempfile::tempdir().unwrap();
        let state = unpack(dir.path());
        for _ in 0..3 {
            let mut d = TestDaemon::spawn(&state, LIKE_THEN, &[]);
            std::thread::sleep(std::time::Duration::from_millis(random.below(120)));
            d.kill();
        }
        let d = TestDaemon::start_with(&state, LIKE_THEN, &[]);
        assert_eq!(hashes(&d), want, "trial {trial}");
    }
}

#[test]
fn a_directory_of_a_newer_version_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    drop(TestDaemon::start(&state));
    std::fs::write(state.join("format"), "surmise data 99").unwrap();
    let read = |name: &str| std::fs::read(state.join(name)).unwrap();
    let before = ["streams", "log/db", "checkpoints/db", "progress"].map(read);
    assert_eq!(TestDaemon::spawn(&state, "", &[]).wait().code(), Some(74));
    let said = std::fs::read_to_string(state.with_extension("log")).unwrap();
    assert!(said.contains("surmise data 99") && said.contains("surmise data 4"), "{said}");
    assert_eq!(before, ["streams", "log/db", "checkpoints/db", "progress"].map(read), "nothing is changed");
}
