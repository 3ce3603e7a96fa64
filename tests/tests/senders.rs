//! Programs that send, which are killed while they do, and the daemon with them: 100,000 events end up in the stream
//! once each, in the state of a run that nothing disturbed, or as far as the guarantee of the sender goes.
#![allow(missing_docs)]

use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use surmise_fixtures::TestProgram;
use surmise_tests::sourced::{events, offset, wait_for};
use surmise_tests::{Random, TestDaemon, example};

/// Events of a run.
const EVENTS: u64 = 100_000;
/// The stream of a run.
const STREAM: &str = "requests";
/// A small model, with checkpoints before, between and after the kills.
const TOML: &str = "checkpoint_events = 15000\n[model]\nnetwork = \"off\"\nmemory_mib = 1\n";

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Killed {
    Daemon,
    Sender,
    Both,
}

/// Who is killed after each fifth of the events.
const KILLS: [Killed; 4] = [Killed::Daemon, Killed::Sender, Killed::Both, Killed::Daemon];

fn run(mut command: Command) -> TestProgram {
    TestProgram(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// Has a program send all events to a daemon while it, the daemon or both are killed and started again, and returns the
/// daemon when all are durable.
fn send_all(dir: &Path, kills: &[Killed], sender: &dyn Fn(&TestDaemon) -> Command) -> TestDaemon {
    let mut daemon = TestDaemon::start_with(dir, TOML, &[]);
    let mut sending = run(sender(&daemon));
    for (part, killed) in (1..).zip(kills) {
        wait_for(&daemon, STREAM, EVENTS * part / (kills.len() as u64 + 1));
        assert_eq!(sending.0.try_wait().unwrap(), None, "it sends when it is killed");
        if *killed != Killed::Daemon {
            sending.0.kill().unwrap();
            sending.0.wait().unwrap();
        }
        if *killed != Killed::Sender {
            daemon.kill_and_restart(dir, TOML);
        }
        if *killed != Killed::Daemon {
            sending = run(sender(&daemon));
        }
    }
    assert!(sending.0.wait().unwrap().success(), "all are acknowledged");
    assert_eq!(offset(&daemon, STREAM), EVENTS, "an event is missing, or learnt twice");
    daemon
}

/// Holds a sender that numbers its events to what it promises: killed or not, it and the daemon end alike.
fn hold_exactly_once(sender: &dyn Fn(&TestDaemon) -> Command) -> TestDaemon {
    let dir = tempfile::tempdir().unwrap();
    let disturbed = send_all(&dir.path().join("disturbed"), &KILLS, sender);
    let undisturbed = send_all(&dir.path().join("undisturbed"), &[], sender);
    assert_eq!(disturbed.hash(STREAM), undisturbed.hash(STREAM), "another state");
    disturbed
}

fn event(number: u64) -> Value {
    let mut random = Random::new(number);
    random.bits();
    let data = json!({"page": format!("/p{}", (number * number + random.below(2)) % 7), "n": number});
    json!({"key": format!("user-{}", random.below(20)), "data": data})
}

/// Writes all events as a file of lines.
fn write_events(dir: &Path) -> PathBuf {
    let file = dir.join("requests.ndjson");
    let text: String = (0..EVENTS).map(|number| format!("{}\n", event(number))).collect();
    std::fs::write(&file, text).unwrap();
    file
}

/// The stream has so many events, each of which is the one that was sent at its place: what is sent begins anew after
/// `again` of them.
fn hold_each(daemon: &TestDaemon, count: u64, again: u64, is_sent: impl Fn(&Value, u64) -> bool) {
    let learnt = events(daemon, STREAM, count);
    let place = |n: u64| if n < again { n } else { n - again };
    let wrong = learnt.iter().zip(0..count).find(|(learnt, n)| !is_sent(learnt, place(*n)));
    assert_eq!(wrong, None, "the events are those that were sent, in order, each once");
}

/// Whether an event of the stream is the one of a number.
fn is_event(learnt: &Value, number: u64) -> bool {
    learnt["data"]["n"].as_f64() == Some(number as f64)
}

#[test]
fn a_file_that_is_sent_is_learnt_once_through_kills_of_the_sender_and_the_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_events(dir.path());
    let daemon = hold_exactly_once(&|daemon| daemon.client(&["send", file.to_str().unwrap(), "--stream", STREAM]));
    hold_each(&daemon, EVENTS, EVENTS, is_event);
    // sent once more, all of it is there already
    assert!(daemon.surmise(&["send", file.to_str().unwrap(), "--stream", STREAM]).status.success());
    assert_eq!(offset(&daemon, STREAM), EVENTS);
}

#[test]
fn what_the_rust_client_sends_is_learnt_once_through_kills_of_its_program_and_the_daemon() {
    let daemon = hold_exactly_once(&|daemon| {
        let mut command = Command::new(example("send"));
        command.args([&daemon.tcp, &EVENTS.to_string()]);
        command
    });
    assert_eq!(daemon.get(&format!("/api/v1/streams/{STREAM}")).1["keys"], 5);
}

/// The text of a file, as it comes by a pipe.
fn piped(file: &Path) -> Stdio {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut file = File::open(file).unwrap();
    // who reads may be killed before it has read all
    std::thread::spawn(move || drop(std::io::copy(&mut file, &mut writer)));
    reader.into()
}

/// `surmise send` of standard input, under a new name every time or always the same.
fn send_input(daemon: &TestDaemon, file: &Path, name: Option<&str>) -> Command {
    let mut command = daemon.client(&["send", "-", "--format", "ndjson", "--stream", STREAM]);
    command.args(name.iter().flat_map(|name| ["--producer", name])).stdin(piped(file));
    command
}

/// Who gives standard input a name and sends the same from its beginning again is known.
#[test]
fn standard_input_with_a_name_is_learnt_once_through_kills_of_the_sender_and_the_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_events(dir.path());
    let daemon = hold_exactly_once(&|daemon| send_input(daemon, &file, Some("feed")));
    hold_each(&daemon, EVENTS, EVENTS, is_event);
}

