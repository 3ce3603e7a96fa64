//! Cuts a text into pieces, in one pass from left to right, without regular expressions.

use crate::piece::{BLANK_HASH, Piece, PieceKind, Pieces};
use crate::stamp;
use crate::table::hash;
use crate::token;
use std::ops::Range;

/// Classes of bytes.
const BLANK: u8 = 0;
const WORD: u8 = 1;
const QUOTE: u8 = 2;
const OTHER: u8 = 3;

/// The class of each byte. Bytes beyond ASCII are parts of words of whatever language.
const CLASSES: [u8; 256] = {
    let mut classes = [OTHER; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        if byte.is_ascii_alphanumeric()
            || byte >= 0x80
            || matches!(byte, b'_' | b'.' | b'%' | b'$' | b'*' | b'~' | b'+' | b'-')
        {
            classes[b] = WORD;
        } else if byte.is_ascii_whitespace() || byte == 0x0b {
            classes[b] = BLANK;
        } else if byte == b'"' {
            classes[b] = QUOTE;
        }
        b += 1;
    }
    classes
};

#[inline]
fn class(byte: u8) -> u8 {
    CLASSES[byte as usize]
}

/// Quoted texts without an end that are looked for in a text; hostile lines have thousands.
const OPEN_QUOTES_MAX: u32 = 3;

/// Cuts `text[range]` into pieces, which are added to `pieces`.
pub(crate) fn cut(text: &[u8], range: Range<usize>, pieces: &mut Pieces) {
    let first = pieces.0.len();
    cut_words(text, range, pieces);
    mark_values(text, first, pieces);
    join_lists(text, first, pieces);
}

/// Adds the level and the time that a line of klog begins with, if it is one; returns where the rest begins.
fn klog_head(text: &[u8], range: &Range<usize>, pieces: &mut Pieces) -> usize {
    let Some((level, time)) = stamp::read_klog(&text[..range.end], range.start) else { return range.start };
    pieces.push(PieceKind::Word, text, range.start..level);
    pieces.push(PieceKind::Time, text, level..time);
    time
}

/// Adds brackets with nothing in them, where other lines have something.
fn empty_brackets(text: &[u8], start: usize, pieces: &mut Pieces) {
    pieces.push(PieceKind::Mark, text, start..start + 1);
    pieces.push(PieceKind::Value, text, start + 1..start + 1);
    pieces.push(PieceKind::Mark, text, start + 1..start + 2);
}

/// Cuts a text into pieces that have not yet seen their neighbours.
fn cut_words(text: &[u8], range: Range<usize>, pieces: &mut Pieces) {
    let (mut at, end, mut open_quotes) = (klog_head(text, &range, pieces), range.end, 0);
    while at < end && !pieces.is_full() {
        let start = at;
        match class(text[at]) {
            BLANK => {
                at = run(text, at, end, BLANK);
                pieces.push_blank(start..at);
            }
            QUOTE => match closing(text, at, end).filter(|_| open_quotes < OPEN_QUOTES_MAX) {
                Some(close) => {
                    quoted(text, start, close, pieces);
                    at = close + 1;
                }
                None => {
                    open_quotes += 1;
                    at += 1;
                    pieces.push(PieceKind::Mark, text, start..at);
                }
            },
            WORD => {
                let is_fresh = start == range.start || class(text[start - 1]) != WORD;
                let address = if is_fresh { token::address_end(&text[..end], at) } else { None };
                let time = if is_fresh && address.is_none() { stamp::read(&text[start..end]) } else { None };
                if let Some((length, _)) = time.filter(|(_, s)| !s.is_absolute || tells_time(text, start, pieces)) {
                    at = start + length;
                    pieces.push(PieceKind::Time, text, start..at);
                } else if let Some(whole) = address.or_else(|| token::length_end(&text[..end], at).filter(|_| is_fresh))
                {
                    at = whole;
                    pieces.push(PieceKind::Value, text, start..at);
                } else {
                    at = run(text, at, end, WORD);
                    word(text, start..at, pieces);
                }
            }
            _ => {
                let is_fresh = start == range.start || class(text[start - 1]) == BLANK || text[start - 1] == b'(';
                if let Some(whole) = whole_end(text, at, end).filter(|_| is_fresh) {
                    at = whole;
                    pieces.push(PieceKind::Value, text, start..at);
                    continue;
                }
                while at < end && class(text[at]) == OTHER && !begins_path(text, range.start, at, end) {
                    at += 1;
                }
                if &text[start..at] == b"()" && start > range.start && class(text[start - 1]) == BLANK {
                    empty_brackets(text, start, pieces);
                } else if at > start {
                    pieces.push(PieceKind::Mark, text, start..at);
                } else {
                    at = path_end(text, at, end);
                    pieces.push(PieceKind::Quoted, text, start..at);
                }
            }
        }
    }
}

