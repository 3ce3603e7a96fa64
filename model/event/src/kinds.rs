//! What a stream's fields hold, decided from its first events rather than from the first one.

use crate::bind::{NUMBER_COMPANION, TEXT_COMPANION};
use crate::column::{column_reading, names_classes};
use crate::numeral::Numerals;
use crate::record::{Data, Datum, Event, Record, Value};
use crate::schema::{Field, FieldKind, Schema, VALUE};
use std::collections::BTreeSet;

/// Values that a field has at least before they say more than the first one.
const VALUES_MIN: usize = 64;
/// Distinct numbers from which their counts tell names from readings, if the field's name does not.
const CLASSES_MIN: usize = 3;
/// Changes of a number from one value to the next from which it shows whether it moves in steps.
const CHANGES_MIN: usize = 24;

impl Schema {
    /// The schema that the first events of a stream tell, where it differs from this one, to which the first value of
    /// each field led. `events` are all events so far, bound to this schema.
    ///
    /// The rules are those by which tables are read ([`column_reading`](crate::column_reading)), with the doubt that
    /// a producer deserves who wrote values as JSON. Numbers become categories where they are few whole ones without
    /// an order, such as codes of status. Texts stay names, though they be digits; they become texts where they are
    /// long and hardly repeat, and lone ones become lines where most have blanks. Where most values of a field went to
    /// a companion, the field becomes what these are. A field with fewer than 64 values keeps its kind.
    pub fn decided(&self, events: &[&Event]) -> Option<Schema> {
        let homes = self.homes();
        let mut decided = Vec::with_capacity(self.fields.len());
        for (i, field) in self.fields.iter().enumerate().filter(|(i, _)| homes[*i] == *i) {
            let of_field: Vec<&Value> = events.iter().filter_map(|event| value_of(i, &homes, event)).collect();
            let kind = if of_field.len() < VALUES_MIN { field.kind } else { kind_of(field, &of_field) };
            decided.push(Field { kind, ..field.clone() });
        }
        let is_new = |(field, home): (&Field, usize)| field.kind != self.fields[home].kind;
        let bases = (0..self.fields.len()).filter(|i| homes[*i] == *i);
        let changes = decided.iter().zip(bases).any(is_new);
        changes.then_some(Schema { fields: decided, closed: self.closed })
    }

    /// The record that an event of this schema was, with the values of companions under the names that they came with.
    pub fn unbind(&self, event: &Event) -> Record {
        let homes = self.homes();
        let values = event.values.iter().enumerate();
        let fields: Vec<(Box<str>, Datum)> = values
            .filter_map(|(i, value)| {
                let datum = match value {
                    Value::Missing => return None,
                    Value::Symbol(text) => Datum::Text(text.clone()),
                    Value::Number(x) => Datum::Number(*x),
                    Value::Bytes(bytes) => Datum::Bytes(bytes.clone()),
                };
                Some((self.fields[homes[i]].name.as_str().into(), datum))
            })
            .collect();
        // nothing but nulls is a record with values all the same
        let data = match fields.is_empty() {
            true if event.values.is_empty() => Data::None,
            true => Data::One(Datum::Null),
            false => Data::Fields(fields),
        };
        Record { key: event.key.clone(), time_us: event.time_us, arrival_us: None, data, end: event.end }
    }

    /// Whether the field at a position is one that an open schema makes when it is needed: beside another field, for
    /// values that this one cannot hold.
    pub fn is_companion(&self, position: usize) -> bool {
        let Field { name, kind, .. } = &self.fields[position];
        let stands_beside = |(suffix, of): (&str, FieldKind)| {
            let base = name.strip_suffix(suffix).and_then(|base| self.position(base));
            let base = base.filter(|base| *base < position).map(|base| &self.fields[base]);
            base.is_some_and(|base| base.kind == of && !base.required)
        };
        let beside: &[(&str, FieldKind)] = match kind {
            FieldKind::Category => &[(TEXT_COMPANION, FieldKind::Number)],
            FieldKind::Number => &[(NUMBER_COMPANION, FieldKind::Category)],
            FieldKind::Text => &[(TEXT_COMPANION, FieldKind::Category)],
            FieldKind::Byte | FieldKind::Gap | FieldKind::Line => &[],
        };
        !self.closed && beside.iter().copied().any(stands_beside)
    }

    /// `[fields]`: the position of the field that a field is a companion of, else its own. Companions for texts that
    /// are spelled keep their values, as no other kind could hold them.
    fn homes(&self) -> Vec<usize> {
        let mut homes: Vec<usize> = (0..self.fields.len()).collect();
        for (i, field) in self.fields.iter().enumerate() {
            let base = [(TEXT_COMPANION, FieldKind::Category), (NUMBER_COMPANION, FieldKind::Number)]
                .into_iter()
                .filter(|(_, kind)| *kind == field.kind)
                .find_map(|(suffix, _)| field.name.strip_suffix(suffix))
                .and_then(|name| self.position(name))
                .filter(|base| *base < i && self.fields[*base].kind != field.kind && !self.fields[*base].required);
            if let Some(base) = base {
                homes[i] = homes[base];
            }
        }
        homes
    }
}

/// The value that an event has of the field at a position, there or in a companion.
fn value_of<'a>(field: usize, homes: &[usize], event: &'a Event) -> Option<&'a Value> {
    let mut values = event.values.iter().zip(homes).filter(|(_, home)| **home == field);
    values.find_map(|(value, _)| (*value != Value::Missing).then_some(value))
}

/// The kind of a field that has these values.
fn kind_of(field: &Field, values: &[&Value]) -> FieldKind {
    match field.kind {
        FieldKind::Category | FieldKind::Number | FieldKind::Line => {}
        FieldKind::Text | FieldKind::Byte | FieldKind::Gap => return field.kind,
    }
    let cells: Vec<String> = values.iter().map(|value| cell(value)).collect();
    let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
    let numbers = values.iter().filter(|value| matches!(value, Value::Number(_))).count();
    if field.name == VALUE && numbers == 0 {
        let with_blanks = cells.iter().filter(|cell| cell.contains(char::is_whitespace)).count();
        if with_blanks * 2 > cells.len() {
            return FieldKind::Line;
        }
    }
    let told = column_reading(&field.name, &cells, Numerals::default()).kind;
    match (field.kind, told) {
        // what was sent as text is a name, though its characters be digits
        (_, FieldKind::Number) if numbers == 0 => FieldKind::Category,
        (FieldKind::Number, FieldKind::Category) if numbers == cells.len() => {
            let distinct = cells.iter().collect::<BTreeSet<_>>().len();
            let changes = cells.windows(2).filter(|pair| pair[0] != pair[1]).count();
            let is_sure = distinct >= CLASSES_MIN && changes >= CHANGES_MIN || names_classes(&field.name);
            if is_sure { told } else { FieldKind::Number }
        }
        (FieldKind::Category | FieldKind::Number | FieldKind::Line, told) => told,
        // other kinds stay as they are
        (FieldKind::Text | FieldKind::Byte | FieldKind::Gap, _) => field.kind,
    }
}

/// A value as a table would have it.
fn cell(value: &Value) -> String {
    match value {
        Value::Missing => String::new(),
        Value::Symbol(text) => text.to_string(),
        Value::Number(x) => x.to_string(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
#[path = "kinds_tests.rs"]
mod tests;
