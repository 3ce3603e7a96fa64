//! Files, one after the other, and how much of them was read.

use crate::error::SourceError;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const BUFFER_BYTES: usize = 64 << 10;

/// One opened file, or standard input.
pub(crate) struct Input {
    pub(crate) name: Arc<str>,
    pub(crate) reader: BufReader<Counted>,
    /// Whether more may come while it is being read.
    pub(crate) live: bool,
}

/// Counts the bytes that went through.
pub(crate) struct Counted {
    inner: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl Input {
    /// The beginning of the content, without consuming it.
    pub(crate) fn head(&mut self) -> Result<&[u8], SourceError> {
        let file = self.name.to_string();
        self.reader.fill_buf().map_err(|error| SourceError::Read { file, error })
    }

    /// How many of `most` lines can be looked at before the first is taken for an event. What comes live is not waited
    /// for: only lines that are there already count.
    pub(crate) fn lines_ahead(&mut self, most: usize) -> Result<usize, SourceError> {
        if !self.live {
            return Ok(most);
        }
        let there = self.head()?.iter().filter(|b| **b == b'\n').count();
        Ok(there.clamp(1, most))
    }

    /// Drops the mark of byte order that some programs put in front of text.
    pub(crate) fn skip_mark(&mut self) -> Result<(), SourceError> {
        if self.head()?.starts_with(b"\xef\xbb\xbf") {
            self.reader.consume(3);
        }
        Ok(())
    }

    pub(crate) fn failed(&self, error: std::io::Error) -> SourceError {
        SourceError::Read { file: self.name.to_string(), error }
    }
}

/// The files of a recording in order; `-` is standard input.
pub(crate) struct Inputs {
    paths: VecDeque<PathBuf>,
    count: Arc<AtomicU64>,
    total: Option<u64>,
}

impl Inputs {
    /// Looks at all of the files, but opens none yet.
    pub(crate) fn new(paths: &[PathBuf]) -> Result<Inputs, SourceError> {
        let mut total = Some(0u64);
        for p in paths {
            if is_stdin(p) {
                total = None;
                continue;
            }
            let meta =
                std::fs::metadata(p).map_err(|error| SourceError::Open { file: p.display().to_string(), error })?;
            if meta.is_dir() {
                return Err(SourceError::Usage(format!("{} is a directory; name files", p.display())));
            }
            total = total.filter(|_| meta.is_file()).map(|t| t + meta.len());
        }
        let paths = if paths.is_empty() { vec!["-".into()] } else { paths.to_vec() };
        Ok(Inputs { total: total.filter(|_| !is_stdin(&paths[0])), paths: paths.into(), count: Arc::default() })
    }

    /// Opens the next file.
    pub(crate) fn next(&mut self) -> Result<Option<Input>, SourceError> {
        let Some(path) = self.paths.pop_front() else { return Ok(None) };
        let (name, inner, live): (Arc<str>, Box<dyn Read + Send>, bool) = if is_stdin(&path) {
            ("standard input".into(), Box::new(std::io::stdin()), true)
        } else {
            let open = |error| SourceError::Open { file: path.display().to_string(), error };
            let file = File::open(&path).map_err(open)?;
            let live = !file.metadata().map_err(open)?.is_file();
            (path.display().to_string().into(), Box::new(file), live)
        };
        let counted = Counted { inner, count: self.count.clone() };
        Ok(Some(Input { name, reader: BufReader::with_capacity(BUFFER_BYTES, counted), live }))
    }

    /// Bytes read so far, of all files.
    pub(crate) fn count(&self) -> Arc<AtomicU64> {
        self.count.clone()
    }

    /// Bytes of all files, where that is known.
    pub(crate) fn total(&self) -> Option<u64> {
        self.total
    }
}

fn is_stdin(p: &std::path::Path) -> bool {
    p.as_os_str() == "-"
}
