//! The examples of the Rust client, run as their documentation says, against a real daemon.

use std::process::Command;
use surmise_tests::{TestDaemon, example};

fn run(name: &str, arguments: &[&str]) -> String {
    let out = Command::new(example(name)).args(arguments).output().unwrap();
    assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn examples_of_the_rust_client_do_what_they_say() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = TestDaemon::start(dir.path());
    let http = format!("http://{}", daemon.http);
    let melody = run("next", &[&daemon.tcp]);
    let lines: Vec<&str> = melody.lines().collect();
    assert_eq!(lines.len(), 8 * 14, "{melody}");
    assert!(lines.last().unwrap().contains("expected: c "), "the melody is learnt: {melody}");
    let sent = run("send", &[&daemon.tcp]);
    assert!(sent.contains("bits"), "{sent}");
    let asked = run("ask", &["melody", &http]);
    assert!(asked.starts_with("melody: 112 events of ") && asked.contains("value: Symbols"), "{asked}");
    let asked = run("ask", &["requests", &http]);
    assert!(asked.starts_with("requests: 1000 events of ") && asked.contains("once in "), "{asked}");
    assert!(daemon.terminate().success());
}
