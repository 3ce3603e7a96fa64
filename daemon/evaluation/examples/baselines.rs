//! Runs the baselines alone over a recording and prints what each reached, with the measures in their order.
//!
//!     cargo run --release -p surmise-evaluation --example baselines -- electricity.csv class

use std::path::PathBuf;
use surmise_evaluation::{ReplayOptions, baselines};
use surmise_learner::Options;
use surmise_recording::{Source, SourceOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let file = PathBuf::from(args.next().ok_or("name a recording, and a target where there is one")?);
    let source = Source::open(&SourceOptions { files: vec![file], ..SourceOptions::default() })?;
    let learner = Options { target: args.next(), ..Options::default() };
    let found = baselines(source, &ReplayOptions { learner, ..ReplayOptions::default() }, |_| {})?;
    for (field, scores) in &found.fields {
        for score in scores {
            println!("{field:<16} {:<12} {:<24} {:.4}", score.measure.name(), score.name, score.value);
        }
    }
    Ok(())
}
