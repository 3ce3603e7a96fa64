//! Reading values: null, truth values, numbers, text, arrays, and named values.
//!
//! What nests becomes flat as it is read: the fields of an object within an object have dotted names (`page.path`), and
//! the items of an array have numbered ones (`tags[0]`), unless they all are numbers, which are a vector. Nesting and
//! the names that it makes are bounded, so that no line can make the reader recurse or grow without end.

use crate::wording::KeyFault;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;
use surmise_event::{Data, Datum, VALUE};

/// Levels of objects and arrays within one another.
const NESTING_MAX: usize = 16;
/// Items of an array that become fields; a vector of numbers has no such bound.
const ARRAY_ITEMS_MAX: usize = 32;
/// Bytes of the name that nesting makes.
const NESTED_NAME_BYTES_MAX: usize = 512;
/// Fields of a record whose values nest.
const NESTED_FIELDS_MAX: usize = 8192;

/// Whole numbers up to which every one is a number of floating point. Beyond, it is a name: its digits count.
const WHOLE_MAX: u64 = 1 << 53;

fn whole(v: u64) -> Datum {
    if v <= WHOLE_MAX { Datum::Number(v as f64) } else { Datum::Text(v.to_string().into()) }
}

fn signed(v: i64) -> Datum {
    if v.unsigned_abs() <= WHOLE_MAX { Datum::Number(v as f64) } else { Datum::Text(v.to_string().into()) }
}

/// Reads a value of the field `name` into the fields of a record: several, where it nests.
pub(crate) struct FieldSeed<'a> {
    pub(crate) fields: &'a mut NamedData,
    pub(crate) name: Box<str>,
    /// How many objects and arrays the value is within.
    pub(crate) depth: usize,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl FieldSeed<'_> {
    fn push<E: Error>(self, value: Datum) -> Result<(), E> {
        self.fields.push(self.name, value).map_err(E::custom)
    }

    /// Checks that a value may nest here.
    fn check_nesting<E: Error>(&self) -> Result<(), E> {
        let fault = if self.depth >= NESTING_MAX {
            KeyFault::TooDeep(NESTING_MAX)
        } else if self.fields.items.len() > NESTED_FIELDS_MAX {
            KeyFault::TooManyNested(NESTED_FIELDS_MAX)
        } else {
            return Ok(());
        };
        Err(E::custom(fault))
    }

    /// The name of a part of the value.
    fn part<E: Error>(&self, part: fmt::Arguments<'_>) -> Result<Box<str>, E> {
        let name = format!("{}{part}", self.name);
        match name.len() > NESTED_NAME_BYTES_MAX {
            true => Err(E::custom(KeyFault::LongNestedName(NESTED_NAME_BYTES_MAX))),
            false => Ok(name.into()),
        }
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a truth value, a number, text, an array or an object")
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.push(Datum::Null)
    }
    fn visit_bool<E: Error>(self, v: bool) -> Result<(), E> {
        self.push(Datum::Bool(v))
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<(), E> {
        self.push(signed(v))
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<(), E> {
        self.push(whole(v))
    }
    fn visit_f64<E: Error>(self, v: f64) -> Result<(), E> {
        self.push(Datum::Number(v))
    }
    fn visit_str<E: Error>(self, v: &str) -> Result<(), E> {
        self.push(Datum::Text(v.into()))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut a: A) -> Result<(), A::Error> {
        self.check_nesting()?;
        while let Some(key) = a.next_key::<Box<str>>()? {
            let name = self.part(format_args!(".{key}"))?;
            a.next_value_seed(FieldSeed { fields: &mut *self.fields, name, depth: self.depth + 1 })?;
        }
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut a: A) -> Result<(), A::Error> {
        self.check_nesting()?;
        let first = self.fields.items.len();
        let mut numbers = Vec::new();
        let mut are_numbers = true;
        for i in 0.. {
            // items beyond the bound of an array that is no vector are passed over
            if !are_numbers && i >= ARRAY_ITEMS_MAX {
                if a.next_element::<IgnoredAny>()?.is_none() {
                    break;
                }
                continue;
            }
            let name = self.part(format_args!("[{i}]"))?;
            let item = FieldSeed { fields: &mut *self.fields, name: name.clone(), depth: self.depth + 1 };
            match a.next_element_seed(ItemSeed(item))? {
                None => break,
                Some(ItemRead::Number(x)) if are_numbers => numbers.push(x),
                Some(ItemRead::Number(x)) => self.fields.push(name, Datum::Number(x)).map_err(A::Error::custom)?,
                Some(ItemRead::Fields) if are_numbers => {
                    // the numbers before the first item that is none are items like it
                    are_numbers = false;
                    for (k, x) in std::mem::take(&mut numbers).into_iter().enumerate().take(ARRAY_ITEMS_MAX) {
                        let name = self.part(format_args!("[{k}]"))?;
                        self.fields.insert(first + k, name, Datum::Number(x)).map_err(A::Error::custom)?;
                    }
                }
                Some(ItemRead::Fields) => {}
            }
        }
        if are_numbers { self.push(Datum::Numbers(numbers)) } else { Ok(()) }
    }
}

/// What was read of an item of an array.
enum ItemRead {
    /// A number, which may be one of a vector.
    Number(f64),
    /// Something else, whose fields are in the record.
    Fields,
}

/// Reads one item of an array.
struct ItemSeed<'a>(FieldSeed<'a>);

