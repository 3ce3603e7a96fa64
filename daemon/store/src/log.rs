//! The log: every event of every stream, in commit groups; and which streams there are.
//!
//! Tree `groups`: stream number (u32, big-endian), first offset (u64, big-endian) → a record with a group. A group
//! longer than one piece continues under the same key with a piece number (u16) appended. Tree `streams`: stream number
//! → a record with a [`StreamEntry`] as JSON, continued likewise; and the numbers that are used up. Tree `marks`: name
//! of a producer that sends to several streams → how far it is durable; written after the groups it speaks of, which
//! sled keeps in that order.

use crate::bytes::{Cursor, Damaged, put_varint};
use crate::checksum::{seal, unseal};
use crate::database::Tree;
use crate::database::{Database, Form, remove_each};
use crate::entry::{EntryCopies, StreamEntry};
use crate::error::StoreError;
use crate::group::{self, Decoded, Group};
use crate::identity::StreamId;
use crate::opening::CarefulOpening;
use crate::producers::ProducerTrees;
use crate::record::{self, HEADER_BYTES, RecordHead, RecordKind};
use crate::registry::Registry;
use std::path::PathBuf;
use std::sync::Arc;

static FORM: Form = Form {
    name: "log",
    place: 1,
    cache_bytes: 8 << 20,
    // the first with what people say of incidents
    format: "surmise log 3",
    lacking: Some("surmise log 2"),
    // the format before records named their streams
    older: Some("surmise log 1"),
};

/// Bytes of groups that are made durable together, unless a single batch of a caller holds more.
pub const COMMIT_BYTES_MAX: usize = 8 << 20;

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
    pub(crate) database: Database,
    pub(crate) groups: Tree,
    pub(crate) streams: Tree,
    marks: Tree,
    /// What streams know of producers that memory has no room for.
    pub producers: ProducerTrees,
    pub(crate) registry: Arc<Registry>,
}

impl Log {
    /// Opens the log of a data directory, which is made if it does not exist. A damaged one is set aside; the second
    /// value says where.
    ///
    /// # Errors
    /// The directory cannot be read, or holds a log of another format.
    pub(crate) fn open(
        opening: &CarefulOpening,
        registry: Arc<Registry>,
    ) -> Result<(Log, Option<PathBuf>), StoreError> {
        let (database, aside) = opening.open(&FORM)?;
        let (groups, streams) = (database.tree("groups")?, database.tree("streams")?);
        let (marks, producers) = (database.tree("marks")?, ProducerTrees::open(&database)?);
        Ok((Log { groups, streams, marks, producers, database, registry }, aside))
    }

    /// Tells the registry of the log's copies of entries, and of the numbers that are used up.
    pub(crate) fn tell_registry(&self) -> Result<(), StoreError> {
        self.registry.merge(entry_copies(&self.streams)?);
        if let Some((last, _)) = self.groups.last().map_err(StoreError::database("cannot read the log"))? {
            self.registry.use_up(last.first_chunk::<4>().map_or(0, |number| u32::from_be_bytes(*number)));
        }
        Ok(())
    }

    /// The entries of all streams, by number, as the registry knows them from all its copies.
    pub fn streams(&self) -> Vec<StreamEntry> {
        self.registry.entries()
    }

    /// The entry of a stream; none if there is none of this number.
    pub fn stream(&self, number: u32) -> Option<StreamEntry> {
        self.registry.entry(number)
    }

