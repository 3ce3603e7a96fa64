//! What the caller says about a recording's fields.

use std::str::FromStr;
use surmise_event::FieldKind;
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

impl FromStr for FieldChoice {
    type Err = String;
    fn from_str(s: &str) -> Result<FieldChoice, String> {
        const KINDS: [&str; 6] = ["category", "number", "bytes", "text", "gap", "ignore"];
        let (name, kind) = s
            .rsplit_once(':')
            .filter(|(n, _)| !n.is_empty())
            .ok_or_else(|| format!("expected NAME:KIND, got {s:?}"))?;
        let kind = match kind {
            "ignore" => KindChoice::Ignore,
            "category" => KindChoice::Is(FieldKind::Category),
            "number" => KindChoice::Is(FieldKind::Number),
            "bytes" | "text" => KindChoice::Is(FieldKind::Text),
            "gap" => KindChoice::Is(FieldKind::Gap),
            _ => {
                let hint = suggest(kind, KINDS).map_or(String::new(), |k| format!("did you mean {k}? "));
                return Err(format!("{kind:?} is not a kind of field; {hint}kinds are {}", KINDS.join(", ")));
            }
        };
        Ok(FieldChoice { name: name.into(), kind })
    }
}

/// The choice for a field, where one was made.
pub(crate) fn chosen(choices: &[FieldChoice], name: &str) -> Option<KindChoice> {
    choices.iter().rev().find(|c| c.name == name).map(|c| c.kind)
}

/// An error message for a name that is not among those that exist.
pub(crate) fn no_such<'a>(what: &str, name: &str, names: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let hint = match suggest(name, names.clone()) {
        Some(s) => format!("did you mean {s:?}?"),
        None => format!("there are {}", names.into_iter().collect::<Vec<_>>().join(", ")),
    };
    format!("{what} {name:?} is not in the recording; {hint}")
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
        assert!("x:categry".parse::<FieldChoice>().unwrap_err().contains("did you mean category?"));
        assert!("x".parse::<FieldChoice>().is_err() && ":number".parse::<FieldChoice>().is_err());
    }
}
