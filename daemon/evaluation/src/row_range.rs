//! Ranges of a recording's rows.

use std::str::FromStr;

/// Rows `A:B`: from A up to B without B itself, counted from 0. Either may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRange {
    /// The first row.
    pub from: u64,
    /// The row after the last one.
    pub to: u64,
}

impl RowRange {
    /// All rows.
    pub const ALL: RowRange = RowRange { from: 0, to: u64::MAX };

    /// Whether a row is one of them.
    pub fn contains(self, row: u64) -> bool {
        (self.from..self.to).contains(&row)
    }
}

/// A text that is no [`RowRange`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected rows A:B with A below B, such as 0:2880, got {0:?}")]
pub struct RowRangeError(String);

impl FromStr for RowRange {
    type Err = RowRangeError;

    fn from_str(s: &str) -> Result<RowRange, RowRangeError> {
        let bad = || RowRangeError(s.to_owned());
        let (from, to) = s.split_once(':').ok_or_else(bad)?;
        let bound = |text: &str, open: u64| if text.is_empty() { Ok(open) } else { text.parse().map_err(|_| bad()) };
        let rows = RowRange { from: bound(from, RowRange::ALL.from)?, to: bound(to, RowRange::ALL.to)? };
        if rows.from < rows.to { Ok(rows) } else { Err(bad()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_half_open() {
        let r: RowRange = "2:5".parse().unwrap();
        assert!(r.contains(2) && r.contains(4) && !r.contains(5) && !r.contains(1));
        assert_eq!(":7".parse(), Ok(RowRange { from: 0, to: 7 }));
        assert_eq!("7:".parse(), Ok(RowRange { from: 7, to: u64::MAX }));
        for bad in ["5:2", "5", "a:b"] {
            assert!(bad.parse::<RowRange>().is_err(), "{bad}");
        }
    }
}
