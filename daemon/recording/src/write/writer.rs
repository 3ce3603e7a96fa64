//! What every writer of a format takes.

use std::io::Write;
use surmise_event::{Record, Refusal};

/// Where the bytes of a recording go.
pub type RecordingOutput = Box<dyn Write + Send>;

/// A recording that is being written.
pub trait RecordWriter {
    /// Writes a record behind those before.
    ///
    /// # Errors
    /// The output does not take it, or the format cannot carry the record.
    fn write(&mut self, record: &Record) -> Result<(), WriteError>;

    /// Writes what is held back, and the end of the file. A recording without it is not complete.
    ///
    /// # Errors
    /// The output does not take it.
    fn finish(self: Box<Self>) -> Result<(), WriteError>;
}

/// Why a recording cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The output does not take more.
    #[error(transparent)]
    Output(#[from] std::io::Error),
    /// A Parquet file cannot be written.
    #[error("parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// The format cannot carry a record.
    #[error("{0}")]
    Record(Refusal),
    /// A record has a field that the table was not begun with.
    #[error("field {0:?} is not among the columns: the stream has changed; export it again")]
    UnknownColumn(String),
}
