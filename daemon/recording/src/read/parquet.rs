//! The format `parquet`: a row is an event. Columns that hold several values a row are left out.

use super::columns::{check_names, several_times};
use super::leaf::{Leaf, LeafValue};
use super::wire::{EventShaper, open_events};
use crate::choice::chosen;
use crate::error::SourceError;
use crate::fingerprint::Fingerprint;
use crate::input::{InputFile, InputFiles};
use crate::oddity::{OddityKind, OddityLog, Place};
use crate::reader::{Item, OpenedRecording, SourceOptions};
use crate::roles::{ColumnRoles, ROLES_KEY};
use bytes::Bytes;
use parquet::column::reader::ColumnReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use surmise_event::{Data, Datum, Record, Refusal, RefusalCode};

/// Rows that are read at once.
const BATCH_ROWS: usize = 1024;

pub(crate) fn open(
    mut first: InputFile,
    files: InputFiles,
    options: &SourceOptions,
) -> std::result::Result<OpenedRecording, SourceError> {
    let odd = first.odd.clone();
    let (mut file, left_out) = ParquetFile::open(&mut first, &files)?;
    let names: Vec<Box<str>> = file.leaves.iter().map(|leaf| leaf.name.clone()).collect();
    check_names(&names, options)?;
    let mut notes = Vec::new();
    if !left_out.is_empty() {
        notes.push(format!("columns with several values a row are left out: {}", left_out.join(", ")));
    }
    if file.roles.time.is_none() {
        let is_free = |name: &str| options.key.as_deref() != Some(name) && chosen(&options.fields, name).is_none();
        let times: Vec<&Leaf> = file.leaves.iter().filter(|leaf| leaf.is_time() && is_free(&leaf.name)).collect();
        file.roles.time = match (&options.time, times.as_slice()) {
            (None, [only]) => {
                notes.push(format!("column {:?} holds the times, as --time {} would say", only.name, only.name));
                Some(only.name.to_string())
            }
            (None, several) => {
                notes.extend(several_times(several.iter().map(|leaf| &*leaf.name)));
                None
            }
            (said, times) => said.clone().filter(|said| times.iter().any(|leaf| *leaf.name == **said)),
        };
    }
    let mut shaper = EventShaper::new(options, odd.clone());
    let rows = ParquetRows { roles: file.roles.clone(), file: Some(file), files, odd: odd.clone() };
    let events = rows.filter_map(move |item| item.and_then(|item| shaper.read_row(item)).transpose());
    let opened = open_events(events, options, &odd)?;
    notes.extend(opened.notes);
    Ok(OpenedRecording { notes, ..opened })
}

/// One opened file.
struct ParquetFile {
    name: Arc<str>,
    reader: SerializedFileReader<FileChunks>,
    leaves: Vec<Leaf>,
    roles: ColumnRoles,
    /// The number of the next row group.
    next_group: usize,
    /// Rows of the row group that are not in a batch yet.
    rows_left: usize,
    columns: Vec<ColumnReader>,
    /// The values of the rows that were read ahead, of each column.
    batch: Vec<std::vec::IntoIter<LeafValue>>,
    /// The number of the latest row, from 1.
    row: u64,
}

