//! What people are shown of streams: their history, the log, what a learner is made of, and all streams at a glance.
#![allow(missing_docs)]

mod common;

use common::{Host, agent};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};

const SMALL: &str = "[model]\nnetwork = \"off\"\nmemory_mib = 1\n[alarm]\nbudget = \"1/1000\"\n";

/// Posts events of a rhythm of three symbols; one of them is odd.
fn post(host: &Host, stream: &str, from: usize, count: usize, odd: Option<usize>) {
    let lines: String = (from..from + count)
        .map(|i| if odd == Some(i) { "never" } else { ["a", "b", "c"][i % 3] })
        .map(|symbol| format!("{{\"data\":{{\"page\":\"{symbol}\"}}}}\n"))
        .collect();
    let (status, answer) = host.post(&format!("/api/v1/streams/{stream}/events"), &lines);
    assert_eq!((status, &answer["accepted"]), (200, &json!(count)), "{answer}");
}

fn sum(history: &Value, what: &str) -> f64 {
    history["points"].as_array().unwrap().iter().map(|point| point[what].as_f64().unwrap()).sum()
}

/// Every resolution counts the same events, the losses agree with the status, and a restart forgets nothing.
#[test]
fn history_and_incidents_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    post(&host, "web", 0, 3000, Some(2900));
    let look = |host: &Host| {
        let spans = ["seconds", "minutes", "hours", "days"];
        let get = |span| host.get(&format!("/api/v1/streams/web/history?span={span}"));
        let histories = spans.map(|span| get(span).1);
        (histories, host.get("/api/v1/streams/web/alarms").1, host.get("/api/v1/streams").1["streams"][0].clone())
    };
    let (before, alarms, row) = look(&host);
    for history in &before {
        assert_eq!(sum(history, "events"), 3000.0, "{history}");
        assert_eq!(sum(history, "incidents"), row["incidents"].as_f64().unwrap(), "{history}");
    }
    assert_eq!(row["last_incident"]["began"], 2900, "{row}");
    let status = host.get("/api/v1/streams/web").1;
    let ever = before[1]["windows"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(ever["name"], "ever");
    assert!(ever["simple_bits_per_event"].as_f64() > ever["loss_bits_per_event"].as_f64(), "{ever}");
    let (events, bits) = (ever["events"].as_f64().unwrap(), ever["loss_bits_per_event"].as_f64().unwrap());
    assert!(events > 0.0 && (bits - sum(&before[3], "bits") / 3000.0).abs() < 0.5, "{ever} {}", status["report"]);
    host.stop();

    let host = Host::start_with(dir.path(), SMALL);
    let (after, alarms_after, row_after) = look(&host);
    for (before, after) in before.iter().zip(&after).skip(1) {
        assert_eq!(sum(after, "events"), 3000.0, "{after}");
        assert!((sum(after, "bits") - sum(before, "bits")).abs() < 1.0);
    }
    assert_eq!(alarms_after["alarms"], alarms["alarms"]);
    assert_eq!((&row_after["incidents"], &row_after["promised"]), (&row["incidents"], &row["promised"]));
    // a stream that sleeps is woken by an event, and its history goes on
    post(&host, "web", 3000, 30, None);
    assert_eq!(sum(&look(&host).0[3], "events"), 3030.0);
    // what comes after the last checkpoint is learnt again from the log, and not counted twice
    assert_eq!(host.post("/api/v1/checkpoints", "").0, 200);
    post(&host, "web", 3030, 30, None);
    host.kill();
    let host = Host::start_with(dir.path(), SMALL);
    assert_eq!(host.get("/api/v1/streams/web").1["offset"], 3060);
    let known = sum(&look(&host).0[3], "events");
    assert!((3030.0..=3060.0).contains(&known), "{known}");
    assert_eq!(host.get("/api/v1/streams/web/history?span=weeks").0, 400);
    // another name changes nothing, and a stream that begins anew has no past
    assert_eq!(host.post("/api/v1/streams/web/rename?to=site", "").0, 200);
    let renamed = host.get("/api/v1/streams/site/history?span=days").1;
    assert_eq!(sum(&renamed, "events"), known, "{renamed}");
    assert_eq!(host.post("/api/v1/streams/site/reset", "").0, 200);
    assert_eq!(host.get("/api/v1/streams/site/history").1["points"], json!([]));
    host.stop();
}

