//! Clearing away what is left of streams that were replaced or deleted, once their time is over.
//!
//! A stream that was reset, restored, learnt again or deleted stays in the store as it was, so that it can be brought
//! back: for a time that the configuration states, the latest few of each name, and as long as the disk has room.

use crate::storage::Storage;
use std::collections::{BTreeMap, BTreeSet};
use surmise_store::{StoreError, StreamEnd, StreamEntry, live_streams};

/// Streams of one line of descent that are kept so that they can be brought back.
const KEPT_MAX: usize = 4;

/// What becomes of a stream that is still being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// It is cleared away: nobody makes it any more.
    Cleared,
    /// It is left alone: somebody makes it.
    Kept,
}

/// How long what was replaced or deleted is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Now, in microseconds since 1970.
    pub now_us: i64,
    /// How long it is kept, in microseconds.
    pub kept_us: i64,
}

impl Retention {
    /// Nothing is kept.
    pub const NONE: Retention = Retention { now_us: 0, kept_us: 0 };

    /// Whether what ended then is still kept. What ended in the future, as the clock says, is.
    fn covers(self, end: StreamEnd) -> bool {
        self.kept_us > 0 && self.now_us.saturating_sub(end.time_us) < self.kept_us
    }
}

/// A stream that was replaced or deleted and can be brought back, and where it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptStream {
    /// What it was made with.
    pub entry: StreamEntry,
    /// Its end.
    pub end: StreamEnd,
    /// The stream that stands at the end of its line: it lives, or was deleted.
    pub last: u32,
}

/// The streams that can be brought back, of all entries: those that ended most recently come first.
pub fn kept_streams(entries: &[StreamEntry], retention: Retention) -> Vec<KeptStream> {
    let live: BTreeSet<u32> = live_streams(entries.to_vec()).iter().map(|entry| entry.number).collect();
    let made = entries.iter().filter(|entry| !entry.pending);
    let successors: BTreeMap<u32, &StreamEntry> = made.filter_map(|entry| Some((entry.replaces?, entry))).collect();
    let mut kept: Vec<KeptStream> = Vec::new();
    for entry in entries.iter().filter(|e| !e.pending && !e.cleared && !live.contains(&e.number)) {
        let end = match successors.get(&entry.number) {
            Some(successor) => successor.replaced,
            None => entry.own_end,
        };
        let mut last = entry;
        while let Some(successor) = successors.get(&last.number) {
            last = successor;
        }
        // what was deleted for good takes along all that it came from
        let stands = live.contains(&last.number) || last.own_end.is_some_and(|end| retention.covers(end));
        if let Some(end) = end.filter(|end| stands && retention.covers(*end)) {
            kept.push(KeptStream { entry: entry.clone(), end, last: last.number });
        }
    }
    kept.sort_by_key(|kept| std::cmp::Reverse((kept.end.time_us, kept.entry.number)));
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    kept.retain(|kept| {
        let count = counts.entry(kept.last).or_default();
        *count += 1;
        *count <= KEPT_MAX
    });
    kept
}

