//! What would go wrong without a word is told: fields that no event has, bodies that are no events, recordings that do
//! not fit, rows from the newest to the oldest.
#![allow(missing_docs)]

use serde_json::Value;
use std::fs::File;
use std::path::Path;
use std::process::{Output, Stdio};
use surmise_tests::{TestDaemon, command, surmise};

const SMALL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 4\n";

fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// Replays with a small model.
fn replay(args: &[&str]) -> Output {
    surmise([&["replay", "--set", "network=off", "--set", "memory_mib=4"], args].concat())
}

#[test]
fn a_schema_that_no_event_fits_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let d = TestDaemon::start_with(&dir.path().join("state"), SMALL, &[]);
    let events: String = (0..300).map(|i| format!("{{\"page\":\"/p{}\",\"ms\":{i}}}\n", i % 7)).collect();
    assert_eq!(d.post("/api/v1/streams/web/events", events.as_bytes()).1["accepted"], 300);
    let schema = |args: &[&str]| d.surmise(&[&["stream", "schema", "web"], args].concat());
    for (field, exit, says) in [
        ("pgae:category", 65, "did you mean \"page\"?"),
        ("later:number", 65, "there are page, ms"),
        ("page:number", 65, "none of the 300 events"),
        ("page:int", 64, "did you mean number?"),
    ] {
        let out = schema(&["--field", field]);
        assert!(out.status.code() == Some(exit) && said(&out).contains(says), "{field}: {}", said(&out));
    }
    let (status, problem) = d.post_json("/api/v1/streams/web/schema", br#"{"fields":[{"name":"ms","kind":"int"}]}"#);
    assert!(status == 400 && problem["detail"].as_str().unwrap().contains("did you mean number?"), "{problem}");
    let incarnation = || d.get("/api/v1/streams/web").1["incarnation"].clone();
    let before = incarnation();
    for sound in [&["--field", "ms:category"][..], &["--field", "later:number", "--new-fields"]] {
        let out = schema(sound);
        assert!(out.status.success() && said(&out).contains("300 events"), "{sound:?}: {}", said(&out));
    }
    assert_ne!(before, incarnation());
}

#[test]
fn bodies_that_are_no_events_learn_none() {
    let dir = tempfile::tempdir().unwrap();
    let d = TestDaemon::start_with(&dir.path().join("state"), SMALL, &[]);
    assert_eq!(d.post_json("/api/v1/streams/s/events", b"{\"a\":1}").0, 200);
    let (status, answer) = d.post_json("/api/v1/streams/s/events", b"[]");
    assert_eq!((status, &answer["accepted"], &answer["rejected"]), (200, &0.into(), &0.into()), "{answer}");
    for (body, code) in
        [("null", "empty"), ("up", "bad_json"), ("{\"a\":", "bad_json"), ("{\n\"a\": 1,\n\"b\"\n}", "bad_json")]
    {
        let (status, problem) = d.post_json("/api/v1/streams/s/events", body.as_bytes());
        assert_eq!((status, &problem["code"]), (400, &code.into()), "{body}: {problem}");
    }
    let (_, problem) = d.post_json("/api/v1/streams/s/events", b"{\n \"a\": x\n}");
    assert!(problem["detail"].as_str().unwrap().contains("at byte 8"), "{problem}");
    let (status, answer) = d.post_json("/api/v1/streams/s/events", b"{\n  \"a\": 1,\n  \"b\": 2\n}\n");
    assert_eq!((status, &answer["accepted"]), (200, &1.into()), "{answer}");
    assert_eq!(d.get("/api/v1/streams/s").1["offset"], 2);
}

#[test]
fn a_recording_of_other_fields_does_not_continue_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let table =
        |names: &str| names.to_owned() + &(0..400).map(|i| format!("{},{}\n", i % 7, i % 5)).collect::<String>();
    let (known, shares) = (file("known.csv", table("a,b\n")), file("shares.csv", table("b,c\n")));
    let (other, lines) = (file("other.csv", table("x,y\n")), file("lines.log", "up\ndown\n".repeat(200)));
    let saved = dir.path().join("saved.ckpt");
    let saved = saved.to_str().unwrap();
    assert!(replay(&[&known, "--save", saved]).status.success());
    for option in ["--from", "--like"] {
        for (recording, names) in [(&other, "x, y"), (&lines, "value")] {
            let out = surmise(["replay", recording, option, saved]);
            assert_eq!(out.status.code(), Some(65), "{option} {recording}: {}", said(&out));
            assert!(said(&out).contains("it knows a, b") && said(&out).contains(names), "{}", said(&out));
        }
        let out = surmise(["replay", &shares, option, saved]);
        assert!(out.status.success(), "{option}: {}", said(&out));
    }
    // where each has one field, it may be called as it likes
    assert!(replay(&[&lines, "--save", saved]).status.success());
    let lone = file("lone.csv", "state\n".to_owned() + &"up\ndown\n".repeat(100));
    assert!(surmise(["replay", &lone, "--from", saved]).status.success());
}