impl<'de> DeserializeSeed<'de> for ItemSeed<'_> {
    type Value = ItemRead;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<ItemRead, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed<'_> {
    type Value = ItemRead;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
    fn visit_unit<E: Error>(self) -> Result<ItemRead, E> {
        self.0.visit_unit().map(|()| ItemRead::Fields)
    }
    fn visit_bool<E: Error>(self, v: bool) -> Result<ItemRead, E> {
        self.0.visit_bool(v).map(|()| ItemRead::Fields)
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<ItemRead, E> {
        match signed(v) {
            Datum::Number(x) => Ok(ItemRead::Number(x)),
            name => self.0.push(name).map(|()| ItemRead::Fields),
        }
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<ItemRead, E> {
        match whole(v) {
            Datum::Number(x) => Ok(ItemRead::Number(x)),
            name => self.0.push(name).map(|()| ItemRead::Fields),
        }
    }
    fn visit_f64<E: Error>(self, v: f64) -> Result<ItemRead, E> {
        Ok(ItemRead::Number(v))
    }
    fn visit_str<E: Error>(self, v: &str) -> Result<ItemRead, E> {
        self.0.visit_str(v).map(|()| ItemRead::Fields)
    }
    fn visit_map<A: MapAccess<'de>>(self, a: A) -> Result<ItemRead, A::Error> {
        self.0.visit_map(a).map(|()| ItemRead::Fields)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, a: A) -> Result<ItemRead, A::Error> {
        self.0.visit_seq(a).map(|()| ItemRead::Fields)
    }
}

/// Reads the `data` of an event: one value, or an object of named values.
pub(crate) struct DataSeed;

impl<'de> DeserializeSeed<'de> for DataSeed {
    type Value = Data;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Data, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DataSeed {
    type Value = Data;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or an object of named values")
    }
    fn visit_unit<E: Error>(self) -> Result<Data, E> {
        Ok(Data::One(Datum::Null))
    }
    fn visit_bool<E: Error>(self, v: bool) -> Result<Data, E> {
        Ok(Data::One(Datum::Bool(v)))
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<Data, E> {
        Ok(Data::One(signed(v)))
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<Data, E> {
        Ok(Data::One(whole(v)))
    }
    fn visit_f64<E: Error>(self, v: f64) -> Result<Data, E> {
        Ok(Data::One(Datum::Number(v)))
    }
    fn visit_str<E: Error>(self, v: &str) -> Result<Data, E> {
        Ok(Data::One(Datum::Text(v.into())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, a: A) -> Result<Data, A::Error> {
        let mut fields = NamedData::default();
        FieldSeed { fields: &mut fields, name: VALUE.into(), depth: 0 }.visit_seq(a)?;
        match fields.items.as_mut_slice() {
            // a vector has the name that a value without one has
            [(name, vector @ Datum::Numbers(_))] if &**name == VALUE => {
                Ok(Data::One(std::mem::replace(vector, Datum::Null)))
            }
            _ => Ok(Data::Fields(fields.items)),
        }
    }
    fn visit_map<A: MapAccess<'de>>(self, mut a: A) -> Result<Data, A::Error> {
        let mut fields = NamedData::default();
        while let Some(name) = a.next_key::<Box<str>>()? {
            a.next_value_seed(FieldSeed { fields: &mut fields, name, depth: 0 })?;
        }
        Ok(Data::Fields(fields.items))
    }
}

/// Named values in the order in which they are read, no name twice.
#[derive(Default)]
pub(crate) struct NamedData {
    pub(crate) items: Vec<(Box<str>, Datum)>,
    /// The names of all items, once there are more than [`LINEAR_SEARCH_ITEMS_MAX`].
    names: HashSet<Box<str>>,
}

/// Items up to which comparing all names is faster than hashing them.
const LINEAR_SEARCH_ITEMS_MAX: usize = 16;

impl NamedData {
    /// Appends a value.
    ///
    /// # Errors
    /// A value of this name is there already.
    pub(crate) fn push(&mut self, name: Box<str>, value: Datum) -> Result<(), KeyFault> {
        self.insert(self.items.len(), name, value)
    }

    /// Puts a value at a position.
    ///
    /// # Errors
    /// A value of this name is there already.
    fn insert(&mut self, position: usize, name: Box<str>, value: Datum) -> Result<(), KeyFault> {
        let repeated = if self.items.len() < LINEAR_SEARCH_ITEMS_MAX {
            self.items.iter().any(|(item, _)| *item == name)
        } else {
            // the first item beyond the bound fills the set with all before it
            if self.names.is_empty() {
                self.names.extend(self.items.iter().map(|(item, _)| item.clone()));
            }
            !self.names.insert(name.clone())
        };
        if repeated {
            return Err(KeyFault::RepeatedField(name));
        }
        self.items.insert(position, (name, value));
        Ok(())
    }
}
