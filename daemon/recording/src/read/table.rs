//! The format `csv`: perhaps a header, then one event a row.

use super::columns::{Columns, InferredTable};
use super::header::{column_names, is_header, is_remark, is_separator_line, separator};
use crate::compression::BoxedReader;
use crate::encoding::mended;
use crate::error::SourceError;
use crate::fingerprint::Fingerprint;
use crate::input::{InputFile, InputFiles};
use crate::oddity::{OddityKind, OddityLog, Place, shown};
use crate::reader::{Item, OpenedRecording, SAMPLE_ROWS_MAX, SourceOptions, TableReading};
use csv::{ByteRecord, ReaderBuilder, StringRecord};
use std::collections::VecDeque;
use std::io::BufReader;
use std::sync::Arc;
use surmise_event::{Refusal, RefusalCode};

pub(crate) fn open(
    mut first: InputFile,
    files: InputFiles,
    options: &SourceOptions,
) -> Result<OpenedRecording, SourceError> {
    let separator = separator(&first.name.clone(), first.head()?);
    // one of the lines is the header
    let rows = first.lines_ahead(SAMPLE_ROWS_MAX + 1)?.saturating_sub(1).max(1);
    let mut file = TableFile::new(first, separator);
    let mut notes = Vec::new();
    let Some(first_row) = file.first_row(&mut notes)? else {
        let reason = "the file is empty; a csv begins with a line of column names";
        let refusal = Refusal::new(RefusalCode::Empty, "header", reason);
        return Err(SourceError::Data { file: file.name.to_string(), line: 1, refusal });
    };
    let mut sample = VecDeque::new();
    while sample.len() < rows
        && let Some(row) = file.row()?
    {
        sample.push_back(row);
    }
    let has_header = options.header.unwrap_or_else(|| is_header(&first_row, &sample));
    let mut names = column_names(&first_row, has_header, &mut notes);
    if !has_header {
        sample.push_front(first_row.clone());
    } else if first_row.iter().next_back().is_some_and(|name| name.trim().is_empty())
        && sample.iter().all(|row| row.get(names.len() - 1).is_none_or(|cell| cell.trim().is_empty()))
        && names.len() > 1
    {
        // a separator at the end of every line makes no column
        names.pop();
    }
    let mut reading =
        TableReading { separator: Some(char::from(separator)), header: Some(has_header), ..TableReading::default() };
    let odd = file.odd.clone();
    let InferredTable { columns, schema } = Columns::infer(&names, &sample, options, odd, &mut notes, &mut reading)?;
    let header = has_header.then_some(first_row);
    let rows = TableRows { header, names, columns, separator, file: Some(file), files, sample };
    Ok(OpenedRecording { items: Box::new(rows), schema, declares: true, notes, reading })
}

/// One opened file.
struct TableFile {
    name: Arc<str>,
    reader: csv::Reader<BufReader<BoxedReader>>,
    odd: OddityLog,
}

impl TableFile {
    fn new(input: InputFile, separator: u8) -> TableFile {
        let InputFile { name, reader, odd, .. } = input;
        let reader = ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(reader);
        TableFile { name, reader, odd }
    }

    /// The first row that is no remark, trimmed; of remarks a note tells.
    fn first_row(&mut self, notes: &mut Vec<String>) -> Result<Option<StringRecord>, SourceError> {
        let mut remarks = 0;
        loop {
            let Some(mut row) = self.row()? else { return Ok(None) };
            if is_remark(row[0].as_bytes()) {
                remarks += 1;
            } else if !is_separator_line(&row[0]) {
                if remarks > 0 {
                    notes.push(format!("{remarks} lines that begin with # come before the table"));
                }
                row.trim();
                return Ok(Some(row));
            }
        }
    }

