//! The store: a log, checkpoints, and the states of keys that memory has no room for, in three sled databases of one
//! data directory. Nothing else sees sled.
//!
//! What sled 0.34 needs, and gets here (the growth test measures it again):
//! * values small against a segment (14 KiB against 1 MiB), or they become files that are hardly ever deleted; of the
//!   pairs without such files this one leaves the least on disk (200 checkpoints of 20 MB: 3.9 times the live data;
//!   28 KiB against 2 MiB 5.0, 56 KiB against 4 MiB 4.9) and takes the least memory;
//! * no flushing of its own, and an fsync of ours after each flush, as its flush on Linux does not sync;
//! * checkpoints and states of keys in databases of their own, so that writing them does not stall the log;
//! * patience when opening, as it lets go of its lock some time after it was dropped.

pub mod bytes;
mod checkpoints;
mod database;
pub mod group;
mod lock;
mod log;
mod page_format;
mod page_trees;
mod pages;
mod temporary;

pub use checkpoints::{CheckpointDraft, CheckpointMeta, Checkpoints};
pub use lock::DirLock;
pub use log::{Log, ProducerMark, StreamEntry};
pub use pages::{KeyPages, ScratchPages, StreamPages};
pub use temporary::TemporaryPages;

use std::path::{Path, PathBuf};

/// The reason why the store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another daemon uses the directory.
    #[error("another surmised{} is using the data directory {dir}; stop it, or give this one a directory of its own (store.dir)", pid.as_ref().map(|p| format!(" (process {p})")).unwrap_or_default())]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// The process id of the other daemon, if it could be read.
        pid: Option<String>,
    },
    /// The file system refused.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The path of the file or directory.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("{what}: {source}")]
    Database {
        /// What was tried.
        what: &'static str,
        /// The reason.
        source: sled::Error,
    },
    /// The store is of a format that this version does not know.
    #[error("{path} has format {found:?}, which this version ({known}) cannot read")]
    Format {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: String,
        /// The format of this version.
        known: &'static str,
    },
    /// What was stored is damaged.
    #[error("{0}")]
    Damaged(#[from] bytes::Damaged),
    /// The entry of a stream has a valid checksum, but is none that this version can read.
    #[error("a stream's entry cannot be read: {0}")]
    StreamEntry(serde_json::Error),
    /// A copy of a learner asked for a key page that no checkpoint keeps any more.
    #[error("the stream has gone on, and its pages too")]
    PagesSuperseded,
}

impl StoreError {
    pub(crate) fn database(what: &'static str) -> impl FnOnce(sled::Error) -> StoreError {
        move |source| StoreError::Database { what, source }
    }
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
        let path = path.to_owned();
        move |source| StoreError::Io { what, path, source }
    }
}

/// The databases, and the lock of the directory.
pub struct Store {
    /// Events and streams.
    pub log: Log,
    /// States of learners.
    pub checkpoints: Checkpoints,
    /// Key pages: states of keys that memory has no room for.
    pub pages: KeyPages,
    // declared last, so that the lock is given back after the databases are closed
    _lock: DirLock,
}

impl Store {
    /// Opens the store in a directory, which is made if it does not exist. Of each stream, `generations` checkpoints are
    /// kept.
    ///
    /// # Errors
    /// Another daemon uses the directory, or the store cannot be read.
    pub fn open(dir: &Path, generations: u32) -> Result<Store, StoreError> {
        let lock = DirLock::take(dir)?;
        let log = Log::open(&dir.join("log"))?;
        let checkpoints = Checkpoints::open(&dir.join("checkpoints"), generations)?;
        let pages = KeyPages::new(&dir.join("keys"));
        database::sync_dir(dir)?;
        Ok(Store { log, checkpoints, pages, _lock: lock })
    }
}

/// Appends a checksum to a small value.
fn seal(mut value: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&value);
    value.extend_from_slice(&crc.to_le_bytes());
    value
}

/// Checks the checksum that [`seal`] appended, and takes it off.
fn unseal<'a>(value: &'a [u8], what: &'static str) -> Result<&'a [u8], bytes::Damaged> {
    let (body, crc) = value.split_last_chunk::<4>().ok_or(bytes::Damaged(what))?;
    if crc32fast::hash(body) == u32::from_le_bytes(*crc) { Ok(body) } else { Err(bytes::Damaged(what)) }
}
