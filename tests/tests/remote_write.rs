//! Prometheus writes to a live daemon, where a machine has it (Debian's package `prometheus`), and either of them is
//! killed meanwhile.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use surmise_fixtures::{TestProgram, free_port, skipped};
use surmise_tests::TestDaemon;
use surmise_tests::sourced::{offset, wait_for};

const TOML: &str = "checkpoint_events = 50\ncheckpoint_interval = \"300ms\"\n[model]\nmemory_mib = 1\nnetwork = \"off\"\n\
                    [sources.remote_write]\nmetrics = [\"up\", \"surmise_events_received_total\"]\n";

/// Prometheus, which scrapes a daemon several times a second, and writes what it has to it.
struct Prometheus {
    program: Option<TestProgram>,
    at: String,
    dir: PathBuf,
}

impl Prometheus {
    fn prepare(dir: &Path, http: &str, target: &str) -> Prometheus {
        let text = format!(
            "global: {{ scrape_interval: 200ms, scrape_timeout: 200ms }}\nscrape_configs:\n  - job_name: surmise\n    \
             static_configs: [{{ targets: [{target:?}] }}]\nremote_write:\n  - url: http://{http}/api/v1/write\n    \
             queue_config: {{ batch_send_deadline: 200ms, min_backoff: 20ms, max_backoff: 200ms, max_shards: 1 }}\n"
        );
        std::fs::write(dir.join("prometheus.yml"), text).unwrap();
        let mut prometheus =
            Prometheus { program: None, at: format!("127.0.0.1:{}", free_port()), dir: dir.to_owned() };
        prometheus.start();
        prometheus
    }

