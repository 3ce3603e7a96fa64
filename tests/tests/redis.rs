//! Streams of a real Redis server, with kills of the daemon and of the server, where a machine has it (Debian's package
//! `redis-server`).
#![allow(missing_docs)]

use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use surmise_fixtures::{TestProgram, free_port, skipped};
use surmise_tests::sourced::{events, offset, source, wait_for, wait_until};
use surmise_tests::{LocalCertificate, TestDaemon, command};

/// Entries of a run.
const ENTRIES: u64 = 100_000;
/// Entries that one `redis-cli --pipe` adds.
const BATCH: u64 = 5_000;
const PASSWORD: &str = "hidden-in-every-place";

fn is_there() -> bool {
    let asked = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// A Redis server that asks for a password and writes everything to its file.
struct Redis {
    port: String,
    program: TestProgram,
}

impl Redis {
    fn start(dir: &Path, port: String) -> Redis {
        std::fs::create_dir_all(dir).unwrap();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]);
        command.args(["--requirepass", PASSWORD, "--dir"]).arg(dir).stdout(Stdio::null()).stderr(Stdio::null());
        let redis = Redis { port, program: TestProgram(command.spawn().unwrap()) };
        let start = Instant::now();
        while redis.ask(&["PING"]).trim() != "PONG" {
            assert!(start.elapsed() < Duration::from_secs(20), "redis-server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        redis
    }

    /// SIGKILL, and another one with the same file at the same port.
    fn kill_and_restart(mut self, dir: &Path) -> Redis {
        let port = self.port.clone();
        self.program.0.kill().unwrap();
        self.program.0.wait().unwrap();
        Redis::start(dir, port)
    }

    fn cli(&self) -> Command {
        let mut command = Command::new("redis-cli");
        command.env("REDISCLI_AUTH", PASSWORD).args(["-p", &self.port]);
        command
    }

    fn ask(&self, words: &[&str]) -> String {
        let out = self.cli().args(words).stderr(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// Adds entries to a stream, as `redis-cli --pipe` does, and says that all of them were taken.
    fn add(&self, stream: &str, from: u64, to: u64) {
        let mut cli = self.cli().arg("--pipe").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = (from..to).map(|n| format!("XADD {stream} * n {n} user user-{} page /p{}\r\n", n % 40, n % 7));
        cli.stdin.take().unwrap().write_all(lines.collect::<String>().as_bytes()).unwrap();
        let out = cli.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success() && told.contains(&format!("errors: 0, replies: {}", to - from)), "{told}");
    }

    fn config(&self, more: &str) -> String {
        let model = "[model]\nnetwork = \"off\"\nmemory_mib = 4\n";
        let url = format!("redis://:{PASSWORD}@127.0.0.1:{}/0", self.port);
        format!("{model}[sources.redis.shop]\nurl = \"{url}\"\nread = [\"orders\"]\n{more}")
    }
}

fn hash(daemon: &TestDaemon, stream: &str) -> Value {
    daemon.get(&format!("/api/v1/streams/{stream}/hash")).1["state_hash"].clone()
}

#[test]
fn entries_are_learnt_once_through_kills_of_the_daemon_and_of_the_server() {
    if !is_there() {
        return skipped("entries of Redis", "redis-server (Debian's package of that name) is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let (there, data) = (dir.path().join("redis"), dir.path().join("data"));
    let mut redis = Redis::start(&there, free_port().to_string());
    let toml = redis.config("key_field = \"user\"\n");
    let mut daemon = TestDaemon::start_with(&data, &toml, &[]);
    for (part, from) in (0..ENTRIES).step_by(BATCH as usize).enumerate() {
        redis.add("orders", from, from + BATCH);
        match part {
            // whatever it has of them then, in the middle of a commit or not
            3 | 9 | 15 => {
                daemon.kill();
                daemon = TestDaemon::start_with(&data, &toml, &[]);
            }
            6 | 12 => redis = redis.kill_and_restart(&there),
            _ => {}
        }
    }
    wait_for(&daemon, "shop", ENTRIES);
    let interrupted = hash(&daemon, "shop");
    let all = events(&daemon, "shop", ENTRIES);
    let wrong = all.iter().enumerate().find(|(n, event)| event["data"]["n"] != *n as f64);
    assert_eq!(wrong, None, "the entries are those that were added, in order, each once");
    assert_eq!((&all[41]["key"], &all[41]["data"]["page"]), (&"user-1".into(), &"/p6".into()));
    // the id's time is the event's
    let first = redis.ask(&["XRANGE", "orders", "-", "+", "COUNT", "1"]);
    let milliseconds = first.trim_start_matches(|c: char| !c.is_ascii_digit()).split('-').next().unwrap().to_owned();
    let time = all[0]["time"].as_str().unwrap().trim_end_matches('Z');
    let fraction = time.split_once('.').map_or("", |(_, fraction)| fraction);
    assert_eq!(format!("{fraction:0<3}"), milliseconds[milliseconds.len() - 3..], "{time} is that of {first}");
    wait_until(&daemon, "no lag", |daemon| source(daemon)["lag_seconds"] == 0.0);
    let status = source(&daemon);
    assert_eq!((&status["state"], &status["gaps"]), (&"reading".into(), &Value::Null), "{status}");
    assert_eq!(status["inputs"][0]["position"], status["inputs"][0]["newest"], "{status}");
    daemon.kill();
    // one that is never interrupted learns the same from the same server
    let daemon = TestDaemon::start_with(&dir.path().join("again"), &toml, &[]);
    wait_for(&daemon, "shop", ENTRIES);
    assert_eq!(hash(&daemon, "shop"), interrupted);
}

#[test]
fn the_password_is_shown_nowhere() {
    if !is_there() {
        return skipped("the password of a Redis server", "redis-server is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let redis = Redis::start(&dir.path().join("redis"), free_port().to_string());
    redis.add("orders", 0, 100);
    let wrong = redis.config("").replace(PASSWORD, "another-that-is-hidden");
    let daemon = TestDaemon::start_with(&data, &wrong, &[("RUST_LOG", "debug")]);
    wait_until(&daemon, "refused", |daemon| source(daemon)["state"] == "failing");
    let error = source(&daemon)["errors"][0].as_str().unwrap().to_owned();
    assert!(error.starts_with("redis://…@127.0.0.1:") && error.contains("tried again"), "{error}");
    let mut told = vec![error, daemon.text("/api/v1/config"), daemon.text("/api/v1/sources"), daemon.text("/metrics")];
    drop(daemon);
    let daemon = TestDaemon::start_with(&data, &redis.config(""), &[("RUST_LOG", "debug")]);
    wait_for(&daemon, "shop", 100);
    told.extend([daemon.text("/api/v1/config"), daemon.text("/api/v1/sources")]);
    assert!(told[4].contains("redis://…@127.0.0.1"), "{}", told[4]);
    for words in [["config", "show"], ["config", "diff"]] {
        let out =
            command("surmise").args(words).args(["--server", &format!("http://{}", daemon.http)]).output().unwrap();
        told.push(String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr));
    }
    told.push(std::fs::read_to_string(data.with_extension("log")).unwrap());
    assert!(told.iter().all(|text| !text.contains("hidden")), "{told:?}");
}

#[test]
fn what_is_trimmed_before_it_is_read_is_told_and_counted() {
    if !is_there() {
        return skipped("gaps in streams of Redis", "redis-server is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let redis = Redis::start(&dir.path().join("redis"), free_port().to_string());
    let toml = redis.config("same_names = true\n").replace("[\"orders\"]", "[\"orders\", \"odd\"]");
    redis.add("orders", 0, 50);
    // from before the beginning: not missed
    redis.ask(&["XTRIM", "orders", "MAXLEN", "30"]);
    let mut daemon = TestDaemon::start_with(&data, &toml, &[]);
    wait_for(&daemon, "orders", 30);
    assert_eq!(source(&daemon)["gaps"], Value::Null, "{}", source(&daemon));
    daemon.kill();
    redis.add("orders", 50, 80);
    redis.ask(&["XTRIM", "orders", "MAXLEN", "10"]);
    let daemon = TestDaemon::start_with(&data, &toml, &[]);
    wait_for(&daemon, "orders", 40);
    let status = source(&daemon);
    let told = status["last_gap"].as_str().unwrap_or_default();
    assert!(status["gaps"] == 1 && told.starts_with("orders: ") && told.contains("trimmed"), "{status}");
    assert!(daemon.text("/metrics").contains("surmise_source_gaps_total{source=\"shop\"} 1"));
    // ids that a client makes itself
    redis.ask(&["XADD", "odd", "0-7", "n", "1"]);
    redis.ask(&["XADD", "odd", "5-1", "n", "2"]);
    redis.ask(&["XADD", "odd", "9999999999999999-0", "n", "3"]);
    wait_until(&daemon, "an id beyond", |daemon| source(daemon)["state"] == "failing");
    let status = source(&daemon);
    assert!(status["errors"][0].as_str().unwrap().contains("9999999999999999-0"), "{status}");
    assert_eq!(status["inputs"][1]["position"], "5-1", "{status}");
    // the other stream is read on
    redis.add("orders", 80, 90);
    wait_for(&daemon, "orders", 50);
    redis.ask(&["DEL", "odd"]);
    redis.ask(&["XADD", "odd", "1-1", "n", "1"]);
    wait_until(&daemon, "begun anew", |daemon| {
        source(daemon)["errors"][0].as_str().is_some_and(|error| error.contains("ends at 1-1, before 5-1"))
    });
    redis.ask(&["XADD", "odd", "6-1", "n", "3"]);
    wait_until(&daemon, "higher ids", |daemon| source(daemon)["state"] == "reading" && offset(daemon, "odd") == 3);
}

#[test]
fn a_field_may_hold_the_event_and_reading_may_begin_with_what_comes() {
    if !is_there() {
        return skipped("JSON in entries of Redis", "redis-server is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let redis = Redis::start(&dir.path().join("redis"), free_port().to_string());
    redis.ask(&["XADD", "orders", "*", "data", "{\"total\":1}"]);
    let toml = redis.config("from = \"new\"\njson_field = \"data\"\nkey_field = \"user\"\n");
    let mut daemon = TestDaemon::start_with(&data, &toml, &[]);
    wait_until(&daemon, "connected", |daemon| source(daemon)["state"] == "reading");
    for json in ["{\"user\":\"ann\",\"total\":5}", "{\"user\":", "{\"user\":\"bob\",\"total\":6,\"ts\":1764408000}"] {
        redis.ask(&["XADD", "orders", "*", "n", "1", "data", json]);
    }
    redis.ask(&["XADD", "orders", "*", "n", "1"]);
    wait_until(&daemon, "refused", |daemon| source(daemon)["refused"] == 2 && offset(daemon, "shop") == 2);
    let all = events(&daemon, "shop", 2);
    assert_eq!((&all[0]["key"], &all[0]["data"]), (&"ann".into(), &serde_json::json!({"total": 5.0})));
    assert_eq!(all[1]["time"], "2025-11-29T09:20:00Z");
    assert!(source(&daemon)["last_refusal"].as_str().unwrap().starts_with("orders: "), "{}", source(&daemon));
    daemon.kill();
    redis.ask(&["XADD", "orders", "*", "data", "{\"user\":\"ann\",\"total\":7}"]);
    let daemon = TestDaemon::start_with(&data, &toml, &[]);
    wait_for(&daemon, "shop", 3);
    assert_eq!(events(&daemon, "shop", 3)[2]["data"]["total"], 7.0, "what came while nobody read is read");
}

#[test]
fn tls_is_spoken_with_a_server_that_the_system_trusts() {
    let dir = tempfile::tempdir().unwrap();
    if !is_there() || LocalCertificate::make(dir.path()).is_none() {
        return skipped("Redis over TLS", "redis-server or openssl is not installed");
    }
    let port = free_port().to_string();
    let mut server = Command::new("redis-server");
    server.args("--port 0 --tls-cert-file cert.pem --tls-key-file key.pem --tls-ca-cert-file cert.pem".split(' '));
    server.args(["--tls-auth-clients", "no", "--tls-port", &port, "--save", ""]).current_dir(dir.path());
    let _server = TestProgram(server.stdout(Stdio::null()).spawn().unwrap());
    let url = format!("rediss://localhost:{port}");
    let toml = format!("[model]\nnetwork = \"off\"\n[sources.redis.shop]\nurl = \"{url}\"\nread = [\"orders\"]\n");
    let certificate = dir.path().join("cert.pem").display().to_string();
    let add = || {
        let mut cli = Command::new("redis-cli");
        cli.args(["--tls", "--cacert", &certificate, "-h", "localhost", "-p", &port, "XADD", "orders", "*", "n", "1"]);
        cli.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    };
    let start = Instant::now();
    while !add() {
        assert!(start.elapsed() < Duration::from_secs(20), "redis-server does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    let data = dir.path().join("data");
    let stranger = TestDaemon::start_with(&data, &toml, &[]);
    wait_until(&stranger, "not trusted", |daemon| source(daemon)["state"] == "failing");
    drop(stranger);
    let daemon = TestDaemon::start_with(&data, &toml, &[("SSL_CERT_FILE", &certificate)]);
    wait_for(&daemon, "shop", 1);
}
