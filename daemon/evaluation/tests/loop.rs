//! A replay is no more than the loop that the learner's documentation begins with.
#![allow(missing_docs)]

use std::io::Write;
use surmise_evaluation::{ReplayOptions, replay};
use surmise_event::{Data, Datum, Limits, Record};
use surmise_learner::{Learner, Options};
use surmise_recording::{Format, Source, SourceOptions};

#[test]
fn a_replay_is_the_loop_of_the_learners_documentation() {
    let pages = ["home", "cart", "pay"].repeat(40);
    let mut file = tempfile::Builder::new().suffix(".txt").tempfile().unwrap();
    pages.iter().for_each(|page| writeln!(file, "{page}").unwrap());
    let options =
        SourceOptions { files: vec![file.path().into()], format: Some(Format::Lines), ..SourceOptions::default() };
    let open = || Source::open(&options).unwrap();
    let result = replay(open(), &ReplayOptions::default(), |_| {}).unwrap();

    let mut learner = Learner::new(open().schema().clone(), Options::default()).unwrap();
    let mut bits = 0.0;
    for page in &pages {
        let record = Record { data: Data::One(Datum::Text((*page).into())), ..Record::default() };
        let event = learner.bind(&record, &Limits::default()).unwrap();
        learner.predict(None, 1);
        bits += learner.observe(&event).surprise_bits;
    }
    assert_eq!(result.state_hash, learner.state_hash());
    assert_eq!((result.events, result.loss_bits_per_event), (120, learner.report().loss_bits_per_event));
    assert!((result.loss_bits_per_event * 120.0 - bits).abs() < 1e-9);
}
