//! The keys of a line's object.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;

/// A key of a line's object.
pub(crate) enum LineKey {
    Hello,
    Seq,
    Stream,
    Key,
    Time,
    Data,
    End,
    Feedback,
    Id,
    Other(Box<str>),
}

impl<'de> Deserialize<'de> for LineKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<LineKey, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = LineKey;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_str<E: Error>(self, s: &str) -> Result<LineKey, E> {
                Ok(match s {
                    "hello" => LineKey::Hello,
                    "seq" => LineKey::Seq,
                    "stream" => LineKey::Stream,
                    "key" => LineKey::Key,
                    "time" => LineKey::Time,
                    "data" => LineKey::Data,
                    "end" => LineKey::End,
                    "feedback" => LineKey::Feedback,
                    "id" => LineKey::Id,
                    _ => LineKey::Other(s.into()),
                })
            }
        }
        d.deserialize_str(KeyVisitor)
    }
}
