//! The program `surmised` as a user starts it: what it leaves open, and how it ends.
#![allow(missing_docs)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts the program on a directory, with a mask that hides nothing.
fn start(dir: &Path, more: &str) -> Child {
    start_writing(dir, more, Stdio::null())
}

/// Starts the program with this standard output.
fn start_writing(dir: &Path, more: &str, stdout: Stdio) -> Child {
    start_after("umask 000", dir, more, stdout)
}

/// Starts the program from a shell that has run a command before.
fn start_after(command: &str, dir: &Path, more: &str, stdout: Stdio) -> Child {
    let script = format!("{command}; exec \"$0\" --config \"$1\"");
    let config = dir.join("surmised.toml");
    let listen = "[listen]\ntcp = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n";
    let data = dir.join("data");
    std::fs::write(&config, format!("{listen}[store]\ndir = {data:?}\n[model]\nnetwork = \"off\"\n{more}")).unwrap();
    let program = env!("CARGO_BIN_EXE_surmised");
    let mut command = Command::new("sh");
    command.args(["-c", &script, program]).arg(config);
    command.stdin(Stdio::null()).stdout(stdout).stderr(std::fs::File::create(dir.join("log")).unwrap());
    command.spawn().unwrap()
}

fn wait_until_ready(dir: &Path) {
    let until = Instant::now() + Duration::from_secs(60);
    while !std::fs::read_to_string(dir.join("log")).unwrap().contains("is ready") {
        assert!(Instant::now() < until, "surmised is not ready");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Ends the program in order, and returns its exit code.
fn terminate(mut child: Child) -> Option<i32> {
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    child.wait().unwrap().code()
}

fn all_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![dir.to_owned()];
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(all_files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn nothing_that_it_makes_is_open_to_others_for_an_instant() {
    let dir = tempfile::tempdir().unwrap();
    // an older release left its directory open
    std::fs::create_dir(dir.path().join("data")).unwrap();
    std::fs::set_permissions(dir.path().join("data"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let socket = dir.path().join("data/surmised.sock");
    let child = start(dir.path(), "");
    let mut seen = 0;
    let until = Instant::now() + Duration::from_secs(60);
    while seen < 1000 && Instant::now() < until {
        if let Ok(meta) = std::fs::metadata(&socket) {
            assert_eq!(meta.permissions().mode() & 0o077, 0, "the socket is open to others");
            seen += 1;
        }
    }
    wait_until_ready(dir.path());
    for path in all_files(&dir.path().join("data")) {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
    assert_eq!(terminate(child), Some(0));
}

#[test]
fn a_fault_of_the_configuration_shows_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    for wrong in [
        "[auth]\ntoken = \"s3cret-token\" oops\n",
        "[auth]\ntoken = \"s3cret-token\n",
        "[auth]\ntoken = 5333\n",
        "[auth]\n\"s3cret-token\" \n",
        "[[auth.tokens]]\nname = \"a\"\nhash = \"s3cret-token\"\nroles = [\"read\"]\n",
        "[[auth.tokens]]\nname = \"a\"\nhash = 5333\nroles = [\"read\"]\n",
    ] {
        let mut child = start(dir.path(), wrong);
        assert_eq!(child.wait().unwrap().code(), Some(64), "{wrong}");
        let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
        assert!(log.contains("configuration") && !log.contains("s3cret") && !log.contains("5333"), "{wrong}: {log}");
    }
}

/// The address of HTTP, as the log has it.
fn http(dir: &Path) -> String {
    let log = std::fs::read_to_string(dir.join("log")).unwrap();
    let address = log.split("a page at ").nth(1).and_then(|rest| rest.split("/;").next());
    address.unwrap_or_else(|| panic!("no address of HTTP: {log}")).to_owned()
}

/// Sends usual events of a stream and an odd one.
fn send_odd(at: &str, stream: &str) {
    let mut body: String = (0..6000).map(|i| format!("{{\"data\":\"{}\"}}\n", ["a", "b", "c"][i % 3])).collect();
    body.push_str("{\"data\":\"never seen\"}\n");
    let request = common::agent().post(format!("{at}/api/v1/streams/{stream}/events"));
    assert_eq!(request.header("Content-Type", "application/x-ndjson").send(&body).unwrap().status(), 200);
}

/// Waits until standard output has come to a result.
fn wait_for(at: &str, result: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    let none = format!("surmise_sink_messages_total{{sink=\"stdout\",result=\"{result}\"}} 0");
    loop {
        let mut answer = common::agent().get(format!("{at}/metrics")).call().unwrap();
        let metrics = answer.body_mut().read_to_string().unwrap();
        if !metrics.contains(&none) {
            return;
        }
        assert!(Instant::now() < until, "nothing is {result}: {metrics}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_full_or_closed_standard_output_holds_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    // as many as a pipe holds
    writer.write_all(&[b'\n'; 65_536]).unwrap();
    let more = "memory_mib = 1\n[alarm]\nbudget = \"1/1000\"\n[export.stdout]\nstreams = [\"web*\"]\n";
    let child = start_writing(dir.path(), more, writer.into());
    wait_until_ready(dir.path());
    let at = http(dir.path());
    send_odd(&at, "web");
    wait_for(&at, "failed");
    send_odd(&at, "other");
    // once it is read it takes what waited
    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    let line: serde_json::Value = serde_json::from_str(&lines.find(|line| !line.is_empty()).unwrap()).unwrap();
    let data = &line["data"];
    assert_eq!((&line["type"], &data["stream"]), (&"incident.begins".into(), &"web".into()));
    assert_eq!((&data["event"]["data"], data["offset"].as_u64()), (&"never seen".into(), Some(6000)));
    drop(lines);
    send_odd(&at, "web2");
    wait_for(&at, "refused");
    assert_eq!(terminate(child), Some(0));
}

#[test]
fn silent_connections_beyond_the_files_that_may_be_open_keep_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let child = start_after("ulimit -n 256", dir.path(), "", Stdio::null());
    wait_until_ready(dir.path());
    let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
    assert!(log.contains("LimitNOFILE="), "it says that it serves fewer: {log}");
    let address = |before: &str| -> SocketAddr {
        let rest = log.split(before).nth(1).unwrap();
        rest[..rest.find([',', ';', '/', ' ']).unwrap()].parse().unwrap()
    };
    let (tcp, http) = (address("events at "), address("http://"));
    let silent: Vec<TcpStream> =
        (0..300).map(|i| TcpStream::connect(if i % 2 == 0 { tcp } else { http }).unwrap()).collect();
    for _ in 0..3 {
        let mut socket = TcpStream::connect(http).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let system =
        common::agent().get(format!("http://{http}/api/v1/system")).call().unwrap().body_mut().read_to_string();
    let system: serde_json::Value = serde_json::from_str(&system.unwrap()).unwrap();
    let mut limits = system["limits"].as_array().unwrap().iter();
    let limit = limits.find(|limit| limit["key"] == "limits.connections").unwrap();
    assert!(
        (1..256).contains(&limit["limit"].as_u64().unwrap()),
        "what holds is told, not what is configured: {limit}"
    );
    let socket = TcpStream::connect(tcp).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let hello = r#"{"hello":{"protocol":1,"stream":"s","producer":"p","epoch":1,"want":["ack"]}}"#;
    (&socket).write_all(format!("{hello}\n{{\"seq\":1,\"data\":\"a\"}}\n").as_bytes()).unwrap();
    let mut lines = BufReader::new(&socket).lines();
    assert!(lines.by_ref().map(Result::unwrap).any(|line| line.contains("\"ack\":1")), "the event is acknowledged");
    drop(silent);
    assert_eq!(terminate(child), Some(0));
}
