//! Where events lie in a stream's log, which holds them in groups.

use crate::storage::Storage;
use surmise_store::StoreError;
use surmise_store::group::{Decoded, Logged};

/// A group takes at most so many offsets before the one that is asked for; the search for its beginning goes back in
/// such steps.
const STEP_OFFSETS: u64 = 1024;

/// The first offset that the log of a stream still has; none if it has nothing.
///
/// # Errors
/// The log cannot be read.
pub fn log_begin(storage: &dyn Storage, number: u32) -> Result<Option<u64>, StoreError> {
    Ok(storage.log_tail(number, 0).next().transpose()?.map(|(group, _)| group.first_offset))
}

/// The offset from which on the log is to be read, so that the group that holds `from` is among what is read. The log
/// begins at `begin`.
///
/// # Errors
/// The log cannot be read.
pub fn reading_start(storage: &dyn Storage, number: u32, begin: u64, from: u64) -> Result<u64, StoreError> {
    // a group begins at its first event: go back until one begins at or before the offset
    let mut start = from;
    let mut step = 0;
    while start > begin && !begins_at_or_before(storage, number, start, from)? {
        step = (step * 2).max(STEP_OFFSETS);
        start = from.saturating_sub(step).max(begin);
    }
    Ok(start)
}

/// Whether the first group that begins at `start` or later begins at `from` or earlier.
fn begins_at_or_before(storage: &dyn Storage, number: u32, start: u64, from: u64) -> Result<bool, StoreError> {
    let first = storage.log_tail(number, start).next().transpose()?;
    Ok(first.is_some_and(|(group, _)| group.first_offset <= from))
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
