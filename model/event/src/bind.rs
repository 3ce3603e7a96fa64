//! Binding a record to a schema: one value per field, or a refusal that names the field and the reason.

use crate::record::{Data, Datum, Event, Record, Value, shorten};
use crate::refusal::{Limits, Refusal, RefusalCode};
use crate::schema::{Field, FieldKind, Schema, VALUE};

impl Schema {
    /// Binds a record: makes it an event with one value per field, in schema order. An open schema first grows by the
    /// record's new fields; a refused record leaves the schema as it was.
    ///
    /// The kind of a new field is inferred from its first value: a number is a number, a text is a category (but a lone
    /// first value with blanks makes a stream of texts), and a vector is as many numbers. A record that brings its own
    /// time to an empty schema adds the gap between events as the first field.
    ///
    /// # Errors
    /// Names the field, and says what is wrong and what to do.
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
        // a refusal takes back the fields that the record brought
        let known = self.fields.len();
        let inferred = known == 0 && !self.closed;
        let bound = self.bind_items(items, record, limits, &mut event);
        match bound {
            Err(e) => {
                self.fields.truncate(known);
                Err(e)
            }
            Ok(()) => {
                // a stream whose first record brings its own time is one whose gaps are worth predicting
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
                // without a time of its own, an event comes when it arrives
                if event.time_us.is_none() && self.has_gap() {
                    event.time_us = record.arrival_us;
                }
                Ok(event)
            }
        }
    }

    /// The name of a lone value's field: the schema's only field that can hold one, else `value`.
    fn only_name(&self) -> &str {
        let mut sent = self.fields.iter().filter(|f| f.kind.is_sent());
        match (sent.next(), sent.next()) {
            (Some(f), None) => &f.name,
            _ => VALUE,
        }
    }

    /// Binds every value of a record, and checks that nothing required is missing.
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
            // a vector is as many fields as it has numbers
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
            if f.required && f.kind.is_sent() && matches!(event.values.get(i), None | Some(Value::Missing)) {
                return Err(Refusal::new(RefusalCode::MissingField, &f.name, "the schema requires it; send a value"));
            }
            if !f.kind.is_sent() && record.time_us.is_none() && record.arrival_us.is_none() {
                return Err(Refusal::new(
                    RefusalCode::MissingField,
                    "time",
                    "the schema has a gap field, so every event needs a time",
                ));
            }
        }
        Ok(())
    }

    /// Binds one value; `hint` is the field's position, if the order of the record's fields shows it.
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
            // the kind of an open schema's new field shows with its first value only
            None if *datum == Datum::Null && !self.closed => return Ok(()),
            None => self.grow(name, datum, event.values.is_empty(), limits)?,
        };
        let value = convert(&self.fields[i], datum, limits)?;
        // the schema has grown by this value
        if event.values.len() <= i {
            event.values.resize(i + 1, Value::Missing);
        }
        event.values[i] = value;
        Ok(())
    }

    /// Adds a field that a record brings, of the kind that its first value shows; returns the field's position. `first`
    /// says whether the record is the stream's first.
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
            // a line of words is no symbol that comes again as a whole, so it is read byte by byte
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

/// The value that a datum is in a field.
fn convert(field: &Field, datum: &Datum, limits: &Limits) -> Result<Value, Refusal> {
    let refuse = |code, reason: String| Err(Refusal::new(code, &field.name, reason));
    let expected = |what: &str| refuse(RefusalCode::WrongType, format!("expected {what}, got {}", datum.describe()));
    match field.kind {
        FieldKind::Gap => refuse(
            RefusalCode::WrongType,
            "the daemon computes a gap from the events' times; do not send it".to_owned(),
        ),
        FieldKind::Number => match datum {
            Datum::Null => Ok(Value::Missing),
            Datum::Number(x) if x.is_finite() => Ok(Value::Number(*x)),
            Datum::Number(x) => {
                refuse(RefusalCode::NotFinite, format!("{x} is not a finite number; send null for a missing value"))
            }
            Datum::Bool(_) | Datum::Text(_) | Datum::Numbers(_) | Datum::Bytes(_) => expected("a number"),
        },
        FieldKind::Category => match datum {
            Datum::Null => Ok(Value::Missing),
            Datum::Text(text) if text.len() > limits.symbol_bytes => {
                Err(too_long(&field.name, text.len(), limits.symbol_bytes))
            }
            Datum::Text(text) => Ok(Value::Symbol(text.clone())),
            Datum::Bool(truth) => Ok(Value::Symbol(truth.to_string().into())),
            Datum::Number(_) | Datum::Numbers(_) | Datum::Bytes(_) => expected("a category (text)"),
        },
        FieldKind::Text | FieldKind::Byte => match datum {
            Datum::Null if !field.kind.is_every_byte() => Ok(Value::Missing),
            Datum::Text(text) => spelled(field, text.as_bytes(), limits),
            Datum::Bytes(bytes) => spelled(field, bytes, limits),
            Datum::Null | Datum::Bool(_) | Datum::Number(_) | Datum::Numbers(_) => expected("text"),
        },
    }
}

/// The value of a text, or of a run of events of one byte each.
fn spelled(field: &Field, bytes: &[u8], limits: &Limits) -> Result<Value, Refusal> {
    if bytes.len() > limits.text_bytes {
        return Err(too_long(&field.name, bytes.len(), limits.text_bytes));
    }
    if bytes.is_empty() && field.kind.is_every_byte() {
        return Err(Refusal::new(RefusalCode::Empty, &field.name, "no bytes: every byte is an event"));
    }
    Ok(Value::Bytes(bytes.into()))
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
