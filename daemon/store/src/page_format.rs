//! The bytes of key pages: keys and values of the trees.

use crate::bytes::{Cursor, put_bytes};
use crate::error::StoreError;
use crate::identity::StreamId;
use crate::record::{RecordKind, unseal};

/// The flag of a page that says that the state of its key is gone.
pub(crate) const FLAG_GONE: u8 = 1;
/// The flag of a page whose key had other pages when the page was written.
pub(crate) const FLAG_REPLACES: u8 = 2;
/// The flag of a page whose state continues in further pieces.
pub(crate) const FLAG_CONTINUES: u8 = 4;

/// Bytes of the key of a page's first piece.
pub(crate) const PAGE_KEY_BYTES: usize = 12;

/// A page as it is read.
pub(crate) struct StoredPage {
    pub flags: u8,
    /// The name of the key.
    pub key: Box<str>,
    pub state: Vec<u8>,
}

impl StoredPage {
    /// Reads the first piece of a page, which must be this page of this stream.
    pub fn read(id: StreamId, number: u64, value: &[u8]) -> Result<StoredPage, StoreError> {
        let (head, payload) = unseal(value, "the state of a key (checksum)")?;
        head.expect(RecordKind::Page, id, number, 0)?;
        StoredPage::read_payload(payload)
    }

    /// Reads the first piece of a page, whosever it is.
    pub fn read_any(value: &[u8]) -> Result<StoredPage, StoreError> {
        StoredPage::read_payload(unseal(value, "the state of a key (checksum)")?.1)
    }

    fn read_payload(payload: &[u8]) -> Result<StoredPage, StoreError> {
        let mut cursor = Cursor(payload);
        let flags = cursor.byte("the state of a key")?;
        let key = cursor.text("the state of a key")?.into();
        Ok(StoredPage { flags, key, state: cursor.0.to_vec() })
    }
}

/// The value of a page's first piece, without its head. `state` is what of the state fits.
pub(crate) fn first_piece(flags: u8, key: &str, state: &[u8]) -> Vec<u8> {
    let mut value = vec![flags];
    put_bytes(&mut value, key.as_bytes());
    value.extend_from_slice(state);
    value
}

/// The key of a page's first piece.
pub(crate) fn page_key(stream: u32, number: u64) -> [u8; PAGE_KEY_BYTES] {
    let mut key = [0; PAGE_KEY_BYTES];
    key[..4].copy_from_slice(&stream.to_be_bytes());
    key[4..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The key of a further piece; pieces count from 1.
pub(crate) fn piece_key(page: [u8; PAGE_KEY_BYTES], piece: u16) -> [u8; PAGE_KEY_BYTES + 2] {
    let mut key = [0; PAGE_KEY_BYTES + 2];
    key[..PAGE_KEY_BYTES].copy_from_slice(&page);
    key[PAGE_KEY_BYTES..].copy_from_slice(&piece.to_be_bytes());
    key
}

/// The number of the page that has this key.
pub(crate) fn page_number(key: &[u8]) -> u64 {
    key.last_chunk::<8>().map_or(0, |number| u64::from_be_bytes(*number))
}

/// The key of an index entry.
pub(crate) fn index_key(stream: u32, key: &str) -> Vec<u8> {
    [&stream.to_be_bytes(), key.as_bytes()].concat()
}
