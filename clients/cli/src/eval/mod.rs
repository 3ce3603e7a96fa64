//! `surmise eval`: a folder of recordings as a table, with simple predictors beside the learner.

mod ablate;
mod args;
mod cells;
mod faults;
mod notes;
mod parallel;
mod progress;
mod table;

pub(crate) use args::EvalArgs;

use crate::global::Global;
use crate::learner::LearnerArgs;
use faults::{FaultReport, exit_of};
use parallel::for_all;
use progress::EvalProgress;
use serde::Serialize;
use surmise_evaluation::{Evaluation, Manifest, RecordedStream, evaluate, find_streams};
use surmise_learner::Options;
use surmise_terminal::{Failure, Paint, print_line, print_lines};

/// The JSON object of `surmise eval --output json`.
#[derive(Serialize)]
struct EvalOutput {
    streams: Vec<Evaluation>,
    errors: Vec<FaultReport>,
    options: Options,
    version: &'static str,
    kernel: &'static str,
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
    let progress = EvalProgress::new(streams.len(), global.json());
    if let Some(components) = &args.ablate {
        // a log of which something is known is ablated as the stream that it is besides
        let streams: Vec<RecordedStream> = streams.into_iter().filter(|s| s.lines.is_none()).collect();
        return ablate::run(global, &args, &streams, &options, components, &progress);
    }
    let one = |s: &RecordedStream| evaluate(s, &options, |stage| progress.report(&s.title, stage));
    let (mut done, mut faults) = (Vec::new(), Vec::new());
    for result in for_all(&streams, usize::from(args.jobs), &progress, one) {
        match result {
            Ok(mut evaluation) => {
                faults.append(&mut evaluation.faults);
                done.push(evaluation);
            }
            Err(fault) => faults.push(fault),
        }
    }
    if global.json() {
        let output = EvalOutput {
            streams: done,
            errors: faults.iter().map(FaultReport::of).collect(),
            options,
            version: env!("CARGO_PKG_VERSION"),
            kernel: surmise_learner::kernel(),
        };
        print_line(&serde_json::to_string(&output).map_err(Failure::internal)?)?;
    } else if args.markdown {
        print_lines(table::markdown(&done, args.held_out))?;
    } else {
        print_lines(table::text(&done, args.held_out, Paint::stdout()))?;
    }
    exit_of(faults)
}

/// The streams that were asked for.
fn streams(args: &EvalArgs) -> Result<Vec<RecordedStream>, Failure> {
    let in_folder = || Some(args.folder.join("eval.toml")).filter(|f| f.is_file());
    let mut manifests = Vec::new();
    if let Some(file) = args.manifest.clone().or_else(in_folder) {
        manifests.push(Manifest::read(&file).map_err(Failure::usage)?);
    }
    // the first manifest that names a file decides about it
    manifests.push(Manifest::known());
    if !args.folder.is_dir() {
        let folder = args.folder.display();
        return Err(Failure::usage(format!("{folder} is no folder; surmise replay evaluates single recordings")));
    }
    let mut streams = find_streams(&args.folder, &manifests)?;
    let all = streams.len();
    if let Some(only) = &args.only {
        let only = only.to_lowercase();
        let contains = |text: &str| text.to_lowercase().contains(&only);
        streams.retain(|s| contains(&s.title) || s.files.iter().any(|f| contains(&f.to_string_lossy())));
    }
    if streams.is_empty() {
        let why = if all > 0 { format!(" that --only names, of {all}") } else { String::new() };
        return Err(Failure::usage(format!("{} holds no recording{why}", args.folder.display())));
    }
    Ok(streams)
}
