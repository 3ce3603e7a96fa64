//! Every byte is an event; a record holds a run of them.

use crate::error::SourceError;
use crate::input::{Input, Inputs};
use crate::reader::{Item, Opened, SourceOptions};
use std::io::Read;
use surmise_event::{Data, Datum, Record, Schema};

/// Bytes of one record.
const RUN_BYTES: usize = 4096;

pub(crate) fn open(first: Input, inputs: Inputs, options: &SourceOptions) -> Result<Opened, SourceError> {
    if let Some(f) = options.fields.first() {
        return Err(SourceError::Usage(format!("a recording of bytes has no field {:?}", f.name)));
    }
    let runs = Runs { input: Some(first), inputs, held: Vec::with_capacity(RUN_BYTES), failed: false };
    Ok(Opened { items: Box::new(runs), schema: Schema::bytes(), notes: Vec::new() })
}

struct Runs {
    input: Option<Input>,
    inputs: Inputs,
    held: Vec<u8>,
    failed: bool,
}

impl Iterator for Runs {
    type Item = Result<Item, SourceError>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let item = self.run().transpose();
        self.failed = matches!(item, Some(Err(_)));
        item
    }
}

impl Runs {
    /// The next run. It ends between characters where the bytes are text, so that it can be sent as JSON.
    fn run(&mut self) -> Result<Option<Item>, SourceError> {
        while let Some(input) = &mut self.input {
            let whole = fill(input, &mut self.held)?;
            if self.held.is_empty() {
                self.input = self.inputs.next()?;
                continue;
            }
            let n = match std::str::from_utf8(&self.held) {
                Err(e) if e.error_len().is_none() && e.valid_up_to() > 0 && !whole => e.valid_up_to(),
                _ => self.held.len(),
            };
            let rest = self.held.split_off(n);
            let run = std::mem::replace(&mut self.held, rest);
            let record = Record { data: Data::One(Datum::Bytes(run.into())), ..Record::default() };
            return Ok(Some(Item { record, stream: None, file: input.name.clone(), line: 0 }));
        }
        Ok(None)
    }
}

/// Fills up the buffer; whether the file ends with it. What comes live is not waited for.
fn fill(input: &mut Input, held: &mut Vec<u8>) -> Result<bool, SourceError> {
    let mut at = held.len();
    held.resize(RUN_BYTES, 0);
    let mut ended = false;
    while at < RUN_BYTES {
        match input.reader.read(&mut held[at..]) {
            Ok(0) => {
                ended = true;
                break;
            }
            Ok(n) => at += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(input.failed(e)),
        }
        if input.live && std::str::from_utf8(&held[..at]).is_ok() {
            break;
        }
    }
    held.truncate(at);
    Ok(ended)
}
