//! The format `lines`: each line is an event.

use super::cell;
use crate::choice::chosen_for_value;
use crate::encoding::mended;
use crate::error::SourceError;
use crate::fingerprint::Fingerprint;
use crate::format::Format;
use crate::input::{InputFile, InputFiles};
use crate::oddity::{OddityKind, OddityLog, Place};
use crate::reader::{Item, OpenedRecording, SAMPLE_ROWS_MAX, SourceOptions};
use std::io::{BufRead, Read};
use std::sync::Arc;
use surmise_event::{
    ColumnReading, Data, Datum, Field, FieldKind, Record, Refusal, RefusalCode, Schema, VALUE, column_reading,
    table_numerals,
};
use surmise_protocol::LINE_BYTES_MAX;

pub(crate) fn open(
    mut first: InputFile,
    files: InputFiles,
    options: &SourceOptions,
) -> Result<OpenedRecording, SourceError> {
    let choice = chosen_for_value(&options.fields, Format::Lines)?;
    let rows = first.lines_ahead(SAMPLE_ROWS_MAX)?;
    let mut lines = TextLines::new(first, files);
    let sample: Vec<_> = lines.by_ref().take(rows).collect();
    // the choice decides, then the stream that the lines go to, then the lines themselves
    let known = options.known.as_ref().and_then(|s| s.fields.iter().find(|f| f.kind != FieldKind::Gap)).map(|f| f.kind);
    let told = reading_of_lines(&sample);
    let reading = match choice.or(known) {
        Some(kind) if kind != told.kind => ColumnReading::of(kind, told.numerals),
        Some(_) | None => told,
    };
    let (kind, notes) = (reading.kind, reading.why.clone().into_iter().collect());
    let odd = lines.odd();
    let items = sample.into_iter().chain(lines).map(move |line| item(line?, &reading, &odd));
    let opened = OpenedRecording::new(Box::new(items), Schema::new([Field::new(VALUE, kind)]));
    Ok(OpenedRecording { notes, ..opened })
}

/// How lines are read: those without blanks are symbols; those with blanks are lines of a log, even where they
/// repeat.
fn reading_of_lines(sample: &[Result<TextLine, SourceError>]) -> ColumnReading {
    let lines: Vec<&str> = sample.iter().filter_map(|l| l.as_ref().ok()).map(|l| l.text.as_str()).collect();
    let blanks = lines.iter().any(|l| l.contains(' '));
    let reading = column_reading(VALUE, &lines, table_numerals(lines.iter().copied()));
    match reading.kind {
        FieldKind::Number => reading,
        FieldKind::Category | FieldKind::Text | FieldKind::Byte | FieldKind::Gap | FieldKind::Line => {
            ColumnReading { kind: if blanks { FieldKind::Line } else { FieldKind::Category }, ..reading }
        }
    }
}

fn item(line: TextLine, reading: &ColumnReading, odd: &OddityLog) -> Result<Item, SourceError> {
    let TextLine { text, file, number } = line;
    let print = Fingerprint::of_bytes(text.as_bytes());
    let datum = match reading.kind {
        FieldKind::Number => cell::datum(text.trim(), VALUE, reading, Place { file: &file, line: number }, odd)?,
        FieldKind::Category | FieldKind::Text | FieldKind::Byte | FieldKind::Gap | FieldKind::Line => {
            Datum::Text(text.into())
        }
    };
    let record = Record { data: Data::One(datum), ..Record::default() };
    Ok(Item { record, id: None, stream: None, file, line: number, print })
}

/// A line of a file.
pub(crate) struct TextLine {
    pub(crate) text: String,
    pub(crate) file: Arc<str>,
    /// The number of the line in its file, from 1.
    pub(crate) number: u64,
}

impl TextLine {
    /// Where the line is.
    pub(crate) fn place(&self) -> Place<'_> {
        Place { file: &self.file, line: self.number }
    }
}

/// The lines of all files that are not blank, without their line ends.
pub(crate) struct TextLines {
    /// The file that is being read; none after the last one, and after an error.
    file: Option<InputFile>,
    files: InputFiles,
    /// The number of the latest line.
    number: u64,
    buffer: Vec<u8>,
    odd: OddityLog,
}

impl TextLines {
    pub(crate) fn new(first: InputFile, files: InputFiles) -> TextLines {
        let odd = first.odd.clone();
        TextLines { file: Some(first), files, number: 0, buffer: Vec::new(), odd }
    }

    /// Where what is odd in the lines is counted.
    pub(crate) fn odd(&self) -> OddityLog {
        self.odd.clone()
    }

    fn line(&mut self) -> Result<Option<TextLine>, SourceError> {
        while let Some(file) = &mut self.file {
            self.buffer.clear();
            // one byte more than a line may have tells a line that is too long, in bounded memory
            let limit = LINE_BYTES_MAX as u64 + 1;
            let n = (&mut file.reader).take(limit).read_until(b'\n', &mut self.buffer).map_err(|e| file.failed(e))?;
            if n == 0 {
                self.file = self.files.next()?;
                self.number = 0;
                if let Some(next) = &mut self.file {
                    next.skip_byte_order_mark()?;
                }
                continue;
            }
            self.number += 1;
            let place = Place { file: &file.name, line: self.number };
            if n as u64 == limit && self.buffer.last() != Some(&b'\n') {
                let reason = format!("the line is longer than {LINE_BYTES_MAX} bytes; divide it");
                let example = String::from_utf8_lossy(&self.buffer[..EXAMPLE_BYTES]);
                let refusal = Refusal::new(RefusalCode::LineTooLong, "line", reason);
                self.odd.note(OddityKind::LeftOut, place, refusal, &example)?;
                skip_line(file).map_err(|e| file.failed(e))?;
                continue;
            }
            let text = mended(&self.buffer, place, &self.odd)?;
            let text = text.trim_end_matches(['\n', '\r']);
            if text.trim().is_empty() {
                continue;
            }
            return Ok(Some(TextLine { text: text.to_owned(), file: file.name.clone(), number: self.number }));
        }
        Ok(None)
    }
}

/// Bytes of a line that is too long which are kept as an example.
const EXAMPLE_BYTES: usize = 200;

/// Reads past the end of the line.
fn skip_line(file: &mut InputFile) -> std::io::Result<()> {
    loop {
        let buffer = file.reader.fill_buf()?;
        match buffer.iter().position(|b| *b == b'\n') {
            Some(end) => {
                file.reader.consume(end + 1);
                return Ok(());
            }
            None if buffer.is_empty() => return Ok(()),
            None => {
                let length = buffer.len();
                file.reader.consume(length);
            }
        }
    }
}

impl Iterator for TextLines {
    type Item = Result<TextLine, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.line().transpose();
        if matches!(line, Some(Err(_))) {
            self.file = None;
        }
        line
    }
}
