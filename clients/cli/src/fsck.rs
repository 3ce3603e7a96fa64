//! `surmise fsck`: what a data directory holds, what of it is damaged, and what a start would do about it.

use crate::global::Global;
use clap::Args;
use std::path::PathBuf;
use surmise_store::{Examination, ExaminedStream, Severity};
use surmise_terminal::format::{count, size};
use surmise_terminal::{Exit, Failure, Paint, Table, print_line};

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct FsckArgs {
    /// The data directory.
    #[arg(value_name = "DIR", default_value = "surmise-data")]
    dir: PathBuf,
}

const HELP: &str = "\
Examples:
  surmise fsck /var/lib/surmise
  surmise fsck /backup/surmise --output json | jq .findings

Nothing is changed: a start of surmised mends by itself what can be mended, and says so.
Exit codes: 0 nothing is lost, 65 events are lost, 74 the directory cannot be read, or a daemon uses it";

pub(crate) fn run(global: &Global, args: &FsckArgs) -> Result<(), Failure> {
    let found = Examination::of(&args.dir).map_err(|e| Failure::new(Exit::Storage, e))?;
    if global.json() {
        print_line(&serde_json::to_string(&found).map_err(Failure::internal)?)?;
    } else {
        print(&found, Paint::stdout())?;
    }
    if let Some(user) = &found.in_use_by {
        let dir = args.dir.display();
        let reason = format!(
            "{user} is using {dir} now, so what is told here may be half written: stop it, or examine a copy of the \
             directory"
        );
        return Err(Failure::new(Exit::Storage, reason));
    }
    match found.gravest() {
        Some(Severity::Lost) => Err(Failure::new(Exit::Data, "events are lost; see above")),
        Some(Severity::Note | Severity::Mended) | None => Ok(()),
    }
}

fn print(found: &Examination, paint: Paint) -> std::io::Result<()> {
    print_line(&format!("format: {}", found.format.as_deref().unwrap_or("not said, as by versions before 2")))?;
    for database in &found.databases {
        let state = if database.faults.is_empty() { paint.green("whole") } else { "damaged".into() };
        print_line(&format!("{}: {}, {state}", database.name, size(database.bytes)))?;
    }
    let mut table = Table::new(1, ["stream", "number", "log", "acknowledged", "checkpoints", "a start"]);
    for stream in &found.streams {
        table.row([
            stream.name.clone(),
            stream.number.to_string(),
            ranges(stream),
            count(stream.acknowledged),
            checkpoints(stream),
            stream.start.clone(),
        ]);
    }
    for line in table.lines(paint) {
        print_line(&line)?;
    }
    for finding in &found.findings {
        let stream = finding.stream.as_ref().map_or(String::new(), |name| format!(" {name:?}"));
        print_line(&format!("{}: {}{stream}: {}", finding.severity.name(), finding.place, finding.what))?;
    }
    Ok(())
}

/// The offsets of which the log has the events.
fn ranges(stream: &ExaminedStream) -> String {
    let ranges: Vec<String> = stream.log.iter().map(|(from, to)| format!("{from}..{to}")).collect();
    if ranges.is_empty() { "-".into() } else { ranges.join(" ") }
}

/// The offsets of the checkpoints.
fn checkpoints(stream: &ExaminedStream) -> String {
    let told: Vec<String> = stream
        .checkpoints
        .iter()
        .map(
            |checkpoint| {
                if checkpoint.is_whole { checkpoint.offset.to_string() } else { format!("({})", checkpoint.offset) }
            },
        )
        .collect();
    if told.is_empty() { "-".into() } else { told.join(" ") }
}
