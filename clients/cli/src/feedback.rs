//! `surmise feedback` and `surmise forget`: what a person says of incidents, and what a stream is to forget.

use crate::global::Global;
use crate::stream::changed;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use surmise_terminal::{Failure, print_line, segment};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise feedback web 10412 normal                      such incidents have to be rarer from now on to be told
  surmise feedback web 10412 bad --label \"disk full\"    told sooner, and with this label

Incidents are told by `surmise watch`, `surmise top` and the page, with their offsets. What is said is kept in the stream's
log like an event, so it stands after a restart. A later verdict on the same incident takes the place of the one before.")]
pub(crate) struct FeedbackArgs {
    /// The stream.
    stream: String,
    /// The offset of an event of the incident.
    offset: u64,
    /// Whether the incident mattered.
    verdict: Option<SaidVerdict>,
    /// A label, which later incidents of the kind are told with; an empty one takes it away.
    #[arg(long, value_name = "TEXT", required_unless_present = "verdict")]
    label: Option<String>,
    /// The incarnation of the stream that the offset is of, as the incident tells it in JSON; if it is another one by
    /// now, nothing is learnt.
    #[arg(long, value_name = "N")]
    incarnation: Option<u32>,
}

/// Whether an incident mattered.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SaidVerdict {
    /// It was normal.
    Normal,
    /// It mattered.
    Bad,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise forget web --key user-7                                     everything of one key
  surmise forget web --from 10400 --to 10500                          an interval of offsets
  surmise forget web --since 2026-11-27T10:00Z --until 2026-11-27T11:00Z

The log is learnt again and written without these events, while the stream goes on; its `state_hash` is then that of a
stream that never saw them, and later events have lower offsets. `surmise stream undo` takes it back for
`store.undo_kept`; then the old log is deleted. A whole stream goes with `surmise stream delete --for-good`.")]
pub(crate) struct ForgetArgs {
    /// The stream.
    stream: String,
    /// The offset of the first event to forget.
    #[arg(long, value_name = "OFFSET")]
    from: Option<u64>,
    /// The offset after the last event to forget.
    #[arg(long, value_name = "OFFSET")]
    to: Option<u64>,
    /// The time of the first event to forget.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The time after the last event to forget.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Forget events of this key alone.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

pub(crate) fn feedback(global: &Global, args: &FeedbackArgs) -> Result<(), Failure> {
    let FeedbackArgs { stream, offset, verdict, label, incarnation } = args;
    let verdict = verdict.map(|verdict| match verdict {
        SaidVerdict::Normal => "normal",
        SaidVerdict::Bad => "bad",
    });
    let body = json!({ "offset": offset, "verdict": verdict, "label": label, "incarnation": incarnation });
    let path = format!("/api/v1/streams/{}/feedback", segment(stream));
    let answer: Value = global.http()?.post_json(&path, &body)?;
    if global.json() {
        return Ok(print_line(&answer.to_string())?);
    }
    let said = verdict.map_or(String::new(), |verdict| format!(" was {verdict}"));
    let label = label.as_ref().map_or(String::new(), |label| format!("; its kind is labelled {label:?}"));
    Ok(print_line(&format!("{stream}: learnt that the incident of event {offset}{said}{label}"))?)
}

pub(crate) fn forget(global: &Global, args: &ForgetArgs) -> Result<(), Failure> {
    let ForgetArgs { stream, from, to, since, until, key } = args;
    if (from, to, since, until, key) == (&None, &None, &None, &None, &None) {
        return Err(Failure::usage("say what to forget: --key, --from and --to, or --since and --until".to_owned()));
    }
    let body = json!({ "from": from, "to": to, "since": since, "until": until, "key": key });
    let path = format!("/api/v1/streams/{}/forget", segment(stream));
    let answer: Value = global.http()?.post_json(&path, &body)?;
    if global.json() {
        return Ok(print_line(&answer.to_string())?);
    }
    changed(&answer).iter().try_for_each(|line| print_line(line)).map_err(Failure::from)
}