#[test]
fn a_target_is_not_compared_with_all_fields() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.csv");
    let rows: String = (0..400).map(|i| format!("{},{}\n", ["u", "v", "w"][i % 3], ["x", "y"][i % 2])).collect();
    std::fs::write(&file, "a,b\n".to_owned() + &rows).unwrap();
    let file = file.to_str().unwrap();
    let all = dir.path().join("all.json");
    std::fs::write(&all, replay(&[file, "--output", "json"]).stdout).unwrap();
    let all = all.to_str().unwrap();
    let out = replay(&[file, "--target", "b", "--compare", all]);
    assert_eq!(out.status.code(), Some(65), "{}", said(&out));
    assert!(said(&out).contains("predicts all fields and this replay \"b\" alone"), "{}", said(&out));
    assert!(replay(&[file, "--compare", all]).status.success());
    assert!(replay(&[file, "--target", "b", "--compare", "seed=7"]).status.success());
}

#[test]
fn rows_from_the_newest_to_the_oldest_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sales.csv");
    let row = |day: u32| format!("2026-0{}-{:02},{}\n", 1 + day / 28, 1 + day % 28, day % 5);
    let header = "date,sold\n".to_owned();
    std::fs::write(&file, header.clone() + &(0..100).rev().map(row).collect::<String>()).unwrap();
    let path = file.to_str().unwrap();
    for args in [vec!["inspect", path], vec!["replay", path, "--set", "network=off"]] {
        let told = said(&surmise(&args));
        assert!(told.contains("column \"date\" holds the times"), "{told}");
        let turn = format!("(head -n 1 {path}; tail -n +2 {path} | tac)");
        assert!(told.contains("the newest row comes first") && told.contains(&turn), "{told}");
    }
    std::fs::write(&file, header + &(0..100).map(row).collect::<String>()).unwrap();
    assert!(!said(&surmise(["inspect", path])).contains("newest"));
}

#[test]
fn a_pipe_is_read_as_the_file_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("readings");
    let row = |i: u32| format!("2026-01-01 {:02}:{:02}:00,{}.5\n", i / 60 % 24, i % 60, i % 50);
    std::fs::write(&file, "time,x\n".to_owned() + &(0..3000).map(row).collect::<String>()).unwrap();
    let of_file = surmise(["inspect", file.to_str().unwrap(), "--output", "json"]);
    let redirected =
        command("surmise").args(["inspect", "--output", "json"]).stdin(File::open(&file).unwrap()).output();
    let piped = {
        let mut cat = std::process::Command::new("cat").arg(&file).stdout(Stdio::piped()).spawn().unwrap();
        let input = cat.stdout.take().unwrap();
        let out = command("surmise").args(["inspect", "--output", "json"]).stdin(input).output().unwrap();
        cat.wait().unwrap();
        out
    };
    let told = |out: &Output| {
        let mut told: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(out)));
        // the stream is called as the file is
        told.as_object_mut().unwrap().remove("toml");
        told
    };
    assert_eq!(told(&of_file)["format"], "csv");
    assert_eq!(told(&redirected.unwrap()), told(&of_file));
    assert_eq!(told(&piped), told(&of_file));
}

/// The first line of a log is all that is there of it at first, and says nothing of what comes.
#[test]
fn text_that_comes_by_a_pipe_is_lines() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("input");
    std::fs::write(&file, "Nov 30 16:00:00 host app: starting up\n").unwrap();
    let mut cat = std::process::Command::new("cat").arg(&file).stdout(Stdio::piped()).spawn().unwrap();
    let piped: Stdio = cat.stdout.take().unwrap().into();
    for input in [piped, File::open(&file).unwrap().into()] {
        let out = command("surmise").args(["inspect", "--output", "json"]).stdin(input).output().unwrap();
        let told: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&out)));
        assert_eq!((&told["format"], &told["records"]), (&"lines".into(), &1.into()));
    }
    cat.wait().unwrap();
}

#[test]
fn scores_of_lines_have_the_times_that_the_lines_tell() {
    let dir = tempfile::tempdir().unwrap();
    let (file, scores) = (dir.path().join("access.log"), dir.path().join("scores.csv"));
    let line = |i: u32| {
        let (minute, second) = (i / 60, i % 60);
        format!(
            "10.0.0.{} - - [02/Mar/2026:04:{minute:02}:{second:02} +0100] \"GET /p{} HTTP/1.1\" 200 12\n",
            i % 9,
            i % 4
        )
    };
    std::fs::write(&file, (0..300).map(line).collect::<String>()).unwrap();
    let out = replay(&[file.to_str().unwrap(), "--scores", scores.to_str().unwrap()]);
    assert!(out.status.success(), "{}", said(&out));
    let rows = std::fs::read_to_string(&scores).unwrap();
    let times: Vec<&str> = rows.lines().skip(1).map(|row| row.split(',').nth(2).unwrap()).collect();
    assert_eq!((times.len(), times[0], times[299]), (300, "2026-03-02T03:00:00Z", "2026-03-02T03:04:59Z"));
}

