//! `tail -f log | surmise`: no daemon, no configuration, and what is odd is told.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use surmise_fixtures::{MadeLog, TestProgram, made_log, skipped};
use surmise_tests::{TestDaemon, command};

/// A port at which nothing listens.
const NOWHERE: &str = "http://127.0.0.1:9";

/// `surmise` behind a pipe, where no daemon runs that it could take for one.
fn piped(args: &[&str]) -> Command {
    let mut c = command("surmise");
    c.args(args).env_remove("SURMISE_SERVER").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    c
}

/// Gives it lines, and waits for its end.
fn fed(mut command: Command, lines: &[String]) -> Output {
    let mut child = command.spawn().expect("surmise can be started");
    let mut input = child.stdin.take().unwrap();
    let text = lines.join("\n") + "\n";
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let out = child.wait_with_output().unwrap();
    let _ = writer.join();
    out
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder in which nothing is left behind.
fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).unwrap().next().is_none()
}

#[test]
fn a_planted_fault_is_told_within_the_first_twenty_lines() {
    let MadeLog { lines, fault, .. } = made_log(3, 6_000);
    let temporary = tempfile::tempdir().unwrap();
    let mut command = piped(&["pipe", "--data", temporary.path().join("state").to_str().unwrap()]);
    command.env("TMPDIR", temporary.path());
    let out = fed(command, &lines);
    let (told, said) = (text(&out.stdout), text(&out.stderr));
    assert!(out.status.success(), "{said}");
    let all: Vec<&str> = said.lines().take(2).chain(told.lines()).take(20).collect();
    assert!(all.iter().any(|line| line.contains("ERROR payment of")), "{said}{told}");
    // one line an incident: the fault has some forty lines, and is one of few
    assert!(told.lines().count() <= 8, "{told}");
    let first = told.lines().find(|line| line.contains("ERROR payment of")).unwrap();
    let began: usize = first.split_whitespace().next().unwrap().parse().unwrap();
    assert!(fault.contains(&began) || fault.contains(&(began + 1)), "{fault:?}: {first}");
    assert!(first.contains("once in "), "{first}");
    let summary = said.lines().find(|line| line.contains("templates")).unwrap();
    assert!(summary.contains(" lines in ") && summary.contains("incident"), "{summary}");
    assert!(said.contains("is kept in"), "{said}");
    // the next run goes on from there: the same lines are known now
    let again = fed(piped(&["pipe", "--data", temporary.path().join("state").to_str().unwrap()]), &lines[..500]);
    assert!(again.status.success() && text(&again.stdout).lines().count() <= 1, "{}", text(&again.stdout));
}

#[test]
fn json_is_for_programs_and_a_private_directory_goes() {
    let MadeLog { lines, .. } = made_log(3, 6_000);
    let temporary = tempfile::tempdir().unwrap();
    let mut command = piped(&["pipe", "--own", "--output", "json"]);
    command.env("TMPDIR", temporary.path());
    let out = fed(command, &lines);
    let said = text(&out.stderr);
    assert!(out.status.success(), "{said}");
    let told: Vec<Value> = text(&out.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (summary, incidents) = told.split_last().unwrap();
    assert_eq!(summary["summary"]["lines"].as_u64(), Some(lines.len() as u64));
    assert!((3..60).contains(&summary["summary"]["templates"].as_u64().unwrap()), "{summary}");
    let begun = incidents.iter().filter(|incident| incident["phase"] == "begins").count() as u64;
    assert_eq!(summary["summary"]["incidents"].as_u64(), Some(begun), "{told:?}");
    assert!(said.contains("thrown away"), "{said}");
    assert!(is_empty(temporary.path()), "something is left behind");
}

/// Lines come one by one, and stop coming, as of `tail -f`: what is odd is told while the input is open, and an
/// interrupt ends it in order.
#[test]
fn what_is_odd_is_told_while_more_may_come() {
    let MadeLog { lines, .. } = made_log(3, 6_000);
    let mut child = piped(&["pipe", "--own"]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in &lines {
        writeln!(input, "{line}").unwrap();
    }
    let fault = told.by_ref().map(|line| line.unwrap()).find(|line| line.contains("ERROR payment of"));
    assert!(fault.is_some());
    // the input is still open
    let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let rest: Vec<String> = told.map(|line| line.unwrap()).collect();
    let out = child.wait_with_output().unwrap();
    let said = text(&out.stderr);
    assert!(out.status.success() && said.contains("templates") && said.contains("thrown away"), "{said}{rest:?}");
    drop(input);
}

#[test]
fn a_daemon_that_runs_gets_the_lines() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(&dir.path().join("data"));
    let server = format!("http://{}", daemon.http);
    let MadeLog { lines, .. } = made_log(5, 400);
    let args = ["--server", &server, "--socket", &daemon.tcp, "pipe", "--stream", "log"];
    let out = fed(piped(&args), &lines);
    let said = text(&out.stderr);
    assert!(out.status.success(), "{said}");
    assert!(said.contains("surmised runs at") && said.contains("stays with surmised"), "{said}");
    let (status, stream) = daemon.get("/api/v1/streams/log");
    assert_eq!((status, stream["offset"].as_u64()), (200, Some(lines.len() as u64)));
    assert_eq!(stream["schema"]["fields"][0]["kind"], "line");
}

/// Behind a pipe, no command is this one; a daemon that is named by the environment gets the lines.
#[test]
fn no_command_behind_a_pipe_sends_to_the_daemon_that_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(&dir.path().join("data"));
    let MadeLog { lines, .. } = made_log(3, 6_000);
    let mut command = piped(&[]);
    command.env("SURMISE_SERVER", format!("http://{}", daemon.http)).env("SURMISE_SOCKET", &daemon.tcp);
    let out = fed(command, &lines);
    let (told, said) = (text(&out.stdout), text(&out.stderr));
    assert!(out.status.success() && said.contains("stream stdin"), "{said}");
    assert!(told.lines().any(|line| line.contains("ERROR payment of")), "{told}{said}");
    assert_eq!(daemon.get("/api/v1/streams/stdin").1["offset"].as_u64(), Some(lines.len() as u64));
}

