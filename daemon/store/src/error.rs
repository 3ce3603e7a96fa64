//! Why the store cannot do what was asked.

use crate::bytes;
use crate::identity::StreamId;
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
    /// A record was found where another stream's was asked for.
    #[error("a record of {found} lies where one of {asked} should; it is not read")]
    OtherStream {
        /// The stream that was asked for.
        asked: StreamId,
        /// The stream that the record names.
        found: StreamId,
    },
    /// A commit group of the log cannot be read.
    #[error("the log's group at offset {first_offset} cannot be read: {source}")]
    Group {
        /// The offset of the group's first event.
        first_offset: u64,
        /// The reason.
        source: Box<StoreError>,
    },
    /// No stream of this number was ever made.
    #[error("there is no stream of number {number}")]
    UnknownStream {
        /// The number.
        number: u32,
    },
    /// As many checkpoints of the stream are pinned as may be.
    #[error("{most} checkpoints of the stream are pinned, as many as may be; unpin one first")]
    TooManyPinned {
        /// The bound.
        most: usize,
    },
    /// There is no room on the disk. Nothing was written, and it can be tried again.
    #[error("there is no room on the disk: {why}")]
    NoRoom {
        /// The bound that was met.
        why: String,
    },
    /// A copy of a learner asked for a key page that no checkpoint keeps any more.
    #[error("the stream has gone on, and its pages too")]
    PagesSuperseded,
}

impl StoreError {
    /// Whether what was read is damaged, and will be when it is read again; otherwise it could not be read now.
    pub fn is_damage(&self) -> bool {
        match self {
            StoreError::Damaged(_) | StoreError::OtherStream { .. } | StoreError::Group { .. } => true,
            StoreError::Database { source, .. } => matches!(source, sled::Error::Corruption { .. }),
            _ => false,
        }
    }

    /// Whether there was no room on the disk, and the same can be tried again when there is. A database that met this
    /// itself is no such case: sled does not go on after it.
    pub fn is_no_room(&self) -> bool {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match self {
            StoreError::NoRoom { .. } => true,
            StoreError::Io { source, .. } => matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge),
            _ => false,
        }
    }

    /// Whether a write or a sync failed below a database, which then does not go on before it is opened again.
    pub fn ends_its_database(&self) -> bool {
        matches!(self, StoreError::Database { source: sled::Error::Io(_), .. })
    }

    pub(crate) fn database(what: &'static str) -> impl FnOnce(sled::Error) -> StoreError {
        move |source| StoreError::Database { what, source }
    }
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
        let path = path.to_owned();
        move |source| StoreError::Io { what, path, source }
    }
}
