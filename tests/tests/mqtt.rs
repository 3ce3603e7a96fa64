//! Messages of a real MQTT broker, with kills of the daemon and restarts of the broker, where a machine has it
//! (Debian's packages `mosquitto` and `mosquitto-clients`).
#![allow(missing_docs)]

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use surmise_fixtures::{free_port, skipped};
use surmise_tests::sourced::{events, offset, source};
use surmise_tests::{LocalCertificate, TestDaemon, command};

/// Messages of a run.
const MESSAGES: u64 = 100_000;
/// Messages that one `mosquitto_pub` publishes.
const BATCH: u64 = 5_000;
const PASSWORD: &str = "hidden:in@every%place";
const ESCAPED: &str = "hidden%3Ain%40every%25place";

fn is_there() -> bool {
    let has = |program: &str| Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
    ["mosquitto", "mosquitto_pub", "mosquitto_passwd"].iter().all(|program| has(program).is_ok())
}

/// A broker that asks for a password and keeps what it has over a restart.
struct Mosquitto {
    dir: PathBuf,
    port: String,
    program: Child,
}

impl Mosquitto {
    fn start(dir: &Path) -> Mosquitto {
        std::fs::create_dir_all(dir).unwrap();
        let port = free_port().to_string();
        let mut made = Command::new("mosquitto_passwd");
        made.args(["-b", "-c"]).arg(dir.join("passwords")).args(["reader", PASSWORD]);
        assert!(made.status().unwrap().success());
        // the broker drops rights if it is root, and then could not read what the test writes
        let text = format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous false\npassword_file {0}/passwords\npersistence true\n\
             persistence_location {0}/\nmax_queued_messages 0\n",
            dir.display()
        );
        std::fs::write(dir.join("mosquitto.conf"), text).unwrap();
        let program = Mosquitto::run(dir);
        let broker = Mosquitto { dir: dir.to_owned(), port, program };
        broker.wait();
        broker
    }

    fn run(dir: &Path) -> Child {
        let mut command = Command::new("mosquitto");
        command.arg("-c").arg(dir.join("mosquitto.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    fn wait(&self) {
        let start = Instant::now();
        while !self.publisher().args(["-t", "test", "-m", "x"]).stderr(Stdio::null()).status().unwrap().success() {
            assert!(start.elapsed() < Duration::from_secs(20), "mosquitto does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it as an operator does, upon which it writes what it has, and starts another one.
    fn restart(&mut self) {
        self.stop();
        self.program = Mosquitto::run(&self.dir);
        self.wait();
    }

    fn stop(&mut self) {
        let pid = self.program.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.program.wait().unwrap();
    }

    fn publisher(&self) -> Command {
        let mut command = Command::new("mosquitto_pub");
        command.args(["-h", "127.0.0.1", "-p", &self.port, "-u", "reader", "-P", PASSWORD, "-q", "1"]);
        command
    }

    fn publish(&self, topic: &str, message: &str) {
        assert!(self.publisher().args(["-t", topic, "-m", message]).status().unwrap().success());
    }

    /// Publishes numbered messages with quality of service 1; they are acknowledged when this returns.
    fn publish_all(&self, topic: &str, from: u64, to: u64) {
        let mut publisher = self.publisher().args(["-t", topic, "-l"]).stdin(Stdio::piped()).spawn().unwrap();
        let lines = (from..to).map(|n| format!("{{\"n\":{n},\"kind\":\"k{}\"}}\n", n % 5));
        publisher.stdin.take().unwrap().write_all(lines.collect::<String>().as_bytes()).unwrap();
        assert!(publisher.wait().unwrap().success());
    }

    fn config(&self, more: &str) -> String {
        let model = "[model]\nnetwork = \"off\"\nmemory_mib = 4\n";
        let url = format!("mqtt://reader:{ESCAPED}@127.0.0.1:{}", self.port);
        format!("{model}[sources.mqtt.plant]\nurl = \"{url}\"\n{more}")
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn wait_until(daemon: &TestDaemon, what: &str, is_so: impl Fn(&TestDaemon) -> bool) {
    let start = Instant::now();
    while !is_so(daemon) {
        assert!(start.elapsed() < Duration::from_secs(180), "{what}: {}", source(daemon));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// All events of a stream that gets no more.
#[test]
fn no_message_is_lost_through_kills_and_those_that_come_twice_are_counted() {
    if !is_there() {
        return skipped(
            "messages of MQTT",
            "mosquitto (Debian's packages mosquitto, mosquitto-clients) is not installed",
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut broker = Mosquitto::start(&dir.path().join("broker"));
    let toml = broker.config("topics = [\"plant/+/state\"]\n");
    let mut daemon = TestDaemon::start_with(&data, &toml, &[]);
    wait_until(&daemon, "subscribed", |daemon| source(daemon)["state"] == "reading");
    std::thread::sleep(Duration::from_millis(500));
    let counted = |daemon: &TestDaemon| source(daemon)["redelivered"].as_u64().unwrap_or(0);
    let mut redelivered = 0;
    for (part, from) in (0..MESSAGES).step_by(BATCH as usize).enumerate() {
        broker.publish_all(&format!("plant/{}/state", part % 3), from, from + BATCH);
        match part {
            3 | 9 | 15 => {
                redelivered += counted(&daemon);
                daemon.kill();
                daemon = TestDaemon::start_with(&data, &toml, &[]);
            }
            6 | 12 => broker.restart(),
            _ => {}
        }
    }
    // the last one of all comes last
    broker.publish("plant/end/state", "{\"n\":-1}");
    wait_until(&daemon, "all messages", |daemon| {
        let all = offset(daemon, "plant");
        all > MESSAGES
            && daemon.get(&format!("/api/v1/streams/plant/events?from={}", all - 1)).1["events"][0]["event"]["data"]["n"]
                == -1.0
    });
    redelivered += counted(&daemon);
    let mut times: BTreeMap<i64, u64> = BTreeMap::new();
    for event in events(&daemon, "plant", offset(&daemon, "plant")) {
        *times.entry(event["data"]["n"].as_f64().expect("a number") as i64).or_default() += 1;
    }
    assert!((-1..MESSAGES as i64).all(|n| times.contains_key(&n)), "none is lost");
    let twice = times.values().map(|count| count - 1).sum::<u64>();
    println!("{twice} of {MESSAGES} were learnt twice, {redelivered} may have been: {}", source(&daemon));
    assert!(twice <= redelivered, "{twice} were learnt twice, and {redelivered} were counted");
}

#[test]
fn messages_are_records_numbers_and_symbols_in_streams_by_topic() {
    if !is_there() {
        return skipped("topics of MQTT", "mosquitto is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let broker = Mosquitto::start(&dir.path().join("broker"));
    let toml = broker.config("topics = [\"hall/#\"]\nstream_levels = 2\n");
    let wrong = toml.replace(ESCAPED, "another-that-is-hidden");
    let mut daemon = TestDaemon::start_with(&data, &wrong, &[("RUST_LOG", "debug")]);
    wait_until(&daemon, "refused", |daemon| source(daemon)["state"] == "failing");
    let error = source(&daemon)["errors"][0].as_str().unwrap().to_owned();
    assert!(error.starts_with("mqtt://…@127.0.0.1:"), "{error}");
    let mut told = vec![error, daemon.text("/api/v1/config"), daemon.text("/api/v1/sources")];
    daemon.kill();
    // a value from before the subscription is no event
    assert!(broker.publisher().args(["-r", "-t", "hall/3/temp", "-m", "1"]).status().unwrap().success());
    let mut daemon = TestDaemon::start_with(&data, &toml, &[("RUST_LOG", "debug")]);
    wait_until(&daemon, "subscribed", |daemon| source(daemon)["state"] == "reading");
    std::thread::sleep(Duration::from_millis(500));
    for (topic, message) in [
        ("hall/3/temp", "21.5"),
        ("hall/3/temp", "22"),
        ("hall/4/door", "open"),
        ("hall/4/door", "{\"value\":"),
        ("hall/5", "{\"rpm\":900,\"mode\":\"cut\"}"),
        ("yard/1", "nobody asked for this"),
        ("hall/5", "{\"rpm\":901,\"mode\":\"cut\"}"),
    ] {
        broker.publish(topic, message);
    }
    wait_until(&daemon, "all", |daemon| offset(daemon, "plant.hall.5") == 2 && source(daemon)["refused"] == 1);
    let temperatures = events(&daemon, "plant.hall.3", offset(&daemon, "plant.hall.3"));
    let numbers: Vec<&Value> = temperatures.iter().map(|event| &event["data"]).collect();
    assert_eq!(numbers, [&Value::from(21.5), &Value::from(22.0)]);
    assert_eq!(temperatures[0]["key"], "hall/3/temp");
    assert_eq!(events(&daemon, "plant.hall.4", offset(&daemon, "plant.hall.4"))[0]["data"], "open");
    daemon.kill();
    // what comes while the daemon is away waits
    broker.publish("hall/5", "{\"rpm\":902,\"mode\":\"cut\"}");
    let daemon = TestDaemon::start_with(&data, &toml, &[("RUST_LOG", "debug")]);
    wait_until(&daemon, "what waited", |daemon| offset(daemon, "plant.hall.5") == 3);
    assert_eq!(events(&daemon, "plant.hall.5", offset(&daemon, "plant.hall.5"))[2]["data"]["rpm"], 902.0);
    told.extend([daemon.text("/api/v1/config"), daemon.text("/api/v1/sources"), daemon.text("/metrics")]);
    let show = ["config", "show", "--server", &format!("http://{}", daemon.http)];
    told.push(String::from_utf8_lossy(&command("surmise").args(show).output().unwrap().stdout).into_owned());
    told.push(std::fs::read_to_string(data.with_extension("log")).unwrap());
    assert!(told.iter().all(|text| !text.contains("hidden")), "{told:?}");
}

#[test]
fn tls_is_spoken_with_a_broker_that_the_system_trusts() {
    let dir = tempfile::tempdir().unwrap();
    let made = LocalCertificate::make(dir.path()).filter(|_| is_there());
    let Some(LocalCertificate { certificate, key }) = made else {
        return skipped("MQTT over TLS", "mosquitto or openssl is not installed");
    };
    let port = free_port().to_string();
    let (certificate, key) = (certificate.display(), key.display());
    let text =
        format!("user root\nlistener {port} 127.0.0.1\nallow_anonymous true\ncertfile {certificate}\nkeyfile {key}\n");
    std::fs::write(dir.path().join("mosquitto.conf"), text).unwrap();
    let mut broker = Mosquitto::run(dir.path());
    let publish = || {
        let mut publisher = Command::new("mosquitto_pub");
        publisher.args(["--cafile", &certificate.to_string(), "-h", "localhost", "-p", &port]);
        publisher.args(["-q", "1", "-r", "-t", "hall", "-m", "7"]).stderr(Stdio::null()).status().unwrap().success()
    };
    let start = Instant::now();
    while !publish() {
        assert!(start.elapsed() < Duration::from_secs(20), "mosquitto does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    let url = format!("mqtts://localhost:{port}");
    let toml = format!("[model]\nnetwork = \"off\"\n[sources.mqtt.plant]\nurl = \"{url}\"\ntopics = [\"hall\"]\n");
    let data = dir.path().join("data");
    let stranger = TestDaemon::start_with(&data, &toml, &[]);
    wait_until(&stranger, "not trusted", |daemon| source(daemon)["state"] == "failing");
    drop(stranger);
    let daemon = TestDaemon::start_with(&data, &toml, &[("SSL_CERT_FILE", &certificate.to_string())]);
    // a retained message shows that the subscription stands; what comes then is an event
    wait_until(&daemon, "reading", |daemon| source(daemon)["state"] == "reading");
    assert!(publish());
    wait_until(&daemon, "an event", |daemon| offset(daemon, "plant") > 0);
    broker.kill().unwrap();
    broker.wait().unwrap();
}
