//! The format `csv`: a header, then one event a row.

use super::cell;
use crate::choice::{KindChoice, chosen, no_such_column};
use crate::compression::BoxedReader;
use crate::error::{SourceError, UsageError};
use crate::infer::{SAMPLE_ROWS_MAX, is_missing, is_time, kind_of};
use crate::input::{InputFile, InputFiles};
use crate::reader::{Item, OpenedRecording, SourceOptions};
use csv::{ReaderBuilder, StringRecord};
use std::collections::VecDeque;
use std::io::BufReader;
use std::sync::Arc;
use surmise_event::{Data, Datum, Field, FieldKind, GAP, Record, Refusal, RefusalCode, Schema, parse_time};

pub(crate) fn open(
    mut first: InputFile,
    files: InputFiles,
    options: &SourceOptions,
) -> Result<OpenedRecording, SourceError> {
    let separator = separator(&first.name.clone(), first.head()?);
    // one of the lines is the header
    let rows = first.lines_ahead(SAMPLE_ROWS_MAX + 1)?.saturating_sub(1).max(1);
    let mut file = TableFile::new(first, separator)?;
    let header = file.header.clone();
    if header.is_empty() {
        let reason = "the file is empty; a csv begins with a line of column names";
        let refusal = Refusal::new(RefusalCode::Empty, "header", reason);
        return Err(SourceError::Data { file: file.name.to_string(), line: 1, refusal });
    }
    let mut sample = VecDeque::new();
    while sample.len() < rows
        && let Some(row) = file.row()?
    {
        sample.push_back(row);
    }
    check_names(&header, options)?;
    let mut notes = Vec::new();
    let time = time_column(&header, &sample, options, &mut notes);
    let (columns, schema) = columns(&header, &sample, options, time.as_deref())?;
    let rows = TableRows { header, columns, separator, file: Some(file), files, sample };
    Ok(OpenedRecording { items: Box::new(rows), schema, notes })
}

/// What a column is to an event: its key, its time, a field, or some of them.
#[derive(Clone, Debug, PartialEq)]
struct ColumnUse {
    is_key: bool,
    is_time: bool,
    field: Option<(Box<str>, FieldKind)>,
}

/// Refuses options that name columns which are not there.
fn check_names(header: &StringRecord, options: &SourceOptions) -> Result<(), UsageError> {
    let is_column = |name: &str| header.iter().any(|column| column == name);
    for (option, name) in [("--key", &options.key), ("--time", &options.time)] {
        if let Some(name) = name.as_deref().filter(|name| !is_column(name)) {
            return Err(no_such_column(option, name, header.iter()));
        }
    }
    // the gap is a field without a column
    match options.fields.iter().map(|f| f.name.as_str()).find(|name| *name != GAP && !is_column(name)) {
        Some(name) => Err(no_such_column("--field", name, header.iter())),
        None => Ok(()),
    }
}

/// The cells of a column in the rows that are sampled.
fn cells(sample: &VecDeque<StringRecord>, column: usize) -> Vec<&str> {
    sample.iter().map(|row| row.get(column).unwrap_or("").trim()).collect()
}

/// The column of times: the one that was named, or else the only one that holds dates in order, of which a note tells.
fn time_column(
    header: &StringRecord,
    sample: &VecDeque<StringRecord>,
    options: &SourceOptions,
    notes: &mut Vec<String>,
) -> Option<String> {
    if options.time.is_some() {
        return options.time.clone();
    }
    let free = |name: &str| options.key.as_deref() != Some(name) && chosen(&options.fields, name).is_none();
    let mut dates = header.iter().enumerate().filter(|(i, name)| free(name) && is_time(&cells(sample, *i)));
    let (Some((_, name)), None) = (dates.next(), dates.next()) else { return None };
    notes.push(format!("column {name:?} holds the times, as --time {name} would say"));
    Some(name.to_owned())
}

/// What every column is, and the schema of the fields. A schema that is known already stays as it is.
fn columns(
    header: &StringRecord,
    sample: &VecDeque<StringRecord>,
    options: &SourceOptions,
    time: Option<&str>,
) -> Result<(Vec<ColumnUse>, Schema), UsageError> {
    let mut columns = Vec::new();
    let mut schema = Schema::default();
    if time.is_some_and(|t| chosen(&options.fields, t).is_none()) && chosen(&options.fields, GAP).is_none() {
        schema.fields.push(Field::new(GAP, FieldKind::Gap));
    }
    for (i, name) in header.iter().enumerate() {
        let (is_key, is_time) = (options.key.as_deref() == Some(name), time == Some(name));
        let known = options.known.as_ref().and_then(|s| s.position(name).map(|p| s.fields[p].kind));
        let kind = match chosen(&options.fields, name) {
            Some(KindChoice::Ignore) => None,
            Some(KindChoice::Is(FieldKind::Gap)) if !is_time => return Err(UsageError::GapColumn(name.to_owned())),
            Some(KindChoice::Is(kind)) => Some(kind),
            None if is_key || is_time => None,
            None => Some(known.unwrap_or_else(|| kind_of(&cells(sample, i)))),
        };
        if let Some(kind) = kind {
            schema.fields.push(Field::new(name, kind));
        }
        // a gap is computed from the times, so its column gives no value
        let field = kind.filter(|kind| *kind != FieldKind::Gap).map(|kind| (name.into(), kind));
        columns.push(ColumnUse { is_key, is_time, field });
    }
    Ok((columns, options.known.clone().unwrap_or(schema)))
}

