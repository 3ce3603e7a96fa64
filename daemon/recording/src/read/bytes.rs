//! The formats `bytes` and `text`: every byte is an event; a record holds a run of them.

use crate::error::{SourceError, UsageError};
use crate::fingerprint::Fingerprint;
use crate::input::{InputFile, InputFiles};
use crate::reader::{Item, OpenedRecording, SourceOptions};
use std::io::Read;
use surmise_event::{Data, Datum, Record, Schema};

/// Bytes of one record at most.
const RUN_BYTES_MAX: usize = 4096;

pub(crate) fn open(
    first: InputFile,
    files: InputFiles,
    options: &SourceOptions,
) -> Result<OpenedRecording, SourceError> {
    if let Some(choice) = options.fields.first() {
        return Err(UsageError::NoFields(choice.name.clone()).into());
    }
    let runs = ByteRuns { file: Some(first), files, held: Vec::with_capacity(RUN_BYTES_MAX), failed: false };
    Ok(OpenedRecording::new(Box::new(runs), Schema::bytes()))
}

/// The runs of all files. No run reaches over the end of a file.
struct ByteRuns {
    file: Option<InputFile>,
    files: InputFiles,
    /// Bytes that were read and belong to the next run.
    held: Vec<u8>,
    failed: bool,
}

impl Iterator for ByteRuns {
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

impl ByteRuns {
    /// The next run. It ends between characters where the bytes are text, so that it can be sent as JSON.
    fn run(&mut self) -> Result<Option<Item>, SourceError> {
        while let Some(file) = &mut self.file {
            let file_ended = fill(file, &mut self.held)?;
            if self.held.is_empty() {
                self.file = self.files.next()?;
                continue;
            }
            let length = match std::str::from_utf8(&self.held) {
                // the last character is cut: its bytes wait for the next run, unless nothing more comes
                Err(e) if e.error_len().is_none() && e.valid_up_to() > 0 && !file_ended => e.valid_up_to(),
                Ok(_) | Err(_) => self.held.len(),
            };
            let rest = self.held.split_off(length);
            let run = std::mem::replace(&mut self.held, rest);
            let print = Fingerprint::of_bytes(&run);
            let record = Record { data: Data::One(Datum::Bytes(run.into())), ..Record::default() };
            return Ok(Some(Item { record, id: None, stream: None, file: file.name.clone(), line: 0, print }));
        }
        Ok(None)
    }
}

/// Fills up the buffer, and returns whether the file ends with it. A live input is not waited for.
fn fill(file: &mut InputFile, held: &mut Vec<u8>) -> Result<bool, SourceError> {
    let mut filled = held.len();
    held.resize(RUN_BYTES_MAX, 0);
    let mut ended = false;
    while filled < RUN_BYTES_MAX {
        match file.reader.read(&mut held[filled..]) {
            Ok(0) => {
                ended = true;
                break;
            }
            Ok(n) => filled += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(file.failed(e)),
        }
        if file.live && std::str::from_utf8(&held[..filled]).is_ok() {
            break;
        }
    }
    held.truncate(filled);
    Ok(ended)
}
