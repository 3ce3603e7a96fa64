//! Messages of syslog, from the program that writes them (`logger` of util-linux) and from rsyslog.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::Value;
use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use surmise_fixtures::{TestProgram, free_port, skipped};

/// Messages that rsyslog forwards.
const FORWARDED: usize = 10_000;

/// A port that is free for UDP and TCP now.
fn port() -> u16 {
    loop {
        let port = free_port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn config(socket: &Path, port: u16, more: &str) -> String {
    let address = format!("127.0.0.1:{port}");
    let unix = socket.display();
    format!(
        "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[sources.syslog.hosts]\nudp = \"{address}\"\ntcp = \"{address}\"\n\
         unix = \"{unix}\"\n{more}"
    )
}

/// Starts a daemon, and waits until it receives messages.
fn start(dir: &Path, more: &str) -> Host {
    let host = Host::start_with(dir, more);
    let start = Instant::now();
    while host.get("/api/v1/sources").1["sources"][0]["addresses"].as_array().is_none_or(|all| all.len() < 3) {
        assert!(start.elapsed() < Duration::from_secs(10), "{}", host.get("/api/v1/sources").1);
        std::thread::sleep(Duration::from_millis(10));
    }
    host
}

/// The events of the stream, once there are so many.
fn learnt(host: &Host, count: usize) -> Vec<Value> {
    let start = Instant::now();
    let offset = || host.get("/api/v1/streams/hosts").1["committed_offset"].as_u64().unwrap_or(0) as usize;
    while offset() < count {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{} of {count}: {}",
            offset(),
            host.get("/api/v1/sources").1
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut events = Vec::new();
    while events.len() < count {
        let answer = host.get(&format!("/api/v1/streams/hosts/events?from={}&count=200", events.len())).1;
        assert_eq!(answer["end"], count, "{answer}");
        events.extend(answer["events"].as_array().unwrap().iter().map(|event| event["event"].clone()));
    }
    events
}

#[test]
fn messages_that_are_not_utf_8_are_mended() {
    let dir = tempfile::tempdir().unwrap();
    let port = port();
    let host = start(&dir.path().join("data"), &config(&dir.path().join("log"), port, ""));
    let sender = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    sender.send_to(b"<13>1 - h p - - - caf\xe9 is open", ("127.0.0.1", port)).unwrap();
    assert_eq!(learnt(&host, 1)[0]["data"]["message"], "caf\u{fffd} is open");
    host.stop();
}

fn is_there(program: &str, version: &str) -> bool {
    Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

fn logger(args: &[&str]) {
    let status = Command::new("logger").args(args).status().unwrap();
    assert!(status.success(), "logger {args:?}: {status}");
}

#[test]
fn messages_of_logger_are_events_whatever_way_they_come() {
    if !is_there("logger", "--version") {
        return skipped("messages of logger", "logger (Debian's package bsdutils) is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let (socket, port) = (dir.path().join("log"), port());
    let host = start(&dir.path().join("data"), &config(&socket, port, "key = \"program\"\n"));
    let (port, path) = (port.to_string(), socket.display().to_string());
    let to = ["--server", "127.0.0.1", "--port", &port, "--tag", "backup", "--priority", "local3.warning"];
    let mut count = 0;
    for way in [
        &["--udp", "--rfc5424"][..],
        &["--udp", "--rfc3164"],
        &["--tcp", "--rfc5424", "--octet-count"],
        &["--tcp", "--rfc5424"],
        &["--tcp", "--rfc3164"],
    ] {
        logger(&[way, &to, &["--id=77", "disk 3 is full"]].concat());
        count += 1;
        // one after the other, as ways have no order among each other
        learnt(&host, count);
    }
    logger(&["--socket", &path, "--tag", "backup", "--priority", "local3.warning", "disk 3 is full"]);
    for event in learnt(&host, count + 1) {
        let data = &event["data"];
        assert_eq!((&event["key"], &data["program"]), (&"backup".into(), &"backup".into()), "{event}");
        assert_eq!((&data["facility"], &data["severity"]), (&"local3".into(), &"warning".into()), "{event}");
        assert_eq!(data["message"], "disk 3 is full", "{event}");
        assert!(event["time"].is_string(), "{event}");
    }
    let schema = host.get("/api/v1/streams/hosts").1["schema"].to_string();
    assert!(schema.contains("{\"kind\":\"line\",\"name\":\"message\"}") || schema.contains("\"line\""), "{schema}");
    host.stop();
    // the socket that is left is no hindrance
    start(&dir.path().join("data"), &config(&socket, port.parse().unwrap(), "")).stop();
}

fn rsyslogd(dir: &Path, port: u16) -> TestProgram {
    let conf = dir.join("rsyslog.conf");
    let (input, spool) = (dir.join("in"), dir.display());
    // disk-assisted, so that rsyslog itself loses nothing while nobody listens
    let text = format!(
        "global(workDirectory=\"{spool}\")\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\n\
         input(type=\"imuxsock\" Socket=\"{}\" RateLimit.Interval=\"0\" UseSysTimeStamp=\"off\")\n\
         action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{port}\" protocol=\"tcp\" TCP_Framing=\"octet-counted\"\n\
         template=\"RSYSLOG_SyslogProtocol23Format\" action.resumeRetryCount=\"-1\" action.resumeInterval=\"1\"\n\
         queue.type=\"LinkedList\" queue.filename=\"fwd\" queue.size=\"{}\")\n",
        input.display(),
        // what does not fit waits on the disk, and is overtaken there
        2 * FORWARDED
    );
    std::fs::write(&conf, text).unwrap();
    let mut command = Command::new("rsyslogd");
    command.arg("-n").arg("-f").arg(&conf).arg("-i").arg(dir.join("pid")).stdout(Stdio::null()).stderr(Stdio::null());
    let running = TestProgram(command.spawn().unwrap());
    let start = Instant::now();
    while !input.exists() {
        assert!(start.elapsed() < Duration::from_secs(20), "rsyslogd does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    running
}

#[test]
fn rsyslog_forwards_everything_while_both_run() {
    if !is_there("rsyslogd", "-v") {
        return skipped("messages of rsyslog", "rsyslogd (Debian's package rsyslog) is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let port = port();
    let host = start(&dir.path().join("data"), &config(&dir.path().join("log"), port, ""));
    let rsyslogd = rsyslogd(dir.path(), port);
    let file = dir.path().join("messages");
    std::fs::write(&file, (0..FORWARDED).map(|n| format!("job {n} is done\n")).collect::<String>()).unwrap();
    let input = dir.path().join("in").display().to_string();
    logger(&["--socket", &input, "--tag", "jobs", "--file", &file.display().to_string()]);
    let events = learnt(&host, FORWARDED);
    // what rsyslog forwards begins with the blank that came before it
    let text = |event: &Value| event["data"]["message"].as_str().unwrap_or_default().trim_start().to_owned();
    let wrong = events.iter().enumerate().find(|(n, event)| text(event) != format!("job {n} is done"));
    assert_eq!(wrong, None);
    drop(rsyslogd);
    host.stop();
}

#[test]
fn silent_connections_make_room_for_one_that_has_something_to_say() {
    let dir = tempfile::tempdir().unwrap();
    let (socket, port) = (dir.path().join("log"), port());
    let host = start(&dir.path().join("data"), &config(&socket, port, "[limits]\nconnections = 8\n"));
    let silent: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    let mut speaking = TcpStream::connect(("127.0.0.1", port)).unwrap();
    speaking.write_all(b"<14>1 2026-11-30T00:00:00Z box app - - - it is heard\n").unwrap();
    assert!(learnt(&host, 1)[0].to_string().contains("it is heard"));
    // and it keeps its seat, whoever comes after it
    let later: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    speaking.write_all(b"<14>1 2026-11-30T00:00:01Z box app - - - it is heard again\n").unwrap();
    assert!(learnt(&host, 2)[1].to_string().contains("it is heard again"));
    drop((silent, later));
    host.stop();
}
