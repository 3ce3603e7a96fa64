//! How many events of a log have a value that fits what its field is to hold from now on.

use surmise_event::{Data, Datum, Event, Field, Record, Schema, VALUE, Value};

/// How the values of a field whose kind is changed fit that kind.
pub struct FieldFit {
    /// The field as it is to be.
    pub field: Field,
    /// Events whose value is of its kind.
    pub held: u64,
    /// Events with a value there that is of another kind: it stands beside the field, or has the event refused.
    pub other: u64,
}

impl FieldFit {
    /// Of no event yet.
    pub fn new(field: Field) -> FieldFit {
        FieldFit { field, held: 0, other: 0 }
    }

    /// Counts an event: what its record has of the field, and what it was bound to, if it was not refused.
    pub fn count(&mut self, record: &Record, schema: &Schema, event: Option<&Event>) {
        let has_value = match &record.data {
            Data::Fields(fields) => {
                fields.iter().any(|(name, datum)| **name == *self.field.name && *datum != Datum::Null)
            }
            Data::One(datum) => *datum != Datum::Null && (self.field.name == VALUE || schema.fields.len() == 1),
            Data::None | Data::Feedback(_) => false,
        };
        let value = event.zip(schema.position(&self.field.name)).and_then(|(event, place)| event.values.get(place));
        let holds = value.is_some_and(|value| *value != Value::Missing);
        self.held += u64::from(holds);
        self.other += u64::from(has_value && !holds);
    }
}
