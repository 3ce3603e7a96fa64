//! The command line, as its users type it.

use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use surmise_tests::{TestDaemon, command, sessions_file, surmise};

fn json(args: &[&str]) -> Value {
    let out = surmise(args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|e| panic!("{args:?}: {e}: {}", String::from_utf8_lossy(&out.stdout)))
}

#[test]
fn replay_reports_what_it_promises() {
    let dir = tempfile::tempdir().unwrap();
    let file = sessions_file(dir.path(), 1, 8_000);
    let r = json(&["replay", file.to_str().unwrap(), "--format", "tokens", "--output", "json"]);
    for key in [
        "events",
        "keys",
        "loss_bits_per_event",
        "regret_bits",
        "experts",
        "fields",
        "calibration_error",
        "cpu_seconds",
        "wall_seconds",
        "events_per_second",
        "peak_memory_bytes",
        "parameters",
        "state_bytes",
        "state_hash",
        "version",
    ] {
        assert!(!r[key].is_null(), "{key} is missing: {r}");
    }
    let f = &r["fields"]["value"];
    for key in ["loss_bits", "top1", "top5", "top9", "top20", "distinct"] {
        assert!(f[key].is_number(), "{key} is missing: {f}");
    }
    assert!(r["regret_bits"].as_f64().unwrap() <= r["regret_bound_bits"].as_f64().unwrap());
    let loss = r["loss_bits_per_event"].as_f64().unwrap();
    for e in r["experts"].as_array().unwrap() {
        let slack = r["regret_bound_bits"].as_f64().unwrap() / r["events"].as_f64().unwrap();
        assert!(loss <= e["loss_bits_per_event"].as_f64().unwrap() + slack, "{e}");
    }
    let again = json(&["replay", file.to_str().unwrap(), "--format", "tokens", "--output", "json"]);
    assert_eq!(r["state_hash"], again["state_hash"]);
    let other = json(&["replay", file.to_str().unwrap(), "--format", "tokens", "--output", "json", "--set", "seed=2"]);
    assert_ne!(r["state_hash"], other["state_hash"]);
}

#[test]
fn replay_judges_sessions() {
    let dir = tempfile::tempdir().unwrap();
    let (mut tokens, mut labels) = (String::new(), String::from("session,label\n"));
    for i in 0..900 {
        let faulty = i > 200 && i % 60 == 0;
        let loops = "page ".repeat(1 + i * 7 % 4);
        // the faults recur: a step is missing
        tokens += &if faulty { format!("open {loops}close\n") } else { format!("open load {loops}close\n") };
        labels += &format!("{i},{}\n", if faulty { "anomaly" } else { "normal" });
    }
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (recording, known, scores) = (path("made.tokens"), path("labels.csv"), path("scores.csv"));
    std::fs::write(&recording, tokens).unwrap();
    std::fs::write(&known, &labels).unwrap();
    let args = ["replay", &recording, "--session-scores", &scores, "--labels", &known, "--unscored-sessions", "100"];
    let r = json(&[&args[..], &["--output", "json"]].concat());
    let measured = &r["session_labels"];
    assert_eq!((measured["sessions"].as_u64(), measured["anomalous"].as_u64()), (Some(800), Some(11)), "{measured}");
    for key in ["average_precision", "f1", "precision", "recall"] {
        assert!(measured[key].as_f64().unwrap() > 0.8, "{measured}");
    }
    assert!(r["labels"].is_null());
    let table = String::from_utf8(surmise(args).stdout).unwrap();
    assert!(table.contains("average precision") && table.contains("best F1"), "{table}");
    let rows = std::fs::read_to_string(&scores).unwrap();
    let head = "key,first_offset,last_offset,events,surprise_bits,anomaly_score,rarity_sessions,why";
    assert_eq!((rows.lines().next(), rows.lines().count()), (Some(head), 901));
    let faulty = rows.lines().find(|l| l.starts_with("840,")).unwrap();
    assert!(faulty.contains("load: 0 instead of 1") || faulty.contains("bits"), "{faulty}");
    std::fs::write(&known, "session,label\n0,perhaps\n").unwrap();
    let refused = surmise(args);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(65) && told.contains("perhaps") && told.contains(":2"), "{told}");
}