/// Without a name nothing is lost or learnt twice while the daemon is killed, and what a sender that is killed has not
/// sent is lost with it: the stream has the beginning of what it read, and who sends it again has it learnt again.
#[test]
fn standard_input_without_a_name_outlives_the_daemon_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_events(dir.path());
    let data = dir.path().join("data");
    let daemon = send_all(&data, &[Killed::Daemon, Killed::Daemon], &|daemon| send_input(daemon, &file, None));
    hold_each(&daemon, EVENTS, EVENTS, is_event);
    let data = dir.path().join("killed");
    let mut daemon = TestDaemon::start_with(&data, TOML, &[]);
    let mut sending = run(send_input(&daemon, &file, None));
    wait_for(&daemon, STREAM, EVENTS / 2);
    assert_eq!(sending.0.try_wait().unwrap(), None, "it sends when it is killed");
    drop(sending);
    let durable = offset(&daemon, STREAM);
    daemon.kill_and_restart(&data, TOML);
    let first = offset(&daemon, STREAM);
    assert!((durable..EVENTS).contains(&first), "{first} events, and {durable} were durable");
    assert!(run(send_input(&daemon, &file, None)).0.wait().unwrap().success());
    hold_each(&daemon, first + EVENTS, first, is_event);
}

/// `producer | surmise`, where a daemon runs.
#[test]
fn lines_behind_a_pipe_are_learnt_once_through_kills_of_the_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lines.log");
    let line = |number: u64| format!("GET /item {number} took {} ms", number * number % 40);
    std::fs::write(&file, (0..EVENTS).map(|number| line(number) + "\n").collect::<String>()).unwrap();
    let daemon = send_all(&dir.path().join("data"), &[Killed::Daemon, Killed::Daemon], &|daemon| {
        let mut command = daemon.client(&["pipe", "--stream", STREAM]);
        command.stdin(piped(&file));
        command
    });
    hold_each(&daemon, EVENTS, EVENTS, |learnt, number| learnt["data"] == line(number));
}
