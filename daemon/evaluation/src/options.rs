//! How a recording is replayed.

use crate::error::ReplayError;
use crate::labels::{Labels, SessionLabels};
use crate::row_range::RowRange;
use std::path::PathBuf;
use std::sync::Arc;
use surmise_event::Limits;
use surmise_learner::{Learner, Options, Pages};
use surmise_recording::SourceError;
use surmise_workers::Choice;

/// Makes a place for key pages, the states of keys that a learner has no room for.
pub type MakePages = fn() -> std::io::Result<Arc<dyn Pages>>;

/// How a recording is replayed. What matters to the result is the learner's options alone: neither workers nor pages
/// change what is learnt.
#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    /// The options of a fresh learner.
    pub learner: Options,
    /// Threads that compute gradients of networks, where the learner's updates wait for them; 0 is this thread alone.
    pub workers: usize,
    /// Where these threads compute: the processor by default.
    pub device: Option<Choice>,
    /// A checkpoint to continue from, instead of a fresh learner.
    pub from: Option<PathBuf>,
    /// A checkpoint whose learner was of another stream, and with whose knowledge this one begins.
    pub like: Option<PathBuf>,
    /// Rows that the measures count; all, if none are named.
    pub score_rows: Option<RowRange>,
    /// Rows whose standard deviation is the unit of errors.
    pub unit_rows: Option<RowRange>,
    /// Steps to forecast from every event.
    pub horizon: Option<usize>,
    /// Where one row per event is written.
    pub scores: Option<PathBuf>,
    /// Windows of known anomalies, to hold the anomaly scores against.
    pub labels: Option<Labels>,
    /// Where one row per session is written.
    pub session_scores: Option<PathBuf>,
    /// Which sessions are known to be anomalous, to hold the verdicts on sessions against.
    pub session_labels: Option<SessionLabels>,
    /// Sessions that the comparison with these labels passes over at the beginning.
    pub unscored_sessions: u64,
    /// Whether the result holds the time and the anomaly score of every event.
    pub anomalies: bool,
    /// Whether it is noted what each block of rows adds to the measures, to tell how sure comparisons are.
    pub blocks: bool,
    /// Whether the result holds the course of the losses.
    pub course: bool,
    /// Whether the result holds what stood out: incidents, and the most surprising events.
    pub highlights: bool,
    /// Where a checkpoint of the learner is written at the end.
    pub save: Option<PathBuf>,
    /// Bounds on records.
    pub limits: Limits,
    /// Where key pages are kept. By default they stay in memory, within what [`Options`] allows the store: what is
    /// learnt is what the daemon learns.
    pub pages: Option<MakePages>,
}

impl ReplayOptions {
    /// The learner of the checkpoint, where the replay continues from one or begins like one. Keys whose states lay in
    /// the store of that learner are forgotten, as the states stayed there.
    ///
    /// # Errors
    /// The file cannot be read, is no checkpoint of this program, or has learnt too little to begin with.
    pub fn checkpoint(&self) -> Result<Option<Learner>, ReplayError> {
        let Some(path) = self.from.as_ref().or(self.like.as_ref()) else { return Ok(None) };
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| SourceError::Open { file: file.clone(), error })?;
        let loaded = Learner::load(&bytes);
        let mut learner = loaded.map_err(|error| ReplayError::Checkpoint { file: file.clone(), error })?;
        learner.forget_stored();
        match self.from {
            Some(_) => Ok(Some(learner)),
            None => {
                let (schema, options) = (learner.schema().clone(), learner.options().clone());
                let begun = learner.begin_like(&schema, &options);
                begun.map(Some).map_err(|error| ReplayError::Unlike { file, error })
            }
        }
    }

    /// Whether a row counts in the measures.
    pub(crate) fn scores_row(&self, row: u64) -> bool {
        self.score_rows.is_none_or(|rows| rows.contains(row))
    }

    /// Whether a row's deviation is part of the unit of errors.
    pub(crate) fn is_unit_row(&self, row: u64) -> bool {
        self.unit_rows.is_some_and(|rows| rows.contains(row))
    }
}
