//! `surmise replay`: learn from recordings, and say how well it went.

mod args;
mod compare;
mod compared_with;
mod progress;
mod report;
mod report_args;
mod table;

pub(crate) use args::ReplayArgs;

use crate::global::Global;
use crate::recording::fields;
use compare::comparison_lines;
use progress::replay_with_bar;
use surmise_recording::Source;
use surmise_terminal::{Failure, Paint, print_line};
use table::table;

pub(crate) fn run(global: &Global, args: &ReplayArgs) -> Result<(), Failure> {
    if args.begins_with_checkpoint() && args.learner.any() {
        return Err(Failure::usage(
            "a checkpoint brings the learner's own options; leave out --preset, --set, --config, --delay-chunks and \
             --target",
        ));
    }
    args.check()?;
    let (options, known) = args.options()?;
    let source = Source::open(&args.recording.options(known))?;
    if let Some(t) = &options.learner.target
        && !source.schema().fields.is_empty()
        && source.schema().position(t).is_none()
    {
        return Err(Failure::usage(format!("--target: {t:?} is not a field; there are {}", fields(source.schema()))));
    }
    let described = args.recording.describe(&source);
    let head = std::iter::once(format!("replaying {described}; {}", fields(source.schema())));
    for line in head.chain(source.notes().iter().cloned()) {
        if global.json() { eprintln!("{line}") } else { print_line(&line)? }
    }
    let result = replay_with_bar(source, &options, "")?;
    let others = compare::others(args, &options, &result)?;
    if global.json() {
        let mut json = serde_json::to_value(&result).map_err(Failure::internal)?;
        if !others.is_empty() {
            json["comparison"] = others.iter().map(compare::comparison_json).collect();
        }
        print_line(&json.to_string())?;
    } else {
        for line in table(&result, Paint::stdout()) {
            print_line(&line)?;
        }
        for line in comparison_lines(&others, Paint::stdout()) {
            print_line(&line)?;
        }
    }
    report::write_report(global, args, &options, &result, &described, &others)
}