    /// Starts it, after a SIGKILL if it runs.
    fn start(&mut self) {
        self.program = None;
        let log = std::fs::File::create(self.dir.join("prometheus.log")).unwrap();
        let program = Command::new("prometheus")
            .args(["--log.level=warn", &format!("--web.listen-address={}", self.at)])
            .arg(format!("--config.file={}", self.dir.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", self.dir.join("tsdb").display()))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.program = Some(TestProgram(program.unwrap()));
    }

    /// The samples that it has of `up`: times in milliseconds, and values.
    fn samples(&self) -> BTreeMap<i64, f64> {
        self.series("up").into_iter().map(|((_, time_ms), value)| (time_ms, value)).collect()
    }

    /// The samples that it has of a metric, by the host and the time in milliseconds.
    fn series(&self, metric: &str) -> BTreeMap<(String, i64), f64> {
        let asked = ureq::get(format!("http://{}/api/v1/query", self.at)).query("query", format!("{metric}[30m]"));
        let Ok(mut answer) = asked.call() else { return BTreeMap::new() };
        let json: Value = answer.body_mut().with_config().limit(100 << 20).read_json().unwrap();
        let series = json["data"]["result"].as_array().cloned().unwrap_or_default();
        let samples = series.iter().flat_map(|series| {
            let host = series["metric"]["host"].as_str().unwrap_or_default();
            let values = series["values"].as_array().into_iter().flatten();
            values.map(|pair| {
                let time_ms = (pair[0].as_f64().unwrap() * 1000.0).round() as i64;
                ((host.to_owned(), time_ms), pair[1].as_str().unwrap().parse().unwrap())
            })
        });
        samples.collect()
    }
}

/// The events of a stream, to which more come meanwhile.
fn logged(daemon: &TestDaemon, stream: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let (status, page) = daemon.get(&format!("/api/v1/streams/{stream}/events?from={}&count=1000", all.len()));
        let events = page["events"].as_array().cloned().unwrap_or_default();
        if status != 200 || events.is_empty() {
            return all;
        }
        all.extend(events.into_iter().map(|event| event["event"].clone()));
    }
}

/// The samples of `up` that are learnt, in the order of the log, as times in milliseconds and values.
fn learnt(daemon: &TestDaemon) -> Vec<(i64, f64)> {
    let sample = |event: &Value| (milliseconds(event["time"].as_str().unwrap()), event["data"].as_f64().unwrap());
    logged(daemon, "prometheus-up").iter().map(sample).collect()
}

/// A time of RFC 3339 in UTC, in milliseconds since 1970.
fn milliseconds(time: &str) -> i64 {
    let number = |from: usize, to: usize| time[from..to].parse::<i64>().unwrap();
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    // days since 1970, by the calendar that begins its years in March
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 719_469;
    let fraction = time[19..].trim_start_matches('.').trim_end_matches('Z');
    let thousandths: i64 = format!("{fraction:0<3}")[..3].parse().unwrap();
    (((days * 24 + number(11, 13)) * 60 + number(14, 16)) * 60 + number(17, 19)) * 1000 + thousandths
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(120), "not within two minutes: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_prometheus_writes_is_learnt_once_through_kills_of_both() {
    if Command::new("prometheus").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        return skipped("remote write by Prometheus", "prometheus is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let mut daemon = TestDaemon::start_with(&state, TOML, &[]);
    let mut prometheus = Prometheus::prepare(dir.path(), &daemon.http, &daemon.http);
    for _ in 0..3 {
        let count = learnt(&daemon).len();
        until("samples are learnt", || learnt(&daemon).len() >= count + 5);
        let down = |samples: BTreeMap<i64, f64>| samples.values().filter(|up| **up == 0.0).count();
        let before = down(prometheus.samples());
        daemon.kill();
        // it notes that nobody is there, and keeps what it could not write
        until("Prometheus saw it down", || down(prometheus.samples()) > before);
        daemon.kill_and_restart(&state, TOML);
    }
    let newest = *prometheus.samples().last_key_value().unwrap().0;
    until("all is written", || learnt(&daemon).last().is_some_and(|(time_ms, _)| *time_ms > newest));
    let (events, samples) = (learnt(&daemon), prometheus.samples());
    let want: Vec<(i64, f64)> = samples.into_iter().filter(|(time_ms, _)| *time_ms <= newest).collect();
    let found: Vec<(i64, f64)> = events.into_iter().filter(|(time_ms, _)| *time_ms <= newest).collect();
    assert_eq!(found, want, "nothing is lost and nothing is there twice, whenever the daemon is killed");

    prometheus.start();
    until("it writes again", || learnt(&daemon).last().is_some_and(|(time_ms, _)| *time_ms > newest + 2000));
    let (events, samples) = (learnt(&daemon), prometheus.samples());
    assert!(events.windows(2).all(|pair| pair[0].0 < pair[1].0), "times of one series rise: {events:?}");
    let last = events.last().unwrap().0;
    let lost = samples.range(..=last).filter(|(time_ms, _)| !events.iter().any(|(learnt, _)| learnt == *time_ms));
    // Prometheus does not write again what it had scraped before it was killed and not written
    eprintln!("{} of {} samples were lost with Prometheus", lost.count(), samples.len());
    // a counter is learnt as a rate: its first sample after a start of the daemon has none before it
    let metrics = daemon.text("/metrics");
    for outcome in ["learnt", "first_of_counter", "unselected"] {
        let line = metrics.lines().find(|line| line.contains(&format!("samples_total{{outcome=\"{outcome}\"}}")));
        let count = line.and_then(|line| line.rsplit(' ').next()).and_then(|count| count.parse::<u64>().ok());
        assert!(count.is_some_and(|count| count > 0), "{outcome}: {metrics}");
    }
    let (_, sources) = daemon.get("/api/v1/sources");
    assert_eq!(
        (&sources["sources"][0]["kind"], &sources["sources"][0]["refused"]),
        (&json!("remote_write"), &json!(0))
    );
    let (status, _) = daemon.get("/api/v1/streams/prometheus-surmise_events_received_total");
    assert_eq!(status, 200);
}

/// Series that are scraped at once.
const SERIES: usize = 1_000;
/// Samples of all of them in all.
const SAMPLES: u64 = 100_000;
/// For how long Prometheus may hold what it has scraped before it writes it.
const LOST_BEFORE_MS: i64 = 15_000;
/// How long it takes until it writes what it scrapes.
const LOST_AFTER_MS: i64 = 8_000;

/// A program that is scraped: a thousand hosts, each with a load that changes. Returns its address.
fn scraped_hosts() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for (turn, connection) in listener.incoming().enumerate() {
            let Ok(mut connection) = connection else { continue };
            let mut head = BufReader::new(&connection).lines();
            head.find(|line| line.as_ref().map_or(true, String::is_empty));
            let load = |host| format!("load{{host=\"h{host}\"}} {}\n", (turn * 7 + host) % 20);
            let body: String = (0..SERIES).map(load).collect();
            let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = connection.write_all(format!("{head}{body}").as_bytes());
        }
    });
    address
}

