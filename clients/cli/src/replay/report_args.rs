//! The arguments `--report` and `--figures`.

use clap::Args;
use std::path::{Path, PathBuf};
use surmise_terminal::{Exit, Failure};

#[derive(Args, Debug, Default)]
pub(crate) struct ReportArgs {
    /// Write a report: one page of HTML that needs nothing else, with learning curves beside every expert and simple
    /// predictors, calibration, error by horizon, incidents and the most surprising events, cost, and how to get it
    /// again.
    #[arg(long, value_name = "OUT.html")]
    pub(super) report: Option<PathBuf>,
    /// Write each figure of the report as SVG and as PNG into this folder.
    #[arg(long, value_name = "DIR")]
    pub(super) figures: Option<PathBuf>,
    /// Leave simple predictors out of the report; they go over the recording once more.
    #[arg(long)]
    pub(super) no_baselines: bool,
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
}

/// A file or a folder that could not be written.
pub(super) fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Storage, format!("{}: {error}", path.display()))
}
