//! From recordings to what is found in them.

use crate::{Labels, ReplayOptions, replay};
use std::path::Path;
use surmise_fixtures::{data, printed_result};
use surmise_recording::{Source, SourceOptions};

fn scores_of(file: &Path, out: &Path) -> (Vec<i64>, Vec<f64>) {
    let source = SourceOptions { files: vec![file.into()], time: Some("timestamp".into()), ..SourceOptions::default() };
    let options = ReplayOptions { scores: Some(out.into()), ..ReplayOptions::default() };
    replay(Source::open(&source).unwrap(), &options, |_| {}).unwrap();
    let mut rows = csv::Reader::from_path(out).unwrap();
    let row = |r: csv::StringRecord| (surmise_event::parse_time(&r[2]).unwrap(), r[4].parse::<f64>().unwrap());
    rows.records().map(|r| row(r.unwrap())).unzip()
}

#[test]
fn a_replay_tells_what_was_found_of_known_anomalies() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("meter.csv");
    let value = |i: u64| if (600..640).contains(&i) { 500 } else { 100 + (i * 7919 % 13) };
    let rows: String = (0..1000).map(|i| format!("{},{}\n", i * 60, value(i))).collect();
    std::fs::write(&file, format!("timestamp,value\n{rows}")).unwrap();
    let labels = dir.path().join("labels.csv");
    std::fs::write(&labels, "start,end\n1970-01-01 09:40:00,1970-01-01 11:20:00\n").unwrap();
    let labels = Labels::read(&labels).unwrap();
    let source =
        SourceOptions { files: vec![file.clone()], time: Some("timestamp".into()), ..SourceOptions::default() };
    let options = ReplayOptions { labels: Some(labels.clone()), ..ReplayOptions::default() };
    let result = replay(Source::open(&source).unwrap(), &options, |_| {}).unwrap();
    let found = result.labels.clone().unwrap();
    assert_eq!((found.windows, found.detected, found.false_alarms), (1, 1, 0), "{found:?}");
    assert_eq!(
        (found.mean_delay_rows, found.mean_delay_seconds),
        (Some(20.0), Some(1200.0)),
        "at row 600 of 580 to 680"
    );
    assert!(found.threshold.unwrap() > 0.5);
    let json = serde_json::to_value(&result).unwrap();
    assert!(json["labels"]["nab"]["standard"].as_f64().unwrap() > 90.0, "{}", json["labels"]);
    // the file as a stream of its own: the same
    let (times, scores) = scores_of(&file, &dir.path().join("scores.csv"));
    assert_eq!(labels.score_files(&[("meter.csv", &times, &scores)]).unwrap(), found);
}

/// The score of NAB's own files is the one that the README prints.
#[test]
fn the_score_on_nabs_files_is_what_is_claimed() {
    let Some(nab) = data("the score on NAB's files", "nab") else { return };
    let dir = tempfile::tempdir().unwrap();
    let labels = Labels::read(&nab.join("combined_windows.json")).unwrap();
    let mut files = Vec::new();
    let folders = std::fs::read_dir(&nab).unwrap().map(|f| f.unwrap().path()).filter(|p| p.is_dir());
    for file in folders.flat_map(|f| std::fs::read_dir(f).unwrap()).map(|f| f.unwrap().path()) {
        let (times, scores) = scores_of(&file, &dir.path().join("scores.csv"));
        files.push((file.display().to_string(), times, scores));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    let parts: Vec<_> = files.iter().map(|(f, t, s)| (f.as_str(), t.as_slice(), s.as_slice())).collect();
    let found = labels.score_files(&parts).unwrap();
    let standard = found.nab.standard.unwrap();
    let claimed = printed_result("NAB", "NAB standard");
    assert!(claimed.is_borne_out_by(standard), "{} is claimed, {standard} measured: {found:?}", claimed.value);
}
