//! The audit log: what operators did, one line of JSON each, in files that only grow.
//!
//! A line ends with the CRC-32 of what comes before, so that a line which a crash cut off, or somebody changed by
//! accident, is known. When the file `audit.ndjson` is full, it becomes `audit.1.ndjson` in the place of the one
//! before; so the log is bounded, and the latest half of it is always there.

use crate::database::sync_dir;
use crate::error::StoreError;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The file that grows, and the one before it.
pub(crate) const FILES: [&str; 2] = ["audit.ndjson", "audit.1.ndjson"];
/// Bytes of a file from which on it is full.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What failed, where a file cannot be written.
const CANNOT_WRITE: &str = "cannot write the audit log";

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AuditEntry {
    /// When it was done, as RFC 3339.
    pub time: String,
    /// Who asked for it: the name of a token, or the address that it came from.
    pub who: String,
    /// What was asked for, such as `stream reset`.
    pub what: String,
    /// The stream, producer or file that it was about, with its parameters.
    pub about: String,
    /// What came of it.
    pub result: String,
}

/// An entry as a line has it.
#[derive(Serialize, Deserialize)]
struct AuditLine {
    #[serde(flatten)]
    entry: AuditEntry,
    crc32: String,
}

impl AuditEntry {
    fn checksum(&self) -> String {
        let text = serde_json::to_vec(self).expect("invariant: an entry can be written as JSON");
        format!("{:08x}", crc32fast::hash(&text))
    }

    fn line(&self) -> Vec<u8> {
        let line = AuditLine { entry: self.clone(), crc32: self.checksum() };
        let mut line = serde_json::to_vec(&line).expect("invariant: an entry can be written as JSON");
        line.push(b'\n');
        line
    }
}

/// What an audit log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditRead {
    /// The latest entries, oldest first.
    pub entries: Vec<AuditEntry>,
    /// Lines that are damaged.
    pub damaged: u64,
}

/// The audit log of a data directory.
#[derive(Debug)]
pub struct AuditLog {
    dir: PathBuf,
    writing: Mutex<()>,
}

impl AuditLog {
    /// The audit log in a directory; its file is made with its first entry.
    pub fn new(dir: &Path) -> AuditLog {
        AuditLog { dir: dir.into(), writing: Mutex::default() }
    }

    /// Appends an entry and makes it durable.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn append(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let [path, before] = FILES.map(|name| self.dir.join(name));
        if std::fs::metadata(&path).is_ok_and(|file| file.len() >= FILE_BYTES_MAX) {
            std::fs::rename(&path, &before).map_err(StoreError::io(CANNOT_WRITE, &path))?;
        }
        let mut file =
            OpenOptions::new().create(true).append(true).open(&path).map_err(StoreError::io(CANNOT_WRITE, &path))?;
        let is_new = file.metadata().is_ok_and(|file| file.len() == 0);
        let mut line = entry.line();
        if !is_new && !ends_with_line(&path) {
            // a crash cut a line off; the next one is not to be a part of it
            line.insert(0, b'\n');
        }
        file.write_all(&line).and_then(|()| file.sync_data()).map_err(StoreError::io(CANNOT_WRITE, &path))?;
        if is_new { sync_dir(&self.dir) } else { Ok(()) }
    }

    /// Reads the latest entries, at most `many`.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn read(&self, many: usize) -> Result<AuditRead, StoreError> {
        let mut read = AuditRead::default();
        for name in FILES.iter().rev() {
            let path = self.dir.join(name);
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                Err(e) => return Err(StoreError::io("cannot read the audit log", &path)(e)),
            };
            for line in BufReader::new(file).split(b'\n') {
                let line = line.map_err(StoreError::io("cannot read the audit log", &path))?;
                match serde_json::from_slice::<AuditLine>(&line) {
                    Ok(line) if line.crc32 == line.entry.checksum() => read.entries.push(line.entry),
                    Ok(_) | Err(_) => read.damaged += u64::from(!line.is_empty()),
                }
            }
        }
        let surplus = read.entries.len().saturating_sub(many);
        read.entries.drain(..surplus);
        Ok(read)
    }
}

/// Whether a file ends with a line end.
fn ends_with_line(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes.last() == Some(&b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: usize) -> AuditEntry {
        let text = |s: &str| format!("{s} {n} {}", "x".repeat(200));
        let time = "2026-11-27T08:00:00Z".into();
        AuditEntry { time, who: text("who"), what: text("what"), about: text("about"), result: text("result") }
    }

    #[test]
    fn entries_come_back_and_damage_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::new(dir.path());
        assert_eq!(log.read(10).unwrap(), AuditRead::default());
        (0..3).for_each(|n| log.append(&entry(n)).unwrap());
        let path = dir.path().join(FILES[0]);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes.truncate(bytes.len() - 5);
        std::fs::write(&path, bytes).unwrap();
        log.append(&entry(3)).unwrap();
        assert_eq!(log.read(10).unwrap(), AuditRead { entries: vec![entry(0), entry(3)], damaged: 2 });
        assert_eq!(log.read(1).unwrap().entries, [entry(3)]);
    }

    #[test]
    fn the_log_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::new(dir.path());
        let path = dir.path().join(FILES[0]);
        for n in 0..4 {
            let filler = AuditEntry { about: "y".repeat(FILE_BYTES_MAX as usize), ..entry(n) };
            log.append(&filler).unwrap();
        }
        log.append(&entry(9)).unwrap();
        assert!(std::fs::metadata(path).unwrap().len() < FILE_BYTES_MAX);
        let read = log.read(100).unwrap();
        assert_eq!((read.entries.len(), read.entries[1].clone(), read.damaged), (2, entry(9), 0));
    }
}
