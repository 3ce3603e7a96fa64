//! One file that grows: its identity, its lines, and where each of them ends.

use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// Bytes that are read at once.
const READ_BYTES: usize = 256 << 10;
/// Lines that are given at once.
const LINES_MAX: usize = 4096;
/// Bytes by which a file is known whose first line is longer.
const PRINT_BYTES: usize = 1024;
/// How long a file is still read that has got another name: whoever writes it may not have noticed.
const ROTATED_TIME: Duration = Duration::from_secs(5);

/// Bytes before the place of reading that are still there unless the file was truncated.
const RECENT_BYTES: usize = 64;

/// Which file it is: it keeps that when it gets another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    device: u64,
    inode: u64,
    /// When it was made, in nanoseconds since 1970; nought if the file system does not say. Numbers of files are used
    /// again, but not at the same time.
    born_ns: u128,
}

impl fmt::Display for FileId {
    /// The device counts only where nothing better is known: its number may be another one after a restart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FileId { device, inode, born_ns } = self;
        if *born_ns == 0 { write!(f, "{device:x}-{inode:x}") } else { write!(f, "{inode:x}-{born_ns:x}") }
    }
}

impl FileId {
    /// The identity of a file that is there.
    pub fn of(meta: &Metadata) -> FileId {
        let born = meta.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        FileId { device: meta.dev(), inode: meta.ino(), born_ns: born.map_or(0, |born| born.as_nanos()) }
    }
}

/// A line of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct TailedLine {
    /// The offset after the line, with its line end.
    pub end: u64,
    /// The line without its line end; nothing if it is longer than lines may be.
    pub bytes: Option<Vec<u8>>,
}

/// What reading a file gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Tailed {
    /// Lines, none if there are no new ones.
    Lines(Vec<TailedLine>),
    /// The file is shorter than it was: what is in it now is something else.
    Truncated,
    /// It has another name by now, and everything of it was given.
    Over,
}

/// A file that is open.
#[derive(Debug)]
pub struct TailedFile {
    /// The path under which it was found.
    pub path: PathBuf,
    /// Where it lies.
    pub id: FileId,
    file: File,
    /// Bytes that were read and not given, and the offset of the first of them.
    buffer: Vec<u8>,
    position: u64,
    /// Whether the bytes up to the next line end belong to a line that was given as too long.
    skipping: bool,
    /// The last bytes that were read.
    recent: Vec<u8>,
    /// Since when it has another name.
    rotated: Option<Instant>,
    /// Whether nobody writes it any more.
    is_finished: bool,
}

impl TailedFile {
    /// Opens a file.
    ///
    /// # Errors
    /// It cannot be opened, or is no file.
    pub fn open(path: &Path) -> io::Result<TailedFile> {
        let file = File::open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
        let id = FileId::of(&meta);
        Ok(TailedFile {
            path: path.to_owned(),
            id,
            file,
            buffer: Vec::new(),
            position: 0,
            skipping: false,
            recent: Vec::new(),
            rotated: None,
            is_finished: false,
        })
    }

