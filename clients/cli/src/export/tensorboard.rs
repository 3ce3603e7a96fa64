//! `surmise export tensorboard`: event files of results of replays, and of streams of a running daemon.

use crate::global::Global;
use clap::Args;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use surmise_evaluation::ReplaySummary;
use surmise_protocol::{HistoryAnswer, HistoryPoint};
use surmise_report::EventsFile;
use surmise_terminal::{Exit, Failure, Http, print_line, segment};

/// Points that are written before the time between two of them doubles.
const POINTS_AT_A_PACE: u64 = 1000;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  surmise replay a.csv --output json > a.json
  surmise replay a.csv --set network=off --output json > b.json
  surmise export tensorboard a.json b.json --out runs && tensorboard --logdir runs
  surmise export tensorboard --stream web --out runs                what the daemon has kept of its past
  surmise export tensorboard --stream web --stream db --out runs --follow

Each result and each stream is a run of its own, a folder in DIR. Steps of a replay are events; steps of a stream are
seconds since 1970. With --follow a point is added every --every seconds; after each thousand points that time doubles,
so that a run without end stays small. While the daemon does not answer, points are left out.")]
pub(crate) struct TensorboardArgs {
    /// Results of replays, as `surmise replay --output json` prints them.
    #[arg(value_name = "RESULT.json", required_unless_present = "stream")]
    results: Vec<PathBuf>,
    /// A stream of the daemon; may be given several times.
    #[arg(long, value_name = "STREAM")]
    stream: Vec<String>,
    /// The folder of runs; what earlier exports wrote there stays.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on with the streams until this is interrupted.
    #[arg(long, requires = "stream")]
    follow: bool,
    /// Seconds between two points at first.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
}

type RunFile = EventsFile<BufWriter<File>>;

pub(super) fn run(global: &Global, args: &TensorboardArgs) -> Result<(), Failure> {
    for path in &args.results {
        let text = std::fs::read_to_string(path).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
        let summary: ReplaySummary = serde_json::from_str(&text).map_err(|e| {
            Failure::new(Exit::Data, format!("{}: no result of surmise replay --output json: {e}", path.display()))
        })?;
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let begun = now() - summary.course.seconds.last().copied().unwrap_or(0.0);
        let (mut file, at) = create(&args.out, &name, begun)?;
        file.course(&summary.course, begun).and_then(|()| file.flush()).map_err(|e| unwritten(&at, &e))?;
        told(global, &at)?;
    }
    if args.stream.is_empty() {
        return Ok(());
    }
    let runs = past_runs(global, args)?;
    if args.follow { follow(&global.http()?, runs, args.every) } else { Ok(()) }
}

/// The run of a stream.
struct StreamRun<'a> {
    stream: &'a str,
    file: RunFile,
    at: PathBuf,
    /// Whether the daemon had no answer when it was asked last.
    is_missed: bool,
}

/// Adds points until a file cannot be written. A daemon that has no answer is asked again at the next point: it may be
/// starting again, and the run goes on when it is back.
fn follow(http: &Http, mut runs: Vec<StreamRun<'_>>, every_seconds: u64) -> Result<(), Failure> {
    let mut points = 0;
    loop {
        std::thread::sleep(pause(every_seconds, points));
        let mut is_point = false;
        for run in &mut runs {
            let answer = history(http, run.stream, "minutes");
            if let Some(word) = word_of_answer(run.stream, run.is_missed, answer.as_ref().err()) {
                eprintln!("{word}");
            }
            run.is_missed = answer.is_err();
            if let Ok(answer) = answer {
                add_latest(&answer, run)?;
                is_point = true;
            }
        }
        points += u64::from(is_point);
    }
}

/// The time from the point of a number to the next: it doubles after each thousand points.
fn pause(every_seconds: u64, points: u64) -> Duration {
    let doublings = u32::try_from(points / POINTS_AT_A_PACE).unwrap_or(u32::MAX);
    Duration::from_secs(every_seconds.saturating_mul(2u64.saturating_pow(doublings)))
}

/// What is said of an answer: something only where it differs from the one before.
fn word_of_answer(stream: &str, was_missed: bool, failure: Option<&Failure>) -> Option<String> {
    match failure {
        Some(failure) if !was_missed => {
            Some(format!("{stream}: {failure}; points are left out until there is an answer again"))
        }
        None if was_missed => Some(format!("{stream}: there is an answer again, and the run goes on")),
        _ => None,
    }
}

/// Begins the run of every stream with what the daemon has kept of its past.
fn past_runs<'a>(global: &Global, args: &'a TensorboardArgs) -> Result<Vec<StreamRun<'a>>, Failure> {
    let http = global.http()?;
    let mut runs = Vec::new();
    for stream in &args.stream {
        let past = past(&http, stream)?;
        let begun = past.first().map_or_else(now, |(_, point)| point.time as f64);
        let (mut file, at) = create(&args.out, stream, begun)?;
        for (span, point) in &past {
            let time = (point.time as u64).saturating_add(*span);
            file.scalars(time as f64, time, &of_point(*span, point)).map_err(|e| unwritten(&at, &e))?;
        }
        let mut run = StreamRun { stream, file, at, is_missed: false };
        add_latest(&history(&http, stream, "minutes")?, &mut run)?;
        told(global, &run.at)?;
        runs.push(run);
    }
    Ok(runs)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

