//! The schema of a stream: its fields, and what each of them holds.

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use surmise_state::{Persist, State, StateError};

/// The name of the field that a record without named fields has.
pub const VALUE: &str = "value";

/// The name of the field that holds the time since the key's last event.
pub const GAP: &str = "gap";

/// What a field holds, which decides how it is bound, predicted and scored.
///
/// # Adding a kind
///
/// No match on a kind has a `_ =>` arm, so after a new variant the compiler leads through what has to be decided:
///
/// 1. here: its name, its code in checkpoints, its place in [`FieldKind::ALL`], and its properties
///    ([`is_number`](Self::is_number) to [`is_every_byte`](Self::is_every_byte)), on which most of the code relies;
/// 2. `bind.rs` of this crate: which values a field of the kind takes (`convert`), and which value an open schema
///    infers the kind from (`Schema::grow`);
/// 3. `surmise-learner`: the recipe of its model (`recipe.rs`), the model (`field.rs`), how a value is observed
///    (`observe_fields.rs`) and what a prediction of it says (`predict.rs`);
/// 4. `surmise-recording` and `surmise-evaluation`: how cells and lines are read as values of the kind, and which
///    simple predictors it is compared with;
/// 5. the words: `kinds:` in `config/surmised.toml`, and the README's glossary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// A symbol of an open vocabulary that grows online.
    Category,
    /// A number.
    Number,
    /// Text, predicted byte by byte.
    Text,
    /// A byte of an endless sequence: every byte is an event of its own.
    Byte,
    /// The time since the key's last event, computed from the events' times.
    Gap,
    /// A line of a log, understood as a template with slots.
    Line,
}

/// A word that names no kind of field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a kind of field; {hint}kinds are category, number, text (or bytes), byte, gap, line",
    hint = FieldKind::meant_by(.0).map_or(String::new(), |kind| format!("did you mean {}? ", kind.name()))
)]
pub struct UnknownFieldKind(pub String);

/// Words of programming languages and databases for what a field holds, with the kind that has it here.
const OTHER_WORDS: [(FieldKind, &[&str]); 4] = [
    (
        FieldKind::Number,
        &[
            "int", "integer", "long", "float", "double", "real", "decimal", "numeric", "num", "numbers", "int32",
            "int64", "float32", "float64", "f32", "f64", "i32", "i64", "u32", "u64",
        ],
    ),
    (
        FieldKind::Category,
        &["cat", "categories", "categorical", "string", "str", "varchar", "enum", "symbol", "label", "bool", "boolean"],
    ),
    (FieldKind::Line, &["lines", "log", "message"]),
    (FieldKind::Text, &["texts", "prose", "document"]),
];

impl FieldKind {
    /// All kinds, in the order of their codes.
    pub const ALL: [FieldKind; 6] =
        [FieldKind::Category, FieldKind::Number, FieldKind::Text, FieldKind::Byte, FieldKind::Gap, FieldKind::Line];

    /// The word for the kind in configuration and messages.
    pub fn name(self) -> &'static str {
        match self {
            FieldKind::Category => "category",
            FieldKind::Number => "number",
            FieldKind::Text => "text",
            FieldKind::Byte => "byte",
            FieldKind::Gap => "gap",
            FieldKind::Line => "line",
        }
    }

    /// The kind that is meant by a word which others have for it, or which is misspelt by a letter.
    pub fn meant_by(word: &str) -> Option<FieldKind> {
        let word = word.trim().to_ascii_lowercase();
        let by_others = OTHER_WORDS.into_iter().find(|(_, words)| words.contains(&&*word)).map(|(kind, _)| kind);
        by_others.or_else(|| FieldKind::ALL.into_iter().find(|kind| is_a_slip(&word, kind.name())))
    }

    /// The number of the kind in checkpoints; it must never change.
    fn code(self) -> u8 {
        match self {
            FieldKind::Category => 0,
            FieldKind::Number => 1,
            FieldKind::Text => 2,
            FieldKind::Byte => 3,
            FieldKind::Gap => 4,
            FieldKind::Line => 5,
        }
    }

    /// Whether a value is a number, which the number model predicts together with the event's other numbers.
    pub fn is_number(self) -> bool {
        match self {
            FieldKind::Number => true,
            FieldKind::Category | FieldKind::Text | FieldKind::Byte | FieldKind::Gap | FieldKind::Line => false,
        }
    }

    /// Whether a value is one symbol of a vocabulary that grows as symbols arrive.
    pub fn has_vocabulary(self) -> bool {
        match self {
            FieldKind::Category => true,
            FieldKind::Number | FieldKind::Text | FieldKind::Byte | FieldKind::Gap | FieldKind::Line => false,
        }
    }

    /// Whether a value is spelled: predicted as a run of bytes.
    pub fn is_spelled(self) -> bool {
        match self {
            FieldKind::Text | FieldKind::Byte => true,
            FieldKind::Category | FieldKind::Number | FieldKind::Gap | FieldKind::Line => false,
        }
    }

    /// Whether every byte of a value is an event of its own, so that the field has to be the only one of its schema.
    pub fn is_every_byte(self) -> bool {
        match self {
            FieldKind::Byte => true,
            FieldKind::Category | FieldKind::Number | FieldKind::Text | FieldKind::Gap | FieldKind::Line => false,
        }
    }

    /// Whether producers send the value; if not, it is computed from the events' times.
    pub fn is_sent(self) -> bool {
        match self {
            FieldKind::Category | FieldKind::Number | FieldKind::Text | FieldKind::Byte | FieldKind::Line => true,
            FieldKind::Gap => false,
        }
    }
}

