//! Compressed files, told by their first bytes: gzip, zstd and bzip2.

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use serde::{Serialize, Serializer};
use std::io::{BufRead, BufReader, Cursor, Error, ErrorKind, Read};

/// A reader of which only reading is known.
pub(crate) type BoxedReader = Box<dyn Read + Send>;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip, of any number of members.
    Gzip,
    /// Zstandard, of any number of frames.
    Zstd,
    /// bzip2, of any number of streams.
    Bzip2,
}

/// The first bytes of the files that are read, of which the longest is [`MAGIC_BYTES_MAX`] long.
const MAGIC: [(&[u8], Compression); 3] =
    [(b"\x1f\x8b\x08", Compression::Gzip), (ZSTD_MAGIC, Compression::Zstd), (b"BZh", Compression::Bzip2)];

/// What follows `BZh` and a digit: the mark of a block, or of the end of an empty stream.
const BZIP2_BLOCKS: [&[u8]; 2] = [b"1AY&SY", b"\x17rE8P\x90"];

const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";

/// The first bytes of files that are not read, what they are, and a command that makes lines of them.
const UNREADABLE: [(&[u8], &str, &str); 4] = [
    (b"\xfd7zXZ\0", "xz", "xz -dc"),
    (b"PK\x03\x04", "a zip archive", "unzip -p"),
    (b"\x04\x22\x4d\x18", "lz4", "lz4 -dc"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x -so"),
];

/// Bytes by which every compression is told: bzip2 has a digit and the mark of its first block behind `BZh`.
const MAGIC_BYTES_MAX: usize = 10;

/// Where the mark of a tar archive lies, and the mark.
const TAR_MARK: (usize, &[u8]) = (257, b"ustar");

impl Compression {
    /// The name of the compression, for messages and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Bzip2 => "bzip2",
        }
    }

    /// The compression of a file that begins with these bytes; none of one that is not compressed.
    pub fn detect(head: &[u8]) -> Option<Compression> {
        let is_frame_to_skip = |h: &[u8]| h.len() >= 4 && h[0] & 0xf0 == 0x50 && h[1..4] == *b"\x2a\x4d\x18";
        if is_frame_to_skip(head) {
            return Some(Compression::Zstd);
        }
        let (_, compression) = MAGIC.into_iter().find(|(magic, _)| head.starts_with(magic))?;
        // a text may begin with "BZh"
        let has_block = |h: &[u8]| h.len() >= 10 && BZIP2_BLOCKS.iter().any(|block| h[4..].starts_with(block));
        (compression != Compression::Bzip2 || has_block(head)).then_some(compression)
    }

    /// What is in the compressed bytes.
    fn open(self, compressed: BoxedReader) -> BoxedReader {
        match self {
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(compressed)),
            Compression::Zstd => Box::new(ZstdFrames {
                source: BufReader::new(compressed),
                decoder: FrameDecoder::new(),
                in_frame: false,
            }),
            Compression::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(compressed)),
        }
    }
}

impl Serialize for Compression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Bytes that are read at first at most.
const HEAD_BYTES: usize = 64 << 10;

/// The content of a file, whether it is compressed or not, and how it is compressed.
///
/// # Errors
/// The file cannot be read, or is of a format of which the error names a remedy.
pub(crate) fn decompress(mut file: BoxedReader) -> std::io::Result<(BoxedReader, Option<Compression>)> {
    let (mut head, mut filled) = (vec![0; HEAD_BYTES], 0);
    // a pipe gives all that it has, by which its format is told; more is waited for only while the beginning may be
    // that of a compressed file
    while filled < MAGIC_BYTES_MAX && (filled == 0 || may_be_magic(&head[..filled])) {
        match file.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    head.truncate(filled);
    if let Some((_, name, command)) = UNREADABLE.into_iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Err(not_read(name, command));
    }
    let compression = Compression::detect(&head);
    let whole: BoxedReader = Box::new(Cursor::new(head).chain(file));
    match compression {
        Some(compression) => {
            Ok((Box::new(Explained { inner: compression.open(whole), compression, failed: None }), Some(compression)))
        }
        None => Ok((whole, None)),
    }
}

/// Refuses content that is an archive of files.
pub(crate) fn check_is_no_archive(head: &[u8]) -> std::io::Result<()> {
    let (at, mark) = TAR_MARK;
    match head.get(at..at + mark.len()) == Some(mark) {
        true => Err(not_read("a tar archive", "tar -xOf")),
        false => Ok(()),
    }
}

fn not_read(name: &str, command: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("this is {name}, which is not read; pipe `{command} FILE` into surmise"))
}

/// Whether bytes are the beginning of the first bytes of a format that is told by them.
fn may_be_magic(head: &[u8]) -> bool {
    let begins = |magic: &[u8]| magic.starts_with(head) || head.starts_with(magic);
    MAGIC.iter().any(|(magic, _)| begins(magic))
        || UNREADABLE.iter().any(|(magic, ..)| begins(magic))
        || head.first().is_some_and(|b| b & 0xf0 == 0x50) && head[1..].iter().zip(b"\x2a\x4d\x18").all(|(a, b)| a == b)
}

/// A decompressing reader whose errors say what is wrong and what to do.
struct Explained {
    inner: BoxedReader,
    compression: Compression,
    /// The error that ended the reading, which every later read meets again.
    failed: Option<(ErrorKind, String)>,
}

