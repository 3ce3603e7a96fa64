//! Bodies that come compressed, and what they become, a little at a time.

use super::problem::ProblemResponse;
use axum::http::{HeaderMap, HeaderValue, header};
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use std::borrow::Cow;
use std::io::{self, Write};

/// Compressed bytes that are taken at once: what they become is a thousand times as much at most.
const PACKED_BYTES: usize = 4 << 10;

/// What makes a body what it was before it was compressed.
pub enum Unpacker {
    /// It was not.
    Plain,
    /// `Content-Encoding: gzip`, in one member or several.
    Gzip(MultiGzDecoder<Vec<u8>>),
    /// `Content-Encoding: deflate`, which is zlib's format (RFC 9110, section 8.4.1.2).
    Deflate(ZlibDecoder<Vec<u8>>),
}

impl Unpacker {
    /// The one for a body that comes with these headers.
    ///
    /// # Errors
    /// It is compressed in another way, or more than once.
    pub fn of(headers: &HeaderMap) -> Result<Unpacker, ProblemResponse> {
        let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
        let coding = codings.next().map_or(&b"identity"[..], HeaderValue::as_bytes).trim_ascii();
        let is = |known: &[u8]| coding.eq_ignore_ascii_case(known);
        match codings.next() {
            None if is(b"identity") => Ok(Unpacker::Plain),
            None if is(b"gzip") || is(b"x-gzip") => Ok(Unpacker::Gzip(MultiGzDecoder::new(Vec::new()))),
            None if is(b"deflate") => Ok(Unpacker::Deflate(ZlibDecoder::new(Vec::new()))),
            _ => Err(refused("events may be compressed by gzip or deflate, once")),
        }
    }

    /// How many bytes of the body are unpacked at once: what they become is learnt before the next ones are.
    pub fn piece_bytes(&self) -> usize {
        if matches!(self, Unpacker::Plain) { usize::MAX } else { PACKED_BYTES }
    }

    /// Takes some bytes of the body; gives what they become.
    ///
    /// # Errors
    /// They are not what the headers say.
    pub fn unpack<'a>(&mut self, packed: &'a [u8]) -> io::Result<Cow<'a, [u8]>> {
        match self {
            Unpacker::Plain => Ok(packed.into()),
            Unpacker::Gzip(decoder) => {
                decoder.write_all(packed)?;
                decoder.flush()?;
                Ok(std::mem::take(decoder.get_mut()).into())
            }
            Unpacker::Deflate(decoder) => {
                decoder.write_all(packed)?;
                decoder.flush()?;
                Ok(std::mem::take(decoder.get_mut()).into())
            }
        }
    }

    /// Takes the end of the body; gives what was still to come.
    ///
    /// # Errors
    /// It is not whole.
    pub fn finish(&mut self) -> io::Result<Cow<'static, [u8]>> {
        match self {
            Unpacker::Plain => Ok(Cow::Borrowed(&[])),
            Unpacker::Gzip(decoder) => {
                decoder.try_finish()?;
                Ok(std::mem::take(decoder.get_mut()).into())
            }
            Unpacker::Deflate(decoder) => {
                decoder.try_finish()?;
                Ok(std::mem::take(decoder.get_mut()).into())
            }
        }
    }
}

/// Refuses a body that is compressed.
///
/// # Errors
/// It is.
pub fn check_plain(headers: &HeaderMap) -> Result<(), ProblemResponse> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    match codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        true => Ok(()),
        false => Err(refused("send this body as it is; only that of events may be compressed")),
    }
}

fn refused(detail: &str) -> ProblemResponse {
    ProblemResponse::new(415, "unsupported media type", detail).at("content-encoding", None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    fn headers(codings: &[&'static str]) -> HeaderMap {
        codings.iter().map(|coding| (header::CONTENT_ENCODING, HeaderValue::from_static(coding))).collect()
    }

    #[test]
    fn a_body_becomes_what_it_was_however_it_is_cut() {
        let text: Vec<u8> = (0..5_000u32).flat_map(|n| format!("{} ", n * n).into_bytes()).collect();
        let half = |bytes: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap()
        };
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        let zlib = zlib.write_all(&text).and_then(|()| zlib.finish()).unwrap();
        let two_members = [half(&text[..9_000]), half(&text[9_000..])].concat();
        for (coding, packed) in [("gzip", two_members), ("deflate", zlib), ("identity", text.clone())] {
            for piece in [1, 7, 4_096] {
                let mut unpacker = Unpacker::of(&headers(&[coding])).unwrap();
                let mut out = Vec::new();
                packed.chunks(piece).for_each(|part| out.extend_from_slice(&unpacker.unpack(part).unwrap()));
                out.extend_from_slice(&unpacker.finish().unwrap());
                assert!(out == text, "{coding} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn what_is_broken_or_packed_otherwise_is_refused() {
        for codings in [&["br"][..], &["gzip, gzip"], &["gzip", "br"], &["identity", "gzip"], &["zstd"], &["snappy"]] {
            assert!(Unpacker::of(&headers(codings)).is_err(), "{codings:?}");
            assert!(check_plain(&headers(codings)).is_err(), "{codings:?}");
        }
        assert!(check_plain(&headers(&[])).is_ok() && check_plain(&headers(&["identity"])).is_ok());
        let mut unpacker = Unpacker::of(&headers(&["gzip"])).unwrap();
        assert!(unpacker.unpack(b"{\"a\":1}\n{\"a\":2}\n{\"a\":3}").is_err());
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let whole = encoder.write_all(b"an event").and_then(|()| encoder.finish()).unwrap();
        let mut unpacker = Unpacker::of(&headers(&["gzip"])).unwrap();
        unpacker.unpack(&whole[..whole.len() - 4]).unwrap();
        assert!(unpacker.finish().is_err(), "its end is missing");
    }
}
