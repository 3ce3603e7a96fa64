//! The fields of a stream.

use crate::GAP;
use serde::{Deserialize, Serialize};
use surmise_state::{Persist, State, StateError};

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// A symbol of an open vocabulary that grows online.
    Category,
    /// A number.
    Number,
    /// Text, predicted byte by byte.
    #[serde(alias = "bytes")]
    Text,
    /// A single byte of an endless sequence: every byte is an event.
    Byte,
    /// The time since the key's last event; the daemon computes it.
    Gap,
}

impl FieldKind {
    /// The word for it in configuration and messages.
    pub fn name(self) -> &'static str {
        match self {
            FieldKind::Category => "category",
            FieldKind::Number => "number",
            FieldKind::Text => "text",
            FieldKind::Byte => "byte",
            FieldKind::Gap => "gap",
        }
    }
}

impl std::str::FromStr for FieldKind {
    type Err = String;
    fn from_str(s: &str) -> Result<FieldKind, String> {
        Ok(match s {
            "category" => FieldKind::Category,
            "number" => FieldKind::Number,
            "text" | "bytes" => FieldKind::Text,
            "byte" => FieldKind::Byte,
            "gap" => FieldKind::Gap,
            _ => {
                return Err(format!(
                    "{s:?} is not a kind of field; kinds are category, number, text (or bytes), byte, gap"
                ));
            }
        })
    }
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether a record without it is refused.
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
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The fields.
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
        Schema { fields: vec![Field::new(crate::VALUE, FieldKind::Byte)], closed: true }
    }

    /// Whether the stream's events are single bytes.
    pub fn is_bytes(&self) -> bool {
        matches!(self.fields.as_slice(), [f] if f.kind == FieldKind::Byte)
    }

    /// The position of a field.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.name == name)
    }

    /// Whether the schema predicts the time between events.
    pub fn has_gap(&self) -> bool {
        self.fields.iter().any(|f| f.kind == FieldKind::Gap)
    }

    /// The gap field that a stream with times gets when its schema is inferred.
    pub(crate) fn gap_field() -> Field {
        Field::new(GAP, FieldKind::Gap)
    }
}

impl Persist for Field {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.string("field name", &mut self.name)?;
        let mut k = self.kind as u8;
        s.u8("field kind", &mut k)?;
        self.kind = match k {
            0 => FieldKind::Category,
            1 => FieldKind::Number,
            2 => FieldKind::Text,
            3 => FieldKind::Byte,
            4 => FieldKind::Gap,
            _ => return Err(StateError::Invalid("field kind")),
        };
        s.bool("field required", &mut self.required)
    }
}

impl Persist for Schema {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.list("schema", &mut self.fields, || Field::new("", FieldKind::Category))?;
        s.bool("schema closed", &mut self.closed)
    }
}
