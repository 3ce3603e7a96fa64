//! The format `lines`: each line is an event.

use super::cell;
use crate::choice::chosen_for_value;
use crate::error::SourceError;
use crate::format::Format;
use crate::infer::{SAMPLE_ROWS_MAX, kind_of};
use crate::input::{InputFile, InputFiles};
use crate::reader::{Item, OpenedRecording, SourceOptions};
use std::io::{BufRead, Read};
use std::sync::Arc;
use surmise_event::{Data, Datum, Field, FieldKind, Record, Refusal, RefusalCode, Schema, VALUE};
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
    let kind = choice.or(known).unwrap_or_else(|| kind_of_lines(&sample));
    let items = sample.into_iter().chain(lines).map(move |line| item(line?, kind));
    Ok(OpenedRecording { items: Box::new(items), schema: Schema::new([Field::new(VALUE, kind)]), notes: Vec::new() })
}

/// The kind of lines: those without blanks are symbols; those with blanks are lines of a log, even where they repeat.
fn kind_of_lines(sample: &[Result<TextLine, SourceError>]) -> FieldKind {
    let lines: Vec<&str> = sample.iter().filter_map(|l| l.as_ref().ok()).map(|l| l.text.as_str()).collect();
    let blanks = lines.iter().any(|l| l.contains(' '));
    match kind_of(&lines) {
        FieldKind::Number => FieldKind::Number,
        FieldKind::Category | FieldKind::Text | FieldKind::Byte | FieldKind::Gap | FieldKind::Line => {
            if blanks {
                FieldKind::Line
            } else {
                FieldKind::Category
            }
        }
    }
}

fn item(line: TextLine, kind: FieldKind) -> Result<Item, SourceError> {
    let datum = match kind {
        FieldKind::Number => cell::number(line.text.trim(), VALUE).map_err(|refusal| line.refused(refusal))?,
        FieldKind::Category | FieldKind::Text | FieldKind::Byte | FieldKind::Gap | FieldKind::Line => {
            Datum::Text(line.text.into())
        }
    };
    let record = Record { data: Data::One(datum), ..Record::default() };
    Ok(Item { record, stream: None, file: line.file, line: line.number })
}

/// A line of a file.
pub(crate) struct TextLine {
    pub(crate) text: String,
    pub(crate) file: Arc<str>,
    /// The number of the line in its file, from 1.
    pub(crate) number: u64,
}

impl TextLine {
    /// The error that a refusal of this line is.
    pub(crate) fn refused(&self, refusal: Refusal) -> SourceError {
        SourceError::Data { file: self.file.to_string(), line: self.number, refusal }
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
}

impl TextLines {
    pub(crate) fn new(first: InputFile, files: InputFiles) -> TextLines {
        TextLines { file: Some(first), files, number: 0, buffer: Vec::new() }
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
            let refuse = |code, reason: String| SourceError::Data {
                file: file.name.to_string(),
                line: self.number,
                refusal: Refusal::new(code, "line", reason),
            };
            if n as u64 == limit && self.buffer.last() != Some(&b'\n') {
                let reason = format!("the line is longer than {LINE_BYTES_MAX} bytes");
                return Err(refuse(RefusalCode::LineTooLong, reason));
            }
            let text = std::str::from_utf8(&self.buffer).map_err(|e| {
                let (byte, mend) = (e.valid_up_to(), "convert the file, or replay it with --format bytes");
                refuse(RefusalCode::BadUtf8, format!("byte {byte} of the line is not UTF-8; {mend}"))
            })?;
            let text = text.trim_end_matches(['\n', '\r']);
            if text.trim().is_empty() {
                continue;
            }
            return Ok(Some(TextLine { text: text.to_owned(), file: file.name.clone(), number: self.number }));
        }
        Ok(None)
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
