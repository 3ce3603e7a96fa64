//! A recording as a stream of records.

use crate::choice::FieldChoice;
use crate::input::Inputs;
use crate::read::{bytes, lines, table, tokens, wire};
use crate::{Format, SourceError};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use surmise_event::{Record, Refusal, Schema};

/// What is to be read, and how.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    /// The files, in order; `-`, or none at all, is standard input.
    pub files: Vec<PathBuf>,
    /// Their format; recognised by name and content if it is not said.
    pub format: Option<Format>,
    /// What is known of the fields.
    pub fields: Vec<FieldChoice>,
    /// The column that names the key.
    pub key: Option<String>,
    /// The column that holds the time.
    pub time: Option<String>,
    /// A schema that the records are to fit, from a checkpoint or a running stream.
    pub known: Option<Schema>,
}

/// A record and where it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The record.
    pub record: Record,
    /// The stream that it names itself, which only lines of the wire do.
    pub stream: Option<String>,
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1; 0 where there are no lines.
    pub line: u64,
}

impl Item {
    /// The error that this record's refusal is.
    pub fn refused(&self, refusal: Refusal) -> SourceError {
        SourceError::Data { file: self.file.to_string(), line: self.line, refusal }
    }
}

/// The records of a reader, one at a time.
pub(crate) type Items = Box<dyn Iterator<Item = Result<Item, SourceError>> + Send>;

/// What a reader found out before its first record.
pub(crate) struct Opened {
    pub(crate) items: Items,
    pub(crate) schema: Schema,
    pub(crate) notes: Vec<String>,
}

/// A recording as a stream of records, read once, in bounded memory.
pub struct Source {
    items: Items,
    schema: Schema,
    format: Format,
    notes: Vec<String>,
    count: Arc<AtomicU64>,
    total: Option<u64>,
}

impl Source {
    /// Opens the first file, finds out the format and the schema.
    ///
    /// # Errors
    /// A file cannot be read, or does not have what the options name.
    pub fn open(options: &SourceOptions) -> Result<Source, SourceError> {
        let mut inputs = Inputs::new(&options.files)?;
        let (count, total) = (inputs.count(), inputs.total());
        let mut first = inputs.next()?.ok_or_else(|| SourceError::Usage("no file was named".into()))?;
        let format = match options.format {
            Some(f) => f,
            None => Format::detect(&first.name.clone(), first.head()?),
        };
        let columns = matches!(format, Format::Csv | Format::Ndjson);
        if !columns && let Some(c) = options.key.as_ref().or(options.time.as_ref()) {
            let f = format.name();
            return Err(SourceError::Usage(format!(
                "a recording of {f} has no column {c:?}; --key and --time go with csv and ndjson"
            )));
        }
        if format != Format::Bytes && format != Format::Text {
            first.skip_mark()?;
        }
        let opened = match format {
            Format::Bytes | Format::Text => bytes::open(first, inputs, options)?,
            Format::Tokens => tokens::open(first, inputs, options)?,
            Format::Lines => lines::open(first, inputs, options)?,
            Format::Csv => table::open(first, inputs, options)?,
            Format::Ndjson => wire::open(first, inputs, options)?,
        };
        let Opened { items, schema, notes } = opened;
        Ok(Source { items, schema, format, notes, count, total })
    }

    /// The fields that a learner of these records starts with.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The format that was said or recognised.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What a person should know about how the recording is read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Bytes of all files, where that is known.
    pub fn bytes_total(&self) -> Option<u64> {
        self.total
    }

    /// A counter of the bytes read that another thread can follow.
    pub fn bytes_counter(&self) -> Arc<AtomicU64> {
        self.count.clone()
    }
}

impl Iterator for Source {
    type Item = Result<Item, SourceError>;
    fn next(&mut self) -> Option<Self::Item> {
        self.items.next()
    }
}
