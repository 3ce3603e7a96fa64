//! Undo through the real programs, killed at random instants: what is asked for is done, or everything is as it was.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use surmise_tests::{Random, TestDaemon, Wire};

const SMALL: &str = "checkpoint_events = 40\n[model]\nnetwork = \"off\"\nmemory_mib = 1\n";
/// Events of each trial.
const EVENTS: u64 = 120;

fn line(seq: u64) -> String {
    format!("{{\"seq\":{seq},\"data\":{{\"page\":\"/{}\",\"ms\":{}}}}}", seq * seq % 5, seq % 17)
}

/// The streams that there are, with the hash of each.
fn hashes(d: &TestDaemon) -> BTreeMap<String, String> {
    let (_, list) = d.get("/api/v1/streams");
    let names = list["streams"].as_array().unwrap().iter().map(|s| s["stream"].as_str().unwrap().to_owned());
    names.map(|name| (name.clone(), d.hash(&name))).collect()
}

/// What `surmise` says of an operation that nothing disturbs.
fn done(d: &TestDaemon, args: &[&str]) -> Value {
    let out = d.surmise(&[args, &["--output", "json"]].concat());
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("one JSON object")
}

/// A daemon whose stream has fifty events and a checkpoint, the connection that sent them, and what making it answered.
fn with_a_checkpoint(state: &Path) -> (TestDaemon, Wire, Value) {
    let d = TestDaemon::start_with(state, SMALL, &[]);
    let mut w = d.connect();
    w.hello("p", 1, "s", &["ack"]);
    (1..=50).for_each(|seq| w.send(&line(seq)));
    w.until_ack(50);
    let made = done(&d, &["checkpoint", "create", "--stream", "s"]);
    (d, w, made)
}

