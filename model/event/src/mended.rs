//! Text that is not quite text, mended.

use std::borrow::Cow;

/// Bytes as text: what is not UTF-8 becomes `�`, and NUL bytes are dropped.
///
/// ```
/// assert_eq!(surmise_event::mended(b"caf\xe9\0 opened"), "caf\u{fffd} opened");
/// ```
pub fn mended(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { text }
}
