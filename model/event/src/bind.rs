//! Holding a record against a schema.

use crate::record::shorten;
use crate::{Data, Datum, Event, Field, FieldKind, Record, Schema, VALUE, Value};
use serde::{Deserialize, Serialize};

/// Why a record was refused, as a word that programs can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// The schema has as many fields as it may have.
    TooManyFields,
    /// The record neither holds a value nor ends a key.
    Empty,
    /// A time stamp cannot be read.
    BadTime,
    /// A sequence number does not rise.
    SeqNotRising,
    /// A token is wrong or missing.
    Unauthorized,
    /// A newer epoch of the same producer has taken over.
    Fenced,
    /// The protocol version or another part of the hello is not understood.
    BadHello,
    /// A stream has no name or a name that cannot be.
    BadStream,
    /// A bound of the daemon is reached (streams, connections).
    LimitReached,
    /// The daemon is shutting down or cannot write.
    Unavailable,
}

impl RefusalCode {
    /// Every code, in the order of the declaration.
    pub const ALL: [RefusalCode; 18] = [
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
        RefusalCode::SeqNotRising,
        RefusalCode::Unauthorized,
        RefusalCode::Fenced,
        RefusalCode::BadHello,
        RefusalCode::BadStream,
        RefusalCode::LimitReached,
        RefusalCode::Unavailable,
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
            RefusalCode::SeqNotRising => "seq_not_rising",
            RefusalCode::Unauthorized => "unauthorized",
            RefusalCode::Fenced => "fenced",
            RefusalCode::BadHello => "bad_hello",
            RefusalCode::BadStream => "bad_stream",
            RefusalCode::LimitReached => "limit_reached",
            RefusalCode::Unavailable => "unavailable",
        }
    }
}

/// A record that was refused: which field and why, in words that say what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("field {field:?}: {reason}")]
pub struct Refusal {
    /// The kind of fault.
    pub code: RefusalCode,
    /// The field, or the part of the line, that is at fault.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: RefusalCode, field: impl Into<String>, reason: impl Into<String>) -> Refusal {
        Refusal { code, field: field.into(), reason: reason.into() }
    }
}

/// Bounds on what one record and one schema may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Fields of one schema.
    pub fields: usize,
    /// Bytes of one symbol.
    pub symbol_bytes: usize,
    /// Bytes of one text.
    pub text_bytes: usize,
    /// Bytes of a name (field, key).
    pub name_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { fields: 1024, symbol_bytes: 4096, text_bytes: 65536, name_bytes: 512 }
    }
}

impl Schema {
    /// Binds a record: one value per field, in schema order. An open schema first grows by the record's new fields; a
    /// refused record leaves the schema as it was.
    ///
    /// The kind of a new field is inferred from its first value: a number is a number, text is a category (but a stream
    /// whose lone first value is a line with blanks is one of texts), a vector is as many numbers, and a record that brings its own time to an empty schema adds the gap between events in front.
    pub fn bind(&mut self, record: &Record, limits: &Limits) -> Result<Event, Refusal> {
        if let Some(k) = &record.key
            && k.len() > limits.name_bytes
        {
            return Err(too_long("key", k.len(), limits.name_bytes));
        }
        let mut event = Event { key: record.key.clone(), time_us: record.time_us, values: Vec::new(), end: record.end };
        let one;
        let items: &[(Box<str>, Datum)] = match &record.data {
            Data::None if record.end => return Ok(event),
            Data::None => {
                return Err(Refusal::new(RefusalCode::Empty, "data", "a record needs data, or \"end\": true"));
            }
            Data::One(d) => {
                one = [(self.only_name().into(), d.clone())];
                &one
            }
            Data::Fields(f) if f.is_empty() && !record.end => {
                return Err(Refusal::new(RefusalCode::Empty, "data", "the object has no fields"));
            }
            Data::Fields(f) if f.is_empty() => return Ok(event),
            Data::Fields(f) => f,
        };
        let known = self.fields.len();
        let inferred = known == 0 && !self.closed;
        let bound = self.bind_items(items, record, limits, &mut event);
        match bound {
            Err(e) => {
                self.fields.truncate(known);
                Err(e)
            }
            Ok(()) => {
                if inferred && record.time_us.is_some() && !self.is_bytes() {
                    self.fields.insert(0, Schema::gap_field());
                    event.values.insert(0, Value::Missing);
                }
                if self.fields.is_empty() {
                    return Err(Refusal::new(
                        RefusalCode::Empty,
                        "data",
                        "all values are null and the stream has no fields yet; send a value, or declare a schema",
                    ));
                }
                event.values.resize(self.fields.len(), Value::Missing);
                if event.time_us.is_none() && self.has_gap() {
                    event.time_us = record.arrival_us;
                }
                Ok(event)
            }
        }
    }

    /// The name of a lone value's field: the schema's only field that can hold one, else `value`.
    fn only_name(&self) -> &str {
        let mut data = self.fields.iter().filter(|f| f.kind != FieldKind::Gap);
        match (data.next(), data.next()) {
            (Some(f), None) => &f.name,
            _ => VALUE,
        }
    }

