//! What a daemon has learnt goes out as a recording, and comes back as the same stream.

use serde_json::Value;
use std::path::Path;
use surmise_tests::{TestDaemon, surmise};

/// Symbols; records with keys and times; lines.
fn streams() -> [(&'static str, String); 3] {
    let symbols = (0..900).map(|i: u64| format!("{{\"data\":\"s{}\"}}\n", i * i % 7)).collect();
    // the names of the fields are not in the order of the alphabet, and some events come late
    let records = (0..900u64).map(|i| {
        let time = 1_700_000_000 + i * 60 - if i % 50 == 7 { 600 } else { 0 };
        let end = if i % 40 == 39 { ",\"end\":true" } else { "" };
        let data = format!("{{\"page\":\"/p{}\",\"ms\":{}.25,\"bytes\":{}}}", i * i % 5, 10 + i % 9, i * 31 % 101);
        format!("{{\"key\":\"user{}\",\"time\":{time},\"data\":{data}{end}}}\n", i / 3 % 4)
    });
    let lines = (0..900u64).map(|i| {
        let (user, what) = (["alice", "bob", "carol"][i as usize % 3], ["opened", "closed"][i as usize / 3 % 2]);
        format!("{{\"data\":\"session {} {what} for user {user} took {} ms\"}}\n", 1000 + i, i * i % 90)
    });
    [("symbols", symbols), ("records", records.collect()), ("lines", lines.collect())]
}

fn with_streams(dir: &Path) -> TestDaemon {
    let toml = "[streams.lines]\nfields = [{ name = \"value\", kind = \"line\" }]\n";
    let daemon = TestDaemon::start_with(&dir.join("data"), toml, &[]);
    for (name, events) in streams() {
        let (status, answer) = daemon.post(&format!("/api/v1/streams/{name}/events"), events.as_bytes());
        assert_eq!((status, &answer["accepted"]), (200, &900.into()), "{answer}");
    }
    daemon
}

/// Runs an export that has to succeed.
fn export(daemon: &TestDaemon, args: &[&str]) -> Vec<u8> {
    let out = daemon.surmise(&[&["export", "recording"], args].concat());
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

fn replay(file: &Path, more: &[&str]) -> Value {
    let args = [&["replay", file.to_str().unwrap(), "--output", "json"], more].concat();
    let out = surmise(&args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// The lines of a recording on standard output.
fn lines(bytes: &[u8]) -> Vec<Value> {
    bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect()
}

#[test]
fn a_recording_is_replayed_to_the_state_of_the_stream() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = with_streams(dir.path());
    // what a person says of an incident is an event, too
    let (_, alarms) = daemon.get("/api/v1/streams/records/alarms");
    if let Some(offset) = alarms["alarms"][0]["offset"].as_u64() {
        let said = daemon.surmise(&["feedback", "records", &offset.to_string(), "normal"]);
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }
    for (name, fields) in [("symbols", ""), ("records", ""), ("lines", "value:line")] {
        let hash = daemon.hash(name);
        let fields: &[&str] = if fields.is_empty() { &[] } else { &["--field", fields] };
        let endings: &[&str] = if name == "records" { &["ndjson", "ndjson.zst"] } else { &["ndjson.gz", "parquet"] };
        for ending in endings {
            let file = dir.path().join(format!("{name}.{ending}"));
            export(&daemon, &[name, file.to_str().unwrap()]);
            let result = replay(&file, fields);
            assert_eq!(result["state_hash"], *hash, "{name}.{ending}");
        }
    }
    let file = dir.path().join("records.parquet");
    export(&daemon, &["records", file.to_str().unwrap()]);
    let told = String::from_utf8(surmise(["inspect", file.to_str().unwrap()]).stdout).unwrap();
    assert!(told.contains("parquet") && told.contains("900 records of 4 keys"), "{told}");
    // it can be sent again, too, to the same end
    let sent = daemon.surmise(&["send", dir.path().join("symbols.parquet").to_str().unwrap(), "--stream", "again"]);
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    assert_eq!(daemon.hash("again"), daemon.hash("symbols"));
    // and read as a table
    let file = dir.path().join("records.csv.gz");
    let out = daemon.surmise(&["export", "recording", "records", file.to_str().unwrap()]);
    let (told, warned) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(warned.contains("keys end in this stream") && warned.contains("parquet keep the ends"), "{warned}");
    assert!(told.contains(".csv.gz --key key --time time --field end:ignore"), "{told}");
    let result = replay(&file, &["--key", "key", "--time", "time", "--field", "end:ignore"]);
    assert_eq!(result["events"], 900);
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[test]
fn a_recording_is_cut_by_offset_and_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = with_streams(dir.path());
    let cut = lines(&export(&daemon, &["symbols", "--from", "100", "--to", "300"]));
    let whole = lines(&export(&daemon, &["symbols", "-"]));
    assert_eq!((cut.len(), whole.len()), (200, 900));
    assert_eq!(cut[..], whole[100..300]);
    let hour = ["--from", "2023-11-14T23:00:00Z", "--to", "2023-11-15T00:00Z"];
    let cut = lines(&export(&daemon, &[&["records", "-"][..], &hour].concat()));
    let in_hour = |event: &Value| event["time"].as_str().is_some_and(|time| time.starts_with("2023-11-14T23:"));
    let whole = lines(&export(&daemon, &["records"]));
    assert_eq!(cut, whole.iter().filter(|event| in_hour(event)).cloned().collect::<Vec<_>>());
    assert!(cut.len() > 50 && cut.len() < 70, "{}", cut.len());
    // an event that ends its key takes two offsets, and has the first one
    let cut = lines(&export(&daemon, &["records", "--from", "40", "--to", "42"]));
    assert_eq!(cut[..], whole[39 + 1..41]);
}

#[test]
fn hidden_symbols_are_predicted_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = with_streams(dir.path());
    let key = dir.path().join("key");
    std::fs::write(&key, [7; 32]).unwrap();
    let file = |name: &str| dir.path().join(name);
    let with_key = ["--hash-symbols", "--hash-key", key.to_str().unwrap()];
    let hidden = |stream: &str, name: &str, how: &[&str]| {
        export(&daemon, &[&[stream, file(name).to_str().unwrap()][..], how].concat());
        std::fs::read(file(name)).unwrap()
    };
    export(&daemon, &["symbols", file("plain.ndjson").to_str().unwrap()]);
    let once = hidden("symbols", "once.ndjson", &with_key);
    assert_eq!(once, hidden("symbols", "twice.ndjson", &with_key));
    assert_ne!(once, hidden("symbols", "random.ndjson", &["--hash-symbols"]));
    let (plain, result) = (replay(&file("plain.ndjson"), &[]), replay(&file("once.ndjson"), &[]));
    assert_eq!(result["loss_bits_per_event"], plain["loss_bits_per_event"]);
    let records = String::from_utf8(hidden("records", "records.ndjson", &with_key)).unwrap();
    assert!(!records.contains("user") && !records.contains("/p") && records.contains("\"ms\":10.25"), "{records}");
    // templates survive
    let told = String::from_utf8(hidden("lines", "lines.ndjson", &with_key)).unwrap();
    assert!(!told.contains("alice") && told.contains(" 1000 "), "{told}");
    let sent = daemon.surmise(&[
        "send",
        file("lines.ndjson").to_str().unwrap(),
        "--field",
        "value:line",
        "--stream",
        "hidden",
    ]);
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    let templates = |stream: &str| daemon.get(&format!("/api/v1/streams/{stream}/templates")).1["templates"].clone();
    let counts = |stream: &str| {
        let counts = templates(stream).as_array().unwrap().iter().map(|t| t["lines"].clone()).collect::<Vec<_>>();
        assert!(!counts.is_empty());
        counts
    };
    assert_eq!(counts("hidden"), counts("lines"), "{} {}", templates("hidden"), templates("lines"));
}

#[test]
fn what_cannot_be_exported_is_said_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = with_streams(dir.path());
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let short = file("short");
    std::fs::write(&short, "secret").unwrap();
    for (args, word) in [
        (vec!["nothing", &file("a.ndjson")], "no stream is called"),
        (vec!["symbols", &file("a.txt")], "--format"),
        (vec!["symbols", &file("a.parquet.gz")], "leave .gz out"),
        (vec!["symbols", &file("a.csv.bz2")], ".zst"),
        (vec!["symbols", &file("no/a.csv")], "no/a.csv.part"),
        (vec!["symbols", "/dev/null", "--format", "csv"], "standard output"),
        (vec!["symbols", "-", "--from", "yesterday"], "yesterday"),
        (vec!["symbols", "-", "--hash-symbols", "--hash-key", &short], "guessed"),
    ] {
        let out = daemon.surmise(&[&["export", "recording"], &args[..]].concat());
        let error = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && error.contains(word), "{args:?}: {error}");
    }
    assert!(!dir.path().join("a.ndjson").exists() && !dir.path().join("a.ndjson.part").exists());
    // a cut that holds nothing is an empty recording
    assert!(export(&daemon, &["symbols", "-", "--from", "900"]).is_empty());
}
