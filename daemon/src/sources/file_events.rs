//! Lines of one file on their way to becoming events, each with its number.

use super::account::ProducerAccount;
use super::rows::{TableColumns, goes_on, take_key};
use super::tailed_file::TailedLine;
use crate::ingest::cutter::CutLine;
use crate::ingest::{Door, Intake, LineChunk, LineSyntax};
use std::path::Path;
use std::sync::Arc;
use surmise_config::{FileFormat, FileSource, LimitsTable};
use surmise_event::mended;

/// How the lines of one file become events.
pub struct FileEvents {
    key_field: Option<String>,
    key_is_path: bool,
    syntax: LineSyntax,
    columns: Option<TableColumns>,
    /// The lines of a row that goes on.
    held: String,
}

impl FileEvents {
    /// Lines that are read as a source says; `columns` are those of a table.
    pub fn new(source: &FileSource, columns: Option<TableColumns>) -> FileEvents {
        let syntax = match source.format {
            FileFormat::Lines => LineSyntax::Bare,
            FileFormat::Ndjson | FileFormat::Csv => LineSyntax::Plain,
        };
        let (key_field, key_is_path) = (source.key_field.clone(), source.key_is_path);
        FileEvents { key_field, key_is_path, syntax, columns, held: String::new() }
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
        let mut chunk = LineChunk::default();
        for TailedLine { end, bytes } in lines {
            let before = chunk.events.len();
            let text = bytes.as_deref().map(mended);
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
                    intake.read_event(columns.event(&row), row.len(), arrival_us, &mut chunk);
                }
                (_, text) => {
                    self.held.clear();
                    let line = text.as_ref().map_or(CutLine::TooLong, |text| CutLine::Whole(text.as_bytes()));
                    intake.read_line(line, arrival_us, &mut chunk);
                }
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

    /// The rest of a row whose last quote never came, as a line that ends at an offset and has it.
    pub fn take_held(&mut self, end: u64) -> Vec<TailedLine> {
        let mut row = std::mem::take(&mut self.held);
        row.push('"');
        vec![TailedLine { end, bytes: Some(row.into_bytes()) }]
    }
}
