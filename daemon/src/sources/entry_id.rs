//! The id of an entry of a stream of Redis, and the number that it is for the log.
//!
//! An id is a time in milliseconds and a count within it, and ids rise. The log has one number for a position, so the
//! two are packed: the time into the upper 42 bits, which last until the year 2109, and the count into the lower 22,
//! which are four million entries a millisecond. An id beyond that, which only a client that makes its own can give,
//! has no number.

use std::fmt;
use std::str::FromStr;

/// Bits of a number that the count takes.
const COUNT_BITS: u32 = 22;
/// Bits of a number that the time takes.
const TIME_BITS: u32 = 64 - COUNT_BITS;
/// The first time that an id may mean, in milliseconds: the year 2000. An id below was given by a client that counts.
const TIME_MIN_MS: u64 = 946_684_800_000;

/// The id of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// The time, in milliseconds since 1970, unless a client gave another number.
    pub milliseconds: u64,
    /// The count within it.
    pub count: u64,
}

/// A text that is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no id of an entry")]
pub struct EntryIdError(String);

impl EntryId {
    /// The id that is below all others, which no entry has.
    pub const ZERO: EntryId = EntryId { milliseconds: 0, count: 0 };

    /// The number of the id for the log, which rises with it; none if it is beyond what a number holds.
    pub fn number(self) -> Option<u64> {
        let fits = self.milliseconds < 1 << TIME_BITS && self.count < 1 << COUNT_BITS;
        fits.then_some(self.milliseconds << COUNT_BITS | self.count)
    }

    /// The id of a number.
    pub fn of_number(number: u64) -> EntryId {
        EntryId { milliseconds: number >> COUNT_BITS, count: number & ((1 << COUNT_BITS) - 1) }
    }

    /// The time that the id means, in microseconds since 1970.
    pub fn time_us(self) -> Option<i64> {
        let time = Some(self.milliseconds).filter(|time| (TIME_MIN_MS..1 << TIME_BITS).contains(time))?;
        i64::try_from(time).ok()?.checked_mul(1000)
    }

    /// How much later another id is, in seconds, where both mean times.
    pub fn seconds_until(self, later: EntryId) -> Option<f64> {
        let (from, to) = (self.time_us()?, later.time_us()?);
        Some((to - from).max(0) as f64 / 1e6)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.milliseconds, self.count)
    }
}

impl FromStr for EntryId {
    type Err = EntryIdError;

    fn from_str(text: &str) -> Result<EntryId, EntryIdError> {
        let parts = text.split_once('-').and_then(|(time, count)| Some((time.parse().ok()?, count.parse().ok()?)));
        let (milliseconds, count) = parts.ok_or_else(|| EntryIdError(text.to_owned()))?;
        Ok(EntryId { milliseconds, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_with_ids_and_give_them_back() {
        let ids =
            ["0-1", "0-4194303", "1-0", "1764408000000-0", "1764408000000-17", "1764408000001-0", "4398046511103-0"];
        let ids = ids.map(|text| text.parse::<EntryId>().unwrap());
        let numbers = ids.map(|id| id.number().unwrap());
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        assert_eq!(numbers.map(EntryId::of_number), ids);
        assert_eq!((ids[4].to_string(), EntryId::ZERO.number()), ("1764408000000-17".to_owned(), Some(0)));
        for beyond in ["0-4194304", "4398046511104-0", "18446744073709551615-18446744073709551615"] {
            assert_eq!(beyond.parse::<EntryId>().unwrap().number(), None);
        }
        assert!("5".parse::<EntryId>().is_err() && "a-1".parse::<EntryId>().is_err());
    }

    #[test]
    fn only_an_id_that_can_be_a_time_is_one() {
        let id = |text: &str| text.parse::<EntryId>().unwrap();
        assert_eq!(id("1764408000123-4").time_us(), Some(1_764_408_000_123_000));
        assert_eq!(id("1-1").time_us(), None);
        assert_eq!(id("1764408000000-0").seconds_until(id("1764408002500-0")), Some(2.5));
        assert_eq!(id("0-1").seconds_until(id("0-2")), None);
    }
}
