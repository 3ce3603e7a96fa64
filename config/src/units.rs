//! Durations and sizes as people write them: `"5s"`, `"256MiB"`.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration, written as a whole number and a unit: `ms`, `s`, `m`, `h` or `d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A size in bytes, written as a whole number and a unit: `B`, `KiB`, `MiB`, `GiB`, `TiB` (or `KB`, `MB`, `GB`, `TB`, by thousands).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const SPANS: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: &[(&str, u64)] = &[
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

fn parse(s: &str, what: &str, example: &str, units: &[(&str, u64)]) -> Result<u64, String> {
    let s = s.trim();
    let split = s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len());
    let (digits, unit) = (&s[..split], s[split..].trim());
    let number = digits.parse::<u64>().ok();
    let factor = units.iter().find(|(u, _)| u.eq_ignore_ascii_case(unit)).map(|(_, f)| *f);
    match (number, factor) {
        (Some(n), Some(f)) => n.checked_mul(f).ok_or_else(|| format!("{s:?} is too large")),
        _ => {
            let names: Vec<&str> = units.iter().map(|(u, _)| *u).collect();
            Err(format!("expected {what} such as {example:?} (units are {}), got {s:?}", names.join(", ")))
        }
    }
}

/// The largest unit that divides the number.
fn show(n: u64, units: &[(&str, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let best = units.iter().filter(|(_, u)| n >= *u && n.is_multiple_of(*u)).max_by_key(|(_, u)| *u);
    let (unit, factor) = best.or(units.first()).expect("invariant: there is a unit");
    write!(f, "{}{unit}", n / factor)
}

impl FromStr for Span {
    type Err = String;
    fn from_str(s: &str) -> Result<Span, String> {
        parse(s, "a duration", "5s", SPANS).map(|ms| Span(Duration::from_millis(ms)))
    }
}

impl FromStr for Size {
    type Err = String;
    fn from_str(s: &str) -> Result<Size, String> {
        parse(s, "a size", "256MiB", SIZES).map(Size)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.0.as_millis() as u64, SPANS, f)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.0, &SIZES[..5], f)
    }
}

struct Text<T>(std::marker::PhantomData<T>, &'static str);

impl<T: FromStr<Err = String>> Visitor<'_> for Text<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }
    fn visit_str<E: Error>(self, s: &str) -> Result<T, E> {
        s.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Span, D::Error> {
        d.deserialize_str(Text(std::marker::PhantomData, "a duration as text, such as \"5s\""))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Size, D::Error> {
        d.deserialize_str(Text(std::marker::PhantomData, "a size as text, such as \"256MiB\""))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl Serialize for Size {
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
            assert_eq!(s.parse::<Span>(), Ok(Span(Duration::from_millis(ms))), "{s}");
        }
        assert_eq!(Span(Duration::from_millis(90_000)).to_string(), "90s");
        for (s, n) in [("1MiB", 1 << 20), ("32 KiB", 32 << 10), ("4gib", 4 << 30), ("10MB", 10_000_000), ("7B", 7)] {
            assert_eq!(s.parse::<Size>(), Ok(Size(n)), "{s}");
        }
        assert_eq!(Size(4 << 30).to_string(), "4GiB");
        assert_eq!(Size(1000).to_string(), "1000B");
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for s in ["", "5", "s", "-5s", "5 apples", "1.5s"] {
            let e = s.parse::<Span>().unwrap_err();
            assert!(e.contains("5s"), "{s}: {e}");
        }
        assert!("99999999999TiB".parse::<Size>().is_err());
    }
}
