//! Records as the lines of the wire, one JSON object a line: nothing that decides what is learnt is lost.

use super::compressed::CompressedOutput;
use super::writer::{RecordWriter, WriteError};
use std::io::Write;
use surmise_event::Record;
use surmise_protocol::EventLine;

pub(crate) struct NdjsonWriter {
    out: CompressedOutput,
    line: Vec<u8>,
}

impl NdjsonWriter {
    pub(crate) fn new(out: CompressedOutput) -> NdjsonWriter {
        NdjsonWriter { out, line: Vec::new() }
    }
}

impl RecordWriter for NdjsonWriter {
    fn write(&mut self, record: &Record) -> Result<(), WriteError> {
        self.line.clear();
        let line = EventLine { seq: None, id: None, stream: None, record: record.clone() };
        line.write_line(&mut self.line).map_err(WriteError::Record)?;
        Ok(self.out.write_all(&self.line)?)
    }

    fn finish(self: Box<Self>) -> Result<(), WriteError> {
        Ok(self.out.finish()?)
    }
}
