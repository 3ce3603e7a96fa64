//! The units for systemd: systemd takes them, and they allow what the daemon does.

use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use surmise_fixtures::skipped;
use surmise_tests::traced;

/// Where the units are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/systemd")
}

/// The units that are shipped are ones that systemd takes, where it is there to be asked.
#[test]
fn the_units_of_systemd_are_sound() {
    let text = |unit: &str| std::fs::read_to_string(folder().join(unit)).unwrap();
    let service = text("surmised.service");
    assert!(service.contains("Type=notify") && service.contains("WatchdogSec="), "it is told, and listens");
    assert!(service.contains("--config /etc/surmise/surmised.toml"), "the configuration is read");
    let sockets = ["http", "tcp", "unix"].map(|name| (name, format!("surmised-{name}.socket")));
    for (name, unit) in &sockets {
        let named = text(unit).contains(&format!("FileDescriptorName={name}\nService=surmised.service\n"));
        assert!(named, "the daemon knows {unit} by its name");
    }
    let mut verify = Command::new("systemd-analyze");
    verify.arg("verify").arg(folder().join("surmised.service"));
    verify.args(sockets.iter().map(|(_, unit)| folder().join(unit)));
    let Ok(verified) = verify.output() else {
        return skipped("the units of systemd", "there is no systemd-analyze");
    };
    let said = String::from_utf8_lossy(&verified.stderr);
    // neither the program nor its manual is installed where tests run
    let is_fault = |line: &&str| {
        line.contains("surmised") && !line.contains("not executable") && !line.contains("Command 'man surmised(8)'")
    };
    let faults: Vec<&str> = said.lines().filter(is_fault).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

/// What the daemon asks the system for is among what its unit allows.
#[test]
fn the_unit_of_systemd_allows_what_the_daemon_does() {
    let text = std::fs::read_to_string(folder().join("surmised.service")).unwrap();
    let filters: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")).collect();
    let groups = |word: &str| {
        let said = Command::new("systemd-analyze").args(["syscall-filter", word]).output();
        said.ok().map(|said| String::from_utf8_lossy(&said.stdout).into_owned())
    };
    if groups("@default").is_none() || !traced::is_there() {
        return skipped("the calls that the unit of systemd allows", "there is no systemd or strace");
    }
    let mut allowed = BTreeSet::new();
    for filter in ["@default"].into_iter().chain(filters) {
        let denied = filter.starts_with('~');
        for word in filter.trim_start_matches('~').split_whitespace() {
            for call in calls(word, &groups) {
                if denied {
                    allowed.remove(&call)
                } else {
                    allowed.insert(call)
                };
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let (state, trace) = (dir.path().join("state"), dir.path().join("trace"));
    let mut d = traced::start(&state, "[model]\nnetwork = \"off\"\nmemory_mib = 1\n", &trace, &[]);
    let events: String = (0..300).map(|n| format!("\"s{}\"\n", n % 5)).collect();
    assert_eq!(d.post("/api/v1/streams/s/events", events.as_bytes()).0, 200);
    assert_eq!(d.post("/api/v1/checkpoints", b"").0, 200);
    let replay = json!({"stream": "s", "from": 0}).to_string();
    assert!(d.post("/api/v1/replays", replay.as_bytes()).0 < 300);
    d.get("/api/v1/streams/s/next");
    d.send_signal(libc::SIGHUP);
    let _ = d.terminate();
    let text = traced::whole(&trace);
    let called = text.lines().filter_map(|line| line.split_once(' ')?.1.trim_start().split_once('('));
    let called: BTreeSet<&str> = called.map(|(call, _)| call).filter(|call| !call.starts_with('<')).collect();
    assert!(called.len() > 30 && called.contains("setpriority"), "{called:?}");
    let refused: Vec<&&str> = called.iter().filter(|call| !allowed.contains(**call)).collect();
    assert!(refused.is_empty(), "the unit does not allow {refused:?}");
}

/// The calls that a word of a filter stands for: itself, or those of its group.
fn calls(word: &str, groups: &impl Fn(&str) -> Option<String>) -> Vec<String> {
    if !word.starts_with('@') {
        return vec![word.to_owned()];
    }
    let listed = groups(word).unwrap_or_default();
    let lines = listed.lines().skip(1).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.flat_map(|line| calls(line, groups)).collect()
}
