//! Binding a record to a schema: one value per field, or a refusal that names the field and the reason.

use crate::feedback::Feedback;
use crate::numeral::{Numerals, is_missing};
use crate::record::{Data, Datum, Event, Record, Value, shorten};
use crate::refusal::{Limits, Refusal, RefusalCode};
use crate::schema::{Field, FieldKind, Schema, VALUE};

impl Schema {
    /// Binds a record: makes it an event with one value per field, in schema order. An open schema first grows by the
    /// record's new fields; a refused record leaves the schema as it was.
    ///
    /// The kind of a new field is inferred from its first value, until [`Schema::decided`] decides by more: a number
    /// is a number, a text is a category (but a lone first value with blanks makes a stream of lines, and one too
    /// long for a symbol a field of texts), and a vector is as many numbers; null and words for it (`NA`, `-`) tell
    /// nothing yet. A record that brings its own time to an empty schema adds the gap between events as the first
    /// field.
    ///
    /// A later value of another kind widens an open schema: what is no number in the field `ms` of numbers is a value
    /// of its companion `ms.text`, a number that is not whole in a field `ms` of categories goes to `ms.number`, as all
    /// numbers do from then on, and a text that is too long for a symbol to `ms.text`. So both kinds are predicted,
    /// and no field is refused for good. Texts of digits are numbers in a field of numbers; numbers are the symbols of
    /// their digits in a field of categories.
    ///
    /// # Errors
    /// Names the field, and says what is wrong and what to do.
    pub fn bind(&mut self, record: &Record, limits: &Limits) -> Result<Event, Refusal> {
        if let Some(k) = &record.key
            && k.len() > limits.name_bytes
        {
            return Err(too_long("key", k.len(), limits.name_bytes));
        }
        let mut event = Event { key: record.key.clone(), time_us: record.time_us, end: record.end, ..Event::default() };
        let one;
        let items: &[(Box<str>, Datum)] = match &record.data {
            Data::Feedback(feedback) => return bind_feedback(feedback),
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

    /// The name of a lone value's field: the schema's only field that can hold one, its companions aside, else
    /// `value`.
    fn only_name(&self) -> &str {
        let mut sent = self.fields.iter().filter(|f| f.kind.is_sent());
        let first = sent.next().map_or(VALUE, |f| &f.name);
        let is_companion = |name: &str| {
            name.strip_prefix(first).is_some_and(|rest| [TEXT_COMPANION, NUMBER_COMPANION].contains(&rest))
        };
        if sent.all(|f| is_companion(&f.name)) { first } else { VALUE }
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
            None if !self.closed && tells_no_kind(name, datum) => return Ok(()),
            None => self.grow(name, datum, event.values.is_empty(), limits)?,
        };
        let (i, value) = self.fit(i, datum, limits)?;
        // the schema has grown by this value
        if event.values.len() <= i {
            event.values.resize(i + 1, Value::Missing);
        }
        event.values[i] = value;
        Ok(())
    }

    /// The value that a datum is in the field at a position, or in a companion of it that takes what the field cannot
    /// hold; returns the position of the one that holds it.
    fn fit(&mut self, i: usize, datum: &Datum, limits: &Limits) -> Result<(usize, Value), Refusal> {
        let field = &self.fields[i];
        let number = format!("{}{NUMBER_COMPANION}", field.name);
        let companion = match (field.kind, datum) {
            (FieldKind::Number, Datum::Bool(_)) => Some((TEXT_COMPANION, FieldKind::Category)),
            (FieldKind::Number, Datum::Text(text)) if number_of(text).is_none() => {
                Some((TEXT_COMPANION, FieldKind::Category))
            }
            (FieldKind::Category, Datum::Number(x))
                if x.is_finite() && (x.fract() != 0.0 || self.position(&number).is_some()) =>
            {
                Some((NUMBER_COMPANION, FieldKind::Number))
            }
            (FieldKind::Category, Datum::Text(text)) if text.len() > limits.symbol_bytes => {
                Some((TEXT_COMPANION, FieldKind::Text))
            }
            (FieldKind::Number | FieldKind::Category, _)
            | (FieldKind::Text | FieldKind::Byte | FieldKind::Gap | FieldKind::Line, _) => None,
        };
        let Some((suffix, kind)) = companion.filter(|_| !field.required) else {
            return Ok((i, convert(field, datum, limits)?));
        };
        let name = format!("{}{suffix}", field.name);
        match self.position(&name) {
            // a companion can be of another kind where its name was a field's before, and then has one itself
            Some(known) => self.fit(known, datum, limits),
            // what is declared and complete stays as it is
            None if self.closed => Ok((i, convert(field, datum, limits)?)),
            None => {
                let added = self.add(&name, kind, limits)?;
                self.fit(added, datum, limits)
            }
        }
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
        let kind = match datum {
            Datum::Number(_) | Datum::Numbers(_) => FieldKind::Number,
            Datum::Bytes(_) => FieldKind::Text,
            // a line of words is no symbol that comes again as a whole, but one of a template
            Datum::Text(s) if first && name == VALUE && s.contains(char::is_whitespace) => FieldKind::Line,
            Datum::Text(s) if s.len() > limits.symbol_bytes => FieldKind::Text,
            Datum::Text(_) | Datum::Bool(_) | Datum::Null => FieldKind::Category,
        };
        self.add(name, kind, limits)
    }

    /// Adds a field, and returns its position.
    fn add(&mut self, name: &str, kind: FieldKind, limits: &Limits) -> Result<usize, Refusal> {
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
        self.fields.push(Field::new(name, kind));
        Ok(self.fields.len() - 1)
    }
}

/// What the name of a field is followed by in that of its companion for texts.
pub(crate) const TEXT_COMPANION: &str = ".text";

/// What the name of a field is followed by in that of its companion for numbers.
pub(crate) const NUMBER_COMPANION: &str = ".number";

/// Whether a value does not tell what a new field holds. A word alone on its line is a symbol, whatever it is.
fn tells_no_kind(name: &str, datum: &Datum) -> bool {
    match datum {
        Datum::Null => true,
        Datum::Text(text) => name != VALUE && is_missing(text.trim()),
        Datum::Bool(_) | Datum::Number(_) | Datum::Numbers(_) | Datum::Bytes(_) => false,
    }
}

/// The value of a text in a field of numbers: a number, or none where the text says so; `None` if it is neither.
fn number_of(text: &str) -> Option<Value> {
    let text = text.trim();
    if is_missing(text) {
        return Some(Value::Missing);
    }
    let numeral = Numerals::default().read(text).filter(|n| n.unit.is_empty())?;
    Some(if numeral.value.is_finite() { Value::Number(numeral.value) } else { Value::Missing })
}

/// The event of what is said of an incident. It belongs to no key and has no time.
fn bind_feedback(feedback: &Feedback) -> Result<Event, Refusal> {
    match feedback.fault() {
        Some((part, reason)) => Err(Refusal::new(RefusalCode::Empty, part, reason)),
        None => Ok(Event { feedback: Some(Box::new(feedback.clone())), ..Event::default() }),
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
            Datum::Text(text) => match number_of(text) {
                Some(value) => Ok(value),
                None => expected("a number"),
            },
            Datum::Bool(_) | Datum::Numbers(_) | Datum::Bytes(_) => expected("a number"),
        },
        FieldKind::Category => match datum {
            Datum::Null => Ok(Value::Missing),
            Datum::Text(text) if text.len() > limits.symbol_bytes => {
                Err(too_long(&field.name, text.len(), limits.symbol_bytes))
            }
            Datum::Text(text) => Ok(Value::Symbol(text.clone())),
            Datum::Bool(truth) => Ok(Value::Symbol(truth.to_string().into())),
            Datum::Number(x) if x.is_finite() => Ok(Value::Symbol(x.to_string().into())),
            Datum::Number(_) | Datum::Numbers(_) | Datum::Bytes(_) => expected("a category (text)"),
        },
        FieldKind::Text | FieldKind::Byte | FieldKind::Line => match datum {
            Datum::Null if !field.kind.is_every_byte() => Ok(Value::Missing),
            Datum::Text(text) => spelled(field, text.as_bytes(), limits),
            Datum::Bytes(bytes) => spelled(field, bytes, limits),
            Datum::Bool(truth) if !field.kind.is_every_byte() => spelled(field, truth.to_string().as_bytes(), limits),
            Datum::Number(x) if !field.kind.is_every_byte() => spelled(field, x.to_string().as_bytes(), limits),
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
#[path = "bind_tests.rs"]
mod tests;