impl ParquetFile {
    /// Opens a file; also names the columns that are not read.
    fn open(input: &mut InputFile, files: &InputFiles) -> std::result::Result<(ParquetFile, Vec<String>), SourceError> {
        let file = input.seekable()?;
        let length = file.metadata().map_err(|e| input.failed(e))?.len();
        let chunks = FileChunks { file: Arc::new(file), length, bytes_read: files.bytes_read() };
        let opened = guarded(|| SerializedFileReader::new(chunks));
        let reader = opened.map_err(|e| {
            let reason = format!("this is not a whole parquet file ({}); {}", words(&e), mend(&e));
            input.failed(std::io::Error::new(std::io::ErrorKind::InvalidData, reason))
        })?;
        let about = reader.metadata().file_metadata();
        let told = about.key_value_metadata().into_iter().flatten().find(|pair| pair.key == ROLES_KEY);
        // what another program wrote there tells nothing
        let roles = told.and_then(|pair| serde_json::from_str(pair.value.as_deref()?).ok()).unwrap_or_default();
        let (mut leaves, mut left_out) = (Vec::new(), Vec::new());
        for (place, column) in about.schema_descr().columns().iter().enumerate() {
            match Leaf::of(column, place) {
                Some(leaf) => leaves.push(leaf),
                None => left_out.push(column.path().string()),
            }
        }
        let name = input.name.clone();
        let (columns, batch) = (Vec::new(), Vec::new());
        Ok((ParquetFile { name, reader, leaves, roles, next_group: 0, rows_left: 0, columns, batch, row: 0 }, left_out))
    }

    /// The values of the next row; none after the last one.
    fn next_row(&mut self) -> std::result::Result<Option<Vec<LeafValue>>, SourceError> {
        loop {
            if self.batch.first().is_some_and(|column| column.len() > 0) {
                self.row += 1;
                return Ok(Some(self.batch.iter_mut().filter_map(Iterator::next).collect()));
            }
            if self.rows_left > 0 {
                self.read_batch()?;
            } else if self.next_group < self.reader.num_row_groups() {
                self.begin_group()?;
            } else {
                return Ok(None);
            }
        }
    }

    fn begin_group(&mut self) -> std::result::Result<(), SourceError> {
        let group = guarded(|| self.reader.get_row_group(self.next_group));
        let group = group.map_err(|e| self.damaged("row group", &e))?;
        self.columns.clear();
        for leaf in &self.leaves {
            let column = guarded(|| group.get_column_reader(leaf.place));
            self.columns.push(column.map_err(|e| self.damaged(&leaf.name, &e))?);
        }
        // without a column there is nothing to read
        let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        self.rows_left = if self.leaves.is_empty() { 0 } else { rows };
        self.next_group += 1;
        Ok(())
    }

    fn read_batch(&mut self) -> std::result::Result<(), SourceError> {
        let rows = self.rows_left.min(BATCH_ROWS);
        let mut batch = Vec::with_capacity(self.leaves.len());
        for (leaf, column) in self.leaves.iter().zip(&mut self.columns) {
            match guarded(|| leaf.read(column, rows)) {
                Ok(values) => batch.push(values.into_iter()),
                Err(e) => return Err(self.damaged(&leaf.name, &e)),
            }
        }
        self.batch = batch;
        self.rows_left -= rows;
        Ok(())
    }

    /// The error that a column cannot be read behind the latest row.
    fn damaged(&self, column: &str, error: &ParquetError) -> SourceError {
        let reason = format!("the column cannot be read on from this row ({}); {}", words(error), mend(error));
        let refusal = Refusal::new(RefusalCode::BadJson, column, reason);
        SourceError::Data { file: self.name.to_string(), line: self.row + 1, refusal }
    }
}

fn words(error: &ParquetError) -> String {
    error.to_string().replace('\n', " ")
}

/// What to do about an error.
fn mend(error: &ParquetError) -> &'static str {
    match error {
        ParquetError::NYI(_) => "write the file with another program, compressed by zstd, snappy or gzip",
        _ if error.to_string().contains("feature") => "write it compressed by zstd, snappy or gzip",
        _ => "copy or write the file again",
    }
}

/// Calls a reader of bytes that may be damaged in a way that it does not expect.
fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(ParquetError::General("it is damaged in a way that its reader does not know".into())))
}

/// The rows of all files as records.
struct ParquetRows {
    /// The file that is being read; none after the last one, and after an error.
    file: Option<ParquetFile>,
    files: InputFiles,
    roles: ColumnRoles,
    odd: OddityLog,
}

