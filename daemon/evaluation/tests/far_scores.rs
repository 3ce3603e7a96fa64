//! What a file of scores has of forecasts over several steps.
#![allow(missing_docs)]

use std::collections::HashMap;
use surmise_evaluation::{ReplayOptions, replay};
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
