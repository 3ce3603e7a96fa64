//! Cutting bytes into lines of bounded length.

/// A line, or what stands in its place.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A line without its end.
    Line(&'a [u8]),
    /// A line that was longer than allowed and was skipped.
    TooLong,
}

/// Bytes that have come in and are not yet cut.
pub struct Lines {
    buffer: Vec<u8>,
    start: usize,
    /// How far it is known that there is no line end.
    searched: usize,
    skipping: bool,
    max: usize,
}

/// The buffer's usual size.
const USUAL: usize = 64 << 10;

impl Lines {
    /// Nothing yet; lines of more bytes are skipped.
    pub fn new(max: usize) -> Lines {
        Lines { buffer: Vec::with_capacity(8 << 10), start: 0, searched: 0, skipping: false, max }
    }

    /// Where to read more bytes into.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        if self.buffer.is_empty() && self.buffer.capacity() > 4 * USUAL {
            self.buffer = Vec::new();
        }
        if self.buffer.capacity() - self.buffer.len() < 4 << 10 {
            self.buffer.reserve(self.buffer.len().clamp(8 << 10, USUAL));
        }
        &mut self.buffer
    }

    /// The next whole line, if it is there.
    pub fn next(&mut self) -> Option<Piece<'_>> {
        loop {
            match memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                Some(i) => {
                    let (from, to) = (self.start, self.searched + i);
                    (self.start, self.searched) = (to + 1, to + 1);
                    if std::mem::take(&mut self.skipping) {
                        continue; // the rest of a line that was told about already
                    }
                    return Some(self.piece(from, to));
                }
                None => {
                    self.searched = self.buffer.len();
                    if self.skipping {
                        self.start = self.searched;
                        return None;
                    }
                    if self.searched - self.start <= self.max {
                        return None;
                    }
                    self.skipping = true;
                    self.start = self.searched;
                    return Some(Piece::TooLong);
                }
            }
        }
    }

    /// What is left at the end: a line without an end.
    pub fn last(&mut self) -> Option<Piece<'_>> {
        let (from, to) = (self.start, self.buffer.len());
        (self.start, self.searched) = (to, to);
        (from < to && !self.skipping).then(|| self.piece(from, to))
    }

    fn piece(&self, from: usize, to: usize) -> Piece<'_> {
        if to - from > self.max {
            return Piece::TooLong;
        }
        let line = &self.buffer[from..to];
        Piece::Line(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(parts: &[&[u8]], max: usize) -> Vec<Option<Vec<u8>>> {
        let mut lines = Lines::new(max);
        let mut out = Vec::new();
        let mut keep = |p: Piece<'_>| match p {
            Piece::Line(l) => out.push(Some(l.to_vec())),
            Piece::TooLong => out.push(None),
        };
        for p in parts {
            lines.buffer().extend_from_slice(p);
            while let Some(piece) = lines.next() {
                keep(piece);
            }
        }
        if let Some(piece) = lines.last() {
            keep(piece);
        }
        out
    }

    #[test]
    fn lines_are_cut_wherever_the_bytes_are() {
        let text = b"one\r\ntwo\n\nfour";
        let want: Vec<Option<Vec<u8>>> = [&b"one"[..], b"two", b"", b"four"].iter().map(|l| Some(l.to_vec())).collect();
        for n in 1..text.len() {
            let parts: Vec<&[u8]> = text.chunks(n).collect();
            assert_eq!(cut(&parts, 100), want, "in parts of {n}");
        }
    }

    #[test]
    fn long_lines_are_told_about_once_and_skipped() {
        let long = [b'x'; 50];
        let some = |l: &[u8]| Some(l.to_vec());
        assert_eq!(cut(&[b"a\n", &long, &long, &long, b"\nb\n"], 20), [some(b"a"), None, some(b"b")]);
        assert_eq!(cut(&[b"a\n", &long, b"\nb"], 20), [some(b"a"), None, some(b"b")]);
        assert_eq!(cut(&[&[&long[..], b"\nb\n"].concat()], 20), [None, some(b"b")]);
        assert_eq!(cut(&[&long], 20), [None]);
        assert_eq!(cut(&[&long[..20], b"\n"], 20), [some(&long[..20])]);
    }
}
