//! What every reader of a format takes and gives: the options, and records with the place where each was read.

use crate::choice::FieldChoice;
use crate::error::SourceError;
use crate::fingerprint::Fingerprint;
use crate::format::Format;
use crate::times::{TimeFormat, TimeZoneName};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use surmise_event::{Record, Refusal, Schema};
use surmise_protocol::SentId;

/// Rows that are read to guess what columns hold, before the first row becomes an event.
pub(crate) const SAMPLE_ROWS_MAX: usize = 2000;

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
    /// How times are written, where it is not to be told by the recording.
    pub time_format: Option<TimeFormat>,
    /// The time zone of times that have none of their own; UTC, if it is not said.
    pub time_zone: Option<TimeZoneName>,
    /// Whether a table begins with a header; told by its first rows, if it is not said.
    pub header: Option<bool>,
    /// Whether the first line that is not as its format promises ends the reading, instead of being counted.
    pub strict: bool,
    /// Whether what comes by a pipe is waited for, so that it is read as the same bytes in a file are. Otherwise its
    /// first event comes at once, and what is there by then tells how it is read.
    pub patient: bool,
    /// A schema that the records are to fit, from a checkpoint or a running stream.
    pub known: Option<Schema>,
}

/// A record and where it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The record.
    pub record: Record,
    /// What its sender calls it, so that a daemon knows it when it comes again; only lines of the wire have one.
    pub id: Option<SentId>,
    /// The stream that it names itself, which only lines of the wire do.
    pub stream: Option<String>,
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1; 0 where there are no lines.
    pub line: u64,
    /// What it was read of, in short; it depends on the content of the files alone.
    pub print: Fingerprint,
}

impl Item {
    /// The error that this record's refusal is.
    pub fn refused(&self, refusal: Refusal) -> SourceError {
        SourceError::Data { file: self.file.to_string(), line: self.line, refusal }
    }
}

/// The records of a reader, one at a time.
pub(crate) type Items = Box<dyn Iterator<Item = Result<Item, SourceError>> + Send>;

/// What a reader of a format found out before its first record, and the records.
pub(crate) struct OpenedRecording {
    pub(crate) items: Items,
    pub(crate) schema: Schema,
    /// Whether the schema is what a learner begins with, not only what the first record tells.
    pub(crate) declares: bool,
    pub(crate) notes: Vec<String>,
    pub(crate) reading: TableReading,
}

impl OpenedRecording {
    /// A recording of which there is nothing to say.
    pub(crate) fn new(items: Items, schema: Schema) -> OpenedRecording {
        OpenedRecording { items, schema, declares: true, notes: Vec::new(), reading: TableReading::default() }
    }
}

/// How a table is read, as its first rows tell: what pins it on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableReading {
    /// The character between cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<char>,
    /// Whether the first row names the columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// The column of the times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// How they are written, as a word of `--time-format`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_format: Option<String>,
}
