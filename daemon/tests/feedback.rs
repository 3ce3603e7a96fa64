//! What people say of incidents is learnt like an event.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::{Value, json};
use surmise_client::{Address, Client, ClientError};
use surmise_event::{Feedback, FeedbackVerdict};
use surmise_protocol::Hello;

const SMALL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[alarm]\nbudget = \"1/1000\"\n";

/// Lines of a number that scatters, with a spike as the last.
fn spiked(from: u64, to: u64) -> String {
    let value = |n: u64| if n + 1 == to { 5_000 } else { 100 + n * n * 7_919 % 101 };
    (from..to).map(|n| format!("{{\"time\":{},\"data\":{{\"ms\":{}}}}}\n", n * 10, value(n))).collect()
}

fn push(host: &Host, stream: &str, lines: &str) {
    let answer = host.post(&format!("/api/v1/streams/{stream}/events"), lines).1;
    assert_eq!(answer["rejected"], 0, "{answer}");
}

fn say(host: &Host, stream: &str, body: Value) -> (u16, Value) {
    host.post(&format!("/api/v1/streams/{stream}/feedback"), &body.to_string())
}

fn hash(host: &Host, stream: &str) -> Value {
    let mut answer = host.get(&format!("/api/v1/streams/{stream}/hash")).1;
    assert!(answer["state_hash"].is_string(), "{answer}");
    answer.as_object_mut().unwrap().remove("stream");
    answer
}

fn begun(host: &Host, stream: &str) -> u64 {
    host.get(&format!("/api/v1/streams/{stream}/alarms")).1["begun"].as_u64().unwrap()
}

#[test]
fn feedback_is_learnt_logged_and_changes_what_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    let streams = ["nothing", "normal", "label"];
    streams.iter().for_each(|stream| push(&host, stream, &spiked(0, 2_500)));
    let list = host.get("/api/v1/streams/normal/alarms").1;
    let alarm = &list["alarms"][0];
    assert_eq!((&alarm["incarnation"], &alarm["offset"]), (&json!(1), &json!(2_499)), "{list}");
    let told = begun(&host, "normal");
    let (status, answer) = say(&host, "normal", json!({"offset": 2_499, "verdict": "normal", "incarnation": 1}));
    assert_eq!((status, &answer["feedback"]["verdict"]), (200, &json!("normal")), "{answer}");
    assert_eq!(say(&host, "label", json!({"offset": 2_499, "label": "deploy"})).0, 200);
    // it takes an offset, is in the log, and is learnt again after a kill
    let logged = host.get("/api/v1/streams/normal/events?from=2500").1;
    assert_eq!(
        logged["events"][0]["event"],
        json!({"feedback": {"offset": 2_499, "verdict": "normal", "incarnation": 1}}),
        "{logged}"
    );
    let before = hash(&host, "normal");
    assert_ne!(before, hash(&host, "label"));
    host.kill();
    let host = Host::start_with(dir.path(), SMALL);
    assert_eq!(hash(&host, "normal"), before);
    // and by whoever replays the recording
    push(&host, "replayed", &spiked(0, 2_500));
    push(&host, "replayed", &(logged["events"][0]["event"].to_string() + "\n"));
    assert_eq!(hash(&host, "replayed"), before);
    // the same kind again: told where nothing was said, with the label, and not at all where it was called normal
    streams.iter().for_each(|stream| push(&host, stream, &spiked(2_500, 5_500)));
    assert_eq!(streams.map(|stream| begun(&host, stream)), [told + 1, told, told + 1]);
    assert_eq!(host.get("/api/v1/streams/label/alarms").1["alarms"][0]["label"], "deploy");
    host.stop();
}

/// After "bad" an incident of the kind is told so soon after the one before that it would not be otherwise.
#[test]
fn what_was_called_bad_is_told_sooner() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    let streams = ["nothing", "bad"];
    streams.iter().for_each(|stream| push(&host, stream, &spiked(0, 2_500)));
    assert_eq!(say(&host, "bad", json!({"offset": 2_499, "verdict": "bad"})).0, 200);
    let told = streams.map(|stream| begun(&host, stream));
    streams.iter().for_each(|stream| push(&host, stream, &spiked(2_500, 3_300)));
    assert_eq!(streams.map(|stream| begun(&host, stream)), [told[0], told[1] + 1]);
    host.stop();
}

