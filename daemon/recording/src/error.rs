//! Why a recording could not be read.

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
