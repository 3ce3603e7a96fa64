//! What a recording is written as, told by the name of its file.

use super::columns::WrittenColumns;
use super::compressed::CompressedOutput;
use super::csv::CsvWriter;
use super::ndjson::NdjsonWriter;
use super::parquet::ParquetWriter;
use super::writer::{RecordWriter, RecordingOutput, WriteError};
use crate::compression::Compression;
use crate::format::Format;
use std::path::Path;

/// What a recording is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingForm {
    /// The format: ndjson, csv or parquet.
    pub format: Format,
    /// How the whole file is compressed, if it is.
    pub compression: Option<Compression>,
}

/// A file that is not written, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnwritableForm {
    /// The name does not say what to write.
    #[error("{0:?} says no format; end it with .ndjson, .csv or .parquet, or say --format")]
    Unsaid(String),
    /// The format is read only.
    #[error("recordings are not written as {}; choose ndjson, csv or parquet", .0.name())]
    Format(Format),
    /// The compression is read only.
    #[error("recordings are not compressed by {}; choose .gz or .zst", .0.name())]
    Compression(Compression),
    /// Parquet files are compressed inside.
    #[error("a parquet file is compressed inside, by zstd; leave .{0} out")]
    Twice(&'static str),
}

impl RecordingForm {
    /// The form that a file's name says by its ending, such as `.csv.gz`; a format that is given counts before it.
    ///
    /// # Errors
    /// The name says none, or one that is not written.
    pub fn of(name: &Path, format: Option<Format>) -> Result<RecordingForm, UnwritableForm> {
        let text = name.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let (rest, compression) = match text.rsplit_once('.') {
            Some((rest, "gz")) => (rest, Some(Compression::Gzip)),
            Some((rest, "zst" | "zstd")) => (rest, Some(Compression::Zstd)),
            Some((_, "bz2")) => return Err(UnwritableForm::Compression(Compression::Bzip2)),
            _ => (text.as_str(), None),
        };
        let said = match rest.rsplit_once('.') {
            Some((_, "ndjson" | "jsonl")) => Some(Format::Ndjson),
            Some((_, "csv")) => Some(Format::Csv),
            Some((_, "parquet")) => Some(Format::Parquet),
            _ => None,
        };
        let format = format.or(said).ok_or_else(|| UnwritableForm::Unsaid(name.display().to_string()))?;
        match (format, compression) {
            (Format::Parquet, Some(Compression::Gzip)) => Err(UnwritableForm::Twice("gz")),
            (Format::Parquet, Some(_)) => Err(UnwritableForm::Twice("zst")),
            (Format::Ndjson | Format::Csv | Format::Parquet, _) => Ok(RecordingForm { format, compression }),
            (Format::Bytes | Format::Text | Format::Tokens | Format::Lines, _) => Err(UnwritableForm::Format(format)),
        }
    }

    /// Whether all columns have to be known before the first record is written.
    pub fn is_table(self) -> bool {
        self.format != Format::Ndjson
    }

    /// Begins a recording; a table has these columns.
    ///
    /// # Errors
    /// The output does not take its beginning, or the format is read only.
    pub fn begin(self, output: RecordingOutput, columns: WrittenColumns) -> Result<Box<dyn RecordWriter>, WriteError> {
        let unwritable = || std::io::Error::other(UnwritableForm::Format(self.format).to_string());
        Ok(match self.format {
            Format::Ndjson => Box::new(NdjsonWriter::new(CompressedOutput::new(output, self.compression)?)),
            Format::Csv => Box::new(CsvWriter::begin(CompressedOutput::new(output, self.compression)?, columns)?),
            Format::Parquet => Box::new(ParquetWriter::begin(output, columns)?),
            Format::Bytes | Format::Text | Format::Tokens | Format::Lines => return Err(unwritable().into()),
        })
    }
}
