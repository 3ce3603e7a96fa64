//! The form of everything that the store keeps: a record names its stream, and carries its own checksum.
//!
//! ```text
//! "sRec" | version=2 | kind | 0 0 | stream u32 | epoch u32 | hash of the stream's name u64 | at u64
//!        | piece u32 | pieces u32 | write u64 | length u32 | crc32 of all this and the payload u32 | payload
//! ```
//! Numbers are little-endian. `at` is the place of the record in its stream: the first offset of a group, the
//! generation of a checkpoint, the number of a key page. `write` rises with every record that is written, over restarts
//! too, so that of two records for one place the newer is known. What does not fit one value is cut into pieces, each
//! a record of its own. A record is found in a file by its first bytes, without the database around it.

use crate::bytes::{Cursor, Damaged};
use crate::error::StoreError;
use crate::identity::StreamId;

/// The first bytes of a record: a word, and the version of this form.
pub(crate) const MAGIC: [u8; 5] = *b"sRec\x02";
/// Bytes of the largest value that is stored in one piece: small against a segment.
pub(crate) const PIECE_BYTES: usize = 14 << 10;
/// Each start begins a range of write numbers of its own, so that none comes twice, whatever a crash has lost.
pub(crate) const START_SHIFT: u32 = 40;
/// Bytes before the payload.
pub(crate) const HEADER_BYTES: usize = 56;
/// Bytes before the checksum.
const CHECKED_BYTES: usize = HEADER_BYTES - 4;
/// Bytes of the largest payload.
pub(crate) const PAYLOAD_BYTES: usize = PIECE_BYTES - HEADER_BYTES;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// A commit group of the log.
    Group = 1,
    /// The entry of a stream.
    Entry = 2,
    /// A part of a checkpoint's state.
    State = 3,
    /// The manifest of a checkpoint.
    Manifest = 4,
    /// A key page.
    Page = 5,
    /// Numbers that are used up: the next stream's number, and the count of starts.
    Marks = 6,
}

impl RecordKind {
    fn read(byte: u8) -> Option<RecordKind> {
        use RecordKind::*;
        [Group, Entry, State, Manifest, Page, Marks].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// What a record says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHead {
    pub kind: RecordKind,
    pub id: StreamId,
    pub at: u64,
    pub piece: u32,
    pub pieces: u32,
    pub write: u64,
}

impl RecordHead {
    /// The head of the first piece of a record.
    pub fn new(kind: RecordKind, id: StreamId, at: u64, write: u64) -> RecordHead {
        RecordHead { kind, id, at, piece: 0, pieces: 1, write }
    }

    /// The record with a payload that fits one piece.
    pub fn seal(&self, payload: &[u8]) -> Vec<u8> {
        self.seal_parts(&[payload])
    }

    /// The record whose payload is these parts joined.
    pub fn seal_parts(&self, parts: &[&[u8]]) -> Vec<u8> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut out = Vec::with_capacity(HEADER_BYTES + length);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[self.kind as u8, 0, 0]);
        out.extend_from_slice(&self.id.number.to_le_bytes());
        out.extend_from_slice(&self.id.epoch.to_le_bytes());
        out.extend_from_slice(&self.id.name_hash.to_le_bytes());
        out.extend_from_slice(&self.at.to_le_bytes());
        out.extend_from_slice(&self.piece.to_le_bytes());
        out.extend_from_slice(&self.pieces.to_le_bytes());
        out.extend_from_slice(&self.write.to_le_bytes());
        out.extend_from_slice(&(length as u32).to_le_bytes());
        let mut crc = crc32fast::Hasher::new();
        crc.update(&out);
        parts.iter().for_each(|part| crc.update(part));
        out.extend_from_slice(&crc.finalize().to_le_bytes());
        parts.iter().for_each(|part| out.extend_from_slice(part));
        out
    }

    /// The payload cut into records of one value each, in order.
    pub fn cut<'a>(self, payload: &'a [u8]) -> impl Iterator<Item = Vec<u8>> + 'a {
        let pieces = payload.len().div_ceil(PAYLOAD_BYTES).max(1) as u32;
        (0..pieces).map(move |piece| {
            let from = piece as usize * PAYLOAD_BYTES;
            let part = &payload[from..(from + PAYLOAD_BYTES).min(payload.len())];
            RecordHead { piece, pieces, ..self }.seal(part)
        })
    }

    /// Makes sure that the record is a piece of what was asked for.
    ///
    /// # Errors
    /// It is another stream's, or of another place.
    pub fn expect(&self, kind: RecordKind, id: StreamId, at: u64, piece: u32) -> Result<(), StoreError> {
        if self.id != id {
            return Err(StoreError::OtherStream { asked: id, found: self.id });
        }
        if (self.kind, self.at, self.piece) != (kind, at, piece) {
            return Err(Damaged("a record (it is of another place)").into());
        }
        Ok(())
    }
}

