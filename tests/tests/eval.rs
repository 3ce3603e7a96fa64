//! `surmise eval` over a small folder that has one of each kind.

use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use surmise_fixtures::recordings;
use surmise_tests::surmise;

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Bytes, tokens, a table with times, and two labelled recordings in a folder of their own.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "play.txt", &"to be, or not to be, that is the question:\n".repeat(60));
    let tokens = (0..400).fold(String::new(), |mut s, i| {
        let _ = writeln!(s, "open read{} read{} close", i % 3, (i + 1) % 3);
        s
    });
    write(dir.path(), "log.tokens", &tokens);
    let hour = |i: usize| format!("2026-{:02}-{:02} {:02}:00:00", 1 + i / 24 / 28, 1 + i / 24 % 28, i % 24);
    let readings = (0..800).fold("date,temp,load\n".to_owned(), |mut s, i| {
        let day = (i % 24) as f64 / 24.0 * std::f64::consts::TAU;
        let _ = writeln!(s, "{},{:.2},{:.3}", hour(i), 20.0 + 5.0 * day.sin(), 3.0 * day.cos() + (i % 7) as f64);
        s
    });
    write(dir.path(), "readings.csv", &readings);
    for name in ["a", "b"] {
        let rows = (0..600).fold("timestamp,value\n".to_owned(), |mut s, i| {
            let x = if (400..404).contains(&i) { 90.0 } else { 10.0 + (i * 7919 % 101) as f64 / 50.0 };
            let _ = writeln!(s, "{},{x}", hour(i));
            s
        });
        write(dir.path(), &format!("cpu/{name}.csv"), &rows);
    }
    let window = format!("[[\"{}\", \"{}\"]]", hour(395), hour(410));
    write(dir.path(), "cpu/windows.json", &format!("{{\"a.csv\": {window}, \"b.csv\": {window}}}"));
    dir
}

fn eval(dir: &Path, more: &[&str]) -> std::process::Output {
    let mut args = vec!["eval", dir.to_str().unwrap()];
    args.extend(more);
    surmise(args)
}

fn json(out: &std::process::Output) -> Value {
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out.stdout)))
}

fn stream<'a>(all: &'a Value, title: &str) -> &'a Value {
    let found = all["streams"].as_array().unwrap().iter().find(|s| s["title"] == title);
    found.unwrap_or_else(|| panic!("no {title} in {all}"))
}