    /// The next row as text.
    fn row(&mut self) -> Result<Option<StringRecord>, SourceError> {
        let mut bytes = ByteRecord::new();
        match self.reader.read_byte_record(&mut bytes) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(e) => return Err(self.fault(e)),
        }
        if !bytes.as_slice().contains(&0) {
            match StringRecord::from_byte_record(bytes) {
                Ok(row) => return Ok(Some(row)),
                Err(e) => bytes = e.into_byte_record(),
            }
        }
        let line = bytes.position().map_or(0, csv::Position::line);
        let place = Place { file: &self.name, line };
        let mut row = StringRecord::new();
        // the whole row counts as one odd line
        mended(bytes.as_slice(), place, &self.odd)?;
        for cell in &bytes {
            row.push_field(&surmise_event::mended(cell));
        }
        row.set_position(bytes.position().cloned());
        Ok(Some(row))
    }

    fn fault(&self, error: csv::Error) -> SourceError {
        let line = error.position().map_or(0, csv::Position::line);
        let file = self.name.to_string();
        match error.into_kind() {
            csv::ErrorKind::Io(error) => SourceError::Read { file, error },
            other => SourceError::Data {
                file,
                line,
                refusal: Refusal::new(RefusalCode::BadJson, "row", format!("{other:?}")),
            },
        }
    }
}

/// The rows of all files: first those that were sampled, then the others.
struct TableRows {
    /// The row that names the columns, where there is one.
    header: Option<StringRecord>,
    names: Vec<Box<str>>,
    columns: Columns,
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
            let Some(row) = row else {
                self.file = self.next_file()?;
                continue;
            };
            let place = Place { file: &file.name, line: row.position().map_or(0, csv::Position::line) };
            check_length(&row, self.names.len(), place, &file.odd)?;
            if self.header.as_ref().is_some_and(|header| is_again(header, &row)) {
                let refusal = Refusal::new(RefusalCode::BadJson, "header", "the header comes again; remove the line");
                file.odd.note(OddityKind::LeftOut, place, refusal, &row.iter().collect::<Vec<_>>().join(","))?;
                continue;
            }
            if let Some(record) = self.columns.record(&row, place)? {
                let (file, line, print) = (file.name.clone(), place.line, Fingerprint::of_texts(&row));
                return Ok(Some(Item { record, id: None, stream: None, file, line, print }));
            }
        }
        Ok(None)
    }

    /// The next file, whose columns have to be those of the first one.
    fn next_file(&mut self) -> Result<Option<TableFile>, SourceError> {
        let Some(mut input) = self.files.next()? else { return Ok(None) };
        input.skip_byte_order_mark()?;
        let mut file = TableFile::new(input, self.separator);
        let first = file.first_row(&mut Vec::new())?;
        match (&self.header, first) {
            (Some(header), Some(row)) if row != *header => {
                let (these, those) = (named(&row), named(header));
                let reason = format!("the columns are {these}, but the first file's are {those}; name them alike");
                let refusal = Refusal::new(RefusalCode::BadJson, "header", reason);
                Err(SourceError::Data { file: file.name.to_string(), line: 1, refusal })
            }
            (None, Some(row)) => {
                self.sample.push_back(row);
                Ok(Some(file))
            }
            (_, _) => Ok(Some(file)),
        }
    }
}

/// The names of columns in a few words.
fn named(header: &StringRecord) -> String {
    format!("{:?}", shown(&header.iter().collect::<Vec<_>>().join(", ")))
}

/// Counts a row that has not as many cells as there are columns. Empty ones at the end are none.
fn check_length(row: &StringRecord, columns: usize, place: Place<'_>, odd: &OddityLog) -> Result<(), SourceError> {
    let more = row.iter().skip(columns).any(|cell| !cell.trim().is_empty());
    if row.len() >= columns && !more {
        return Ok(());
    }
    let reason = format!("{} cells where there are {columns} columns; quote cells that hold the separator", row.len());
    let refusal = Refusal::new(RefusalCode::BadJson, "row", reason);
    odd.note(OddityKind::RaggedRow, place, refusal, &row.iter().collect::<Vec<_>>().join(","))
}

/// Whether a row is the header once more, as where files were joined.
fn is_again(header: &StringRecord, row: &StringRecord) -> bool {
    header.len() == row.len() && header.iter().zip(row).all(|(a, b)| a == b.trim())
}
