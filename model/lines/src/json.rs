//! JSON objects as pieces: names of fields joined by dots, then their values.

use crate::cut::{cut, is_message_name, is_time_name, text_kind};
use crate::piece::{PieceKind, Pieces};
use crate::stamp;

/// Objects and arrays inside each other; what is deeper is one value.
const DEPTH_MAX: usize = 8;

/// Members of an array that are fields of their own; the rest is passed over.
const MEMBERS_MAX: usize = 8;

/// Reads a line that is one JSON object. The names and values are written to `text`, the pieces refer to that. Returns
/// false, with both as they were, if the line is something else.
pub(crate) fn cut_json(line: &[u8], text: &mut Vec<u8>, pieces: &mut Pieces) -> bool {
    let (text_before, pieces_before) = (text.len(), pieces.0.len());
    let mut object = JsonText { line, at: 0, text, pieces, path: Vec::new() };
    let is_whole = object.value(0).is_some() && {
        object.blanks();
        object.at == line.len()
    };
    if !is_whole {
        text.truncate(text_before);
        pieces.0.truncate(pieces_before);
    }
    is_whole
}

struct JsonText<'a> {
    line: &'a [u8],
    at: usize,
    text: &'a mut Vec<u8>,
    pieces: &'a mut Pieces,
    path: Vec<u8>,
}

impl JsonText<'_> {
    fn blanks(&mut self) {
        while self.line.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> u8 {
        self.blanks();
        self.line.get(self.at).copied().unwrap_or(0)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek() == byte).then(|| self.at += 1)
    }

    /// Reads a value and adds its pieces.
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek() {
            b'{' if depth < DEPTH_MAX => self.object(depth),
            b'[' if depth < DEPTH_MAX => self.array(depth),
            b'{' | b'[' => self.skip(),
            b'"' => {
                let start = self.string()?;
                self.add(start, false);
                Some(())
            }
            _ if depth == 0 => None,
            _ => {
                let from = self.at;
                let is_scalar = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
                while self.line.get(self.at).is_some_and(is_scalar) {
                    self.at += 1;
                }
                let scalar = &self.line[from..self.at];
                let is_number = matches!(scalar.first(), Some(b'-' | b'0'..=b'9'));
                if !is_number && !matches!(scalar, b"true" | b"false" | b"null") {
                    return None;
                }
                let start = self.text.len();
                self.text.extend_from_slice(scalar);
                self.add(start, true);
                Some(())
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.take(b'{')?;
        if self.peek() == b'}' {
            return self.take(b'}');
        }
        let before = self.path.len();
        loop {
            self.blanks();
            let start = self.string()?;
            self.take(b':')?;
            if before > 0 {
                self.path.push(b'.');
            }
            self.path.extend_from_slice(&self.text[start..]);
            self.text.truncate(start);
            self.value(depth + 1)?;
            self.path.truncate(before);
            match self.peek() {
                b',' => self.at += 1,
                b'}' => return self.take(b'}'),
                _ => return None,
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        if depth == 0 {
            return None;
        }
        self.take(b'[')?;
        if self.peek() == b']' {
            return self.take(b']');
        }
        let before = self.path.len();
        let mut member = 0;
        loop {
            if member < MEMBERS_MAX {
                self.path.extend_from_slice(&[b'.', b'0' + member as u8]);
                self.value(depth + 1)?;
                self.path.truncate(before);
            } else {
                self.skip()?;
            }
            member += 1;
            match self.peek() {
                b',' => self.at += 1,
                b']' => return self.take(b']'),
                _ => return None,
            }
        }
    }

    /// Passes over a value.
    fn skip(&mut self) -> Option<()> {
        let mut open = 0usize;
        loop {
            match self.peek() {
                0 => return None,
                b'"' => {
                    let start = self.string()?;
                    self.text.truncate(start);
                }
                b'{' | b'[' => {
                    open += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    open = open.checked_sub(1)?;
                    self.at += 1;
                }
                b',' if open == 0 => return None,
                _ => self.at += 1,
            }
            if open == 0 && matches!(self.peek(), b',' | b'}' | b']') {
                return Some(());
            }
        }
    }

    /// Appends the contents of a string to the text; returns where they begin.
    fn string(&mut self) -> Option<usize> {
        self.take(b'"')?;
        let start = self.text.len();
        loop {
            let plain = self.line[self.at..].iter().position(|b| matches!(b, b'"' | b'\\'))?;
            self.text.extend_from_slice(&self.line[self.at..self.at + plain]);
            self.at += plain + 1;
            if self.line[self.at - 1] == b'"' {
                return Some(start);
            }
            let escaped = *self.line.get(self.at)?;
            self.at += 1;
            match escaped {
                b'n' | b'r' | b't' | b'b' | b'f' => self.text.push(b' '),
                b'u' => {
                    let digits = self.line.get(self.at..self.at + 4)?;
                    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
                    self.at += 4;
                    // halves of a pair of surrogates stay two replacement characters
                    let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                    self.text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
                other => self.text.push(other),
            }
        }
    }

    /// Adds the name and the value whose text begins at `start` and ends with the text.
    fn add(&mut self, start: usize, is_bare: bool) {
        let value = start..self.text.len();
        let name = self.text.len()..self.text.len() + self.path.len();
        self.text.extend_from_slice(&self.path);
        self.pieces.push(PieceKind::Mark, self.text, name);
        if value.is_empty() {
            return;
        }
        let said = &self.text[value.clone()];
        let is_time = stamp::read(said).is_some_and(|(length, stamp)| {
            length == said.len() && stamp.has_time && (!stamp.is_absolute || is_time_name(&self.path))
        });
        if !is_time && !is_bare && text_kind(said) == PieceKind::Quoted && is_message_name(&self.path) {
            return cut(self.text, value, self.pieces);
        }
        let kind = match text_kind(said) {
            _ if is_time => PieceKind::Time,
            // what is not quoted is a number, a truth value or nothing: it varies from the start
            _ if is_bare => PieceKind::Value,
            kind => kind,
        };
        self.pieces.push(kind, self.text, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(line: &str) -> Option<String> {
        let (mut text, mut pieces) = (Vec::new(), Pieces::default());
        cut_json(line.as_bytes(), &mut text, &mut pieces).then(|| {
            let one = |p: &crate::piece::Piece| format!("{:?}:{}", p.kind, String::from_utf8_lossy(p.of(&text)));
            pieces.0.iter().map(one).collect::<Vec<_>>().join(" ")
        })
    }

    #[test]
    fn objects_are_flattened() {
        assert_eq!(
            show(
                r#"{"a": {"b": "x", "c": [1, {"d": true}]}, "t": "2026-03-02T12:58:45Z", "e": "", "m": "two w\u00f6rds"}"#
            ),
            Some(
                "Mark:a.b Word:x Mark:a.c.0 Value:1 Mark:a.c.1.d Value:true Mark:t Time:2026-03-02T12:58:45Z Mark:e \
                 Mark:m Quoted:two wörds"
                    .into()
            )
        );
        assert_eq!(show("{}").as_deref(), Some(""));
    }

    #[test]
    fn what_is_no_object_is_told() {
        for line in ["[1]", "{\"a\":}", "{\"a\":1} x", "{a:1}", "{\"a\":[1,2}", "{\"a\":\"x", "{\"a\":\"\\u12\"}", "3"]
        {
            assert_eq!(show(line), None, "{line}");
        }
    }
}
