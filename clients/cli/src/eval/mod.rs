//! `surmise eval`: a folder of recordings as a table, with simple predictors beside the learner.

mod ablate;
mod progress;
mod table;

use crate::global::Global;
use crate::learner::{LearnerArgs, replay_failure};
use clap::Args;
use progress::{Done, Progress};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use surmise_evaluation::{Evaluated, Manifest, ManifestError, ReplayError, Stream, StreamFault};
use surmise_evaluation::{evaluate, find_streams};
use surmise_learner::{Component, Options};
use surmise_recording::SourceError;
use surmise_terminal::{Exit, Failure, Paint, print_line};

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct EvalArgs {
    /// The folder; folders in it are looked into.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What is known of the files beyond their names and content; by default DIR/eval.toml, where there is one.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Only streams whose title or path contains this.
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
    /// Streams that are evaluated at once. More than one makes speeds those of a busy machine.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// What each part of the predictor is worth: replay each stream once without each of these parts, or of all.
    #[arg(long, value_name = "PART,…", num_args = 0..=1, value_delimiter = ',')]
    ablate: Option<Vec<Component>>,
    /// Print the table as Markdown.
    #[arg(long)]
    markdown: bool,
    /// One choice about all learners, named as in the daemon's `model` table: network=off, memory_mib=16, seed=7, …
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

const HELP: &str = "\
Examples:
  surmise eval data                             the whole table
  surmise eval data --only shakespeare          one row of it
  surmise eval data --set network=off           the same without networks
  surmise eval data --markdown > results.md
  surmise eval data --ablate                    what each part of the predictor is worth
  surmise eval data --ablate words,matches      what these two are
  surmise eval data --output json | jq '.streams[] | {title, measures}'

Every file of the folder is a stream: a fresh learner goes over it once, scoring each event before it learns it, and so
do simple predictors, on the same events: orders 0 to 6 and a PPM-like mixture of them for symbols and bytes;
persistence, season, smoothing and linear regression for numbers; no change, logistic regression and naive Bayes for a
class; laws of gaps; a windowed Gaussian for alarms. Skill is 1 − loss / loss of the best of them. A JSON of known
anomalies (as NAB's combined_windows.json) makes one row of the files that it names.

What a file is, its name and first rows tell. A manifest says more:

  [[stream]]
  files = [\"meters/*.csv\"]        # the last parts of a path, * for any characters; all other keys may be left out
  title = \"Meters\"
  format = \"csv\"                 # bytes, text, tokens, lines, csv, ndjson
  time = \"date\"                  # also: key = \"COLUMN\", target = \"FIELD\", fields = [\"NAME:KIND\"], skip = true
  unit_rows = \"0:2880\"           # rows whose deviation is the unit of errors
  score_rows = \"3600:14400\"      # rows that count
  horizon = 24                   # steps to forecast
  labels = \"windows.csv\"         # known anomalies
  references = [\"ARIMA .31\"]     # printed beside

Exit codes: 0 all evaluated, 64 wrong usage or manifest, 65 a recording was at fault (all others are evaluated).";

/// The JSON object of `surmise eval --output json`.
#[derive(Serialize)]
struct All {
    streams: Vec<Evaluated>,
    errors: Vec<Error>,
    options: Options,
    version: &'static str,
    kernel: &'static str,
}

/// A recording that could not be evaluated.
#[derive(Serialize)]
struct Error {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    reason: String,
}

impl Error {
    fn of(fault: &StreamFault) -> Error {
        match &fault.error {
            ReplayError::Source(SourceError::Data { file, line, refusal }) => {
                Error { file: file.clone(), line: Some(*line), reason: refusal.to_string() }
            }
            e => Error { file: fault.file.clone(), line: None, reason: e.to_string() },
        }
    }
}

pub(crate) fn run(global: &Global, args: EvalArgs) -> Result<(), Failure> {
    if global.json() && args.markdown {
        return Err(Failure::usage("--markdown and --output json are two ways to print; choose one"));
    }
    let options = LearnerArgs { set: args.set.clone(), ..LearnerArgs::default() }.options()?;
    if options.target.is_some() {
        return Err(Failure::usage("--set target: a target belongs to one stream; name it in a manifest"));
    }
    let streams = streams(&args)?;
    let progress = Progress::new(streams.len(), global.json());
    let jobs = usize::from(args.jobs);
    if let Some(parts) = &args.ablate {
        return ablate::run(global, &args, &streams, &options, parts, &progress);
    }
    let one = |s: &Stream| evaluate(s, &options, |stage| progress.tell(&s.title, stage));
    let found = for_all(&streams, jobs, &progress, one);
    let (mut done, mut faults) = (Vec::new(), Vec::new());
    for result in found {
        match result {
            Ok(mut e) => {
                faults.append(&mut e.faults);
                done.push(e);
            }
            Err(f) => faults.push(f),
        }
    }
    let errors: Vec<Error> = faults.iter().map(Error::of).collect();
    if global.json() {
        let kernel = surmise_learner::kernel();
        let all = All { streams: done, errors, options, version: env!("CARGO_PKG_VERSION"), kernel };
        print_line(&serde_json::to_string(&all).map_err(|e| Failure::new(Exit::Internal, e))?)?;
    } else if args.markdown {
        table::markdown(&done).iter().try_for_each(|l| print_line(l))?;
    } else {
        table::text(&done, Paint::stdout()).iter().try_for_each(|l| print_line(l))?;
    }
    ended(faults)
}

/// The exit that faults ask for, which have been told of.
fn ended(faults: Vec<StreamFault>) -> Result<(), Failure> {
    let many = faults.len();
    match faults.into_iter().next() {
        None => Ok(()),
        Some(first) => {
            let failure = replay_failure(first.error);
            let exit = failure.exit().unwrap_or(Exit::Internal);
            let what = if many == 1 { "one recording".into() } else { format!("{many} recordings") };
            Err(Failure::new(exit, format!("{what} could not be evaluated, as said above")))
        }
    }
}

/// The streams that were asked for.
fn streams(args: &EvalArgs) -> Result<Vec<Stream>, Failure> {
    let own = args.manifest.clone().or_else(|| Some(args.folder.join("eval.toml")).filter(|f| f.is_file()));
    let mut manifests: Vec<Manifest> = own
        .as_deref()
        .map(Manifest::read)
        .transpose()
        .map_err(|e: ManifestError| Failure::usage(e))?
        .into_iter()
        .collect();
    manifests.push(Manifest::known());
    if !args.folder.is_dir() {
        let folder = args.folder.display();
        return Err(Failure::usage(format!("{folder} is no folder; surmise replay evaluates single recordings")));
    }
    let mut streams = find_streams(&args.folder, &manifests)?;
    let all = streams.len();
    if let Some(only) = &args.only {
        let only = only.to_lowercase();
        let named = |s: &Stream| {
            s.title.to_lowercase().contains(&only)
                || s.files.iter().any(|f| f.to_string_lossy().to_lowercase().contains(&only))
        };
        streams.retain(named);
    }
    if streams.is_empty() {
        let why = if all > 0 { format!(" that --only names, of {all}") } else { String::new() };
        return Err(Failure::usage(format!("{} holds no recording{why}", args.folder.display())));
    }
    Ok(streams)
}

/// Does the same with all streams, with some at once, and gives the results in their order.
fn for_all<T: Done + Send>(
    streams: &[Stream],
    jobs: usize,
    progress: &Progress,
    one: impl Fn(&Stream) -> Result<T, StreamFault> + Sync,
) -> Vec<Result<T, StreamFault>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut mine = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(stream) = streams.get(i) else { return mine };
            let result = one(stream);
            progress.done(&stream.title, &result);
            mine.push((i, result));
        }
    };
    let mut all: Vec<(usize, Result<T, StreamFault>)> = std::thread::scope(|s| {
        let workers: Vec<_> = (0..jobs.min(streams.len())).map(|_| s.spawn(work)).collect();
        workers.into_iter().flat_map(|w| w.join().unwrap_or_else(|p| std::panic::resume_unwind(p))).collect()
    });
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, r)| r).collect()
}
