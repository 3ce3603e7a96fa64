//! Why a learner cannot be made, or cannot be read from a checkpoint.

use crate::options::OptionsError;
use surmise_state::StateError;

/// Why a learner could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum LearnerError {
    /// An option is out of bounds or does not fit the schema.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The body of a checkpoint cannot be read.
    #[error("checkpoint: {0}")]
    State(#[from] StateError),
    /// The bytes are no checkpoint of this version, or were damaged.
    #[error("checkpoint {0}")]
    Incompatible(#[from] CheckpointError),
}

/// What is wrong with the frame of a checkpoint. Each message is the end of a sentence that begins with "checkpoint".
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The bytes do not begin with the magic number of a checkpoint.
    #[error("is not one of surmise's")]
    Foreign,
    /// The bytes end before the checkpoint does.
    #[error("is cut short")]
    CutShort,
    /// The checkpoint was written in a format that this version does not read.
    #[error("has format {found}; this version reads format {reads}")]
    Format {
        /// The format that the checkpoint names.
        found: u32,
        /// The one format that this version reads.
        reads: u32,
    },
    /// The bytes changed since they were written.
    #[error("is damaged: its checksum does not agree")]
    Checksum,
    /// The options are not what this version knows as options.
    #[error("has options that cannot be read: {0}")]
    Options(#[from] serde_json::Error),
    /// The measures were taken of another number of fields than the learner has.
    #[error("holds measures of other fields")]
    OtherFields,
}
