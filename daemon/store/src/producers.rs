//! What streams know of producers that memory has no room for.
//!
//! | tree | key (integers big-endian) | value |
//! |---|---|---|
//! | `producers` | table (u32), name of the producer | epoch, number, safe, offset, a checksum |
//! | `producers` | table (u32) alone | how many there are, and how many were forgotten, a checksum |
//! | `producers_by_age` | table (u32), offset of the latest event (u64), name | nothing |
//!
//! **The invariant.** An entry is written only for an event that is durable, and an entry that is known already is
//! replaced only by a newer one. So every entry is true of the whole log, whatever checkpoint a stream resumes from:
//! learning the rest of the log again brings into memory at least what the entries say. Both trees lie in the log's
//! database, which keeps the order of writes: an entry that was written before an event was committed is durable with
//! it, and so before any checkpoint that leaves the producer out.

use crate::bytes::{Cursor, Damaged, put_option, put_varint};
use crate::checksum::{seal, unseal};
use crate::database::{Database, Tree};
use crate::error::StoreError;
use std::sync::Arc;

/// How far the events of one producer are learnt by a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    /// The newest epoch that an event was learnt of.
    pub epoch: u64,
    /// The largest sequence number learnt in it.
    pub last_seq: u64,
    /// The largest number up to which everything was durable, or in this stream, when it was sent.
    pub safe: Option<u64>,
    /// The offset of its latest event; the producer with the smallest leaves memory first, and is forgotten first.
    pub last_offset: u64,
}

impl Producer {
    /// The newer of two accounts of one producer, with what both know to be safe.
    pub fn newer(self, other: Producer) -> Producer {
        let is_newer = (self.epoch, self.last_seq) >= (other.epoch, other.last_seq);
        let (newer, older) = if is_newer { (self, other) } else { (other, self) };
        let safe = if newer.epoch == older.epoch { newer.safe.max(older.safe) } else { newer.safe };
        Producer { safe, ..newer }
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.epoch);
        put_varint(&mut out, self.last_seq);
        put_option(&mut out, self.safe);
        put_varint(&mut out, self.last_offset);
        seal(out)
    }

    fn read(value: &[u8]) -> Result<Producer, Damaged> {
        let mut cursor = Cursor(unseal(value, "a producer")?);
        let (epoch, last_seq) = (cursor.varint("a producer's epoch")?, cursor.varint("a producer's number")?);
        let (safe, last_offset) = (cursor.option("a producer's number")?, cursor.varint("a producer's offset")?);
        Ok(Producer { epoch, last_seq, safe, last_offset })
    }
}

/// How many producers a table holds in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProducerCounts {
    /// Producers in the store.
    pub stored: u64,
    /// Producers that were forgotten, for want of room, since the table began.
    pub forgotten: u64,
}

/// The producers of all streams that are in the store, in tables: one a stream.
pub struct ProducerTrees {
    entries: Tree,
    by_age: Tree,
}

impl ProducerTrees {
    pub(crate) fn open(database: &Database) -> Result<ProducerTrees, StoreError> {
        Ok(ProducerTrees { entries: database.tree("producers")?, by_age: database.tree("producers_by_age")? })
    }

    /// What a table knows of a producer that is in the store.
    ///
    /// # Errors
    /// The database refuses, or the entry is damaged.
    pub fn get(&self, table: u32, name: &str) -> Result<Option<Producer>, StoreError> {
        let value = self.entries.get(key(table, name)).map_err(StoreError::database("cannot read a producer"))?;
        Ok(value.map(|value| Producer::read(&value)).transpose()?)
    }

    /// How many producers of a table are in the store.
    ///
    /// # Errors
    /// The database refuses, or the count is damaged.
    pub fn counts(&self, table: u32) -> Result<ProducerCounts, StoreError> {
        let value = self.entries.get(key(table, "")).map_err(StoreError::database("cannot count producers"))?;
        let Some(value) = value else { return Ok(ProducerCounts::default()) };
        let mut cursor = Cursor(unseal(&value, "the count of producers")?);
        let (stored, forgotten) = (cursor.varint("the count of producers")?, cursor.varint("the count of producers")?);
        Ok(ProducerCounts { stored, forgotten })
    }

    /// Writes producers of a table, whose latest events must be durable; they are durable themselves with the next
    /// commit. Of more than `keep`, those that are silent for longest are forgotten. Returns their names.
    ///
    /// # Errors
    /// The database refuses.
    pub fn put(&self, table: u32, producers: &[(Arc<str>, Producer)], keep: u64) -> Result<Vec<Arc<str>>, StoreError> {
        let failed = StoreError::database;
        let mut counts = self.counts(table)?;
        let (mut entries, mut superseded) = (sled::Batch::default(), Vec::new());
        for (name, producer) in producers {
            // what is damaged here is overwritten: memory knows better
            let known = self.get(table, name).ok().flatten();
            let newest = known.map_or(*producer, |known| producer.newer(known));
            counts.stored += u64::from(known.is_none());
            if let Some(known) = known.filter(|known| known.last_offset != newest.last_offset) {
                superseded.push(age_key(table, known.last_offset, name));
            }
            let aged = self.by_age.insert(age_key(table, newest.last_offset, name), &[]);
            aged.map_err(failed("cannot write a producer"))?;
            entries.insert(key(table, name), newest.write());
        }
        let forgotten = self.forget_oldest(table, counts.stored.saturating_sub(keep), &mut entries)?;
        counts.stored -= forgotten.len() as u64;
        counts.forgotten += forgotten.len() as u64;
        let mut value = Vec::new();
        put_varint(&mut value, counts.stored);
        put_varint(&mut value, counts.forgotten);
        entries.insert(key(table, ""), seal(value));
        self.entries.apply_batch(entries).map_err(failed("cannot write producers"))?;
        for age in superseded {
            self.by_age.remove(age).map_err(failed("cannot write producers"))?;
        }
        Ok(forgotten)
    }

