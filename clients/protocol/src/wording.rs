//! The words of refusals: texts that parsing writes into its errors and that [`crate::diagnose`] reads back.
//!
//! serde carries an error as text only. Whatever a second reading has to recognise in that text is therefore defined
//! here, beside the code that writes it.

use crate::hello::HELLO_KEYS;
use surmise_event::{Refusal, RefusalCode};

/// Every key that an event may have.
const EVENT_KEYS: &[&str] = &["seq", "stream", "key", "time", "data", "end", "feedback", "id"];

/// Characters of a sender's own text that a message quotes; the rest becomes an ellipsis.
const QUOTE_CHARS_MAX: usize = 80;

/// The beginning of the message about an unknown key; the key follows in quotation marks.
pub(crate) const UNKNOWN: &str = "unknown key ";

/// The part of the message about a repeated key by which it is recognised.
pub(crate) const REPEATED: &str = "is there twice";

/// The beginning of the message about a time that cannot be read; what was expected follows.
pub(crate) const BAD_TIME: &str = "the time: ";

/// The beginning of the message about an id that is none.
pub(crate) const BAD_ID: &str = "the id";

/// Why an object with a key or a field in this place is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFault {
    /// A key that the protocol does not have.
    #[error("{UNKNOWN}{:?}: {hint}", shorten(name))]
    Unknown { name: Box<str>, hint: String },
    /// A key of the protocol that was sent more than once.
    #[error("the key {0:?} {REPEATED}; send it once")]
    RepeatedKey(&'static str),
    /// Something that cannot stand beside the rest of the line.
    #[error("{0}")]
    Misplaced(&'static str),
    /// Objects and arrays within one another beyond the bound.
    #[error("objects and arrays nest deeper than {0} levels; send the inner values under names of their own")]
    TooDeep(usize),
    /// The names of what nests are too long.
    #[error("the names of nested values are longer than {0} bytes; shorten them")]
    LongNestedName(usize),
    /// More fields than a record may have.
    #[error("the record has more than {0} nested values; send fewer")]
    TooManyNested(usize),
    /// The id of an event that is none.
    #[error("{BAD_ID}: expected a text that is not empty, or a whole number")]
    BadId,
    /// The time of an event that cannot be read.
    #[error("{BAD_TIME}{0}")]
    BadTime(String),
    /// A field of the event that was sent more than once.
    #[error("the field {0:?} {REPEATED}; send it once")]
    RepeatedField(Box<str>),
}

impl KeyFault {
    /// The fault of an event that has an unknown key.
    pub(crate) fn unknown_in_event(name: &str) -> KeyFault {
        let hint = match suggest(name, EVENT_KEYS.iter().copied().chain(["hello"])) {
            Some(key) => format!("did you mean {key:?}?"),
            None => format!("fields go into \"data\"; the other keys are {}", EVENT_KEYS.join(", ")),
        };
        KeyFault::Unknown { name: name.into(), hint }
    }

    /// The fault of a hello that has an unknown key.
    pub(crate) fn unknown_in_hello(name: &str) -> KeyFault {
        let hint = match suggest(name, HELLO_KEYS.iter().copied()) {
            Some(key) => format!("did you mean {key:?}?"),
            None => format!("a hello has {}", HELLO_KEYS.join(", ")),
        };
        KeyFault::Unknown { name: name.into(), hint }
    }
}

/// The refusal of a line that is not UTF-8 from byte `at` on.
pub(crate) fn bad_utf8(field: &str, at: usize) -> Refusal {
    Refusal::new(RefusalCode::BadUtf8, field, format!("byte {at} of the line is not UTF-8; send text as UTF-8"))
}

/// The first [`QUOTE_CHARS_MAX`] characters of a text, followed by an ellipsis if there are more.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The candidate that a mistyped word was probably meant to be, for a "did you mean" in an error message.
///
/// ```
/// assert_eq!(surmise_protocol::suggest("producr", ["stream", "producer"]), Some("producer"));
/// assert_eq!(surmise_protocol::suggest("colour", ["stream", "producer"]), None);
/// ```
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
    candidates
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        // one slip, and one more for every four letters; a word that shares nothing is no suggestion
        .filter(|(edits, candidate)| *edits <= 1 + candidate.len() / 4 && *edits < word.len().max(1))
        .min()
        .map(|(_, candidate)| candidate)
}