    fn bind_items(
        &mut self,
        items: &[(Box<str>, Datum)],
        record: &Record,
        limits: &Limits,
        event: &mut Event,
    ) -> Result<(), Refusal> {
        event.values.resize(self.fields.len(), Value::Missing);
        for (position, (name, datum)) in items.iter().enumerate() {
            // records of one stream mostly come with their fields in schema order
            let hint = self.fields.get(position).is_some_and(|f| *f.name == **name).then_some(position);
            if let Datum::Numbers(v) = datum {
                if v.is_empty() {
                    return Err(Refusal::new(RefusalCode::Empty, &**name, "the array is empty"));
                }
                for (i, x) in v.iter().enumerate() {
                    self.bind_one(&format!("{name}[{i}]"), &Datum::Number(*x), None, limits, event)?;
                }
            } else {
                self.bind_one(name, datum, hint, limits, event)?;
            }
        }
        for (i, f) in self.fields.iter().enumerate() {
            if f.required && f.kind != FieldKind::Gap && matches!(event.values.get(i), None | Some(Value::Missing)) {
                return Err(Refusal::new(RefusalCode::MissingField, &f.name, "the schema requires it; send a value"));
            }
            if f.kind == FieldKind::Gap && record.time_us.is_none() && record.arrival_us.is_none() {
                return Err(Refusal::new(
                    RefusalCode::MissingField,
                    "time",
                    "the schema has a gap field, so every event needs a time",
                ));
            }
        }
        Ok(())
    }

    fn bind_one(
        &mut self,
        name: &str,
        datum: &Datum,
        hint: Option<usize>,
        limits: &Limits,
        event: &mut Event,
    ) -> Result<(), Refusal> {
        let i = match hint.or_else(|| self.position(name)) {
            Some(i) => i,
            // what an open schema's new field holds shows with its first value
            None if *datum == Datum::Null && !self.closed => return Ok(()),
            None => self.grow(name, datum, event.values.is_empty(), limits)?,
        };
        let value = convert(&self.fields[i], datum, limits)?;
        if event.values.len() <= i {
            event.values.resize(i + 1, Value::Missing);
        }
        event.values[i] = value;
        Ok(())
    }

    fn grow(&mut self, name: &str, datum: &Datum, first: bool, limits: &Limits) -> Result<usize, Refusal> {
        if self.closed {
            let names: Vec<&str> = self.fields.iter().map(|f| f.name.as_str()).collect();
            return Err(Refusal::new(
                RefusalCode::UnknownField,
                shorten(name),
                format!("the stream's schema is closed and has only {}", names.join(", ")),
            ));
        }
        if name.len() > limits.name_bytes {
            return Err(too_long(&shorten(name), name.len(), limits.name_bytes));
        }
        if self.fields.len() >= limits.fields {
            return Err(Refusal::new(
                RefusalCode::TooManyFields,
                name,
                format!("the stream has {} fields, as many as it may have", limits.fields),
            ));
        }
        let kind = match datum {
            Datum::Number(_) | Datum::Numbers(_) => FieldKind::Number,
            Datum::Bytes(_) => FieldKind::Text,
            // a line of words is no symbol that comes again as a whole
            Datum::Text(s) if first && name == VALUE && s.contains(char::is_whitespace) => FieldKind::Text,
            Datum::Text(_) | Datum::Bool(_) | Datum::Null => FieldKind::Category,
        };
        self.fields.push(Field::new(name, kind));
        Ok(self.fields.len() - 1)
    }
}

fn too_long(field: &str, bytes: usize, max: usize) -> Refusal {
    Refusal::new(RefusalCode::TooLong, field, format!("{bytes} bytes are more than the limit of {max}"))
}

