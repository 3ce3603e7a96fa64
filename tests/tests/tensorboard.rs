//! TensorBoard itself reads what `surmise export tensorboard` writes, where Python and TensorBoard are to be had.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use surmise_fixtures::skipped;
use surmise_tests::{TestDaemon, surmise};

/// Prints every scalar that TensorBoard's own reader finds below a folder, as JSON: run, tag, and steps with values.
const READER: &str = r"
import json, sys, os
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
runs = EventMultiplexer(size_guidance={'scalars': 0}).AddRunsFromDirectory(sys.argv[1])
runs.Reload()
print(json.dumps({run: {tag: [[e.step, e.value, e.wall_time] for e in runs.Scalars(run, tag)]
                        for tag in tags['scalars']} for run, tags in runs.Runs().items()}))
";

/// A Python that has TensorBoard: the one that `SURMISE_PYTHON` names, as `.ci/run` does, or `python3`.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("SURMISE_PYTHON").filter(|p| !p.is_empty());
    let python = PathBuf::from(named.unwrap_or_else(|| "python3".into()));
    let found =
        Command::new(&python).args(["-c", "import tensorboard.backend.event_processing.event_multiplexer"]).output();
    found.is_ok_and(|out| out.status.success()).then_some(python)
}

fn read(python: &Path, runs: &Path) -> Value {
    let out = Command::new(python).args(["-c", READER]).arg(runs).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out.stdout)))
}

fn said(out: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

#[test]
fn tensorboard_reads_replays_and_streams() {
    let dir = tempfile::tempdir().unwrap();
    let lines: String = (0..900).map(|i| format!("state-{}\n", i % 3)).collect();
    let log = dir.path().join("a.log");
    std::fs::write(&log, &lines).unwrap();
    let out = surmise(["replay", log.to_str().unwrap(), "--output", "json"]);
    let result: Value = serde_json::from_slice(&out.stdout).unwrap();
    let (stored, runs) = (dir.path().join("first.json"), dir.path().join("runs"));
    std::fs::write(&stored, &out.stdout).unwrap();
    let daemon = TestDaemon::start(&dir.path().join("data"));
    let url = format!("http://{}/api/v1/streams/web/events", daemon.http);
    let events: String = (0..900).map(|i| format!("{{\"data\":\"state-{}\"}}\n", i % 3)).collect();
    let sent = ureq::post(url).content_type("application/x-ndjson").send(&events);
    assert!(sent.is_ok(), "{sent:?}");
    let server = format!("http://{}", daemon.http);
    let out = surmise(["export", "tensorboard", stored.to_str().unwrap(), "--out", runs.to_str().unwrap()]);
    assert!(out.status.success(), "{}", said(&out));
    let args = ["export", "tensorboard", "--stream", "web", "--out", runs.to_str().unwrap(), "--server", &server];
    let out = surmise(args);
    assert!(out.status.success() && said(&out).contains("events.out.tfevents."), "{}", said(&out));
    let Some(python) = python() else {
        return skipped("TensorBoard's own reader on exported files", "there is no Python with tensorboard");
    };
    let found = read(&python, &runs);
    let tags = &found["first"];
    let bits = tags["bits per event/whole events"].as_array().unwrap();
    assert_eq!(bits.last().unwrap()[0], 900, "steps are events");
    // the means of the spans, weighed by their lengths, are the loss of the whole replay
    let (mut sum, mut before) = (0.0, 0.0);
    for point in bits {
        let step = point[0].as_f64().unwrap();
        sum += point[1].as_f64().unwrap() * (step - before);
        before = step;
    }
    let loss = result["loss_bits_per_event"].as_f64().unwrap();
    assert!((sum / 900.0 - loss).abs() < 1e-3, "{} is not {loss}", sum / 900.0);
    assert!(tags.as_object().unwrap().keys().any(|tag| tag.starts_with("experts of value/")), "{tags}");
    let stream = &found["web"];
    // the daemon takes its totals every five seconds, first with the first batch
    let events = stream["stream/events"][0][1].as_f64().unwrap();
    assert!((1.0..=900.0).contains(&events), "{stream}");
    assert!(stream["lately/bits per event"][0][1].as_f64().unwrap() > 0.0, "{stream}");
}

#[test]
fn what_cannot_be_exported_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (dir.path().join("x.json"), dir.path().join("runs"));
    std::fs::write(&file, "{}").unwrap();
    let run = |args: &[&str]| surmise([&["export", "tensorboard", "--out", out.to_str().unwrap()], args].concat());
    assert_eq!(run(&[]).status.code(), Some(64));
    let told = run(&[file.to_str().unwrap()]);
    assert!(told.status.code() == Some(65) && said(&told).contains("x.json"), "{}", said(&told));
    assert_eq!(run(&["--stream", "web", "--server", "http://127.0.0.1:1"]).status.code(), Some(69));
    assert_eq!(run(&["/no/such/file.json"]).status.code(), Some(64));
}