/// The end of a value that begins with a mark: `<1 sec`, `::1` or `[fe80::1]:80`.
fn whole_end(text: &[u8], at: usize, end: usize) -> Option<usize> {
    match text[at] {
        b'<' => token::below_end(&text[..end], at),
        b':' | b'[' => token::address_end(&text[..end], at),
        _ => None,
    }
}

/// Adds a word; points that lead to a value, as in `enable......0`, are a mark between the two.
fn word(text: &[u8], range: Range<usize>, pieces: &mut Pieces) {
    let Some((from, to)) = token::leader(&text[range.clone()]).filter(|(from, _)| *from > 0) else {
        return pieces.push(word_kind(&text[range.clone()]), text, range);
    };
    let (from, to) = (range.start + from, range.start + to);
    pieces.push(word_kind(&text[range.start..from]), text, range.start..from);
    pieces.push(PieceKind::Mark, text, from..to);
    if to < range.end {
        pieces.push(word_kind(&text[to..range.end]), text, to..range.end);
    }
}

/// Makes values of words that are values by their place: after a key and `=`, in single quotes, hosts before ports, and
/// units after numbers. A key without a value, as in `logname= uid=0`, gets an empty one.
fn mark_values(text: &[u8], first: usize, pieces: &mut Pieces) {
    let is = |piece: &Piece, kind, what: &[u8]| piece.kind == kind && piece.of(text) == what;
    let mut at = first + 1;
    while at < pieces.0.len() {
        let (before, this) = (pieces.0[at - 1], pieces.0[at]);
        if is(&this, PieceKind::Mark, b"=") && before.kind == PieceKind::Word {
            match pieces.0.get(at + 1) {
                Some(next) if next.kind == PieceKind::Word => pieces.0[at + 1].kind = PieceKind::Value,
                Some(next) if next.hash != BLANK_HASH => {}
                _ if !pieces.is_full() => {
                    let end = this.end;
                    pieces.0.insert(at + 1, Piece { kind: PieceKind::Value, start: end, end, hash: hash(b"") });
                }
                _ => {}
            }
        } else if this.kind == PieceKind::Word {
            let is_after_number = before.hash == BLANK_HASH
                && at >= first + 2
                && pieces.0[at - 2].kind == PieceKind::Value
                && token::is_unit(this.of(text));
            if is_after_number || is_quoted(text, pieces, at) || has_port(text, pieces, at) {
                pieces.0[at].kind = PieceKind::Value;
            }
        }
        at += 1;
    }
}

/// Whether the word at a place stands alone in single quotes.
fn is_quoted(text: &[u8], pieces: &Pieces, at: usize) -> bool {
    let before = &pieces.0[at - 1];
    // the mark in `can't` comes right after a word
    let is_apart = before.end - before.start > 1 || before.start == 0 || class(text[before.start as usize - 1]) != WORD;
    let closes = |p: &Piece| p.kind == PieceKind::Mark && p.of(text).first() == Some(&b'\'');
    before.kind == PieceKind::Mark
        && before.of(text).last() == Some(&b'\'')
        && is_apart
        && pieces.0.get(at + 1).is_some_and(closes)
}

/// Whether the word at a place is a host and a port follows it.
fn has_port(text: &[u8], pieces: &Pieces, at: usize) -> bool {
    let is_port = |p: &Piece| p.kind == PieceKind::Value && p.of(text).iter().all(u8::is_ascii_digit);
    token::is_host(pieces.0[at].of(text))
        && pieces.0.get(at + 1).is_some_and(|p| p.of(text) == b":")
        && pieces.0.get(at + 2).is_some_and(is_port)
}

/// Whether a count of seconds that begins here is a time: at the beginning of a line, in brackets, or after a key that
/// says so. Elsewhere it is a number like others.
fn tells_time(text: &[u8], start: usize, pieces: &Pieces) -> bool {
    match pieces.0.as_slice() {
        [] | [_] => true,
        [.., key, sign] if sign.of(text) == b"=" => is_time_name(key.of(text)),
        _ => matches!(text[start - 1], b'(' | b'['),
    }
}

