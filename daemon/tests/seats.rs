//! Who keeps a place when all are taken: what works stays, what is idle for long makes room, and refusals are counted.
#![allow(missing_docs)]

mod common;

use common::{Host, Wire};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use surmise_fixtures::free_port;

const SMALL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n";

/// What a counter of connections is, once it is at least one.
fn counted(host: &Host, what: &str, listener: &str, reason: &str) -> f64 {
    let text = host.get_text("/metrics").1;
    let has = |line: &&str| line.contains(&format!("{listener:?}")) && line.contains(&format!("{reason:?}"));
    let mut lines = text.lines().filter(|line| line.starts_with(&format!("surmise_connections_{what}_total{{")));
    let line = lines.find(has).unwrap_or_else(|| panic!("nothing is {what} of {listener} as {reason}: {text}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

/// A time that is longer than `limits.idle_time` here.
fn idle() {
    std::thread::sleep(Duration::from_millis(900));
}

fn begun(host: &Host, producer: &str) -> Wire {
    let mut wire = host.connect();
    wire.hello(json!({"producer": producer, "stream": "s", "want": ["ack"]}));
    wire.say(r#"{"seq":1,"data":"a"}"#);
    wire.until_ack(1);
    wire
}

#[test]
fn the_connection_that_is_idle_for_longest_makes_room_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &format!("{SMALL}[limits]\nconnections = 2\nidle_time = \"600ms\"\n"));
    let (mut first, mut second) = (begun(&host, "first"), begun(&host, "second"));
    let refused = host.connect().hear();
    assert!(refused["error"]["reason"].as_str().unwrap().contains("there are 2 connections"), "{refused}");
    assert!(counted(&host, "refused", "tcp", "listener") >= 1.0);
    idle();
    second.say(r#"{"seq":2,"data":"b"}"#);
    second.until_ack(2);
    let mut third = begun(&host, "third");
    let told = first.hear();
    let reason = told["error"]["reason"].as_str().unwrap();
    assert_eq!((&told["error"]["code"], &told["error"]["fatal"]), (&json!("limit_reached"), &json!(true)));
    assert!(reason.contains("idle for 600ms or longer (limits.idle_time)"), "{reason}");
    assert!(first.closed(), "it has ended");
    assert!(counted(&host, "evicted", "tcp", "idle") >= 1.0);
    for (wire, seq) in [(&mut second, 3), (&mut third, 2)] {
        wire.say(&json!({"seq": seq, "data": "c"}).to_string());
        wire.until_ack(seq);
    }
    // nothing of what it had sent is lost, and it goes on where it was
    drop(third);
    let again = |host: &Host| host.connect().hello(json!({"producer": "first", "stream": "s"}));
    let welcome = (0..100).map(|_| again(&host)).find(|answer| answer["welcome"].is_object()).unwrap();
    assert_eq!(welcome["welcome"]["committed_seq"], 1);
    host.stop();
}

/// A request over a connection that stays.
fn asked(socket: &mut TcpStream, path: &str) -> String {
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).unwrap();
    String::from_utf8(answer.to_vec()).unwrap()
}

#[test]
fn a_connection_of_http_makes_room_between_requests_and_never_in_one() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &format!("{SMALL}[limits]\nconnections = 2\nidle_time = \"600ms\"\n"));
    let connect = || TcpStream::connect(host.running().http_addr().unwrap()).unwrap();
    let mut following = connect();
    assert_eq!(asked(&mut following, "/api/v1/watch"), "HTTP/1.1 200");
    let mut kept = connect();
    assert_eq!(asked(&mut kept, "/api/v1/streams"), "HTTP/1.1 200");
    let mut third = connect();
    assert_eq!(asked(&mut third, "/api/v1/streams"), "HTTP/1.1 503", "all places are taken");
    idle();
    let mut fourth = connect();
    assert_eq!(asked(&mut fourth, "/api/v1/streams"), "HTTP/1.1 200", "the one between requests made room");
    let mut rest = Vec::new();
    kept.read_to_end(&mut rest).unwrap();
    // the feed is an answer that goes on
    let mut fifth = connect();
    assert_eq!(asked(&mut fifth, "/api/v1/streams"), "HTTP/1.1 503");
    following.read_exact(&mut [0; 64]).unwrap();
    assert!(counted(&host, "evicted", "http", "idle") >= 1.0);
    drop(following);
    host.stop();
}

#[test]
fn sources_of_syslog_are_counted_apart_and_so_are_connections_that_get_no_place() {
    let dir = tempfile::tempdir().unwrap();
    let ports = [free_port(), free_port()];
    let source = |name: &str, port: u16| format!("[sources.syslog.{name}]\ntcp = \"127.0.0.1:{port}\"\n");
    let sources = source("a", ports[0]) + &source("b", ports[1]);
    let host = Host::start_with(dir.path(), &format!("{SMALL}[limits]\nconnections = 1\n{sources}"));
    let until = Instant::now() + Duration::from_secs(20);
    let wait = |series: &str, value: f64| {
        while host.metric(series) != value {
            assert!(Instant::now() < until, "{series} is {}", host.metric(series));
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let open = "surmise_connections{listener=\"syslog/a\"}";
    wait(open, 0.0);
    let mut speaking = (0..500).find_map(|_| {
        std::thread::sleep(Duration::from_millis(20));
        TcpStream::connect(("127.0.0.1", ports[0])).ok()
    });
    let speaking = speaking.as_mut().expect("the source listens");
    speaking.write_all(b"<14>1 2026-11-30T00:00:00Z box app - - - it is heard\n").unwrap();
    wait(open, 1.0);
    while host.get("/api/v1/streams/a").1["committed_offset"] != 1 {
        assert!(Instant::now() < until, "{}", host.get("/api/v1/streams").1);
        std::thread::sleep(Duration::from_millis(20));
    }
    // it has spoken, so it stays, and what gets no place is closed
    let mut closed = TcpStream::connect(("127.0.0.1", ports[0])).unwrap();
    closed.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(closed.read(&mut [0; 8]).unwrap_or(0), 0);
    assert!(counted(&host, "refused", "syslog/a", "listener") >= 1.0);
    wait("surmise_connections{listener=\"syslog/b\"}", 0.0);
    wait(open, 1.0);
    host.stop();
}
