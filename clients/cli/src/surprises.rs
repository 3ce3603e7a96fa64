//! `surmise surprises`: the rarest events of a stream.

use crate::global::Global;
use clap::Args;
use serde_json::Value;
use surmise_event::words::rarity;
use surmise_protocol::SurpriseList;
use surmise_terminal::format::count;
use surmise_terminal::{Failure, Paint, Table, from_json, plain, print_line, segment};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise surprises web
  surmise surprises web --days 1 --limit 5
  surmise surprises web --output json | jq '.surprises[0].offset'

The daemon keeps some events of each day, also over its restarts. `surmise why STREAM OFFSET` explains one of them.")]
pub(crate) struct SurprisesArgs {
    /// The stream.
    stream: String,
    /// Events of how many days, today among them; of all that are kept, if it is not said.
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// How many events to list.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Leave out events of fewer nats of surprise.
    #[arg(long, value_name = "NATS", default_value_t = 0)]
    min_nats: u32,
}

pub(crate) fn run(global: &Global, args: &SurprisesArgs) -> Result<(), Failure> {
    let SurprisesArgs { stream, days, limit, min_nats } = args;
    let days = days.map(|days| ("days", days.to_string()));
    let query: Vec<_> =
        days.into_iter().chain([("limit", limit.to_string()), ("min_nats", min_nats.to_string())]).collect();
    let answer: Value = global.http()?.get(&format!("/api/v1/streams/{}/surprises", segment(stream)), &query)?;
    if global.json() {
        return Ok(print_line(&answer.to_string())?);
    }
    for line in lines(&from_json(answer)?, Paint::stdout()) {
        print_line(&line)?;
    }
    Ok(())
}

/// The events in a table, the rarest first, and how often events were how rare beside what was promised.
fn lines(list: &SurpriseList, paint: Paint) -> Vec<String> {
    let mut table = Table::new(0, ["offset", "arrived", "rarity", "bits", "key"]);
    for event in &list.surprises {
        let arrived = jiff::Timestamp::from_second(event.time as i64).map(|time| time.to_string());
        table.row([
            event.offset.to_string(),
            arrived.unwrap_or_default(),
            rarity(event.rarity_events, None),
            format!("{:.2}", event.surprise_bits),
            event.key.as_deref().map_or(String::new(), |key| plain(key).to_string()),
        ]);
    }
    let mut out = match list.surprises.is_empty() {
        true => vec![format!("none of the rare events that are kept of {} is like that", plain(&list.stream))],
        false => table.lines(paint),
    };
    out.extend([String::new(), format!("of {} events:", count(list.events))]);
    for c in &list.counts {
        let promised = list.events as f64 / c.rarity_events;
        let rare = count(c.rarity_events as u64);
        out.push(format!("as rare as one in {rare}: {} of {promised:.0} promised", count(c.events)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_protocol::{RareEvent, RarityCount};

    #[test]
    fn the_rarest_is_listed_first_and_names_command_nothing() {
        let event = RareEvent {
            offset: 4000,
            time: 1.7e9,
            key: Some("\u{1b}[2Ju".into()),
            rarity_events: 40_000.0,
            surprise_bits: 12.345,
        };
        let counts = vec![RarityCount { rarity_events: 100.0, events: 41 }];
        let list = SurpriseList { stream: "web".into(), events: 4_100, counts, surprises: vec![event] };
        let lines = lines(&list, Paint::off());
        assert!(lines[1].contains("4000") && lines[1].contains("2023-11-14T22:13:20Z"), "{lines:?}");
        assert!(lines[1].contains("once in 40,000 events") && lines[1].contains("12.3"), "{lines:?}");
        assert!(!lines[1].contains('\u{1b}'), "{lines:?}");
        assert_eq!(lines.last().unwrap(), "as rare as one in 100: 41 of 41 promised");
    }
}
