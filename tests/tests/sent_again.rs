//! Files that are sent under one name again and again: what was appended is sent once, and what is another file is sent
//! from its beginning, whoever was killed in between.
#![allow(missing_docs)]

use serde_json::Value;
use std::path::Path;
use std::process::{Output, Stdio};
use surmise_fixtures::TestProgram;
use surmise_tests::TestDaemon;
use surmise_tests::sourced::{events, offset, wait_for};

const STREAM: &str = "door";
const TOML: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 4\n";

fn send(daemon: &TestDaemon, file: &Path, more: &[&str]) -> Output {
    daemon.surmise(&[&["send", file.to_str().unwrap(), "--stream", STREAM], more].concat())
}

fn said(sent: &Output) -> String {
    String::from_utf8_lossy(&sent.stderr).into_owned()
}

/// The values of the events that the stream has.
fn learnt(daemon: &TestDaemon) -> Vec<String> {
    let text = |event: &Value| event["data"].as_str().unwrap_or_default().to_owned();
    events(daemon, STREAM, offset(daemon, STREAM)).iter().map(text).collect()
}

#[test]
fn what_was_appended_is_sent_once_and_another_file_from_its_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = TestDaemon::start_with(&dir.path().join("state"), TOML, &[]);
    let file = dir.path().join("door.log");
    let mut want: Vec<&str> = Vec::new();
    // each day's content under the same name, what of it is new, and whether it is another file
    let days: [(&str, &[&str], bool); 7] = [
        ("open\nclose\n", &["open", "close"], false),
        ("open\nclose\njam\n", &["jam"], false),
        ("open\nclose\njam\n", &[], false),
        ("close\nopen\nopen\nopen\n", &["close", "open", "open", "open"], true),
        // it begins alike, and ends otherwise
        ("close\nopen\njam\nopen\nclose\n", &["close", "open", "jam", "open", "close"], true),
        ("open\n", &["open"], true),
        ("open\nclose\n", &["close"], false),
    ];
    for (day, (content, new, is_other)) in days.into_iter().enumerate() {
        std::fs::write(&file, content).unwrap();
        let sent = send(&daemon, &file, &["--format", "lines"]);
        let said = said(&sent);
        assert!(sent.status.success() && said.contains("all of it is sent") == is_other, "day {day}: {said}");
        want.extend(new);
        assert_eq!(learnt(&daemon), want, "day {day}: {said}");
        daemon.kill_and_restart(&dir.path().join("state"), TOML);
        let again = send(&daemon, &file, &["--format", "lines"]);
        assert!(
            again.status.success() && learnt(&daemon) == want,
            "day {day}: {}",
            String::from_utf8_lossy(&again.stderr)
        );
    }
}

#[test]
fn a_line_that_was_not_whole_does_not_have_its_file_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start_with(&dir.path().join("state"), TOML, &[]);
    let file = dir.path().join("door.log");
    std::fs::write(&file, "open\nclo").unwrap();
    assert!(send(&daemon, &file, &["--format", "lines"]).status.success());
    std::fs::write(&file, "open\nclose\njam\n").unwrap();
    let sent = send(&daemon, &file, &["--format", "lines"]);
    assert!(sent.status.success() && said(&sent).contains("record 2 was not whole"), "{}", said(&sent));
    assert_eq!(learnt(&daemon), ["open", "clo", "jam"]);
}

#[test]
fn text_that_grew_is_sent_from_the_byte_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = "[streams.door]\nfields = [{ name = \"value\", kind = \"byte\" }]\nclosed = true\n";
    let daemon = TestDaemon::start_with(&dir.path().join("state"), &format!("{TOML}{bytes}"), &[]);
    let file = dir.path().join("play.txt");
    // every byte is an event, and those of one record come together
    let learnt = || {
        let answer = daemon.get("/api/v1/streams/door/events?count=200").1;
        let text = |event: &Value| event["event"]["data"].as_str().unwrap_or_default().to_owned();
        answer["events"].as_array().unwrap().iter().map(text).collect::<String>()
    };
    for text in ["To be, or ", "To be, or not to be: that is", "To be, or not to be: that is the question"] {
        std::fs::write(&file, text).unwrap();
        let sent = send(&daemon, &file, &["--format", "text"]);
        assert!(sent.status.success(), "{}", said(&sent));
        assert_eq!((learnt(), offset(&daemon, STREAM)), (text.to_owned(), text.len() as u64), "{}", said(&sent));
    }
}

/// What cannot be read again, or has a number of its own for that, is refused instead of being left out.
#[test]
fn what_cannot_be_sent_as_another_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start_with(&dir.path().join("state"), TOML, &[]);
    let (file, other) = (dir.path().join("a.log"), dir.path().join("b.log"));
    std::fs::write(&file, "open\nclose\n").unwrap();
    std::fs::write(&other, "close\nopen\njam\n").unwrap();
    let named = ["--format", "lines", "--producer", "door"];
    assert!(send(&daemon, &file, &named).status.success());
    let piped = |file: &Path, more: &[&str]| {
        let args = [&["send", "-", "--stream", STREAM][..], &named, more].concat();
        let input = std::fs::File::open(file).unwrap();
        daemon.client(&args).stdin(Stdio::from(input)).output().unwrap()
    };
    for refused in [piped(&other, &[]), send(&daemon, &other, &[&named[..], &["--epoch", "1"]].concat())] {
        let said = said(&refused);
        assert!(refused.status.code() == Some(65) && said.contains("--epoch 2"), "{said}");
    }
    assert_eq!(offset(&daemon, STREAM), 2);
    let sent = piped(&other, &["--epoch", "2"]);
    assert!(sent.status.success() && offset(&daemon, STREAM) == 5, "{}", said(&sent));
    // what goes on is known without its epoch
    let again = piped(&other, &[]);
    assert!(again.status.success() && offset(&daemon, STREAM) == 5, "{}", said(&again));
}

#[test]
fn another_file_is_sent_once_through_kills_of_the_sender_and_the_daemon() {
    const LINES: u64 = 30_000;
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let mut daemon = TestDaemon::start_with(&state, TOML, &[]);
    let file = dir.path().join("numbers.log");
    let write = |day: u64, lines: u64| {
        let text: String = (0..lines).map(|n| format!("day-{day}-{}\n", n % 97)).collect();
        std::fs::write(&file, text).unwrap();
    };
    write(1, 100);
    assert!(send(&daemon, &file, &["--format", "lines"]).status.success());
    write(2, LINES);
    for kill in 1..=4 {
        let args = ["send", file.to_str().unwrap(), "--stream", STREAM, "--format", "lines"];
        let sender = daemon.client(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut sender = TestProgram(sender);
        wait_for(&daemon, STREAM, 100 + LINES * kill / 8);
        sender.0.kill().unwrap();
        sender.0.wait().unwrap();
        if kill % 2 == 0 {
            daemon.kill_and_restart(&state, TOML);
        }
    }
    write(2, LINES + 10);
    let sent = send(&daemon, &file, &["--format", "lines"]);
    assert!(sent.status.success() && said(&sent).contains("resumes after"), "{}", said(&sent));
    let learnt = learnt(&daemon);
    let second: Vec<&String> = learnt.iter().skip(100).collect();
    assert_eq!(second.len() as u64, LINES + 10);
    let wrong = second.iter().zip(0u64..).find(|(line, n)| ***line != format!("day-2-{}", n % 97));
    assert_eq!(wrong, None, "each line is learnt once, in its order");
}
