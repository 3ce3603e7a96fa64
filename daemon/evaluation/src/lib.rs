//! Evaluation: a recording is replayed in one pass, and how well each event was predicted is measured.
//!
//! [`replay`] drives a learner over a [`surmise_recording::Source`] with the very calls that the daemon makes, and
//! scores every event before it is learnt. Around it stand the simple predictors of the same events ([`baselines`]),
//! labelled anomalies ([`Labels`]), and the evaluation of a whole folder ([`evaluate`]).

mod baseline;
mod eval;
mod horizon;
mod labels;
mod replay;
mod resources;
mod result;
mod scores;
mod units;

pub use baseline::{BaselineResult, Measure, Score, baselines, detectors};
pub use eval::{
    Ablated, Ablation, Compared, Evaluated, Manifest, ManifestError, Stage, Stream, StreamFault, Task, ablate,
    evaluate, find_streams,
};
pub use labels::{Labels, LabelsResult, NabScores, Window};
pub use replay::{MakePages, Progress, ReplayOptions, Rows, replay};
pub use resources::{cpu_seconds, peak_memory_bytes, thread_seconds};
pub use result::{FieldResult, ReplayResult};

use surmise_recording::SourceError;

/// Why a replay stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The recording could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The learner could not be made with these options.
    #[error(transparent)]
    Learner(#[from] surmise_learner::LearnerError),
    /// A checkpoint cannot be read.
    #[error("{file}: {error}")]
    Checkpoint {
        /// The file.
        file: String,
        /// Why.
        error: surmise_learner::LearnerError,
    },
    /// Threads could not be had.
    #[error("no thread could be started: {0}")]
    Threads(std::io::Error),
    /// The states of keys that memory has no room for cannot be written or read.
    #[error(transparent)]
    Pages(#[from] surmise_learner::PagesError),
    /// There is no GPU to be used.
    #[error("learning.device: {0}")]
    Device(#[from] surmise_network::DeviceError),
    /// Results could not be written.
    #[error("{file}: {error}")]
    Write {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
}
