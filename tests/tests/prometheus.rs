//! Prometheus itself reads a live daemon and accepts the rules, where a machine has it (Debian's package `prometheus`).

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use surmise_fixtures::{TestProgram, free_port, skipped};
use surmise_tests::TestDaemon;

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn rules() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/prometheus/alerts.yml").canonicalize().unwrap()
}

#[test]
fn promtool_accepts_the_rules_and_what_a_daemon_tells() {
    if !is_there("promtool") {
        return skipped("promtool and the rules of alarms", "promtool is not installed");
    }
    let out = Command::new("promtool").args(["check", "rules"]).arg(rules()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let dir = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(&dir.path().join("data"));
    learn(&daemon);
    for path in ["/metrics", "/api/v1/series"] {
        let mut check = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut check.stdin.take().unwrap(), daemon.text(path).as_bytes()).unwrap();
        let out = check.wait_with_output().unwrap();
        let told = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "{path}: {told}");
    }
}

#[test]
fn counters_of_what_has_not_happened_are_there_so_that_the_first_of_it_is_a_rise() {
    let dir = tempfile::tempdir().unwrap();
    let sinks = "[export.stdout]\n[export.syslog]\nudp = \"127.0.0.1:9\"\n";
    let daemon = TestDaemon::start_with(&dir.path().join("data"), sinks, &[]);
    let metrics = daemon.text("/metrics");
    for counter in [
        "events_duplicate_total",
        "events_late_total",
        "events_lost_total",
        "events_quarantined_total",
        "events_rejected_total{reason=\"bad_json\"}",
        "events_rejected_total{reason=\"limit_reached\"}",
        "updates_rejected_total{reason=\"not_finite\"}",
        "updates_rejected_total{reason=\"exploded\"}",
        "updates_rejected_total{reason=\"burst\"}",
        "drift_detected_total{detector=\"level\"}",
        "keys_forgotten_total",
        "producers_forgotten_total",
        "stream_state_evictions_total",
        "shed_total{what=\"streams\"}",
        "disk_freed_total{what=\"log\"}",
        "log_lines_lost_total",
        "sink_messages_total{sink=\"stdout\",result=\"dropped\"}",
        "sink_messages_total{sink=\"syslog\",result=\"failed\"}",
    ] {
        let line = format!("surmise_{counter} 0");
        assert!(metrics.lines().any(|l| l == line), "{line} is missing: {metrics}");
    }
    // those of a group are there with its first stream
    learn(&daemon);
    let metrics = daemon.text("/metrics");
    assert!(metrics.contains("surmise_alarms_total{group=\"default\",kind=\"missing\"} 0"), "{metrics}");
}

/// Sends a few hundred events of two streams.
fn learn(daemon: &TestDaemon) {
    let lines: String = (0..300).map(|i| format!("{{\"data\":\"s{}\"}}\n", i % 3)).collect();
    for stream in ["web-1", "db"] {
        let url = format!("http://{}/api/v1/streams/{stream}/events", daemon.http);
        ureq::post(url).content_type("application/x-ndjson").send(&lines).unwrap();
    }
}

/// The value that Prometheus has for an expression, once it has one.
fn value(at: &str, expression: &str) -> f64 {
    let begun = Instant::now();
    loop {
        let asked = ureq::get(format!("http://{at}/api/v1/query")).query("query", expression).call();
        if let Ok(mut answer) = asked
            && let Ok(json) = answer.body_mut().read_json::<Value>()
            && let Some(value) = json["data"]["result"][0]["value"][1].as_str()
        {
            return value.parse().unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "Prometheus has nothing for {expression}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn prometheus_scrapes_a_live_daemon_and_evaluates_every_rule() {
    if !is_there("prometheus") {
        return skipped("a scrape of a live daemon by Prometheus", "prometheus is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let series = "[export.series]\nstreams = [\"load-*\"]\n";
    let daemon = TestDaemon::start_with(&dir.path().join("data"), series, &[]);
    learn(&daemon);
    let loads: String = (0..300).map(|i| format!("{{\"data\":{{\"ms\":{}}}}}\n", 50 + i * 7919 % 101)).collect();
    let url = format!("http://{}/api/v1/streams/load-1/events", daemon.http);
    ureq::post(url).content_type("application/x-ndjson").send(&loads).unwrap();
    let config = dir.path().join("prometheus.yml");
    let text = format!(
        "global: {{ scrape_interval: 500ms, evaluation_interval: 500ms }}\nrule_files: [{:?}]\nscrape_configs:\n  - \
         job_name: surmise\n    static_configs: [{{ targets: [{:?}] }}]\n  - job_name: series\n    metrics_path: \
         /api/v1/series\n    static_configs: [{{ targets: [{:?}] }}]\n",
        rules(),
        daemon.http,
        daemon.http
    );
    std::fs::write(&config, text).unwrap();
    let port = free_port();
    let at = format!("127.0.0.1:{port}");
    let prometheus = Command::new("prometheus")
        .args(["--log.level=error", &format!("--web.listen-address={at}")])
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", dir.path().join("tsdb").display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _prometheus = TestProgram(prometheus.unwrap());
    assert_eq!(value(&at, "up{job=\"surmise\"} == 1"), 1.0);
    assert_eq!(value(&at, "sum(surmise_events_received_total) == 900"), 900.0);
    assert!((50.0..=150.0).contains(&value(&at, "yhat{stream=\"load-1\",field=\"ms\"}")));
    assert_eq!(value(&at, "count(yhat_upper > yhat > yhat_lower)"), 1.0);
    assert_eq!(value(&at, "count(anomaly_score{stream=\"load-1\"} < 1)"), 1.0);
    // the first of what is counted is a rise
    ureq::post(format!("http://{}/api/v1/streams/db/events", daemon.http))
        .content_type("application/x-ndjson")
        .send("{\"data\":\n")
        .unwrap();
    assert!(value(&at, "increase(surmise_events_rejected_total{reason=\"bad_json\"}[1m]) > 0") > 0.0);
    assert!(value(&at, "sum(surmise_loss_nats_total)") > 0.0);
    assert!(value(&at, "sum(surmise_learn_duration_seconds_count)") > 0.0);
    // evaluated, every one, and none of them fires on a daemon that is well
    assert_eq!(value(&at, "sum(prometheus_rule_evaluation_failures_total) or vector(0)"), 0.0);
    let rules: Value = ureq::get(format!("http://{at}/api/v1/rules")).call().unwrap().body_mut().read_json().unwrap();
    let rules = rules["data"]["groups"][0]["rules"].as_array().unwrap();
    assert!(rules.len() >= 15, "{rules:?}");
    let begun = Instant::now();
    loop {
        let answer: Value =
            ureq::get(format!("http://{at}/api/v1/rules")).call().unwrap().body_mut().read_json().unwrap();
        let rules = answer["data"]["groups"][0]["rules"].as_array().unwrap();
        let state = |field: &str, of: &str| rules.iter().filter(|rule| rule[field] == of).count();
        assert_eq!((state("health", "err"), state("state", "firing")), (0, 0), "{answer}");
        if state("health", "ok") == rules.len() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "not every rule was evaluated: {answer}");
        std::thread::sleep(Duration::from_millis(200));
    }
}
