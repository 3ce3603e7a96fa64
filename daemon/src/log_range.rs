//! Where events lie in the log of a stream, which holds them in groups.
//!
//! A stream that came in the place of another one goes on from that one's log ([`LogPart`]). Whoever reads what a
//! stream has learnt reads [`StreamLog`], which joins the parts.

use crate::storage::Storage;
use surmise_store::group::{Decoded, Logged};
use surmise_store::{LogPart, StoreError, StreamEntry};

/// A group takes at most so many offsets before the one that is asked for; the search for its beginning goes back in
/// such steps.
const STEP_OFFSETS: u64 = 1024;

/// The log of a stream, with those of earlier streams that lead to its beginning, as far back as their events have the
/// offsets that they have for the stream now. A change of the schema that refused events gives later ones others.
pub struct StreamLog<'a> {
    storage: &'a dyn Storage,
    /// Each goes on where the one before it ends; the last one still grows.
    parts: Vec<LogPart>,
}

impl<'a> StreamLog<'a> {
    /// The log of a stream.
    pub fn of(storage: &'a dyn Storage, entry: &StreamEntry) -> StreamLog<'a> {
        let last = LogPart { number: entry.number, from: entry.first_offset, to: u64::MAX, bytes: 0 };
        let present = present_parts(&entry.past, entry.first_offset);
        StreamLog { storage, parts: entry.past[present..].iter().copied().chain([last]).collect() }
    }

    /// The first offset that is still kept; none if nothing is.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn begin(&self) -> Result<Option<u64>, StoreError> {
        Ok(self.tail(0).next().transpose()?.map(|(group, _)| group.first_offset))
    }

    /// The groups that begin at an offset or later, in order, each with the bytes that it takes in the log.
    pub fn tail(&self, from: u64) -> impl Iterator<Item = Result<(Decoded, usize), StoreError>> {
        let parts = self.parts.iter().filter(move |part| part.to > from);
        parts.flat_map(move |part| {
            let groups = self.storage.log_tail(part.number, from.max(part.from));
            groups.map_while(move |group| match group {
                Ok((group, _)) if group.first_offset >= part.to => None,
                Ok((group, bytes)) => Some(Ok((cut_at(group, part.to), bytes))),
                Err(e) => Some(Err(e)),
            })
        })
    }

    /// The offset from which on the log is to be read, so that the group that holds `from` is among what is read. The
    /// log begins at `begin`.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn reading_start(&self, begin: u64, from: u64) -> Result<u64, StoreError> {
        // a group begins at its first event: go back until one begins at or before the offset
        let mut start = from;
        let mut step = 0;
        while start > begin && !self.begins_at_or_before(start, from)? {
            step = (step * 2).max(STEP_OFFSETS);
            start = from.saturating_sub(step).max(begin);
        }
        Ok(start)
    }

    /// Whether the first group that begins at `start` or later begins at `from` or earlier.
    fn begins_at_or_before(&self, start: u64, from: u64) -> Result<bool, StoreError> {
        let first = self.tail(start).next().transpose()?;
        Ok(first.is_some_and(|(group, _)| group.first_offset <= from))
    }
}

/// The first part from which on each goes on where the one before ends, up to a stream that begins at `first_offset`.
pub fn present_parts(parts: &[LogPart], first_offset: u64) -> usize {
    let begins = parts.iter().map(|part| part.from).chain([first_offset]).skip(1);
    let breaks = parts.iter().zip(begins).map(|(part, next)| part.to != next);
    breaks.enumerate().filter(|(_, is_break)| *is_break).map(|(place, _)| place + 1).last().unwrap_or(0)
}

/// A group without the events from an offset on: a stream may have gone back to before them.
fn cut_at(mut group: Decoded, to: u64) -> Decoded {
    if group.first_offset + group.span > to {
        let kept = records_of(&group).take_while(|(offset, _, _)| *offset < to).count();
        group.records.truncate(kept);
        group.span = to - group.first_offset;
    }
    group
}

/// The records of a group, each with its offset and with how many offsets it takes.
pub fn records_of(group: &Decoded) -> impl Iterator<Item = (u64, u64, &Logged)> {
    // a log is of a stream of bytes, or it is not, whatever the learner is that reads it
    let taken = |every_byte: bool| group.records.iter().map(move |logged| logged.record.offsets(every_byte));
    let every_byte = taken(false).sum::<u64>() != group.span;
    let mut next = group.first_offset;
    group.records.iter().map(move |logged| {
        let (offset, offsets) = (next, logged.record.offsets(every_byte));
        next += offsets;
        (offset, offsets, logged)
    })
}
