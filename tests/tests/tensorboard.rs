//! TensorBoard itself reads what `surmise export tensorboard` writes, where Python and TensorBoard are to be had.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use surmise_fixtures::{TestProgram, skipped};
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

/// The whole records of an event file: each is a length of eight bytes with its checksum of four, and as many bytes
/// with theirs.
fn records(file: &Path) -> usize {
    let bytes = std::fs::read(file).unwrap();
    let (mut rest, mut count) = (&bytes[..], 0);
    while let Some(length) = rest.first_chunk::<8>() {
        let Some(after) = rest.get(u64::from_le_bytes(*length) as usize + 16..) else { break };
        (rest, count) = (after, count + 1);
    }
    count
}

fn wait_for_point(file: &Path, exporting: &mut Child) {
    let (begun, before) = (Instant::now(), records(file));
    while records(file) == before {
        assert!(exporting.try_wait().unwrap().is_none(), "the export has ended");
        assert!(begun.elapsed() < WAIT_MAX, "no point is added");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// How long anything is waited for.
const WAIT_MAX: Duration = Duration::from_secs(120);

#[test]
fn a_run_that_follows_outlives_the_daemon_and_goes_on_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let (state, runs) = (dir.path().join("state"), dir.path().join("runs"));
    let mut daemon = TestDaemon::start(&state);
    let events: String = (0..300).map(|i| format!("{{\"data\":\"state-{}\"}}\n", i % 3)).collect();
    let post = |daemon: &TestDaemon| assert_eq!(daemon.post("/api/v1/streams/web/events", events.as_bytes()).0, 200);
    post(&daemon);
    let args =
        ["export", "tensorboard", "--stream", "web", "--out", runs.to_str().unwrap(), "--follow", "--every", "1"];
    let mut exporting =
        TestProgram(daemon.client(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let exporting = &mut exporting.0;
    let mut file = String::new();
    BufReader::new(exporting.stdout.take().unwrap()).read_line(&mut file).unwrap();
    let file = PathBuf::from(file.trim_end());
    let (says, words) = mpsc::channel();
    let said = BufReader::new(exporting.stderr.take().unwrap());
    std::thread::spawn(move || said.lines().map_while(Result::ok).try_for_each(|line| says.send(line)));
    let word = || words.recv_timeout(WAIT_MAX).expect("something is said");
    wait_for_point(&file, exporting);
    daemon.kill();
    let away = word();
    assert!(away.starts_with("web: cannot reach surmised") && away.contains("points are left out"), "{away}");
    let points = records(&file);
    // it is said once, however often it is asked meanwhile, and the next word is that it is back
    daemon.kill_and_restart(&state, "");
    let back = word();
    assert!(back.starts_with("web: there is an answer again"), "{back}");
    // a kill loses what was lost lately, as there was no checkpoint
    post(&daemon);
    wait_for_point(&file, exporting);
    assert!(records(&file) > points);
    let Some(python) = python() else {
        return skipped("TensorBoard's own reader on a followed stream", "there is no Python with tensorboard");
    };
    let found = read(&python, &runs);
    let events = found["web"]["stream/events"].as_array().unwrap();
    assert!(events.len() >= 3 && events.iter().all(|point| point[1].as_f64() > Some(0.0)), "{found}");
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
