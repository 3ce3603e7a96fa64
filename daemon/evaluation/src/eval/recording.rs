//! One recording of a stream, replayed as the stream's task says.

use super::find::RecordedStream;
use crate::error::ReplayError;
use crate::labels::SessionLabels;
use crate::options::ReplayOptions;
use crate::replay::{ReplayProgress, replay};
use crate::resources::thread_seconds;
use crate::result::ReplayResult;
use crate::row_range::RowRange;
use std::path::Path;
use surmise_learner::Options;
use surmise_recording::{Source, SourceOptions};

/// A recording that could not be evaluated, and why.
#[derive(Debug)]
pub struct StreamFault {
    /// The recording.
    pub file: String,
    /// The reason, which names the line where there is one.
    pub error: ReplayError,
}

impl StreamFault {
    pub(super) fn new(file: &Path, error: impl Into<ReplayError>) -> StreamFault {
        StreamFault { file: file.display().to_string(), error: error.into() }
    }
}

/// A recording that was replayed, with what the baselines need to go over the same events.
pub(super) struct ReplayedRecording {
    pub(super) result: ReplayResult,
    pub(super) source: SourceOptions,
    pub(super) options: ReplayOptions,
    /// Processor time of the replay.
    pub(super) cpu_seconds: f64,
}

/// Replays one recording of a stream with a fresh learner of these options.
pub(super) fn replay_recording(
    stream: &RecordedStream,
    file: &Path,
    learner: &Options,
    anomalies: bool,
    report_progress: impl FnMut(&ReplayProgress),
) -> Result<ReplayedRecording, ReplayError> {
    let task = &stream.task;
    let source = SourceOptions {
        files: vec![file.into()],
        format: task.format,
        fields: task.fields.clone(),
        key: task.key.clone(),
        time: task.time.clone(),
        ..SourceOptions::default()
    };
    let mut options = ReplayOptions {
        learner: Options { target: task.target.clone(), ..learner.clone() },
        score_rows: task.score_rows,
        // errors of columns of different scales cannot be averaged as they are
        unit_rows: task.unit_rows.or(Some(RowRange::ALL)),
        horizon: task.horizon.map(|steps| steps as usize),
        anomalies,
        blocks: true,
        ..ReplayOptions::default()
    };
    let labels = SessionLabels::beside(file);
    if SessionLabels::is_one(&labels) {
        options.session_labels = SessionLabels::read(&labels)?;
        options.unscored_sessions = options.session_labels.as_ref().map_or(0, SessionLabels::uncounted);
    }
    let opened = Source::open(&source)?;
    let fields = opened.schema();
    // a schema without fields gets them from the events
    if let Some(target) = task.target.as_ref().filter(|t| !fields.fields.is_empty() && fields.position(t).is_none()) {
        return Err(ReplayError::Target { file: file.display().to_string(), target: target.clone() });
    }
    let began = thread_seconds();
    let result = replay(opened, &options, report_progress)?;
    let cpu_seconds = thread_seconds() - began;
    options.learner = result.options.clone();
    Ok(ReplayedRecording { result, source, options, cpu_seconds })
}
