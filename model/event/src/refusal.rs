//! Refusals: why a record is not taken, and the bounds that records are held against.

use serde::{Deserialize, Serialize};

/// Why a record or a request was refused, as a word that programs can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The line is not a JSON object of the protocol.
    BadJson,
    /// The line is not UTF-8.
    BadUtf8,
    /// The line is longer than the limit.
    LineTooLong,
    /// A value is of another kind than its field.
    WrongType,
    /// A closed schema does not have this field.
    UnknownField,
    /// A required field is missing.
    MissingField,
    /// A number is not finite.
    NotFinite,
    /// A symbol, text, name or key is longer than the limit.
    TooLong,
    /// The schema already has as many fields as it may have.
    TooManyFields,
    /// The record neither holds a value nor ends a key.
    Empty,
    /// A time stamp cannot be read.
    BadTime,
    /// A time stamp is further ahead of the event's arrival than the limit.
    TimeAhead,
    /// A sequence number does not rise.
    SeqNotRising,
    /// A token is wrong or missing.
    Unauthorized,
    /// A newer epoch of the same producer has taken over.
    Fenced,
    /// An epoch is so far above the known one of its producer that it would lock the producer out.
    BadEpoch,
    /// The protocol version or another part of the hello is not understood.
    BadHello,
    /// A stream has no name, or a name that no stream can have.
    BadStream,
    /// A bound of the daemon is reached (streams, connections).
    LimitReached,
    /// The daemon is shutting down or cannot write.
    Unavailable,
    /// Something is said of an incident that the stream does not know, or does not know any more.
    UnknownIncident,
    /// What is said of an incident is of another incarnation of the stream, in which offsets meant other events.
    OtherIncarnation,
    /// Learning the event failed inside the daemon, which keeps it aside for a look.
    Quarantined,
}

impl RefusalCode {
    /// Every code, in the order of the declaration.
    pub const ALL: [RefusalCode; 23] = [
        RefusalCode::BadJson,
        RefusalCode::BadUtf8,
        RefusalCode::LineTooLong,
        RefusalCode::WrongType,
        RefusalCode::UnknownField,
        RefusalCode::MissingField,
        RefusalCode::NotFinite,
        RefusalCode::TooLong,
        RefusalCode::TooManyFields,
        RefusalCode::Empty,
        RefusalCode::BadTime,
        RefusalCode::TimeAhead,
        RefusalCode::SeqNotRising,
        RefusalCode::Unauthorized,
        RefusalCode::Fenced,
        RefusalCode::BadEpoch,
        RefusalCode::BadHello,
        RefusalCode::BadStream,
        RefusalCode::LimitReached,
        RefusalCode::Unavailable,
        RefusalCode::UnknownIncident,
        RefusalCode::OtherIncarnation,
        RefusalCode::Quarantined,
    ];

    /// The word for the code on the wire, in metrics and in checkpoints.
    pub const fn name(self) -> &'static str {
        match self {
            RefusalCode::BadJson => "bad_json",
            RefusalCode::BadUtf8 => "bad_utf8",
            RefusalCode::LineTooLong => "line_too_long",
            RefusalCode::WrongType => "wrong_type",
            RefusalCode::UnknownField => "unknown_field",
            RefusalCode::MissingField => "missing_field",
            RefusalCode::NotFinite => "not_finite",
            RefusalCode::TooLong => "too_long",
            RefusalCode::TooManyFields => "too_many_fields",
            RefusalCode::Empty => "empty",
            RefusalCode::BadTime => "bad_time",
            RefusalCode::TimeAhead => "time_ahead",
            RefusalCode::SeqNotRising => "seq_not_rising",
            RefusalCode::Unauthorized => "unauthorized",
            RefusalCode::Fenced => "fenced",
            RefusalCode::BadEpoch => "bad_epoch",
            RefusalCode::BadHello => "bad_hello",
            RefusalCode::BadStream => "bad_stream",
            RefusalCode::LimitReached => "limit_reached",
            RefusalCode::Unavailable => "unavailable",
            RefusalCode::UnknownIncident => "unknown_incident",
            RefusalCode::OtherIncarnation => "other_incarnation",
            RefusalCode::Quarantined => "quarantined",
        }
    }
}

/// A record that was refused: which field and why, in words that say what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("field {field:?}: {reason}")]
pub struct Refusal {
    /// What kind of fault it is.
    pub code: RefusalCode,
    /// The field, or the part of the line, that is at fault.
    pub field: String,
    /// What is wrong with it, in words that say what to do.
    pub reason: String,
}

impl Refusal {
    /// A refusal for a reason.
    pub fn new(code: RefusalCode, field: impl Into<String>, reason: impl Into<String>) -> Refusal {
        Refusal { code, field: field.into(), reason: reason.into() }
    }
}

/// Bounds on what one record and one schema may hold, so that no producer can make a stream grow without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The most fields of one schema.
    pub fields: usize,
    /// The most bytes of one symbol.
    pub symbol_bytes: usize,
    /// The most bytes of one text.
    pub text_bytes: usize,
    /// The most bytes of a name (of a field or a key).
    pub name_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { fields: 1024, symbol_bytes: 4096, text_bytes: 65536, name_bytes: 512 }
    }
}