/// The separator of which the header has most; a tab in files that are named so.
fn separator(name: &str, head: &[u8]) -> u8 {
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    let count = |separator: u8| line.iter().filter(|b| **b == separator).count();
    if name.ends_with(".tsv") {
        b'\t'
    } else {
        // of equally many the comma counts, as the last of the greatest does
        [b',', b';', b'\t'].into_iter().rev().max_by_key(|s| count(*s)).unwrap_or(b',')
    }
}

/// One opened file, past its header.
struct TableFile {
    name: Arc<str>,
    reader: csv::Reader<BufReader<BoxedReader>>,
    header: StringRecord,
}

impl TableFile {
    fn new(input: InputFile, separator: u8) -> Result<TableFile, SourceError> {
        let InputFile { name, reader, .. } = input;
        let mut reader = ReaderBuilder::new().delimiter(separator).from_reader(reader);
        let mut header = reader.headers().map_err(|e| fault(&name, e))?.clone();
        header.trim();
        Ok(TableFile { name, reader, header })
    }

    fn row(&mut self) -> Result<Option<StringRecord>, SourceError> {
        let mut row = StringRecord::new();
        match self.reader.read_record(&mut row) {
            Ok(true) => Ok(Some(row)),
            Ok(false) => Ok(None),
            Err(e) => Err(fault(&self.name, e)),
        }
    }
}

fn fault(file: &str, error: csv::Error) -> SourceError {
    let line = error.position().map_or(0, csv::Position::line);
    let refusal = match error.into_kind() {
        csv::ErrorKind::Io(error) => return SourceError::Read { file: file.into(), error },
        csv::ErrorKind::Utf8 { err, .. } => {
            Refusal::new(RefusalCode::BadUtf8, format!("column {}", err.field() + 1), "not UTF-8; convert the file")
        }
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Refusal::new(RefusalCode::BadJson, "row", format!("{len} cells where the header has {expected_len}"))
        }
        other => Refusal::new(RefusalCode::BadJson, "row", format!("{other:?}")),
    };
    SourceError::Data { file: file.into(), line, refusal }
}

/// The rows of all files: first those that were sampled, then the others.
struct TableRows {
    header: StringRecord,
    columns: Vec<ColumnUse>,
    separator: u8,
    /// The file that is being read; none after the last one, and after an error.
    file: Option<TableFile>,
    files: InputFiles,
    sample: VecDeque<StringRecord>,
}

impl Iterator for TableRows {
    type Item = Result<Item, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.item().transpose();
        if matches!(item, Some(Err(_))) {
            self.file = None;
        }
        item
    }
}

impl TableRows {
    fn item(&mut self) -> Result<Option<Item>, SourceError> {
        while let Some(file) = &mut self.file {
            let row = match self.sample.pop_front() {
                Some(row) => Some(row),
                None => file.row()?,
            };
            if let Some(row) = row {
                let line = row.position().map_or(0, csv::Position::line);
                let refused = |refusal| SourceError::Data { file: file.name.to_string(), line, refusal };
                let record = record(&self.columns, &row).map_err(refused)?;
                return Ok(Some(Item { record, stream: None, file: file.name.clone(), line }));
            }
            self.file = self.next_file()?;
        }
        Ok(None)
    }

    /// The next file, whose columns have to be those of the first one.
    fn next_file(&mut self) -> Result<Option<TableFile>, SourceError> {
        let next = self.files.next()?.map(|input| TableFile::new(input, self.separator)).transpose()?;
        match next {
            Some(file) if file.header != self.header => {
                let reason = format!("the columns are {:?}, but the first file's are {:?}", file.header, self.header);
                let refusal = Refusal::new(RefusalCode::BadJson, "header", reason);
                Err(SourceError::Data { file: file.name.to_string(), line: 1, refusal })
            }
            next => Ok(next),
        }
    }
}

fn record(columns: &[ColumnUse], row: &StringRecord) -> Result<Record, Refusal> {
    let mut record = Record::default();
    let mut fields = Vec::with_capacity(columns.len());
    for (column, cell) in columns.iter().zip(row) {
        let cell = cell.trim();
        if column.is_key && !cell.is_empty() {
            record.key = Some(cell.into());
        }
        if column.is_time && !is_missing(cell) {
            record.time_us =
                Some(parse_time(cell).map_err(|e| Refusal::new(RefusalCode::BadTime, "time", e.to_string()))?);
        }
        if let Some((name, kind)) = &column.field {
            fields.push((name.clone(), datum(cell, name, *kind)?));
        }
    }
    record.data = Data::Fields(fields);
    Ok(record)
}

/// A cell as a value of a field.
fn datum(cell: &str, field: &str, kind: FieldKind) -> Result<Datum, Refusal> {
    match kind {
        FieldKind::Number => cell::number(cell, field),
        FieldKind::Category | FieldKind::Text | FieldKind::Byte | FieldKind::Gap | FieldKind::Line => {
            Ok(if cell.is_empty() { Datum::Null } else { Datum::Text(cell.into()) })
        }
    }
}
