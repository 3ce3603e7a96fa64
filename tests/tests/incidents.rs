//! Incidents on the command line: they are watched, judged and forgotten.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use surmise_fixtures::TestProgram;
use surmise_tests::TestDaemon;

/// How long anything is waited for.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// A reading once a minute that scatters little, with a spike at 3,000, and another level from 4,000 on.
fn reading(i: usize) -> String {
    let level = if i < 4_000 { 20.0 } else { 60.0 };
    let value = if i == 3_000 { 150.0 } else { level + [0.0, 0.5, -0.5][i * i % 7 % 3] };
    json!({"time": 1_700_000_000 + 60 * i, "data": value}).to_string() + "\n"
}

fn post(d: &TestDaemon, stream: &str, events: impl Iterator<Item = String>) {
    let body: String = events.collect();
    let (status, answer) = d.post(&format!("/api/v1/streams/{stream}/events"), body.as_bytes());
    assert!(status == 200 && answer["rejected"] == 0, "{answer}");
}

/// A command that goes on, and its lines, each of which is waited for.
struct Following {
    _command: TestProgram,
    lines: mpsc::Receiver<String>,
}

impl Following {
    fn start(d: &TestDaemon, args: &[&str]) -> Following {
        let mut child = d.client(args).stdout(Stdio::piped()).spawn().unwrap();
        let (told, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
        Following { _command: TestProgram(child), lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(WAIT_MAX).expect("another line is told")
    }
}

/// Waits until somebody follows a stream.
fn wait_for_follower(d: &TestDaemon) {
    let begun = Instant::now();
    loop {
        let (_, system) = d.get("/api/v1/system");
        let mut limits = system["limits"].as_array().unwrap().iter();
        if limits.any(|limit| limit["key"] == "limits.watchers" && limit["used"] == 1) {
            return;
        }
        assert!(begun.elapsed() < WAIT_MAX, "nobody follows: {system}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Who begins to watch sees the latest incidents first, each marked as past.
#[test]
fn watching_begins_with_the_latest_incidents() {
    let dir = tempfile::tempdir().unwrap();
    let d = TestDaemon::start(&dir.path().join("state"));
    post(&d, "cpu", (0..3_200).map(reading));
    let first = |args: &[&str]| Following::start(&d, &[&["watch", "--stream", "cpu"], args].concat()).line();
    let told = first(&[]);
    assert!(told.starts_with("      3000  ") && told.contains("  past: ") && told.contains("once in "), "{told}");
    let told: Value = serde_json::from_str(&first(&["--past", "1", "--output", "json"])).unwrap();
    assert!(told["past"] == true && told["began"] == 3_000 && told["phase"] == "ended", "{told}");
}

/// Nobody who watches for incidents pays for outcomes, and none of the incidents and drifts is missing for that.
#[test]
fn incidents_and_drifts_are_told_as_they_come_among_many_events() {
    let dir = tempfile::tempdir().unwrap();
    let d = TestDaemon::start(&dir.path().join("state"));
    post(&d, "cpu", (0..2_900).map(reading));
    let watch = Following::start(&d, &["watch", "--stream", "cpu", "--past", "0"]);
    wait_for_follower(&d);
    post(&d, "cpu", (2_900..6_000).map(reading));
    let (_, stream) = d.get("/api/v1/streams/cpu");
    let drifts = stream["report"]["drifts"].as_array().unwrap().iter();
    let mut drifts = drifts.filter(|drift| drift["noticed"].as_u64() >= Some(2_900)).count();
    assert!(drifts > 0, "{stream}");
    let mut incidents: Vec<Value> = d.get("/api/v1/streams/cpu/alarms").1["alarms"].as_array().unwrap().clone();
    incidents.retain(|alarm| alarm["began"].as_u64() >= Some(2_900));
    assert!(incidents.iter().any(|alarm| alarm["began"] == 3_000), "{incidents:?}");
    while drifts > 0 || !incidents.is_empty() {
        let line = watch.line();
        let begins = |alarm: &Value| line.starts_with(&format!("{:>10}  ", alarm["began"].as_u64().unwrap_or(0)));
        let is_incident = line.contains("once in ");
        assert!(is_incident || line.starts_with("drift: ") || line.contains("  over: "), "{line}");
        drifts -= usize::from(line.starts_with("drift: "));
        if is_incident {
            let told = incidents.iter().position(begins).unwrap_or_else(|| panic!("{line}: {incidents:?}"));
            incidents.remove(told);
        }
    }
}

const SMALL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[alarm]\nbudget = \"1/1000\"\n";

/// The number of the event that is unusual.
const SPIKE: usize = 2_602;

fn key(n: usize) -> &'static str {
    ["one", "two", "secret"][n * n % 7 % 3]
}

fn request(n: usize) -> String {
    let ms = if n == SPIKE { 5_000 } else { 100 + n * n * 7_919 % 101 };
    json!({"time": n * 10, "key": key(n), "data": {"page": format!("/{}", n * n % 5), "ms": ms}}).to_string() + "\n"
}

#[test]
fn a_verdict_is_learnt_and_a_key_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let d = TestDaemon::start_with(&dir.path().join("state"), SMALL, &[]);
    let is_kept = |n: &usize| key(*n) != "secret";
    assert!(is_kept(&SPIKE));
    post(&d, "web", (0..2_700).map(request));
    post(&d, "reference", (0..2_700).filter(is_kept).map(request));
    let run = |args: &[&str]| {
        let out = d.surmise(args);
        (out.status.code(), String::from_utf8([out.stdout, out.stderr].concat()).unwrap())
    };
    // nothing is learnt of what was no incident, or is not said
    let before = d.hash("web");
    assert_eq!(run(&["feedback", "web", "17", "bad"]).0, Some(64));
    assert_eq!(run(&["feedback", "web", "2602"]).0, Some(64));
    assert_eq!(run(&["feedback", "web", "2602", "fine"]).0, Some(64));
    assert_eq!(d.hash("web"), before);
    let (code, told) = run(&["feedback", "web", "2602", "bad", "--label", "disk full"]);
    assert!(code == Some(0) && told.contains("event 2602 was bad") && told.contains("disk full"), "{told}");
    assert_ne!(d.hash("web"), before);
    let said = json!({"offset": SPIKE, "verdict": "bad", "label": "disk full"});
    assert_eq!(d.get("/api/v1/streams/web/events?from=2700").1["events"][0]["event"], json!({ "feedback": said }));

    // without the key the stream is, by its hash, what it would be if it had never seen it
    assert_eq!(run(&["forget", "web"]).0, Some(64));
    assert_eq!(run(&["forget", "web", "--key", "nobody"]).0, Some(64));
    let (code, told) = run(&["forget", "web", "--key", "secret", "--output", "json"]);
    assert_eq!(code, Some(0), "{told}");
    let answer: Value = serde_json::from_str(&told).unwrap();
    let (secret, before) = ((0..2_700).filter(|n| !is_kept(n)).count(), (0..SPIKE).filter(is_kept).count());
    assert_eq!(answer["forgotten"], secret, "{answer}");
    assert_eq!(run(&["feedback", "reference", &before.to_string(), "bad", "--label", "disk full"]).0, Some(0));
    assert_eq!(d.hash("web"), d.hash("reference"));
    let (_, logged) = d.get("/api/v1/streams/web/events?from=0&count=200");
    assert!(logged.to_string().contains("two") && !logged.to_string().contains("secret"), "{logged}");
}
