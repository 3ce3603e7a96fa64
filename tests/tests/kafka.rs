//! Topics of a Kafka cluster, with kills of the daemon, and brokers that are away, stopped, or no longer lead. The
//! cluster is in memory: the mock brokers of librdkafka, which the Python that `SURMISE_KAFKA_PYTHON` names, or
//! `python3`, has by the package `confluent-kafka`.
#![allow(missing_docs)]

mod kafka_cluster;

use kafka_cluster::{KafkaCluster, MODEL, is_there};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use surmise_fixtures::skipped;
use surmise_tests::sourced::{events, source, wait_for, wait_until};
use surmise_tests::{LocalCertificate, TestDaemon};

/// Records of a run.
const RECORDS: u64 = 100_000;
/// Records that are published between two interruptions.
const BATCH: u64 = 5_000;

fn wait_for_error(daemon: &TestDaemon, words: &str) {
    wait_until(daemon, words, |daemon| source(daemon)["errors"].to_string().contains(words));
}

fn number(event: &Value) -> u64 {
    event["data"]["n"].as_f64().expect("a number") as u64
}

#[test]
fn records_are_learnt_once_through_kills_of_the_daemon_and_brokers_that_are_away() {
    if !is_there("records of Kafka") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut cluster = KafkaCluster::start();
    cluster.tell("make payments 6");
    let toml = cluster.config("");
    let mut daemon = TestDaemon::start_with(&data, &toml, &[]);
    for (part, from) in (0..RECORDS).step_by(BATCH as usize).enumerate() {
        assert_eq!(cluster.tell(&format!("publish payments {from} {}", from + BATCH)), "done");
        match part {
            // whatever it has of them then, in the middle of a commit or not
            3 | 9 | 15 => {
                daemon.kill();
                daemon = TestDaemon::start_with(&data, &toml, &[]);
            }
            6 => {
                cluster.tell("down");
                wait_until(&daemon, "brokers that are away", |daemon| source(daemon)["state"] == "failing");
                cluster.tell("up");
            }
            11 => {
                cluster.send_signal(libc::SIGSTOP);
                std::thread::sleep(Duration::from_secs(3));
                cluster.send_signal(libc::SIGCONT);
            }
            13 => (0..6).for_each(|partition| {
                cluster.tell(&format!("lead payments {partition} {}", partition % 3 + 1));
            }),
            _ => {}
        }
    }
    wait_for(&daemon, "bank", RECORDS);
    let interrupted = daemon.hash("bank");
    let all = events(&daemon, "bank", RECORDS);
    let mut numbers: Vec<u64> = all.iter().map(number).collect();
    // a partition is read in order, and so is each key
    let mut last = HashMap::new();
    for event in &all {
        let (key, n) = (event["key"].as_str().expect("a key"), number(event));
        assert_eq!(key, format!("user-{}", n % 40));
        assert!(last.insert(key, n).is_none_or(|before| before < n), "{n} of {key} comes late");
    }
    numbers.sort_unstable();
    let wrong = numbers.iter().zip(0..).find(|(n, expected)| **n != *expected);
    assert_eq!(wrong, None, "the events are those that were published, each once");
    wait_until(&daemon, "no lag", |daemon| source(daemon)["lag_seconds"] == 0.0);
    let status = source(&daemon);
    assert_eq!((&status["state"], &status["gaps"], &status["refused"]), (&"reading".into(), &Value::Null, &0.into()));
    let inputs = status["inputs"].as_array().unwrap();
    let offset = |text: &Value| text.as_str().unwrap().parse::<u64>().unwrap() + 1;
    assert_eq!(inputs.iter().map(|input| offset(&input["position"])).sum::<u64>(), RECORDS, "{status}");
    assert!(inputs.iter().all(|input| input["position"] == input["newest"]) && inputs.len() == 6, "{status}");
    daemon.kill();
    // one that is sent the same in the same order over HTTP, and is never interrupted
    let daemon = TestDaemon::start_with(&dir.path().join("again"), MODEL, &[]);
    for part in all.chunks(BATCH as usize) {
        let line = |event: &Value| {
            let event = json!({ "key": event["key"], "time": event["time"], "data": event["data"] });
            format!("{event}\n")
        };
        let body: String = part.iter().map(line).collect();
        let answer = daemon.post("/api/v1/streams/bank/events", body.as_bytes());
        assert_eq!((answer.0, &answer.1["accepted"]), (200, &BATCH.into()), "{}", answer.1);
    }
    wait_for(&daemon, "bank", RECORDS);
    assert_eq!(daemon.hash("bank"), interrupted);
}

