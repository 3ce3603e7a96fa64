//! What a file of scores has of forecasts over several steps, of targets, and of what is unusual.
#![allow(missing_docs)]

use std::collections::HashMap;
use surmise_evaluation::{ReplayOptions, ReplayResult, replay};
use surmise_event::{Expected, Limits};
use surmise_fixtures::Random;
use surmise_learner::{Learner, Options};
use surmise_recording::{Source, SourceOptions};

/// Beside each number stands what the learner forecast of it three events of its key before, and nothing beside the
/// first three of a key.
#[test]
fn far_forecasts_stand_beside_the_numbers_that_came() {
    let dir = tempfile::tempdir().unwrap();
    let (file, scores) = (dir.path().join("tides.csv"), dir.path().join("scores.csv"));
    let mut random = Random::new(11);
    let mut rows = String::from("place,level,wind\n");
    for i in 0..900u32 {
        let place = ["bay", "pier", "lock"][random.below(3) as usize];
        let level = f64::from(i % 24) + 0.1 * random.normal();
        rows += &format!("{place},{level:.2},{:.1}\n", 5.0 + random.normal());
    }
    std::fs::write(&file, rows).unwrap();
    let recording = SourceOptions { files: vec![file], key: Some("place".into()), ..SourceOptions::default() };
    let options = ReplayOptions { scores: Some(scores.clone()), horizon: Some(3), ..ReplayOptions::default() };
    replay(Source::open(&recording).unwrap(), &options, |_| {}).unwrap();

    let source = Source::open(&recording).unwrap();
    let chosen = Options { horizon: 3, ..Options::default() };
    let mut learner = Learner::new(source.declared_schema(), chosen).unwrap();
    let mut made: HashMap<Option<Box<str>>, Vec<[f64; 3]>> = HashMap::new();
    let mut table = csv::Reader::from_path(&scores).unwrap();
    let header = table.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|column| column == name).unwrap();
    let columns = ["level_yhat_3", "level_yhat_lower_3", "level_yhat_upper_3"].map(place);
    assert_eq!(place("wind_yhat_upper_3"), header.len() - 1);
    let mut compared = 0;
    for (item, row) in source.zip(table.records()) {
        let (event, row) = (learner.bind(&item.unwrap().record, &Limits::default()).unwrap(), row.unwrap());
        let told = columns.map(|column| row[column].parse::<f64>().ok());
        let made = made.entry(event.key.clone()).or_default();
        let due = made.len().checked_sub(3).map(|at| made[at]);
        assert_eq!(told, due.map_or([None; 3], |due| due.map(Some)), "{row:?}");
        compared += usize::from(due.is_some());
        learner.observe(&event);
        let far = learner.forecast(event.key.as_deref(), 3, 1).pop().unwrap();
        let Expected::Number { mean, quantiles, .. } = &far.fields["level"] else { panic!("{far:?}") };
        made.push([*mean, quantiles["0.05"], quantiles["0.95"]]);
    }
    assert_eq!(compared, 900 - 9);
}

/// A target whose kind is told by more than its first value does not end the replay.
#[test]
fn a_target_that_changes_its_kind_is_scored_on() {
    let dir = tempfile::tempdir().unwrap();
    let (file, scores) = (dir.path().join("log.ndjson"), dir.path().join("scores.csv"));
    for (first, rest) in [("200", "\"ok\""), ("\"ok\"", "7.5"), ("200", "404")] {
        let line = |i: u32| format!("{{\"path\":\"/{}\",\"status\":{}}}\n", i % 3, if i == 0 { first } else { rest });
        std::fs::write(&file, (0..700).map(line).collect::<String>()).unwrap();
        let recording = SourceOptions { files: vec![file.clone()], ..SourceOptions::default() };
        let learner = Options { target: Some("status".into()), ..Options::default() };
        let options = ReplayOptions { scores: Some(scores.clone()), learner, ..ReplayOptions::default() };
        replay(Source::open(&recording).unwrap(), &options, |_| {}).unwrap();
        assert_eq!(csv::Reader::from_path(&scores).unwrap().records().map(Result::unwrap).count(), 700);
    }
}

/// The rows of the scores of a recording, and its result.
fn scored(rows: &str, target: Option<&str>) -> (csv::StringRecord, Vec<csv::StringRecord>, ReplayResult) {
    let dir = tempfile::tempdir().unwrap();
    let (file, scores) = (dir.path().join("rows.csv"), dir.path().join("scores.csv"));
    std::fs::write(&file, rows).unwrap();
    let recording = SourceOptions { files: vec![file], ..SourceOptions::default() };
    let learner = Options { target: target.map(str::to_owned), ..Options::default() };
    let options = ReplayOptions { scores: Some(scores.clone()), learner, ..ReplayOptions::default() };
    let result = replay(Source::open(&recording).unwrap(), &options, |_| {}).unwrap();
    let mut table = csv::Reader::from_path(&scores).unwrap();
    let header = table.headers().unwrap().clone();
    (header, table.records().map(Result::unwrap).collect(), result)
}

/// Beside each event stands what was expected of the target given the rest of it, and nothing of the rest.
#[test]
fn a_class_has_its_likeliest_symbol_beside_it() {
    let mut random = Random::new(4);
    let mut rows = String::from("weight,fruit\n");
    let mut truth = Vec::new();
    for _ in 0..1500 {
        let fruit = ["cherry", "apple", "melon"][random.below(3) as usize];
        let weight = [8.0, 150.0, 1200.0][fruit.len() % 3] * (1.0 + 0.1 * random.normal());
        rows += &format!("{weight:.1},{fruit}\n");
        truth.push(fruit);
    }
    let (header, table, result) = scored(&rows, Some("fruit"));
    let columns: Vec<&str> = header.iter().skip(7).collect();
    assert_eq!(columns, ["fruit_yhat", "fruit_probability"]);
    let hits = table.iter().zip(&truth).filter(|(row, fruit)| row[7] == ***fruit).count();
    let measured = result.fields["fruit"].report.top1.unwrap();
    assert!((hits as f64 / 1500.0 - measured).abs() < 1e-9, "{hits} of 1500, {measured}");
    let bits: f64 = table.iter().map(|row| row[3].parse::<f64>().unwrap()).sum();
    let right = table.iter().zip(&truth).filter(|(row, fruit)| row[7] == ***fruit);
    let told: f64 = right.map(|(row, _)| -row[8].parse::<f64>().unwrap().log2() - row[3].parse::<f64>().unwrap()).sum();
    // symbols that never came are not listed before they have
    assert!(told.abs() < 1.0 && bits > 10.0, "the probability of what came is its surprise: {told} of {bits} bits off");
}

/// The field that makes an event rare is named, and of what is usual none is.
#[test]
fn the_field_that_makes_an_event_rare_is_named() {
    let mut random = Random::new(8);
    let mut rows = String::from("steady,load\n");
    for i in 0..4000 {
        let load = if i == 3500 { 900.0 } else { 50.0 + random.normal() };
        rows += &format!("1,{load:.2}\n");
    }
    let (_, table, _) = scored(&rows, None);
    assert_eq!(&table[3500][6], "load", "{:?}", table[3500]);
    for row in &table[1000..3500] {
        let rarity: f64 = row[5].parse().unwrap();
        assert!(rarity <= 5.0 || &row[6] == "load", "{row:?}");
    }
}