    /// Takes the `many` producers that are silent for longest out of the table, but for those that `entries` writes.
    fn forget_oldest(&self, table: u32, many: u64, entries: &mut sled::Batch) -> Result<Vec<Arc<str>>, StoreError> {
        let mut forgotten = Vec::new();
        if many == 0 {
            return Ok(forgotten);
        }
        for age in self.by_age.scan_prefix(table.to_be_bytes()).keys() {
            let age = age.map_err(StoreError::database("cannot read producers"))?;
            let name: Arc<str> = String::from_utf8_lossy(age.get(AGE_NAME..).unwrap_or_default()).as_ref().into();
            self.by_age.remove(&age).map_err(StoreError::database("cannot forget a producer"))?;
            // a crash may have left the age of an entry that was replaced or has gone
            let is_current = |known: Producer| *age == *age_key(table, known.last_offset, &name);
            if self.get(table, &name)?.is_some_and(is_current) {
                entries.remove(key(table, &name));
                forgotten.push(name);
            }
            if forgotten.len() as u64 >= many {
                break;
            }
        }
        Ok(forgotten)
    }

    /// Removes one producer of a table. Returns whether it was there.
    ///
    /// # Errors
    /// The database refuses.
    pub fn remove(&self, table: u32, name: &str) -> Result<bool, StoreError> {
        let Some(known) = self.get(table, name)? else { return Ok(false) };
        let failed = StoreError::database;
        self.by_age.remove(age_key(table, known.last_offset, name)).map_err(failed("cannot remove a producer"))?;
        self.entries.remove(key(table, name)).map_err(failed("cannot remove a producer"))?;
        let mut counts = self.counts(table)?;
        counts.stored = counts.stored.saturating_sub(1);
        let mut value = Vec::new();
        put_varint(&mut value, counts.stored);
        put_varint(&mut value, counts.forgotten);
        self.entries.insert(key(table, ""), seal(value)).map_err(failed("cannot remove a producer"))?;
        Ok(true)
    }

    /// Removes a whole table.
    ///
    /// # Errors
    /// The database refuses.
    pub fn clear(&self, table: u32) -> Result<(), StoreError> {
        for tree in [&self.by_age, &self.entries] {
            for key in tree.scan_prefix(table.to_be_bytes()).keys() {
                let key = key.map_err(StoreError::database("cannot read producers"))?;
                tree.remove(key).map_err(StoreError::database("cannot remove producers"))?;
            }
        }
        Ok(())
    }
}

fn key(table: u32, name: &str) -> Vec<u8> {
    [&table.to_be_bytes(), name.as_bytes()].concat()
}

/// Where the name begins in a key of `producers_by_age`.
const AGE_NAME: usize = 12;

fn age_key(table: u32, last_offset: u64, name: &str) -> Vec<u8> {
    [&table.to_be_bytes()[..], &last_offset.to_be_bytes(), name.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    fn producer(epoch: u64, last_seq: u64, last_offset: u64) -> Producer {
        Producer { epoch, last_seq, safe: Some(last_seq), last_offset }
    }

    #[test]
    fn entries_only_rise_and_the_silent_are_forgotten_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let log = Store::open(dir.path(), 2).unwrap().log;
        let put = |table, list: &[(&str, Producer)], keep| {
            let list: Vec<(Arc<str>, Producer)> = list.iter().map(|(n, p)| ((*n).into(), *p)).collect();
            log.producers.put(table, &list, keep).unwrap()
        };
        assert!(put(1, &[("a", producer(1, 5, 10)), ("b", producer(1, 5, 11))], 10).is_empty());
        put(1, &[("a", producer(1, 4, 9))], 10);
        assert_eq!(log.producers.get(1, "a").unwrap(), Some(producer(1, 5, 10)), "an older account changes nothing");
        put(1, &[("a", producer(2, 1, 30))], 10);
        assert_eq!(
            (log.producers.get(1, "a").unwrap(), log.producers.get(2, "a").unwrap()),
            (Some(producer(2, 1, 30)), None)
        );
        let forgotten = put(1, &[("c", producer(1, 1, 40))], 2);
        assert_eq!(forgotten, [Arc::from("b")], "the one that is silent for longest");
        assert_eq!(log.producers.counts(1).unwrap(), ProducerCounts { stored: 2, forgotten: 1 });
        assert!(log.producers.remove(1, "c").unwrap() && !log.producers.remove(1, "c").unwrap());
        assert_eq!(log.producers.counts(1).unwrap(), ProducerCounts { stored: 1, forgotten: 1 });
        log.producers.clear(1).unwrap();
        assert_eq!((log.producers.get(1, "a").unwrap(), log.producers.counts(1).unwrap().stored), (None, 0));
    }
}
