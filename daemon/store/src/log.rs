//! The log: every event of every stream, in commit groups; and which streams there are.
//!
//! Tree `groups`: stream number (u32, big-endian), first offset (u64, big-endian) → a group. A group longer than one
//! piece continues under the same key with a piece number (u16) appended. Tree `streams`: stream number → a
//! [`StreamEntry`] as JSON with a checksum. Tree `marks`: name of a producer that sends to several streams → how far
//! it is durable; written after the groups it speaks of, which sled keeps in that order.

use crate::bytes::{Cursor, put_varint};
use crate::checksum::{seal, unseal};
use crate::database::{Database, PIECE_BYTES, SEGMENT_BYTES};
use crate::error::StoreError;
use crate::group::{self, Decoded, Group};
use crate::producers::ProducerTrees;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use surmise_event::Schema;
use surmise_learner::Options;

const FORMAT: &str = "surmise log 1";
/// Memory that the database may take for what it has read.
const CACHE_BYTES_MAX: u64 = 8 << 20;

/// What a stream was made with: all that recovery without a checkpoint has to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamEntry {
    /// The number of the stream in the log.
    pub number: u32,
    /// The name of the stream.
    pub name: String,
    /// The pattern of the configuration that the name fell under; empty if it fell under none.
    #[serde(default)]
    pub group: String,
    /// The schema that was declared for it.
    pub schema: Schema,
    /// The options that the stream's learner was made with.
    pub options: Options,
    /// When the stream was made, in microseconds since 1970.
    pub created_us: i64,
    /// Bytes that were deleted at the beginning of the stream's log.
    #[serde(default)]
    pub trimmed_bytes: u64,
}

/// The mark of a producer that sends to several streams: all its events up to a sequence number are durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerMark {
    /// The name of the producer.
    pub producer: Arc<str>,
    /// The epoch of the producer.
    pub epoch: u64,
    /// The sequence number.
    pub seq: u64,
}

/// The log of all streams.
pub struct Log {
    database: Database,
    groups: sled::Tree,
    streams: sled::Tree,
    marks: sled::Tree,
    /// What streams know of producers that memory has no room for.
    pub producers: ProducerTrees,
}

impl Log {
    /// Opens the log in a directory, which is made if it does not exist.
    ///
    /// # Errors
    /// The directory cannot be read, or holds a log of another format.
    pub fn open(path: &Path) -> Result<Log, StoreError> {
        let database = Database::open(path, SEGMENT_BYTES, CACHE_BYTES_MAX, FORMAT)?;
        Ok(Log {
            groups: database.tree("groups")?,
            streams: database.tree("streams")?,
            marks: database.tree("marks")?,
            producers: ProducerTrees::open(&database)?,
            database,
        })
    }

    /// The entries of all streams, by number.
    ///
    /// # Errors
    /// The log cannot be read, or an entry is damaged.
    pub fn streams(&self) -> Result<Vec<StreamEntry>, StoreError> {
        self.streams
            .iter()
            .values()
            .map(|value| {
                let value = value.map_err(StoreError::database("cannot read the list of streams"))?;
                serde_json::from_slice(unseal(&value, "a stream's entry")?).map_err(StoreError::StreamEntry)
            })
            .collect()
    }

    fn put_entry(&self, entry: &StreamEntry) -> Result<(), StoreError> {
        let value = serde_json::to_vec(entry).expect("invariant: a stream's entry can be written as JSON");
        let put = self.streams.insert(entry.number.to_be_bytes(), seal(value));
        put.map(|_| ()).map_err(StoreError::database("cannot write a stream's entry"))
    }

    /// The mark of a producer that sends to several streams, if it has one.
    ///
    /// # Errors
    /// The log cannot be read, or the mark is damaged.
    pub fn mark(&self, producer: &str) -> Result<Option<ProducerMark>, StoreError> {
        let value = self.marks.get(producer).map_err(StoreError::database("cannot read the mark of a producer"))?;
        value.map(|value| read_mark(producer.into(), &value).map(|(_, mark)| mark)).transpose()
    }

    /// Removes the mark of a producer.
    ///
    /// # Errors
    /// The database refuses.
    pub fn remove_mark(&self, producer: &str) -> Result<(), StoreError> {
        let removed = self.marks.remove(producer);
        removed.map(|_| ()).map_err(StoreError::database("cannot remove the mark of a producer"))
    }

    /// Deletes all marks but the newest `keep`. Returns how many that were.
    ///
    /// # Errors
    /// The log cannot be read, or a mark is damaged.
    pub fn trim_marks(&self, keep: usize) -> Result<usize, StoreError> {
        if self.marks.iter().take(keep.saturating_add(1)).count() <= keep {
            return Ok(0);
        }
        let mut all = Vec::new();
        for mark in self.marks.iter() {
            let (name, value) = mark.map_err(StoreError::database("cannot read the marks of producers"))?;
            let name: Arc<str> = String::from_utf8_lossy(&name).as_ref().into();
            all.push((read_mark(name.clone(), &value)?.0, name));
        }
        all.sort_unstable_by_key(|(time_us, _)| std::cmp::Reverse(*time_us));
        let old = all.split_off(keep);
        old.iter().try_for_each(|(_, name)| self.remove_mark(name))?;
        Ok(old.len())
    }