/// The samples of `load` that are learnt, in the order of the log: the host, the time in milliseconds, and the value.
fn learnt_loads(daemon: &TestDaemon) -> Vec<((String, i64), f64)> {
    let load = |event: &Value| {
        let host = event["key"].as_str().unwrap().split('"').nth(1).unwrap().to_owned();
        ((host, milliseconds(event["time"].as_str().unwrap())), event["data"].as_f64().unwrap())
    };
    logged(daemon, "prometheus-load").iter().map(load).collect()
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Each sample that is learnt is one that Prometheus has, once, and in order; none is missing but of those that it had
/// scraped and not written when it was killed.
#[test]
fn a_hundred_thousand_samples_are_learnt_once_through_kills_of_both() {
    if Command::new("prometheus").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        return skipped("100,000 samples of Prometheus", "prometheus is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let toml = "checkpoint_events = 20000\n[model]\nmemory_mib = 1\nnetwork = \"off\"\n[sources.remote_write]\n\
                metrics = [\"load\"]\nlabels = [\"host\"]\n";
    let mut daemon = TestDaemon::start_with(&state, toml, &[]);
    let mut prometheus = Prometheus::prepare(dir.path(), &daemon.http, &scraped_hosts());
    let stream = "prometheus-load";
    wait_for(&daemon, stream, SAMPLES / 4);
    daemon.kill_and_restart(&state, toml);
    wait_for(&daemon, stream, SAMPLES / 2);
    let killed_ms = now_ms();
    prometheus.start();
    wait_for(&daemon, stream, SAMPLES * 3 / 4);
    daemon.kill_and_restart(&state, toml);
    wait_for(&daemon, stream, SAMPLES);
    let newest = prometheus.series("load").keys().map(|(_, time_ms)| *time_ms).max().unwrap();
    wait_for(&daemon, stream, offset(&daemon, stream) + 2 * SERIES as u64);
    until("all is written", || learnt_loads(&daemon).iter().any(|((_, time_ms), _)| *time_ms > newest));
    let learnt = learnt_loads(&daemon);
    let mut latest = BTreeMap::new();
    for ((host, time_ms), _) in &learnt {
        assert!(latest.insert(host, time_ms).is_none_or(|before| before < time_ms), "{host} at {time_ms} comes late");
    }
    let learnt: BTreeMap<(String, i64), f64> = learnt.into_iter().collect();
    let samples = prometheus.series("load");
    let is_sample = |(at, value): (&(String, i64), &f64)| samples.get(at).is_none_or(|sample| sample == value);
    assert!(learnt.iter().all(is_sample), "what is learnt is what was scraped");
    let lost: Vec<i64> =
        samples.keys().filter(|at| at.1 <= newest && !learnt.contains_key(*at)).map(|at| at.1).collect();
    // a scrape may come before the Prometheus that starts has begun to write
    let around = killed_ms - LOST_BEFORE_MS..=killed_ms + LOST_AFTER_MS;
    eprintln!("{} of {} samples were lost with Prometheus", lost.len(), samples.len());
    assert!(lost.iter().all(|time_ms| around.contains(time_ms)), "lost at {lost:?}, and it was killed at {killed_ms}");
}

#[test]
fn what_is_no_request_is_dropped_by_its_sender_and_nothing_is_there_without_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start_with(&dir.path().join("state"), TOML, &[]);
    let post = |daemon: &TestDaemon, kind: &str, packing: &str, body: &[u8]| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.post(format!("http://{}/api/v1/write", daemon.http));
        let request = request.header("Content-Type", kind).header("Content-Encoding", packing);
        request.send(body).unwrap().status().as_u16()
    };
    let protobuf = "application/x-protobuf";
    // the empty request, packed
    assert_eq!(post(&daemon, protobuf, "snappy", &[0]), 204);
    assert_eq!(post(&daemon, protobuf, "snappy", b"hello"), 400);
    assert_eq!(post(&daemon, protobuf, "zstd", &[0]), 415);
    assert_eq!(post(&daemon, "application/x-protobuf;proto=io.prometheus.write.v2.Request", "snappy", &[0]), 415);
    // says that it has four gigabytes
    assert_eq!(post(&daemon, protobuf, "snappy", &[0xff, 0xff, 0xff, 0xff, 0x0f]), 413);
    assert_eq!(post(&daemon, protobuf, "snappy", &vec![0; (4 << 20) + 1]), 413);
    let without = TestDaemon::start(&dir.path().join("without"));
    assert_eq!(post(&without, protobuf, "snappy", &[0]), 404);
}
