//! Why a replay or an evaluation stopped.

use surmise_learner::{LearnerError, PagesError, UnlikeStream};
use surmise_recording::SourceError;
use surmise_workers::DeviceError;

/// Why a replay stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The recording could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The windows of known anomalies do not go with the recording.
    #[error(transparent)]
    Labels(#[from] LabelsError),
    /// The target is none of the recording's fields.
    #[error("{file}: the target {target:?} is not a field")]
    Target {
        /// The recording.
        file: String,
        /// The field that was named.
        target: String,
    },
    /// The recording ends before the event that was asked about.
    #[error("there is no event {offset}: the recording ends at offset {end}")]
    NoEvent {
        /// The event that was asked about.
        offset: u64,
        /// The offset after the last event.
        end: u64,
    },
    /// There is nothing to replay.
    #[error("the stream has no recordings")]
    NoRecordings,
    /// The learner could not be made with these options.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// A checkpoint cannot be read.
    #[error("{file}: {error}")]
    Checkpoint {
        /// The file.
        file: String,
        /// Why.
        error: LearnerError,
    },
    /// A stream cannot begin with what the learner of a checkpoint has learnt.
    #[error("{file}: a stream cannot begin like that one: {error}")]
    Unlike {
        /// The file.
        file: String,
        /// Why.
        error: UnlikeStream,
    },
    /// The recording has none of the fields that the learner of a checkpoint knows.
    #[error(
        "{file}: its learner knows other fields than the recording has, so nothing of what it learnt would be used: it \
         knows {known}, and the recording has {found}"
    )]
    OtherFields {
        /// The checkpoint.
        file: String,
        /// The fields of its learner.
        known: String,
        /// The fields of the recording.
        found: String,
    },
    /// The system gives no thread.
    #[error("no thread could be started: {0}")]
    Threads(std::io::Error),
    /// Key pages, the states of keys that memory has no room for, cannot be written or read.
    #[error(transparent)]
    Pages(#[from] PagesError),
    /// There is no GPU to be used.
    #[error("learning.device: {0}")]
    Device(#[from] DeviceError),
    /// Results could not be written.
    #[error("{file}: {error}")]
    Write {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
}

/// Why the windows of known anomalies do not go with a recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelsError {
    /// They are windows of other files.
    #[error("--labels: no windows are given for {0}")]
    NoWindows(String),
    /// The windows of two files fit equally well.
    #[error("--labels: {file} may be {first} or {second}; name it with the folder that it is in")]
    Ambiguous {
        /// The recording.
        file: String,
        /// A file that it may be.
        first: String,
        /// Another one.
        second: String,
    },
    /// Whether an event without a time is in a window cannot be known.
    #[error("--labels: the first event of {0} has no time; name the column with --time")]
    NoTime(String),
}
