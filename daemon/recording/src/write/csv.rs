//! Records as a table of RFC 4180 with a header, one row a record.

use super::columns::{WrittenColumns, text_of};
use super::compressed::CompressedOutput;
use super::writer::{RecordWriter, WriteError};
use crate::roles::ColumnRoles;
use csv::{Terminator, WriterBuilder};
use surmise_event::{Record, format_time};

pub(crate) struct CsvWriter {
    out: csv::Writer<CompressedOutput>,
    columns: WrittenColumns,
    roles: ColumnRoles,
}

impl CsvWriter {
    pub(crate) fn begin(out: CompressedOutput, columns: WrittenColumns) -> Result<CsvWriter, WriteError> {
        let mut out = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        let roles = columns.roles();
        let own = [&roles.time, &roles.key, &roles.end].into_iter().flatten().map(String::as_str);
        let names: Vec<&str> = own.chain(columns.fields().iter().map(|(name, _)| &**name)).collect();
        out.write_record(&names).map_err(std::io::Error::from)?;
        Ok(CsvWriter { out, columns, roles })
    }
}

impl RecordWriter for CsvWriter {
    fn write(&mut self, record: &Record) -> Result<(), WriteError> {
        let cells = self.columns.cells(record)?;
        let mut row = Vec::with_capacity(cells.len() + 3);
        if self.roles.time.is_some() {
            row.push(record.time_us.map(format_time).unwrap_or_default().into());
        }
        if self.roles.key.is_some() {
            row.push(record.key.as_deref().unwrap_or_default().into());
        }
        if self.roles.end.is_some() {
            row.push(if record.end { "true" } else { "" }.into());
        }
        row.extend(cells.iter().map(|cell| text_of(cell).unwrap_or_default()));
        Ok(self.out.write_record(row.iter().map(|cell| cell.as_bytes())).map_err(std::io::Error::from)?)
    }

    fn finish(self: Box<Self>) -> Result<(), WriteError> {
        let output = self.out.into_inner().map_err(|e| std::io::Error::other(e.to_string()))?;
        Ok(output.finish()?)
    }
}