/// `SURMISE_TRIALS=1000` kills so often; the default is a few times of each operation.
#[test]
fn killed_at_random_an_operation_is_done_or_not_begun() {
    let trials: u64 = std::env::var("SURMISE_TRIALS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let mut random = Random::new(77);
    let (mut as_before, mut as_asked) = (0, 0);
    for trial in 0..trials {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let (mut d, mut w, made) = with_a_checkpoint(&state);
        let generation = made["checkpoints"][0]["generation"].to_string();
        let at_checkpoint = d.hash("s");
        (51..=EVENTS).for_each(|seq| w.send(&line(seq)));
        w.until_ack(EVENTS);
        let before = hashes(&d);
        let operation: Vec<&str> = match trial % 5 {
            0 => vec!["stream", "reset", "s"],
            1 => vec!["checkpoint", "restore", "s", &generation],
            2 => vec!["stream", "rename", "s", "t"],
            3 => vec!["stream", "schema", "s", "--field", "ms:category"],
            _ => vec!["stream", "delete", "s"],
        };
        let mut operating = d.client(&operation);
        operating.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut operating = operating.spawn().unwrap();
        std::thread::sleep(Duration::from_micros(random.below(60_000)));
        d.kill_and_restart(&state, SMALL);
        let was_answered = operating.wait().unwrap().success();
        let after = hashes(&d);
        let stream = after.keys().next().cloned();
        if after == before {
            assert!(!was_answered, "trial {trial}: {operation:?} was answered and is not there");
            as_before += 1;
        } else {
            as_asked += 1;
            let offset = |d: &TestDaemon, s: &str| d.get(&format!("/api/v1/streams/{s}")).1["offset"].as_u64();
            match trial % 5 {
                0 => assert_eq!(offset(&d, "s"), Some(0), "trial {trial}"),
                1 => assert_eq!(after["s"], at_checkpoint, "trial {trial}"),
                2 => assert_eq!(after, BTreeMap::from([("t".to_owned(), before["s"].clone())]), "trial {trial}"),
                3 => assert_eq!(offset(&d, "s"), Some(EVENTS), "trial {trial}"),
                _ => assert_eq!(after, BTreeMap::new(), "trial {trial}"),
            }
        }
        // nothing that was acknowledged is learnt again, and what is new is
        if let Some(stream) = stream {
            let body: String = (1..=EVENTS + 1).map(|seq| line(seq) + "\n").collect();
            let path = format!("/api/v1/streams/{stream}/events?producer=p&epoch=1");
            let (_, answer) = d.post(&path, body.as_bytes());
            assert_eq!((&answer["duplicates"], &answer["accepted"]), (&EVENTS.into(), &1.into()), "trial {trial}");
        }
        let hashes_now = hashes(&d);
        d.kill_and_restart(&state, SMALL);
        assert_eq!(hashes(&d), hashes_now, "trial {trial}: {operation:?}");
    }
    println!("{trials} kills during operations: {as_before} as before, {as_asked} as asked");
}

/// Every replacement is undone, and the undo is killed: the stream is as before the replacement, or as after it, and
/// another undo brings back what should be there.
#[test]
fn killed_at_random_an_undo_is_done_or_not_begun() {
    let trials: u64 = std::env::var("SURMISE_TRIALS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let mut random = Random::new(78);
    let (mut as_before, mut as_asked) = (0, 0);
    for trial in 0..trials {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let (mut d, mut w, _) = with_a_checkpoint(&state);
        (51..=EVENTS).for_each(|seq| w.send(&line(seq)));
        w.until_ack(EVENTS);
        let right = hashes(&d);
        let wrong: &[&str] = match trial % 4 {
            0 => &["stream", "reset", "s"],
            1 => &["checkpoint", "restore", "s", "1"],
            2 => &["stream", "schema", "s", "--field", "ms:category"],
            _ => &["stream", "delete", "s"],
        };
        done(&d, wrong);
        let replaced = hashes(&d);
        let mut undoing = d.client(&["stream", "undo", "s"]);
        undoing.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut undoing = undoing.spawn().unwrap();
        std::thread::sleep(Duration::from_micros(random.below(60_000)));
        d.kill_and_restart(&state, SMALL);
        let was_answered = undoing.wait().unwrap().success();
        if hashes(&d) == right {
            as_asked += 1;
        } else {
            assert!(!was_answered, "trial {trial}: the undo of {wrong:?} was answered and is not there");
            assert_eq!(hashes(&d), replaced, "trial {trial}: {wrong:?}");
            as_before += 1;
            done(&d, &["stream", "undo", "s"]);
            assert_eq!(hashes(&d), right, "trial {trial}: {wrong:?}");
        }
        let body: String = (1..=EVENTS + 1).map(|seq| line(seq) + "\n").collect();
        let (_, answer) = d.post("/api/v1/streams/s/events?producer=p&epoch=1", body.as_bytes());
        assert_eq!((&answer["duplicates"], &answer["accepted"]), (&EVENTS.into(), &1.into()), "trial {trial}");
        let now = hashes(&d);
        d.kill_and_restart(&state, SMALL);
        assert_eq!(hashes(&d), now, "trial {trial}: {wrong:?}");
    }
    println!("{trials} kills during an undo: {as_before} as before, {as_asked} as asked");
}

/// The whole of it as a person sees it.
#[test]
fn the_command_line_undoes_and_the_audit_log_knows() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let d = TestDaemon::start_with(&state, SMALL, &[]);
    let mut w = d.connect();
    w.hello("p", 1, "s", &["ack"]);
    (1..=50).for_each(|seq| w.send(&line(seq)));
    w.until_ack(50);
    let text = |args: &[&str]| {
        let out = d.surmise(args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    text(&["checkpoint", "create", "--stream", "s"]);
    assert!(text(&["checkpoint", "verify", "s", "1"]).contains("true"));
    assert!(text(&["checkpoint", "label", "s", "1", "stable"]).contains("stable"));
    assert!(text(&["stream", "schema", "s", "--field", "ms:category"]).contains("s is incarnation 2: 50 events"));
    assert!(text(&["stream", "rename", "s", "web"]).starts_with("web is incarnation 1"));
    assert!(text(&["stream", "reset", "web"]).contains("web is incarnation 2: 0 events, where it had 50"));
    assert!(text(&["stream", "undo", "web"]).contains("web is incarnation 3: 50 events, where it had 0"));
    assert!(text(&["stream", "undo", "web"]).contains("web is incarnation 4: 0 events, where it had 50"));
    assert!(text(&["producer", "reset", "p"]).contains("p is forgotten in web"));
    assert_eq!(text(&["stream", "delete", "web"]), "web is gone, with 0 events\n");
    assert!(text(&["stream", "undo", "web"]).contains("web is incarnation 5: 0 events"));
    assert!(text(&["stream", "undo", "web", "--incarnation", "3"]).contains("incarnation 6: 50 events"));
    assert_eq!(text(&["stream", "delete", "web", "--for-good"]), "web is gone, with 50 events\n");
    let audit = text(&["audit"]);
    for what in [
        "checkpoint label",
        "stream schema",
        "stream rename",
        "stream reset",
        "producer reset",
        "stream delete",
        "stream undo",
    ] {
        assert!(audit.contains(what), "{what}: {audit}");
    }
    assert_eq!(d.surmise(&["stream", "reset", "web"]).status.code(), Some(64));
}

/// What is examined after an operation, on disk as a kill leaves it, is whole: what was undone is not told as lost.
#[test]
fn what_was_undone_is_not_examined_as_lost() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let mut d = TestDaemon::start_with(&state, SMALL, &[]);
    let mut w = d.connect();
    for stream in ["reset", "deleted", "restored", "learnt again"] {
        w.hello(stream, 1, stream, &["ack"]);
        (1..=50).for_each(|seq| w.send(&line(seq)));
        w.until_ack(50);
        w = d.connect();
    }
    let made = done(&d, &["checkpoint", "create", "--stream", "restored"]);
    let generation = made["checkpoints"][0]["generation"].to_string();
    for (args, starts) in [
        (vec!["stream", "reset", "reset"], 4),
        (vec!["stream", "delete", "deleted"], 3),
        (vec!["checkpoint", "restore", "restored", &generation], 3),
        (vec!["stream", "schema", "learnt again", "--field", "ms:category"], 3),
    ] {
        done(&d, &args);
        d.kill();
        let out = surmise_tests::surmise(["fsck", state.to_str().unwrap(), "--output", "json"]);
        let found: Value = serde_json::from_slice(&out.stdout).expect("one JSON object");
        assert!(out.status.success() && found["findings"] == serde_json::json!([]), "{args:?}: {found}");
        let streams = found["streams"].as_array().unwrap();
        let goes_on = |s: &&Value| !s["start"].as_str().unwrap().starts_with("nothing: ");
        assert_eq!(streams.iter().filter(goes_on).count(), starts, "{args:?}: {found}");
        d.kill_and_restart(&state, SMALL);
    }
}