#[test]
fn an_event_is_found_among_its_neighbours() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    // groups of several sizes
    for (i, count) in
        [1, 700, 3, 1200, 96].into_iter().scan(0, |from, count| Some((std::mem::replace(from, *from + count), count)))
    {
        post(&host, "web", i, count, Some(1500));
    }
    for from in [0, 1, 699, 1490, 1980] {
        let (_, answer) = host.get(&format!("/api/v1/streams/web/events?from={from}&count=20"));
        let offsets: Vec<u64> =
            answer["events"].as_array().unwrap().iter().map(|e| e["offset"].as_u64().unwrap()).collect();
        assert_eq!(offsets, (from..from + 20).collect::<Vec<u64>>(), "{answer}");
        assert_eq!((&answer["begin"], &answer["end"]), (&json!(0), &json!(2000)));
    }
    let (_, answer) = host.get("/api/v1/streams/web/events?from=1500&count=1");
    assert_eq!(answer["events"][0]["event"]["data"]["page"], "never");
    let (_, latest) = host.get("/api/v1/streams/web/events?count=5");
    assert_eq!(latest["events"].as_array().unwrap().last().unwrap()["offset"], 1999);
    assert_eq!(host.get("/api/v1/streams/web/events?from=9999").1["events"], json!([]));
    assert_eq!(host.get("/api/v1/streams/web/events?count=100000").0, 400);
    host.stop();
}

#[test]
fn a_learner_says_what_it_is_made_of() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), "[model]\nnetwork = \"small\"\nmemory_mib = 8\n");
    let lines: String =
        (0..600).map(|i| format!("{{\"data\":{{\"page\":\"{}\",\"ms\":{}}}}}\n", i % 3, i % 7)).collect();
    assert_eq!(host.post("/api/v1/streams/web/events", &lines).0, 200);
    let (_, learner) = host.get("/api/v1/streams/web/learner");
    assert_eq!(learner["offset"], 600);
    let report = host.get("/api/v1/streams/web").1["report"].clone();
    for field in learner["fields"].as_array().unwrap() {
        let experts = field["experts"].as_array().unwrap();
        let weights: f64 = experts.iter().map(|expert| expert["weight"].as_f64().unwrap()).sum();
        assert!((weights - 1.0).abs() < 1e-6, "{weights}: {field}");
        let name = field["name"].as_str().unwrap();
        assert_eq!(field["loss_bits"], report["fields"][name]["loss_bits"], "{name}");
        // every stage reads stages before it, and every expert says what it is
        let flow = field["flow"].as_array().unwrap();
        for (i, stage) in flow.iter().enumerate() {
            let known = |read: &Value| flow[..i].iter().any(|earlier| earlier["name"] == *read);
            assert!(stage["reads"].as_array().unwrap().iter().all(known), "{stage}");
        }
        assert_eq!(flow.last().unwrap()["name"], "mixture", "{field}");
        assert!(experts.iter().all(|expert| expert["about"] != ""), "{field}");
        if field["kind"] == "category" {
            assert_eq!(field["network"]["layers"].as_u64().map(|layers| layers > 0), Some(true), "{field}");
            assert!(flow.iter().any(|stage| stage["name"] == "contexts"), "{field}");
        }
    }
    host.stop();
}

/// Whether an event of a feed is an outcome.
fn is_outcome(name: &str) -> bool {
    matches!(name, "learn" | "surprise")
}

/// Reads events of a feed until one is as wanted; the data of each event is JSON.
fn read(lines: &mut impl Iterator<Item = String>, mut wanted: impl FnMut(&str, Option<&str>, &Value) -> bool) -> Value {
    let (mut name, mut id) = (String::new(), None);
    for line in lines {
        if let Some(event) = line.strip_prefix("event: ") {
            name = event.to_owned();
        } else if let Some(text) = line.strip_prefix("id: ") {
            id = Some(text.to_owned());
        } else if let Some(data) = line.strip_prefix("data: ") {
            let data: Value = serde_json::from_str(data).unwrap();
            if wanted(&name, id.as_deref(), &data) {
                return data;
            }
            id = None;
        }
    }
    panic!("the feed ended");
}

