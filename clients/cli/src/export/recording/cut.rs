//! Which events of a stream go into a recording.

use std::str::FromStr;
use surmise_event::{TimeError, parse_time};

/// Where a recording begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CutBound {
    /// At an offset.
    Offset(u64),
    /// At a time, in microseconds since 1970.
    Time(i64),
}

impl FromStr for CutBound {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<CutBound, TimeError> {
        match text.parse() {
            Ok(offset) => Ok(CutBound::Offset(offset)),
            Err(_) => parse_time(text).map(CutBound::Time),
        }
    }
}

/// The events from a bound on, up to another one that is no longer among them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cut {
    pub(crate) from: Option<CutBound>,
    pub(crate) to: Option<CutBound>,
}

impl Cut {
    /// The first offset that can be among them.
    pub(crate) fn first_offset(&self) -> u64 {
        if let Some(CutBound::Offset(offset)) = self.from { offset } else { 0 }
    }

    /// The offset behind the last one that can be among them, of a stream that ends before `end`.
    pub(crate) fn end_offset(&self, end: u64) -> u64 {
        if let Some(CutBound::Offset(offset)) = self.to { offset.min(end) } else { end }
    }

    /// Whether an event of this time is among them, as far as times say it; one without a time is not.
    pub(crate) fn has_time(&self, time_us: Option<i64>) -> bool {
        let holds = |bound: Option<CutBound>, order: fn(&i64, &i64) -> bool| match (bound, &time_us) {
            (Some(CutBound::Time(bound_us)), Some(time_us)) => order(time_us, &bound_us),
            (Some(CutBound::Time(_)), None) => false,
            (Some(CutBound::Offset(_)) | None, _) => true,
        };
        holds(self.from, i64::ge) && holds(self.to, i64::lt)
    }

    /// Whether every event that is left has the offset that it had.
    pub(crate) fn keeps_offsets(&self) -> bool {
        self.first_offset() == 0 && ![self.from, self.to].iter().any(|bound| matches!(bound, Some(CutBound::Time(_))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_an_offset_or_a_time() {
        assert_eq!("20261123".parse(), Ok(CutBound::Offset(20_261_123)));
        assert_eq!("1970-01-01T00:00:01Z".parse(), Ok(CutBound::Time(1_000_000)));
        assert!("tomorrow".parse::<CutBound>().is_err());
    }

    #[test]
    fn the_end_is_not_among_the_events() {
        let cut = Cut { from: Some(CutBound::Time(10)), to: Some(CutBound::Time(20)) };
        let held: Vec<i64> = (0..30).filter(|time_us| cut.has_time(Some(*time_us))).collect();
        assert_eq!((held.first(), held.last(), cut.has_time(None)), (Some(&10), Some(&19), false));
        let cut = Cut { from: Some(CutBound::Offset(3)), to: Some(CutBound::Offset(9)) };
        assert_eq!((cut.first_offset(), cut.end_offset(100), cut.end_offset(5)), (3, 9, 5));
        assert!(cut.has_time(None) && !cut.keeps_offsets() && Cut::default().keeps_offsets());
    }
}