#[test]
fn what_is_said_of_an_incident_of_another_incarnation_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    push(&host, "s", &spiked(0, 2_500));
    let answer = host.post("/api/v1/checkpoints?stream=s", "").1;
    let generation = &answer["checkpoints"][0]["generation"];
    assert_eq!(host.post(&format!("/api/v1/checkpoints/s/{generation}/restore"), "").0, 200);
    // incidents from before are still shown, and still say of which incarnation their offsets are
    let incident = host.get("/api/v1/streams/s/alarms").1["alarms"][0].clone();
    assert_eq!((&incident["incarnation"], &host.get("/api/v1/streams/s").1["incarnation"]), (&json!(1), &json!(2)));
    let before = hash(&host, "s");
    let said = json!({"offset": incident["offset"], "verdict": "bad", "incarnation": incident["incarnation"]});
    let (status, problem) = say(&host, "s", said.clone());
    assert_eq!((status, &problem["field"]), (409, &json!("incarnation")), "{problem}");
    // the owner of the stream refuses it, by whichever door it comes
    let line = json!({"feedback": said}).to_string();
    let answer = host.post("/api/v1/streams/s/events", &line).1;
    assert_eq!(answer["errors"][0]["code"], "other_incarnation", "{answer}");
    assert_eq!(hash(&host, "s"), before);
    // an event is a prediction that was scored, and an incarnation a generation, to who has these words
    let said = json!({"prediction_id": incident["offset"], "verdict": "bad", "generation": 1});
    assert_eq!(say(&host, "s", said).1["field"], "incarnation");
    let said = json!({"prediction_id": incident["offset"], "verdict": "bad", "generation": 2});
    let (status, taken) = say(&host, "s", said);
    assert_eq!((status, &taken["feedback"]["offset"]), (200, &incident["offset"]), "{taken}");
    assert_eq!(say(&host, "s", json!({"offset": 1, "prediction_id": 1, "verdict": "bad"})).0, 400, "said twice");
    host.stop();
}

#[test]
fn feedback_that_means_nothing_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    push(&host, "s", &spiked(0, 2_500));
    for (body, status, field) in [
        (json!({"offset": 17, "verdict": "bad"}), 404, "offset"),
        (json!({"offset": 2_499}), 400, "feedback"),
        (json!({"offset": 2_499, "label": "x".repeat(65)}), 400, "label"),
        (json!({"offset": 2_499, "verdict": "fine"}), 400, "body"),
        (json!({"offset": 2_499, "verdict": "bad", "incarnation": 2}), 409, "incarnation"),
    ] {
        let before = hash(&host, "s");
        let (found, problem) = say(&host, "s", body.clone());
        assert_eq!((found, &problem["field"]), (status, &json!(field)), "{body}: {problem}");
        assert_eq!(hash(&host, "s"), before);
    }
    assert_eq!(say(&host, "other", json!({"offset": 0, "verdict": "bad"})).0, 404);
    assert_eq!(host.get("/api/v1/streams/other").0, 404, "nothing begins with feedback");
    host.stop();
}

#[test]
fn the_rust_client_says_it_once() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    push(&host, "s", &spiked(0, 2_500));
    push(&host, "by-http", &spiked(0, 2_500));
    assert_eq!(say(&host, "by-http", json!({"offset": 2_499, "verdict": "bad"})).0, 200);
    let address = Address::Tcp(host.running().tcp_addr().unwrap().to_string());
    for sent in [1, 0] {
        let said = host.runtime.block_on(async {
            let mut client = Client::connect(address.clone(), Hello::new("person", "s")).await?;
            let verdict = Some(FeedbackVerdict::Bad);
            client.feedback(Feedback { offset: 2_499, verdict, label: None, incarnation: None }).await?;
            let progress = client.flush().await?;
            assert_eq!(client.skipped(), 1 - sent);
            Ok::<_, ClientError>(progress.refused)
        });
        assert_eq!(said.unwrap(), 0);
        assert_eq!(hash(&host, "s"), hash(&host, "by-http"), "{sent} was sent");
    }
    host.stop();
}