fn convert(f: &Field, datum: &Datum, limits: &Limits) -> Result<Value, Refusal> {
    let wrong = |what: &str| {
        Err(Refusal::new(RefusalCode::WrongType, &f.name, format!("expected {what}, got {}", datum.describe())))
    };
    let text = |b: &[u8]| {
        if b.len() > limits.text_bytes {
            return Err(too_long(&f.name, b.len(), limits.text_bytes));
        }
        if b.is_empty() && f.kind == FieldKind::Byte {
            return Err(Refusal::new(RefusalCode::Empty, &f.name, "no bytes: every byte is an event"));
        }
        Ok(Value::Bytes(b.into()))
    };
    match (f.kind, datum) {
        (FieldKind::Gap, _) => Err(Refusal::new(
            RefusalCode::WrongType,
            &f.name,
            "the daemon computes a gap from the events' times; do not send it",
        )),
        (FieldKind::Byte, Datum::Null) => wrong("text"),
        (_, Datum::Null) => Ok(Value::Missing),
        (FieldKind::Number, Datum::Number(x)) if x.is_finite() => Ok(Value::Number(*x)),
        (FieldKind::Number, Datum::Number(x)) => Err(Refusal::new(
            RefusalCode::NotFinite,
            &f.name,
            format!("{x} is not a finite number; send null for a missing value"),
        )),
        (FieldKind::Number, _) => wrong("a number"),
        (FieldKind::Category, Datum::Text(s)) if s.len() > limits.symbol_bytes => {
            Err(too_long(&f.name, s.len(), limits.symbol_bytes))
        }
        (FieldKind::Category, Datum::Text(s)) => Ok(Value::Symbol(s.clone())),
        (FieldKind::Category, Datum::Bool(b)) => Ok(Value::Symbol(b.to_string().into())),
        (FieldKind::Category, _) => wrong("a category (text)"),
        (FieldKind::Text | FieldKind::Byte, Datum::Text(s)) => text(s.as_bytes()),
        (FieldKind::Text | FieldKind::Byte, Datum::Bytes(b)) => text(b),
        (FieldKind::Text | FieldKind::Byte, _) => wrong("text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_the_name_that_its_json_has() {
        for code in RefusalCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.name());
        }
        let distinct: std::collections::HashSet<&str> = RefusalCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(distinct.len(), RefusalCode::ALL.len());
    }

    fn record(fields: &[(&str, Datum)]) -> Record {
        Record {
            data: Data::Fields(fields.iter().map(|(n, d)| ((*n).into(), d.clone())).collect()),
            ..Record::default()
        }
    }
    fn bind(s: &mut Schema, r: &Record) -> Result<Event, Refusal> {
        s.bind(r, &Limits::default())
    }

    #[test]
    fn an_open_schema_grows_and_keeps_its_kinds() {
        let mut s = Schema::default();
        let e = bind(&mut s, &record(&[("page", Datum::Text("/a".into())), ("ms", Datum::Number(3.0))])).unwrap();
        assert_eq!(e.values, [Value::Symbol("/a".into()), Value::Number(3.0)]);
        let e = bind(&mut s, &record(&[("ms", Datum::Null), ("v", Datum::Numbers(vec![1.0, 2.0]))])).unwrap();
        assert_eq!(e.values, [Value::Missing, Value::Missing, Value::Number(1.0), Value::Number(2.0)]);
        assert_eq!(s.fields.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["page", "ms", "v[0]", "v[1]"]);
        let e = bind(&mut s, &record(&[("new", Datum::Number(1.0)), ("page", Datum::Number(1.0))])).unwrap_err();
        assert_eq!((e.code, e.field.as_str()), (RefusalCode::WrongType, "page"));
        assert_eq!(s.fields.len(), 4, "a refused record does not grow the schema");
    }

    #[test]
    fn a_lone_value_finds_the_only_field() {
        let mut s = Schema::new([Field::new("level", FieldKind::Category)]);
        let r = Record { data: Data::One(Datum::Text("up".into())), ..Record::default() };
        assert_eq!(bind(&mut s, &r).unwrap().values, [Value::Symbol("up".into())]);
        let mut s = Schema::default();
        bind(&mut s, &r).unwrap();
        assert_eq!(s.fields, [Field::new(VALUE, FieldKind::Category)]);
        let line = Record { data: Data::One(Datum::Text("GET /a 200".into())), ..Record::default() };
        let mut s = Schema::default();
        assert_eq!(bind(&mut s, &line).unwrap().values, [Value::Bytes(b"GET /a 200"[..].into())]);
        assert_eq!(s.fields, [Field::new(VALUE, FieldKind::Text)]);
    }

    #[test]
    fn times_add_a_gap_in_front() {
        let mut s = Schema::default();
        let r = Record { time_us: Some(5), data: Data::One(Datum::Number(1.0)), ..Record::default() };
        assert_eq!(bind(&mut s, &r).unwrap().values, [Value::Missing, Value::Number(1.0)]);
        assert_eq!(s.fields[0].kind, FieldKind::Gap);
    }

    #[test]
    fn refusals_name_field_and_reason() {
        let mut s = Schema {
            fields: vec![
                Field::new("a", FieldKind::Number),
                Field { required: true, ..Field::new("b", FieldKind::Category) },
            ],
            closed: true,
        };
        let code = |s: &mut Schema, f: &[(&str, Datum)]| {
            bind(s, &record(f)).map(|_| ()).map_err(|e| (e.code, e.field)).unwrap_err()
        };
        let b = ("b", Datum::Text("x".into()));
        assert_eq!(code(&mut s, &[("a", Datum::Text("fast".into())), b.clone()]), (RefusalCode::WrongType, "a".into()));
        assert_eq!(code(&mut s, &[("a", Datum::Number(f64::NAN)), b.clone()]), (RefusalCode::NotFinite, "a".into()));
        assert_eq!(code(&mut s, &[("c", Datum::Null), b]), (RefusalCode::UnknownField, "c".into()));
        assert_eq!(code(&mut s, &[("a", Datum::Number(1.0))]), (RefusalCode::MissingField, "b".into()));
        assert_eq!(code(&mut s, &[("b", Datum::Text("y".repeat(1 << 20).into()))]), (RefusalCode::TooLong, "b".into()));
        assert_eq!(code(&mut s, &[]), (RefusalCode::Empty, "data".into()));
    }
}
