//! Reads a file as a stream of events and prints the most surprising ones, each judged before it was learnt.
//!
//!     cargo run --release -p surmise-evaluation --example surprises -- readings.csv

use std::path::PathBuf;
use surmise_event::Limits;
use surmise_learner::{Learner, Options};
use surmise_recording::{Source, SourceOptions};

/// Events that are printed.
const SURPRISES_SHOWN: usize = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args_os().nth(1).ok_or("name a file: csv, ndjson, a log, text or anything else")?;
    let source = Source::open(&SourceOptions { files: vec![PathBuf::from(file)], ..SourceOptions::default() })?;
    println!("read as {}", source.format().name());

    let mut learner = Learner::new(source.declared_schema(), Options::default())?;
    let mut surprises = Vec::new();
    for item in source {
        let item = item?;
        let event = learner.bind(&item.record, &Limits::default()).map_err(|refusal| item.refused(refusal))?;
        let outcome = learner.observe(&event);
        surprises.push((outcome.surprise_bits, outcome.anomaly_score, item.line));
    }

    surprises.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (bits, score, line) in surprises.iter().take(SURPRISES_SHOWN) {
        println!("line {line:>8}  {bits:>8.2} bits  anomaly score {score:.3}");
    }
    println!("state {}", learner.state_hash());
    Ok(())
}
