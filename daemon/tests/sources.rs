//! Files that grow, as the daemon reads them: once and in order, through rotation, truncation and kills.
#![allow(missing_docs)]

mod common;

use common::Host;
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

fn config(dir: &Path, more: &str) -> String {
    let logs = dir.join("logs");
    fs::create_dir_all(&logs).unwrap();
    let paths = format!("paths = [\"{}/*.log\"]", logs.display());
    format!("[model]\nnetwork = \"off\"\nmemory_mib = 1\n[sources.files.web]\n{paths}\n{more}")
}

fn append(path: &Path, text: impl AsRef<[u8]>) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_ref()).unwrap();
}

fn lines(from: u64, to: u64) -> String {
    (from..to).map(|n| format!("GET /{} {n}\n", n % 7)).collect()
}

/// The events of a stream, once there are so many.
fn learnt(host: &Host, stream: &str, count: u64) -> Vec<Value> {
    let start = Instant::now();
    let path = format!("/api/v1/streams/{stream}");
    while host.get(&path).1["committed_offset"].as_u64().is_none_or(|offset| offset < count) {
        assert!(start.elapsed() < Duration::from_secs(60), "{}", host.get(&path).1);
        std::thread::sleep(Duration::from_millis(20));
    }
    // nothing more comes
    std::thread::sleep(Duration::from_millis(500));
    let mut events = Vec::new();
    while (events.len() as u64) < count {
        let answer = host.get(&format!("{path}/events?from={}&count=200", events.len())).1;
        assert_eq!(answer["end"], count, "{answer}");
        events.extend(answer["events"].as_array().unwrap().iter().map(|event| event["event"].clone()));
    }
    events
}

fn texts(events: &[Value]) -> String {
    events.iter().map(|event| event["data"].as_str().unwrap().to_owned() + "\n").collect()
}

#[test]
fn lines_are_learnt_once_through_rotation_and_kills() {
    let dir = tempfile::tempdir().unwrap();
    let more = config(dir.path(), "");
    let (log, rotated) = (dir.path().join("logs/a.log"), dir.path().join("logs/a.log.1"));
    append(&log, lines(0, 900));
    let host = Host::start_with(&dir.path().join("data"), &more);
    learnt(&host, "web", 900);
    // one line is only half there, and the daemon goes before it is whole
    append(&log, "GET /0 ");
    host.kill();
    append(&log, "900\n");
    append(&log, lines(901, 2_000));
    fs::rename(&log, &rotated).unwrap();
    append(&log, lines(2_000, 2_500));
    let host = Host::start_with(&dir.path().join("data"), &more);
    learnt(&host, "web", 2_500);
    // renamed while it is read, with something behind that came late, and without a line end
    fs::rename(&log, dir.path().join("logs/a.log.2")).unwrap();
    append(&log, lines(2_500, 2_600));
    let expected = lines(0, 900) + "GET /0 900\n" + &lines(901, 2_600);
    assert_eq!(texts(&learnt(&host, "web", 2_600)), expected);
    host.stop();
}

#[test]
fn logs_that_have_two_names_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let more = config(dir.path(), "");
    let at = |name: &str| dir.path().join("logs").join(name);
    // as cronolog and `rotatelogs -L` name them, and as a copy by a hard link
    append(&at("a.log.20261128"), lines(0, 100));
    symlink(at("a.log.20261128"), at("a.log")).unwrap();
    append(&at("b.log"), lines(100, 150));
    fs::hard_link(at("b.log"), at("b.log.1")).unwrap();
    let host = Host::start_with(&dir.path().join("data"), &more);
    learnt(&host, "web", 150);
    // the next day
    append(&at("a.log.20261128"), lines(150, 160));
    append(&at("a.log.20261129"), lines(160, 200));
    symlink(at("a.log.20261129"), at("next")).unwrap();
    fs::rename(at("next"), at("a.log")).unwrap();
    let all = learnt(&host, "web", 200);
    assert_eq!(texts(&all[150..]), lines(150, 200));
    let mut all: Vec<String> = texts(&all).lines().map(str::to_owned).collect();
    all.sort_by_key(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
    assert_eq!(all.join("\n") + "\n", lines(0, 200));
    host.stop();
}

