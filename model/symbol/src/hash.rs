//! The hash by which contexts, fields and words are told apart.

/// The hash of `hash` followed by `value`, 32 bits each. It multiplies and shifts only, so it is the same everywhere.
#[inline(always)]
pub fn mix(hash: u32, value: u32) -> u32 {
    let hash = hash.wrapping_add(value).wrapping_mul(0x2F0B_4C47);
    let hash = (hash ^ hash >> 15).wrapping_mul(0x9E37_79B1);
    hash ^ hash >> 13
}
