//! One partition of a topic of Kafka that is read: how far the log has it, and what was gone before it was read.
//!
//! Its records have offsets, which rise, and have holes where Kafka keeps only the newest record of each key, and where
//! transactions end. So only what is gone at the beginning of a partition is known to have been removed. Where a run of
//! offsets has no record, answers are empty: more is asked for each time, and an offset that certainly has none is
//! passed over.

use super::account::ProducerAccount;
use super::backoff::Backoff;
use crate::kafka::{ASKED_BYTES_MAX, EmptyCause};
use crate::source_board::InputStatus;

/// So many empty answers after each other are told. The bytes that are asked for have grown to their most by then.
const EMPTY_ANSWERS_TOLD: u32 = 9;

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
    /// Whether it said so over this connection, and answered since.
    is_end_known: bool,
    /// Empty answers since the last record, though there are offsets beyond.
    empty_answers: u32,
    /// The first of the offsets that were passed over since then.
    passed_from: Option<u64>,
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
            is_end_known: false,
            empty_answers: 0,
            passed_from: None,
        }
    }

    /// The offset to go on with; none until it is known where to begin.
    pub fn next(&self) -> Option<u64> {
        self.next
    }

    /// Takes the offset up to which the log has it; 0 where it has nothing. What was refused last is known here alone.
    pub fn begin(&mut self, committed: u64) {
        self.next = Some(committed).filter(|next| *next > 0).max(self.next);
        (self.fault, self.error, self.is_end_known) = (None, None, false);
        (self.empty_answers, self.passed_from) = (0, None);
    }

    /// Ends its account, as the connection has ended.
    pub fn close(&mut self) {
        (self.account, self.fault, self.is_end_known) = (None, None, false);
    }

    /// Notes why it does not answer. An answer that was asked to be large may be why.
    pub fn take_fault(&mut self, fault: String) {
        (self.fault, self.is_end_known) = (Some(fault), false);
        self.empty_answers = 0;
    }

    /// The bytes to ask for, of so many while records come: twice as many after each empty answer.
    pub fn bytes_asked(&self, bytes: usize) -> usize {
        (bytes << self.empty_answers.min(EMPTY_ANSWERS_TOLD)).min(ASKED_BYTES_MAX)
    }

    /// Takes the first offset that is there, and the one after the newest. Returns what was gone before it was read, if
    /// anything was.
    pub fn take_range(&mut self, first: u64, end: u64) -> Option<String> {
        let name = &self.name;
        (self.end, self.is_end_known) = (end, true);
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

    /// Takes the offset after the newest, as records came, or as there are none to come. Returns which offsets were
    /// passed over, if that was told while it went on.
    pub fn take_end(&mut self, end: u64) -> Option<String> {
        (self.end, self.is_end_known, self.error) = (end, true, None);
        let is_told = std::mem::take(&mut self.empty_answers) >= EMPTY_ANSWERS_TOLD;
        let (first, next) = (self.passed_from.take().filter(|_| is_told)?, self.next?);
        let (name, count, last) = (&self.name, next - first, next - 1);
        Some(format!(
            "{name}: {count} offsets, from {first} to {last}, have no record that can be read: they are of \
             transactions, or Kafka removed what newer records replace"
        ))
    }

    /// Takes an empty answer, and the offset after the newest. An offset that certainly has no record is passed over.
    /// Returns which were, if that has come to the end and was told while it went on.
    pub fn take_empty(&mut self, cause: EmptyCause, end: u64) -> Option<String> {
        (self.end, self.is_end_known, self.error) = (end, true, None);
        if cause == EmptyCause::OpenTransaction {
            // what it holds back comes when it has ended
            return self.take_end(end);
        }
        self.empty_answers = self.empty_answers.saturating_add(1);
        if let EmptyCause::NoRecord(offset) = cause
            && self.next == Some(offset)
            && offset < end
        {
            self.passed_from.get_or_insert(offset);
            self.next = Some(offset + 1);
        }
        if self.has_offsets() { None } else { self.take_end(end) }
    }

    /// Why no record comes though there are offsets, if that goes on.
    pub fn stall(&self) -> Option<String> {
        let (next, last) = (self.next?, self.end.checked_sub(1)?);
        (self.empty_answers >= EMPTY_ANSWERS_TOLD).then(|| {
            format!(
                "{}: no record comes from offset {next} on, though there are offsets up to {last}; those that \
                 certainly have none, as they are of transactions, or as Kafka removed what newer records replace, \
                 are passed over one by one, and the others are asked for again",
                self.name
            )
        })
    }

    /// Whether there are offsets to come, though none of them may be that of a record.
    fn has_offsets(&self) -> bool {
        self.next.is_some_and(|next| next < self.end)
    }

    /// Notes that records up to an offset are durable or refused.
    pub fn advance(&mut self, offset: u64, time_us: Option<i64>) {
        if self.next.is_none_or(|next| next <= offset) {
            (self.next, self.time_us) = (Some(offset + 1), time_us);
        }
    }

    /// How long ago the record was made up to which the log has it, in seconds; zero if there is nothing newer, and
    /// nothing while it is not known whether there is.
    pub fn lag_seconds(&self, now_us: i64) -> Option<f64> {
        if !self.is_end_known || self.error.is_some() {
            return None;
        }
        if !self.has_offsets() {
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
        // what is known already does not come again
        read.advance(3, None);
        assert_eq!((read.next(), read.lag_seconds(9_000_000)), (Some(11), Some(8.0)));
        // the marker of a transaction is no record, and passed over silently
        assert_eq!(read.take_empty(EmptyCause::OpenTransaction, 12), None);
        assert_eq!((read.next(), read.lag_seconds(9_000_000)), (Some(11), Some(8.0)));
        assert_eq!(read.take_empty(EmptyCause::NoRecord(11), 12), None);
        assert_eq!((read.next(), read.lag_seconds(9_000_000)), (Some(12), Some(0.0)));
        // another process
        let mut later = ReadPartition::new("payments", 3, true);
        later.begin(11);
        assert!(later.take_range(20, 30).unwrap().contains("9 offsets, from 11 to 19"));
    }

    #[test]
    fn offsets_without_records_are_passed_over_once_that_is_certain() {
        let mut read = ReadPartition::new("payments", 1, false);
        read.begin(5);
        read.advance(6, Some(0));
        assert_eq!((read.take_end(40), read.bytes_asked(1 << 20)), (None, 1 << 20));
        // nothing is certain of what does not come
        assert_eq!(read.take_empty(EmptyCause::Late, 40), None);
        assert_eq!(
            (read.next(), read.bytes_asked(1 << 20), read.lag_seconds(3_000_000)),
            (Some(7), 2 << 20, Some(3.0))
        );
        for offset in 7..15 {
            assert_eq!((read.stall(), read.take_empty(EmptyCause::NoRecord(offset), 40)), (None, None));
        }
        assert_eq!((read.next(), read.bytes_asked(256 << 10)), (Some(15), ASKED_BYTES_MAX));
        let stall = read.stall().unwrap();
        assert!(stall.contains("payments/1: no record comes from offset 15 on, though there are offsets up to 39"));
        assert!(read.lag_seconds(3_000_000).is_some_and(|lag| lag > 0.0));
        // an answer to another question
        assert_eq!((read.take_empty(EmptyCause::NoRecord(9), 40), read.next()), (None, Some(15)));
        let gap = read.take_end(40).unwrap();
        assert!(gap.contains("payments/1: 8 offsets, from 7 to 14, have no record"), "{gap}");
        assert_eq!((read.stall(), read.take_end(40), read.bytes_asked(7)), (None, None, 7));
        // never beyond the end
        assert_eq!((read.take_empty(EmptyCause::NoRecord(15), 16), read.next()), (None, Some(16)));
        assert_eq!((read.take_empty(EmptyCause::NoRecord(16), 16), read.next()), (None, Some(16)));
        // a transaction that has not ended stops it, and is not passed over
        (16..26).for_each(|offset| assert_eq!(read.take_empty(EmptyCause::NoRecord(offset), 30), None));
        assert!(read.take_empty(EmptyCause::OpenTransaction, 30).unwrap().contains("10 offsets, from 16 to 25"));
        assert_eq!((read.next(), read.stall(), read.lag_seconds(2_000_000)), (Some(26), None, Some(2.0)));
    }

    #[test]
    fn the_lag_of_a_partition_that_is_away_is_not_known() {
        let mut read = ReadPartition::new("payments", 0, false);
        read.begin(3);
        assert_eq!(read.lag_seconds(0), None);
        read.take_end(3);
        assert_eq!(read.lag_seconds(0), Some(0.0));
        read.take_fault("away".into());
        assert_eq!(read.lag_seconds(0), None);
        read.take_end(3);
        read.close();
        assert_eq!(read.lag_seconds(0), None);
        read.begin(3);
        assert_eq!((read.take_range(0, 2).is_some(), read.lag_seconds(0)), (true, None));
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
