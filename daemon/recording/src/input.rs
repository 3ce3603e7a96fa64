//! Files, one after the other, decompressed, and how much of them was read.

use crate::compression::{BoxedReader, Compression, check_is_no_archive, decompress};
use crate::encoding::Encoding;
use crate::error::{SourceError, UsageError};
use crate::format::{Format, PARQUET_MAGIC};
use crate::oddity::OddityLog;
use crate::reader::SourceOptions;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are read from a file at once.
const BUFFER_BYTES: usize = 64 << 10;

/// The mark of byte order that some programs put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One opened file, or standard input.
pub(crate) struct InputFile {
    /// The path as it was given, for messages.
    pub(crate) name: Arc<str>,
    /// The content, decompressed.
    pub(crate) reader: BufReader<BoxedReader>,
    /// How the file is compressed; none if it is not.
    pub(crate) compression: Option<Compression>,
    /// How its text was encoded, which is UTF-8 now.
    pub(crate) encoding: Encoding,
    /// Where what is odd in it is counted.
    pub(crate) odd: OddityLog,
    /// Whether more may come while it is being read, as from a pipe or a terminal.
    pub(crate) live: bool,
    /// Whether it is standard input or a pipe, of which no more than its first line may be there yet.
    pub(crate) piped: bool,
    /// The file itself, where it can be read at any place: it is neither a pipe nor compressed.
    pub(crate) plain: Option<File>,
}

/// A reader that counts the bytes that went through, as they are in the file.
struct CountedReader {
    inner: BoxedReader,
    bytes: Arc<AtomicU64>,
}

impl Read for CountedReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.bytes.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl InputFile {
    /// The beginning of the content that was not read yet, which stays unread.
    pub(crate) fn head(&mut self) -> Result<&[u8], SourceError> {
        let file = self.name.to_string();
        self.reader.fill_buf().map_err(|error| SourceError::Read { file, error })
    }

    /// How many of `lines_max` lines can be sampled before the first becomes an event. A live input is not waited for:
    /// only lines that are there already count, so that the first event of a pipe is sent at once.
    pub(crate) fn lines_ahead(&mut self, lines_max: usize) -> Result<usize, SourceError> {
        if !self.live {
            return Ok(lines_max);
        }
        let complete = self.head()?.iter().filter(|byte| **byte == b'\n').count();
        Ok(complete.clamp(1, lines_max))
    }

    /// Drops the mark of byte order where the content begins with it.
    pub(crate) fn skip_byte_order_mark(&mut self) -> Result<(), SourceError> {
        if self.head()?.starts_with(BYTE_ORDER_MARK) {
            self.reader.consume(BYTE_ORDER_MARK.len());
        }
        Ok(())
    }

    /// A file with the content that can be read at any place: the file itself, or a temporary one.
    pub(crate) fn seekable(&mut self) -> Result<File, SourceError> {
        if let Some(file) = self.plain.take() {
            return Ok(file);
        }
        let copied = tempfile::tempfile().and_then(|mut copy| {
            std::io::copy(&mut self.reader, &mut copy)?;
            Ok(copy)
        });
        copied.map_err(|error| self.failed(error))
    }

    /// The error of a read from this file.
    pub(crate) fn failed(&self, error: std::io::Error) -> SourceError {
        SourceError::Read { file: self.name.to_string(), error }
    }
}

/// The files of a recording in order; `-` is standard input.
pub(crate) struct InputFiles {
    paths: VecDeque<PathBuf>,
    bytes_read: Arc<AtomicU64>,
    bytes_total: Option<u64>,
    /// Whether bytes are to stay as they are, however text is encoded.
    as_bytes: bool,
    /// Whether what comes live is waited for, as if it were all there.
    patient: bool,
    odd: OddityLog,
}

