//! Clearing away what is left of streams that were replaced or deleted.

use crate::storage::Storage;
use std::collections::BTreeSet;
use surmise_store::{StoreError, StreamEntry, live_streams};

/// What becomes of a stream that is still being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// It is cleared away: nobody makes it any more.
    Cleared,
    /// It is left alone: somebody makes it.
    Kept,
}

/// Deletes what is left of streams that do not live: their checkpoints and key pages, and their logs and tables of
/// producers where no other stream goes on from them. It may be cut off anywhere and begun again.
///
/// # Errors
/// The store refuses.
pub fn clear_dead(storage: &dyn Storage, unfinished: Unfinished) -> Result<(), StoreError> {
    let entries = storage.streams()?;
    let live = live_streams(entries.clone());
    let numbers: BTreeSet<u32> = live.iter().map(|entry| entry.number).collect();
    let logs: BTreeSet<u32> = live.iter().flat_map(|entry| &entry.past).map(|part| part.number).collect();
    let tables: BTreeSet<u32> = live.iter().map(StreamEntry::producers).collect();
    let is_dead = |entry: &&StreamEntry| {
        let is_made = entry.pending && unfinished == Unfinished::Kept;
        !numbers.contains(&entry.number) && !entry.cleared && !is_made
    };
    for dead in entries.iter().filter(is_dead) {
        let (keep_log, keep_producers) = (logs.contains(&dead.number), tables.contains(&dead.number));
        storage.clear_stream(dead.number, keep_log, keep_producers)?;
        if !keep_log && !keep_producers {
            storage.commit(&[dead.clone().into_tombstone()], &[], &[], 0)?;
        }
    }
    Ok(())
}