#[test]
fn replay_of_numbers_reports_errors_in_units() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("readings.csv");
    let mut f = std::fs::File::create(&file).unwrap();
    writeln!(f, "date,temp,load").unwrap();
    for i in 0..2000 {
        let day = f64::from(i % 24) / 24.0 * std::f64::consts::TAU;
        writeln!(
            f,
            "2026-01-{:02} {:02}:00:00,{:.2},{:.3}",
            1 + i / 24 % 28,
            i % 24,
            20.0 + 5.0 * day.sin(),
            0.3 * day.cos()
        )
        .unwrap();
    }
    let path = file.to_str().unwrap();
    let r = json(&[
        "replay",
        path,
        "--format",
        "csv",
        "--time",
        "date",
        "--unit-rows",
        "0:500",
        "--score-rows",
        "500:2000",
        "--output",
        "json",
    ]);
    let t = &r["fields"]["temp"];
    for key in ["mse", "mae", "crps", "coverage_90"] {
        assert!(t[key].is_number(), "{key} is missing: {t}");
    }
    assert!(t["mse"].as_f64().unwrap() < 0.05, "a sine is easy, in units of its own deviation: {t}");
    let scores = dir.path().join("scores.csv");
    json(&[
        "replay",
        path,
        "--format",
        "csv",
        "--time",
        "date",
        "--scores",
        scores.to_str().unwrap(),
        "--output",
        "json",
    ]);
    let text = std::fs::read_to_string(&scores).unwrap();
    let header = text.lines().next().unwrap();
    assert!(
        header.starts_with("offset,key,time,surprise_bits,anomaly_score")
            && header.contains("temp_yhat,temp_yhat_lower,temp_yhat_upper"),
        "{header}"
    );
    assert_eq!(text.lines().count(), 2001);
}

#[test]
fn exit_codes_say_what_went_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let code = |args: &[&str]| surmise(args).status.code();
    assert_eq!(code(&["relpay", "x"]), Some(64));
    assert_eq!(code(&["replay", "x", "--set", "sede=1"]), Some(64));
    let bad = dir.path().join("bad.csv");
    std::fs::write(&bad, "a,b\n1,2\n3\n").unwrap();
    assert_eq!(code(&["replay", bad.to_str().unwrap(), "--format", "csv"]), Some(0), "a short row is counted");
    let out = surmise(["replay", bad.to_str().unwrap(), "--format", "csv", "--strict"]);
    assert_eq!(out.status.code(), Some(65));
    let err = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(err.contains("bad.csv:3"), "the error names file and line: {err}");
    let out = command("surmise").args(["status"]).env("SURMISE_SERVER", "http://127.0.0.1:9").output().unwrap();
    assert_eq!(out.status.code(), Some(69), "{}", String::from_utf8_lossy(&out.stderr));
    let out = surmise(["replay", "x", "--set", "sede=1"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("seed"), "a misspelt key gets a suggestion");
}

#[test]
fn a_first_line_comes_within_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let file = sessions_file(dir.path(), 2, 200_000);
    surmise_tests::binary("surmise");
    let start = Instant::now();
    let mut child = command("surmise")
        .args(["replay", file.to_str().unwrap(), "--format", "tokens"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let took = start.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!line.is_empty() && took < Duration::from_secs(2), "{took:?}: {line}");
}

