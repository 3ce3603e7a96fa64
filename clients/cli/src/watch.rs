//! `surmise watch`: every event as it comes, how surprising it is, and when the stream changes for good.

use crate::global::Global;
use clap::Args;
use std::io::{BufRead, BufReader};
use surmise_event::Drift;
use surmise_protocol::{DriftEvent, OutcomeReply};
use surmise_terminal::format::{bar, number};
use surmise_terminal::{Exit, Failure, Paint, print_line, segment};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise watch --stream web
  surmise watch --stream web --min-bits 12 --output json | jq .key")]
pub(crate) struct WatchArgs {
    /// The stream.
    #[arg(long, value_name = "STREAM")]
    stream: String,
    /// Show only events at least this surprising.
    #[arg(long, value_name = "BITS")]
    min_bits: Option<f64>,
    /// Show only events with at least this anomaly score (0 to 1).
    #[arg(long, value_name = "SCORE")]
    min_score: Option<f64>,
    /// Stop after so many events.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

pub(crate) fn run(global: &Global, args: &WatchArgs) -> Result<(), Failure> {
    let response = global.http().open(&format!("/api/v1/streams/{}/watch", segment(&args.stream)), &[])?;
    let mut lines = BufReader::new(response.into_body().into_reader());
    let paint = Paint::stdout();
    if !global.json() {
        print_line(&paint.dim("    offset      bits                        score  fields"))?;
    }
    let (mut line, mut event, mut shown) = (String::new(), Feed::default(), 0);
    loop {
        line.clear();
        match lines.read_line(&mut line) {
            Ok(0) => return Err(Failure::new(Exit::Unreachable, "surmised ended the feed")),
            Err(e) => return Err(Failure::new(Exit::Unreachable, format!("the feed broke off: {e}"))),
            Ok(_) => {}
        }
        let Some((name, data)) = event.line(line.trim_end_matches(['\r', '\n'])) else { continue };
        let fault = |e| Failure::internal(format!("the feed is not understood: {e}"));
        if name == "drift" {
            let d: DriftEvent = serde_json::from_str(&data).map_err(fault)?;
            print_line(&if global.json() { data } else { drift_line(&d.drift, paint) })?;
            continue;
        }
        let o: OutcomeReply = serde_json::from_str(&data).map_err(fault)?;
        if args.min_bits.is_some_and(|b| o.surprise_bits < b) || args.min_score.is_some_and(|s| o.anomaly_score < s) {
            continue;
        }
        print_line(&if global.json() { data } else { outcome_line(&o, paint) })?;
        shown += 1;
        if args.count.is_some_and(|n| shown >= n) {
            return Ok(());
        }
    }
}

/// A parser of server-sent events, line by line. It holds the event that is not complete yet.
#[derive(Default)]
struct Feed {
    name: String,
    data: String,
}

impl Feed {
    /// Parses a line. Returns the name and the data of an outcome or a drift that is complete with it.
    fn line(&mut self, line: &str) -> Option<(String, String)> {
        let value = |v: &str| v.strip_prefix(' ').unwrap_or(v).to_owned();
        match line.split_once(':') {
            Some(("event", v)) => self.name = value(v),
            Some(("data", v)) => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data += &value(v);
            }
            None if line.is_empty() => {
                let done = std::mem::take(self);
                let is_shown = matches!(done.name.as_str(), "outcome" | "drift") && !done.data.is_empty();
                return is_shown.then_some((done.name, done.data));
            }
            _ => {}
        }
        None
    }
}

/// The line that shows a lasting change.
pub(crate) fn drift_line(d: &Drift, paint: Paint) -> String {
    let place = format!("since event {}, noticed at {}", d.began, d.noticed);
    let bits = format!("{:.2} → {:.2} bits per event", d.bits_before, d.bits_after);
    let what = match (&d.field, d.level_before, d.level_after) {
        (Some(field), Some(before), Some(after)) => {
            format!("level of {field} {} → {}, {bits}", number(before), number(after))
        }
        _ => format!("loss {bits}"),
    };
    paint.alarm(1.0, &format!("drift: {what}, {place}"))
}

/// Bits of surprise that fill the bar.
const BAR_BITS_MAX: f64 = 24.0;

/// Characters of the bar at most.
const BAR_CHARS_MAX: usize = 24;

/// The line that shows an outcome.
pub(crate) fn outcome_line(o: &OutcomeReply, paint: Paint) -> String {
    let surprise = format!("{:<24}", bar(o.surprise_bits / BAR_BITS_MAX, BAR_CHARS_MAX));
    let fields: Vec<String> = o.fields.iter().map(|f| format!("{} {:.2}", f.name, f.surprise_bits)).collect();
    let fields = if fields.len() > 1 { fields.join("  ") } else { String::new() };
    let key = o.key.as_deref().map_or(String::new(), |k| format!("{k}  "));
    let score = paint.alarm(o.anomaly_score, &format!("{:.3}", o.anomaly_score));
    let line = format!(
        "{:>10}  {:>8.2}  {}{score}  {key}{}",
        o.offset,
        o.surprise_bits,
        paint.alarm(o.anomaly_score, &surprise),
        paint.dim(&fields)
    );
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feed_is_read() {
        let mut f = Feed::default();
        let mut got = Vec::new();
        for l in
            [": hello", "event: outcome", "data: {\"a\":", "data: 1}", "", "event: drift", "data: x", "", "data: y", ""]
        {
            got.extend(f.line(l));
        }
        let event = |name: &str, data: &str| (name.to_owned(), data.to_owned());
        assert_eq!(got, [event("outcome", "{\"a\":\n1}"), event("drift", "x")]);
    }

    #[test]
    fn outcomes_are_told() {
        let o = OutcomeReply {
            offset: 7,
            surprise_bits: 12.0,
            anomaly_score: 0.5,
            key: Some("k".into()),
            ..OutcomeReply::default()
        };
        assert_eq!(outcome_line(&o, Paint::stdout()), "         7     12.00  ████████████            0.500  k");
    }
}