#[test]
fn a_file_that_is_truncated_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let more = config(dir.path(), "");
    let log = dir.path().join("logs/a.log");
    append(&log, lines(0, 500));
    let host = Host::start_with(&dir.path().join("data"), &more);
    learnt(&host, "web", 500);
    // as copytruncate does it, with the same first line as before, so that it is another epoch of the same producer
    OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    append(&log, lines(0, 100));
    learnt(&host, "web", 600);
    host.kill();
    // and while nobody looks; by then it begins with another line
    OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
    append(&log, lines(100, 900));
    let host = Host::start_with(&dir.path().join("data"), &more);
    let all = texts(&learnt(&host, "web", 1_400));
    assert_eq!(all, lines(0, 500) + &lines(0, 100) + &lines(100, 900));
    host.kill();
    let host = Host::start_with(&dir.path().join("data"), &more);
    learnt(&host, "web", 1_400);
    host.stop();
}

#[test]
fn lines_that_are_not_utf_8_are_mended_in_every_format() {
    let dir = tempfile::tempdir().unwrap();
    for (format, text, expected) in [
        ("lines", &b"caf\xe9 opened\n\0\0\ncafe closed\0\n"[..], ["\"caf\u{fffd} opened\"", "\"cafe closed\""]),
        ("ndjson", b"{\"at\":\"caf\xe9\"}\n\0\0{\"at\":\"bar\"}\n", ["{\"at\":\"caf\u{fffd}\"}", "{\"at\":\"bar\"}"]),
        (
            "csv",
            b"caf\xe9,ms\nb\xe4r,1\nx,2\n",
            ["{\"caf\u{fffd}\":\"b\u{fffd}r\",\"ms\":1.0}", "{\"caf\u{fffd}\":\"x\",\"ms\":2.0}"],
        ),
    ] {
        let dir = dir.path().join(format);
        let more = config(&dir, &format!("format = \"{format}\"\n"));
        append(&dir.join("logs/a.log"), text);
        let host = Host::start_with(&dir.join("data"), &more);
        let events = learnt(&host, "web", 2);
        for (event, expected) in events.iter().zip(expected) {
            assert_eq!(event["data"], serde_json::from_str::<Value>(expected).unwrap(), "{format}");
        }
        host.stop();
    }
}

#[test]
fn many_files_are_read_as_they_come() {
    let dir = tempfile::tempdir().unwrap();
    let more = config(dir.path(), "stream = \"jobs\"\nformat = \"ndjson\"\nkey_is_path = true\n");
    let host = Host::start_with(&dir.path().join("data"), &more);
    let path = |n: u64| dir.path().join(format!("logs/job-{n}.log"));
    for round in 0..3 {
        for n in 0..40 {
            append(&path(n), format!("{{\"data\":{{\"job\":\"{n}\",\"ms\":{round}}}}}\n"));
        }
    }
    append(&path(0), "{\"data\":\nnot JSON at all {\n");
    append(&dir.path().join("logs/other.txt"), "nobody asked for this\n");
    append(&dir.path().join("logs/packed.log.gz"), "nor for this\n");
    // a line that is no JSON is a symbol, and one that is half of it is refused
    let events = learnt(&host, "jobs", 121);
    for n in 0..40 {
        let key = path(n).display().to_string();
        let of_file = events.iter().filter(|event| event["key"] == key.as_str() && event["data"].is_object());
        let values: Vec<f64> = of_file.map(|event| event["data"]["ms"].as_f64().unwrap()).collect();
        assert_eq!(values, [0.0, 1.0, 2.0], "{key}");
    }
    let metrics = host.get_text("/metrics").1;
    assert!(metrics.contains("surmise_events_received_total{listener=\"file\""), "{metrics}");
    host.stop();
}

