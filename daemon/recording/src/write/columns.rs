//! The columns that a stream is as a table: what they hold is seen from all of its records before one is written.

use super::writer::WriteError;
use crate::roles::ColumnRoles;
use std::borrow::Cow;
use std::collections::HashMap;
use surmise_event::{Data, Datum, Record, VALUE};

/// What a column holds. The order matters for nothing; what two values have in common is [`CellKind::with`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CellKind {
    /// No value so far.
    #[default]
    Nothing,
    Bool,
    /// Whole numbers, which 64 bits hold.
    Whole,
    Number,
    Text,
}

impl CellKind {
    fn of(datum: &Datum) -> CellKind {
        match datum {
            Datum::Null | Datum::Numbers(_) => CellKind::Nothing,
            Datum::Bool(_) => CellKind::Bool,
            Datum::Number(x) if is_whole(*x) => CellKind::Whole,
            Datum::Number(_) => CellKind::Number,
            Datum::Text(_) | Datum::Bytes(_) => CellKind::Text,
        }
    }

    /// What holds values of both.
    fn with(self, other: CellKind) -> CellKind {
        match (self, other) {
            (kind, CellKind::Nothing) | (CellKind::Nothing, kind) => kind,
            (a, b) if a == b => a,
            (CellKind::Whole | CellKind::Number, CellKind::Whole | CellKind::Number) => CellKind::Number,
            _ => CellKind::Text,
        }
    }
}

/// Whether a number comes back from 64 whole bits, every bit of it.
fn is_whole(x: f64) -> bool {
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    x.abs() <= WHOLE_MAX && ((x as i64) as f64).to_bits() == x.to_bits()
}

/// The columns of a table, in the order in which their first values come.
#[derive(Clone, Debug, Default)]
pub struct WrittenColumns {
    fields: Vec<(Box<str>, CellKind)>,
    places: HashMap<Box<str>, usize>,
    has_times: bool,
    has_keys: bool,
    has_ends: bool,
    has_lone_values: bool,
    has_named_values: bool,
}

impl WrittenColumns {
    /// Sees what a record needs.
    pub fn see(&mut self, record: &Record) {
        self.has_times |= record.time_us.is_some();
        self.has_keys |= record.key.is_some();
        self.has_ends |= record.end;
        self.has_lone_values |= matches!(record.data, Data::One(_));
        self.has_named_values |= matches!(record.data, Data::Fields(_));
        each_cell(&record.data, |name, datum| {
            let place = match self.places.get(&*name) {
                Some(place) => *place,
                None => {
                    let place = self.fields.len();
                    self.fields.push((name.as_ref().into(), CellKind::Nothing));
                    self.places.insert(name.as_ref().into(), place);
                    place
                }
            };
            let kind = &mut self.fields[place].1;
            *kind = kind.with(CellKind::of(&datum));
        });
    }

    /// The fields with what they hold.
    pub(crate) fn fields(&self) -> &[(Box<str>, CellKind)] {
        &self.fields
    }

    /// The names of the columns that are no fields, which no field has.
    pub fn roles(&self) -> ColumnRoles {
        let free = |name: &str| {
            let mut name = name.to_owned();
            while self.places.contains_key(name.as_str()) {
                name.push('_');
            }
            name
        };
        ColumnRoles {
            time: self.has_times.then(|| free("time")),
            key: self.has_keys.then(|| free("key")),
            end: self.has_ends.then(|| free("end")),
            lone: self.has_lone_values && !self.has_named_values,
        }
    }

    /// The values of a record, one for each field.
    ///
    /// # Errors
    /// A value has no column.
    pub(crate) fn cells<'a>(&self, record: &'a Record) -> Result<Vec<Cow<'a, Datum>>, WriteError> {
        let mut cells = vec![Cow::Owned(Datum::Null); self.fields.len()];
        let mut unknown = None;
        each_cell(&record.data, |name, datum| match self.places.get(&*name) {
            Some(place) => cells[*place] = datum,
            None => unknown = Some(name.into_owned()),
        });
        unknown.map_or(Ok(cells), |name| Err(WriteError::UnknownColumn(name)))
    }
}

/// Calls a function with every value of a record; a vector is as many numbers as it has.
fn each_cell<'a>(data: &'a Data, mut each: impl FnMut(Cow<'a, str>, Cow<'a, Datum>)) {
    let mut cell = |name: &'a str, datum: &'a Datum| match datum {
        Datum::Numbers(numbers) => {
            for (i, x) in numbers.iter().enumerate() {
                each(format!("{name}[{i}]").into(), Cow::Owned(Datum::Number(*x)));
            }
        }
        datum => each(name.into(), Cow::Borrowed(datum)),
    };
    match data {
        Data::None | Data::Feedback(_) => {}
        Data::One(datum) => cell(VALUE, datum),
        Data::Fields(fields) => fields.iter().for_each(|(name, datum)| cell(name, datum)),
    }
}

/// A value as text; none if it is missing.
pub(crate) fn text_of(datum: &Datum) -> Option<Cow<'_, str>> {
    match datum {
        Datum::Null | Datum::Numbers(_) => None,
        Datum::Bool(yes) => Some(if *yes { "true" } else { "false" }.into()),
        Datum::Number(x) => Some(x.to_string().into()),
        Datum::Text(text) => Some((&**text).into()),
        Datum::Bytes(bytes) => Some(String::from_utf8_lossy(bytes)),
    }
}
