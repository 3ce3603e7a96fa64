//! Predicts one column of a CSV file given all others, and scores it alone: supervised learning, one event at a time.
//!
//! ```text
//! cargo run --release -p surmise-learner --example target -- FILE.csv COLUMN
//! ```
//!
//! The first line names the columns. The target is a category, and all other columns are numbers; a cell that is no
//! number is missing. Prints the target's measures, then the loss of every expert (PREDICTOR §11).

use std::process::ExitCode;
use surmise_event::{Data, Datum, Field, FieldKind, Limits, Record, Schema};
use surmise_learner::{Learner, Options, Report};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, target] = arguments.as_slice() else {
        eprintln!("usage: target FILE.csv COLUMN");
        return ExitCode::FAILURE;
    };
    match score(file, target) {
        Ok(report) => {
            println!("{}", serde_json::to_string_pretty(&report.fields).expect("a report is plain data"));
            for expert in &report.experts {
                println!("{:<24} {:.4} bits an event", expert.name, expert.loss_bits_per_event);
            }
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("target: {file}: {e}");
            ExitCode::FAILURE
        }
    }
}

fn score(file: &str, target: &str) -> Result<Report, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(file)?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().ok_or("there is no line of names")?.split(',').collect();
    let kind = |name: &str| if name == target { FieldKind::Category } else { FieldKind::Number };
    // closed, so that a target which is no column is an error
    let fields = names.iter().map(|name| Field::new(*name, kind(name))).collect();
    let options = Options { target: Some(target.to_owned()), ..Options::default() };
    let mut learner = Learner::new(Schema { fields, closed: true }, options)?;
    learner.set_ranks(true);
    for line in lines {
        let datum = |(name, cell): (&&str, &str)| {
            let datum = match (*name == target, cell.parse()) {
                (true, _) => Datum::Text(cell.into()),
                (false, Ok(x)) => Datum::Number(x),
                (false, Err(_)) => Datum::Null,
            };
            (Box::from(*name), datum)
        };
        let data = Data::Fields(names.iter().zip(line.split(',')).map(datum).collect());
        let event = learner.bind(&Record { data, ..Record::default() }, &Limits::default())?;
        learner.observe(&event);
    }
    Ok(learner.report())
}