/// Begins the event file of a run.
fn create(out: &Path, name: &str, time: f64) -> Result<(RunFile, PathBuf), Failure> {
    let folder = out.join(folder_name(name));
    std::fs::create_dir_all(&folder).map_err(|e| unwritten(&folder, &e))?;
    let at = folder.join(format!("events.out.tfevents.{}.surmise.{}", now() as u64, std::process::id()));
    let file = File::create(&at).map_err(|e| unwritten(&at, &e))?;
    let events = EventsFile::begin(BufWriter::new(file), time).map_err(|e| unwritten(&at, &e))?;
    Ok((events, at))
}

/// A name that is one of a folder, below the folder of runs.
fn folder_name(name: &str) -> String {
    const CHARS_MAX: usize = 100;
    let plain = |c: char| if c.is_alphanumeric() || "-_. ".contains(c) { c } else { '_' };
    let name: String = name.chars().map(plain).take(CHARS_MAX).collect();
    let name = name.trim_start_matches('.').trim();
    if name.is_empty() { "run".into() } else { name.into() }
}

/// What the daemon has kept of a stream's past, the oldest first, each with the length of its span in seconds: days as
/// far as there are no hours, and hours as far as there are no minutes.
fn past(http: &Http, stream: &str) -> Result<Vec<(u64, HistoryPoint)>, Failure> {
    let mut all: Vec<(u64, HistoryPoint)> = Vec::new();
    for span in ["minutes", "hours", "days"] {
        let answer = history(http, stream, span)?;
        let finer_from = all.first().map_or(i64::MAX, |(_, point)| point.time);
        let ends_before = |p: &&HistoryPoint| p.time.saturating_add(answer.span_seconds as i64) <= finer_from;
        let coarser: Vec<_> = answer.points.iter().filter(ends_before).map(|p| (answer.span_seconds, *p)).collect();
        all.splice(0..0, coarser);
    }
    Ok(all)
}

fn history(http: &Http, stream: &str, span: &str) -> Result<HistoryAnswer, Failure> {
    http.get(&format!("/api/v1/streams/{}/history", segment(stream)), &[("span", span.to_owned())])
}

fn of_point(span_seconds: u64, point: &HistoryPoint) -> Vec<(String, f64)> {
    let events = point.events as f64;
    vec![
        ("stream/bits per event".into(), point.bits / events),
        ("stream/events per second".into(), events / span_seconds as f64),
        ("stream/incidents".into(), point.incidents as f64),
        ("stream/rarest event, once in".into(), point.rarest),
    ]
}

/// Adds a point of what the mixture and every expert lost lately.
fn add_latest(answer: &HistoryAnswer, run: &mut StreamRun<'_>) -> Result<(), Failure> {
    let mut values = Vec::new();
    // the shortest window that has events
    if let Some(window) = answer.windows.first() {
        values.push(("lately/bits per event".to_owned(), window.loss_bits_per_event));
        values.push(("lately/best simple expert".to_owned(), window.simple_bits_per_event));
        for (name, bits) in &window.experts {
            values.push(match name.split_once('/') {
                Some((field, expert)) => (format!("experts of {field}/{expert}"), *bits),
                None => (format!("bits per event/{name}"), *bits),
            });
        }
    }
    if let Some(ever) = answer.windows.iter().find(|w| w.name == "ever") {
        values.push(("stream/events".into(), ever.events as f64));
    }
    let written = run.file.scalars(answer.now, answer.now as u64, &values).and_then(|()| run.file.flush());
    written.map_err(|e| unwritten(&run.at, &e))
}

fn told(global: &Global, at: &Path) -> Result<(), Failure> {
    let line = if global.json() { serde_json::json!({ "file": at }).to_string() } else { at.display().to_string() };
    Ok(print_line(&line)?)
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Storage, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_stays_below_its_folder() {
        assert_eq!(folder_name("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(
            (folder_name("web-1"), folder_name(".."), folder_name("")),
            ("web-1".into(), "run".into(), "run".into())
        );
    }

    #[test]
    fn the_time_between_points_doubles_after_each_thousand() {
        let seconds = [0, 999, 1_000, 1_999, 2_000, 10_000].map(|points| pause(10, points).as_secs());
        assert_eq!(seconds, [10, 10, 20, 20, 40, 10_240]);
        assert_eq!(pause(86_400, u64::MAX).as_secs(), u64::MAX);
    }

    #[test]
    fn a_daemon_that_is_away_is_told_once_and_so_is_its_return() {
        let failure = Failure::new(Exit::Unreachable, "cannot reach surmised");
        let word = |was_missed, failure| word_of_answer("web", was_missed, failure);
        assert!(word(false, Some(&failure)).unwrap().starts_with("web: cannot reach surmised; points are left out"));
        assert!(word(true, None).unwrap().contains("again"));
        assert_eq!((word(false, None), word(true, Some(&failure))), (None, None));
    }

    #[test]
    fn a_point_is_told_as_means() {
        let point = HistoryPoint { time: 60, events: 30, bits: 60.0, rarest: 9.0, incidents: 1, distinct: 4 };
        let values: Vec<f64> = of_point(60, &point).into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, [2.0, 0.5, 1.0, 9.0]);
    }
}