/// Reads a record that ends where the bytes do.
///
/// # Errors
/// The bytes are no whole record.
pub(crate) fn unseal<'a>(value: &'a [u8], what: &'static str) -> Result<(RecordHead, &'a [u8]), Damaged> {
    let (head, payload) = unseal_prefix(value, what)?;
    if HEADER_BYTES + payload.len() == value.len() { Ok((head, payload)) } else { Err(Damaged(what)) }
}

/// Reads the record that the bytes begin with.
///
/// # Errors
/// The bytes do not begin with a whole record.
pub(crate) fn unseal_prefix<'a>(bytes: &'a [u8], what: &'static str) -> Result<(RecordHead, &'a [u8]), Damaged> {
    let mut c = Cursor(bytes);
    if c.take(MAGIC.len(), what)? != MAGIC {
        return Err(Damaged(what));
    }
    let kind = RecordKind::read(c.byte(what)?).ok_or(Damaged(what))?;
    c.take(2, what)?;
    let (number, epoch, name_hash) = (c.u32(what)?, c.u32(what)?, c.u64(what)?);
    let (at, piece, pieces, write) = (c.u64(what)?, c.u32(what)?, c.u32(what)?, c.u64(what)?);
    let (length, crc) = (c.u32(what)? as usize, c.u32(what)?);
    let payload = c.take(length, what)?;
    let mut found = crc32fast::Hasher::new();
    found.update(&bytes[..CHECKED_BYTES]);
    found.update(payload);
    if found.finalize() != crc {
        return Err(Damaged(what));
    }
    let id = StreamId { number, epoch, name_hash };
    Ok((RecordHead { kind, id, at, piece, pieces, write }, payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_come_back_and_damage_is_found(
            payload in prop::collection::vec(any::<u8>(), 0..300), at: u64, write: u64,
            place: prop::sample::Index, bit in 0u8..8,
        ) {
            let head = RecordHead::new(RecordKind::Group, StreamId::new(7, 2, "s"), at, write);
            let mut sealed = head.seal(&payload);
            prop_assert_eq!(unseal(&sealed, "it"), Ok((head, &payload[..])));
            let place = place.index(sealed.len());
            prop_assert!(unseal(&sealed[..place], "it").is_err());
            sealed[place] ^= 1 << bit;
            prop_assert!(unseal(&sealed, "it").is_err());
        }
    }

    #[test]
    fn long_payloads_are_cut_and_named() {
        let payload: Vec<u8> = (0..40_000u32).map(|i| i as u8).collect();
        let id = StreamId::new(1, 1, "s");
        let pieces: Vec<Vec<u8>> = RecordHead::new(RecordKind::State, id, 4, 9).cut(&payload).collect();
        assert!(pieces.len() == 3 && pieces.iter().all(|piece| piece.len() <= PIECE_BYTES));
        let mut joined = Vec::new();
        for (n, piece) in pieces.iter().enumerate() {
            let (head, part) = unseal(piece, "it").unwrap();
            assert!(head.pieces == 3 && head.expect(RecordKind::State, id, 4, n as u32).is_ok());
            let other = StreamId::new(1, 1, "t");
            let refused = head.expect(RecordKind::State, other, 4, n as u32);
            assert!(matches!(refused, Err(StoreError::OtherStream { .. })));
            joined.extend_from_slice(part);
        }
        assert_eq!(joined, payload);
    }
}