/// Whether a name of a field says that it is a time.
pub(crate) fn is_time_name(name: &[u8]) -> bool {
    let small = name.to_ascii_lowercase();
    let last = small.rsplit(|b| *b == b'.').next().unwrap_or(&small);
    matches!(last, b"ts" | b"t" | b"date") || last.windows(4).any(|part| part == b"time")
}

/// Where the run of a class ends.
#[inline]
fn run(text: &[u8], from: usize, end: usize, of: u8) -> usize {
    text[from..end].iter().position(|b| class(*b) != of).map_or(end, |n| from + n)
}

/// Where the quotation that begins at `from` ends; a backslash takes the meaning off the next byte.
fn closing(text: &[u8], from: usize, end: usize) -> Option<usize> {
    let mut at = from + 1;
    while at < end {
        match text[at] {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// Adds a quotation: a single word stays a word between marks.
fn quoted(text: &[u8], open: usize, close: usize, pieces: &mut Pieces) {
    pieces.push(PieceKind::Mark, text, open..open + 1);
    let inside = open + 1..close;
    if is_message_key(text, pieces) {
        cut_words(text, inside, pieces);
    } else if let Some((method, target)) = request(&text[inside.clone()]) {
        // the method is a word of the line, what is asked for is a text of its own
        let at = open + 1;
        pieces.push(PieceKind::Word, text, at..at + method);
        pieces.push_blank(at + method..at + method + 1);
        pieces.push(PieceKind::Quoted, text, at + method + 1..at + target);
        for (kind, from, to) in [(PieceKind::Mark, target, target + 6), (PieceKind::Value, target + 6, close - at)] {
            if at + to <= close && from < to {
                pieces.push(kind, text, at + from..at + to);
            }
        }
    } else if !inside.is_empty() {
        pieces.push(text_kind(&text[inside.clone()]), text, inside);
    }
    pieces.push(PieceKind::Mark, text, close..close + 1);
}

/// Names of fields whose text is the message of the line.
pub(crate) fn is_message_name(name: &[u8]) -> bool {
    const NAMES: &[&str] = &["msg", "message", "MESSAGE", "Message", "log", "body", "event"];
    let last = name.rsplit(|b| *b == b'.').next().unwrap_or(name);
    NAMES.iter().any(|name| name.as_bytes() == last)
}

/// Whether the quotation that has just begun is the message of the line, as in `msg="request served"`.
fn is_message_key(text: &[u8], pieces: &Pieces) -> bool {
    match pieces.0.as_slice() {
        [.., key, sign, _] => sign.of(text) == b"=" && key.kind == PieceKind::Word && is_message_name(key.of(text)),
        _ => false,
    }
}

/// The length of the method of a request of HTTP, and where its target ends: `GET /a?b=c HTTP/1.1`.
fn request(text: &[u8]) -> Option<(usize, usize)> {
    let method = text.iter().position(|b| !b.is_ascii_uppercase()).filter(|n| (3..=8).contains(n))?;
    let target = text.iter().rposition(|b| *b == b' ').filter(|target| *target > method + 1)?;
    let is_plain = !text[method + 1..target].contains(&b' ');
    (text[method] == b' ' && is_plain && text[target..].starts_with(b" HTTP/") && text.len() > target + 6)
        .then_some((method, target))
}

/// The kind of a whole text: quoted if it has blanks or slashes.
pub(crate) fn text_kind(text: &[u8]) -> PieceKind {
    if text.iter().any(|b| class(*b) == BLANK || *b == b'/') { PieceKind::Quoted } else { word_kind(text) }
}

/// Whether a word is a value by its shape: it has a digit, or dots between letters like a name of a host or a class.
fn word_kind(word: &[u8]) -> PieceKind {
    let has_digit = word.iter().any(u8::is_ascii_digit);
    let dots = |w: &[u8]| w.iter().filter(|b| **b == b'.').count();
    let inner = |w: &[u8]| {
        let from = w.iter().position(|b| *b != b'.').unwrap_or(w.len());
        let to = w.iter().rposition(|b| *b != b'.').map_or(from, |n| n + 1);
        dots(&w[from..to])
    };
    let is_host = || DOMAINS.iter().any(|domain| word.ends_with(domain.as_bytes()));
    if has_digit || inner(word) > 1 || is_host() || token::is_masked(word) { PieceKind::Value } else { PieceKind::Word }
}

/// Ends of names of hosts.
const DOMAINS: &[&str] = &[".com", ".org", ".net", ".edu", ".gov", ".io", ".local", ".lan", ".internal"];

/// Whether a byte may stand in a part of a path.
#[inline]
fn is_path_byte(byte: u8) -> bool {
    class(byte) == WORD || byte == b'@'
}

/// Whether a path begins at a slash.
#[inline]
fn begins_path(text: &[u8], first: usize, at: usize, end: usize) -> bool {
    text[at] == b'/'
        && at + 1 < end
        && is_path_byte(text[at + 1])
        && (at == first || {
            let before = text[at - 1];
            !(before.is_ascii_alphanumeric() || before >= 0x80 || matches!(before, b'_' | b'.' | b'-' | b'/' | b'*'))
        })
}

/// Where the path that begins at a slash ends.
fn path_end(text: &[u8], from: usize, end: usize) -> usize {
    let mut at = from + 1;
    while at < end && (is_path_byte(text[at]) || (text[at] == b'/' && text[at - 1] != b'/')) {
        at += 1;
    }
    at
}

/// Makes a list of identifiers, such as `1, 2, 3, 4, 5`, one value, so that its length does not matter.
fn join_lists(text: &[u8], first: usize, pieces: &mut Pieces) {
    let list = &mut pieces.0;
    let (mut from, mut to) = (first, first);
    while from < list.len() {
        let (last, members, is_named) = list_from(text, list, from);
        list[to] = list[from];
        if members >= 5 || (members >= 3 && is_named) {
            let place = list[from].start as usize..list[last].end as usize;
            (list[to].end, list[to].hash) = (place.end as u32, hash(&text[place]));
            from = last;
        }
        (from, to) = (from + 1, to + 1);
    }
    list.truncate(to);
}

/// The list that begins at a piece: its last piece, how many members it has, and whether each begins with a letter.
fn list_from(text: &[u8], list: &[Piece], from: usize) -> (usize, usize, bool) {
    let is_value = |at: usize| list.get(at).is_some_and(|p| p.kind == PieceKind::Value);
    let is_mark = |at: usize| list.get(at).is_some_and(|p| p.kind == PieceKind::Mark);
    let is_named = |at: usize| text.get(list[at].start as usize).is_some_and(u8::is_ascii_alphabetic);
    if !is_value(from) || !is_mark(from + 1) {
        return (from, 1, false);
    }
    // between members there is one mark, or a comma and blanks
    let between = if is_value(from + 2) { 1 } else { 2 };
    let (mut last, mut members, mut named) = (from, 1, is_named(from));
    while is_value(last + between + 1)
        && (1..=between).all(|k| is_mark(last + k) && list[last + k].hash == list[from + k].hash)
    {
        last += between + 1;
        members += 1;
        named &= is_named(last);
    }
    (last, members, named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        let mut pieces = Pieces::default();
        cut(text.as_bytes(), 0..text.len(), &mut pieces);
        let one = |p: &Piece| {
            let text = String::from_utf8_lossy(p.of(text.as_bytes())).into_owned();
            match p.kind {
                PieceKind::Word | PieceKind::Mark => text,
                PieceKind::Value => format!("<{text}>"),
                PieceKind::Quoted => format!("«{text}»"),
                PieceKind::Time => format!("[{text}]"),
            }
        };
        pieces.0.iter().map(one).collect()
    }

    #[test]
    fn lines_are_cut_by_shape() {
        assert_eq!(
            show(r#"10.0.0.1 - - [02/Mar/2026:13:51:29 +0000] "GET /item/1 HTTP/1.1" 200 "-" rt=0.002"#),
            r#"<10.0.0.1> - - [[02/Mar/2026:13:51:29 +0000]] "GET «/item/1» HTTP/<1.1>" <200> "-" rt=<0.002>"#
        );
        assert_eq!(show("open /tmp/a.b failed: 3/4 (/x)"), "open «/tmp/a.b» failed: <3>/<4> («/x»)");
        assert_eq!(show("ids 1, 2, 3, 4, 5 end"), "ids <1, 2, 3, 4, 5> end");
        assert_eq!(show(r#"a "b" "" "unclosed c"#), r#"a "b" "" "unclosed c"#);
        assert_eq!(show("org.apache.Foo größe"), "<org.apache.Foo> größe");
    }
}
