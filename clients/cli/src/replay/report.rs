//! `--report` and `--figures`: the result as a page, and its figures as files.

use super::ReplayArgs;
use crate::global::Global;
use crate::learner::replay_failure;
use crate::recording::progress_bar;
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use surmise_evaluation::{ComparedCurves, ReplayOptions, ReplayResult, baselines, curves_beside};
use surmise_event::format_time;
use surmise_recording::Source;
use surmise_report::{OtherReplay, Report};
use surmise_terminal::{Exit, Failure, print_line};

#[derive(Args, Debug, Default)]
pub(crate) struct ReportArgs {
    /// Write a report: one page of HTML that needs nothing else, with learning curves beside every expert and simple
    /// predictors, calibration, error by horizon, incidents and the most surprising events, cost, and how to get it
    /// again.
    #[arg(long, value_name = "OUT.html")]
    report: Option<PathBuf>,
    /// Write each figure of the report as SVG and as PNG into this folder.
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
    /// Leave simple predictors out of the report; they go over the recording once more.
    #[arg(long)]
    no_baselines: bool,
}

impl ReportArgs {
    /// Whether anything is to be written.
    pub(super) fn is_asked(&self) -> bool {
        self.report.is_some() || self.figures.is_some()
    }

    /// Whether what is asked for can be written, before it is worked out.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if let Some(path) = &self.report {
            std::fs::OpenOptions::new().create(true).append(true).open(path).map_err(|e| unwritten(path, &e))?;
        }
        if let Some(folder) = &self.figures {
            std::fs::create_dir_all(folder).map_err(|e| unwritten(folder, &e))?;
        }
        Ok(())
    }

    /// Writes what is asked for.
    pub(super) fn write(
        &self,
        global: &Global,
        args: &ReplayArgs,
        options: &ReplayOptions,
        result: &ReplayResult,
        described: &str,
        others: &[OtherReplay],
    ) -> Result<(), Failure> {
        if !self.is_asked() {
            return Ok(());
        }
        let beside = self.beside(args, options, result)?;
        let now_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64 * 1_000_000);
        let report = Report {
            title: &title(args, described),
            result,
            beside: &beside,
            others,
            command: &command_line(),
            made: &format_time(now_us),
        };
        let mut written = Vec::new();
        if let Some(path) = &self.report {
            std::fs::write(path, report.page()).map_err(|e| unwritten(path, &e))?;
            written.push(format!("report {}", path.display()));
        }
        if let Some(folder) = &self.figures {
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
    fn beside(
        &self,
        args: &ReplayArgs,
        options: &ReplayOptions,
        result: &ReplayResult,
    ) -> Result<Vec<ComparedCurves>, Failure> {
        if self.no_baselines || args.is_standard_input() || args.from.is_some() {
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

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Storage, format!("{}: {error}", path.display()))
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