#[test]
fn what_is_removed_before_it_is_read_is_told_and_counted() {
    if !is_there("gaps in topics of Kafka") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut cluster = KafkaCluster::start();
    cluster.tell("make payments 1");
    cluster.tell("publish payments 0 50");
    // from before the beginning: not missed
    cluster.tell("trim payments 0 20");
    let toml = cluster.config("");
    let mut daemon = TestDaemon::start_with(&data, &toml, &[]);
    wait_for(&daemon, "bank", 30);
    assert_eq!(source(&daemon)["gaps"], Value::Null, "{}", source(&daemon));
    daemon.kill();
    cluster.tell("publish payments 50 80");
    cluster.tell("trim payments 0 70");
    let daemon = TestDaemon::start_with(&data, &toml, &[]);
    wait_for(&daemon, "bank", 40);
    let status = source(&daemon);
    let told = status["last_gap"].as_str().unwrap_or_default();
    assert!(status["gaps"] == 1 && told.starts_with("payments/0: 20 offsets, from 50 to 69, were removed"), "{status}");
    assert!(daemon.text("/metrics").contains("surmise_source_gaps_total{source=\"bank\"} 1"));
    let numbers: Vec<u64> = events(&daemon, "bank", 40).iter().map(number).collect();
    assert!(numbers.iter().copied().eq((20..50).chain(70..80)), "{numbers:?}");
}

#[test]
fn what_is_no_event_is_refused_by_name_and_reading_goes_on() {
    if !is_there("records of Kafka that are refused") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut cluster = KafkaCluster::start();
    cluster.tell("make payments 2");
    // from before: passed over
    cluster.tell("put payments 0 - 31");
    let toml =
        cluster.config("from = \"new\"\nkey_field = \"user\"\nstream = \"bank\"\n[limits]\nline_bytes = \"1KiB\"\n");
    let daemon = TestDaemon::start_with(&dir.path().join("data"), &toml, &[]);
    wait_until(&daemon, "begun", |daemon| source(daemon)["inputs"][0]["position"] == "0");
    for (key, value) in [
        ("616e6e", "372e35"),                                   // ann: 7.5
        ("ff", "38"),                                           // a key that is no text
        ("616e6e", "-"),                                        // no value
        ("616e6e", &"31".repeat(2000)),                         // too long
        ("616e6e", "7b2275736572223a22626f62222c226e223a327d"), // {"user":"bob","n":2}
        ("-", "39"),
    ] {
        cluster.tell(&format!("put payments 0 {key} {value}"));
    }
    wait_for(&daemon, "bank", 3);
    let all = events(&daemon, "bank", 3);
    assert_eq!((&all[0]["key"], &all[0]["data"]), (&"ann".into(), &7.5.into()));
    assert_eq!((&all[1]["key"], &all[1]["data"]), (&"bob".into(), &json!({ "n": 2.0 })));
    assert_eq!((&all[2]["key"], &all[2]["data"]), (&Value::Null, &9.0.into()));
    assert!(all[0]["time"].as_str().is_some_and(|time| time.len() > 20), "the time that it has in Kafka: {}", all[0]);
    wait_until(&daemon, "the last position", |daemon| source(daemon)["inputs"][0]["position"] == "6");
    let status = source(&daemon);
    assert_eq!((&status["refused"], &status["events"]), (&3.into(), &3.into()), "{status}");
    assert!(status["last_refusal"].as_str().is_some_and(|told| told.starts_with("payments/0: ")), "{status}");
}

