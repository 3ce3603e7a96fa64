//! Reads files as streams of events, each its own, and prints how many incidents began in each, beside how many the
//! budget promised, and in how many events.
//!
//!     cargo run --release -p surmise-evaluation --example budget -- cpu.csv access.log

use std::path::PathBuf;
use surmise_event::{AlarmPhase, Limits};
use surmise_learner::{Learner, Options};
use surmise_recording::{Source, SourceOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut begun, mut promised) = (0, 0.0);
    for file in std::env::args_os().skip(1).map(PathBuf::from) {
        let source = Source::open(&SourceOptions { files: vec![file.clone()], ..SourceOptions::default() })?;
        let mut learner = Learner::new(source.declared_schema(), Options::default())?;
        let mut why = Vec::new();
        for item in source {
            let item = item?;
            let event = learner.bind(&item.record, &Limits::default()).map_err(|refusal| item.refused(refusal))?;
            let outcome = learner.observe(&event);
            if let Some(alarm) = outcome.alarm.filter(|alarm| alarm.phase == AlarmPhase::Begins) {
                why.push(format!("{} at {}", alarm.kind.name(), alarm.offset));
            }
        }
        let account = learner.budget_account();
        let events = learner.report().events;
        println!(
            "{:>9} events  {:>3} incidents of {:>6.2} promised  {}  {why:?}",
            events,
            account.begun,
            account.promised,
            file.display()
        );
        begun += account.begun;
        promised += account.promised;
    }
    println!("together: {begun} of {promised:.2}");
    Ok(())
}
