//! Messages of syslog on a connection: with their length before them (RFC 6587, octet counting), or one a line.

use crate::ingest::cutter::CutLine;

/// Digits of a length at most.
const LENGTH_DIGITS_MAX: usize = 7;

/// The bytes of one connection that are no messages yet.
#[derive(Debug)]
pub struct Framing {
    buffer: Vec<u8>,
    /// The first byte that is not given.
    start: usize,
    /// The first byte that was not looked at for the end of a line, or one before it.
    searched: usize,
    message_bytes_max: usize,
    /// Bytes of a message that is too long, still to be skipped, if its length was told.
    skip: usize,
    /// Whether the bytes up to the next line end belong to one that was given as too long.
    skips_line: bool,
}

impl Framing {
    /// A connection whose messages have so many bytes at most.
    pub fn new(message_bytes_max: usize) -> Framing {
        Framing { buffer: Vec::new(), start: 0, searched: 0, message_bytes_max, skip: 0, skips_line: false }
    }

    /// Where bytes that were received are appended.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.buffer.drain(..self.start);
        self.searched = self.searched.saturating_sub(self.start);
        self.start = 0;
        &mut self.buffer
    }

    /// The next message; nothing before the bytes of a whole one are there.
    pub fn next_message(&mut self) -> Option<CutLine<'_>> {
        loop {
            let skipped = self.skip.min(self.buffer.len() - self.start);
            self.start += skipped;
            self.skip -= skipped;
            if self.skip > 0 {
                return None;
            }
            // a length is whole once the blank behind it is there
            let rest = &self.buffer[self.start..];
            if !self.skips_line && rest.first().is_some_and(|byte| matches!(byte, b'1'..=b'9')) {
                let digits = rest.iter().take(LENGTH_DIGITS_MAX + 1).take_while(|b| b.is_ascii_digit()).count();
                match rest.get(digits) {
                    Some(b' ') if digits <= LENGTH_DIGITS_MAX => return self.counted(digits),
                    None if digits <= LENGTH_DIGITS_MAX => return None,
                    Some(_) | None => {}
                }
            }
            // what was searched already has no end, however few bytes come at once
            let begun = self.searched.saturating_sub(self.start).min(rest.len());
            let Some(end) = memchr::memchr2(b'\n', 0, &rest[begun..]) else {
                self.searched = self.buffer.len();
                if rest.len() <= self.message_bytes_max {
                    return None;
                }
                self.start = self.buffer.len();
                let was_given = std::mem::replace(&mut self.skips_line, true);
                return (!was_given).then_some(CutLine::TooLong);
            };
            let (from, length) = (self.start, begun + end);
            self.start += length + 1;
            if std::mem::take(&mut self.skips_line) || length == 0 {
                continue;
            }
            let is_too_long = length > self.message_bytes_max;
            return Some(if is_too_long {
                CutLine::TooLong
            } else {
                CutLine::Whole(&self.buffer[from..from + length])
            });
        }
    }

    /// A message whose length has so many digits, and a blank behind them.
    fn counted(&mut self, digits: usize) -> Option<CutLine<'_>> {
        let from = self.start + digits + 1;
        let length = self.buffer[self.start..self.start + digits].iter().fold(0, |n, d| n * 10 + usize::from(d - b'0'));
        if length > self.message_bytes_max {
            (self.start, self.skip) = (from, length);
            return Some(CutLine::TooLong);
        }
        if self.buffer.len() < from + length {
            return None;
        }
        self.start = from + length;
        Some(CutLine::Whole(&self.buffer[from..from + length]))
    }

    /// What is left at the end of a connection, a message whose line has no end.
    pub fn last(&mut self) -> Option<Vec<u8>> {
        let rest = self.buffer.split_off(self.start);
        self.buffer.clear();
        (self.start, self.searched) = (0, 0);
        // of a message with a length a part is missing
        let is_message = !self.skips_line && self.skip == 0 && rest.first().is_some_and(|byte| !byte.is_ascii_digit());
        Some(rest).filter(|_| is_message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(pieces: &[&[u8]]) -> Vec<String> {
        let mut framing = Framing::new(12);
        let mut all = Vec::new();
        for piece in pieces {
            framing.buffer().extend_from_slice(piece);
            while let Some(line) = framing.next_message() {
                all.push(match line {
                    CutLine::Whole(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    CutLine::TooLong => "(too long)".into(),
                });
            }
        }
        all.extend(framing.last().map(|rest| String::from_utf8(rest).unwrap()));
        all
    }

    #[test]
    fn messages_are_cut_however_they_come() {
        let stream = b"<1>a\n7 <1>b\nc <2>d\n\n20 <1>01234567890123456<3>e\n<4>a line too long\n<5>f\n3 <6>9<x";
        let all = ["<1>a", "<1>b\nc ", "<2>d", "(too long)", "<3>e", "(too long)", "<5>f", "<6>", "9<x"];
        // the last begins with a digit that is no length
        let all = &all[..8];
        assert_eq!(messages(&[stream]), all);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(messages(&bytes), all);
        assert_eq!(messages(&[b"<1>no end"]), ["<1>no end"]);
    }
}