#[test]
fn all_streams_are_followed_at_a_glance() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    post(&host, "web", 0, 3000, None);
    let feed = agent().get(host.url("/api/v1/watch")).call().unwrap();
    let mut lines = BufReader::new(feed.into_body().into_reader()).lines().map(Result::unwrap);
    let first = read(&mut lines, |name, _, _| name == "streams");
    assert_eq!((&first["all"], &first["streams"][0]["offset"]), (&json!(true), &json!(3000)));
    assert!(first["streams"][0]["trend"].is_array() && first["streams"][0]["schema"]["fields"].is_array());
    post(&host, "web", 3000, 30, Some(3010));
    post(&host, "new", 0, 1, None);
    let alarms = read(&mut lines, |name, _, _| name == "alarms");
    assert_eq!((&alarms["alarms"][0]["stream"], &alarms["alarms"][0]["began"]), (&json!("web"), &json!(3010)));
    let of = |data: &Value, stream: &str| {
        data["streams"].as_array().into_iter().flatten().find(|row| row["stream"] == stream).cloned()
    };
    let mut seen = (Value::Null, false);
    read(&mut lines, |_, _, data| {
        seen = (of(data, "web").unwrap_or(seen.0.take()), seen.1 || of(data, "new").is_some());
        seen.0["offset"] == 3030 && seen.1
    });
    assert!(seen.0["events_per_second"].as_f64().is_some() && seen.0["promised"].as_f64() > Some(2.0), "{}", seen.0);
    assert_eq!(host.get("/api/v1/alarms?limit=5").1["alarms"][0]["began"], 3010);
    assert_eq!(host.post("/api/v1/streams/new/delete", "").0, 200);
    let gone = read(&mut lines, |_, _, data| data["gone"].as_array().is_some_and(|gone| !gone.is_empty()));
    assert_eq!(gone["gone"], json!(["new"]));
    // a stream that is new is told of with what is odd in it
    post(&host, "odd", 0, 3000, Some(2990));
    let alarms = read(&mut lines, |name, _, data| name == "alarms" && data["alarms"][0]["stream"] == "odd");
    let began: Vec<&Value> = alarms["alarms"].as_array().unwrap().iter().map(|alarm| &alarm["began"]).collect();
    assert!(began.contains(&&json!(2990)), "{began:?}");
    host.stop();
}

/// A follower that comes back with the id of its last event gets all that came in between.
#[test]
fn a_follower_that_comes_back_misses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    post(&host, "web", 0, 10, None);
    let follow = |last: Option<&str>| {
        let request = agent().get(host.url("/api/v1/streams/web/watch"));
        let request = match last {
            Some(id) => request.header("Last-Event-ID", id),
            None => request,
        };
        BufReader::new(request.call().unwrap().into_body().into_reader()).lines().map(Result::unwrap)
    };
    let mut lines = follow(None);
    post(&host, "web", 10, 5, None);
    read(&mut lines, |name, id, _| is_outcome(name) && id == Some("12"));
    drop(lines);
    post(&host, "web", 15, 40, None);
    let mut lines = follow(Some("12"));
    let mut offsets = Vec::new();
    read(&mut lines, |name, _, data| {
        assert!(is_outcome(name), "{name}");
        offsets.extend(data["offset"].as_u64());
        data["offset"] == 54
    });
    assert_eq!(offsets, (13..=54).collect::<Vec<_>>());
    drop(lines);
    // of a break that was too long, it is told how much is missing
    post(&host, "web", 55, 2000, None);
    let mut lines = follow(Some("54"));
    post(&host, "web", 2055, 1, None);
    let lagged = read(&mut lines, |name, _, _| name == "lagged");
    assert_eq!(lagged["skipped"], 2000);
    read(&mut lines, |name, id, _| is_outcome(name) && id == Some("2055"));
    let wrong = agent().get(host.url("/api/v1/streams/web/watch")).header("Last-Event-ID", "x").call().unwrap();
    assert_eq!(wrong.status().as_u16(), 400);
    host.stop();
}

