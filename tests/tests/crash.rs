//! Live = replay = recovery: whatever happens to the process, every acknowledged event is learnt exactly once, and
//! the learner ends as the very same bits as that of a replay.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use surmise_tests::{Random, TestDaemon, data, sessions_file, surmise};

/// Checkpoints so often that kills fall before, between and after them.
const OFTEN: &str = "checkpoint_events = 700\ncheckpoint_interval = \"300ms\"\n";

fn replay(file: &Path) -> serde_json::Value {
    replay_with(file, &["--format", "tokens"])
}

fn replay_with(file: &Path, how: &[&str]) -> serde_json::Value {
    let out = surmise([&["replay", file.to_str().unwrap(), "--output", "json"], how].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("one JSON object")
}

/// Sends a recording while the daemon is killed at random instants; returns how often it was killed.
fn send_through_kills(
    file: &Path,
    format: &str,
    toml: &str,
    kills: u64,
    seed: u64,
    spread_ms: u64,
) -> (u64, serde_json::Value, String) {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let toml = &format!("{OFTEN}{toml}");
    let mut d = TestDaemon::start_with(&state, toml, &[]);
    let mut r = Random::new(seed);
    let args = [
        "send",
        file.to_str().unwrap(),
        "--format",
        format,
        "--stream",
        "hdfs",
        "--producer",
        "crash-test",
        "--epoch",
        "1",
    ];
    let mut client = d.client(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // a client tries to connect for the first time once, and not through kills
    while client.try_wait().unwrap().is_none() && d.get("/api/v1/streams/hdfs").0 != 200 {
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut killed = 0;
    while killed < kills && client.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(r.below(spread_ms)));
        d.kill_and_restart(&state, toml);
        killed += 1;
    }
    let start = Instant::now();
    let status = loop {
        if let Some(s) = client.try_wait().unwrap() {
            break s;
        }
        assert!(start.elapsed() < Duration::from_secs(300), "the client has not finished after five minutes");
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut errors = String::new();
    std::io::Read::read_to_string(client.stderr.as_mut().unwrap(), &mut errors).unwrap();
    assert!(status.success(), "the client left with {status}: {errors}");
    let (_, stream) = d.get("/api/v1/streams/hdfs");
    (killed, stream, d.hash("hdfs"))
}

#[test]
fn killed_at_random_it_learns_everything_once() {
    let dir = tempfile::tempdir().unwrap();
    for seed in [11, 12] {
        let file = sessions_file(dir.path(), seed, 60_000);
        let want = replay(&file);
        let (killed, stream, hash) = send_through_kills(&file, "tokens", "", 6, seed, 120);
        assert_eq!(stream["offset"], want["events"], "seed {seed}, {killed} kills");
        assert_eq!(hash, want["state_hash"].as_str().unwrap(), "seed {seed}, {killed} kills");
        assert!(killed >= 5, "only {killed} kills fell into the sending");
    }
}

/// The same with chunks under way whose updates have not taken effect.
#[test]
fn killed_at_random_updates_take_effect_where_they_would_have() {
    let dir = tempfile::tempdir().unwrap();
    let file = sessions_file(dir.path(), 13, 60_000);
    let want = replay_with(&file, &["--format", "tokens", "--delay-chunks", "3"]);
    let (killed, stream, hash) = send_through_kills(&file, "tokens", "[learning]\ndelay_chunks = 3\n", 6, 13, 120);
    assert_eq!(stream["offset"], want["events"], "{killed} kills");
    assert_eq!(hash, want["state_hash"].as_str().unwrap(), "{killed} kills");
    assert!(killed >= 5, "only {killed} kills fell into the sending");
    assert_eq!(stream["options"]["delay_chunks"], 3);
    assert!(stream["report"]["choices"].as_str().unwrap().contains("updates wait 3 chunks"), "{stream}");
    assert_ne!(hash, replay(&file)["state_hash"].as_str().unwrap(), "another delay is another learner");
}

/// Keys that come back all the time, in memory for forty of them: they are in the store when it is killed, on their way
/// there and back.
#[test]
fn killed_at_random_it_finds_every_key_again() {
    let dir = tempfile::tempdir().unwrap();
    for (seed, stored) in [(21, 10_000), (22, 300)] {
        let file = dir.path().join(format!("{seed}.ndjson"));
        let mut r = Random::new(seed);
        let mut text = String::new();
        for i in 0..40_000 {
            let key = (i / 100 + r.below(60)) % 600;
            text += &match r.below(50) {
                0 => format!("{{\"key\":\"k{key}\",\"end\":true}}\n"),
                _ => format!("{{\"key\":\"k{key}\",\"data\":\"s{}\"}}\n", (r.below(3) + i) % 9),
            };
        }
        std::fs::write(&file, text).unwrap();
        let bound = format!("keys_stored={stored}");
        let how = ["--format", "ndjson", "--set", "keys=40", "--set", &bound];
        let want = replay_with(&file, &how);
        let roomy = replay_with(&file, &["--format", "ndjson"]);
        let forgets = stored < 600;
        assert_eq!(
            want["state_hash"] != roomy["state_hash"],
            forgets,
            "where keys lie decides nothing, forgetting does"
        );
        let (killed, stream, hash) =
            send_through_kills(&file, "ndjson", &format!("[model]\nkeys = 40\nkeys_stored = {stored}\n"), 6, seed, 120);
        assert_eq!(stream["offset"], want["events"], "seed {seed}, {killed} kills");
        assert_eq!(hash, want["state_hash"].as_str().unwrap(), "seed {seed}, {killed} kills");
        assert!(stream["keys_stored"].as_u64().unwrap() > 100, "{stream}");
        assert_eq!(stream["keys_forgotten"].as_u64().unwrap() > 0, forgets);
        assert!(killed >= 4, "only {killed} kills fell into the sending");
    }
}

/// The real stream, with as many kills as `SURMISE_KILLS` says, up to `SURMISE_KILL_SPREAD_MS` apart.
#[test]
fn the_hdfs_log_is_learnt_once_through_kills() {
    let Some(file) = data("the HDFS log through kills", "hdfs/hdfs_train") else { return };
    let number = |name: &str| std::env::var(name).ok().and_then(|k| k.parse().ok());
    let kills = number("SURMISE_KILLS").unwrap_or(5);
    let spread_ms = number("SURMISE_KILL_SPREAD_MS").unwrap_or(200);
    let want = replay(&file);
    let (killed, stream, hash) = send_through_kills(&file, "tokens", "", kills, 3, spread_ms);
    eprintln!("{killed} kills, {} events, {hash}", stream["offset"]);
    assert_eq!(stream["offset"], want["events"]);
    assert_eq!(hash, want["state_hash"].as_str().unwrap());
}

/// Neither the number of threads, nor the size of commit groups, nor the vector kernel shows in the state.
#[test]
fn threads_timing_and_kernels_do_not_change_the_state() {
    let dir = tempfile::tempdir().unwrap();
    let file = sessions_file(dir.path(), 5, 6_000);
    let want = replay(&file)["state_hash"].as_str().unwrap().to_owned();
    let settings: [(&str, &[(&str, &str)]); 4] = [
        ("[owners]\nthreads = 1\n", &[]),
        ("[owners]\nthreads = 7\n", &[]),
        ("commit_interval = \"40ms\"\ngroup_bytes_max = \"1KiB\"\n", &[]),
        ("", &[("SURMISE_KERNEL", "avx2")]),
    ];
    for (i, (toml, env)) in settings.into_iter().enumerate() {
        let state = dir.path().join(format!("state-{i}"));
        let d = TestDaemon::start_with(&state, toml, env);
        let out = d.surmise(&["send", file.to_str().unwrap(), "--format", "tokens", "--stream", "s"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(d.hash("s"), want, "{toml} {env:?}");
    }
}

/// Nor do the threads that work updates out beside.
#[test]
fn workers_do_not_change_the_state() {
    let dir = tempfile::tempdir().unwrap();
    let file = sessions_file(dir.path(), 6, 6_000);
    let want =
        replay_with(&file, &["--format", "tokens", "--delay-chunks", "2"])["state_hash"].as_str().unwrap().to_owned();
    for threads in [1, 3] {
        let state = dir.path().join(format!("state-{threads}"));
        let d = TestDaemon::start_with(&state, &format!("[learning]\ndelay_chunks = 2\nthreads = {threads}\n"), &[]);
        let out = d.surmise(&["send", file.to_str().unwrap(), "--format", "tokens", "--stream", "s"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(d.hash("s"), want, "{threads} threads");
        let metrics = d.text("/metrics");
        let jobs = metrics.lines().filter_map(|l| l.strip_prefix("surmise_gradient_jobs_total{")?.split(' ').nth(1));
        let jobs: u64 = jobs.map(|n| n.parse::<u64>().unwrap()).sum();
        assert!(jobs > 100, "{metrics}");
    }
}

/// A clean stop finishes what was accepted, writes a last checkpoint, and the next start goes on from it.
#[test]
fn sigterm_loses_nothing_and_the_next_start_is_quick() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let mut d = TestDaemon::start(&state);
    let mut w = d.connect();
    assert_eq!(w.hello("p", 1, "s", &["ack"])["welcome"]["committed_seq"], serde_json::Value::Null);
    for seq in 1..=3000u64 {
        w.send(&format!(r#"{{"seq":{seq},"data":"{}"}}"#, ["a", "b", "c"][seq as usize % 3]));
    }
    // the last of them is still on its way when the signal comes
    let acked = w.until_ack(1).last().unwrap()["ack"].as_u64().unwrap();
    let start = Instant::now();
    let status = d.terminate();
    assert!(status.success(), "{status}");
    assert!(start.elapsed() < Duration::from_secs(10), "within the grace period");
    let start = Instant::now();
    let d = TestDaemon::start(&state);
    let took = start.elapsed();
    let (_, s) = d.get("/api/v1/streams/s");
    assert!(s["offset"].as_u64().unwrap() >= acked, "{s}");
    let mut w = d.connect();
    let committed = w.hello("p", 1, "s", &["ack"])["welcome"]["committed_seq"].as_u64().unwrap();
    assert!(committed >= acked, "acknowledged {acked}, after the restart {committed}");
    assert_eq!(s["offset"], committed, "every event once");
    eprintln!("{acked} acked before the signal, {committed} kept; ready again after {took:?}");
}

/// Two daemons never share a directory.
#[test]
fn a_second_daemon_on_a_directory_says_so_and_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let d = TestDaemon::start(&state);
    let mut second = TestDaemon::spawn(&state, "", &[]);
    assert_eq!(second.wait().code(), Some(74));
    let log = std::fs::read_to_string(state.with_extension("log")).unwrap();
    assert!(log.contains(&*state.to_string_lossy()) && log.contains("another surmised"), "{log}");
    assert_eq!(d.get("/-/healthy").0, 200, "the first lives on");
}
