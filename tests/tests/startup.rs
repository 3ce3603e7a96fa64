//! Starts that go wrong: killed within their first 100 ms, on a disk that is full, over files that are damaged. The
//! directory opens again without a hand, no stream becomes another, and what is missing is named.
//!
//! The whole measure is `SURMISE_TRIALS=1000 cargo test --release -p surmise-tests --test startup -- --nocapture`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use surmise_fixtures::skipped;
use surmise_tests::{Random, TestDaemon, trials};

const SMALL: &str = "checkpoint_events = 70\ngenerations = 2\n[model]\nmemory_mib = 1\nkeys = 20\nnetwork = \"off\"\n";
const STREAMS: [&str; 3] = ["one", "two", "three"];
const EVENTS: u64 = 200;

fn event(stream: usize, seq: u64) -> String {
    match stream {
        0 => format!(r#"{{"seq":{seq},"data":"{}"}}"#, ["a", "b", "c"][seq as usize % 3]),
        1 => format!(r#"{{"seq":{seq},"key":"k{}","data":"{}"}}"#, seq % 50, ["x", "y"][seq as usize % 2]),
        _ => format!(r#"{{"seq":{seq},"data":{{"n":{}}}}}"#, seq % 7),
    }
}

/// A directory with three streams, killed; and their hashes.
fn directory(state: &Path) -> Vec<String> {
    let mut d = TestDaemon::start_with(state, SMALL, &[]);
    for (place, stream) in STREAMS.iter().enumerate() {
        let mut w = d.connect();
        w.hello(&format!("producer of {stream}"), 1, stream, &["ack"]);
        for seq in 1..=EVENTS {
            w.send(&event(place, seq));
            if seq % 20 == 0 {
                w.until_ack(seq);
            }
        }
    }
    let hashes = STREAMS.map(|stream| d.hash(stream)).to_vec();
    d.kill();
    hashes
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(file.file_name());
        if file.path().is_dir() {
            copy(&file.path(), &to);
        } else if file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), to).unwrap();
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for file in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if file.path().is_dir() {
            all.extend(files(&file.path()));
        } else if file.file_type().unwrap().is_file() && file.file_name() != "surmised.lock" {
            all.push(file.path());
        }
    }
    all.sort();
    all
}

/// What the start said.
fn said(state: &Path) -> String {
    std::fs::read_to_string(state.with_extension("log")).unwrap()
}

/// What became of the streams: how many differ from what they were. Each is itself, or what is lost of it is told.
fn compare(d: &TestDaemon, state: &Path, want: &[String]) -> usize {
    let (_, listed) = d.get("/api/v1/streams");
    let names: Vec<&str> = listed["streams"].as_array().unwrap().iter().filter_map(|s| s["stream"].as_str()).collect();
    assert_eq!(names, ["one", "three", "two"], "the streams are the same: {listed}");
    let mut differ = 0;
    for (stream, want) in STREAMS.iter().zip(want) {
        let (_, found) = d.get(&format!("/api/v1/streams/{stream}"));
        assert!(found["failed"].is_null() && found["offset"] == EVENTS, "{found}\n{}", said(state));
        if d.hash(stream) != *want {
            differ += 1;
            let said = said(state);
            let told = said.contains("are lost") || said.contains("states of keys in the store are gone");
            assert!(told, "{stream} is another, and nothing is told: {said}");
        }
    }
    differ
}