/// Whether a daemon answers where `surmise` looks for one.
fn is_daemon_at_usual_address() -> bool {
    let answer = ureq::get("http://127.0.0.1:7070/-/healthy").call();
    answer.is_ok_and(|mut answer| answer.body_mut().read_to_string().unwrap_or_default().contains("surmised"))
}

/// What a program prints on both of its outputs, as lines, until it has ended.
fn printed(child: &mut Child) -> mpsc::Receiver<String> {
    let (sees, seen) = mpsc::channel();
    let outputs: [Box<dyn Read + Send>; 2] =
        [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
    for output in outputs {
        let sees = sees.clone();
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        std::thread::spawn(move || lines.for_each(|line| drop(sees.send(line))));
    }
    seen
}

/// `tail -f log | surmise` on a fresh machine: no daemon, no home, no settings. A fault that comes while it is followed
/// is within the first twenty lines that are seen.
#[test]
fn tail_of_a_log_tells_a_fault_that_comes_within_the_first_twenty_lines() {
    if is_daemon_at_usual_address() {
        return skipped("tail -f log | surmise without a daemon", "a surmised runs at 127.0.0.1:7070");
    }
    let MadeLog { lines, fault, .. } = made_log(3, 6_000);
    let (home, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = home.path().join("shop.log");
    let (before, after) = lines.split_at(fault.start);
    std::fs::write(&log, before.join("\n") + "\n").unwrap();
    let mut tail = Command::new("tail");
    tail.args(["-n", "+1", "-f"]).arg(&log).stdout(Stdio::piped());
    let mut tail = TestProgram(tail.spawn().unwrap());
    let mut command = piped(&[]);
    command.env_clear().env("HOME", home.path()).env("TMPDIR", temporary.path()).current_dir(home.path());
    let mut surmise = TestProgram(command.stdin(tail.0.stdout.take().unwrap()).spawn().unwrap());
    let seen = printed(&mut surmise.0);
    let (mut first, mut is_grown) = (Vec::<String>::new(), false);
    while first.len() < 20 && !first.iter().any(|line| line.contains("ERROR payment of")) {
        let line = seen.recv_timeout(Duration::from_secs(120));
        first.push(line.unwrap_or_else(|e| panic!("{e}: {first:?}")));
        // it has begun, and the log grows now
        if !is_grown && first.iter().any(|line| line.contains("in this process, as stream stdin")) {
            let mut log = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
            log.write_all((after.join("\n") + "\n").as_bytes()).unwrap();
            is_grown = true;
        }
    }
    let told = first.last().unwrap();
    assert!(told.contains("ERROR payment of") && told.contains("once in "), "{first:?}");
    let began: usize = told.split_whitespace().next().unwrap().parse().unwrap();
    assert!(fault.contains(&began) || fault.contains(&(began + 1)), "{fault:?}: {told}");
    let pid = rustix::process::Pid::from_raw(surmise.0.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = surmise.0.wait().unwrap();
    let rest: Vec<String> = seen.iter().collect();
    assert!(status.success() && rest.iter().any(|line| line.contains("thrown away")), "{rest:?}");
    assert!(is_empty(temporary.path()), "something is left behind");
}

#[test]
fn nothing_is_started_in_place_of_a_daemon_that_was_asked_for() {
    // behind a pipe, no command is this one
    let out = fed(piped(&["--server", NOWHERE]), &["up".to_owned()]);
    assert_eq!(out.status.code(), Some(69), "{}", text(&out.stderr));
    // without a pipe, the help
    let help = surmise_tests::surmise([] as [&str; 0]);
    assert!(help.status.code() == Some(64) && text(&help.stderr).contains("Usage:"));
    // no line at all
    let none = fed(piped(&["pipe", "--data", tempfile::tempdir().unwrap().path().to_str().unwrap()]), &[]);
    assert!(none.status.success(), "{}", text(&none.stderr));
}
