//! Recordings as streams of events, and the replay of them.
//!
//! A [`Source`] reads files of several formats as [`surmise_event::Record`]s, in bounded memory and in one pass;
//! `surmise send` sends exactly the records that `surmise replay` learns from. [`replay`] drives a learner over a
//! source with the very calls that the daemon makes, and measures how well it predicted.

mod baseline;
mod choice;
mod eval;
mod format;
mod horizon;
mod infer;
mod input;
mod labels;
mod read;
mod replay;
mod resources;
mod result;
mod scores;
mod source;
mod units;

pub use baseline::{BaselineResult, Measure, Score, baselines, detectors};
pub use choice::{FieldChoice, FieldKind};
pub use eval::{
    Ablation, Compared, Evaluated, Manifest, ManifestError, Stage, Stream, StreamFault, Task, Without, ablate,
    evaluate, find_streams,
};
pub use format::Format;
pub use labels::{Labels, LabelsResult, NabScores, Window};
pub use replay::{MakePages, Progress, ReplayOptions, Rows, replay};
pub use resources::{cpu_seconds, peak_memory_bytes, thread_seconds};
pub use result::{FieldResult, ReplayResult};
pub use source::{Item, Source, SourceOptions};

use surmise_event::Refusal;

/// Why a recording could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The caller asked for what the recording does not have.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be opened.
    #[error("{file}: {error}")]
    Open {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// Reading a file failed.
    #[error("{file}: {error}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// The recording holds what cannot be.
    #[error("{file}:{line}: {refusal}")]
    Data {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The field and the reason.
        refusal: Refusal,
    },
}

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
