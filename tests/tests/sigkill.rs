//! SIGKILL at random instants, under load from several connections and with checkpoints going on: nothing that was
//! acknowledged is missing, nothing is learnt twice, and every state is that of an uninterrupted run. Some kills fall
//! into a start, while the log of before is learnt again.
//!
//! `SURMISE_TRIALS=1000 cargo test --release -p surmise-tests --test sigkill -- --nocapture` kills so often.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};
use surmise_tests::{Random, TestDaemon, surmise};

/// Kills, unless `SURMISE_TRIALS` says how many.
const TRIALS_DEFAULT: u64 = 10;
/// Kills of one directory; then it is held against uninterrupted runs, and the next one begins.
const KILLS_OF_A_DIRECTORY: u64 = 25;
/// Events that a producer sends ahead of the acknowledgements.
const BURST_EVENTS: u64 = 20;
/// Producers, each with a connection of its own.
const PRODUCERS: u64 = 3;
/// The stream of all producers. In which order their events come is chance, so only their number is compared.
const SHARED: &str = "shared";

/// Checkpoints so often that kills fall before, between and after them.
const TOML: &str = "checkpoint_events = 400\ncheckpoint_interval = \"150ms\"\n[model]\nmemory_mib = 1\n\
                    network = \"small\"\nkeys = 40\n";

/// The streams that only one producer sends to.
fn streams(producer: u64) -> [String; 2] {
    [format!("clicks-{producer}"), format!("levels-{producer}")]
}

/// The stream of an event of a producer, and the event.
fn event(producer: u64, seq: u64) -> (String, Value) {
    let mut random = Random::new((producer << 32) + seq);
    random.bits();
    let [clicks, levels] = streams(producer);
    let key = format!("k{}", random.below(90));
    match random.below(10) {
        0 => (SHARED.into(), json!({"key": key, "data": "visit"})),
        1..=3 => (levels, json!({"key": key, "data": {"level": (seq % 40) as f64 / 4.0, "n": random.below(5)}})),
        4 if random.below(6) == 0 => (clicks, json!({"key": key, "end": true})),
        _ => (clicks, json!({"key": key, "data": format!("/p{}", (seq * seq + random.below(2)) % 7)})),
    }
}

/// What a producer knows, whatever happens to the daemon.
#[derive(Default)]
struct Producer {
    number: u64,
    acknowledged: u64,
    sent: u64,
}

impl Producer {
    /// Connects and sends events up to `last`, in bursts, until all are acknowledged. `None` if the daemon died.
    fn send_up_to(&mut self, tcp: &str, last: u64) -> Option<()> {
        let mut out = TcpStream::connect(tcp).ok()?;
        out.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        let mut lines = BufReader::new(out.try_clone().ok()?);
        let mut receive = || -> Option<Value> {
            let mut line = String::new();
            match lines.read_line(&mut line) {
                Ok(read) if read > 0 && line.ends_with('\n') => Some(serde_json::from_str(&line).expect("JSON")),
                Ok(_) => None,
                Err(e) => {
                    assert_ne!(e.kind(), std::io::ErrorKind::WouldBlock, "no answer for a minute");
                    None
                }
            }
        };
        let name = format!("p{}", self.number);
        let hello = json!({"hello": {"protocol": 1, "producer": name, "epoch": 1, "want": ["ack"]}});
        writeln!(out, "{hello}").ok()?;
        let welcome = receive()?;
        // it may resume before what was acknowledged: what is in the log is recognised
        let mut from = welcome["welcome"]["committed_seq"].as_u64().unwrap_or(0) + 1;
        assert!(from <= self.sent + 1, "{welcome}: only {} were sent", self.sent);
        self.acknowledged = self.acknowledged.max(from - 1);
        while from <= last {
            let to = last.min(from + BURST_EVENTS - 1);
            let line = |seq| {
                let (stream, mut event) = event(self.number, seq);
                (event["seq"], event["stream"]) = (seq.into(), stream.into());
                format!("{event}\n")
            };
            let text: String = (from..=to).map(line).collect();
            self.sent = self.sent.max(to);
            out.write_all(text.as_bytes()).ok()?;
            loop {
                let reply = receive()?;
                assert!(reply.get("error").is_none(), "{reply}");
                let Some(acknowledged) = reply["ack"].as_u64() else { continue };
                assert!(acknowledged <= self.sent, "{reply}: only {} were sent", self.sent);
                self.acknowledged = self.acknowledged.max(acknowledged);
                if acknowledged >= to {
                    break;
                }
            }
            from = to + 1;
        }
        Some(())
    }
}

