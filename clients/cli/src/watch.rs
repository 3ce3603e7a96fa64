//! `surmise watch`: the latest incidents of a stream and then others as they begin, or every event as it comes; and
//! when the stream changes for good.

use crate::global::Global;
use crate::incident_line::IncidentLines;
use crate::stream_name::StreamName;
use crate::why::event_text;
use clap::Args;
use std::io::{BufRead, BufReader};
use surmise_event::{AlarmPhase, Drift, Part};
use surmise_protocol::{AlarmEvent, AlarmList, DriftEvent, OutcomeReply, UpdatesRefused};
use surmise_terminal::format::{bar, number};
use surmise_terminal::{Exit, Failure, FeedEvent, FeedParser, Http, Paint, plain, print_line, segment};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise watch web
  surmise watch web --all
  surmise watch web --past 20
  surmise watch web --min-bits 12 --output json | jq .key

One line is one incident: when it began, what is unusual, how rare it is for this stream, the event with its odd part
in colour, and what was expected instead. Those that began before come first, marked as past, or as open if they are not over. A
stream with nothing unusual stays quiet; [alarm] budget says how many incidents it may have.")]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    stream: StreamName,
    /// Show every event, not incidents alone.
    #[arg(long)]
    all: bool,
    /// Show every event that is at least this surprising.
    #[arg(long, value_name = "BITS")]
    min_bits: Option<f64>,
    /// Show every event with at least this anomaly score (0 to 1).
    #[arg(long, value_name = "SCORE")]
    min_score: Option<f64>,
    /// Show so many of the latest incidents first, as far as the daemon knows them.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(0..=256))]
    past: u16,
    /// Stop after so many lines, past incidents not counted.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

/// Outcomes a second that are asked for where none is shown: as few as there may be, as the daemon makes what is asked
/// for. Incidents and drifts come whatever the rate.
const UNSHOWN_OUTCOMES_A_SECOND: u32 = 1;

impl WatchArgs {
    /// Whether events are shown that belong to no incident.
    fn shows_outcomes(&self) -> bool {
        self.all || self.min_bits.is_some() || self.min_score.is_some()
    }

    /// Whether an event is shown that belongs to no incident.
    fn shows(&self, outcome: &OutcomeReply) -> bool {
        self.shows_outcomes()
            && self.min_bits.is_none_or(|bits| outcome.surprise_bits >= bits)
            && self.min_score.is_none_or(|score| outcome.anomaly_score >= score)
    }

    /// What the feed is asked for: every outcome only where some are shown.
    fn query(&self) -> Vec<(&'static str, String)> {
        let rate = (!self.shows_outcomes()).then(|| ("rate", UNSHOWN_OUTCOMES_A_SECOND.to_string()));
        rate.into_iter().collect()
    }
}

pub(crate) fn run(global: &Global, args: &WatchArgs) -> Result<(), Failure> {
    let http = global.http()?;
    let response = http.open(&format!("/api/v1/streams/{}/watch", segment(args.stream.name())), &args.query())?;
    let mut lines = BufReader::new(response.into_body().into_reader());
    let (paint, incidents) = (Paint::stdout(), IncidentLines::stdout());
    let (mut line, mut event, mut shown) = (String::new(), FeedParser::default(), 0);
    // asked for once the feed is open, so that none is missed between
    let told_until = tell_past(global, &http, args, &incidents)?;
    while args.count.is_none_or(|most| shown < most) {
        line.clear();
        match lines.read_line(&mut line) {
            Ok(0) => return Err(Failure::new(Exit::Unreachable, "surmised ended the feed")),
            Err(e) => return Err(Failure::new(Exit::Unreachable, format!("the feed broke off: {e}"))),
            Ok(_) => {}
        }
        let Some(FeedEvent { name, data, .. }) = event.line(line.trim_end_matches(['\r', '\n'])) else { continue };
        let fault = |e| Failure::internal(format!("the feed is not understood: {e}"));
        let told = match name.as_str() {
            "drift" => {
                let d: DriftEvent = serde_json::from_str(&data).map_err(fault)?;
                print_line(&if global.json() { data } else { drift_line(&d.drift, paint) })?;
                continue;
            }
            "updates_refused" => {
                let refused: UpdatesRefused = serde_json::from_str(&data).map_err(fault)?;
                print_line(&if global.json() { data } else { refused_line(&refused, paint) })?;
                continue;
            }
            "alarm" => {
                let a: AlarmEvent = serde_json::from_str(&data).map_err(fault)?;
                let begins = a.alarm.phase == AlarmPhase::Begins;
                if a.alarm.phase == AlarmPhase::GoesOn || begins && told_until.is_some_and(|told| a.alarm.began <= told)
                {
                    continue;
                }
                shown += u64::from(begins);
                if global.json() { data } else { incidents.line(&a) }
            }
            "learn" | "surprise" => {
                let o: OutcomeReply = serde_json::from_str(&data).map_err(fault)?;
                if !args.shows(&o) {
                    continue;
                }
                shown += 1;
                if global.json() { data } else { outcome_line(&o, paint) }
            }
            _ => continue,
        };
        print_line(&told)?;
    }
    Ok(())
}

