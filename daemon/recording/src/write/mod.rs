//! Writing recordings: records as a file of a format that is read back as the same records. One writer for each format,
//! all of them behind [`RecordWriter`].

mod columns;
mod compressed;
mod csv;
mod form;
mod ndjson;
mod parquet;
mod writer;

pub use columns::WrittenColumns;
pub use form::{RecordingForm, UnwritableForm};
pub use writer::{RecordWriter, RecordingOutput, WriteError};

#[cfg(test)]
mod tests;