#[test]
fn killed_in_the_first_100_ms_of_a_start_it_starts_again() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let want = directory(&state);
    let mut random = Random::new(17);
    let kills = trials(24);
    let (mut aimed, mut aside) = (0, 0);
    for kill in 0..kills {
        let mut d = TestDaemon::spawn(&state, SMALL, &[]);
        if kill % 2 == 0 {
            std::thread::sleep(Duration::from_millis(random.below(100)));
        } else {
            // while sled writes a snapshot, or just after
            let begun = Instant::now();
            let is_generating = |path: &PathBuf| path.to_string_lossy().ends_with(".generating");
            while begun.elapsed() < Duration::from_millis(100) && !files(&state).iter().any(is_generating) {
                std::thread::yield_now();
            }
            aimed += u64::from(begun.elapsed() < Duration::from_millis(100));
        }
        d.kill();
        if kill % 8 == 7 || kill + 1 == kills {
            let d = TestDaemon::start_with(&state, SMALL, &[]);
            assert_eq!(compare(&d, &state, &want), 0, "after {kill} kills");
        }
    }
    for file in std::fs::read_dir(&state).unwrap().flatten() {
        aside += u64::from(file.file_name().to_string_lossy().starts_with("damaged-"));
    }
    println!("{kills} kills, {aimed} of them at a snapshot: opened and the same; {aside} databases set aside");
    assert!(!said(&state).contains("panicked"), "{}", said(&state));
}

#[test]
fn flipped_bits_cuts_and_deletions_are_opened_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let want = directory(&whole);
    let mut random = Random::new(23);
    let count = trials(9);
    let mut differ = 0;
    for trial in 0..count {
        let state = dir.path().join(format!("state-{trial}"));
        copy(&whole, &state);
        let files = files(&state);
        let file = &files[random.below(files.len() as u64) as usize];
        let mut bytes = std::fs::read(file).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1) as u64;
        match trial % 3 {
            0 if !bytes.is_empty() => {
                bytes[random.below(used) as usize] ^= 1 << random.below(8);
                std::fs::write(file, bytes).unwrap();
            }
            1 => std::fs::write(file, &bytes[..random.below(used) as usize % bytes.len().max(1)]).unwrap(),
            _ => std::fs::remove_file(file).unwrap(),
        }
        let mut d = TestDaemon::start_with(&state, SMALL, &[]);
        differ += compare(&d, &state, &want);
        let now = STREAMS.map(|stream| d.hash(stream));
        // as it was opened it stays
        d.kill_and_restart(&state, SMALL);
        assert_eq!(STREAMS.map(|stream| d.hash(stream)), now, "trial {trial}: {}", file.display());
        assert!(!said(&state).contains("panicked at"), "{}", said(&state));
        drop(d);
        std::fs::remove_dir_all(&state).unwrap();
    }
    println!("{count} trials: all opened, {differ} streams differ and say why");
}

/// Needs to mount a small file system; says so where it may not.
#[test]
fn a_start_on_a_full_disk_is_refused_or_succeeds_and_opens_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let want = directory(&whole);
    let disk = dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount = |options: &str| {
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&disk).output();
        done.is_ok_and(|done| done.status.success())
    };
    let bytes: u64 =
        files(&whole).iter().map(|file| std::fs::metadata(file).unwrap().len().next_multiple_of(4096)).sum();
    let mut random = Random::new(29);
    let (count, mut refused) = (trials(6), 0);
    for trial in 0..count {
        if !mount("size=256m") {
            skipped("starts on a full disk", "a file system cannot be mounted here");
            return;
        }
        let state = disk.join("state");
        copy(&whole, &state);
        let room = bytes + 64 * 1024 + random.below(3 << 20);
        assert!(mount(&format!("remount,size={room}")), "the file system can be made small");
        let mut d = TestDaemon::spawn(&state, SMALL, &[]);
        let begun = Instant::now();
        let left = loop {
            if let Some(status) = d.try_wait() {
                break Some(status);
            }
            let ready = ureq::get(format!("http://{}/-/ready", d.http)).call().is_ok_and(|r| r.status() == 200);
            if ready || begun.elapsed() > Duration::from_secs(20) {
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        refused += u64::from(left.is_some());
        d.kill();
        assert!(mount("remount,size=256m"), "the file system can be made large");
        let d = TestDaemon::start_with(&state, SMALL, &[]);
        assert_eq!(compare(&d, &state, &want), 0, "trial {trial}, room {room}: {}", said(&state));
        drop(d);
        let unmounted = Command::new("umount").arg(&disk).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "the file system can be unmounted");
    }
    println!("{count} starts on a full disk, {refused} refused: all open when there is room, and are the same");
}