    /// Puts what the registry knows into the log, so that it holds a copy of all of it.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        put_copies(&self.streams, &self.registry, self.registry.entries().iter().map(|entry| entry.number))?;
        self.database.flush()
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
        self.database.reserve(groups.iter().map(|group| group.bytes.len() as u64).sum())?;
        // the registry first: whatever a crash leaves, no number of a stream is given twice
        self.registry.note(entries)?;
        put_copies(&self.streams, &self.registry, entries.iter().map(|entry| entry.number))?;
        let mut batch = sled::Batch::default();
        for g in groups {
            let (id, write) = (self.registry.id(g.stream)?, self.registry.next_write());
            let head = RecordHead::new(RecordKind::Group, id, g.first_offset, write);
            for (i, piece) in head.cut(&g.bytes).enumerate() {
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
        Tail { pieces: self.pieces_from(stream, from_offset), next: None, stream, id: self.registry.id(stream).ok() }
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
    /// Returns how many bytes that were, and adds them to the stream's entry. What was said to be deleted before, and
    /// is there still as a crash came between, is not counted again.
    ///
    /// # Errors
    /// The database refuses.
    pub fn trim(&self, entry: &mut StreamEntry, before_offset: u64, bytes: u64) -> Result<u64, StoreError> {
        let (mut gone, mut end) = (0, before_offset);
        let mut keys = Vec::new();
        for piece in self.groups.range(key(entry.number, 0, 0)..key(entry.number, before_offset, 0)) {
            let (k, v) = piece.map_err(StoreError::database("cannot read the log"))?;
            if gone >= bytes && k.len() == KEY_BYTES {
                end = k.last_chunk::<8>().map_or(0, |offset| u64::from_be_bytes(*offset));
                break;
            }
            let at = k.get(4..KEY_BYTES).and_then(<[u8]>::first_chunk).map_or(0, |at| u64::from_be_bytes(*at));
            if at >= entry.trimmed_before {
                gone += v.len().saturating_sub(HEADER_BYTES) as u64;
            }
            keys.push(k);
        }
        if !keys.is_empty() {
            // said first: what was deleted on purpose is never taken for lost
            entry.trimmed_before = entry.trimmed_before.max(end);
            entry.trimmed_bytes += gone;
            self.registry.note(std::slice::from_ref(entry))?;
            remove_each(&self.groups, keys).map_err(StoreError::database("cannot trim the log"))?;
            put_copies(&self.streams, &self.registry, [entry.number])?;
            self.database.flush()?;
        }
        Ok(gone)
    }

    /// Deletes the whole log of a stream.
    ///
    /// # Errors
    /// The database refuses.
    pub fn clear(&self, stream: u32) -> Result<(), StoreError> {
        for key in self.groups.scan_prefix(stream.to_be_bytes()).keys() {
            let removed = key.and_then(|key| self.groups.remove(key));
            removed.map_err(StoreError::database("cannot delete the log of a stream"))?;
        }
        Ok(())
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
pub(crate) const KEY_BYTES: usize = 12;

pub(crate) fn key(stream: u32, first_offset: u64, piece: usize) -> Vec<u8> {
    let mut k = Vec::with_capacity(KEY_BYTES + 2);
    k.extend_from_slice(&stream.to_be_bytes());
    k.extend_from_slice(&first_offset.to_be_bytes());
    if piece > 0 {
        k.extend_from_slice(&(piece as u16).to_be_bytes());
    }
    k
}

/// The copies of entries, and of the numbers that are used up, in a tree.
pub(crate) fn entry_copies(tree: &Tree) -> Result<EntryCopies, StoreError> {
    let mut copies = EntryCopies::default();
    for value in tree.iter().values() {
        let value = value.map_err(StoreError::database("cannot read the list of streams"))?;
        match record::unseal(&value, "a stream's entry") {
            Ok((head, payload)) => copies.push(head, payload),
            Err(_) => copies.damaged += 1,
        }
    }
    Ok(copies)
}

/// Puts copies of entries, and of the numbers that are used up, into a tree.
pub(crate) fn put_copies(
    tree: &Tree,
    registry: &Registry,
    streams: impl IntoIterator<Item = u32>,
) -> Result<(), StoreError> {
    let mut batch = sled::Batch::default();
    let mut any = false;
    for number in streams {
        for (piece, record) in registry.records(number).into_iter().enumerate() {
            let mut key = number.to_be_bytes().to_vec();
            if piece > 0 {
                key.extend_from_slice(&(piece as u32).to_be_bytes());
            }
            batch.insert(key, record);
        }
        any = true;
    }
    if any {
        // no stream's key: it has five bytes
        batch.insert(b"marks", registry.marks());
        tree.apply_batch(batch).map_err(StoreError::database("cannot write a stream's entry"))?;
    }
    Ok(())
}

/// Reads the groups of one stream, in order. What cannot be read is an error in its place, and the next group follows.
pub struct Tail {
    pieces: sled::Iter,
    /// A piece that was read ahead.
    next: Option<(sled::IVec, sled::IVec)>,
    stream: u32,
    id: Option<StreamId>,
}

impl Tail {
    fn piece(&mut self) -> Option<Result<(sled::IVec, sled::IVec), StoreError>> {
        if let Some(next) = self.next.take() {
            return Some(Ok(next));
        }
        self.pieces.next().map(|piece| piece.map_err(StoreError::database("cannot read the log")))
    }

    /// The group whose first piece this is.
    fn whole(&mut self, id: StreamId, first_offset: u64, first: &[u8]) -> Result<(Decoded, usize), StoreError> {
        let (head, payload) = record::unseal(first, "a log group (its record)")?;
        head.expect(RecordKind::Group, id, first_offset, 0)?;
        let mut bytes = payload.to_vec();
        for piece in 1..head.pieces {
            let Some((k, v)) = self.piece().transpose()? else { return Err(Damaged("a log group (its end)").into()) };
            if *k != *key(id.number, first_offset, piece as usize) {
                self.next = Some((k, v));
                return Err(Damaged("a log group (a piece is missing)").into());
            }
            let (found, payload) = record::unseal(&v, "a log group (the record of a piece)")?;
            if found != (RecordHead { piece, ..head }) {
                return Err(Damaged("a log group (a piece of another)").into());
            }
            bytes.extend_from_slice(payload);
        }
        let group = group::decode(&bytes)?;
        if (group.stream, group.first_offset) != (id.number, first_offset) {
            return Err(Damaged("a log group (it is of another place)").into());
        }
        Ok((group, bytes.len()))
    }
}

impl Iterator for Tail {
    /// A group, and the bytes that it takes in the log.
    type Item = Result<(Decoded, usize), StoreError>;
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (key, first) = match self.piece()? {
                Ok(piece) => piece,
                Err(e) => return Some(Err(e)),
            };
            // pieces whose beginning is damaged or gone
            if key.len() != KEY_BYTES {
                continue;
            }
            let Some(id) = self.id else { return Some(Err(StoreError::UnknownStream { number: self.stream })) };
            let first_offset = key.last_chunk::<8>().map_or(0, |offset| u64::from_be_bytes(*offset));
            let group = self.whole(id, first_offset, &first);
            return Some(group.map_err(|e| StoreError::Group { first_offset, source: Box::new(e) }));
        }
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
