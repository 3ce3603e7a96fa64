//! `surmise doctor`: examines a running daemon, or what one would be started with, and says what to do.

mod running;
#[cfg(feature = "learner")]
mod starting;

use crate::global::Global;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use surmise_terminal::{Exit, Failure, Paint, print_line, print_lines};

#[derive(Args, Debug)]
#[command(after_help = "It exits with 0 if nothing is wrong, and with 69 if something is.\n\nExamples:\n  surmise doctor\n  \
    surmise doctor --server https://surmise.example.org:7070\n  \
    surmise doctor --config /etc/surmise/surmised.toml    before a daemon is started with it")]
pub(crate) struct DoctorArgs {
    /// Examine what a daemon would be started with, too: the file, its ports, its data directory and the disk.
    #[cfg_attr(not(feature = "learner"), arg(hide = true))]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// As it should be.
    Fine,
    /// Worth a look.
    Look,
    /// Not as it should be.
    Wrong,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Fine => "fine",
            Verdict::Look => "look",
            Verdict::Wrong => "wrong",
        }
    }
}

/// What was found of one thing that was examined.
#[derive(Debug)]
struct Finding {
    verdict: Verdict,
    /// What was examined.
    about: String,
    /// What was found.
    found: String,
    /// What to do about it; empty if nothing is to be done.
    advice: String,
}

impl Finding {
    fn fine(about: impl Into<String>, found: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Fine, about: about.into(), found: found.into(), advice: String::new() }
    }

    fn bad(
        verdict: Verdict,
        about: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Finding {
        Finding { verdict, about: about.into(), found: found.into(), advice: advice.into() }
    }

    fn json(&self) -> Value {
        let Finding { verdict, about, found, advice } = self;
        json!({ "verdict": verdict.word(), "about": about, "found": found, "advice": advice })
    }

    fn line(&self, paint: Paint) -> String {
        let word = format!("{:5}", self.verdict.word());
        let word = match self.verdict {
            Verdict::Fine => paint.green(&word),
            Verdict::Look => paint.alarm(0.5, &word),
            Verdict::Wrong => paint.alarm(1.0, &word),
        };
        let advice = if self.advice.is_empty() { String::new() } else { format!("\n      {}", self.advice) };
        format!("{word} {}: {}{advice}", paint.bold(&self.about), self.found)
    }
}

pub(crate) fn run(global: &Global, args: &DoctorArgs) -> Result<(), Failure> {
    let findings = examine(global, args)?;
    if global.json() {
        let told: Vec<Value> = findings.iter().map(Finding::json).collect();
        print_line(&json!({ "findings": told }).to_string())?;
    } else {
        print_lines(findings.iter().map(|finding| finding.line(Paint::stdout())))?;
    }
    match findings.iter().filter(|finding| finding.verdict == Verdict::Wrong).count() {
        0 => Ok(()),
        wrong => Err(Failure::new(Exit::Unreachable, format!("{wrong} of {} things are wrong", findings.len()))),
    }
}

#[cfg(feature = "learner")]
fn examine(global: &Global, args: &DoctorArgs) -> Result<Vec<Finding>, Failure> {
    match &args.config {
        Some(file) => Ok(starting::examine(file)),
        None => running::examine(global),
    }
}

#[cfg(not(feature = "learner"))]
fn examine(global: &Global, args: &DoctorArgs) -> Result<Vec<Finding>, Failure> {
    match &args.config {
        Some(_) => Err(Failure::usage("--config needs a surmise that was built with the feature learner")),
        None => running::examine(global),
    }
}
