//! Sockets that a service manager has bound: what connects before the daemon starts is answered after.

use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;
use surmise_tests::{TestDaemon, command};

/// Small networks, so that a start is quick. The addresses are not those of the sockets, and nobody binds them.
const CONFIG: &str =
    "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[listen]\nhttp = \"192.0.2.1:1\"\ntcp = \"off\"\ninsecure = true\n";

const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));

/// Says hello, sends an event, and returns what comes back.
fn learn(stream: &mut (impl Read + Write), producer: &str) -> String {
    let hello = json!({"hello": {"protocol": 1, "producer": producer, "epoch": 1, "stream": "s", "want": ["ack"]}});
    stream.write_all(format!("{hello}\n{{\"seq\":1,\"data\":\"a\"}}\n").as_bytes()).unwrap();
    let lines = BufReader::new(stream).lines().take(2);
    lines.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_connects_before_the_daemon_starts_is_answered_after() {
    let dir = tempfile::tempdir().unwrap();
    let (state, path) = (dir.path().join("state"), dir.path().join("given.sock"));
    let (http, tcp) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let unix = UnixListener::bind(&path).unwrap();
    let mut asking = TcpStream::connect(http.local_addr().unwrap()).unwrap();
    asking.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut over_tcp = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    let mut over_unix = UnixStream::connect(&path).unwrap();
    over_tcp.set_read_timeout(PATIENCE).unwrap();
    over_unix.set_read_timeout(PATIENCE).unwrap();
    asking.set_read_timeout(PATIENCE).unwrap();

    let start = |http: &TcpListener, tcp: &TcpListener, unix: &UnixListener| {
        let sockets = [
            OwnedFd::from(unix.try_clone().unwrap()),
            OwnedFd::from(http.try_clone().unwrap()),
            OwnedFd::from(tcp.try_clone().unwrap()),
        ];
        TestDaemon::spawn_given(&state, CONFIG, "unix:http:tcp", sockets)
    };
    let mut d = start(&http, &tcp, &unix);
    let mut answer = String::new();
    asking.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("surmised"), "{answer}");
    for (answer, by) in [(learn(&mut over_tcp, "p"), "TCP"), (learn(&mut over_unix, "q"), "a Unix socket")] {
        assert!(answer.contains("welcome") && answer.contains("\"ack\":1"), "{by}: {answer}");
    }
    // a reload doesn't take the addresses of the file for new ones
    d.http = http.local_addr().unwrap().to_string();
    assert_eq!(d.post("/-/reload", b"").1["needs_restart"], json!([]));
    assert_eq!(d.terminate().code(), Some(0));
    assert!(path.exists(), "the file of the socket is the manager's");

    // while no daemon runs nothing is refused, and the next one goes on
    let mut waiting = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    waiting.set_read_timeout(PATIENCE).unwrap();
    let d = start(&http, &tcp, &unix);
    let answer = learn(&mut waiting, "p");
    assert!(answer.contains("\"committed_seq\":1") && answer.contains("\"duplicates\":1"), "{answer}");
    drop(d);
}

#[test]
fn sockets_of_unknown_names_and_of_anybodys_addresses_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let socket = |address: &str| OwnedFd::from(TcpListener::bind(address).unwrap());
    for (names, address, says) in [
        ("http:tcp:page", "127.0.0.1:0", "a socket named \"page\" was given"),
        ("http:tcp:lines", "0.0.0.0:0", "can be reached from other machines, which needs a token"),
    ] {
        let state = dir.path().join("state");
        let sockets = [socket("127.0.0.1:0"), socket("127.0.0.1:0"), socket(address)];
        assert_eq!(TestDaemon::spawn_given(&state, "", names, sockets).wait().code(), Some(64), "{names}");
        let said = std::fs::read_to_string(state.with_extension("log")).unwrap();
        assert!(said.contains(says), "{said}");
    }
    // what was meant for another process is left alone
    let help = command("surmised").arg("--print-config").envs([("LISTEN_FDS", "9"), ("LISTEN_PID", "1")]).output();
    assert!(help.unwrap().status.success());
}
