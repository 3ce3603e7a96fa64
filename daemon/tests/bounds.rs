//! What questions, replies and followers may take: bounds that refuse or shorten, and never a full memory.
#![allow(missing_docs)]

mod common;

use common::{Host, Wire, agent};
use serde_json::{Value, json};
use std::io::{BufRead, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const SMALL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n";

#[test]
fn a_question_larger_than_the_bound_is_refused_by_name_and_a_long_answer_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &format!("{SMALL}[limits]\nanswer_values = 3000\n"));
    let body: String = (0..50).map(|i| format!("{{\"data\":{{\"a\":\"v{}\",\"b\":{i}}}}}\n", i % 7)).collect();
    host.post("/api/v1/streams/s/events", &body);
    for (path, field) in [("forecast?horizon=151", "horizon"), ("forecast?horizon=20&top=100", "horizon")] {
        let (status, problem) = host.get(&format!("/api/v1/streams/s/{path}"));
        assert_eq!(
            (status, &problem["field"], &problem["code"]),
            (400, &json!(field), &json!("limit_reached")),
            "{problem}"
        );
        assert!(problem["detail"].as_str().unwrap().contains("limits.answer_values"), "{problem}");
    }
    let (status, answer) = host.get("/api/v1/streams/s/forecast?horizon=150&key=k");
    assert_eq!((status, answer["steps"].as_array().unwrap().len()), (200, 150));
    assert_eq!((&answer["offset"], &answer["key"], &answer["horizon"]), (&json!(50), &json!("k"), &json!(150)));
    host.stop();
}

#[test]
fn a_connection_that_does_not_read_gets_brief_outcomes_and_takes_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let limits = "[limits]\nsession_bytes = \"256KiB\"\n";
    let host = Host::start_with(dir.path(), &format!("{SMALL}{limits}"));
    let mut deaf = host.connect();
    deaf.hello(json!({"producer": "p", "stream": "s", "want": ["ack", "outcome", "next"]}));
    // first small replies, and then, all at once, some of hundreds of kilobytes each
    let small: String = (1..=50).map(|seq| format!("{{\"seq\":{seq},\"data\":\"a\"}}\n")).collect();
    deaf.bytes(small.as_bytes());
    let large: String =
        (51..=400).map(|seq| format!("{{\"seq\":{seq},\"data\":\"{}\"}}\n", format!("{seq}").repeat(1000))).collect();
    deaf.lines.get_ref().set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut writer = deaf.lines.get_ref().try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        writer.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        writer.write_all(large.as_bytes()).unwrap();
    });
    std::thread::sleep(Duration::from_millis(500));
    // once it reads, everything is there, brief or whole
    let replies = deaf.until_ack(400);
    sending.join().unwrap();
    let outcomes: Vec<&Value> = replies.iter().map(|reply| &reply["outcome"]).collect();
    assert_eq!(outcomes.len(), 400);
    for outcome in &outcomes {
        let is_brief = outcome["brief"] == true;
        assert_eq!(outcome["next"].is_null(), is_brief, "{outcome}");
        assert!(outcome["surprise_bits"].is_f64());
    }
    println!("{} of 400 outcomes were brief", outcomes.iter().filter(|o| o["brief"] == true).count());
    host.stop();
}

#[test]
fn a_follower_that_does_not_read_is_told_what_it_missed() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &format!("{SMALL}[limits]\nwatch_bytes = \"64KiB\"\n"));
    host.post("/api/v1/streams/s/events", "\"a\"\n");
    let mut follower = TcpStream::connect(host.running().http_addr().unwrap()).unwrap();
    follower.write_all(b"GET /api/v1/streams/s/watch HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut begun = [0; 12];
    follower.read_exact(&mut begun).unwrap();
    // more than the sockets and the bound hold together
    let line = format!("{{\"data\":\"{}\"}}\n", "x".repeat(4000));
    for _ in 0..60 {
        assert_eq!(host.post("/api/v1/streams/s/events", &line.repeat(100)).0, 200);
    }
    follower.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut lagged = 0;
    let until = Instant::now() + Duration::from_secs(20);
    for line in std::io::BufReader::new(follower).lines() {
        let Ok(line) = line else { break };
        lagged += u64::from(line.contains("\"skipped\""));
        assert!(Instant::now() < until);
    }
    assert!(lagged > 0, "it was told of everything, from memory that it should not have had");
    host.stop();
}

/// Who asks for a large answer and does not read it holds the place of a question; others are told to come back, and
/// are answered when it has left.
#[test]
fn a_long_question_beyond_the_bound_is_refused_with_a_time_to_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), &format!("{SMALL}[limits]\nquestions = 1\n"));
    // an answer of these symbols is more than the buffers of a connection hold
    let symbol = |i: usize| format!("v{}-{}", i % 40, "x".repeat(3_000));
    let body: String = (0..200).map(|i| format!("{{\"data\":\"{}\"}}\n", symbol(i))).collect();
    assert_eq!(host.post("/api/v1/streams/s/events", &body).1["accepted"], 200);
    let mut holder = TcpStream::connect(host.running().http_addr().unwrap()).unwrap();
    let question = "/api/v1/streams/s/forecast?horizon=300&top=40";
    holder.write_all(format!("GET {question} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
    let mut begun = [0; 12];
    holder.read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    let ask = || {
        let mut answer = agent().get(host.url(question)).call().unwrap();
        let again = answer.headers().get("retry-after").map(|seconds| seconds.to_str().unwrap().to_owned());
        (answer.status().as_u16(), again, answer.body_mut().with_config().limit(1 << 30).read_to_string().unwrap())
    };
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        for (status, again, told) in asking.into_iter().map(|asked| asked.join().unwrap()) {
            assert_eq!((status, again.as_deref()), (429, Some("1")), "{told}");
            let problem: Value = serde_json::from_str(&told).unwrap();
            assert_eq!(problem["code"], "limit_reached", "{problem}");
        }
    });
    // events are learnt meanwhile
    let mut wire: Wire = host.connect();
    wire.hello(json!({"producer": "p", "stream": "s"}));
    wire.say(r#"{"seq":1,"data":"v1"}"#);
    wire.until_ack(1);
    drop(holder);
    let start = Instant::now();
    while ask().0 != 200 {
        assert!(start.elapsed() < Duration::from_secs(120), "there is no place for a question again");
    }
    host.stop();
}
