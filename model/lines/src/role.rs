//! What a slot is for, by its name or its place: a field that other templates have too, or what says how severe a line
//! is.

use crate::piece::PieceKind;
use crate::prefix::prefix_name;
use crate::table::hash;
use crate::template::Template;
use surmise_state::{Persist, State, StateError};

/// Pieces from the beginning in which the value after a time stamp is looked for.
const HEAD_PIECES: usize = 4;

/// What a value of a slot says of how severe its line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LineSeverity {
    /// Nothing.
    #[default]
    Unsaid,
    /// A status of HTTP: 500 and more is severe.
    Status,
    /// A level in tens, as of pino and bunyan: from 40, a warning, on.
    Level,
    /// A priority of syslog, whose remainder by eight is severe up to four, a warning.
    Priority,
}

impl LineSeverity {
    const ALL: [LineSeverity; 4] =
        [LineSeverity::Unsaid, LineSeverity::Status, LineSeverity::Level, LineSeverity::Priority];

    /// Whether this value says that its line is severe.
    pub fn of(self, value: &[u8]) -> bool {
        let number = || std::str::from_utf8(value).ok().filter(|_| value.len() <= 3)?.parse::<u16>().ok();
        match self {
            LineSeverity::Unsaid => false,
            LineSeverity::Status => value.len() == 3 && value[0] == b'5',
            LineSeverity::Level => matches!(number(), Some(40 | 50 | 60)),
            LineSeverity::Priority => number().is_some_and(|n| n < 192 && n % 8 <= 4),
        }
    }
}

impl Persist for LineSeverity {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let mut number = *self as u8;
        s.u8("severity", &mut number)?;
        *self = *LineSeverity::ALL.get(usize::from(number)).ok_or(StateError::Invalid("severity"))?;
        Ok(())
    }
}

/// What a slot is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SlotRole {
    /// The hash of the field's name, zero if it has none; slots of one name are one field.
    pub field: u64,
    /// What its values say of how severe a line is.
    pub severity: LineSeverity,
}

/// The role of the slot at a place of a template.
pub(crate) fn role_at(template: &Template, place: usize) -> SlotRole {
    let name = plain_name(template, place);
    let severity = match name.as_deref().map(severity_named) {
        Some(LineSeverity::Unsaid) | None if is_after_request(template, place) => LineSeverity::Status,
        Some(named) => named,
        None => LineSeverity::Unsaid,
    };
    let is_head = template.frame == 0
        && place < HEAD_PIECES
        && template.pieces[..place].iter().any(|piece| piece.kind == PieceKind::Time as u8);
    // what stands right after the time is a host or a level in every line
    let field = if is_head { hash(b"after the time") } else { name.map_or(0, |name| hash(name.as_bytes())) };
    SlotRole { field, severity }
}

fn severity_named(name: &str) -> LineSeverity {
    let last = name.rsplit(['.', '/']).next().unwrap_or(name).to_ascii_lowercase();
    match last.as_str() {
        "status" | "code" | "status_code" | "statuscode" | "http_status" | "httpstatus" => LineSeverity::Status,
        "priority" => LineSeverity::Priority,
        name if is_level_name(name) => LineSeverity::Level,
        _ => LineSeverity::Unsaid,
    }
}

/// Whether a field of this name, in small letters, is the level of its line.
fn is_level_name(name: &str) -> bool {
    matches!(name, "level" | "lvl" | "loglevel" | "log_level" | "severity" | "s")
}

/// Whether the literal at a place is a level of one letter that is severe: after the name of a level in JSON or in
/// `key=value`, or before the time of a line of klog.
pub(crate) fn is_severe_letter(template: &Template, place: usize) -> bool {
    let piece = &template.pieces[place];
    if !piece.is_plain_word() || !matches!(piece.text.0.as_ref(), b"W" | b"E" | b"F" | b"C") {
        return false;
    }
    let is_klog = place == 0 && template.pieces.get(1).is_some_and(|p| p.kind == PieceKind::Time as u8);
    let is_level = || {
        plain_name(template, place)
            .is_some_and(|name| is_level_name(name.rsplit('.').next().unwrap_or(&name).to_ascii_lowercase().as_str()))
    };
    template.frame == 0 && (is_klog || is_level())
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
