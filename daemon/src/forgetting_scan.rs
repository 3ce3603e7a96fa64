//! What forgetting would come to, found out by reading the log and nothing else: before anything is written, it is
//! known whether there is something to forget, and whether the disk has room for the log without it.

use crate::disk::DiskUse;
use crate::forgetting::Forgotten;
use crate::log_range::records_of;
use crate::storage::Storage;
use surmise_store::group::GroupBuilder;
use surmise_store::{LogPart, StoreError};

/// Bytes of a group at which it would be written.
const GROUP_BYTES: usize = 256 << 10;

/// What forgetting would come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForgettingScan {
    /// Events that would be forgotten.
    pub forgotten: u64,
    /// Bytes of the log that would be written.
    pub kept_bytes: u64,
}

impl ForgettingScan {
    /// Reads the parts of a log. Offsets say which events are meant only from the `present`-th part on.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn read(
        what: &Forgotten,
        parts: &[LogPart],
        present: usize,
        storage: &dyn Storage,
    ) -> Result<ForgettingScan, StoreError> {
        let mut scan = ForgettingScan::default();
        let mut open = GroupBuilder::new(0, 0);
        for (place, part) in parts.iter().enumerate() {
            for group in storage.log_tail(part.number, part.from) {
                let (group, _) = group?;
                if group.first_offset >= part.to {
                    break;
                }
                for (offset, offsets, logged) in records_of(&group) {
                    let is_meant = place >= present || !what.is_by_offset();
                    if is_meant && what.holds(offset, offsets, &logged.record) {
                        scan.forgotten += 1;
                        continue;
                    }
                    open.push(&logged.record, logged.origin.as_ref(), logged.id);
                    if open.size_bytes() >= GROUP_BYTES {
                        scan.kept_bytes += std::mem::replace(&mut open, GroupBuilder::new(0, 0)).size_bytes() as u64;
                    }
                }
            }
        }
        scan.kept_bytes += open.size_bytes() as u64;
        Ok(scan)
    }

    /// Makes sure that a disk has room for the log that would be written.
    ///
    /// # Errors
    /// It has not; how many bytes are free.
    pub fn check_room(&self, disk: DiskUse) -> Result<(), u64> {
        let free_bytes = disk.events_bytes.saturating_sub(disk.used_bytes);
        if self.kept_bytes <= free_bytes { Ok(()) } else { Err(free_bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::{Data, Datum, Record, Schema};
    use surmise_learner::Options;
    use surmise_store::{Store, StreamEntry};

    #[test]
    fn a_scan_counts_what_matches_and_what_is_left_without_writing() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), 1).unwrap();
        let entry = StreamEntry::new(3, "s", "", Schema::default(), Options::default(), 1);
        let groups = (0..10u64).map(|i| {
            let mut group = GroupBuilder::new(3, i * 10);
            for n in i * 10..i * 10 + 10 {
                let data = Data::One(Datum::Text("x".repeat(100).into()));
                group.push(&Record { data, key: (n % 4 == 0).then(|| "k".into()), ..Record::default() }, None, None);
            }
            group.finish(i * 10 + 10)
        });
        store.log.commit(&[entry], &groups.collect::<Vec<_>>(), &[], 0).unwrap();
        let parts =
            [0, 50].map(|from| LogPart { number: 3, from, to: if from == 0 { 50 } else { u64::MAX }, bytes: 0 });
        let scan = |what: Forgotten| ForgettingScan::read(&what, &parts, 1, &store).unwrap();
        let all = scan(Forgotten { key: Some("nobody".into()), ..Forgotten::default() });
        assert!(all.forgotten == 0 && (10_000..12_000).contains(&all.kept_bytes), "{all:?}");
        let less = scan(Forgotten { key: Some("k".into()), ..Forgotten::default() });
        assert!(less.forgotten == 25 && less.kept_bytes < all.kept_bytes * 4 / 5, "{less:?}");
        // offsets of the first part were other events'
        assert_eq!(scan(Forgotten { from: Some(40), to: Some(70), ..Forgotten::default() }).forgotten, 20);
        let disk = |used_bytes| DiskUse { used_bytes, limit_bytes: 1 << 20, events_bytes: 500_000 };
        assert_eq!(all.check_room(disk(480_000)), Ok(()));
        assert_eq!(all.check_room(disk(499_000)), Err(1_000));
        assert_eq!(store.log.streams().len(), 1);
    }
}
