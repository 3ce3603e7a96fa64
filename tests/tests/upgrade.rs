//! Data directories that earlier versions left behind go on: converted where their format is older, and where the state
//! of a learner is, learnt again from the log.
//!
//! * `tests/data/store-0.1.0.tar.xz` was written by the version before records named their streams (`surmise log 1`,
//!   `surmise checkpoints 1`, learners of format 5): five streams (symbols, numbers with times, keys of which some lie
//!   in the store, texts, lines of a log) with producers, 120 events each, stopped; then 20 more, killed.
//! * `tests/data/store-0.1.0-data-4.tar.xz` was written on 2026-11-30 by [`make`] (`surmise data 4`, learners of format
//!   23): beside such streams one whose events have ids, one with feedback, one that was reset, and one whose reset was
//!   undone. `SURMISE_WRITE=1 cargo test --release -p surmise-tests --test upgrade made` writes it.

mod stored;

use std::path::{Path, PathBuf};
use std::process::Command;
use stored::{OFFSETS, TOML, hold_memories, make};
use surmise_tests::{Random, TestDaemon};

/// A directory that was stored, and what it holds.
struct Stored {
    file: &'static str,
    toml: &'static str,
    offsets: &'static [(&'static str, u64)],
}

const FIRST: Stored = Stored {
    file: "store-0.1.0.tar.xz",
    toml: "checkpoint_events = 60\n[model]\nmemory_mib = 1\nkeys = 40\nnetwork = \"off\"\n",
    offsets: &[("keyed", 141), ("lines", 140), ("numbers", 140), ("texts", 140), ("tokens", 140)],
};
const SECOND: Stored = Stored { file: "store-0.1.0-data-4.tar.xz", toml: TOML, offsets: &OFFSETS };

fn archive(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

impl Stored {
    fn unpack(&self, dir: &Path) -> PathBuf {
        let status = Command::new("tar").arg("xf").arg(archive(self.file)).arg("-C").arg(dir).status();
        assert!(status.expect("tar can be started").success());
        dir.join("data")
    }

    /// The hashes of all streams, each of which has what it had.
    fn hashes(&self, d: &TestDaemon) -> Vec<String> {
        let hash = |(stream, offset): &(&str, u64)| {
            let (status, found) = d.get(&format!("/api/v1/streams/{stream}"));
            assert_eq!((status, found["offset"].as_u64()), (200, Some(*offset)), "{stream}: {found}");
            assert!(found["failed"].is_null(), "{found}");
            d.hash(stream)
        };
        self.offsets.iter().map(hash).collect()
    }

    /// It goes on: with all that it had, its producers where they were, and the same after a kill. Returns what the
    /// daemon said when it started.
    fn hold(&self, state: &Path) -> String {
        let mut d = TestDaemon::start_with(state, self.toml, &[]);
        let first = self.hashes(&d);
        let said = std::fs::read_to_string(state.with_extension("log")).unwrap();
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
        d.kill_and_restart(state, self.toml);
        assert_eq!(d.hash("tokens"), tokens);
        for ((stream, _), before) in self.offsets.iter().zip(&first).filter(|((stream, _), _)| *stream != "tokens") {
            assert_eq!(d.hash(stream), *before, "{stream}");
        }
        said
    }
}

#[test]
fn a_directory_of_the_version_before_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let said = FIRST.hold(&FIRST.unpack(dir.path()));
    assert!(said.contains("the log was converted") && said.contains("checkpoint is passed over"), "{said}");
}

#[test]
fn a_directory_with_ids_feedback_and_undone_resets_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let state = SECOND.unpack(dir.path());
    SECOND.hold(&state);
    hold_memories(&TestDaemon::start_with(&state, TOML, &[]));
}

#[test]
fn killed_while_it_is_converted_it_goes_on_all_the_same() {
    let mut random = Random::new(5);
    for stored in [FIRST, SECOND] {
        let dir = tempfile::tempdir().unwrap();
        let whole = stored.unpack(dir.path());
        let d = TestDaemon::start_with(&whole, stored.toml, &[]);
        let want = stored.hashes(&d);
        for trial in 0..surmise_tests::trials(3) {
            let dir = tempfile::tempdir().unwrap();
            let state = stored.unpack(dir.path());
            for _ in 0..3 {
                let mut d = TestDaemon::spawn(&state, stored.toml, &[]);
                std::thread::sleep(std::time::Duration::from_millis(random.below(120)));
                d.kill();
            }
            let d = TestDaemon::start_with(&state, stored.toml, &[]);
            assert_eq!(stored.hashes(&d), want, "{} in trial {trial}", stored.file);
        }
    }
}

/// What makes the second directory still makes one like it, which is written where `SURMISE_WRITE` is set.
#[test]
fn a_directory_is_made_for_later_versions() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("data");
    make(&state);
    if std::env::var_os("SURMISE_WRITE").is_some() {
        let mut tar = Command::new("tar");
        tar.args(["cJf"]).arg(archive(SECOND.file)).args([
            "--sort=name",
            "--owner=root:0",
            "--group=root:0",
            "--exclude=surmised.*",
        ]);
        let status = tar.arg("-C").arg(dir.path()).arg("data").status();
        assert!(status.expect("tar can be started").success());
    }
    SECOND.hold(&state);
    hold_memories(&TestDaemon::start_with(&state, TOML, &[]));
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
