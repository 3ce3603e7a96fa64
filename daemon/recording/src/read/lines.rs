//! Each line is an event.

use crate::choice::{KindChoice, chosen};
use crate::error::SourceError;
use crate::infer::{SAMPLE_ROWS, kind_of};
use crate::input::{Input, Inputs};
use crate::reader::{Item, Opened, SourceOptions};
use std::io::{BufRead, Read};
use std::sync::Arc;
use surmise_event::{Data, Datum, Field, FieldKind, Record, Refusal, RefusalCode, Schema, VALUE};
use surmise_protocol::LINE_BYTES_MAX;

pub(crate) fn open(mut first: Input, inputs: Inputs, options: &SourceOptions) -> Result<Opened, SourceError> {
    if let Some(f) = options.fields.iter().find(|f| f.name != VALUE) {
        return Err(SourceError::Usage(format!("a recording of lines has the one field {VALUE:?}, not {:?}", f.name)));
    }
    let rows = first.lines_ahead(SAMPLE_ROWS)?;
    let mut lines = TextLines::new(first, inputs);
    let sample: Vec<_> = lines.by_ref().take(rows).collect();
    let known = options.known.as_ref().and_then(|s| s.fields.iter().find(|f| f.kind != FieldKind::Gap)).map(|f| f.kind);
    let kind = match chosen(&options.fields, VALUE) {
        Some(KindChoice::Is(k @ (FieldKind::Category | FieldKind::Number | FieldKind::Text))) => k,
        Some(_) => {
            return Err(SourceError::Usage(format!("the field {VALUE:?} of lines is a category, a number or bytes")));
        }
        None => known.unwrap_or_else(|| line_kind(&sample)),
    };
    let items = sample.into_iter().chain(lines).map(move |line| {
        let line = line?;
        let datum = match kind {
            FieldKind::Number => number(&line)?,
            _ => Datum::Text(line.text.into()),
        };
        let record = Record { data: Data::One(datum), ..Record::default() };
        Ok(Item { record, stream: None, file: line.file, line: line.number })
    });
    Ok(Opened { items: Box::new(items), schema: Schema::new([Field::new(VALUE, kind)]), notes: Vec::new() })
}

/// Lines without blanks are symbols; lines with blanks are text, even where they repeat.
fn line_kind(sample: &[Result<TextLine, SourceError>]) -> FieldKind {
    let lines: Vec<&str> = sample.iter().filter_map(|l| l.as_ref().ok()).map(|l| l.text.as_str()).collect();
    match kind_of(&lines) {
        FieldKind::Number => FieldKind::Number,
        _ if lines.iter().any(|l| l.contains(' ')) => FieldKind::Text,
        _ => FieldKind::Category,
    }
}

fn number(line: &TextLine) -> Result<Datum, SourceError> {
    super::table::number(line.text.trim(), VALUE).map_err(|refusal| SourceError::Data {
        file: line.file.to_string(),
        line: line.number,
        refusal,
    })
}

/// A line of a file.
pub(crate) struct TextLine {
    pub(crate) text: String,
    pub(crate) file: Arc<str>,
    pub(crate) number: u64,
}

/// The lines of all files that are not blank, without their line ends.
pub(crate) struct TextLines {
    input: Option<Input>,
    inputs: Inputs,
    number: u64,
    buffer: Vec<u8>,
}

impl TextLines {
    pub(crate) fn new(first: Input, inputs: Inputs) -> TextLines {
        TextLines { input: Some(first), inputs, number: 0, buffer: Vec::new() }
    }

    fn line(&mut self) -> Result<Option<TextLine>, SourceError> {
        while let Some(input) = &mut self.input {
            self.buffer.clear();
            let limit = LINE_BYTES_MAX as u64 + 1;
            let n = (&mut input.reader).take(limit).read_until(b'\n', &mut self.buffer).map_err(|e| input.failed(e))?;
            if n == 0 {
                self.input = self.inputs.next()?;
                self.number = 0;
                if let Some(next) = &mut self.input {
                    next.skip_mark()?;
                }
                continue;
            }
            self.number += 1;
            let refuse = |code, reason: String| SourceError::Data {
                file: input.name.to_string(),
                line: self.number,
                refusal: Refusal::new(code, "line", reason),
            };
            if n as u64 == limit && self.buffer.last() != Some(&b'\n') {
                return Err(refuse(
                    RefusalCode::LineTooLong,
                    format!("the line is longer than {LINE_BYTES_MAX} bytes"),
                ));
            }
            let text = std::str::from_utf8(&self.buffer).map_err(|e| {
                refuse(
                    RefusalCode::BadUtf8,
                    format!(
                        "byte {} of the line is not UTF-8; convert the file, or replay it with --format bytes",
                        e.valid_up_to()
                    ),
                )
            })?;
            let text = text.trim_end_matches(['\n', '\r']);
            if text.trim().is_empty() {
                continue;
            }
            return Ok(Some(TextLine { text: text.to_owned(), file: input.name.clone(), number: self.number }));
        }
        Ok(None)
    }
}

impl Iterator for TextLines {
    type Item = Result<TextLine, SourceError>;
    fn next(&mut self) -> Option<Self::Item> {
        let line = self.line().transpose();
        if matches!(line, Some(Err(_))) {
            self.input = None;
        }
        line
    }
}
