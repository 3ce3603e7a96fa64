//! The sequence number of a line that is refused: whoever sent it waits to be told of that number.

use crate::line_key::LineKey;
use crate::line_value::WholeNumber;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use std::cell::Cell;
use std::fmt;

/// The sequence number of a line, as far as that can be read, whatever else is wrong with it; none of a line that says
/// two.
///
/// ```
/// # use surmise_protocol::seq_of;
/// assert_eq!(seq_of(br#"{"seq":7,"data":1e999}"#), Some(7));
/// assert_eq!(seq_of(br#"{"seq":7,"data":{"#), Some(7));
/// assert_eq!(seq_of(br#"{"data":1,"seq":"seven"}"#), None);
/// ```
pub fn seq_of(line: &[u8]) -> Option<u64> {
    let found = Cell::new(FoundSeq::None);
    // what is read before the fault counts
    let _ = SeqSeed { found: &found }.deserialize(&mut serde_json::Deserializer::from_slice(line));
    match found.get() {
        FoundSeq::One(seq) => Some(seq),
        FoundSeq::None | FoundSeq::Many => None,
    }
}

/// The sequence numbers of a line so far.
#[derive(Clone, Copy)]
enum FoundSeq {
    None,
    One(u64),
    Many,
}

/// Reads the sequence number of an object into a place that is still there where the object cannot be read.
struct SeqSeed<'a> {
    found: &'a Cell<FoundSeq>,
}

impl<'de> DeserializeSeed<'de> for SeqSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SeqSeed<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut a: A) -> Result<(), A::Error> {
        while let Some(key) = a.next_key::<LineKey>()? {
            match (key, self.found.get()) {
                (LineKey::Seq, FoundSeq::None) => self.found.set(FoundSeq::One(a.next_value_seed(WholeNumber)?)),
                (LineKey::Seq, FoundSeq::One(_) | FoundSeq::Many) => {
                    self.found.set(FoundSeq::Many);
                    return Err(A::Error::custom("two numbers"));
                }
                _ => drop(a.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_whatever_else_is_wrong() {
        let digits = "1".repeat(400);
        for (line, seq) in [
            (format!(r#"{{"seq":1,"data":{digits}}}"#), Some(1)),
            (format!(r#"{{"data":{{"a":[{digits}]}},"seq":2}}"#), Some(2)),
            (r#"{"seq":3,"data":"cut"#.to_owned(), Some(3)),
            (r#"{"seq":4,"data":NaN}"#.to_owned(), Some(4)),
            (r#"{"seq":5,"unheard_of":{},"data":1}"#.to_owned(), Some(5)),
            (r#"{"seq":6,"seq":7,"data":1}"#.to_owned(), None),
            (r#"{"seq":-1,"data":1}"#.to_owned(), None),
            (r#"{"data":{"seq":8}}"#.to_owned(), None),
            ("seq".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(seq_of(line.as_bytes()), seq, "{line}");
        }
        assert_eq!(seq_of(b"{\"seq\":9,\"data\":\"\xff\"}"), Some(9));
    }
}
