//! `surmise top` in a real terminal: it starts, shows, sorts, opens a stream, heals when the daemon comes back, quits,
//! and leaves the terminal as it was.

use serde_json::json;
use surmise_fixtures::made_log;
use surmise_tests::{TestDaemon, Tmux, binary};

/// Posts events to a stream.
fn post(daemon: &TestDaemon, stream: &str, events: impl Iterator<Item = serde_json::Value>) {
    let body: String = events.map(|event| json!({ "data": event }).to_string() + "\n").collect();
    let (status, said) = daemon.post(&format!("/api/v1/streams/{stream}/events"), body.as_bytes());
    assert_eq!(status, 200, "{said}");
}

const CONFIG: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 16\n[alarm]\nbudget = \"1/2000\"\n";

#[test]
fn top_shows_opens_heals_and_leaves_the_terminal_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let Some(terminal) = Tmux::start(dir.path(), 80, 24) else { return };
    let data = dir.path().join("data");
    let mut daemon = TestDaemon::start_with(&data, CONFIG, &[]);
    let log = made_log(1, 3_000);
    post(&daemon, "web", log.lines.iter().map(|line| json!(line)));
    post(&daemon, "pages", (0..300).map(|i| json!(["/home", "/cart", "/pay"][i % 3])));
    post(&daemon, "%E2%80%AE%E6%9D%B1%E4%BA%AC%F0%9F%91%A9x", (0..30).map(|i| json!(i)));

    let surmise = binary("surmise").display().to_string();
    let top = format!("{surmise} --server {} top", daemon.http);
    terminal.type_line(&format!("cd {}; echo shell; stty -a > before; {top}", dir.path().display()));
    let shown = terminal.wait_for("the list", |text, other| other && text.contains("pages") && text.contains("web"));
    let rows: Vec<&str> = shown.lines().collect();
    assert!(rows[0].starts_with("surmise top") && rows[3].contains("Stream (3)"), "{shown}");
    // a name that would turn the direction of writing is harmless
    assert!(shown.contains("\\u{202e}東京👩x"), "{shown}");
    assert!(rows[23].contains("q quit"), "{shown}");

    // sorted by name, and the other way round
    let at = |text: &str, name: &str| text.lines().position(|row| row.contains(name));
    terminal.keys(&["Left", "Left", "Left", "Left"]);
    terminal.wait_for("the order of names", |text, _| text.contains("Stream↑") && at(text, "pages") < at(text, "web"));
    terminal.keys(&["r"]);
    terminal.wait_for("the other order", |text, _| text.contains("Stream↓") && at(text, "pages") > at(text, "web"));

    // a filter, and the one stream that it leaves, opened
    terminal.keys(&["/", "p", "a", "g", "Enter"]);
    terminal.wait_for("one stream", |text, _| text.contains("(1 of 3)") && !text.contains("web"));
    terminal.keys(&["Enter"]);
    let shown =
        terminal.wait_for("the stream", |text, _| text.contains("What it expects next") && text.contains("/pay"));
    assert!(shown.contains("Loss in bits per event") && shown.contains("█"), "{shown}");
    terminal.keys(&["t"]);
    terminal.wait_for("another course", |text, _| text.contains("in minutes"));
    // two at once would be another key
    terminal.keys(&["Escape"]);
    terminal.wait_for("the filtered list", |text, _| text.contains("(1 of 3)"));
    terminal.keys(&["Escape"]);
    terminal.wait_for("the list again", |text, _| text.contains("Stream↓ (3)"));

    // the fault of the log, with its odd part
    terminal.keys(&["Tab"]);
    terminal.wait_for("the incident", |text, _| text.contains("ERROR payment of") && text.contains("once in"));

    // smaller than anything, and back
    terminal.resize(20, 4);
    terminal.wait_for("a small screen", |text, _| text.lines().count() <= 4 && text.contains("surmise top"));
    terminal.resize(80, 24);
    terminal.wait_for("the whole screen", |text, _| text.contains("ERROR payment of"));

    // the daemon goes and comes back
    assert!(daemon.terminate().success());
    terminal.wait_for("that it is gone", |text, _| text.contains("surmised is gone"));
    daemon.kill_and_restart(&data, CONFIG);
    terminal.wait_for("that it is back", |text, _| !text.contains("is gone") && text.contains("ERROR payment of"));

    terminal.keys(&["q"]);
    terminal.wait_for("the shell", |text, other| !other && text.lines().any(|row| row == "shell"));
    terminal.type_line("stty -a > after; cmp before after && echo as it was");
    terminal.wait_for("the modes", |text, _| text.lines().any(|row| row == "as it was"));
    // so do Ctrl-C and a signal
    for (command, said) in
        [(top.clone(), "after Ctrl-C"), (format!("timeout -s TERM --foreground 3 {top}"), "after TERM")]
    {
        terminal.type_line(&format!("{command}; stty -a > after; cmp before after && echo {said}"));
        terminal.wait_for("the list", |text, other| other && text.contains("Stream (3)"));
        if command == top {
            terminal.keys(&["C-c"]);
        }
        terminal.wait_for(said, |text, other| !other && text.lines().any(|row| row == said));
    }
}

/// A terminal that is closed, as by a connection that breaks, leaves nothing behind that runs on.
#[test]
fn top_ends_with_its_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let Some(terminal) = Tmux::start(dir.path(), 80, 24) else { return };
    let daemon = TestDaemon::start_with(&dir.path().join("data"), CONFIG, &[]);
    let (surmise, pid) = (binary("surmise").display().to_string(), dir.path().join("pid"));
    terminal.type_line(&format!("echo $$ > {}; exec {surmise} --server {} top", pid.display(), daemon.http));
    terminal.wait_for("the screen", |text, other| other && text.contains("No stream yet"));
    let pid = std::fs::read_to_string(pid).unwrap();
    drop(terminal);
    let start = std::time::Instant::now();
    while std::path::Path::new("/proc").join(pid.trim()).exists() {
        assert!(start.elapsed() < std::time::Duration::from_secs(60), "process {pid} runs on without a terminal");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn top_needs_a_terminal_and_a_daemon() {
    let none = surmise_tests::surmise(["--server", "http://127.0.0.1:9", "top", "--output", "json"]);
    assert_eq!(none.status.code(), Some(69));
    let dir = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start_with(&dir.path().join("data"), CONFIG, &[]);
    post(&daemon, "web", ["up", "down"].into_iter().map(|state| json!(state)));
    let refused = daemon.surmise(&["top"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(64) && said.contains("surmise status"), "{said}");
    let told = daemon.surmise(&["top", "--output", "json"]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!((&told["streams"][0]["stream"], &told["streams"][0]["offset"]), (&json!("web"), &json!(2)));
    assert!(told["alarms"].is_array());
}
