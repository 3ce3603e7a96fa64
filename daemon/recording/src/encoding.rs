//! How text is encoded: UTF-8, or UTF-16 that becomes UTF-8 as it is read; and lines that are neither, mended.

use crate::compression::BoxedReader;
use crate::error::SourceError;
use crate::oddity::{OddityKind, OddityLog, Place};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};
use surmise_event::{Refusal, RefusalCode};

/// How the text of a file is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, or ASCII.
    Utf8,
    /// UTF-16, the lower byte first.
    Utf16Le,
    /// UTF-16, the higher byte first.
    Utf16Be,
}

/// Bytes from which UTF-16 without a mark of byte order is told.
const SAMPLE_BYTES_MIN: usize = 8;

impl Encoding {
    /// The name of the encoding.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "UTF-8",
            Encoding::Utf16Le => "UTF-16LE",
            Encoding::Utf16Be => "UTF-16BE",
        }
    }

    /// The encoding of a file that begins with these bytes, and the length of its mark of byte order.
    ///
    /// Without a mark it is UTF-16 where almost every second byte is zero and almost none of the others, as in the
    /// languages that write in ASCII.
    pub(crate) fn detect(head: &[u8]) -> (Encoding, usize) {
        match head {
            [0xff, 0xfe, ..] => (Encoding::Utf16Le, 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16Be, 2),
            [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
            _ if head.len() < SAMPLE_BYTES_MIN => (Encoding::Utf8, 0),
            _ => {
                let sample = &head[..head.len().min(256) & !1];
                let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
                let (even, odd, half) = (zeros(0), zeros(1), sample.len() / 2);
                let is_text = sample.iter().all(|b| *b == 0 || *b >= b' ' || b"\t\r\n".contains(b));
                match (is_text, even * 10 <= half, odd * 10 <= half) {
                    (true, true, false) if odd * 10 >= half * 9 => (Encoding::Utf16Le, 0),
                    (true, false, true) if even * 10 >= half * 9 => (Encoding::Utf16Be, 0),
                    _ => (Encoding::Utf8, 0),
                }
            }
        }
    }

    /// The content as UTF-8.
    pub(crate) fn decode(self, content: BufReader<BoxedReader>) -> BoxedReader {
        match self {
            Encoding::Utf8 => Box::new(content),
            Encoding::Utf16Le | Encoding::Utf16Be => {
                let big_endian = self == Encoding::Utf16Be;
                Box::new(Utf16Reader { content, big_endian, units: Vec::new(), text: Vec::new(), given: 0 })
            }
        }
    }
}

impl Serialize for Encoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Reads UTF-16 as UTF-8; half a character becomes `�`.
struct Utf16Reader {
    content: BufReader<BoxedReader>,
    big_endian: bool,
    /// Bytes that are no whole character yet.
    units: Vec<u8>,
    /// Characters that were decoded, of which [`given`](Self::given) bytes were given.
    text: Vec<u8>,
    given: usize,
}

impl Utf16Reader {
    /// Decodes what is there; returns whether the file has ended.
    fn refill(&mut self) -> std::io::Result<bool> {
        let bytes = self.content.fill_buf()?;
        let (length, ended) = (bytes.len(), bytes.is_empty());
        self.units.extend_from_slice(bytes);
        self.content.consume(length);
        let unit = |pair: &[u8]| match self.big_endian {
            true => u16::from_be_bytes([pair[0], pair[1]]),
            false => u16::from_le_bytes([pair[0], pair[1]]),
        };
        let mut whole: Vec<u16> = self.units.chunks_exact(2).map(unit).collect();
        // the second half of a character may not be there yet
        if !ended && whole.last().is_some_and(|u| (0xd800..0xdc00).contains(u)) {
            whole.pop();
        }
        self.units.drain(..whole.len() * 2);
        let mut text: String = char::decode_utf16(whole).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        if ended && !std::mem::take(&mut self.units).is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
        (self.text, self.given) = (text.into_bytes(), 0);
        Ok(ended)
    }
}

impl Read for Utf16Reader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.given == self.text.len() {
            if self.refill()? && self.text.is_empty() {
                return Ok(0);
            }
        }
        let rest = &self.text[self.given..];
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.given += n;
        Ok(n)
    }
}

/// A line as text: what is not UTF-8 becomes `�`, NUL bytes are dropped, and both are counted.
///
/// # Errors
/// The line is not as it should be, and the recording is read strictly.
pub(crate) fn mended<'a>(bytes: &'a [u8], place: Place<'_>, odd: &OddityLog) -> Result<Cow<'a, str>, SourceError> {
    let text = surmise_event::mended(bytes);
    if let (Cow::Owned(_), Err(e)) = (&text, std::str::from_utf8(bytes)) {
        let mend = "convert the file to UTF-8 (iconv), or replay it with --format bytes";
        let reason = format!("byte {} of the line is not UTF-8; {mend}", e.valid_up_to());
        odd.note(OddityKind::InvalidUtf8, place, Refusal::new(RefusalCode::BadUtf8, "line", reason), &text)?;
    }
    if bytes.contains(&0) {
        let reason = "the line holds NUL bytes; remove them (tr -d '\\0'), or replay the file with --format bytes";
        odd.note(OddityKind::NulBytes, place, Refusal::new(RefusalCode::BadUtf8, "line", reason), &text)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn encode(text: &str, encoding: Encoding) -> Vec<u8> {
        let bytes = |u: u16| if encoding == Encoding::Utf16Be { u.to_be_bytes() } else { u.to_le_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    fn decode(bytes: &[u8], encoding: Encoding) -> String {
        let content: BoxedReader = Box::new(Cursor::new(bytes.to_vec()));
        // small pieces, so that characters are cut
        let mut text = String::new();
        encoding.decode(BufReader::with_capacity(3, content)).read_to_string(&mut text).unwrap();
        text
    }

    proptest! {
        #[test]
        fn utf_16_reads_as_the_text_that_it_is(text in "[a-zé漢🙂\n]{0,200}") {
            for encoding in [Encoding::Utf16Le, Encoding::Utf16Be] {
                prop_assert_eq!(&decode(&encode(&text, encoding), encoding), &text);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = (Encoding::detect(&bytes), decode(&bytes, Encoding::Utf16Le), decode(&bytes, Encoding::Utf16Be));
        }
    }

    #[test]
    fn encodings_are_told_with_and_without_a_mark() {
        let text = "time,value\n1,2\n";
        assert_eq!(Encoding::detect(text.as_bytes()), (Encoding::Utf8, 0));
        assert_eq!(Encoding::detect("\u{feff}a".as_bytes()), (Encoding::Utf8, 3));
        for encoding in [Encoding::Utf16Le, Encoding::Utf16Be] {
            assert_eq!(Encoding::detect(&encode(text, encoding)), (encoding, 0));
            assert_eq!(Encoding::detect(&encode("\u{feff}漢", encoding)), (encoding, 2));
        }
        assert_eq!(Encoding::detect(&[0; 64]), (Encoding::Utf8, 0));
    }
}
