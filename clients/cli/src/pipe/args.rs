//! The options of a pipe.

use clap::Args;
use std::path::PathBuf;
use surmise_event::AlarmBudget;

/// The stream that lines go to.
const STREAM: &str = "stdin";

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  tail -f /var/log/syslog | surmise
  cat old.log | surmise                      learns it as fast as it goes, tells what was odd, and ends
  surmise pipe --budget 1/1000 < old.log     up to one incident in 1,000 lines
  zcat old.log.gz | surmise pipe --data ./learnt
  tail -f app.log | surmise pipe --data ./learnt     goes on from what was learnt of the old ones
  journalctl -f -o cat | surmise --output json | jq .event

Each line that is not blank is an event, whatever its form; its template and its slots are found, and the time that it
tells, by which it is known how often lines come and when one is missing. One line of output is one incident: when its
line came in, what is unusual, how rare that is for this log, the line with its odd part in colour, and what was
expected instead. Normal lines are not shown. At the end of the input, or with Ctrl-C, the last line says how many
lines, templates and incidents there were. Where no surmised runs, one is started within this process, on loopback and
on a private directory that goes with it; --data keeps it. Where one runs at --server, the lines go to it, and stay.")]
pub(crate) struct PipeArgs {
    /// The name of the stream.
    #[arg(long, value_name = "STREAM", default_value = STREAM)]
    pub(super) stream: String,
    /// Start a daemon in this process even where one runs.
    #[arg(long)]
    pub(super) own: bool,
    /// Where what is learnt is kept, so that the next run goes on from it; by default it is thrown away at the end.
    /// Implies --own.
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// How many incidents there may be at most: so many per so many lines, or per time as the lines tell it, such as
    /// 1/1000 or 3/day; once in 10,000 lines by default. Implies --own.
    #[arg(long, value_name = "BUDGET")]
    pub(super) budget: Option<AlarmBudget>,
}

impl Default for PipeArgs {
    fn default() -> PipeArgs {
        PipeArgs { stream: STREAM.into(), own: false, data: None, budget: None }
    }
}
