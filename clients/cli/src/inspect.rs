//! `surmise inspect`: what would be read of a recording, as the configuration that pins it, with a picture of each
//! field.

use crate::global::Global;
use crate::recording::{RecordingArgs, odd_lines, progress_bar};
use clap::Args;
use std::io::IsTerminal;
use surmise_event::FieldKind;
use surmise_recording::{FieldPicture, Inspection, NumberPicture, SourceOptions, inspect, stream_of};
use surmise_terminal::format::{count, number};
use surmise_terminal::{Failure, Paint, Table, print_line};

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    recording: RecordingArgs,
    /// Read so many records at most; all, if it is not said.
    #[arg(long, value_name = "N")]
    records: Option<u64>,
    /// The stream, or pattern of streams, that the printed configuration is for; by default, the name of the file.
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// Print the configuration alone.
    #[arg(long)]
    toml: bool,
}

const HELP: &str = "\
Examples:
  surmise inspect readings.csv.gz
  surmise inspect app.log --toml >> surmised.toml      pin what was inferred
  surmise inspect sales.csv --time-format dmy --field zip:category
  zcat access.json.gz | surmise inspect --output json | jq .odd

Nothing is learnt and nothing sent. What is printed as TOML goes into the configuration of surmised.";

pub(crate) fn run(global: &Global, args: &InspectArgs) -> Result<(), Failure> {
    if args.recording.files.is_empty() && std::io::stdin().is_terminal() {
        return Err(Failure::usage("name a file to inspect, or pipe one in"));
    }
    let options = SourceOptions { patient: true, ..args.recording.options(None) };
    let stream = args.stream.clone().unwrap_or_else(|| stream_of(args.recording.files.first().map(|f| f.as_path())));
    let sizes = args.recording.files.iter().map(|f| std::fs::metadata(f).map(|m| m.len()).ok());
    let bar = progress_bar(sizes.sum::<Option<u64>>().filter(|bytes| *bytes > 0));
    let found = inspect(&options, &stream, args.records, |bytes| bar.set_position(bytes));
    bar.finish_and_clear();
    let found = found?;
    if global.json() {
        let json = serde_json::to_string(&found).map_err(Failure::internal)?;
        return Ok(print_line(&json)?);
    }
    if args.toml {
        return Ok(print_line(found.toml.trim_end())?);
    }
    for line in report(&found, &args.recording, Paint::stdout()) {
        print_line(&line)?;
    }
    Ok(())
}

/// The whole report for people.
fn report(found: &Inspection, recording: &RecordingArgs, paint: Paint) -> Vec<String> {
    let compression = found.compression.map_or(String::new(), |c| format!(" in {}", c.name()));
    let keys = if found.keys > 1 { format!(" of {} keys", count(found.keys)) } else { String::new() };
    let format = found.format.name();
    let encoding = found.encoding.name();
    let mut out = vec![format!("{format}{compression}, {encoding}, {} records{keys}", count(found.records))];
    out.extend(found.notes.iter().cloned());
    out.push(String::new());
    let mut table = Table::new(2, ["field", "kind", "values", "missing", "distribution", "course", ""]);
    for field in &found.fields {
        table.cells(row(field));
    }
    out.extend(table.lines(paint));
    if !found.odd.is_empty() {
        out.push(String::new());
        out.extend(odd_lines(&found.odd));
    }
    out.push(String::new());
    out.push("# pinned for surmised (surmised.toml):".to_owned());
    out.extend(found.toml.trim_end().lines().map(str::to_owned));
    out.push(format!("# to read it like this: {}", command(found, recording)));
    out
}

