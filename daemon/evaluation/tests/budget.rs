//! Incidents of real recordings, whatever is in them, stay within what their budget promises.
#![allow(missing_docs)]

use std::path::Path;
use surmise_event::Limits;
use surmise_fixtures::data;
use surmise_learner::{BudgetAccount, Learner, Options};
use surmise_recording::{Source, SourceOptions};

/// Recordings of some length, of all kinds.
const RECORDINGS: [&str; 8] = [
    "logpanel/nginx-a.log",
    "logpanel/app-a.log",
    "logpanel/postgres-a.log",
    "logpanel/auth-a.log",
    "ett/ETTh1.csv",
    "elec2/electricity.csv",
    "hdfs/hdfs_train",
    "text/alice29.txt",
];

/// How many times what is promised a recording may have; together they have no more than is promised.
const TIMES_MAX: f64 = 1.5;

fn account(file: &Path) -> BudgetAccount {
    let source = Source::open(&SourceOptions { files: vec![file.into()], ..SourceOptions::default() }).unwrap();
    let mut learner = Learner::new(source.declared_schema(), Options::default()).unwrap();
    for item in source {
        if let Ok(event) = learner.bind(&item.unwrap().record, &Limits::default()) {
            learner.observe(&event);
        }
    }
    learner.budget_account()
}

#[test]
fn incidents_of_real_recordings_stay_within_the_budget() {
    let Some(folder) = data("budgets of real recordings", "") else { return };
    let files = RECORDINGS.iter().map(|name| folder.join(name)).filter(|file| file.is_file());
    let all: Vec<(String, BudgetAccount)> = files.map(|file| (file.display().to_string(), account(&file))).collect();
    assert!(all.iter().all(|(_, a)| a.begun as f64 <= TIMES_MAX * a.promised), "{all:?}");
    let begun: u64 = all.iter().map(|(_, a)| a.begun).sum();
    let promised: f64 = all.iter().map(|(_, a)| a.promised).sum();
    assert!(begun as f64 <= promised, "{begun} of {promised:.1}: {all:?}");
}
