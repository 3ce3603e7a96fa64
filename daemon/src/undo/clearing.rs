//! Streams that were replaced or deleted: which they are, and clearing away what is left of them.

use crate::storage::Storage;
use std::collections::{BTreeMap, BTreeSet};
use surmise_store::{StoreError, StreamEntry};

/// The streams that live, of all entries: not those that were deleted, that another one has replaced, or that were
/// never finished. Of two with one name, the later incarnation lives.
pub fn live_streams(entries: Vec<StreamEntry>) -> Vec<StreamEntry> {
    let replaced: BTreeSet<u32> = entries.iter().filter(|e| !e.pending).filter_map(|e| e.replaces).collect();
    let mut by_name: BTreeMap<String, StreamEntry> = BTreeMap::new();
    for entry in entries.into_iter().filter(|e| !e.deleted && !e.pending && !replaced.contains(&e.number)) {
        let is_later = by_name.get(&entry.name).is_none_or(|o| (o.epoch, o.number) < (entry.epoch, entry.number));
        if is_later {
            by_name.insert(entry.name.clone(), entry);
        }
    }
    let mut live: Vec<StreamEntry> = by_name.into_values().collect();
    live.sort_unstable_by_key(|entry| entry.number);
    live
}

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
