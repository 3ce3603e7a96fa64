//! A header, then one event a row.

use crate::choice::{KindChoice, chosen, no_such};
use crate::error::SourceError;
use crate::infer::{SAMPLE_ROWS, is_missing, is_time, kind_of};
use crate::input::{Counted, Input, Inputs};
use crate::reader::{Item, Opened, SourceOptions};
use csv::{ReaderBuilder, StringRecord};
use std::collections::VecDeque;
use std::io::BufReader;
use std::sync::Arc;
use surmise_event::{Data, Datum, Field, FieldKind, GAP, Record, Refusal, RefusalCode, Schema, parse_time};

pub(crate) fn open(mut first: Input, inputs: Inputs, options: &SourceOptions) -> Result<Opened, SourceError> {
    let separator = separator(&first.name.clone(), first.head()?);
    let rows = first.lines_ahead(SAMPLE_ROWS + 1)?.saturating_sub(1).max(1); // without the header
    let mut file = Table::new(first, separator)?;
    let header = file.header.clone();
    if header.is_empty() {
        return Err(SourceError::Data {
            file: file.name.to_string(),
            line: 1,
            refusal: Refusal::new(
                RefusalCode::Empty,
                "header",
                "the file is empty; a csv begins with a line of column names",
            ),
        });
    }
    let mut sample = VecDeque::new();
    while sample.len() < rows
        && let Some(row) = file.row()?
    {
        sample.push_back(row);
    }
    let (columns, schema, notes) = columns(&header, &sample, options)?;
    let rows = Rows { header, columns, separator, file: Some(file), inputs, sample };
    Ok(Opened { items: Box::new(rows), schema, notes })
}

/// What a column is to an event.
#[derive(Clone, Debug, PartialEq)]
struct Column {
    key: bool,
    time: bool,
    field: Option<(Box<str>, FieldKind)>,
}

/// What every column is, the schema, and what was found out by itself.
fn columns(
    header: &StringRecord,
    sample: &VecDeque<StringRecord>,
    options: &SourceOptions,
) -> Result<(Vec<Column>, Schema, Vec<String>), SourceError> {
    let known = |name: &str| header.iter().any(|h| h == name);
    for (flag, name) in [("--key: column", options.key.as_deref()), ("--time: column", options.time.as_deref())]
        .into_iter()
        .filter_map(|(f, n)| Some((f, n?)))
        .chain(options.fields.iter().map(|f| ("--field: column", f.name.as_str())))
    {
        let gap = name == GAP && flag.starts_with("--field");
        if !known(name) && !gap {
            return Err(SourceError::Usage(no_such(flag, name, header.iter())));
        }
    }
    let cells = |i: usize| sample.iter().map(|r| r.get(i).unwrap_or("").trim()).collect::<Vec<_>>();
    let mut notes = Vec::new();
    let mut time = options.time.clone();
    if time.is_none() {
        let free = |h: &str| options.key.as_deref() != Some(h) && chosen(&options.fields, h).is_none();
        let mut dates = header.iter().enumerate().filter(|(i, h)| free(h) && is_time(&cells(*i)));
        if let (Some((_, h)), None) = (dates.next(), dates.next()) {
            notes.push(format!("column {h:?} holds the times, as --time {h} would say"));
            time = Some(h.to_owned());
        }
    }
    let mut out = Vec::new();
    let mut schema = Schema::default();
    if time.is_some()
        && chosen(&options.fields, GAP).is_none()
        && time.as_deref().is_none_or(|t| chosen(&options.fields, t).is_none())
    {
        schema.fields.push(Field::new(GAP, FieldKind::Gap));
    }
    for (i, name) in header.iter().enumerate() {
        let (key, is_time) = (options.key.as_deref() == Some(name), time.as_deref() == Some(name));
        let had = options.known.as_ref().and_then(|s| s.position(name).map(|p| s.fields[p].kind));
        let kind = match chosen(&options.fields, name) {
            Some(KindChoice::Ignore) => None,
            Some(KindChoice::Is(FieldKind::Gap)) if !is_time => {
                return Err(SourceError::Usage(format!(
                    "--field {name}:gap: a gap is computed from the column of --time; use number for a column that holds gaps"
                )));
            }
            Some(KindChoice::Is(k)) => Some(k),
            None if key || is_time => None,
            None => Some(had.unwrap_or_else(|| kind_of(&cells(i)))),
        };
        if let Some(k) = kind {
            schema.fields.push(Field::new(name, k));
        }
        let field = kind.filter(|k| *k != FieldKind::Gap).map(|k| (name.into(), k));
        out.push(Column { key, time: is_time, field });
    }
    if let Some(known) = &options.known {
        schema = known.clone();
    }
    Ok((out, schema, notes))
}

