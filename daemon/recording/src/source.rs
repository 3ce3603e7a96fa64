//! A recording as a stream of records.

use crate::compression::Compression;
use crate::error::{SourceError, UsageError};
use crate::format::Format;
use crate::input::InputFiles;
use crate::read::{bytes, lines, table, tokens, wire};
use crate::reader::{Item, Items, OpenedRecording, SourceOptions};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use surmise_event::Schema;

/// A recording as a stream of records, read once, in bounded memory. The crate's page has an example.
pub struct Source {
    items: Items,
    schema: Schema,
    format: Format,
    compression: Option<Compression>,
    notes: Vec<String>,
    bytes_read: Arc<AtomicU64>,
    bytes_total: Option<u64>,
}

impl Source {
    /// Opens the first file, and finds out the format and the schema.
    ///
    /// # Errors
    /// A file cannot be read, or does not have what the options name.
    pub fn open(options: &SourceOptions) -> Result<Source, SourceError> {
        let mut files = InputFiles::new(&options.files)?;
        let (bytes_read, bytes_total) = (files.bytes_read(), files.bytes_total());
        let mut first = files.next()?.expect("invariant: without a path, standard input is read");
        let format = match options.format {
            Some(format) => format,
            None => Format::detect(&first.name.clone(), first.head()?),
        };
        let compression = first.compression;
        if !format.has_columns()
            && let Some(column) = options.key.as_ref().or(options.time.as_ref())
        {
            return Err(UsageError::NoColumns { format, column: column.clone() }.into());
        }
        if format.skips_byte_order_mark() {
            first.skip_byte_order_mark()?;
        }
        let OpenedRecording { items, schema, notes } = match format {
            Format::Bytes | Format::Text => bytes::open(first, files, options)?,
            Format::Tokens => tokens::open(first, files, options)?,
            Format::Lines => lines::open(first, files, options)?,
            Format::Csv => table::open(first, files, options)?,
            Format::Ndjson => wire::open(first, files, options)?,
        };
        Ok(Source { items, schema, format, compression, notes, bytes_read, bytes_total })
    }

    /// The fields with which a learner of these records starts.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The format that was said or recognised.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How the first file is compressed; none if it is not.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// What a person should know about how the recording is read, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Bytes of all files as they are, compressed or not; none where that is not known, as of standard input.
    pub fn bytes_total(&self) -> Option<u64> {
        self.bytes_total
    }

    /// A counter of the bytes read so far, which another thread can follow.
    pub fn bytes_counter(&self) -> Arc<AtomicU64> {
        self.bytes_read.clone()
    }
}

impl Iterator for Source {
    type Item = Result<Item, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.items.next()
    }
}
