//! A recording as a stream of records.

use crate::error::SourceError;
use crate::format::Format;
use crate::input::Inputs;
use crate::read::{bytes, lines, table, tokens, wire};
use crate::reader::{Item, Items, Opened, SourceOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use surmise_event::Schema;

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
