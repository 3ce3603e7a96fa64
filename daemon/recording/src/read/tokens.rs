//! The format `tokens`: each line is one key's sequence of symbols, and its end is an event.

use super::cell;
use crate::choice::chosen_for_value;
use crate::encoding::mended;
use crate::error::SourceError;
use crate::fingerprint::Fingerprint;
use crate::format::Format;
use crate::input::{InputFile, InputFiles};
use crate::oddity::{OddityKind, OddityLog, Place};
use crate::reader::{Item, OpenedRecording, SourceOptions};
use std::io::BufRead;
use surmise_event::{
    ColumnReading, Data, Datum, Field, FieldKind, Numerals, Record, Refusal, RefusalCode, Schema, VALUE,
};

/// Bytes of a symbol at most.
const TOKEN_BYTES_MAX: usize = 64 << 10;

pub(crate) fn open(
    first: InputFile,
    files: InputFiles,
    options: &SourceOptions,
) -> Result<OpenedRecording, SourceError> {
    let kind = chosen_for_value(&options.fields, Format::Tokens)?.unwrap_or(FieldKind::Category);
    let reading = ColumnReading::of(kind, Numerals::default());
    let odd = first.odd.clone();
    let tokens =
        TokenEvents { file: Some(first), files, key: 0, line: 1, line_begun: false, token: Vec::new(), reading, odd };
    Ok(OpenedRecording::new(Box::new(tokens), Schema::new([Field::new(VALUE, kind)])))
}

/// The symbols of all files, and the end of each line.
struct TokenEvents {
    /// The file that is being read; none after the last one, and after an error.
    file: Option<InputFile>,
    files: InputFiles,
    /// The line's number over all files, from 0, which is its key.
    key: u64,
    /// The line's number in its file, from 1.
    line: u64,
    /// Whether the line holds anything, so that the end of the file is its end.
    line_begun: bool,
    /// The bytes of the latest symbol.
    token: Vec<u8>,
    reading: ColumnReading,
    odd: OddityLog,
}

/// What a scan of the file has come to.
enum Scanned {
    Token,
    LineEnd,
    FileEnd,
}

impl Iterator for TokenEvents {
    type Item = Result<Item, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.item().transpose();
        if matches!(item, Some(Err(_))) {
            self.file = None;
        }
        item
    }
}

impl TokenEvents {
    fn item(&mut self) -> Result<Option<Item>, SourceError> {
        while let Some(input) = &mut self.file {
            let file = input.name.clone();
            let scanned = scan(input, &mut self.token, &mut self.line_begun).map_err(|e| input.failed(e))?;
            let line = self.line;
            let mut record = Record { key: Some(self.key.to_string().into()), ..Record::default() };
            match scanned {
                Scanned::Token => {
                    let place = Place { file: &file, line };
                    match datum(&self.token, &self.reading, place, &self.odd)? {
                        Some(datum) => record.data = Data::One(datum),
                        None => continue,
                    }
                }
                Scanned::FileEnd if !self.line_begun => {
                    self.file = self.files.next()?;
                    self.line = 1;
                    if let Some(next) = &mut self.file {
                        next.skip_byte_order_mark()?;
                    }
                    continue;
                }
                Scanned::LineEnd | Scanned::FileEnd => {
                    record.end = true;
                    self.key += 1;
                    self.line += 1;
                    self.line_begun = false;
                }
            }
            let print = Fingerprint::of_bytes(&self.token);
            return Ok(Some(Item { record, id: None, stream: None, file, line, print }));
        }
        Ok(None)
    }
}

/// A symbol as a value of the field; none of one that is left out.
fn datum(
    token: &[u8],
    reading: &ColumnReading,
    place: Place<'_>,
    odd: &OddityLog,
) -> Result<Option<Datum>, SourceError> {
    let text = mended(token, place, odd)?;
    if token.len() > TOKEN_BYTES_MAX {
        let reason = format!("a symbol is longer than {TOKEN_BYTES_MAX} bytes; divide it");
        odd.note(OddityKind::LeftOut, place, Refusal::new(RefusalCode::TooLong, VALUE, reason), &text)?;
        return Ok(None);
    }
    match reading.kind {
        FieldKind::Number => cell::datum(&text, VALUE, reading, place, odd).map(Some),
        FieldKind::Category | FieldKind::Text | FieldKind::Byte | FieldKind::Gap | FieldKind::Line => {
            Ok(Some(Datum::Text(text.as_ref().into())))
        }
    }
}

/// Reads up to the end of a symbol, of the line, or of the file. After the last symbol of a line, its end stays unread.
fn scan(input: &mut InputFile, token: &mut Vec<u8>, line_begun: &mut bool) -> std::io::Result<Scanned> {
    token.clear();
    loop {
        let buffer = match input.reader.fill_buf() {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            filled => filled?,
        };
        if buffer.is_empty() {
            return Ok(if token.is_empty() { Scanned::FileEnd } else { Scanned::Token });
        }
        *line_begun = true;
        if token.is_empty() {
            let blanks = buffer.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
            if blanks > 0 {
                input.reader.consume(blanks);
                continue;
            }
            if buffer[0] == b'\n' {
                input.reader.consume(1);
                return Ok(Scanned::LineEnd);
            }
        }
        let length = buffer.iter().take_while(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n')).count();
        let complete = length < buffer.len();
        token.extend_from_slice(&buffer[..length]);
        input.reader.consume(length);
        // a symbol that is too long is not read to its end, so that memory stays bounded
        if complete || token.len() > TOKEN_BYTES_MAX {
            return Ok(Scanned::Token);
        }
    }
}