/// What was counted of a campaign.
#[derive(Debug, Default)]
struct Campaign {
    kills: u64,
    /// Those before the daemon was ready.
    kills_at_start: u64,
    /// Those while events were sent and not acknowledged.
    kills_in_flight: u64,
    events: u64,
    checkpoints: u64,
    states_compared: u64,
}

/// Kills one daemon `kills` times, then holds its streams against uninterrupted runs.
fn round(random: &mut Random, kills: u64, counted: &mut Campaign) {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let mut producers: Vec<Producer> =
        (0..PRODUCERS).map(|number| Producer { number, ..Producer::default() }).collect();
    let mut daemon = TestDaemon::start_with(&state, TOML, &[]);
    for _ in 0..kills {
        counted.kills += 1;
        if random.below(5) == 0 {
            // a start is killed, and no start of a daemon was waited for
            daemon.kill();
            daemon = TestDaemon::spawn(&state, TOML, &[]);
            std::thread::sleep(Duration::from_micros(random.below(60_000)));
            counted.kills_at_start += 1;
        } else {
            let (tcp, life) = (daemon.tcp.clone(), Duration::from_micros(20_000 + random.below(380_000)));
            std::thread::scope(|scope| {
                for producer in &mut producers {
                    scope.spawn(|| assert!(producer.send_up_to(&tcp, u64::MAX).is_none()));
                }
                std::thread::sleep(life);
                daemon.kill();
            });
            counted.kills_in_flight += u64::from(producers.iter().any(|p| p.sent > p.acknowledged));
        }
        daemon.kill_and_restart(&state, TOML);
    }
    for producer in &mut producers {
        let last = producer.sent;
        producer.send_up_to(&daemon.tcp, last).expect("nobody kills it now");
        counted.events += last;
    }
    compare(dir.path(), &daemon, &producers, counted);
}

/// Every stream has learnt each event that was sent once, in its order.
fn compare(dir: &Path, daemon: &TestDaemon, producers: &[Producer], counted: &mut Campaign) {
    let mut shared = 0;
    for producer in producers {
        let events: Vec<(String, Value)> = (1..=producer.sent).map(|seq| event(producer.number, seq)).collect();
        shared += events.iter().filter(|(of, _)| *of == SHARED).count();
        for stream in streams(producer.number) {
            let of_stream = events.iter().filter(|(of, _)| *of == stream);
            let text: String = of_stream.map(|(_, event)| format!("{event}\n")).collect();
            let expected = uninterrupted(&dir.join("events.ndjson"), &text);
            let (_, status) = daemon.get(&format!("/api/v1/streams/{stream}"));
            assert_eq!(status["offset"], expected["events"], "{stream}: an event is missing, or learnt twice");
            assert_eq!(Value::from(daemon.hash(&stream)), expected["state_hash"], "{stream}: another state");
            counted.checkpoints += status["checkpoint"]["generation"].as_u64().unwrap_or(0);
            counted.states_compared += 1;
        }
    }
    let (_, status) = daemon.get(&format!("/api/v1/streams/{SHARED}"));
    assert_eq!(status["offset"], shared, "{SHARED}: an event is missing, or learnt twice");
}

/// What a replay of events says, which nothing interrupts.
fn uninterrupted(file: &Path, text: &str) -> Value {
    std::fs::write(file, text).unwrap();
    let how = "--format ndjson --output json --set keys=40 --set memory_mib=1 --set network=small";
    let out = surmise(["replay", file.to_str().unwrap()].into_iter().chain(how.split(' ')));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn killed_again_and_again_it_learns_everything_once() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let (trials, seed) = (number("SURMISE_TRIALS").unwrap_or(TRIALS_DEFAULT), number("SURMISE_SEED").unwrap_or(1));
    let (mut random, mut counted, start) = (Random::new(seed), Campaign::default(), Instant::now());
    while counted.kills < trials {
        let kills = KILLS_OF_A_DIRECTORY.min(trials - counted.kills);
        round(&mut random, kills, &mut counted);
        eprintln!("seed {seed}, {:.0} s: {counted:?}", start.elapsed().as_secs_f64());
    }
    assert!(counted.kills_in_flight > 0 && counted.checkpoints > 0, "{counted:?}");
}
