//! `--report` and `--figures`: the result as a page, and its figures as files.

use super::args::ReplayArgs;
use super::report_args::unwritten;
use crate::global::Global;
use crate::learner::replay_failure;
use crate::recording::progress_bar;
use std::time::{SystemTime, UNIX_EPOCH};
use surmise_evaluation::{ComparedCurves, ReplayOptions, ReplayResult, baselines, curves_beside};
use surmise_event::format_time;
use surmise_recording::Source;
use surmise_report::{OtherReplay, ReplayReport};
use surmise_terminal::{Failure, print_line};

/// Writes what is asked for.
pub(super) fn write_report(
    global: &Global,
    args: &ReplayArgs,
    options: &ReplayOptions,
    result: &ReplayResult,
    described: &str,
    others: &[OtherReplay],
) -> Result<(), Failure> {
    let asked = &args.report;
    if !asked.is_asked() {
        return Ok(());
    }
    let beside = beside(args, options, result)?;
    let now_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64 * 1_000_000);
    let report = ReplayReport {
        title: &title(args, described),
        result,
        beside: &beside,
        others,
        command: &command_line(),
        made: &format_time(now_us),
    };
    let mut written = Vec::new();
    if let Some(path) = &asked.report {
        std::fs::write(path, report.page()).map_err(|e| unwritten(path, &e))?;
        written.push(format!("report {}", path.display()));
    }
    if let Some(folder) = &asked.figures {
        let figures = report.figures();
        for figure in &figures {
            let (svg, png) =
                (folder.join(&figure.name).with_extension("svg"), folder.join(&figure.name).with_extension("png"));
            std::fs::write(&svg, figure.svg()).map_err(|e| unwritten(&svg, &e))?;
            let picture = figure.png().map_err(Failure::internal)?;
            std::fs::write(&png, picture).map_err(|e| unwritten(&png, &e))?;
        }
        written.push(format!("{} figures in {}, each as SVG and PNG", figures.len(), folder.display()));
    }
    let line = written.join("; ");
    if global.json() {
        eprintln!("{line}")
    } else {
        print_line(&line)?
    }
    Ok(())
}

/// The result beside simple predictors of the same events, where the recording can be read again.
fn beside(args: &ReplayArgs, options: &ReplayOptions, result: &ReplayResult) -> Result<Vec<ComparedCurves>, Failure> {
    if args.report.no_baselines || args.is_standard_input() || args.from.is_some() {
        return Ok(Vec::new());
    }
    let source = Source::open(&args.recording.options(None))?;
    let bar = progress_bar(source.bytes_total());
    let found = baselines(source, options, |p| {
        bar.set_position(p.bytes);
        bar.set_message("simple predictors");
    });
    bar.finish_and_clear();
    Ok(curves_beside(result, &found.map_err(replay_failure)?))
}

/// What was replayed, without the folders that lead to it.
fn title(args: &ReplayArgs, described: &str) -> String {
    let mut title = described.to_owned();
    for file in &args.recording.files {
        if let Some(name) = file.file_name() {
            title = title.replacen(&*file.to_string_lossy(), &name.to_string_lossy(), 1);
        }
    }
    title
}

/// The command line as a shell would read it.
fn command_line() -> String {
    let words = std::env::args_os().map(|word| quoted(&word.to_string_lossy()));
    let mut words: Vec<String> = words.collect();
    if let Some(program) = words.first_mut() {
        *program = "surmise".into();
    }
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_given_to_a_shell() {
        assert_eq!(quoted("--set"), "--set");
        assert_eq!((quoted("a b"), quoted("it's"), quoted("")), ("'a b'".into(), "'it'\\''s'".into(), "''".into()));
    }
}
