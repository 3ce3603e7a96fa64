//! `surmise audit`: what operators did to a daemon.

use crate::global::Global;
use clap::Args;
use serde_json::Value;
use surmise_terminal::{Failure, Paint, Table, print_line};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  surmise audit\n  surmise audit --limit 1000 --output json")]
pub(crate) struct AuditArgs {
    /// The latest so many operations.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

pub(crate) fn run(global: &Global, args: &AuditArgs) -> Result<(), Failure> {
    let answer: Value = global.http()?.get("/api/v1/audit", &[("limit", args.limit.to_string())])?;
    if global.json() {
        return Ok(print_line(&answer.to_string())?);
    }
    let text = |operation: &Value, name: &str| operation[name].as_str().unwrap_or_default().to_owned();
    let mut table = Table::new(5, ["time", "who", "what", "about", "result"]);
    for operation in answer["operations"].as_array().into_iter().flatten() {
        table.row(["time", "who", "what", "about", "result"].map(|name| text(operation, name)));
    }
    for line in table.lines(Paint::stdout()) {
        print_line(&line)?;
    }
    match answer["damaged"].as_u64() {
        Some(damaged) if damaged > 0 => Ok(print_line(&format!("{damaged} lines of the audit log are damaged"))?),
        Some(_) | None => Ok(()),
    }
}
