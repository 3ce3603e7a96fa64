//! How far each stream was acknowledged, in a file of its own beside the log, so that a log that lost its end is found
//! out and the loss is named.
//!
//! The file `progress` is a sequence of records of 28 bytes, `"sPr2" | stream u32 | epoch u32 | offset u64 | zero u32 |
//! crc32`, appended after each commit and before its acknowledgements; the last of a stream counts. It
//! is not synced: a killed process leaves it whole, and after a loss of power it says less than was acknowledged, but
//! never more. When it has grown it is written anew.

use crate::error::StoreError;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The name of the file in the data directory.
pub(crate) const FILE_NAME: &str = "progress";
const MAGIC: [u8; 4] = *b"sPr2";
const RECORD_BYTES: usize = 28;
/// The lengths of the databases' files are kept like the offsets of streams that have the highest numbers.
const SIZES: u32 = u32::MAX;
/// Bytes beyond which the file is written anew, unless the streams alone need more.
const FILE_BYTES_MAX: usize = 1 << 20;

/// How far the streams were acknowledged: by number, the epoch and the offset.
pub(crate) type Offsets = BTreeMap<u32, (u32, u64)>;

#[derive(Debug)]
struct Appended {
    file: Option<File>,
    bytes: usize,
    offsets: Offsets,
}

/// The file.
#[derive(Debug)]
pub(crate) struct Progress {
    path: PathBuf,
    appended: Mutex<Appended>,
}

fn record(stream: u32, epoch: u32, offset: u64) -> [u8; RECORD_BYTES] {
    let mut record = [0; RECORD_BYTES];
    record[..4].copy_from_slice(&MAGIC);
    record[4..8].copy_from_slice(&stream.to_le_bytes());
    record[8..12].copy_from_slice(&epoch.to_le_bytes());
    record[12..20].copy_from_slice(&offset.to_le_bytes());
    let crc = crc32fast::hash(&record[..RECORD_BYTES - 4]);
    record[RECORD_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
    record
}

/// Reads such records, and passes over what is none.
pub(crate) fn scan(bytes: &[u8]) -> Offsets {
    let mut offsets = Offsets::new();
    let mut rest = bytes;
    while let Some((found, after)) = rest.split_first_chunk::<RECORD_BYTES>() {
        let number = |at: usize| u32::from_le_bytes([found[at], found[at + 1], found[at + 2], found[at + 3]]);
        let offset = u64::from(number(12)) | u64::from(number(16)) << 32;
        if *found == record(number(4), number(8), offset) {
            offsets.insert(number(4), (number(8), offset));
            rest = after;
        } else {
            // what was torn by a full disk need not be of a whole length
            rest = &rest[1..];
        }
    }
    offsets
}

/// The length of a database's file among such offsets.
pub(crate) fn size_in(offsets: &Offsets, place: u32) -> u64 {
    offset_in(offsets, SIZES - place, 0)
}

/// How far a stream was acknowledged among such offsets.
pub(crate) fn offset_in(offsets: &Offsets, stream: u32, epoch: u32) -> u64 {
    offsets.get(&stream).filter(|known| known.0 == epoch).map_or(0, |known| known.1)
}

impl Progress {
    /// Reads the file of a data directory, if it is there, and writes it anew.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn open(dir: &Path) -> Result<Progress, StoreError> {
        let path = dir.join(FILE_NAME);
        let offsets = std::fs::read(&path).map(|bytes| scan(&bytes)).unwrap_or_default();
        let progress = Progress { path, appended: Mutex::new(Appended { file: None, bytes: 0, offsets }) };
        progress.rewrite(&mut progress.appended.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(progress)
    }

    fn rewrite(&self, appended: &mut Appended) -> Result<(), StoreError> {
        let bytes: Vec<u8> =
            appended.offsets.iter().flat_map(|(stream, (epoch, offset))| record(*stream, *epoch, *offset)).collect();
        let beside = self.path.with_extension("new");
        let written = File::create(&beside).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()?;
            std::fs::rename(&beside, &self.path)?;
            OpenOptions::new().append(true).open(&self.path)
        });
        appended.file = Some(written.map_err(StoreError::io("cannot write", &self.path))?);
        appended.bytes = bytes.len();
        Ok(())
    }

    /// Notes how far streams are durable, before that is acknowledged.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn note(&self, durable: impl Iterator<Item = (u32, u32, u64)>) -> Result<(), StoreError> {
        let mut appended = self.appended.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::new();
        for (stream, epoch, offset) in durable {
            appended.offsets.insert(stream, (epoch, offset));
            bytes.extend_from_slice(&record(stream, epoch, offset));
        }
        appended.bytes += bytes.len();
        if appended.bytes > FILE_BYTES_MAX.max(4 * RECORD_BYTES * appended.offsets.len()) {
            return self.rewrite(&mut appended);
        }
        let Some(file) = appended.file.as_mut() else { return Ok(()) };
        file.write_all(&bytes).map_err(StoreError::io("cannot write", &self.path))
    }

    /// Notes the length of a database's file, if it is another one than before.
    pub fn note_size(&self, place: u32, bytes: u64) -> Result<(), StoreError> {
        if self.size(place) == bytes { Ok(()) } else { self.note([(SIZES - place, 0, bytes)].into_iter()) }
    }

    /// Notes the length of a database's file durably, before the database takes the place of a longer one.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn set_size(&self, place: u32, bytes: u64) -> Result<(), StoreError> {
        let mut appended = self.appended.lock().unwrap_or_else(PoisonError::into_inner);
        appended.offsets.insert(SIZES - place, (0, bytes));
        self.rewrite(&mut appended)
    }

    /// Forgets the length of a file that is made anew.
    pub fn forget_size(&self, place: u32) {
        let mut appended = self.appended.lock().unwrap_or_else(PoisonError::into_inner);
        appended.offsets.remove(&(SIZES - place));
    }

    /// The length of a database's file as it was last noted.
    pub fn size(&self, place: u32) -> u64 {
        self.of(SIZES - place, 0)
    }

    /// The offset before which everything of a stream was acknowledged.
    pub fn of(&self, stream: u32, epoch: u32) -> u64 {
        let appended = self.appended.lock().unwrap_or_else(PoisonError::into_inner);
        offset_in(&appended.offsets, stream, epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_and_damage_hits_one_record() {
        let dir = tempfile::tempdir().unwrap();
        let progress = Progress::open(dir.path()).unwrap();
        for i in 1..=9 {
            progress.note([(1, 1, i * 10), (2, 1, i)].into_iter()).unwrap();
        }
        assert_eq!((progress.of(1, 1), progress.of(2, 1), progress.of(1, 2)), (90, 9, 0));
        let bytes = std::fs::read(dir.path().join(FILE_NAME)).unwrap();
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 8;
            let offsets = scan(&bytes);
            assert!(offsets[&1].1 >= 80 && offsets[&2].1 >= 8, "byte {at}: {offsets:?}");
        }
        for end in 0..bytes.len() {
            assert!(scan(&bytes[..end]).values().all(|(_, offset)| *offset <= 90));
        }
        drop(progress);
        assert_eq!(Progress::open(dir.path()).unwrap().of(1, 1), 90);
    }
}
