//! A file that is perhaps compressed while it is written.

use super::writer::RecordingOutput;
use crate::compression::Compression;
use flate2::write::GzEncoder;
use std::io::{BufWriter, Error, ErrorKind, Result, Write};

/// How hard zstd tries: its own usual level.
const ZSTD_LEVEL: i32 = 3;

/// An output, compressed or not.
pub(crate) enum CompressedOutput {
    Plain(BufWriter<RecordingOutput>),
    Gzip(BufWriter<GzEncoder<RecordingOutput>>),
    Zstd(BufWriter<zstd::Encoder<'static, RecordingOutput>>),
}

impl CompressedOutput {
    pub(crate) fn new(output: RecordingOutput, compression: Option<Compression>) -> Result<CompressedOutput> {
        Ok(match compression {
            None => CompressedOutput::Plain(BufWriter::new(output)),
            Some(Compression::Gzip) => {
                CompressedOutput::Gzip(BufWriter::new(GzEncoder::new(output, flate2::Compression::default())))
            }
            Some(Compression::Zstd) => {
                let mut encoder = zstd::Encoder::new(output, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                CompressedOutput::Zstd(BufWriter::new(encoder))
            }
            Some(Compression::Bzip2) => return Err(Error::new(ErrorKind::Unsupported, "bzip2 is not written")),
        })
    }

    /// Writes the end of the compressed data.
    pub(crate) fn finish(self) -> Result<()> {
        let mut output = match self {
            CompressedOutput::Plain(writer) => writer.into_inner()?,
            CompressedOutput::Gzip(writer) => writer.into_inner()?.finish()?,
            CompressedOutput::Zstd(writer) => writer.into_inner()?.finish()?,
        };
        output.flush()
    }
}

impl Write for CompressedOutput {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            CompressedOutput::Plain(writer) => writer.write(bytes),
            CompressedOutput::Gzip(writer) => writer.write(bytes),
            CompressedOutput::Zstd(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self {
            CompressedOutput::Plain(writer) => writer.flush(),
            CompressedOutput::Gzip(writer) => writer.flush(),
            CompressedOutput::Zstd(writer) => writer.flush(),
        }
    }
}