impl std::str::FromStr for FieldKind {
    type Err = UnknownFieldKind;
    fn from_str(s: &str) -> Result<FieldKind, UnknownFieldKind> {
        // "bytes" is another word for "text"
        let name = if s == "bytes" { "text" } else { s };
        FieldKind::ALL.into_iter().find(|k| k.name() == name).ok_or_else(|| UnknownFieldKind(s.into()))
    }
}

impl<'de> Deserialize<'de> for FieldKind {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<FieldKind, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// Whether a word is another one with one letter more, less or exchanged.
fn is_a_slip(word: &str, meant: &str) -> bool {
    let (short, long) = if word.len() < meant.len() { (word, meant) } else { (meant, word) };
    if short.len() < 3 || long.len() - short.len() > 1 {
        return false;
    }
    let (short, long) = (short.as_bytes(), long.as_bytes());
    let alike = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let rest = if short.len() == long.len() { short.get(alike + 1..) } else { short.get(alike..) };
    long.get(alike + 1..).unwrap_or_default() == rest.unwrap_or_default()
}

/// One field of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The name of the field.
    pub name: String,
    /// What the field holds.
    pub kind: FieldKind,
    /// Whether a record without a value for the field is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

impl Field {
    /// A field that may be missing.
    pub fn new(name: impl Into<String>, kind: FieldKind) -> Field {
        Field { name: name.into(), kind, required: false }
    }
}

/// The fields of a stream, in the order in which they are predicted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The fields, in the order in which they are predicted: each given the earlier ones.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// Whether a record with another field is refused; an open schema grows by it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

impl Schema {
    /// An open schema of these fields.
    pub fn new(fields: impl IntoIterator<Item = Field>) -> Schema {
        Schema { fields: fields.into_iter().collect(), closed: false }
    }

    /// The schema of a stream whose events are single bytes.
    pub fn bytes() -> Schema {
        Schema { fields: vec![Field::new(VALUE, FieldKind::Byte)], closed: true }
    }

    /// Whether every byte of the stream is an event of its own.
    pub fn is_bytes(&self) -> bool {
        matches!(self.fields.as_slice(), [f] if f.kind.is_every_byte())
    }

    /// The position of the field of this name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.name == name)
    }

    /// Whether the schema has a field for the time between events.
    pub fn has_gap(&self) -> bool {
        self.fields.iter().any(|f| !f.kind.is_sent())
    }

    /// The gap field that a stream with times gets when its schema is inferred.
    pub(crate) fn gap_field() -> Field {
        Field::new(GAP, FieldKind::Gap)
    }
}

impl Persist for Field {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.string("field name", &mut self.name)?;
        let mut code = self.kind.code();
        s.u8("field kind", &mut code)?;
        let known = FieldKind::ALL.into_iter().find(|k| k.code() == code);
        self.kind = known.ok_or(StateError::Invalid("field kind"))?;
        s.bool("field required", &mut self.required)
    }
}

impl Persist for Schema {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.list("schema", &mut self.fields, || Field::new("", FieldKind::Category))?;
        s.bool("schema closed", &mut self.closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_by_its_name_and_by_its_code() {
        for kind in FieldKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            let mut read = Field::new("", FieldKind::Category);
            read.decode(&Field::new("a", kind).encode()).unwrap();
            assert_eq!(read, Field::new("a", kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert_eq!("bytes".parse(), Ok(FieldKind::Text));
        let refused = "word".parse::<FieldKind>().unwrap_err().to_string();
        assert!(FieldKind::ALL.iter().all(|k| refused.contains(k.name())), "{refused}");
        for (word, meant) in [("int", "number"), ("String", "category"), ("numbr", "number"), ("categori", "category")]
        {
            let refused = serde_json::from_value::<FieldKind>(word.into()).unwrap_err().to_string();
            assert!(refused.contains(&format!("did you mean {meant}?")), "{refused}");
        }
        assert_eq!(FieldKind::meant_by("words"), None);
    }
}