impl InputFiles {
    /// Checks that all of the files are there, and opens none yet. No path at all is standard input.
    pub(crate) fn new(options: &SourceOptions, odd: OddityLog) -> Result<InputFiles, SourceError> {
        let (paths, patient) = (&options.files, options.patient);
        let as_bytes = options.format.is_some_and(Format::is_bytes);
        let paths: VecDeque<PathBuf> =
            if paths.is_empty() { [PathBuf::from("-")].into() } else { paths.clone().into() };
        let mut bytes_total = Some(0u64);
        for path in &paths {
            if is_stdin(path) {
                bytes_total = None;
                continue;
            }
            let open = |error| SourceError::Open { file: path.display().to_string(), error };
            let metadata = std::fs::metadata(path).map_err(open)?;
            if metadata.is_dir() {
                return Err(UsageError::Directory(path.clone()).into());
            }
            // pipes and devices have no size
            bytes_total = bytes_total.filter(|_| metadata.is_file()).map(|total| total + metadata.len());
        }
        Ok(InputFiles { paths, bytes_read: Arc::default(), bytes_total, as_bytes, patient, odd })
    }

    /// Opens the next file; none after the last one.
    pub(crate) fn next(&mut self) -> Result<Option<InputFile>, SourceError> {
        let Some(path) = self.paths.pop_front() else { return Ok(None) };
        let mut plain = None;
        let (name, inner, live): (Arc<str>, BoxedReader, bool) = if is_stdin(&path) {
            // a file that the shell has opened is all there
            let metadata = std::io::stdin().as_fd().try_clone_to_owned().and_then(|input| File::from(input).metadata());
            let live = !metadata.is_ok_and(|metadata| metadata.is_file());
            ("standard input".into(), Box::new(std::io::stdin()), live)
        } else {
            let open = |error| SourceError::Open { file: path.display().to_string(), error };
            let file = File::open(&path).map_err(open)?;
            let live = !file.metadata().map_err(open)?.is_file();
            plain = if live { None } else { Some(file.try_clone().map_err(open)?) };
            (path.display().to_string().into(), Box::new(file), live)
        };
        let piped = live || is_stdin(&path);
        let live = live && !self.patient;
        let failed = |error| SourceError::Read { file: name.to_string(), error };
        let counted = CountedReader { inner, bytes: self.bytes_read.clone() };
        let (content, compression) = decompress(Box::new(counted)).map_err(failed)?;
        let mut reader = with_whole_head(content, live);
        if compression.is_some() {
            check_is_no_archive(reader.fill_buf().map_err(failed)?).map_err(failed)?;
        }
        let plain = plain.filter(|_| compression.is_none());
        let head = reader.fill_buf().map_err(failed)?;
        let (encoding, mark) = match self.as_bytes || head.starts_with(PARQUET_MAGIC) {
            true => (Encoding::Utf8, 0),
            false => Encoding::detect(head),
        };
        if encoding != Encoding::Utf8 {
            reader.consume(mark);
            reader = with_whole_head(encoding.decode(reader), live);
        }
        Ok(Some(InputFile { name, reader, compression, encoding, odd: self.odd.clone(), live, piped, plain }))
    }

    /// A counter of the bytes read so far, of all files.
    pub(crate) fn bytes_read(&self) -> Arc<AtomicU64> {
        self.bytes_read.clone()
    }

    /// Bytes of all files; none where one of them has no size.
    pub(crate) fn bytes_total(&self) -> Option<u64> {
        self.bytes_total
    }
}

/// A reader whose buffer is full when it is first looked at, however few bytes come at once: what a file is told by
/// must not depend on how it is compressed. A live input is not waited for.
fn with_whole_head(mut content: BoxedReader, live: bool) -> BufReader<BoxedReader> {
    if live {
        return BufReader::with_capacity(BUFFER_BYTES, content);
    }
    let mut head = Vec::new();
    // an error comes again where it belongs: behind what could be read
    let _ = content.by_ref().take(BUFFER_BYTES as u64).read_to_end(&mut head);
    BufReader::with_capacity(BUFFER_BYTES, Box::new(Cursor::new(head).chain(content)))
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}
