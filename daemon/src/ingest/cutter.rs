//! Cutting a sender's bytes into lines of bounded length.

/// A line that was cut, or the sign that one was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutLine<'a> {
    /// A line without its line end.
    Whole(&'a [u8]),
    /// A line that was longer than allowed; its bytes are gone.
    TooLong,
}

impl CutLine<'_> {
    /// The bytes of the line; none if it was too long.
    pub fn bytes(&self) -> &[u8] {
        match self {
            CutLine::Whole(bytes) => bytes,
            CutLine::TooLong => &[],
        }
    }

    /// Whether the line holds nothing but blanks.
    pub fn is_blank(&self) -> bool {
        matches!(self, CutLine::Whole(bytes) if bytes.iter().all(u8::is_ascii_whitespace))
    }
}

/// Bytes that were read and are not cut into lines yet.
pub struct LineCutter {
    buffer: Vec<u8>,
    /// The first byte of the line that is next.
    start: usize,
    /// The first byte that has not been searched for a line end.
    searched: usize,
    /// Whether the bytes up to the next line end belong to a line that was reported as too long.
    skipping: bool,
    line_bytes_max: usize,
}

/// Bytes that are made room for when the buffer is new or nearly full.
const READ_BYTES_MIN: usize = 8 << 10;
/// Bytes below which the free part of the buffer is too short to read into.
const FREE_BYTES_MIN: usize = 4 << 10;
/// Bytes by which the buffer grows at most at once.
const GROWTH_BYTES_MAX: usize = 64 << 10;
/// Bytes of an empty buffer above which its memory is returned, so that one long line does not hold it for ever.
const IDLE_BYTES_MAX: usize = 4 * GROWTH_BYTES_MAX;

impl LineCutter {
    /// A cutter without bytes. Lines of more than `line_bytes_max` bytes are skipped.
    pub fn new(line_bytes_max: usize) -> LineCutter {
        LineCutter {
            buffer: Vec::with_capacity(READ_BYTES_MIN),
            start: 0,
            searched: 0,
            skipping: false,
            line_bytes_max,
        }
    }

    /// The buffer to append the next bytes to; there is room for some.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        // what was cut makes room for what comes
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        if self.buffer.is_empty() && self.buffer.capacity() > IDLE_BYTES_MAX {
            self.buffer = Vec::new();
        }
        if self.buffer.capacity() - self.buffer.len() < FREE_BYTES_MIN {
            self.buffer.reserve(self.buffer.len().clamp(READ_BYTES_MIN, GROWTH_BYTES_MAX));
        }
        &mut self.buffer
    }

    /// The next line, if its end has been read or it is known to be too long.
    pub fn next_line(&mut self) -> Option<CutLine<'_>> {
        loop {
            match memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                Some(length) => {
                    let (from, to) = (self.start, self.searched + length);
                    (self.start, self.searched) = (to + 1, to + 1);
                    if std::mem::take(&mut self.skipping) {
                        continue; // the rest of a line that was reported already
                    }
                    return Some(self.line(from, to));
                }
                None => {
                    self.searched = self.buffer.len();
                    if self.skipping {
                        self.start = self.searched;
                        return None;
                    }
                    if self.searched - self.start <= self.line_bytes_max {
                        return None;
                    }
                    // it is reported at once, so that an endless line does not fill the memory
                    self.skipping = true;
                    self.start = self.searched;
                    return Some(CutLine::TooLong);
                }
            }
        }
    }

    /// The next line without taking it, with the carriage return that it may end with; none if its end was not read
    /// yet.
    pub fn peek_line(&self) -> Option<&[u8]> {
        let length = memchr::memchr(b'\n', &self.buffer[self.start..])?;
        Some(&self.buffer[self.start..self.start + length])
    }

    /// The bytes after the last line end, as a line; for when nothing more will come.
    pub fn last_line(&mut self) -> Option<CutLine<'_>> {
        let (from, to) = (self.start, self.buffer.len());
        (self.start, self.searched) = (to, to);
        (from < to && !self.skipping).then(|| self.line(from, to))
    }

    fn line(&self, from: usize, to: usize) -> CutLine<'_> {
        if to - from > self.line_bytes_max {
            return CutLine::TooLong;
        }
        let line = &self.buffer[from..to];
        CutLine::Whole(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of some parts of bytes that are read one after the other; `None` for one that is too long.
    fn cut(parts: &[&[u8]], line_bytes_max: usize) -> Vec<Option<Vec<u8>>> {
        let mut cutter = LineCutter::new(line_bytes_max);
        let mut lines = Vec::new();
        let mut keep = |line: CutLine<'_>| match line {
            CutLine::Whole(bytes) => lines.push(Some(bytes.to_vec())),
            CutLine::TooLong => lines.push(None),
        };
        for part in parts {
            cutter.buffer().extend_from_slice(part);
            while let Some(line) = cutter.next_line() {
                keep(line);
            }
        }
        if let Some(line) = cutter.last_line() {
            keep(line);
        }
        lines
    }

    #[test]
    fn lines_are_cut_wherever_the_bytes_are() {
        let text = b"one\r\ntwo\n\nfour";
        let want: Vec<Option<Vec<u8>>> =
            [&b"one"[..], b"two", b"", b"four"].iter().map(|line| Some(line.to_vec())).collect();
        for n in 1..text.len() {
            let parts: Vec<&[u8]> = text.chunks(n).collect();
            assert_eq!(cut(&parts, 100), want, "in parts of {n}");
        }
    }

    #[test]
    fn long_lines_are_reported_once_and_skipped() {
        let long = [b'x'; 50];
        let some = |line: &[u8]| Some(line.to_vec());
        assert_eq!(cut(&[b"a\n", &long, &long, &long, b"\nb\n"], 20), [some(b"a"), None, some(b"b")]);
        assert_eq!(cut(&[b"a\n", &long, b"\nb"], 20), [some(b"a"), None, some(b"b")]);
        assert_eq!(cut(&[&[&long[..], b"\nb\n"].concat()], 20), [None, some(b"b")]);
        assert_eq!(cut(&[&long], 20), [None]);
        assert_eq!(cut(&[&long[..20], b"\n"], 20), [some(&long[..20])]);
    }
}