#[test]
fn what_a_copy_has_is_read_when_its_file_was_truncated() {
    let dir = tempfile::tempdir().unwrap();
    let more = config(dir.path(), "");
    let (log, data) = (dir.path().join("logs/a.log"), dir.path().join("data"));
    append(&log, lines(0, 500));
    let host = Host::start_with(&data, &more);
    learnt(&host, "web", 500);
    host.kill();
    // copied and truncated while nobody looks
    append(&log, lines(500, 700));
    let truncate = |copy: &str| {
        fs::copy(&log, dir.path().join(copy)).unwrap();
        OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
    };
    truncate("logs/a.log.2");
    append(&log, lines(700, 1_000));
    let host = Host::start_with(&data, &more);
    assert_eq!(texts(&learnt(&host, "web", 1_000)), lines(0, 1_000));
    // and while the daemon looks; the copies are no files of their own
    truncate("logs/a.log.1");
    append(&log, lines(1_000, 1_200));
    assert_eq!(texts(&learnt(&host, "web", 1_200)), lines(0, 1_200));
    host.kill();
    let host = Host::start_with(&data, &more);
    learnt(&host, "web", 1_200);
    host.stop();
}

#[test]
fn files_that_got_another_name_while_nobody_looked_are_read_first() {
    let dir = tempfile::tempdir().unwrap();
    let more = config(dir.path(), "");
    let (log, data) = (dir.path().join("logs/a.log"), dir.path().join("data"));
    append(&dir.path().join("logs/a.log.7"), "it was there before, and nobody asked for it\n");
    append(&log, lines(0, 500));
    let host = Host::start_with(&data, &more);
    learnt(&host, "web", 500);
    host.kill();
    append(&log, lines(500, 600));
    let name = |n: u64| dir.path().join(format!("logs/a.log.{n}"));
    fs::rename(&log, name(1)).unwrap();
    append(&log, lines(600, 700));
    fs::rename(name(1), name(2)).unwrap();
    fs::rename(&log, name(1)).unwrap();
    append(&log, lines(700, 800));
    let host = Host::start_with(&data, &more);
    assert_eq!(texts(&learnt(&host, "web", 800)), lines(0, 800));
    host.stop();
}

#[test]
fn tables_are_records_and_status_tells_how_far_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let more = "stream = \"jobs\"\nformat = \"csv\"\nkey_field = \"user\"\n";
    let more = config(dir.path(), more).replace("*.log", "*.csv");
    let table = dir.path().join("logs/jobs.csv");
    let data = dir.path().join("data");
    let host = Host::start_with(&data, &more);
    let status = |host: &Host| host.get("/api/v1/sources").1["sources"][0].clone();
    assert_eq!(status(&host)["files"], Value::Null, "a file that is not there yet is no fault");
    append(
        &table,
        "ts,user,job,ms\n2026-01-01T00:00:00Z,ann,\"a, \nb\",3.5\n2026-01-01T00:00:01Z,bob,c,4\n1,2,3,4,5\n",
    );
    let events = learnt(&host, "jobs", 2);
    assert_eq!(events[0]["data"], serde_json::json!({"job": "a, \nb", "ms": 3.5}));
    assert_eq!((&events[0]["key"], &events[0]["time"]), (&"ann".into(), &"2026-01-01T00:00:00Z".into()));
    host.kill();
    // a row whose cell goes on in a line that comes later
    append(&table, "2026-01-01T00:00:02Z,ann,\"d\n");
    let host = Host::start_with(&data, &more);
    std::thread::sleep(Duration::from_millis(500));
    let length = fs::metadata(&table).unwrap().len();
    let waiting = status(&host);
    assert_eq!((&waiting["files"][0]["length"], &waiting["refused"]), (&length.into(), &1.into()), "{waiting}");
    assert!(waiting["lag_bytes"].as_u64().unwrap() > 0 && waiting["last_refusal"].is_string(), "{waiting}");
    append(&table, "e\",5\n");
    assert_eq!(learnt(&host, "jobs", 3)[2]["data"]["job"], "d\ne");
    let start = Instant::now();
    while status(&host)["lag_bytes"] != 0 {
        assert!(start.elapsed() < Duration::from_secs(10), "{}", status(&host));
    }
    let metrics = host.get_text("/metrics").1;
    for metric in ["lag_bytes{source=\"web\"} 0", "errors{source=\"web\"} 0", "refused_total{source=\"web\"} "] {
        assert!(metrics.contains(&format!("surmise_source_{metric}")), "{metric}: {metrics}");
    }
    host.stop();
}