impl Iterator for ParquetRows {
    type Item = std::result::Result<Item, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.item().transpose();
        if matches!(item, Some(Err(_))) {
            self.file = None;
        }
        item
    }
}

impl ParquetRows {
    fn item(&mut self) -> std::result::Result<Option<Item>, SourceError> {
        while let Some(file) = &mut self.file {
            if let Some(row) = file.next_row()? {
                let place = Place { file: &file.name, line: file.row };
                let record = record(&file.leaves, &self.roles, row, place, &self.odd)?;
                let print = Fingerprint::of_record(&record);
                let (name, line) = (file.name.clone(), file.row);
                return Ok(Some(Item { record, id: None, stream: None, file: name, line, print }));
            }
            let Some(mut next) = self.files.next()? else { break };
            let (next, _) = ParquetFile::open(&mut next, &self.files)?;
            let is_alike = next.leaves.len() == file.leaves.len()
                && next.leaves.iter().zip(&file.leaves).all(|(a, b)| a.is_like(b));
            if !is_alike {
                let reason = "the columns are not those of the first file; name and type them alike";
                let refusal = Refusal::new(RefusalCode::BadJson, "columns", reason);
                return Err(SourceError::Data { file: next.name.to_string(), line: 1, refusal });
            }
            self.file = Some(next);
        }
        Ok(None)
    }
}

/// The record of a row.
fn record(
    leaves: &[Leaf],
    roles: &ColumnRoles,
    row: Vec<LeafValue>,
    place: Place<'_>,
    odd: &OddityLog,
) -> std::result::Result<Record, SourceError> {
    let mut record = Record::default();
    let mut fields = Vec::with_capacity(row.len());
    for (leaf, value) in leaves.iter().zip(row) {
        let has_role = |role: &Option<String>| role.as_deref() == Some(&*leaf.name);
        match value {
            LeafValue::Time(time_us) if has_role(&roles.time) => record.time_us = Some(time_us),
            LeafValue::Datum(Datum::Null) if has_role(&roles.time) => {}
            LeafValue::Datum(Datum::Text(key)) if has_role(&roles.key) => record.key = Some(key),
            LeafValue::Datum(Datum::Null) if has_role(&roles.key) => {}
            LeafValue::Datum(Datum::Bool(ends)) if has_role(&roles.end) => record.end = ends,
            LeafValue::Datum(Datum::Number(x)) if !x.is_finite() => {
                let reason = format!("{x} is not a finite number; leave the cell empty for a missing value");
                let refusal = Refusal::new(RefusalCode::NotFinite, &*leaf.name, reason);
                odd.note(OddityKind::NotFinite, place, refusal, &x.to_string())?;
                fields.push((leaf.name.clone(), Datum::Null));
            }
            value => fields.push((leaf.name.clone(), value.into_datum())),
        }
    }
    let is_empty = fields.iter().all(|(_, datum)| *datum == Datum::Null);
    record.data = match fields.pop() {
        // the row ends its key and says nothing else
        _ if is_empty && record.end => Data::None,
        Some((_, datum)) if roles.lone && fields.is_empty() => Data::One(datum),
        last => Data::Fields(fields.into_iter().chain(last).collect()),
    };
    Ok(record)
}

/// A file that is read at many places.
struct FileChunks {
    file: Arc<File>,
    length: u64,
    bytes_read: Arc<AtomicU64>,
}

/// A file from a place on.
struct FileFrom {
    file: Arc<File>,
    place: u64,
}

impl Read for FileFrom {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(buffer, self.place)?;
        self.place += read as u64;
        Ok(read)
    }
}

impl Length for FileChunks {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for FileChunks {
    type T = BufReader<FileFrom>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(FileFrom { file: self.file.clone(), place: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // no room is made for what a damaged file only claims to have
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF(format!("it ends before byte {start} + {length}")));
        }
        let mut buffer = vec![0; length];
        self.file.read_exact_at(&mut buffer, start)?;
        self.bytes_read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(buffer.into())
    }
}