/// Prints the latest incidents, the earliest of them first. Returns the event with which the latest began.
fn tell_past(
    global: &Global,
    http: &Http,
    args: &WatchArgs,
    incidents: &IncidentLines,
) -> Result<Option<u64>, Failure> {
    if args.past == 0 {
        return Ok(None);
    }
    let path = format!("/api/v1/streams/{}/alarms", segment(args.stream.name()));
    let list: AlarmList = http.get(&path, &[("limit", args.past.to_string())])?;
    for a in list.alarms.iter().rev() {
        print_line(&if global.json() { past_json(a)? } else { incidents.past(a) })?;
    }
    Ok(list.alarms.first().map(|a| a.alarm.began))
}

/// The JSON of an incident that began before, which `past` tells.
fn past_json(a: &AlarmEvent) -> Result<String, Failure> {
    let told = serde_json::to_value(a).and_then(|mut told| {
        told["past"] = true.into();
        serde_json::to_string(&told)
    });
    told.map_err(|e| Failure::internal(format!("an incident cannot be told: {e}")))
}

/// The line that shows a lasting change.
pub(crate) fn drift_line(d: &Drift, paint: Paint) -> String {
    let what = d.words(d.field.as_deref(), number);
    paint.alarm(1.0, &format!("drift: {what}, since event {}, noticed at {}", d.began, d.noticed))
}

/// The line that shows updates of networks that were refused.
fn refused_line(refused: &UpdatesRefused, paint: Paint) -> String {
    let UpdatesRefused { reason, updates, offset, .. } = refused;
    let why = match &**reason {
        "exploded" => "errors were far larger than usual",
        "not_finite" => "a gradient was not finite",
        other => other,
    };
    let which = if *updates == 1 { "an update".to_owned() } else { format!("{updates} updates") };
    paint.alarm(0.5, &format!("network: {which} refused by event {offset}, as {}", plain(why)))
}

/// Bits of surprise that fill the bar.
const BAR_BITS_MAX: f64 = 24.0;

/// Characters of the bar at most.
const BAR_CHARS_MAX: usize = 24;

/// The line that shows an outcome.
pub(crate) fn outcome_line(o: &OutcomeReply, paint: Paint) -> String {
    let surprise = format!("{:<24}", bar(o.surprise_bits / BAR_BITS_MAX, BAR_CHARS_MAX));
    let score = paint.alarm(o.anomaly_score, &format!("{:.3}", o.anomaly_score));
    let said = match &o.event {
        Some(event) => event_text(event, &odd_parts(o), paint),
        None => {
            let fields: Vec<String> = o.fields.iter().map(|f| format!("{} {:.2}", f.name, f.surprise_bits)).collect();
            let fields = if fields.len() > 1 { fields.join("  ") } else { String::new() };
            format!("{}{}", o.key.as_deref().map_or(String::new(), |k| format!("{}  ", plain(k))), paint.dim(&fields))
        }
    };
    let line = format!(
        "{:>10}  {:>8.2}  {}{score}  {said}",
        o.offset,
        o.surprise_bits,
        paint.alarm(o.anomaly_score, &surprise)
    );
    line.trim_end().to_owned()
}

/// The fields of an outcome, and the odd words of texts, as parts: as far as it tells where to mark the event.
fn odd_parts(o: &OutcomeReply) -> Vec<Part> {
    let part = |field: &surmise_event::FieldOutcome| {
        let place = field.word.map(|word| (word.start, word.end));
        // as many characters as the word has bytes: only where it ends matters here
        let value = field.word.map(|word| " ".repeat(word.end.saturating_sub(word.start) as usize));
        let excess_bits = field.word.map_or(field.excess_bits, |word| word.excess_bits);
        Part { name: field.name.clone(), value, place, excess_bits, ..Part::default() }
    };
    o.fields.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_asked_for_only_where_some_are_shown() {
        let query = |all: bool, min_bits: Option<f64>, min_score: Option<f64>| {
            WatchArgs { stream: "web".into(), all, min_bits, min_score, past: 3, count: None }.query()
        };
        assert_eq!(query(false, None, None), [("rate", "1".to_owned())]);
        assert!(query(true, None, None).is_empty());
        assert!(query(false, Some(9.0), None).is_empty() && query(false, None, Some(0.9)).is_empty());
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
        assert_eq!(outcome_line(&o, Paint::off()), "         7     12.00  ████████████            0.500  k");
        let event = Some(serde_json::json!({"key": "k", "data": {"page": "/home", "ms": 12}}));
        let told = outcome_line(&OutcomeReply { event, ..o }, Paint::off());
        assert_eq!(told, "         7     12.00  ████████████            0.500  k  ms=12 page=/home");
    }

    #[test]
    fn refused_updates_are_told() {
        let one = r#"{"stream":"web","reason":"exploded","updates":1,"offset":4096}"#;
        let told = refused_line(&serde_json::from_str(one).unwrap(), Paint::off());
        assert_eq!(told, "network: an update refused by event 4096, as errors were far larger than usual");
    }

    #[test]
    fn what_began_before_is_marked_in_json() {
        let alarm = r#"{"kind":"new","phase":"ended","began":1,"offset":1,"count":1,"rarity_events":10.0}"#;
        let a = AlarmEvent::overdue(&"web".into(), serde_json::from_str(alarm).unwrap(), None);
        assert!(past_json(&a).unwrap().contains(r#""past":true"#));
    }
}