    /// Goes on from an offset, which is the beginning of a line.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn go_to(&mut self, position: u64) -> io::Result<()> {
        self.buffer.clear();
        (self.position, self.skipping) = (position, false);
        let before = position.min(RECENT_BYTES as u64);
        self.recent = vec![0; before as usize];
        let length = read_at(&self.file, &mut self.recent, position - before)?;
        self.recent.truncate(length);
        Ok(())
    }

    /// The first line, without its line end; nothing while it is not whole.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn first_line(&self, line_bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        let mut first = vec![0; line_bytes_max];
        let length = read_at(&self.file, &mut first, 0)?;
        let end = memchr::memchr(b'\n', &first[..length]);
        Ok(end.map(|end| {
            first.truncate(end);
            first
        }))
    }

    /// The whole lines with which the file begins, as far as so many bytes reach.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn first_lines(&self, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut first = vec![0; bytes_max];
        let length = read_at(&self.file, &mut first, 0)?;
        let end = memchr::memrchr(b'\n', &first[..length]).map_or(0, |end| end + 1);
        first.truncate(end);
        Ok(first)
    }

    /// Notes that nobody writes the file any more, so that its last line is whole.
    pub fn finish(&mut self) {
        self.set_rotated(true);
        self.is_finished = true;
    }

    /// The length of the file now.
    ///
    /// # Errors
    /// The system refuses.
    pub fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Notes whether the file still has a name that is looked for.
    pub fn set_rotated(&mut self, is_rotated: bool) {
        match is_rotated {
            true => drop(self.rotated.get_or_insert_with(Instant::now)),
            false => self.rotated = None,
        }
    }

    /// Whether it has another name by now, or none.
    pub fn is_rotated(&self) -> bool {
        self.rotated.is_some()
    }

    /// What tells the file from another one that lies at the same place: a hash of its first line. None while that is
    /// not whole.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn print(&self) -> io::Result<Option<u64>> {
        let mut first = vec![0; PRINT_BYTES];
        let length = read_at(&self.file, &mut first, 0)?;
        let end = memchr::memchr(b'\n', &first[..length]);
        let is_whole = end.is_some() || length == PRINT_BYTES || (length > 0 && self.rotated.is_some());
        let print = xxhash_rust::xxh3::xxh3_64(&first[..end.unwrap_or(length)]);
        Ok(is_whole.then_some(print))
    }

    /// Reads on. A last line without a line end is given once the file has another name and nothing comes any more.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&mut self, line_bytes_max: usize) -> io::Result<Tailed> {
        let read_to = self.position + self.buffer.len() as u64;
        if self.length()? < read_to || !self.has_recent(read_to)? {
            return Ok(Tailed::Truncated);
        }
        let mut lines = self.cut(line_bytes_max);
        if !lines.is_empty() {
            return Ok(Tailed::Lines(lines));
        }
        let before = self.buffer.len();
        self.buffer.resize(before + READ_BYTES, 0);
        let count = read_at(&self.file, &mut self.buffer[before..], read_to);
        self.buffer.truncate(before + *count.as_ref().unwrap_or(&0));
        let count = count?;
        self.keep_recent(before);
        lines = self.cut(line_bytes_max);
        if count > 0 {
            // who writes has not opened the new file yet
            self.rotated = self.rotated.map(|_| Instant::now());
        }
        let is_over = self.rotated.is_some_and(|since| self.is_finished || since.elapsed() >= ROTATED_TIME);
        if count == 0 && lines.is_empty() && is_over {
            let rest = std::mem::take(&mut self.buffer);
            if rest.is_empty() || self.skipping {
                return Ok(Tailed::Over);
            }
            self.position += rest.len() as u64;
            lines.push(TailedLine { end: self.position, bytes: Some(rest) });
        }
        Ok(Tailed::Lines(lines))
    }

    /// Whether the bytes before an offset are still those that were read. They are not if the file was truncated and
    /// has grown beyond the offset since.
    fn has_recent(&self, read_to: u64) -> io::Result<bool> {
        let mut there = vec![0; self.recent.len()];
        let length = read_at(&self.file, &mut there, read_to - self.recent.len() as u64)?;
        Ok(there[..length] == self.recent[..])
    }

    /// Keeps the last of the bytes that were read, which begin in the buffer at `from`.
    fn keep_recent(&mut self, from: usize) {
        self.recent.extend_from_slice(&self.buffer[from.max(self.buffer.len().saturating_sub(RECENT_BYTES))..]);
        let surplus = self.recent.len().saturating_sub(RECENT_BYTES);
        self.recent.drain(..surplus);
    }

    /// Cuts whole lines off the buffer.
    fn cut(&mut self, line_bytes_max: usize) -> Vec<TailedLine> {
        let (mut lines, mut start) = (Vec::new(), 0);
        while lines.len() < LINES_MAX
            && let Some(length) = memchr::memchr(b'\n', &self.buffer[start..])
        {
            let end = self.position + (start + length + 1) as u64;
            let line = &self.buffer[start..start + length];
            start += length + 1;
            // the rest of a line that was given already
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            lines.push(TailedLine { end, bytes: (length <= line_bytes_max).then(|| line.to_vec()) });
        }
        self.buffer.drain(..start);
        self.position += start as u64;
        // an endless line must not fill the memory
        if lines.len() < LINES_MAX && self.buffer.len() > line_bytes_max {
            self.position += self.buffer.len() as u64;
            self.buffer.clear();
            if !std::mem::replace(&mut self.skipping, true) {
                lines.push(TailedLine { end: self.position, bytes: None });
            }
        }
        lines
    }
}

/// Reads at an offset until the buffer is full or the file ends.
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read_at(&mut buffer[length..], offset + length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, SeekFrom, Write};

    fn lines(file: &mut TailedFile) -> Vec<(u64, Option<String>)> {
        let Tailed::Lines(lines) = file.read(8).unwrap() else { panic!("lines") };
        lines.into_iter().map(|line| (line.end, line.bytes.map(|b| String::from_utf8(b).unwrap()))).collect()
    }

    #[test]
    fn lines_are_given_once_they_are_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut writer = File::create(&path).unwrap();
        let mut file = TailedFile::open(&path).unwrap();
        assert_eq!((lines(&mut file), file.print().unwrap()), (vec![], None));
        writer.write_all(b"one\ntw").unwrap();
        let print = file.print().unwrap();
        assert!(print.is_some());
        assert_eq!(lines(&mut file), [(4, Some("one".into()))]);
        writer.write_all(b"o\na line that is too long\nx\n").unwrap();
        assert_eq!(lines(&mut file), [(8, Some("two".into())), (32, None), (34, Some("x".into()))]);
        // one without an end is given up before it comes
        writer.write_all(b"0123456789").unwrap();
        assert_eq!(lines(&mut file), [(44, None)]);
        writer.write_all(b"and so on\nlast").unwrap();
        assert_eq!(lines(&mut file), []);
        assert_eq!(file.print().unwrap(), print);
        // it has another name, and nothing comes any more
        file.set_rotated(true);
        file.rotated = file.rotated.and_then(|since| since.checked_sub(ROTATED_TIME));
        assert_eq!(lines(&mut file), [(58, Some("last".into()))]);
        assert_eq!(file.read(8).unwrap(), Tailed::Over);
        // going back gives the same again
        file.go_to(4).unwrap();
        assert_eq!(lines(&mut file)[0], (8, Some("two".into())));
        writer.set_len(3).unwrap();
        assert_eq!(file.read(8).unwrap(), Tailed::Truncated);
        // as long again, with something else in it
        file.go_to(3).unwrap();
        writer.set_len(0).unwrap();
        (&writer).seek(SeekFrom::Start(0)).unwrap();
        writer.write_all(b"two\nthree\n").unwrap();
        assert_eq!(file.read(8).unwrap(), Tailed::Truncated);
        assert_eq!(file.first_line(8).unwrap(), Some(b"two".to_vec()));
    }
}