/// A follower that asks for predictions is told what is expected next of the key that spoke last.
#[test]
fn who_asks_for_it_is_told_what_is_expected_next() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    let visit = |i: u64| {
        let page = ["/home", "/list", "/cart"][i as usize / 2 % 3];
        json!({"key": format!("user-{}", i % 2), "data": page}).to_string() + "\n"
    };
    let push = |from: u64, to: u64| {
        let body: String = (from..to).map(visit).collect();
        assert_eq!(host.post("/api/v1/streams/clicks/events", &body).1["rejected"], 0);
    };
    push(0, 3000);
    let feed = agent().get(host.url("/api/v1/streams/clicks/watch?predict=2")).call().unwrap();
    let mut lines = BufReader::new(feed.into_body().into_reader()).lines().map(Result::unwrap);
    for i in 3000..3006 {
        push(i, i + 1);
        let mut names = Vec::new();
        let told = read(&mut lines, |name, _, _| {
            names.push(name.to_owned());
            name == "predict"
        });
        assert!(is_outcome(&names[0]), "{names:?}");
        let expected = ["/list", "/cart", "/home"][i as usize / 2 % 3];
        let top = &told["fields"]["value"]["top"];
        assert_eq!((&told["offset"], &top[0][0]), (&json!(i + 1), &json!(expected)), "{told}");
        assert_eq!((&told["stream"], &told["key"]), (&json!("clicks"), &json!(format!("user-{}", i % 2))), "{told}");
    }
    for wrong in ["0", "21", "x"] {
        let answer = agent().get(host.url(&format!("/api/v1/streams/clicks/watch?predict={wrong}"))).call().unwrap();
        assert_eq!(answer.status().as_u16(), 400, "{wrong}");
    }
    host.stop();
}

/// A follower that asks for a rate gets the rarest of what came, and how many were left out.
#[test]
fn a_rate_leaves_out_what_is_usual() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_with(dir.path(), SMALL);
    post(&host, "web", 0, 3000, None);
    let follow = |last: Option<u64>| {
        let mut request = agent().get(host.url("/api/v1/streams/web/watch?rate=20"));
        if let Some(id) = last {
            request = request.header("Last-Event-ID", id.to_string());
        }
        BufReader::new(request.call().unwrap().into_body().into_reader()).lines().map(Result::unwrap)
    };
    // all that came after `seen` is sent or counted as left out; returns the last that was sent
    let read_all = |mut lines: &mut dyn Iterator<Item = String>, seen: u64, end: u64, odd: u64| {
        let (mut outcomes, mut skipped, mut sent) = (0, 0, Vec::new());
        read(&mut lines, |name, _, data| {
            outcomes += u64::from(is_outcome(name));
            sent.extend(data["offset"].as_u64().filter(|_| is_outcome(name)));
            skipped += data["skipped"].as_u64().unwrap_or(0);
            outcomes + skipped == end - seen - 1
        });
        assert!(sent.contains(&odd) && outcomes < 300, "{outcomes} sent, {skipped} left out");
        sent[sent.len() - 1]
    };
    let mut lines = follow(None);
    post(&host, "web", 3000, 900, Some(3500));
    read_all(&mut lines, 2999, 3900, 3500);
    drop(lines);
    // who comes back is told of all that came in between
    post(&host, "web", 3900, 400, Some(4000));
    let mut lines = follow(Some(3899));
    post(&host, "web", 4300, 10, None);
    read_all(&mut lines, 3899, 4310, 4000);
    // an event with the end of its key has two offsets, and none of them is told as missed
    let ends = |i: u64| json!({"key": format!("k{i}"), "data": "open", "end": true}).to_string();
    host.post("/api/v1/streams/doors/events", &ends(0));
    let feed = agent().get(host.url("/api/v1/streams/doors/watch?rate=20")).call().unwrap();
    let mut lines = BufReader::new(feed.into_body().into_reader()).lines().map(Result::unwrap);
    let mut seen = Vec::new();
    for i in 1..4 {
        assert_eq!(host.post("/api/v1/streams/doors/events", &ends(i)).0, 200);
        read(&mut lines, |name, _, data| {
            assert_ne!(name, "lagged", "{data}");
            seen.extend(data["offset"].as_u64().filter(|_| is_outcome(name)));
            is_outcome(name)
        });
    }
    assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 2), "{seen:?}");
    let wrong = agent().get(host.url("/api/v1/streams/web/watch?rate=0")).call().unwrap();
    assert_eq!(wrong.status().as_u16(), 400);
    host.stop();
}