#[test]
fn a_directory_that_a_daemon_uses_is_not_examined_as_if_it_were_not() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let fsck = |path: &Path| surmise(["fsck", path.to_str().unwrap()]);
    let mut d = TestDaemon::start_with(&state, SMALL, &[]);
    d.post("/api/v1/streams/s/events", b"1\n2\n");
    let out = fsck(&state);
    assert_eq!(out.status.code(), Some(74), "{}", said(&out));
    assert!(said(&out).contains("is using") && said(&out).contains("stop it, or examine a copy"), "{}", said(&out));
    d.terminate();
    let out = fsck(&state);
    assert!(out.status.success() && !said(&out).contains("is using"), "{}", said(&out));
}

#[test]
fn every_fault_of_a_configuration_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("surmised.toml");
    std::fs::write(&file, "[listen]\nhttp = 5\n[limits]\nstream = 3\n[store]\ngenerations = 0\n").unwrap();
    let out = surmise(["config", "check", file.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(64));
    for says in ["toml:2: listen.http", "toml:4: unknown key \"stream\"", "toml:6: store.generations"] {
        assert!(said(&out).contains(says), "{says}: {}", said(&out));
    }
    assert!(!said(&out).contains(".rs"), "{}", said(&out));
}

/// Who sends a file whose bytes would be the events is refused where the stream is none of bytes.
#[test]
fn bytes_go_to_streams_of_bytes_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("book.txt");
    std::fs::write(&file, "To be, or not\nto be, that is\n".repeat(400)).unwrap();
    let declared = "[streams.book]\nfields = [{ name = \"value\", kind = \"byte\" }]\nclosed = true\n";
    let toml = SMALL.to_owned() + declared;
    let d = TestDaemon::start_with(&dir.path().join("state"), &toml, &[]);
    let send = |args: &[&str]| d.surmise(&[&["send", file.to_str().unwrap()], args].concat());
    for args in [&["--stream", "alice"][..], &["--stream", "alice", "--format", "bytes"], &[]] {
        let out = send(args);
        let said = said(&out);
        assert!(out.status.code() == Some(64) && said.contains("nothing was sent"), "{said}");
        assert!(said.contains("--format lines") && said.contains("{ name = \"value\", kind = \"byte\" }"), "{said}");
    }
    assert_eq!(d.get("/api/v1/streams/alice").0, 404);
    // a stream of lines that is there stays one
    assert!(send(&["--stream", "alice", "--format", "lines"]).status.success());
    assert_eq!(send(&["--stream", "alice"]).status.code(), Some(64));
    assert!(send(&["--stream", "book"]).status.success());
    let replayed = replay(&["--output", "json", file.to_str().unwrap()]);
    let replayed: Value = serde_json::from_slice(&replayed.stdout).unwrap();
    assert_eq!(d.hash("book"), replayed["state_hash"].as_str().unwrap());
    // and again when it is there
    assert!(send(&["--stream", "book"]).status.success());
    assert_eq!(d.hash("book"), replayed["state_hash"].as_str().unwrap());
}

#[test]
fn what_is_pinned_changes_nothing_where_texts_stand_among_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("v.csv");
    let row = |i: u64| format!("{},{}\n", i % 3, if i % 70 == 60 { "fast".into() } else { (i * 37 % 101).to_string() });
    std::fs::write(&file, "w,v\n".to_owned() + &(0..600).map(row).collect::<String>()).unwrap();
    let path = file.to_str().unwrap();
    let toml = surmise(["inspect", path, "--toml", "--stream", "pinned"]).stdout;
    let toml = SMALL.to_owned() + &String::from_utf8(toml).unwrap();
    let d = TestDaemon::start_with(&dir.path().join("state"), &toml, &[]);
    for stream in ["pinned", "free"] {
        assert!(d.surmise(&["send", path, "--stream", stream]).status.success());
    }
    let fields = d.get("/api/v1/streams/pinned").1["schema"]["fields"].to_string();
    assert!(fields.contains("v.text"), "{fields}");
    assert_eq!(d.hash("pinned"), d.hash("free"));
    // kinds that are asked for too late are told
    let out = d.surmise(&["send", path, "--stream", "free", "--field", "v:category", "--field", "w:ignore"]);
    let said = said(&out);
    assert!(said.contains("--field v:category changes nothing: the stream has \"v\" of kind number"), "{said}");
    assert_eq!(said.matches("changes nothing").count(), 1, "{said}");
}
