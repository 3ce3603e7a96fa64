//! One sled database: opened even while its last user still lets go of it, and synced to the disk, which sled does not
//! do by itself on Linux.

use crate::error::StoreError;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes of one segment of the file. sled keeps up to seventeen values in a leaf, and they must stay below a quarter of
/// a segment.
pub(crate) const SEGMENT_BYTES: usize = 1 << 20;

/// Bytes of the largest value that is stored in one piece.
pub(crate) const PIECE_BYTES: usize = 14 << 10;

/// How long to wait for a database that was just dropped: sled gives its lock back some time later.
const OPEN_WAIT_MAX: Duration = Duration::from_secs(5);
/// The time between two attempts.
const OPEN_RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// One database of the store.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) db: sled::Db,
    path: PathBuf,
    file: File,
}

impl Database {
    /// Opens a database, and makes sure that its format is the one that this version writes.
    pub(crate) fn open(
        path: &Path,
        segment_bytes: usize,
        cache_bytes: u64,
        format: &'static str,
    ) -> Result<Database, StoreError> {
        let config = sled::Config::new()
            .path(path)
            .segment_size(segment_bytes)
            .cache_capacity(cache_bytes)
            .mode(sled::Mode::HighThroughput)
            .flush_every_ms(None);
        let until = Instant::now() + OPEN_WAIT_MAX;
        let db = loop {
            match config.open() {
                Ok(db) => break db,
                Err(e) if is_locked(&e) && Instant::now() < until => std::thread::sleep(OPEN_RETRY_INTERVAL),
                Err(e) => return Err(StoreError::database("cannot open a database of the store")(e)),
            }
        };
        match db.get("format").map_err(StoreError::database("cannot read the store's format"))? {
            Some(found) if found == format.as_bytes() => {}
            Some(found) => {
                let found = String::from_utf8_lossy(&found).into_owned();
                return Err(StoreError::Format { path: path.into(), found, known: format });
            }
            None => {
                db.insert("format", format).map_err(StoreError::database("cannot write the store's format"))?;
            }
        }
        let file_path = path.join("db");
        let file = File::open(&file_path).map_err(StoreError::io("cannot open", &file_path))?;
        let database = Database { db, path: path.into(), file };
        database.flush()?;
        sync_dir(path)?;
        Ok(database)
    }

    pub(crate) fn tree(&self, name: &'static str) -> Result<sled::Tree, StoreError> {
        self.db.open_tree(name).map_err(StoreError::database("cannot open a tree of the store"))
    }

    /// Makes everything that was inserted durable.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(StoreError::database("cannot flush the store"))?;
        self.file.sync_data().map_err(StoreError::io("cannot sync", &self.path))
    }

    /// Makes everything that was inserted durable, and the files that were made or removed for it.
    pub(crate) fn flush_all(&self) -> Result<(), StoreError> {
        self.flush()?;
        let blobs = self.path.join("blobs");
        if blobs.is_dir() {
            sync_dir(&blobs)?;
        }
        sync_dir(&self.path)
    }

    /// Bytes on disk.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.db.size_on_disk().unwrap_or(0)
    }
}

fn is_locked(e: &sled::Error) -> bool {
    matches!(e, sled::Error::Io(e) if e.to_string().contains("lock"))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(StoreError::io("cannot sync", dir))
}
