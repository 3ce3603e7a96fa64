//! How well verdicts on sessions find the anomalous sessions of HDFS: 150 of `hdfs_test_abnormal`, drawn at random and
//! mixed at random places into the 4,855 normal sessions of `hdfs_train`, which keep their order; ten draws.
//!
//! ```text
//! SURMISE_DATA=../shared/data cargo run --release -p surmise-evaluation --example hdfs_sessions
//! ```

use surmise_evaluation::SessionLabelsResult;
use surmise_event::{Data, Datum, Field, FieldKind, Limits, Record, Schema};
use surmise_fixtures::{Random, data};
use surmise_learner::{Learner, Options};

/// Anomalous sessions of a draw.
const ANOMALOUS: usize = 150;
/// Sessions at the beginning that are not counted.
const UNSCORED: usize = 500;

/// Normal and anomalous sessions, mixed.
fn mix<'a>(normal: &[&'a str], anomalous: &[&'a str], seed: u64) -> Vec<(&'a str, bool)> {
    let mut random = Random::new(seed);
    let mut anomalous = anomalous.to_vec();
    let (mut normal_left, mut anomalous_left) = (normal.iter(), ANOMALOUS);
    let mut mixed = Vec::new();
    for left in (1..=normal.len() + ANOMALOUS).rev() {
        if random.below(left as u64) < anomalous_left as u64 {
            anomalous_left -= 1;
            let drawn = random.below(anomalous.len() as u64) as usize;
            mixed.push((anomalous.swap_remove(drawn), true));
        } else if let Some(session) = normal_left.next() {
            mixed.push((session, false));
        }
    }
    mixed
}

/// The anomaly score of every session, learnt in one pass without labels.
fn scores(sessions: &[(&str, bool)]) -> Result<Vec<(f64, bool)>, Box<dyn std::error::Error>> {
    let mut learner = Learner::new(Schema::new([Field::new("key", FieldKind::Category)]), Options::default())?;
    let mut scored = Vec::new();
    for (number, (session, anomalous)) in sessions.iter().enumerate() {
        let steps = session.split_whitespace().map(|step| Data::One(Datum::Text(step.into())));
        for data in steps.chain([Data::None]) {
            let end = matches!(data, Data::None);
            let record = Record { key: Some(number.to_string().into()), data, end, ..Record::default() };
            let event = learner.bind(&record, &Limits::default())?;
            scored.extend(learner.observe(&event).sessions.iter().map(|s| (s.anomaly_score, *anomalous)));
        }
    }
    Ok(scored)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let read = |name: &str| data("sessions of HDFS", name).map(std::fs::read_to_string).transpose();
    let (Some(normal), Some(anomalous)) = (read("hdfs/hdfs_train")?, read("hdfs/hdfs_test_abnormal")?) else {
        return Ok(());
    };
    let lines = |text: &'static str| text.lines().filter(|l| !l.trim().is_empty()).collect::<Vec<_>>();
    let (normal, anomalous) = (lines(normal.leak()), lines(anomalous.leak()));
    let mut all = Vec::new();
    for seed in 1..=10 {
        let scored = scores(&mix(&normal, &anomalous, seed))?;
        let r = SessionLabelsResult::of(&scored[UNSCORED..]);
        let (average, f1) = (r.average_precision.unwrap_or_default(), r.f1.unwrap_or_default());
        println!("seed {seed}: {} of {} anomalous, AP {average:.3}, F1 {f1:.3}", r.anomalous, r.sessions);
        all.push((average, f1));
    }
    let mean = |of: fn(&(f64, f64)) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    let worst = |of: fn(&(f64, f64)) -> f64| all.iter().map(of).fold(1.0, f64::min);
    println!(
        "mean (worst): AP {:.3} ({:.3}), F1 {:.3} ({:.3})",
        mean(|r| r.0),
        worst(|r| r.0),
        mean(|r| r.1),
        worst(|r| r.1)
    );
    Ok(())
}