impl Read for Explained {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Some((kind, reason)) = &self.failed {
            return Err(Error::new(*kind, reason.clone()));
        }
        self.inner.read(buffer).map_err(|e| {
            if e.kind() == ErrorKind::Interrupted {
                return e;
            }
            let name = self.compression.name();
            let reason = format!("the {name} data is damaged or was cut off ({e}); copy the file again");
            self.failed = Some((e.kind(), reason.clone()));
            Error::new(e.kind(), reason)
        })
    }
}

/// The content of all frames of a Zstandard file, one after the other.
struct ZstdFrames {
    source: BufReader<BoxedReader>,
    decoder: FrameDecoder,
    /// Whether a frame has begun whose end was not read yet.
    in_frame: bool,
}

impl ZstdFrames {
    /// Begins the next frame, or skips one that holds no data; returns whether there was one.
    fn next_frame(&mut self) -> std::io::Result<bool> {
        if self.source.fill_buf()?.is_empty() {
            return Ok(false);
        }
        match self.decoder.init(&mut self.source) {
            Ok(()) => self.in_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let length = u64::from(length);
                let skipped = std::io::copy(&mut self.source.by_ref().take(length), &mut std::io::sink())?;
                if skipped < length {
                    return Err(Error::new(ErrorKind::UnexpectedEof, "it ends inside a frame"));
                }
            }
            Err(e) => return Err(Error::new(ErrorKind::InvalidData, e)),
        }
        Ok(true)
    }

    /// Ends the frame, whose checksum has to fit where it has one.
    fn end_frame(&mut self) -> std::io::Result<()> {
        self.in_frame = false;
        let written = self.decoder.get_checksum_from_data();
        match written.is_some() && written != self.decoder.get_calculated_checksum() {
            true => Err(Error::new(ErrorKind::InvalidData, "a checksum does not fit")),
            false => Ok(()),
        }
    }
}

impl Read for ZstdFrames {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            if !self.in_frame {
                if !self.next_frame()? {
                    return Ok(0);
                }
                continue;
            }
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if self.decoder.is_finished() {
                self.end_frame()?;
            } else {
                let step = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder
                    .decode_blocks(&mut self.source, step)
                    .map_err(|e| Error::new(ErrorKind::InvalidData, e))?;
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    /// The bytes, compressed in this way, as so many parts one after the other.
    pub(crate) fn compress(compression: Compression, bytes: &[u8], parts: usize) -> Vec<u8> {
        let length = bytes.len().div_ceil(parts.max(1)).max(1);
        let mut pieces: Vec<&[u8]> = bytes.chunks(length).collect();
        if pieces.is_empty() {
            pieces.push(&[]);
        }
        pieces.into_iter().flat_map(|piece| compress_whole(compression, piece)).collect()
    }

    fn compress_whole(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        match compression {
            Compression::Gzip => {
                let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                writer.write_all(bytes).unwrap();
                writer.finish().unwrap()
            }
            Compression::Zstd => ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest),
            Compression::Bzip2 => {
                let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                writer.write_all(bytes).unwrap();
                writer.finish().unwrap()
            }
        }
    }

    fn read(bytes: &[u8]) -> std::io::Result<(Vec<u8>, Option<Compression>)> {
        let (mut content, compression) = decompress(Box::new(Cursor::new(bytes.to_vec())))?;
        let mut out = Vec::new();
        content.read_to_end(&mut out)?;
        Ok((out, compression))
    }

    pub(crate) const ALL: [Compression; 3] = [Compression::Gzip, Compression::Zstd, Compression::Bzip2];

    proptest! {
        #[test]
        fn what_is_compressed_reads_back(bytes in prop::collection::vec(any::<u8>(), 0..5000), parts in 1usize..4) {
            for compression in ALL {
                let read = read(&compress(compression, &bytes, parts)).unwrap();
                prop_assert_eq!(&read, &(bytes.clone(), Some(compression)));
            }
        }

        #[test]
        fn what_was_cut_off_is_refused_and_what_is_damaged_never_panics(
            bytes in prop::collection::vec(any::<u8>(), 200..2000), cut in 12usize..150, flip in 12usize..150,
        ) {
            for compression in ALL {
                let mut whole = compress(compression, &bytes, 1);
                let error = read(&whole[..whole.len() - cut.min(whole.len() - 12)]).unwrap_err().to_string();
                prop_assert!(error.contains(compression.name()) && error.contains("copy the file again"), "{}", error);
                whole[flip] ^= 16;
                let _ = read(&whole);
            }
        }

        #[test]
        fn bytes_that_are_not_compressed_stay_as_they_are(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assume!(Compression::detect(&bytes).is_none() && bytes.first() != Some(&b'P') && bytes.len() != 6);
            if let Ok((out, compression)) = read(&bytes) {
                prop_assert_eq!((out, compression), (bytes, None));
            }
        }
    }

    #[test]
    fn frames_without_data_are_skipped_and_other_archives_are_refused() {
        let mut bytes = b"\x5a\x2a\x4d\x18\x03\0\0\0abc".to_vec();
        bytes.extend(compress(Compression::Zstd, b"text", 1));
        assert_eq!(read(&bytes).unwrap(), (b"text".to_vec(), Some(Compression::Zstd)));
        for head in ["PK\x03\x04....", "\u{4}\"M\u{18}......"] {
            assert!(read(head.as_bytes()).unwrap_err().to_string().contains("into surmise"), "{head}");
        }
        assert_eq!(read(b"BZhello, this is text").unwrap().1, None);
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert!(check_is_no_archive(&tar).unwrap_err().to_string().contains("tar -xOf"));
    }
}