/// Deletes what is left of streams that neither live nor are kept: their checkpoints and key pages, and their logs and
/// tables of producers where no other stream goes on from them. It may be cut off anywhere and begun again. Returns
/// whether anything was there to be deleted.
///
/// # Errors
/// The store refuses.
pub fn clear_dead(storage: &dyn Storage, unfinished: Unfinished, retention: Retention) -> Result<bool, StoreError> {
    let entries = storage.streams()?;
    let kept = kept_streams(&entries, retention).into_iter().map(|kept| kept.entry);
    // what is being made needs the logs and the producers that it comes from
    let made = entries.iter().filter(|entry| entry.pending && unfinished == Unfinished::Kept).cloned();
    let staying: Vec<StreamEntry> = live_streams(entries.clone()).into_iter().chain(kept).chain(made).collect();
    // what another stream began with stays until that one has a checkpoint of its own
    let begun_with = |entry: &StreamEntry| {
        let like = entry.like.as_ref().filter(|_| storage.checkpoints(entry.number).is_empty());
        like.map(|like| like.number)
    };
    let numbers: BTreeSet<u32> =
        staying.iter().flat_map(|entry| [Some(entry.number), begun_with(entry)]).flatten().collect();
    let logs: BTreeSet<u32> = staying.iter().flat_map(|entry| &entry.past).map(|part| part.number).collect();
    let tables: BTreeSet<u32> = staying.iter().map(StreamEntry::producers).collect();
    let is_dead = |entry: &&StreamEntry| !numbers.contains(&entry.number) && !entry.cleared;
    let mut any = false;
    for dead in entries.iter().filter(is_dead) {
        let (keep_log, keep_producers) = (logs.contains(&dead.number), tables.contains(&dead.number));
        storage.clear_stream(dead.number, keep_log, keep_producers)?;
        if !keep_log && !keep_producers {
            storage.commit(&[dead.clone().into_tombstone()], &[], &[], 0)?;
            any = true;
        }
    }
    Ok(any)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated_storage::SimulatedStorage;
    use surmise_event::Schema;
    use surmise_learner::Options;
    use surmise_store::Producer;

    fn entry(number: u32, replaces: Option<u32>, ended_us: Option<i64>) -> StreamEntry {
        let entry = StreamEntry::new(number, "s", "", Schema::default(), Options::default(), 0);
        let replaced = ended_us.map(|time_us| StreamEnd { offset: 9, time_us });
        StreamEntry { epoch: number, replaces, replaced, ..entry }
    }

    fn numbers(entries: &[StreamEntry], now_us: i64) -> Vec<u32> {
        let kept = kept_streams(entries, Retention { now_us, kept_us: 100 });
        kept.iter().map(|kept| kept.entry.number).collect()
    }

    #[test]
    fn the_latest_few_of_a_line_are_kept_for_their_time() {
        let mut line = vec![entry(0, None, None)];
        line.extend((1..8).map(|number| entry(number, Some(number - 1), Some(i64::from(number) * 10))));
        assert_eq!(numbers(&line, 75), [6, 5, 4, 3]);
        assert_eq!(numbers(&line, 165), [6]);
        assert_eq!(numbers(&line, -1_000_000), [6, 5, 4, 3], "a clock that went back forgets nothing");
        assert_eq!(kept_streams(&line, Retention::NONE), []);
        // a rename leaves nothing behind, and what came before stays
        line.push(entry(8, Some(7), None));
        assert_eq!(numbers(&line, 75), [6, 5, 4, 3]);
        line.push(StreamEntry { pending: true, ..entry(9, Some(8), Some(80)) });
        assert_eq!(numbers(&line, 75), [6, 5, 4, 3]);
    }

    #[test]
    fn what_is_being_made_keeps_what_it_comes_from() {
        let storage = SimulatedStorage::default();
        let deleted = StreamEntry { deleted: true, ..entry(0, None, None) };
        let made = StreamEntry { pending: true, producer_table: Some(0), ..entry(1, Some(0), None) };
        storage.commit(&[deleted, made], &[], &[], 0).unwrap();
        let producer = Producer { epoch: 1, last_seq: 5, safe: Some(5), last_offset: 4 };
        storage.put_producers(0, &[("p".into(), producer)], 10).unwrap();
        let is_there = || storage.producer(0, "p").unwrap().is_some();
        assert!(!clear_dead(&storage, Unfinished::Kept, Retention::NONE).unwrap() && is_there());
        assert!(clear_dead(&storage, Unfinished::Cleared, Retention::NONE).unwrap() && !is_there());
    }

    #[test]
    fn what_is_deleted_for_good_takes_along_what_it_came_from() {
        let mut line = vec![entry(0, None, None), entry(1, Some(0), Some(10))];
        line[1].deleted = true;
        line[1].own_end = Some(StreamEnd { offset: 3, time_us: 50 });
        assert_eq!(numbers(&line, 60), [1, 0]);
        assert_eq!(numbers(&line, 120), [1]);
        line[1].own_end = None;
        assert_eq!(numbers(&line, 60), [] as [u32; 0]);
    }
}
