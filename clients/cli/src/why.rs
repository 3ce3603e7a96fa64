//! `surmise why`: why an event was as surprising as it was.

use crate::global::Global;
use crate::next::{WORD_CHARS_MAX, symbols};
use clap::Args;
use std::path::Path;
use surmise_event::words::rarity;
use surmise_event::{Alarm, Expected, Part};
use surmise_protocol::WhyAnswer;
use surmise_terminal::format::{bar, number};
use surmise_terminal::{
    EventPiece, EventPieceKind, Failure, ODD_BITS, Paint, event_pieces, incident_words, plain, print_line, segment,
};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise why web 10412
  surmise why web 10412 --output json | jq '.parts[0]'
  surmise why access.log 4000 --format lines         no daemon: the file is learnt up to there

A stream of a daemon is asked unless there is a file of the name. The daemon learns its log again in a copy, from the
newest checkpoint before the event; with a file, all events before it are learnt first.")]
pub(crate) struct WhyArgs {
    /// The stream, or the file of a recording.
    #[arg(value_name = "STREAM|FILE")]
    of: String,
    /// The offset of the event: its position, from 0.
    #[arg(value_name = "OFFSET")]
    offset: u64,
    /// Show so many parts; 0 shows all.
    #[arg(long, value_name = "N", default_value_t = 8)]
    parts: usize,
    /// How long the daemon may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    #[cfg(feature = "learner")]
    #[command(flatten)]
    recording: file::FileArgs,
}

pub(crate) fn run(global: &Global, args: &WhyArgs) -> Result<(), Failure> {
    let answer = answer(global, args)?;
    if global.json() {
        return Ok(print_line(&serde_json::to_string(&answer).map_err(Failure::internal)?)?);
    }
    let shown = if args.parts == 0 { usize::MAX } else { args.parts };
    for line in lines(&answer, shown, Paint::stdout()) {
        print_line(&line)?;
    }
    Ok(())
}

fn answer(global: &Global, args: &WhyArgs) -> Result<WhyAnswer, Failure> {
    if Path::new(&args.of).is_file() {
        #[cfg(feature = "learner")]
        return file::answer(args);
        #[cfg(not(feature = "learner"))]
        return Err(Failure::usage("this program was built without a learner, so it can't answer about files"));
    }
    let path = format!("/api/v1/streams/{}/events/{}/why", segment(&args.of), args.offset);
    global.http()?.get(&path, &[("seconds", args.seconds.to_string())])
}

/// Characters of a part's bar, and the bits that fill it.
const BAR_CHARS_MAX: usize = 16;
const BAR_BITS_MAX: f64 = 16.0;

/// The answer for people: the event with its odd parts marked, and then the parts.
fn lines(why: &WhyAnswer, shown: usize, paint: Paint) -> Vec<String> {
    let mut out = vec![paint.bold(&format!(
        "event {} of {}: {:.2} bits, {:+.2} beyond what was expected",
        why.offset, why.stream, why.surprise_bits, why.excess_bits
    ))];
    if why.rarity_events > 1.0 {
        // the incident's rarity is that of its oddest event; both are by the same time between events
        let usual = |alarm: &Alarm| Some(alarm.rarity_seconds? / alarm.rarity_events);
        let seconds = why.alarm.as_ref().and_then(usual).map(|seconds| seconds * why.rarity_events);
        out.push(paint.alarm(why.anomaly_score, &rarity(why.rarity_events, seconds)));
    }
    out.extend(why.alarm.as_ref().map(|alarm| incident_words(alarm, true)));
    out.push(event_text(&why.event, &why.parts, paint));
    out.push(String::new());
    let named = |part: &Part| part_name(part).chars().count();
    let wide = why.parts.iter().take(shown).map(named).max().unwrap_or(0).min(48);
    for part in why.parts.iter().take(shown) {
        let name = part_name(part);
        let pad = " ".repeat(wide.saturating_sub(name.chars().count()));
        let drawn = format!("{:<16}", bar(part.excess_bits / BAR_BITS_MAX, BAR_CHARS_MAX));
        let name = if part.excess_bits >= ODD_BITS { paint.alarm(1.0, &name) } else { name };
        out.push(
            format!(
                "{:>8.2} {:>+8.2}  {drawn}  {name}{pad}  {}",
                part.surprise_bits,
                part.excess_bits,
                because(part, paint)
            )
            .trim_end()
            .to_owned(),
        );
    }
    let more = why.parts.len().saturating_sub(shown);
    if more > 0 {
        out.push(paint.dim(&format!("and {more} parts more; --parts 0 shows all")));
    }
    out
}

/// A part's name and value.
fn part_name(part: &Part) -> String {
    match &part.value {
        Some(value) => format!("{} {}", part.name, short(value)),
        None => format!("{} (missing)", part.name),
    }
}

/// What was expected instead, by what, and when the like was last seen.
fn because(part: &Part, paint: Paint) -> String {
    let mut words = Vec::new();
    words.extend(part.expected.as_ref().map(|expected| format!("expected {}", expected_words(expected))));
    words.extend(part.by.as_ref().map(|by| paint.dim(&format!("by {by}"))));
    words.extend(part.last_seen.map(|offset| paint.dim(&format!("last seen at event {offset}"))));
    words.join(", ")
}