fn measure<'a>(stream: &'a Value, name: &str) -> &'a Value {
    let found = stream["measures"].as_array().unwrap().iter().find(|m| m["measure"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {stream}"))
}

#[test]
fn every_recording_is_a_row_with_baselines() {
    let dir = folder();
    let out = eval(dir.path(), &["--output", "json", "--jobs", "2"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let all = json(&out);
    assert_eq!(all["streams"].as_array().unwrap().len(), 4, "{all}");
    assert_eq!(all["errors"], Value::Array(vec![]));
    for s in all["streams"].as_array().unwrap() {
        for key in ["title", "files", "format", "events", "bits_per_event", "regret_bits", "regret_bound_bits"] {
            assert!(!s[key].is_null(), "{key} is missing: {s}");
        }
        for key in ["cpu_seconds", "events_per_second", "state_bytes", "state_hashes", "references"] {
            assert!(!s[key].is_null(), "{key} is missing: {s}");
        }
        assert_eq!(s["within_bound"], true, "{s}");
        for m in s["measures"].as_array().unwrap() {
            assert!(m["surmise"].is_number() && !m["baselines"].as_array().unwrap().is_empty(), "{m}");
        }
    }
    let play = stream(&all, "play.txt");
    assert_eq!((&play["format"], &play["events"]), (&"text".into(), &2580.into()));
    assert_eq!(measure(play, "bits")["baselines"].as_array().unwrap().len(), 8, "seven orders and their mixture");
    let log = stream(&all, "log.tokens");
    let interval = &measure(log, "bits")["interval"];
    assert!(interval["parts"].as_u64().unwrap() >= 8 && interval["of"] == "blocks", "{interval}");
    assert!(interval["skill_margin"].as_f64().unwrap() > 0.0, "{interval}");
    assert!(measure(log, "bits")["held_out"]["skill"].is_number(), "{log}");
    assert_eq!(log["events"], 2000, "ends are events");
    assert!(measure(log, "accuracy")["surmise"].as_f64().unwrap() > 0.6);
    let readings = measure(stream(&all, "readings.csv"), "MSE");
    let names: Vec<&str> =
        readings["baselines"].as_array().unwrap().iter().map(|b| b["name"].as_str().unwrap()).collect();
    for name in ["persistence", "seasonal", "moving average", "Holt", "linear RLS"] {
        assert!(names.contains(&name), "{name} is missing: {names:?}");
    }
    let cpu = stream(&all, "cpu");
    assert_eq!((cpu["files"].as_array().unwrap().len(), &cpu["events"]), (2, &1200.into()));
    assert_eq!(cpu["labels"]["windows"], 2);
    let nab = measure(cpu, "NAB standard");
    assert!(nab["surmise"].as_f64().unwrap() > 0.0, "{cpu}");
    for detector in ["KNN-CAD", "relative entropy", "windowed Gaussian", "static z-score"] {
        assert!(nab["baselines"].as_array().unwrap().iter().any(|b| b["name"] == detector), "no {detector}: {nab}");
    }
    let files = measure(cpu, "MSE")["by_file"]["files"].as_array().unwrap();
    assert!(files.len() == 2 && files.iter().all(|f| f["file"].as_str().unwrap().ends_with(".csv")), "{files:?}");
    // a stream of its own: the same as by itself, whatever runs beside
    let file = dir.path().join("play.txt");
    let replay = json(&surmise(["replay", file.to_str().unwrap(), "--output", "json"]));
    assert_eq!(play["state_hashes"][0], replay["state_hash"]);
    assert_eq!(play["bits_per_event"], replay["loss_bits_per_event"]);
}

/// The figures of `reference/baselines.json`, which the script beside it has worked out from definitions.
fn reference() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/reference/baselines.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn baselines_reach_what_an_independent_implementation_reaches() {
    let dir = tempfile::tempdir().unwrap();
    let mut manifest =
        "[[stream]]\nfiles = [\"season.csv\"]\ntitle = \"season ahead\"\nformat = \"csv\"\ntime = \"date\"\n\
                        score_rows = \"1000:4000\"\nhorizon = 3\n"
            .to_owned();
    for name in ["season", "sessions", "words", "labels", "arrivals", "alarms"] {
        let recording = recordings::named(name);
        recording.write(dir.path()).unwrap();
        manifest.push_str(&recording.manifest());
    }
    write(dir.path(), "eval.toml", &manifest);
    let out = eval(dir.path(), &["--output", "json", "--jobs", "2"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let all = json(&out);
    let mut held = 0;
    for (title, measures) in reference().as_object().unwrap() {
        let found = stream(&all, title)["measures"].as_array().unwrap();
        for (name, baselines) in measures.as_object().unwrap() {
            let named = |m: &&Value| match m["field"].as_str().unwrap() {
                "" => m["measure"] == **name,
                field => format!("{field}: {}", m["measure"].as_str().unwrap()) == *name,
            };
            let measure = found.iter().find(named).unwrap_or_else(|| panic!("{title} has no {name}: {found:?}"));
            let values: Vec<(&Value, f64)> = measure["baselines"]
                .as_array()
                .unwrap()
                .iter()
                .map(|b| (&b["name"], b["value"].as_f64().unwrap()))
                .collect();
            // trees are held to what they are for by their own tests
            let compared = values.iter().filter(|(n, _)| *n != "Hoeffding tree" && *n != "online forest").count();
            assert_eq!(compared, baselines.as_object().unwrap().len(), "{title}, {name}: {values:?}");
            for (baseline, want) in baselines.as_object().unwrap() {
                let (_, value) = values.iter().find(|(n, _)| *n == baseline).expect("each predictor has a figure");
                let want = want.as_f64().unwrap();
                assert!((value - want).abs() <= 1e-5 * want, "{title}, {name}, {baseline}: {value}, not {want}");
                held += 1;
            }
        }
    }
    assert!(held > 50, "{held} figures were held");
}

#[test]
fn a_manifest_says_more_and_a_fault_harms_only_its_own_row() {
    let dir = folder();
    write(dir.path(), "bad.csv", "");
    write(dir.path(), "ragged.csv", "a,b\n1,2\n3\n4,5\n");
    let manifest = "[[stream]]\nfiles = [\"readings.csv\"]\ntitle = \"Readings\"\nhorizon = 3\nscore_rows = \"300:800\"\n\
                    references = [\"ARIMA .31\"]\ntuned_on = \"its rates\"\n[[stream]]\nfiles = [\"cpu/*\", \"*.tokens\"]\nskip = true\n";
    write(dir.path(), "eval.toml", manifest);
    let out = eval(dir.path(), &["--output", "json"]);
    assert_eq!(out.status.code(), Some(65));
    let all = json(&out);
    assert_eq!(all["errors"][0]["line"], 1, "{all}");
    assert!(all["errors"][0]["file"].as_str().unwrap().ends_with("bad.csv"));
    assert!(String::from_utf8_lossy(&out.stderr).contains("bad.csv:1"));
    assert_eq!(stream(&all, "ragged.csv")["odd"][0]["line"], 3, "{all}");
    let readings = stream(&all, "Readings");
    assert_eq!((&readings["events_scored"], &readings["horizon"]), (&500.into(), &3.into()));
    assert!(measure(readings, "MSE ahead")["baselines"].as_array().unwrap().len() == 3, "{readings}");
    let out = eval(dir.path(), &["--only", "readings", "--markdown"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && text.lines().count() == 3 && text.contains("ARIMA .31 | its rates"), "{text}");
    let out = eval(dir.path(), &["--only", "readings", "--held-out"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(text.contains("skill, held out") && text.contains("held out: chosen on the first 2"), "{text}");
    assert!(text.contains("tuned on: its rates"), "{text}");
    let out = eval(dir.path(), &["--only", "readings"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(text.contains("Readings") && text.contains("best simple one") && text.contains("events/s"), "{text}");
}

#[test]
fn each_component_is_left_out_once() {
    let dir = folder();
    let out = eval(dir.path(), &["--ablate", "words,season", "--output", "json"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let all = json(&out);
    let of = |title: &str| all["ablations"].as_array().unwrap().iter().find(|a| a["title"] == title).unwrap().clone();
    let (play, log, readings) = (of("play.txt"), of("log.tokens"), of("readings.csv"));
    let parts = |a: &Value| a["ablated"].as_array().unwrap().iter().map(|w| w["component"].clone()).collect::<Vec<_>>();
    assert_eq!((parts(&play), parts(&log), parts(&readings)), (vec!["words".into()], vec![], vec!["season".into()]));
    assert_eq!(readings["measures"], serde_json::json!(["bits", "MSE"]));
    let value = |v: &Value| v.as_f64().unwrap();
    for a in [&play, &readings] {
        let w = &a["ablated"][0];
        assert!((value(&w["values"][0]) - value(&a["whole"][0]) - value(&w["more"][0])).abs() < 1e-12, "{a}");
        assert!(value(&a["seconds"]) > 0.0 && value(&w["seconds"]) > 0.0, "{a}");
    }
    // the whole is what eval says, and a part left out what its option leaves out
    let file = dir.path().join("play.txt");
    let replay = |more: &[&str]| {
        let mut args = vec!["replay", file.to_str().unwrap(), "--output", "json"];
        args.extend(more);
        json(&surmise(args))["loss_bits_per_event"].clone()
    };
    assert_eq!(play["whole"][0], replay(&[]));
    assert_eq!(play["ablated"][0]["values"][0], replay(&["--set", "ablate=words"]));
    let out = eval(dir.path(), &["--only", "readings", "--ablate", "season,stack", "--markdown"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && text.lines().count() == 5, "{text}");
    assert!(
        text.contains("| stack | ") && text.contains("bits per event | ") && text.contains("| nothing | **"),
        "{text}"
    );
    let out = eval(dir.path(), &["--only", "readings", "--ablate"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success() && text.contains("regressions") && text.contains(" %") && text.contains("CPU seconds"),
        "{text}"
    );
}

#[test]
fn wrong_usage_is_told() {
    let dir = folder();
    let says = |more: &[&str]| {
        let out = eval(dir.path(), more);
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    write(dir.path(), "m.toml", "[[stream]]\nfiles = [\"a\"]\nformt = \"csv\"\n");
    let (code, text) = says(&["--manifest", dir.path().join("m.toml").to_str().unwrap()]);
    assert_eq!(code, Some(64));
    assert!(text.contains("m.toml:3") && text.contains("did you mean \"format\"?"), "{text}");
    let (code, text) = says(&["--only", "nothing of the kind"]);
    assert!(code == Some(64) && text.contains("--only"), "{text}");
    let (code, text) = says(&["--markdown", "--output", "json"]);
    assert!(code == Some(64) && text.contains("choose one"), "{text}");
    let (code, text) = says(&["--ablate", "words,wrods"]);
    assert!(code == Some(64) && text.contains("wrods") && text.contains("weight-sets"), "{text}");
    let out = eval(&dir.path().join("play.txt"), &[]);
    assert_eq!(out.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&out.stderr).contains("surmise replay"), "a file is for replay");
}
