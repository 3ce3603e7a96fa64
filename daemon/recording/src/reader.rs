//! What every reader of a format takes and gives: the options, and records with the place where each was read.

use crate::choice::FieldChoice;
use crate::error::SourceError;
use crate::format::Format;
use std::path::PathBuf;
use std::sync::Arc;
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

/// What a reader of a format found out before its first record, and the records.
pub(crate) struct OpenedRecording {
    pub(crate) items: Items,
    pub(crate) schema: Schema,
    pub(crate) notes: Vec<String>,
}