#[test]
fn numbers_of_tables_are_read_as_they_are_written_and_short_rows_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let fields = "[streams.web]\nfields = [{ name = \"ü\", kind = \"number\" }]\n";
    let more = config(dir.path(), &format!("format = \"csv\"\n{fields}"));
    let (table, data) = (dir.path().join("logs/a.log"), dir.path().join("data"));
    let value = |event: &Value| (event["data"]["ü"].clone(), event["data"]["a"].clone());
    let number = |x: f64| serde_json::json!(x);
    // the rows come after the header, and after a restart
    append(&table, "a;b c;ü\n");
    let host = Host::start_with(&data, &more);
    append(&table, "1,5;x1;0,5\n2;x2;1.250,75\n3,25;x3\n");
    let events = learnt(&host, "web", 3);
    assert_eq!(value(&events[0]), (number(0.5), number(1.5)), "{events:?}");
    assert_eq!(value(&events[1]), (number(1250.75), number(2.0)), "{events:?}");
    assert_eq!(value(&events[2]), (Value::Null, number(3.25)), "{events:?}");
    let status = host.get("/api/v1/sources").1["sources"][0].clone();
    assert!(status["odd"] == 1 && status["refused"] == 0, "{status}");
    assert!(status["last_odd"].as_str().unwrap().contains("2 cells, and there are 3"), "{status}");
    host.kill();
    append(&table, "1.000;x4;off\n");
    let host = Host::start_with(&data, &more);
    let events = learnt(&host, "web", 4);
    assert_eq!(value(&events[3]), ("off".into(), number(1000.0)), "{events:?}");
    host.stop();
}

/// Gives the log the name `a.log.1`, and each of those before it the next higher number.
fn rotate(log: &Path, before: usize) {
    let numbered = |number: usize| log.with_extension(format!("log.{number}"));
    (1..=before).rev().for_each(|number| fs::rename(numbered(number), numbered(number + 1)).unwrap());
    fs::rename(log, numbered(1)).unwrap();
}

#[test]
fn rotations_that_follow_each_other_at_once_and_kills_keep_the_order() {
    let dir = tempfile::tempdir().unwrap();
    let more = config(dir.path(), "");
    let log = dir.path().join("logs/a.log");
    append(&log, lines(0, 50));
    let (mut host, mut written) = (Host::start_with(&dir.path().join("data"), &more), 50);
    // what was rotated before the daemon first saw the log is none of its own
    learnt(&host, "web", written);
    for rotation in 0..120 {
        let until = written + 40 + rotation % 7 * 30;
        append(&log, lines(written, until));
        written = until;
        // some at once, others while the daemon looks
        std::thread::sleep(Duration::from_micros(rotation * 7_919 % 40_000));
        if rotation % 50 == 30 {
            host.kill();
            host = Host::start_with(&dir.path().join("data"), &more);
        }
        rotate(&log, rotation as usize);
    }
    append(&log, lines(written, written + 10));
    let found = texts(&learnt(&host, "web", written + 10));
    let wrong = found.lines().zip(lines(0, written + 10).lines()).position(|(found, sent)| found != sent);
    assert_eq!(
        wrong,
        None,
        "{:?}",
        found.lines().skip(wrong.unwrap_or(0).saturating_sub(2)).take(5).collect::<Vec<_>>()
    );
    host.stop();
}