    /// Makes new streams, groups and marks durable, all of them together. `time_us`, in microseconds since 1970, dates
    /// the marks, so that the oldest can be dropped first.
    pub fn commit(
        &self,
        entries: &[StreamEntry],
        groups: &[Group],
        marks: &[ProducerMark],
        time_us: i64,
    ) -> Result<(), StoreError> {
        for entry in entries {
            self.put_entry(entry)?;
        }
        let mut batch = sled::Batch::default();
        for g in groups {
            for (i, piece) in g.bytes.chunks(PIECE_BYTES).enumerate() {
                batch.insert(key(g.stream, g.first_offset, i), piece);
            }
        }
        self.groups.apply_batch(batch).map_err(StoreError::database("cannot write the log"))?;
        for m in marks {
            let mut value = time_us.to_le_bytes().to_vec();
            put_varint(&mut value, m.epoch);
            put_varint(&mut value, m.seq);
            let put = self.marks.insert(m.producer.as_bytes(), seal(value));
            put.map_err(StoreError::database("cannot write a producer's mark"))?;
        }
        self.database.flush()
    }

    /// Reads the groups of a stream from an offset on, in order.
    pub fn tail(&self, stream: u32, from_offset: u64) -> Tail {
        Tail { pieces: self.pieces_from(stream, from_offset) }
    }

    /// Whether the log of a stream holds nothing from an offset on.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn ends_at(&self, stream: u32, offset: u64) -> Result<bool, StoreError> {
        let next = self.pieces_from(stream, offset).next().transpose();
        Ok(next.map_err(StoreError::database("cannot read the log"))?.is_none())
    }

    fn pieces_from(&self, stream: u32, offset: u64) -> sled::Iter {
        let low = key(stream, offset, 0);
        match stream.checked_add(1) {
            Some(next) => self.groups.range(low..next.to_be_bytes().to_vec()),
            None => self.groups.range(low..),
        }
    }

    /// Deletes groups at the beginning of a stream, only such before `before_offset`, until `bytes` bytes are deleted.
    /// Returns how many bytes that were, and adds them to the stream's entry.
    ///
    /// # Errors
    /// The database refuses.
    pub fn trim(&self, entry: &mut StreamEntry, before_offset: u64, bytes: u64) -> Result<u64, StoreError> {
        let mut gone = 0;
        let mut batch = sled::Batch::default();
        for piece in self.groups.range(key(entry.number, 0, 0)..key(entry.number, before_offset, 0)) {
            let (k, v) = piece.map_err(StoreError::database("cannot read the log"))?;
            if gone >= bytes && k.len() == KEY_BYTES {
                break;
            }
            gone += v.len() as u64;
            batch.remove(k);
        }
        if gone > 0 {
            self.groups.apply_batch(batch).map_err(StoreError::database("cannot trim the log"))?;
            entry.trimmed_bytes += gone;
            self.put_entry(entry)?;
            self.database.flush()?;
        }
        Ok(gone)
    }

    /// Bytes on disk, including those that are not reused yet.
    pub fn disk_bytes(&self) -> u64 {
        self.database.disk_bytes()
    }
}

/// A mark, with the time that dates it.
fn read_mark(producer: Arc<str>, value: &[u8]) -> Result<(u64, ProducerMark), StoreError> {
    let mut cursor = Cursor(unseal(value, "a producer's mark")?);
    let (time_us, epoch, seq) = (cursor.u64("mark")?, cursor.varint("mark")?, cursor.varint("mark")?);
    Ok((time_us, ProducerMark { producer, epoch, seq }))
}

/// Bytes of the key of a group's first piece.
const KEY_BYTES: usize = 12;

fn key(stream: u32, first_offset: u64, piece: usize) -> Vec<u8> {
    let mut k = Vec::with_capacity(KEY_BYTES + 2);
    k.extend_from_slice(&stream.to_be_bytes());
    k.extend_from_slice(&first_offset.to_be_bytes());
    if piece > 0 {
        k.extend_from_slice(&(piece as u16).to_be_bytes());
    }
    k
}

/// Reads the groups of one stream, in order.
pub struct Tail {
    pieces: sled::Iter,
}

impl Tail {
    fn piece(&mut self) -> Option<Result<sled::IVec, StoreError>> {
        let piece = self.pieces.next()?;
        Some(piece.map(|(_, v)| v).map_err(StoreError::database("cannot read the log")))
    }

    fn whole(&mut self, first: sled::IVec) -> Result<(Decoded, usize), StoreError> {
        let total = group::total_length(&first)?;
        if total == first.len() {
            return Ok((group::decode(&first)?, total));
        }
        let mut bytes = first.to_vec();
        while bytes.len() < total {
            match self.piece() {
                Some(p) => bytes.extend_from_slice(&p?),
                None => break,
            }
        }
        Ok((group::decode(&bytes)?, total))
    }
}

impl Iterator for Tail {
    /// A group, and the bytes that it takes in the log.
    type Item = Result<(Decoded, usize), StoreError>;
    fn next(&mut self) -> Option<Self::Item> {
        let first = self.piece()?;
        Some(first.and_then(|v| self.whole(v)))
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
