//! Lines of one file on their way to becoming events, each with its number.

use super::account::ProducerAccount;
use super::odd_lines::OddLines;
use super::rows::{TableColumns, goes_on, take_key};
use super::tailed_file::TailedLine;
use crate::ingest::cutter::CutLine;
use crate::ingest::{Door, Intake, LineChunk, LineSyntax};
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use surmise_config::{FileFormat, FileSource, LimitsTable};
use surmise_event::{Schema, mended};

/// How the lines of one file become events.
pub struct FileEvents {
    key_field: Option<String>,
    key_is_path: bool,
    syntax: LineSyntax,
    columns: Option<TableColumns>,
    /// The fields that are declared of the stream.
    declared: Schema,
    /// The lines of a row that goes on.
    held: String,
    /// Lines that were not as they should be since this was taken last.
    pub odd: OddLines,
}

impl FileEvents {
    /// Lines that are read as a source says; `columns` are those of a table.
    pub fn new(source: &FileSource, columns: Option<TableColumns>, declared: &Schema) -> FileEvents {
        let syntax = match source.format {
            FileFormat::Lines => LineSyntax::Bare,
            FileFormat::Ndjson | FileFormat::Csv => LineSyntax::Plain,
        };
        let (key_field, key_is_path) = (source.key_field.clone(), source.key_is_path);
        let (declared, odd) = (declared.clone(), OddLines::default());
        FileEvents { key_field, key_is_path, syntax, columns, declared, held: String::new(), odd }
    }

    /// Whether the lines of a row wait for its end.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Makes events of lines, each with the number at which its last line ends.
    pub fn read(
        &mut self,
        lines: &[TailedLine],
        account: &ProducerAccount,
        path: &Path,
        stream: &Arc<str>,
        limits: &LimitsTable,
        arrival_us: i64,
    ) -> LineChunk {
        let mut intake = Intake::new(Door::Source, self.syntax, stream.clone(), limits);
        if self.key_is_path {
            intake.set_key(Some(path.to_string_lossy().into()));
        }
        self.settle(lines);
        self.odd = OddLines::default();
        let mut chunk = LineChunk::default();
        for TailedLine { end, bytes } in lines {
            let before = chunk.events.len();
            let text = bytes.as_deref().map(mended);
            // what had nothing to be mended is borrowed
            let is_mended = matches!(text, Some(Cow::Owned(_)));
            let mut strange = bytes.as_deref().filter(|_| is_mended).and_then(wrong_bytes);
            match (&self.columns, &text) {
                (Some(columns), _) if *end <= columns.header_end => continue,
                (Some(columns), Some(line)) => {
                    self.held.push_str(line);
                    if goes_on(&self.held) && self.held.len() <= limits.line_bytes.0 as usize {
                        self.held.push('\n');
                        continue;
                    }
                    let row = std::mem::take(&mut self.held);
                    if row.trim_ascii().is_empty() {
                        continue;
                    }
                    let read = columns.event(&row).map(|(event, odd)| {
                        strange = strange.take().or(odd);
                        event
                    });
                    intake.read_event(read, row.len(), arrival_us, &mut chunk);
                }
                (_, text) => {
                    self.held.clear();
                    let line = text.as_ref().map_or(CutLine::TooLong, |text| CutLine::Whole(text.as_bytes()));
                    intake.read_line(line, arrival_us, &mut chunk);
                }
            }
            // of what is learnt: a header, a blank line and what is refused are not odd
            if chunk.events.len() > before {
                self.odd.note(strange);
            }
            for (_, event) in &mut chunk.events[before..] {
                if let Some(field) = &self.key_field {
                    take_key(&mut event.record, field);
                }
                // all of a file goes to one stream, in order
                account.number(event, *end, *end);
            }
        }
        chunk
    }

    /// Finds out how the cells of a table are read whose first rows come only now.
    fn settle(&mut self, lines: &[TailedLine]) {
        let Some(columns) = self.columns.as_mut().filter(|columns| !columns.are_settled()) else { return };
        let of_rows = lines.iter().filter(|line| line.end > columns.header_end);
        let rows: String = of_rows.filter_map(|line| line.bytes.as_deref()).map(|row| mended(row) + "\n").collect();
        columns.settle(&rows, &self.declared);
    }

    /// The rest of a row whose last quote never came, as a line that ends at an offset and has it.
    pub fn take_held(&mut self, end: u64) -> Vec<TailedLine> {
        let mut row = std::mem::take(&mut self.held);
        row.push('"');
        vec![TailedLine { end, bytes: Some(row.into_bytes()) }]
    }
}

/// What is wrong with the bytes of a line that has to be mended.
fn wrong_bytes(line: &[u8]) -> Option<String> {
    let not_utf8 = std::str::from_utf8(line).err().map(|e| format!("byte {} of a line is not UTF-8", e.valid_up_to()));
    not_utf8.or_else(|| memchr::memchr(0, line).map(|place| format!("byte {place} of a line is NUL")))
}
