//! Checksums of small values.

use crate::bytes::Damaged;

/// Appends a checksum to a small value.
pub(crate) fn seal(mut value: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&value);
    value.extend_from_slice(&crc.to_le_bytes());
    value
}

/// Checks the checksum that [`seal`] appended, and takes it off.
pub(crate) fn unseal<'a>(value: &'a [u8], what: &'static str) -> Result<&'a [u8], Damaged> {
    let (body, crc) = value.split_last_chunk::<4>().ok_or(Damaged(what))?;
    if crc32fast::hash(body) == u32::from_le_bytes(*crc) { Ok(body) } else { Err(Damaged(what)) }
}