fn row(field: &FieldPicture) -> Vec<String> {
    let bars = |picture: &NumberPicture| {
        let heights: Vec<f64> = picture.histogram.iter().map(|n| *n as f64).collect();
        sparkline(&heights, 0.0)
    };
    let course = |p: &NumberPicture| sparkline(&p.course, p.course.iter().copied().fold(f64::INFINITY, f64::min));
    let is_number = match field.kind {
        FieldKind::Number | FieldKind::Gap => true,
        FieldKind::Category | FieldKind::Text | FieldKind::Byte | FieldKind::Line => false,
    };
    let (picture, line, words) = match &field.numbers {
        Some(p) if is_number => {
            let unit = if field.kind == FieldKind::Gap { " s" } else { "" };
            let range = format!("{} to {}{unit}, median {}", number(p.min), number(p.max), number(p.median));
            (bars(p), course(p), range)
        }
        Some(p) => (bars(p), String::new(), format!("{} bytes on average", number(p.mean))),
        None => {
            let heights: Vec<f64> = field.top.iter().map(|(_, n)| *n as f64).collect();
            (sparkline(&heights, 0.0), String::new(), names(field))
        }
    };
    let (kind, values) = (field.kind.name().to_owned(), count(field.values));
    let missing = if field.missing > 0 { count(field.missing) } else { String::new() };
    vec![field.name.clone(), kind, values, missing, picture, line, words]
}

/// The most frequent names, and how many others there are.
fn names(field: &FieldPicture) -> String {
    const NAMES_SHOWN_MAX: usize = 4;
    const NAME_CHARS_MAX: usize = 20;
    let short = |name: &str| match name.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    };
    let percent = |n: u64| format!("{:.0} %", 100.0 * n as f64 / field.values.max(1) as f64);
    let top = field.top.iter().take(NAMES_SHOWN_MAX).map(|(name, n)| format!("{} {}", short(name), percent(*n)));
    let shown: Vec<String> = top.collect();
    let more = field.distinct.unwrap_or(0).saturating_sub(shown.len() as u64);
    let more = if more > 0 { format!(", {} more", count(more)) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// Numbers as bars, the lowest of which stands for `floor`.
fn sparkline(numbers: &[f64], floor: f64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let top = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = if top > floor { top - floor } else { 1.0 };
    let bar = |x: &f64| match *x {
        x if x <= 0.0 && floor == 0.0 => ' ',
        x => BARS[(((x - floor) / range * 7.0).round().clamp(0.0, 7.0)) as usize],
    };
    numbers.iter().map(bar).collect()
}

/// The command that says everything which was told by the recording itself.
fn command(found: &Inspection, recording: &RecordingArgs) -> String {
    let word = |text: &str| match text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:%+".contains(c)) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    };
    let mut words = vec!["surmise replay".to_owned()];
    words.extend(recording.files.iter().map(|f| word(&f.display().to_string())));
    words.push(format!("--format {}", found.format.name()));
    let mut add = |option: &str, value: Option<&String>| {
        words.extend(value.map(|value| format!("--{option} {}", word(value))));
    };
    add("key", recording.key.as_ref());
    add("time", recording.time.as_ref().or(found.reading.time.as_ref()));
    add("time-format", found.reading.time_format.as_ref());
    if found.reading.header == Some(false) {
        words.push("--header no".to_owned());
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_drawn() {
        assert_eq!(sparkline(&[0.0, 1.0, 7.0], 0.0), " ▂█");
        assert_eq!(sparkline(&[-1.0, 0.0, 1.0], -1.0), "▁▅█");
        assert_eq!(sparkline(&[], 0.0), "");
    }

    #[cfg(feature = "learner")]
    #[test]
    fn what_is_printed_is_a_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("readings of \"hall\".csv");
        std::fs::write(&file, "time,x,na\"me\n2026-01-01 10:00,1.5,a\n2026-01-01 10:01,2.5,b\n").unwrap();
        let options = surmise_recording::SourceOptions { files: vec![file.clone()], ..Default::default() };
        let found = inspect(&options, &stream_of(Some(&file)), None, |_| ()).unwrap();
        let toml = dir.path().join("surmised.toml");
        std::fs::write(&toml, &found.toml).unwrap();
        let config = surmise_config::Config::load(Some(&toml)).unwrap();
        let rule = config.streams.values().next().unwrap();
        let pinned: Vec<_> = rule.fields.iter().map(|f| (f.name.as_str(), f.kind)).collect();
        let told: Vec<_> = found.fields.iter().map(|f| (f.name.as_str(), f.kind)).collect();
        assert_eq!(pinned, told);
        assert_eq!(told[0], ("gap", FieldKind::Gap));
    }
}
