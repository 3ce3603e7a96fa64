//! Sources that the daemon reads itself, from the programs that write for them, with kills of the daemon.
#![allow(missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use surmise_tests::TestDaemon;

/// Lines of a run.
const LINES: u64 = 100_000;

/// A shell that appends lines, a thousand at a time, and rotates the file after ten thousand, the way `logrotate` does.
const WRITER: &str = r#"
i=0
while [ $i -lt $LINES ]; do
    seq -f 'GET /item %.0f' $i $((i + 999)) >> a.log
    i=$((i + 1000))
    sleep 0.02
    if [ $((i % 10000)) -eq 0 ] && [ $i -lt $LINES ]; then
        n=20
        while [ $n -gt 0 ]; do
            [ -e a.log.$n ] && mv a.log.$n a.log.$((n + 1))
            n=$((n - 1))
        done
        mv a.log a.log.1
    fi
done
"#;

fn config(logs: &Path) -> String {
    format!("[model]\nnetwork = \"off\"\nmemory_mib = 1\n[sources.files.web]\npaths = [\"{}/*.log\"]\n", logs.display())
}

fn offset(daemon: &TestDaemon) -> u64 {
    daemon.get("/api/v1/streams/web").1["committed_offset"].as_u64().unwrap_or(0)
}

fn wait_for(daemon: &TestDaemon, count: u64) {
    let start = Instant::now();
    while offset(daemon) < count {
        let sources = daemon.get("/api/v1/sources").1;
        assert!(start.elapsed() < Duration::from_secs(60), "{} of {count}: {sources}", offset(daemon));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn learnt(daemon: &TestDaemon, count: u64) -> Vec<String> {
    let mut lines = Vec::new();
    while (lines.len() as u64) < count {
        let (_, answer) = daemon.get(&format!("/api/v1/streams/web/events?from={}&count=200", lines.len()));
        assert_eq!(answer["end"], count, "nothing more comes: {answer}");
        let events = answer["events"].as_array().expect("events");
        lines.extend(events.iter().map(|event| event["event"]["data"].as_str().unwrap_or_default().to_owned()));
    }
    lines
}

#[test]
fn a_file_is_learnt_once_through_rotations_and_kills() {
    let dir = tempfile::tempdir().expect("a folder");
    let (logs, data) = (dir.path().join("logs"), dir.path().join("data"));
    fs::create_dir_all(&logs).expect("a folder");
    let toml = config(&logs);
    let mut daemon = TestDaemon::start_with(&data, &toml, &[]);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(WRITER).env("LINES", LINES.to_string()).current_dir(&logs).stdin(Stdio::null());
    let mut writer = shell.spawn().expect("there is a shell");
    for part in 1..=2 {
        wait_for(&daemon, part * LINES / 4);
        daemon.kill();
        // files come and get other names while nobody looks
        std::thread::sleep(Duration::from_millis(500));
        daemon = TestDaemon::start_with(&data, &toml, &[]);
    }
    assert!(writer.wait().expect("the shell ends").success());
    wait_for(&daemon, LINES);
    std::thread::sleep(Duration::from_millis(500));
    let expected = (0..LINES).map(|n| format!("GET /item {n}"));
    let lines = learnt(&daemon, LINES);
    let wrong = expected.zip(&lines).find(|(expected, line)| expected != *line);
    assert_eq!(wrong, None, "the lines are those that were written, in order, each once");
    daemon.kill();
}