/// What was expected, in a few words.
pub(crate) fn expected_words(expected: &Expected) -> String {
    match expected {
        Expected::Symbols { top, .. } => {
            let likely: Vec<_> = top.iter().filter(|(_, p)| *p >= 0.005).take(3).cloned().collect();
            let words = symbols(&likely, WORD_CHARS_MAX);
            let listed: Vec<String> =
                words.iter().zip(&likely).map(|(s, (_, p))| format!("{s} {:.0} %", p * 100.0)).collect();
            if listed.is_empty() { "nothing in particular".to_owned() } else { listed.join(", ") }
        }
        Expected::Number { median, quantiles, .. } => match (quantiles.get("0.05"), quantiles.get("0.95")) {
            (Some(low), Some(high)) => format!("{} ({} to {})", number(*median), number(*low), number(*high)),
            _ => number(*median),
        },
    }
}

/// A value as one short word.
fn short(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    if text.chars().any(char::is_control) || text.trim() != text || text.is_empty() {
        return format!("{:?}", text.chars().take(CHARS_MAX).collect::<String>());
    }
    if text.chars().count() > CHARS_MAX {
        text.chars().take(CHARS_MAX - 1).chain(['…']).collect()
    } else {
        text.into()
    }
}

/// The values of an event on one line, the odd words and values in colour.
pub(crate) fn event_text(event: &serde_json::Value, parts: &[Part], paint: Paint) -> String {
    let shown = |piece: EventPiece| {
        let text = plain(&piece.text);
        match piece.kind {
            EventPieceKind::Name => paint.dim(&text),
            EventPieceKind::Usual => text,
            EventPieceKind::Odd => paint.alarm(1.0, &text),
        }
    };
    event_pieces(event, parts).into_iter().map(shown).collect()
}

#[cfg(feature = "learner")]
mod file {
    //! The answer about a recording.

    use super::WhyArgs;
    use crate::learner::{LearnerArgs, replay_failure};
    use crate::recording::yes_or_no;
    use clap::Args;
    use surmise_evaluation::{ReplayOptions, replay_why};
    use surmise_protocol::WhyAnswer;
    use surmise_recording::{FieldChoice, Format, SourceOptions, TimeFormat, TimeZoneName};
    use surmise_store::TemporaryPages;
    use surmise_terminal::Failure;

    #[derive(Args, Clone, Debug)]
    pub(crate) struct FileArgs {
        /// Of a file: how it is a stream, as for replay.
        #[arg(long, value_name = "FORMAT")]
        format: Option<Format>,
        /// Of a file: what a field holds, as for replay.
        #[arg(long = "field", value_name = "NAME:KIND")]
        fields: Vec<FieldChoice>,
        /// Of a file: the column that names the key.
        #[arg(long, value_name = "COL")]
        key: Option<String>,
        /// Of a file: the column that holds the time.
        #[arg(long, value_name = "COL")]
        time: Option<String>,
        /// Of a file: how times are written, as for replay.
        #[arg(long, value_name = "FORM")]
        time_format: Option<TimeFormat>,
        /// Of a file: the time zone of times that have none.
        #[arg(long, value_name = "ZONE")]
        time_zone: Option<TimeZoneName>,
        /// Of a file: whether a table begins with a header.
        #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
        header: Option<bool>,
        #[command(flatten)]
        learner: LearnerArgs,
    }

    pub(super) fn answer(args: &WhyArgs) -> Result<WhyAnswer, Failure> {
        let FileArgs { format, fields, key, time, time_format, time_zone, header, learner } = args.recording.clone();
        let (learner, learning) = learner.choices()?;
        let options = ReplayOptions {
            pages: Some(TemporaryPages::shared),
            learner,
            workers: learning.count(),
            device: Some(learning.device),
            ..ReplayOptions::default()
        };
        let source = SourceOptions {
            files: vec![args.of.clone().into()],
            format,
            fields,
            key,
            time,
            time_format,
            time_zone,
            header,
            ..SourceOptions::default()
        };
        replay_why(&source, &options, args.offset).map_err(replay_failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told() {
        let top = vec![(Some("200".to_owned()), 0.97), (Some("304".to_owned()), 0.02)];
        let odd = Part {
            name: "value".into(),
            value: Some("502".into()),
            place: Some((6, 9)),
            surprise_bits: 11.0,
            excess_bits: 10.5,
            expected: Some(Expected::Symbols { top, other: 0.01 }),
            by: Some("the last 2 symbols".into()),
            last_seen: Some(17),
        };
        let usual = Part { name: "value".into(), value: Some("GET".into()), place: Some((0, 4)), ..Part::default() };
        let why = WhyAnswer {
            stream: "web".into(),
            offset: 400,
            event: serde_json::json!({"data": "GET / 502"}),
            surprise_bits: 11.0,
            excess_bits: 10.5,
            rarity_events: 20_000.0,
            parts: vec![odd, usual],
            ..WhyAnswer::default()
        };
        let told = lines(&why, 1, Paint::off());
        assert_eq!(told[0], "event 400 of web: 11.00 bits, +10.50 beyond what was expected");
        assert_eq!(told[1..3], ["once in 20,000 events".to_owned(), "GET / 502".to_owned()]);
        assert!(
            told[4].ends_with("value 502  expected 200 97 %, 304 2 %, by the last 2 symbols, last seen at event 17"),
            "{told:?}"
        );
        assert_eq!(told[5], "and 1 parts more; --parts 0 shows all");
    }
}
