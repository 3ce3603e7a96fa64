//! `surmise doctor`: examines a running daemon, or what one would be started with, and says what to do.

mod diagnosis;
#[cfg(feature = "learner")]
mod named_files;
#[cfg(feature = "learner")]
mod ports;
mod running;
#[cfg(feature = "learner")]
mod starting;

use crate::global::Global;
use clap::Args;
use diagnosis::{Diagnosis, Soundness};
use serde_json::{Value, json};
use std::path::PathBuf;
use surmise_terminal::{Exit, Failure, Paint, print_line, print_lines};

#[derive(Args, Debug)]
#[command(
    after_help = "It exits with 0 if nothing is wrong, and with 69 if something is.\n\nExamples:\n  surmise doctor\n  \
    surmise doctor --server https://surmise.example.org:7070\n  \
    surmise doctor --config /etc/surmise/surmised.toml    before a daemon is started with it"
)]
pub(crate) struct DoctorArgs {
    /// Examine what a daemon would be started with, and none that runs: the file, its ports, its data directory and the
    /// disk.
    #[cfg_attr(not(feature = "learner"), arg(hide = true))]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(crate) fn run(global: &Global, args: &DoctorArgs) -> Result<(), Failure> {
    let findings = examine(global, args)?;
    if global.json() {
        let told: Vec<Value> = findings.iter().map(Diagnosis::json).collect();
        print_line(&json!({ "findings": told }).to_string())?;
    } else {
        print_lines(findings.iter().map(|finding| finding.line(Paint::stdout())))?;
    }
    match findings.iter().filter(|finding| finding.verdict == Soundness::Wrong).count() {
        0 => Ok(()),
        wrong => Err(Failure::new(Exit::Unreachable, format!("{wrong} of {} things are wrong", findings.len()))),
    }
}

#[cfg(feature = "learner")]
fn examine(global: &Global, args: &DoctorArgs) -> Result<Vec<Diagnosis>, Failure> {
    match &args.config {
        Some(file) => Ok(starting::examine(file)),
        None => running::examine(global),
    }
}

#[cfg(not(feature = "learner"))]
fn examine(global: &Global, args: &DoctorArgs) -> Result<Vec<Diagnosis>, Failure> {
    match &args.config {
        Some(_) => Err(Failure::usage("--config needs a surmise that was built with the feature learner")),
        None => running::examine(global),
    }
}