/// The separator that the header has most of.
fn separator(name: &str, head: &[u8]) -> u8 {
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    let count = |s: u8| line.iter().filter(|b| **b == s).count();
    if name.ends_with(".tsv") {
        b'\t'
    } else {
        [b',', b';', b'\t'].into_iter().rev().max_by_key(|s| count(*s)).unwrap_or(b',')
    }
}

/// One opened file.
struct Table {
    name: Arc<str>,
    reader: csv::Reader<BufReader<Counted>>,
    header: StringRecord,
}

impl Table {
    fn new(input: Input, separator: u8) -> Result<Table, SourceError> {
        let Input { name, reader, .. } = input;
        let mut reader = ReaderBuilder::new().delimiter(separator).from_reader(reader);
        let mut header = reader.headers().map_err(|e| fault(&name, e))?.clone();
        header.trim();
        Ok(Table { name, reader, header })
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

fn fault(file: &str, e: csv::Error) -> SourceError {
    let line = e.position().map_or(0, csv::Position::line);
    let refusal = match e.into_kind() {
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

struct Rows {
    header: StringRecord,
    columns: Vec<Column>,
    separator: u8,
    file: Option<Table>,
    inputs: Inputs,
    sample: VecDeque<StringRecord>,
}

impl Iterator for Rows {
    type Item = Result<Item, SourceError>;
    fn next(&mut self) -> Option<Self::Item> {
        let item = self.item().transpose();
        if matches!(item, Some(Err(_))) {
            self.file = None;
        }
        item
    }
}

impl Rows {
    fn item(&mut self) -> Result<Option<Item>, SourceError> {
        while let Some(file) = &mut self.file {
            let row = match self.sample.pop_front() {
                Some(row) => Some(row),
                None => file.row()?,
            };
            if let Some(row) = row {
                let line = row.position().map_or(0, csv::Position::line);
                let record = record(&self.columns, &row).map_err(|refusal| SourceError::Data {
                    file: file.name.to_string(),
                    line,
                    refusal,
                })?;
                return Ok(Some(Item { record, stream: None, file: file.name.clone(), line }));
            }
            self.file = self.inputs.next()?.map(|i| Table::new(i, self.separator)).transpose()?;
            if let Some(next) = &self.file
                && next.header != self.header
            {
                let reason = format!("the columns are {:?}, but the first file's are {:?}", next.header, self.header);
                return Err(SourceError::Data {
                    file: next.name.to_string(),
                    line: 1,
                    refusal: Refusal::new(RefusalCode::BadJson, "header", reason),
                });
            }
        }
        Ok(None)
    }
}

fn record(columns: &[Column], row: &StringRecord) -> Result<Record, Refusal> {
    let mut record = Record::default();
    let mut fields = Vec::with_capacity(columns.len());
    for (c, cell) in columns.iter().zip(row) {
        let cell = cell.trim();
        if c.key && !cell.is_empty() {
            record.key = Some(cell.into());
        }
        if c.time && !is_missing(cell) {
            record.time_us =
                Some(parse_time(cell).map_err(|e| Refusal::new(RefusalCode::BadTime, "time", e.to_string()))?);
        }
        if let Some((name, kind)) = &c.field {
            let datum = match kind {
                FieldKind::Number => number(cell, name)?,
                _ if cell.is_empty() => Datum::Null,
                _ => Datum::Text(cell.into()),
            };
            fields.push((name.clone(), datum));
        }
    }
    record.data = Data::Fields(fields);
    Ok(record)
}

/// A cell as a number; empty, `NA` and the like are missing.
pub(crate) fn number(cell: &str, field: &str) -> Result<Datum, Refusal> {
    if is_missing(cell) {
        return Ok(Datum::Null);
    }
    match cell.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(Datum::Number(x)),
        Ok(x) => Err(Refusal::new(
            RefusalCode::NotFinite,
            field,
            format!("{x} is not a finite number; leave the cell empty for a missing value"),
        )),
        Err(_) => {
            let got: String = cell.chars().take(40).collect();
            Err(Refusal::new(
                RefusalCode::WrongType,
                field,
                format!("expected a number, got {got:?}; --field {field}:category reads names"),
            ))
        }
    }
}
