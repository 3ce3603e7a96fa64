//! A line as it comes: without the codes that colour terminals, and JSON told from text.

use crate::cut::cut;
use crate::json::cut_json;
use crate::piece::{PieceKind, Pieces};
use crate::prefix::syslog_values;
use std::borrow::Cow;

/// Bytes of a line that are read.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// Cuts a line that is JSON, text with JSON at its end, or text; the pieces refer to `text`. Returns whether the whole
/// line is an object of JSON.
pub(crate) fn cut_line(line: &[u8], text: &mut Vec<u8>, pieces: &mut Pieces) -> bool {
    let line = plain(&line[..line.len().min(LINE_BYTES_MAX)]);
    let line = line.trim_ascii_end();
    let object = if line.last() == Some(&b'}') { line.windows(2).position(|two| two == b"{\"") } else { None };
    let head = object.unwrap_or(line.len());
    let start = text.len();
    text.extend_from_slice(&line[..head]);
    cut(text, start..start + head, pieces);
    // every host says the same things, so a host is a value from the start, and so is the process beside it
    for place in syslog_values(text, &pieces.0).into_iter().flatten() {
        pieces.0[place].kind = PieceKind::Value;
    }
    if object.is_some() && !cut_json(&line[head..], text, pieces) {
        text.truncate(start);
        pieces.0.clear();
        text.extend_from_slice(line);
        cut(text, start..start + line.len(), pieces);
        return false;
    }
    object == Some(0)
}

/// A line without the codes of ECMA-48 (ANSI), without NUL bytes, and without a mark of byte order.
fn plain(line: &[u8]) -> Cow<'_, [u8]> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    if !line.iter().any(|b| matches!(b, 0x1b | 0)) {
        return Cow::Borrowed(line);
    }
    let mut plain = Vec::with_capacity(line.len());
    let mut at = 0;
    while at < line.len() {
        match (line[at], line.get(at + 1)) {
            (0x1b, Some(b'[')) => {
                let end = line[at + 2..].iter().position(|b| (0x40..=0x7e).contains(b));
                at = end.map_or(line.len(), |n| at + 3 + n);
            }
            (0x1b, Some(b']')) => {
                let end = line[at + 2..].iter().position(|b| matches!(b, 7 | 0x1b));
                at = end.map_or(line.len(), |n| at + 3 + n);
            }
            (0x1b, _) => at += 2,
            (0, _) => at += 1,
            (byte, _) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(line: &str) -> String {
        let (mut text, mut pieces) = (Vec::new(), Pieces::default());
        cut_line(line.as_bytes(), &mut text, &mut pieces);
        pieces.0.iter().map(|p| String::from_utf8_lossy(p.of(&text)).into_owned()).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn colours_are_dropped_and_json_is_found() {
        assert_eq!(show("\u{1b}[1;31mERROR\u{1b}[0m disk\0 full\r"), "ERROR| |disk| |full");
        assert_eq!(show("\u{feff}x \u{1b}]0;title\u{7}y"), "x| |y");
        assert_eq!(show("a: {\"n\": 1, \"msg\": \"two words\"}"), "a|:| |n|1|msg|two| |words");
        assert_eq!(show("a {\"n\": }"), "a| |{|\"|n|\"|:| |}");
    }
}
