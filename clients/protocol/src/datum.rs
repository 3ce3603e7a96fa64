//! Reading values: null, truth values, numbers, text, arrays of numbers, and one level of named values.
//!
//! Nothing nests deeper, so no line can make the reader recurse.

use crate::wording::KeyFault;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;
use surmise_event::{Data, Datum};

/// The reason for refusing an object in a place where only a value may be.
const NESTED_OBJECT: &str = "objects do not nest here; give the inner values names of their own, such as \"page.path\"";

/// Reads the value of one field.
pub(crate) struct DatumSeed;

// A value alone and a value as the whole `data` differ only in what they are wrapped into.
macro_rules! scalar_visits {
    ($out:ty, $wrap:expr) => {
        fn visit_unit<E: Error>(self) -> Result<$out, E> {
            Ok($wrap(Datum::Null))
        }
        fn visit_bool<E: Error>(self, v: bool) -> Result<$out, E> {
            Ok($wrap(Datum::Bool(v)))
        }
        fn visit_i64<E: Error>(self, v: i64) -> Result<$out, E> {
            Ok($wrap(Datum::Number(v as f64)))
        }
        fn visit_u64<E: Error>(self, v: u64) -> Result<$out, E> {
            Ok($wrap(Datum::Number(v as f64)))
        }
        fn visit_f64<E: Error>(self, v: f64) -> Result<$out, E> {
            Ok($wrap(Datum::Number(v)))
        }
        fn visit_str<E: Error>(self, v: &str) -> Result<$out, E> {
            Ok($wrap(Datum::Text(v.into())))
        }
        fn visit_string<E: Error>(self, v: String) -> Result<$out, E> {
            Ok($wrap(Datum::Text(v.into())))
        }
        fn visit_seq<A: SeqAccess<'de>>(self, a: A) -> Result<$out, A::Error> {
            Ok($wrap(numbers(a)?))
        }
    };
}

impl<'de> DeserializeSeed<'de> for DatumSeed {
    type Value = Datum;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Datum, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DatumSeed {
    type Value = Datum;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a truth value, a number, text, or an array of numbers")
    }
    scalar_visits!(Datum, std::convert::identity);
    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Datum, A::Error> {
        Err(A::Error::custom(NESTED_OBJECT))
    }
}

/// Reads an array as a vector of numbers.
fn numbers<'de, A: SeqAccess<'de>>(mut a: A) -> Result<Datum, A::Error> {
    let mut vector = Vec::new();
    while let Some(number) = a.next_element_seed(NumberSeed)? {
        vector.push(number);
    }
    Ok(Datum::Numbers(vector))
}

/// Reads one number of an array.
struct NumberSeed;

impl<'de> DeserializeSeed<'de> for NumberSeed {
    type Value = f64;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<f64, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NumberSeed {
    type Value = f64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number (an array is a vector of numbers)")
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<f64, E> {
        Ok(v as f64)
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<f64, E> {
        Ok(v as f64)
    }
    fn visit_f64<E: Error>(self, v: f64) -> Result<f64, E> {
        Ok(v)
    }
    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<f64, A::Error> {
        Err(A::Error::custom(NESTED_OBJECT))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<f64, A::Error> {
        Err(A::Error::custom("arrays do not nest here; send one flat array of numbers"))
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
    scalar_visits!(Data, Data::One);
    fn visit_map<A: MapAccess<'de>>(self, mut a: A) -> Result<Data, A::Error> {
        let mut fields = NamedData::default();
        while let Some(name) = a.next_key::<Box<str>>()? {
            let value = a.next_value_seed(DatumSeed)?;
            fields.push(name, value).map_err(A::Error::custom)?;
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
        self.items.push((name, value));
        Ok(())
    }
}
