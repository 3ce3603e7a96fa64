//! Why a recording could not be read.

use crate::format::Format;
use std::path::PathBuf;
use surmise_event::{Refusal, VALUE};

/// Why a recording could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The caller asked for what the recording does not have.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// A file cannot be opened.
    #[error("{file}: {error}")]
    Open {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// A file could not be read to its end.
    #[error("{file}: {error}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// A record is not as its format says.
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

/// What the caller asked for and the recording does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// A recording is a file.
    #[error("{} is a directory; name files", .0.display())]
    Directory(PathBuf),
    /// A key or a time can only be a column.
    #[error("a recording of {} has no column {column:?}; --key and --time go with csv, ndjson and parquet", format.name())]
    NoColumns {
        /// The format.
        format: Format,
        /// The column that was named.
        column: String,
    },
    /// No column has the name that was given.
    #[error("{option}: column {column:?} is not in the recording; {hint}")]
    NoSuchColumn {
        /// The option that names it.
        option: &'static str,
        /// Its name.
        column: String,
        /// A name that may be meant, or all of them.
        hint: String,
    },
    /// An array of all events is not a stream of lines.
    #[error("{0}: one JSON array is no stream of lines; make it one: jq -c '.[]' FILE | surmise … --format ndjson")]
    JsonArray(String),
    /// A run of bytes has no field to choose a kind for.
    #[error("a recording of bytes has no field {0:?}")]
    NoFields(String),
    /// Lines and tokens have one field, which has no name of its own.
    #[error("a recording of {} has the one field {VALUE:?}, not {field:?}", format.name())]
    OneField {
        /// The format.
        format: Format,
        /// The field that was named.
        field: String,
    },
    /// The one field of lines and tokens cannot be of every kind.
    #[error("the field {VALUE:?} of {} is a category, a number or bytes", .0.name())]
    KindOfOneField(Format),
    /// Gaps are differences of times.
    #[error("--field {0}:gap: a gap is computed from the column of --time; use number for a column that holds gaps")]
    GapColumn(String),
    /// Gaps are differences of the times of events.
    #[error("{0:?}: a gap is computed from the events' times; use number for a field that holds gaps")]
    GapField(String),
}
