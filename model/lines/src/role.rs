//! What a slot is for, by its name or its place: a field that other templates have too, or a status of HTTP.

use crate::piece::PieceKind;
use crate::prefix::prefix_name;
use crate::table::hash;
use crate::template::Template;

/// Pieces from the beginning in which the value after a time stamp is looked for.
const HEAD_PIECES: usize = 4;

/// What a slot is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SlotRole {
    /// The hash of the field's name, zero if it has none; slots of one name are one field.
    pub field: u64,
    /// Whether a status of HTTP stands there.
    pub is_status: bool,
}

/// The role of the slot at a place of a template.
pub(crate) fn role_at(template: &Template, place: usize) -> SlotRole {
    let name = plain_name(template, place);
    let is_status = name.as_deref().is_some_and(is_status_name) || is_after_request(template, place);
    let is_head = template.frame == 0
        && place < HEAD_PIECES
        && template.pieces[..place].iter().any(|piece| piece.kind == PieceKind::Time as u8);
    // what stands right after the time is a host or a level in every line
    let field = if is_head { hash(b"after the time") } else { name.map_or(0, |name| hash(name.as_bytes())) };
    SlotRole { field, is_status }
}

fn is_status_name(name: &str) -> bool {
    let last = name.rsplit(['.', '/']).next().unwrap_or(name).to_ascii_lowercase();
    matches!(last.as_str(), "status" | "code" | "status_code" | "statuscode" | "http_status" | "httpstatus")
}

/// Whether a quoted text and a blank come before, as in the logs of web servers.
fn is_after_request(template: &Template, place: usize) -> bool {
    let pieces = &template.pieces;
    place >= 4
        && pieces[place - 1].is_blank()
        && pieces[place - 2].text.0.as_ref() == b"\""
        && (pieces[place - 3].kind == PieceKind::Quoted as u8 || pieces[place - 4].text.0.ends_with(b"HTTP/"))
}

/// Whether a piece is the name of a field of JSON: a mark with letters or digits, which no other mark has.
pub(crate) fn is_json_name(template: &Template, place: usize) -> bool {
    let piece = &template.pieces[place];
    piece.kind == PieceKind::Mark as u8 && piece.text.0.iter().any(u8::is_ascii_alphanumeric)
}

/// The name that stands before a slot: a path of JSON, a key, or a word.
pub(crate) fn plain_name(template: &Template, place: usize) -> Option<String> {
    if let Some(name) = prefix_name(template, place) {
        return Some(name.to_owned());
    }
    let before = place.checked_sub(1)?;
    if is_json_name(template, before) {
        return Some(String::from_utf8_lossy(&template.pieces[before].text.0).into_owned());
    }
    // marks between a word and its value are blanks, signs of equality, colons and quotes
    let is_between = |place: usize| {
        let piece = &template.pieces[place];
        piece.kind == PieceKind::Mark as u8
            && (piece.is_blank() || piece.text.0.iter().all(|b| matches!(b, b'=' | b':' | b'"' | b'\'')))
    };
    let word = (place.saturating_sub(3)..place).rev().find(|at| !is_between(*at)).filter(|word| *word < before)?;
    let piece = &template.pieces[word];
    (piece.is_plain_word() && piece.text.0.iter().any(u8::is_ascii_alphabetic))
        .then(|| String::from_utf8_lossy(&piece.text.0).into_owned())
}