#[test]
fn a_daemon_is_fed_watched_and_asked() {
    let dir = tempfile::tempdir().unwrap();
    let d = TestDaemon::start(&dir.path().join("state"));
    // standard input is a source
    let mut send = d
        .client(&["send", "--stream", "web", "--format", "lines"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let text = ["/home", "/list", "/item", "/cart"].map(|s| format!("{s}\n")).concat().repeat(120);
    send.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(send.wait().unwrap().success());
    let ask = |args: &[&str]| -> Value {
        let out = d.surmise(args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout)
            .unwrap_or_else(|e| panic!("{args:?}: {e}: {}", String::from_utf8_lossy(&out.stdout)))
    };
    let next = ask(&["next", "--stream", "web", "--output", "json"]);
    assert_eq!(next["fields"]["value"]["top"][0][0], "/home", "{next}");
    assert_eq!(next["offset"], 480);
    assert_eq!(ask(&["next", "web", "--output", "json"]), next, "the stream may be bare");
    // nothing is left of an event whose only field is given, and a field that there is not is named
    let rest = ask(&["next", "--stream", "web", "--given", "{\"value\":\"/cart\"}", "--output", "json"]);
    assert_eq!((&rest["offset"], rest["fields"].as_object().map(|f| f.len())), (&Value::from(480), Some(0)), "{rest}");
    let refused = d.surmise(&["next", "--stream", "web", "--given", "{\"page\":\"/cart\"}"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("page"), "{refused:?}");
    let f = ask(&["forecast", "--stream", "web", "--horizon", "3", "--output", "json"]);
    assert!(f.to_string().contains("/item"), "{f}");
    let status = ask(&["status", "--output", "json"]);
    assert!(status.to_string().contains("web"), "{status}");
    let show = ask(&["stream", "show", "web", "--output", "json"]);
    assert_eq!(show["offset"], 480, "{show}");
    ask(&["checkpoint", "create", "--output", "json"]);
    let list = ask(&["checkpoint", "ls", "--output", "json"]);
    assert!(list.to_string().contains("web"), "{list}");
    // a checkpoint is named by its label, too
    let labelled = ask(&["checkpoint", "label", "web", "1", "the first", "--output", "json"]);
    assert_eq!(labelled["label"], "the first", "{labelled}");
    assert_eq!(ask(&["checkpoint", "show", "web", "the first", "--output", "json"])["generation"], 1);
    let unknown = d.surmise(&["checkpoint", "restore", "web", "the second"]);
    let said = String::from_utf8_lossy(&unknown.stderr);
    assert!(!unknown.status.success() && said.contains("\"the second\""), "{said}");
    for (args, what) in [(&["completions", "bash"][..], "script"), (&["config", "reference"], "Markdown")] {
        let out = d.surmise(&[args, &["--output", "json"]].concat());
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() == Some(64) && out.stdout.is_empty() && said.contains(what), "{said}");
    }
    // a live feed shows what comes while it is open
    let mut watch = d.client(&["watch", "web", "--all", "--output", "json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut feed = BufReader::new(watch.stdout.take().unwrap());
    std::thread::sleep(Duration::from_millis(700));
    let (status, v) = d.post("/api/v1/streams/web/events", br#"{"data":"/surprise"}"#);
    assert_eq!(status, 200, "{v}");
    let mut line = String::new();
    feed.read_line(&mut line).unwrap();
    watch.kill().unwrap();
    watch.wait().unwrap();
    let outcome: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
    assert!(outcome["surprise_bits"].as_f64().is_some_and(|b| b > 4.0), "{outcome}");
}

/// What a daemon has of a file is told of one stream; another stream gets all of it.
#[test]
fn a_file_goes_once_to_each_stream() {
    let dir = tempfile::tempdir().unwrap();
    let d = TestDaemon::start(&dir.path().join("state"));
    let file = dir.path().join("f.csv");
    std::fs::write(&file, "x\n1\n2\n3\n").unwrap();
    for (stream, sent) in [("a", true), ("b", true), ("a", false)] {
        let out = d.surmise(&["send", file.to_str().unwrap(), "--stream", stream]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success() && said.contains("resumes after") != sent, "{stream}: {said}");
        let (_, status) = d.get(&format!("/api/v1/streams/{stream}"));
        assert_eq!(status["offset"], 3, "{stream}: {said}");
    }
}

#[test]
fn outcomes_and_next_come_back_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let d = TestDaemon::start(&dir.path().join("state"));
    let mut w = d.connect();
    w.hello("p", 1, "s", &["ack", "outcome", "next"]);
    w.send(r#"{"seq":1,"key":"u","data":{"page":"/a","ms":1.5}}"#);
    let lines = w.until_ack(1);
    let o = &lines.iter().find(|v| v["outcome"].is_object()).expect("an outcome comes")["outcome"];
    assert_eq!(
        (o["seq"].as_u64(), o["offset"].as_u64(), o["stream"].as_str(), o["key"].as_str()),
        (Some(1), Some(0), Some("s"), Some("u")),
        "{o}"
    );
    assert!(o["fields"]["page"]["surprise_bits"].is_number() && o["next"]["fields"]["page"]["top"].is_array(), "{o}");
    w.send(r#"{"seq":2,"key":"u","end":true}"#);
    let lines = w.until_ack(2);
    assert!(lines.iter().any(|v| v["outcome"]["seq"] == 2), "{lines:?}");
}

#[test]
fn a_completion_script_of_each_shell_names_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let out = surmise(["completions", shell]);
        let script = String::from_utf8(out.stdout).unwrap();
        assert!(out.status.success(), "{shell}: {}", String::from_utf8_lossy(&out.stderr));
        for name in ["surmise", "forecast", "feedback", "tensorboard", "--horizon"] {
            // fish names an option without its dashes
            let is_named = script.contains(name) || shell == "fish" && script.contains("-l horizon");
            assert!(is_named, "{shell}: {name}");
        }
    }
    assert_eq!(surmise(["completions", "tcsh"]).status.code(), Some(64));
    let help = String::from_utf8(surmise(["--help"]).stdout).unwrap();
    let export = help.lines().find(|line| line.trim_start().starts_with("export ")).unwrap();
    assert!(export.contains("TensorBoard") && export.contains("safetensors"), "{export}");
    assert!(help.lines().any(|line| line.trim_start().starts_with("share ")), "{help}");
}

#[test]
fn a_completion_script_of_which_the_rest_is_not_read_ends_quietly() {
    let mut completions = command("surmise");
    let mut child =
        completions.args(["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // nobody reads, and the script is longer than a pipe holds
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// Without its feature `learner`, the command line is a client: it sends, watches and asks, and brings no learner
/// along.
#[test]
fn a_command_line_that_only_sends_depends_on_no_learner_and_no_daemon() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let depends_on = |features: &[&str]| -> BTreeSet<String> {
        let out = Command::new(&cargo)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .args(["tree", "--offline", "--locked", "-p", "surmise", "--edges", "normal", "--prefix", "none"])
            .args(["--format", "{p}"])
            .args(features)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let text = String::from_utf8_lossy(&out.stdout);
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    };
    let learning = ["surmise-learner", "surmise-network", "surmise-evaluation", "surmised", "sled", "dfdx"];
    let client = ["surmise-client", "surmise-recording", "surmise-terminal"];
    let (all, thin) = (depends_on(&[]), depends_on(&["--no-default-features"]));
    for name in learning {
        assert!(
            all.contains(name),
            "{name} is no dependency of the whole command line, so this test looks for nothing"
        );
        assert!(!thin.contains(name), "{name} is compiled into a command line that only sends");
    }
    for name in client {
        assert!(thin.contains(name), "{name} is missing of {thin:?}");
    }
}

#[test]
fn the_self_test_agrees_and_says_what_was_compared() {
    let out = command("surmised").arg("--self-test").output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{text}");
    for part in ["kernel ", "engine fused against dfdx", "values", "gradients", "ten losses", "all agree"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_environment_overrides_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (file, other) = (dir.path().join("data"), dir.path().join("other"));
    let mut d = TestDaemon::start_with(&file, "generations = 5", &[("SURMISE__STORE__DIR", other.to_str().unwrap())]);
    assert!(other.join("log").exists(), "{:?}", std::fs::read_dir(&other).unwrap().collect::<Vec<_>>());
    assert!(std::fs::read_dir(&file).unwrap().next().is_none(), "nothing was written where the file says");
    assert!(d.terminate().success());
    let wrong = command("surmised").env("SURMISE__STORE__COMMIT_INTERVAL", "7 moons").arg("--check-config").output();
    let said = String::from_utf8_lossy(&wrong.unwrap().stderr).into_owned();
    assert!(said.contains("commit_interval") && said.contains("7 moons"), "{said}");
}

/// What asks for a GPU where there is none says so and does nothing else.
#[test]
fn without_a_gpu_whoever_asks_for_one_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (config, data) = (dir.path().join("s.toml"), dir.path().join("data"));
    let text = format!("[learning]\ndelay_chunks = 1\ndevice = \"cuda\"\n[store]\ndir = \"{}\"", data.display());
    std::fs::write(&config, text).unwrap();
    let said = |out: &std::process::Output| String::from_utf8_lossy(&out.stderr).into_owned();
    let check = command("surmised").args(["--check-config", "--config"]).arg(&config).output().unwrap();
    if check.status.success() {
        return;
    }
    for out in [check, command("surmised").arg("--config").arg(&config).output().unwrap()] {
        assert_eq!(out.status.code(), Some(64), "{}", said(&out));
        assert!(said(&out).contains("learning.device") && said(&out).contains("cuda"), "{}", said(&out));
    }
    assert!(!data.exists(), "nothing was begun");
    let args = ["--device", "cuda", "--seconds", "0.01", "--repeat", "1"];
    let bench = command("surmise-bench").args(args).output().unwrap();
    assert_eq!(bench.status.code(), Some(69));
    assert!(said(&bench).contains("GPU") || said(&bench).contains("CUDA"), "{}", said(&bench));
}
