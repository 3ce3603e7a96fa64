//! The registry: which streams there are, under which numbers, and the numbers that rise with every write.
//!
//! It is kept three times, so that any copy can be lost: in the database of the log, in that of the checkpoints (of
//! streams that have one), and in the plain file `streams`, to which records are appended and which each start writes
//! anew beside the old one, syncs and renames. Of two copies of an entry, the one that was written later counts.

use crate::database::sync_dir;
use crate::entry::{EntryCopies, StreamEntry};
use crate::error::StoreError;
use crate::identity::StreamId;
use crate::record::{RecordHead, RecordKind, START_SHIFT};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

/// The name of the file in the data directory.
pub(crate) const FILE_NAME: &str = "streams";

/// An entry, and the number of the write that it came with.
struct Known {
    write: u64,
    entry: StreamEntry,
}

/// The streams of a store. The default has none, and no file.
#[derive(Default)]
pub(crate) struct Registry {
    path: PathBuf,
    file: Mutex<Option<File>>,
    known: RwLock<BTreeMap<u32, Known>>,
    next_number: AtomicU32,
    starts: AtomicU64,
    write: AtomicU64,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registry({})", self.path.display())
    }
}

impl Registry {
    /// Reads the file of a data directory, if there is one. Returns how many of its records are damaged, too.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn read(dir: &Path) -> Result<(Registry, u64), StoreError> {
        let registry = Registry { path: dir.join(FILE_NAME), ..Registry::default() };
        let copies = match std::fs::read(&registry.path) {
            Ok(bytes) => EntryCopies::scan(&bytes),
            Err(e) if e.kind() == ErrorKind::NotFound => EntryCopies::default(),
            Err(e) => return Err(StoreError::io("cannot read", &registry.path)(e)),
        };
        let damaged = copies.damaged;
        registry.merge(copies);
        Ok((registry, damaged))
    }

    /// Takes the copies of another place. Of two copies, the one that was written later counts.
    pub fn merge(&self, copies: EntryCopies) {
        self.next_number.fetch_max(copies.next_number, Ordering::Relaxed);
        self.starts.fetch_max(copies.starts, Ordering::Relaxed);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for (write, entry) in copies.entries {
            match known.get_mut(&entry.number) {
                Some(known) if known.write >= write => {}
                Some(known) => *known = Known { write, entry },
                None => drop(known.insert(entry.number, Known { write, entry })),
            }
        }
    }

    /// Notes that a stream's number is used up, whosever it is.
    pub fn use_up(&self, number: u32) {
        self.next_number.fetch_max(number.saturating_add(1), Ordering::Relaxed);
    }

    /// Begins a range of write numbers, and writes the file anew with what is known from all places.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn settle(&self) -> Result<(), StoreError> {
        let start = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        self.write.store(start << START_SHIFT, Ordering::Relaxed);
        let mut bytes = self.marks();
        for Known { write, entry } in self.known.read().unwrap_or_else(PoisonError::into_inner).values() {
            entry.records(*write).iter().for_each(|record| bytes.extend_from_slice(record));
        }
        let beside = self.path.with_extension("new");
        let io = StoreError::io("cannot write the list of streams", &beside);
        let written = File::create(&beside).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()
        });
        written.map_err(io)?;
        std::fs::rename(&beside, &self.path).map_err(StoreError::io("cannot rename to", &self.path))?;
        if let Some(dir) = self.path.parent() {
            sync_dir(dir)?;
        }
        let opened = OpenOptions::new().append(true).open(&self.path);
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(opened.map_err(StoreError::io("cannot open", &self.path))?);
        Ok(())
    }

    /// The record of the numbers that are used up.
    pub fn marks(&self) -> Vec<u8> {
        let id = StreamId { number: 0, epoch: 0, name_hash: 0 };
        let write = self.write.load(Ordering::Relaxed);
        let head = RecordHead::new(RecordKind::Marks, id, self.starts.load(Ordering::Relaxed), write);
        head.seal(&self.next_number.load(Ordering::Relaxed).to_le_bytes())
    }

    /// Makes entries that are new or changed durable in the file.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn note(&self, entries: &[StreamEntry]) -> Result<(), StoreError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut news = Vec::new();
        let mut bytes = Vec::new();
        for entry in entries {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let mut entry = entry.clone();
            if let Some(known) = known.get(&entry.number) {
                // whoever writes a copy that he read before a stream, or a part of it, went does not bring it back
                entry.deleted |= known.entry.deleted;
                entry.cleared |= known.entry.cleared;
                entry.pending &= known.entry.pending;
                entry.trimmed_before = entry.trimmed_before.max(known.entry.trimmed_before);
                entry.trimmed_bytes = entry.trimmed_bytes.max(known.entry.trimmed_bytes);
            }
            if known.get(&entry.number).is_none_or(|known| known.entry != entry) {
                let write = self.next_write();
                entry.records(write).iter().for_each(|record| bytes.extend_from_slice(record));
                news.push(Known { write, entry });
            }
        }
        if news.is_empty() {
            return Ok(());
        }
        if let Some(file) = file.as_mut() {
            let written = file.write_all(&bytes).and_then(|()| file.sync_data());
            written.map_err(StoreError::io("cannot write the list of streams", &self.path))?;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for new in news {
            self.use_up(new.entry.number);
            known.insert(new.entry.number, new);
        }
        Ok(())
    }

    /// The records of a stream's entry, for another place.
    pub fn records(&self, number: u32) -> Vec<Vec<u8>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&number).map(|known| known.entry.records(known.write)).unwrap_or_default()
    }

    /// The entries of all streams, by number.
    pub fn entries(&self) -> Vec<StreamEntry> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().map(|known| known.entry.clone()).collect()
    }

    /// The entry of a stream; none if there is none of this number.
    pub fn entry(&self, number: u32) -> Option<StreamEntry> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&number).map(|known| known.entry.clone())
    }

    /// The identity of a stream.
    ///
    /// # Errors
    /// There is none of this number.
    pub fn id(&self, number: u32) -> Result<StreamId, StoreError> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&number).map(|known| known.entry.id()).ok_or(StoreError::UnknownStream { number })
    }

    /// A number above all that streams ever had.
    pub fn next_number(&self) -> u32 {
        self.next_number.load(Ordering::Relaxed)
    }

    /// The number of the next write.
    pub fn next_write(&self) -> u64 {
        self.write.fetch_add(1, Ordering::Relaxed) + 1
    }
}
