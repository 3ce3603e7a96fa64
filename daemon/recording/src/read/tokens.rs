//! Each line is one key's sequence of symbols, and its end is an event.

use crate::choice::{KindChoice, chosen};
use crate::error::SourceError;
use crate::input::{Input, Inputs};
use crate::reader::{Item, Opened, SourceOptions};
use std::io::BufRead;
use surmise_event::{Data, Datum, Field, FieldKind, Record, Refusal, RefusalCode, Schema, VALUE};

/// The longest symbol that is read.
const TOKEN_BYTES_MAX: usize = 64 << 10;

pub(crate) fn open(first: Input, inputs: Inputs, options: &SourceOptions) -> Result<Opened, SourceError> {
    let kind = match chosen(&options.fields, VALUE) {
        None => FieldKind::Category,
        Some(KindChoice::Is(k @ (FieldKind::Category | FieldKind::Text | FieldKind::Number))) => k,
        Some(_) => {
            return Err(SourceError::Usage(format!("the field {VALUE:?} of tokens is a category, a number or bytes")));
        }
    };
    if let Some(f) = options.fields.iter().find(|f| f.name != VALUE) {
        return Err(SourceError::Usage(format!("a recording of tokens has the one field {VALUE:?}, not {:?}", f.name)));
    }
    let tokens = Tokens { input: Some(first), inputs, key: 0, line: 1, begun: false, token: Vec::new(), kind };
    Ok(Opened { items: Box::new(tokens), schema: Schema::new([Field::new(VALUE, kind)]), notes: Vec::new() })
}

struct Tokens {
    input: Option<Input>,
    inputs: Inputs,
    /// The line's number over all files, from 0: its key.
    key: u64,
    /// The line's number in its file, from 1.
    line: u64,
    /// Whether the line holds anything, so that its end of file is its end.
    begun: bool,
    token: Vec<u8>,
    kind: FieldKind,
}

/// What stands next in the file.
enum Next {
    Token,
    LineEnd,
    FileEnd,
}

impl Iterator for Tokens {
    type Item = Result<Item, SourceError>;
    fn next(&mut self) -> Option<Self::Item> {
        let item = self.item().transpose();
        if matches!(item, Some(Err(_))) {
            self.input = None;
        }
        item
    }
}

impl Tokens {
    fn item(&mut self) -> Result<Option<Item>, SourceError> {
        while let Some(input) = &mut self.input {
            let file = input.name.clone();
            let next = scan(input, &mut self.token, &mut self.begun).map_err(|e| input.failed(e))?;
            let line = self.line;
            let refuse = |code, reason: String| SourceError::Data {
                file: file.to_string(),
                line,
                refusal: Refusal::new(code, VALUE, reason),
            };
            if self.token.len() > TOKEN_BYTES_MAX {
                return Err(refuse(RefusalCode::TooLong, format!("a symbol is longer than {TOKEN_BYTES_MAX} bytes")));
            }
            let mut record = Record { key: Some(self.key.to_string().into()), ..Record::default() };
            match next {
                Next::Token => {
                    let text = std::str::from_utf8(&self.token)
                        .map_err(|_| refuse(RefusalCode::BadUtf8, "a symbol is not UTF-8; convert the file".into()))?;
                    let datum = match self.kind {
                        FieldKind::Number => super::table::number(text, VALUE)
                            .map_err(|refusal| SourceError::Data { file: file.to_string(), line, refusal })?,
                        _ => Datum::Text(text.into()),
                    };
                    record.data = Data::One(datum);
                }
                Next::FileEnd if !self.begun => {
                    self.input = self.inputs.next()?;
                    self.line = 1;
                    if let Some(next) = &mut self.input {
                        next.skip_mark()?;
                    }
                    continue;
                }
                Next::LineEnd | Next::FileEnd => {
                    record.end = true;
                    self.key += 1;
                    self.line += 1;
                    self.begun = false;
                }
            }
            return Ok(Some(Item { record, stream: None, file, line }));
        }
        Ok(None)
    }
}

/// Reads up to the end of a token, of the line, or of the file. A token that ends a line leaves the line's end unread.
fn scan(input: &mut Input, token: &mut Vec<u8>, begun: &mut bool) -> std::io::Result<Next> {
    token.clear();
    loop {
        let buffer = match input.reader.fill_buf() {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            b => b?,
        };
        if buffer.is_empty() {
            return Ok(if token.is_empty() { Next::FileEnd } else { Next::Token });
        }
        *begun = true;
        if token.is_empty() {
            let blanks = buffer.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
            if blanks > 0 {
                input.reader.consume(blanks);
                continue;
            }
            if buffer[0] == b'\n' {
                input.reader.consume(1);
                return Ok(Next::LineEnd);
            }
        }
        let n = buffer.iter().take_while(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n')).count();
        let ends = n < buffer.len();
        token.extend_from_slice(&buffer[..n]);
        input.reader.consume(n);
        if ends || token.len() > TOKEN_BYTES_MAX {
            return Ok(Next::Token);
        }
    }
}
