//! What the caller says about a recording's fields.

use crate::error::UsageError;
use crate::format::Format;
use std::str::FromStr;
use surmise_event::{FieldKind, VALUE};
use surmise_protocol::suggest;

/// What is said about one field: `NAME:KIND`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChoice {
    /// The field, or column.
    pub name: String,
    /// What it holds.
    pub kind: KindChoice,
}

/// What a column is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindChoice {
    /// A field of this kind.
    Is(FieldKind),
    /// No field.
    Ignore,
}

/// A text that is no [`FieldChoice`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownFieldChoice {
    /// Name and kind are not both there.
    #[error("expected NAME:KIND, got {0:?}")]
    Form(String),
    /// There is no such kind.
    #[error("{kind:?} is not a kind of field; {hint}kinds are {}", KINDS.map(|(name, _)| name).join(", "))]
    Kind {
        /// The word.
        kind: String,
        /// A kind that may be meant, as a question; empty if there is none.
        hint: String,
    },
}

/// The words for kinds on the command line. A byte is no choice: only the format `bytes` has them.
const KINDS: [(&str, KindChoice); 7] = [
    ("category", KindChoice::Is(FieldKind::Category)),
    ("number", KindChoice::Is(FieldKind::Number)),
    ("bytes", KindChoice::Is(FieldKind::Text)),
    ("text", KindChoice::Is(FieldKind::Text)),
    ("line", KindChoice::Is(FieldKind::Line)),
    ("gap", KindChoice::Is(FieldKind::Gap)),
    ("ignore", KindChoice::Ignore),
];

impl FromStr for FieldChoice {
    type Err = UnknownFieldChoice;

    fn from_str(s: &str) -> Result<FieldChoice, UnknownFieldChoice> {
        // the last colon divides, so that names may hold others
        let named = s.rsplit_once(':').filter(|(name, _)| !name.is_empty());
        let (name, word) = named.ok_or_else(|| UnknownFieldChoice::Form(s.to_owned()))?;
        match KINDS.into_iter().find(|(known, _)| *known == word) {
            Some((_, kind)) => Ok(FieldChoice { name: name.into(), kind }),
            None => Err(UnknownFieldChoice::Kind {
                kind: word.to_owned(),
                hint: FieldKind::meant_by(word)
                    .map(FieldKind::name)
                    .or_else(|| suggest(word, KINDS.map(|(known, _)| known)))
                    .map_or(String::new(), |known| format!("did you mean {known}? ")),
            }),
        }
    }
}

/// The choice for a field, where one was made; the last one counts.
pub(crate) fn chosen(choices: &[FieldChoice], name: &str) -> Option<KindChoice> {
    choices.iter().rev().find(|c| c.name == name).map(|c| c.kind)
}

/// The kind that was chosen for the one field of a format without names, where one was chosen.
pub(crate) fn chosen_for_value(choices: &[FieldChoice], format: Format) -> Result<Option<FieldKind>, UsageError> {
    if let Some(other) = choices.iter().find(|c| c.name != VALUE) {
        return Err(UsageError::OneField { format, field: other.name.clone() });
    }
    match chosen(choices, VALUE) {
        None => Ok(None),
        Some(KindChoice::Is(kind @ (FieldKind::Category | FieldKind::Number | FieldKind::Text | FieldKind::Line))) => {
            Ok(Some(kind))
        }
        Some(KindChoice::Is(FieldKind::Byte | FieldKind::Gap) | KindChoice::Ignore) => {
            Err(UsageError::KindOfOneField(format))
        }
    }
}

/// The error of an option that names a column which is not among those that exist.
pub(crate) fn no_such_column<'a>(
    option: &'static str,
    column: &str,
    names: impl IntoIterator<Item = &'a str> + Clone,
) -> UsageError {
    let hint = match suggest(column, names.clone()) {
        Some(name) => format!("did you mean {name:?}?"),
        None => format!("there are {}", names.into_iter().collect::<Vec<_>>().join(", ")),
    };
    UsageError::NoSuchColumn { option, column: column.to_owned(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read() {
        assert_eq!(
            "a:b:number".parse(),
            Ok(FieldChoice { name: "a:b".into(), kind: KindChoice::Is(FieldKind::Number) })
        );
        assert_eq!("x:ignore".parse(), Ok(FieldChoice { name: "x".into(), kind: KindChoice::Ignore }));
        let error = "x:categry".parse::<FieldChoice>().unwrap_err().to_string();
        assert!(error.contains("did you mean category?"), "{error}");
        let error = "x:int".parse::<FieldChoice>().unwrap_err().to_string();
        assert!(error.contains("did you mean number?"), "{error}");
        assert!("x".parse::<FieldChoice>().is_err() && ":number".parse::<FieldChoice>().is_err());
    }
}
