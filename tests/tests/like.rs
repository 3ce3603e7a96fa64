//! A stream that begins like another one, through the real programs and through kills: it has learnt what that one's
//! checkpoint had, and its state is that of a replay which begins so.

use serde_json::Value;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;
use surmise_tests::{Random, TestDaemon, surmise, trials};

const LIKE: &str = "checkpoint_events = 30\n[model]\nnetwork = \"small\"\nmemory_mib = 2\n\
                    [streams.\"web-*\"]\nlike = \"web-1\"\n";
/// Events of the stream that is learnt first.
const FIRST: u64 = 900;
/// Events of the one that begins like it.
const EVENTS: u64 = 100;

fn data(i: u64) -> String {
    format!("{{\"page\":\"/{}\",\"ms\":{}}}", ["home", "list", "item", "cart"][(i % 4) as usize], 20 + i % 4 * 30)
}

fn line(seq: u64) -> String {
    format!("{{\"seq\":{seq},\"key\":\"u{}\",\"data\":{}}}", seq % 3, data(seq))
}

/// A daemon whose stream web-1 has learnt its events and has a checkpoint, and the number of that.
fn with_first(state: &Path) -> (TestDaemon, u64) {
    let d = TestDaemon::start_with(state, LIKE, &[]);
    let body: String = (1..=FIRST).map(|seq| line(seq) + "\n").collect();
    let (status, answer) = d.post("/api/v1/streams/web-1/events?producer=p&epoch=1", body.as_bytes());
    assert_eq!(status, 200, "{answer}");
    let made = d.surmise(&["checkpoint", "create", "--stream", "web-1", "--output", "json"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    (d, made["checkpoints"][0]["generation"].as_u64().unwrap())
}

fn status(d: &TestDaemon, stream: &str) -> Value {
    d.get(&format!("/api/v1/streams/{stream}")).1
}

/// The result of a replay of the second stream's events, with these arguments.
fn replayed(events: &Path, args: &[&str]) -> Value {
    let out = surmise([&["replay", events.to_str().unwrap(), "--output", "json"], args].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn a_stream_begins_with_what_another_has_learnt_whatever_kills_it() {
    let mut random = Random::new(31);
    for trial in 0..trials(6) {
        let dir = tempfile::tempdir().unwrap();
        let (state, file) = (dir.path().join("state"), dir.path().join("first.ckpt"));
        let (mut d, generation) = with_first(&state);
        let (generation, to) = (generation.to_string(), file.to_str().unwrap());
        let exported = d.surmise(&["checkpoint", "export", "web-1", &generation, "--to", to]);
        assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
        let mut w = d.connect();
        w.hello("q", 1, "web-2", &["ack"]);
        (1..=EVENTS).for_each(|seq| w.send(&line(seq)));
        if trial > 0 {
            std::thread::sleep(Duration::from_micros(random.below(40_000)));
            d.kill_and_restart(&state, LIKE);
        }
        let body: String = (1..=EVENTS).map(|seq| line(seq) + "\n").collect();
        let (code, answer) = d.post("/api/v1/streams/web-2/events?producer=q&epoch=1", body.as_bytes());
        assert_eq!(code, 200, "{answer}");
        let second = status(&d, "web-2");
        assert_eq!((&second["offset"], &second["begun_like"]["stream"]), (&EVENTS.into(), &"web-1".into()), "{second}");
        assert_eq!(second["begun_like"]["offset"], FIRST, "trial {trial}");
        assert!(status(&d, "web-1").get("begun_like").is_none(), "a stream does not begin like itself");
        let events = dir.path().join("second.ndjson");
        std::fs::write(&events, (1..=EVENTS).map(|seq| line(seq) + "\n").collect::<String>()).unwrap();
        let like = replayed(&events, &["--like", file.to_str().unwrap()]);
        assert_eq!(d.hash("web-2"), like["state_hash"].as_str().unwrap(), "trial {trial}");
        let fresh = replayed(&events, &["--set", "memory_mib=2", "--set", "network=small"]);
        let bits = |result: &Value| result["loss_bits_per_event"].as_f64().unwrap();
        assert!(bits(&like) < 0.5 * bits(&fresh), "{} bits an event against {}", bits(&like), bits(&fresh));
        let hash = d.hash("web-2");
        d.kill_and_restart(&state, LIKE);
        assert_eq!(d.hash("web-2"), hash, "trial {trial}");
    }
}

#[test]
fn what_was_begun_with_outlives_the_other_stream() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let (mut d, _) = with_first(&state);
    let (code, _) = d.post("/api/v1/streams/web-2/events", (line(1) + "\n").as_bytes());
    assert_eq!(code, 200);
    let hash = d.hash("web-2");
    let gone = d.surmise(&["stream", "delete", "web-1", "--for-good"]);
    assert!(gone.status.success(), "{}", String::from_utf8_lossy(&gone.stderr));
    d.kill_and_restart(&state, LIKE);
    assert_eq!(d.hash("web-2"), hash);
    // reset, it begins with nothing: what it began with is no event of its own
    assert!(d.surmise(&["stream", "reset", "web-2"]).status.success());
    assert!(status(&d, "web-2").get("begun_like").is_none());
}

#[test]
fn what_a_stream_cannot_begin_with_is_found_out_once_however_often_its_first_event_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let (d, _) = with_first(&state);
    for _ in 0..5 {
        let mut socket = std::net::TcpStream::connect(&d.tcp).unwrap();
        let fields = "[{\"name\":\"another\",\"kind\":\"number\"}]";
        let hello = format!("{{\"hello\":{{\"protocol\":1,\"stream\":\"web-3\",\"fields\":{fields}}}}}");
        socket.write_all(format!("{hello}\n{{\"data\":{{}}}}\n").as_bytes()).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut told = String::new();
        socket.read_to_string(&mut told).unwrap();
        assert!(told.contains("\"error\""), "{told}");
    }
    assert_eq!(d.get("/api/v1/streams/web-3").0, 404, "it has never been");
    let log = std::fs::read_to_string(state.with_extension("log")).unwrap();
    assert_eq!(log.matches("the stream begins with nothing").count(), 1, "{log}");
}
