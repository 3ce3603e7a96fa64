//! Programs that send, which are killed while they do, and the daemon with them: 100,000 events end up in the stream
//! once each, in the state of a run that nothing disturbed, or as far as the guarantee of the sender goes.
#![allow(missing_docs)]

use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use surmise_fixtures::{TestProgram, free_port, skipped};
use surmise_tests::sourced::{events, offset, source, wait_for, wait_until};
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

/// Who is killed after each seventh of the events; the rest is long enough that none has left before the last.
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
        wait_for(&daemon, STREAM, EVENTS * part / (kills.len() as u64 + 3));
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

/// Messages of syslog that are sent by one `logger`.
const PART: u64 = 25_000;
/// Messages that a `logger` gets at once.
const PACE_LINES: usize = 500;

/// `logger`, which sends messages over one connection, none of them twice. The last ones come once the gate is open or
/// gone, so that it has not sent all when it is killed.
fn logger(port: u16, part: u64, gate: mpsc::Receiver<()>) -> TestProgram {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let lines: Vec<String> = (part * PART..(part + 1) * PART).map(|n| format!("job {n} is done\n")).collect();
    std::thread::spawn(move || {
        let (first, last) = lines.split_at(lines.len() - PACE_LINES);
        first.chunks(PACE_LINES).try_for_each(|lines| {
            std::thread::sleep(Duration::from_millis(10));
            writer.write_all(lines.concat().as_bytes())
        })?;
        let _ = gate.recv();
        writer.write_all(last.concat().as_bytes())
    });
    let mut command = Command::new("logger");
    command.args(["--server", "127.0.0.1", "--tcp", "--rfc5424", "--octet-count", "--tag", "jobs", "--port"]);
    command.arg(port.to_string()).stdin(reader);
    run(command)
}

/// How many events there are when no more come.
fn settled_offset(daemon: &TestDaemon) -> u64 {
    let mut before = u64::MAX;
    loop {
        let now = offset(daemon, STREAM);
        if now == before {
            return now;
        }
        before = now;
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// The protocol has no acknowledgement: a kill costs what the sender and the system still had, which is the end of a
/// connection. What the log has stays, and nothing is there twice.
#[test]
fn a_kill_costs_syslog_the_end_of_a_connection_and_nothing_is_there_twice() {
    if Command::new("logger").arg("--version").output().is_err() {
        return skipped("syslog under kills", "logger (Debian's package bsdutils) is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let port = free_port();
    let toml = format!("{TOML}[sources.syslog.{STREAM}]\ntcp = \"127.0.0.1:{port}\"\n");
    let mut daemon = TestDaemon::start_with(&data, &toml, &[]);
    for (part, killed) in (0..).zip([Some(Killed::Daemon), Some(Killed::Sender), Some(Killed::Daemon), None]) {
        let before = offset(&daemon, STREAM);
        wait_until(&daemon, "it receives", |daemon| source(daemon)["state"] == "reading");
        let (open, gate) = mpsc::channel();
        let mut sending = logger(port, part, gate);
        let Some(killed) = killed else {
            drop(open);
            assert!(sending.0.wait().unwrap().success());
            wait_for(&daemon, STREAM, before + PART);
            continue;
        };
        wait_for(&daemon, STREAM, before + PART / 3);
        assert_eq!(sending.0.try_wait().unwrap(), None, "it sends when something is killed");
        let durable = offset(&daemon, STREAM);
        if killed == Killed::Daemon {
            daemon.kill_and_restart(&data, &toml);
        }
        drop((sending, open));
        assert!(settled_offset(&daemon) >= durable, "what the log has stays");
    }
    let learnt = events(&daemon, STREAM, offset(&daemon, STREAM));
    let number = |event: &Value| event["data"]["message"].as_str()?.trim().split(' ').nth(1)?.parse::<u64>().ok();
    let numbers: Vec<u64> = learnt.iter().map(|event| number(event).expect("a number")).collect();
    for part in 0..EVENTS / PART {
        let of_part: Vec<u64> = numbers.iter().copied().filter(|n| n / PART == part).collect();
        let is_beginning = of_part.iter().copied().eq(part * PART..part * PART + of_part.len() as u64);
        assert!(is_beginning, "part {part} is not a beginning of what was sent, each once");
        assert!(of_part.len() as u64 >= PART / 3 && (part < 3) == (of_part.len() as u64 != PART), "{}", of_part.len());
    }
}
