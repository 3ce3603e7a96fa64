//! What is computed once per symbol and shared by all of its decisions.

use crate::contexts::CONTEXTS_MAX;
use crate::sources::SourcesAtSymbol;

/// Inputs computed once per symbol and shared by all of its bits.
#[derive(Clone, Default)]
pub struct SymbolInputs {
    /// The hash of every context.
    pub hashes: [u32; CONTEXTS_MAX],
    /// What the sources of evidence keep for the symbol.
    pub sources: SourcesAtSymbol,
    /// The last symbol and the last but one, plus 1; 0 before the key's first.
    pub last: [u32; 4],
    /// Kinds of the last four bytes, two bits each.
    pub byte_kinds: u32,
    /// The column and the field within the line, four bits each.
    pub line_place: u32,
    /// A hash of the event's other fields.
    pub side: u32,
}

/// The kinds of four bytes, two bits each, the first one highest: 0 for letters, 1 for digits, 2 for spaces, 3 for what
/// is left. `bytes` are symbols plus 1.
pub fn byte_kinds(bytes: [u32; 4]) -> u32 {
    let kind = |byte: u32| match byte.wrapping_sub(1) as u8 {
        b'0'..=b'9' => 1,
        b'a'..=b'z' | b'A'..=b'Z' | 128.. => 0,
        b' ' => 2,
        _ => 3u32,
    };
    bytes.into_iter().fold(0, |kinds, byte| kinds << 2 | kind(byte))
}
