//! Durations and sizes as people write them: `"5s"`, `"256MiB"`.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration, written as a whole number and a unit: `ms`, `s`, `m`, `h` or `d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan(pub Duration);

/// A size in bytes, written as a whole number and a unit: `B`, `KiB`, `MiB`, `GiB`, `TiB`, or `KB`, `MB`, `GB`, `TB` by
/// thousands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// Units of a duration, each with its milliseconds, rising.
const TIME_UNITS: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
/// Units of a size, each with its bytes: the binary ones, which are used for writing, and then those by thousands.
const BYTE_UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];
/// How many of [`BYTE_UNITS`] are used for writing.
const BINARY_UNITS: usize = 5;

/// A text that is no duration or no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// The number does not fit into 64 bits.
    #[error("{0:?} is too large")]
    TooLarge(String),
    /// The text is not a whole number and a unit.
    #[error("expected {what} such as {example:?} (units are {}), got {text:?}", units.join(", "))]
    Malformed {
        /// What was expected, in words.
        what: &'static str,
        /// A text that would do.
        example: &'static str,
        /// The units that there are.
        units: Vec<&'static str>,
        /// The text.
        text: String,
    },
}

fn parse(
    text: &str,
    what: &'static str,
    example: &'static str,
    units: &[(&'static str, u64)],
) -> Result<u64, UnitError> {
    let text = text.trim();
    // a whole number, then the unit; blanks may come between
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = (&text[..split], text[split..].trim());
    let number = digits.parse::<u64>().ok();
    let factor = units.iter().find(|(u, _)| u.eq_ignore_ascii_case(unit)).map(|(_, factor)| *factor);
    match (number, factor) {
        (Some(n), Some(factor)) => n.checked_mul(factor).ok_or_else(|| UnitError::TooLarge(text.to_owned())),
        _ => {
            let units = units.iter().map(|(u, _)| *u).collect();
            Err(UnitError::Malformed { what, example, units, text: text.to_owned() })
        }
    }
}

/// Writes a number in the largest unit that divides it.
fn show(n: u64, units: &[(&str, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let best = units.iter().filter(|(_, u)| n >= *u && n.is_multiple_of(*u)).max_by_key(|(_, u)| *u);
    let (unit, factor) = best.or(units.first()).expect("invariant: there is a unit");
    write!(f, "{}{unit}", n / factor)
}

impl FromStr for TimeSpan {
    type Err = UnitError;
    fn from_str(s: &str) -> Result<TimeSpan, UnitError> {
        parse(s, "a duration", "5s", TIME_UNITS).map(|ms| TimeSpan(Duration::from_millis(ms)))
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;
    fn from_str(s: &str) -> Result<ByteSize, UnitError> {
        parse(s, "a size", "256MiB", BYTE_UNITS).map(ByteSize)
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.0.as_millis() as u64, TIME_UNITS, f)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.0, &BYTE_UNITS[..BINARY_UNITS], f)
    }
}

/// Reads a value from its text; holds what is expected, in words.
struct FromText<T>(std::marker::PhantomData<T>, &'static str);

impl<T: FromStr<Err = UnitError>> Visitor<'_> for FromText<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }
    fn visit_str<E: Error>(self, s: &str) -> Result<T, E> {
        s.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for TimeSpan {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<TimeSpan, D::Error> {
        d.deserialize_str(FromText(std::marker::PhantomData, "a duration as text, such as \"5s\""))
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<ByteSize, D::Error> {
        d.deserialize_str(FromText(std::marker::PhantomData, "a size as text, such as \"256MiB\""))
    }
}

impl Serialize for TimeSpan {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_written() {
        for (s, ms) in [("5ms", 5), ("10s", 10_000), ("1m", 60_000), ("2h", 7_200_000), ("0s", 0)] {
            assert_eq!(s.parse::<TimeSpan>(), Ok(TimeSpan(Duration::from_millis(ms))), "{s}");
        }
        assert_eq!(TimeSpan(Duration::from_millis(90_000)).to_string(), "90s");
        for (s, n) in [("1MiB", 1 << 20), ("32 KiB", 32 << 10), ("4gib", 4 << 30), ("10MB", 10_000_000), ("7B", 7)] {
            assert_eq!(s.parse::<ByteSize>(), Ok(ByteSize(n)), "{s}");
        }
        assert_eq!(ByteSize(4 << 30).to_string(), "4GiB");
        assert_eq!(ByteSize(1000).to_string(), "1000B");
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for s in ["", "5", "s", "-5s", "5 apples", "1.5s"] {
            let e = s.parse::<TimeSpan>().unwrap_err().to_string();
            assert!(e.contains("5s"), "{s}: {e}");
        }
        assert!("99999999999TiB".parse::<ByteSize>().is_err());
    }
}
