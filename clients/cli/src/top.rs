//! `surmise top`: streams and incidents in a terminal, live.

use crate::global::Global;
use clap::Args;
use std::io::IsTerminal;
use surmise_protocol::{AlarmList, StreamList};
use surmise_terminal::{Failure, print_line};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise top
  surmise top web is:odd                     only streams named so that have something odd now
  ssh -t host surmise top                    needs no port but that of ssh
  surmise top --output json | jq .streams    once, for a program

Keys: ↑↓ move, Enter opens a stream (what it expects next, its losses, its course, its incidents), Esc goes back, Tab
shows the incidents of all streams, ← → sort, r turns the order round, / filters, ? explains, q quits. When the daemon
goes away the screen says so, and goes on by itself when it is back. NO_COLOR=1 draws without colours.")]
pub(crate) struct TopArgs {
    /// Words that the name of a stream has to hold; is:odd, is:live, is:drifting and is:failed ask for a state.
    #[arg(value_name = "WORD")]
    filter: Vec<String>,
}

pub(crate) fn run(global: &Global, args: &TopArgs) -> Result<(), Failure> {
    let http = global.http()?;
    if global.json() {
        let streams: StreamList = http.get("/api/v1/streams", &[("trend", "1".to_owned())])?;
        let alarms: AlarmList = http.get("/api/v1/alarms", &[])?;
        let told = serde_json::json!({ "streams": streams.streams, "alarms": alarms.alarms });
        return Ok(print_line(&told.to_string())?);
    }
    if !std::io::stdout().is_terminal() {
        return Err(Failure::usage("top draws on a terminal; surmise status, or --output json, is for elsewhere"));
    }
    surmise_screen::top(http, args.filter.join(" "))
}
