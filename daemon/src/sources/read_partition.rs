//! One partition of a topic of Kafka that is read: how far the log has it, and what was gone before it was read.
//!
//! Its records have offsets, which rise, and have holes where Kafka keeps only the newest record of each key, and where
//! transactions end. So only what is gone at the beginning of a partition is known to have been removed.

use super::account::ProducerAccount;
use super::backoff::Backoff;
use crate::source_board::InputStatus;

/// A partition that is read.
pub struct ReadPartition {
    /// The name of its topic, and its number.
    pub name: String,
    /// Its account with the log, while it is read.
    pub account: Option<ProducerAccount>,
    /// The pauses between questions that fail.
    pub backoff: Backoff,
    /// Why it does not answer.
    pub fault: Option<String>,
    /// Why it is not read on.
    pub error: Option<String>,
    /// Whether reading begins with what comes, if nothing was read yet.
    begins_at_end: bool,
    /// The offset after the last that is durable or refused; none until it is known where to begin.
    next: Option<u64>,
    /// The time of the last record that is durable or refused, in microseconds since 1970.
    time_us: Option<i64>,
    /// The offset after the newest.
    end: u64,
    /// Whether nothing more came when it was asked last.
    is_at_end: bool,
}

impl ReadPartition {
    /// A partition of which nothing is known yet.
    pub fn new(topic: &str, number: i32, begins_at_end: bool) -> ReadPartition {
        ReadPartition {
            name: format!("{topic}/{number}"),
            account: None,
            backoff: Backoff::new(),
            fault: None,
            error: None,
            begins_at_end,
            next: None,
            time_us: None,
            end: 0,
            is_at_end: false,
        }
    }

    /// The offset to go on with; none until it is known where to begin.
    pub fn next(&self) -> Option<u64> {
        self.next
    }

    /// Takes the offset up to which the log has it; 0 where it has nothing. What was refused last is known here alone.
    pub fn begin(&mut self, committed: u64) {
        self.next = Some(committed).filter(|next| *next > 0).max(self.next);
        (self.fault, self.error, self.is_at_end) = (None, None, false);
    }

    /// Takes the first offset that is there, and the one after the newest. Returns what was gone before it was read, if
    /// anything was.
    pub fn take_range(&mut self, first: u64, end: u64) -> Option<String> {
        let name = &self.name;
        self.end = end;
        let Some(next) = self.next else {
            self.next = Some(if self.begins_at_end { end } else { first });
            return None;
        };
        if end < next {
            let is_known = self.error.is_some();
            let error = format!(
                "{name}: the partition ends before offset {end}, and the log has it up to {}: its topic was made anew, \
                 or it lost what came last; it is read again once it has offsets above (to read all of it, give the \
                 source another name)",
                next - 1
            );
            self.error = Some(error.clone());
            return Some(error).filter(|_| !is_known);
        }
        self.error = None;
        if first <= next {
            return None;
        }
        self.next = Some(first);
        let (count, last) = (first - next, first - 1);
        Some(match count {
            1 => format!("{name}: offset {next} was removed from Kafka before it was read"),
            _ => {
                format!("{name}: {count} offsets, from {next} to {last}, were removed from Kafka before they were read")
            }
        })
    }

    /// Takes the offset after the newest, and whether any records came.
    pub fn take_end(&mut self, end: u64, has_records: bool) {
        (self.end, self.is_at_end, self.error) = (end, !has_records, None);
    }

    /// Whether there are offsets to come, though none of them may be that of a record.
    pub fn has_offsets(&self) -> bool {
        self.next.is_some_and(|next| next < self.end)
    }

    /// Notes that records up to an offset are durable or refused.
    pub fn advance(&mut self, offset: u64, time_us: Option<i64>) {
        (self.next, self.time_us) = (Some(offset + 1), time_us);
    }

    /// How long ago the record was made up to which the log has it, in seconds; nothing if there is no newer one.
    pub fn lag_seconds(&self, now_us: i64) -> Option<f64> {
        if self.is_at_end || !self.has_offsets() {
            return self.next.map(|_| 0.0);
        }
        Some((now_us - self.time_us?).max(0) as f64 / 1e6)
    }

    /// What is told of it.
    pub fn status(&self) -> InputStatus {
        let before = |next: u64| next.checked_sub(1).map(|offset| offset.to_string());
        let (next, end) = (self.next.unwrap_or(0), self.end);
        InputStatus { name: self.name.clone(), position: before(next), newest: before(end.max(next)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_removed_before_it_is_read_is_told_with_how_much_it_is() {
        let mut read = ReadPartition::new("payments", 3, false);
        read.begin(0);
        // removed before anything was read: not missed
        assert_eq!((read.next(), read.take_range(5, 9), read.next()), (None, None, Some(5)));
        let status = read.status();
        assert_eq!((status.position.as_deref(), status.newest.as_deref()), (Some("4"), Some("8")));
        read.advance(6, Some(1_000_000));
        assert_eq!((read.lag_seconds(3_000_000), read.lag_seconds(0)), (Some(2.0), Some(0.0)));
        // what was read may be removed
        assert_eq!((read.take_range(7, 9), read.next()), (None, Some(7)));
        let gap = read.take_range(10, 12).unwrap();
        assert!(gap.contains("payments/3: 3 offsets, from 7 to 9, were removed"), "{gap}");
        assert_eq!((read.take_range(10, 12), read.next()), (None, Some(10)));
        assert!(read.take_range(11, 12).unwrap().contains("offset 10 was removed"));
        // the marker of a transaction is no record
        read.take_end(12, false);
        assert_eq!((read.has_offsets(), read.lag_seconds(9_000_000)), (true, Some(0.0)));
        // another process
        let mut later = ReadPartition::new("payments", 3, true);
        later.begin(11);
        assert!(later.take_range(20, 30).unwrap().contains("9 offsets, from 11 to 19"));
    }

    #[test]
    fn a_partition_that_ends_before_its_position_is_not_read_silently() {
        let mut read = ReadPartition::new("payments", 0, false);
        read.begin(10);
        let gap = read.take_range(0, 4).unwrap();
        assert!(gap.contains("ends before offset 4, and the log has it up to 9"), "{gap}");
        assert_eq!((read.take_range(0, 5), read.error.is_some(), read.next()), (None, true, Some(10)));
        assert_eq!((read.take_range(0, 10), &read.error), (None, &None));
    }

    #[test]
    fn what_comes_is_read_from_the_end_on() {
        let mut read = ReadPartition::new("payments", 0, true);
        assert_eq!((read.take_range(3, 8), read.next()), (None, Some(8)));
        // nothing is known of an empty one but where it begins
        let mut empty = ReadPartition::new("payments", 1, true);
        assert_eq!((empty.take_range(0, 0), empty.next(), empty.lag_seconds(0)), (None, Some(0), Some(0.0)));
        assert_eq!((empty.status().position, empty.status().newest), (None, None));
    }
}
