//! `surmise-bench` at its smallest: what it measures, and the shape in which it says so. No time is judged here.

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Stdio;
use surmise_tests::command;

/// A run of some parts, as programs read it.
fn bench(parts: &[&str]) -> Value {
    let mut args = vec!["--seconds", "0.01", "--repeat", "1", "--streams", "4", "--output", "json"];
    parts.iter().for_each(|p| args.extend(["--only", *p]));
    let out = command("surmise-bench").args(args).stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out.stdout)))
}

fn names<'a>(all: &'a Value, part: &str, of: &str) -> BTreeSet<&'a str> {
    let figures = all["figures"].as_array().unwrap().iter();
    figures.filter(|f| f["part"] == part && f["of"] == of).map(|f| f["name"].as_str().unwrap()).collect()
}

#[test]
fn every_figure_says_what_it_is_of_and_what_is_asked_of_it() {
    let parts = ["presets", "parse", "store", "socket", "footprint"];
    let all = bench(&parts);
    for key in ["processor", "cores", "memory_bytes", "system", "kernel", "version", "load_before", "load_after"] {
        assert!(!all["machine"][key].is_null(), "{key} is missing: {}", all["machine"]);
    }
    assert_eq!((all["seconds"].as_f64(), all["repeat"].as_u64()), (Some(0.01), Some(1)));
    let figures = all["figures"].as_array().unwrap();
    for f in figures {
        assert!(["part", "of", "name", "unit"].iter().all(|k| f[k].is_string()), "{f}");
        assert!(f["value"].as_f64().is_some_and(f64::is_finite), "{f}");
        let asked = &f["asked"];
        assert!(asked.is_null() || asked["must"].is_number() && asked["met"].is_boolean(), "{f}");
    }
    let measured: BTreeSet<&str> = figures.iter().map(|f| f["part"].as_str().unwrap()).collect();
    assert_eq!(measured, parts.into_iter().collect());
    assert!(all["notes"].is_array());
}

#[test]
fn the_socket_is_held_against_replay_for_every_preset() {
    let all = bench(&["socket"]);
    for of in ["bytes", "symbols", "numbers", "records"] {
        let names = names(&all, "socket", of);
        for name in [
            "socket against replay",
            "event to outcome at half load, p50",
            "event to outcome at half load, p99",
            "event to outcome at half load, p99.9",
            "question at full load, p50",
            "question at full load, p99",
            "question at full load, p99.9",
        ] {
            assert!(names.contains(name), "{of}: {name} is missing of {names:?}");
        }
        let same = all["figures"].as_array().unwrap().iter();
        let same = same.filter(|f| f["of"] == of && f["name"] == "same bits as replay");
        assert_eq!(same.map(|f| f["value"].as_f64()).collect::<Vec<_>>(), [Some(1.0)], "{of}");
    }
}
