//! A recording as a stream of records.

use crate::compression::Compression;
use crate::encoding::Encoding;
use crate::error::{SourceError, UsageError};
use crate::format::Format;
use crate::input::InputFiles;
use crate::oddity::OddityLog;
use crate::read::{bytes, lines, parquet, table, tokens, wire};
use crate::reader::{Item, Items, OpenedRecording, SourceOptions, TableReading};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use surmise_event::{Data, Datum, FirstEvents, Limits, Schema, VALUE};

/// A recording as a stream of records, read once, in bounded memory. The crate's page has an example.
pub struct Source {
    items: Items,
    schema: Schema,
    declares: bool,
    format: Format,
    compression: Option<Compression>,
    encoding: Encoding,
    reading: TableReading,
    odd: OddityLog,
    notes: Vec<String>,
    /// Records so far.
    records: u64,
    bytes_read: Arc<AtomicU64>,
    bytes_total: Option<u64>,
}

impl Source {
    /// Opens the first file, and finds out the format and the schema.
    ///
    /// # Errors
    /// A file cannot be read, or does not have what the options name.
    pub fn open(options: &SourceOptions) -> Result<Source, SourceError> {
        let odd = OddityLog::new(options.strict);
        let mut files = InputFiles::new(options, odd.clone())?;
        let (bytes_read, bytes_total) = (files.bytes_read(), files.bytes_total());
        let mut first = files.next()?.expect("invariant: without a path, standard input is read");
        let format = match options.format {
            Some(format) => format,
            None if first.piped => Format::detect_piped(&first.name.clone(), first.head()?),
            None => Format::detect(&first.name.clone(), first.head()?),
        };
        let (compression, encoding) = (first.compression, first.encoding);
        if !format.has_columns()
            && let Some(column) = options.key.as_ref().or(options.time.as_ref())
        {
            return Err(UsageError::NoColumns { format, column: column.clone() }.into());
        }
        if format.skips_byte_order_mark() {
            first.skip_byte_order_mark()?;
        }
        let OpenedRecording { items, schema, declares, mut notes, reading } = match format {
            Format::Bytes | Format::Text => bytes::open(first, files, options)?,
            Format::Tokens => tokens::open(first, files, options)?,
            Format::Lines => lines::open(first, files, options)?,
            Format::Csv => table::open(first, files, options)?,
            Format::Ndjson => wire::open(first, files, options)?,
            Format::Parquet => parquet::open(first, files, options)?,
        };
        if encoding != Encoding::Utf8 {
            notes.push(format!("the text is {}", encoding.name()));
        }
        let records = 0;
        Ok(Source {
            items,
            schema,
            declares,
            format,
            compression,
            encoding,
            reading,
            odd,
            notes,
            records,
            bytes_read,
            bytes_total,
        })
    }

    /// The fields as far as they are known before the first record is learnt.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The schema that a learner of these records is made with: none where its first events are to decide.
    pub fn declared_schema(&self) -> Schema {
        if self.declares { self.schema.clone() } else { Schema::default() }
    }

    /// The schema of a learner of these records once they have decided what the fields hold, as far as the first
    /// records have these fields. They are read ahead for that, and come as the next ones all the same.
    pub fn decided_schema(&mut self) -> Schema {
        let mut schema = self.declared_schema();
        let Some(mut beginning) = FirstEvents::of(&schema) else { return schema };
        let (mut ahead, mut offset) = (Vec::new(), 0);
        while !beginning.is_complete()
            && let Some(item) = self.items.next()
        {
            if let Ok(item) = &item
                && let Ok(event) = schema.bind(&item.record, &Limits::default())
            {
                beginning.push(offset, &event);
                offset += item.record.offsets(false);
            }
            ahead.push(item);
        }
        let rest = std::mem::replace(&mut self.items, Box::new(std::iter::empty()));
        self.items = Box::new(ahead.into_iter().chain(rest));
        if !beginning.is_complete() {
            return schema;
        }
        schema.decided(&beginning.events().collect::<Vec<_>>()).unwrap_or(schema)
    }

    /// The names of the values that the next records have; they are read ahead for that, and come all the same. A lone
    /// value is called as [`VALUE`].
    pub fn names_ahead(&mut self) -> BTreeSet<String> {
        let ahead: Vec<_> = self.items.by_ref().take(NAMED_RECORDS_MAX).collect();
        let named = |item: &Item| match &item.record.data {
            Data::One(_) => vec![VALUE.to_owned()],
            Data::Fields(fields) => fields.iter().flat_map(|(name, datum)| names_of(name, datum)).collect(),
            Data::None | Data::Feedback(_) => Vec::new(),
        };
        let names = ahead.iter().flatten().flat_map(named).collect();
        let rest = std::mem::replace(&mut self.items, Box::new(std::iter::empty()));
        self.items = Box::new(ahead.into_iter().chain(rest));
        names
    }

    /// The format that was said or recognised.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How the first file is compressed; none if it is not.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// How the text of the first file is encoded.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// How a table is read: what the options of the command line can say and the recording told by itself.
    pub fn reading(&self) -> &TableReading {
        &self.reading
    }

    /// What is odd in the recording, counted as it is read; it can be asked when all records were taken.
    pub fn oddities(&self) -> OddityLog {
        self.odd.clone()
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

/// Records that are read ahead for the names of their values.
const NAMED_RECORDS_MAX: usize = 100;

/// The names of the fields that a named value is of: as many as a vector has numbers.
fn names_of(name: &str, datum: &Datum) -> Vec<String> {
    match datum {
        Datum::Numbers(numbers) => (0..numbers.len()).map(|place| format!("{name}[{place}]")).collect(),
        Datum::Null | Datum::Bool(_) | Datum::Number(_) | Datum::Text(_) | Datum::Bytes(_) => vec![name.to_owned()],
    }
}

impl Iterator for Source {
    type Item = Result<Item, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.items.next();
        match &item {
            Some(Ok(_)) => self.records += 1,
            // a recording of nothing but bad lines is no recording
            None if self.records == 0 => {
                self.records = 1;
                return self.odd.nothing_read().map(Err);
            }
            Some(Err(_)) | None => {}
        }
        item
    }
}