#[test]
fn what_comes_into_an_idle_partition_while_the_daemon_is_away_is_read() {
    if !is_there("idle partitions of Kafka") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut cluster = KafkaCluster::start();
    cluster.tell("make payments 2");
    // from before: passed over
    cluster.tell("put payments 0 61 31");
    let toml = cluster.config("from = \"new\"\n");
    let mut daemon = TestDaemon::start_with(&data, &toml, &[]);
    let both_are_read = |daemon: &TestDaemon| {
        let status = source(daemon);
        status["inputs"][0]["position"] == "0" && status["lag_seconds"] == 0.0
    };
    // nothing of the source is in the log: it begins with what comes once more
    wait_until(&daemon, "begun", both_are_read);
    daemon.kill();
    cluster.tell("put payments 1 61 32");
    daemon = TestDaemon::start_with(&data, &toml, &[]);
    wait_until(&daemon, "begun again", both_are_read);
    cluster.tell("put payments 0 61 33");
    wait_for(&daemon, "bank", 1);
    daemon.kill();
    cluster.tell("put payments 1 61 34");
    cluster.tell("put payments 0 61 35");
    let daemon = TestDaemon::start_with(&data, &toml, &[]);
    // with the log begun, the other partition is read from its beginning
    wait_for(&daemon, "bank", 4);
    let all = events(&daemon, "bank", 4);
    assert_eq!(all[0]["data"], 3.0);
    let mut data: Vec<f64> = all.iter().filter_map(|event| event["data"].as_f64()).collect();
    data.sort_by(f64::total_cmp);
    assert_eq!(data, [2.0, 3.0, 4.0, 5.0]);
}

#[test]
fn new_partitions_are_found_and_a_topic_that_is_made_anew_is_told() {
    if !is_there("topics of Kafka that change") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut cluster = KafkaCluster::start();
    let daemon = TestDaemon::start_with(&data, &cluster.config(""), &[]);
    wait_for_error(&daemon, "there is no topic payments");
    cluster.tell("make payments 1");
    for n in 0..10 {
        cluster.tell(&format!("put payments 0 61 3{n}"));
    }
    wait_for(&daemon, "bank", 10);
    // the cluster can only make a topic anew: the same records, and two more partitions
    cluster.tell("delete payments");
    cluster.tell("make payments 3");
    for n in 0..10 {
        cluster.tell(&format!("put payments 0 61 3{n}"));
    }
    cluster.tell("put payments 2 62 313030");
    wait_for(&daemon, "bank", 11);
    assert_eq!(events(&daemon, "bank", 11)[10]["data"], 100.0);
    cluster.tell("delete payments");
    cluster.tell("make payments 3");
    cluster.tell("put payments 0 61 313031");
    wait_for_error(&daemon, "payments/0: the partition ends before offset 1, and the log has it up to 9");
    let status = source(&daemon);
    assert!(status["state"] == "failing" && status["gaps"].as_u64().is_some_and(|gaps| gaps >= 1), "{status}");
    events(&daemon, "bank", 11);
}

#[test]
fn tls_is_spoken_with_brokers_that_the_system_trusts() {
    if !is_there("Kafka over TLS") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    if LocalCertificate::make(dir.path()).is_none() {
        return skipped("Kafka over TLS", "openssl is not installed");
    }
    let path = |name: &str| dir.path().join(name).display().to_string();
    let mut cluster = KafkaCluster::start();
    cluster.tell("make payments 3");
    cluster.tell("publish payments 0 50");
    cluster.address = cluster.tell(&format!("hide {} {}", path("cert.pem"), path("key.pem")));
    let toml = cluster.config("").replace("kafka://", "kafkas://");
    let data = dir.path().join("data");
    let stranger = TestDaemon::start_with(&data, &toml, &[]);
    wait_for_error(&stranger, "certificate");
    drop(stranger);
    let daemon = TestDaemon::start_with(&data, &toml, &[("SSL_CERT_FILE", &path("cert.pem"))]);
    wait_for(&daemon, "bank", 50);
}
