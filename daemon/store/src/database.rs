//! One sled database: opened even while its last user still lets go of it, and synced to the disk, which sled does not
//! do by itself on Linux.

use crate::error::StoreError;
use crate::progress::Progress;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of one segment of the file. sled keeps up to seventeen values in a leaf, and they must stay below a quarter of
/// a segment.
pub(crate) const SEGMENT_BYTES: usize = 1 << 20;

/// How often sled cleans up. It frees a segment after what the segment still holds was written anew, and does so in the
/// thread that also flushes: without it, the file of a log that is trimmed grew to eleven times the log's bound.
/// Nothing counts on that flush; what has to be durable is flushed when it is written.
const CLEANING_INTERVAL_MS: u64 = 1000;

/// How long to wait for a database that was just dropped: sled gives its lock back some time later.
const OPEN_WAIT_MAX: Duration = Duration::from_secs(5);
/// The time between two attempts.
const OPEN_RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// What is particular to one of the databases.
#[derive(Debug)]
pub(crate) struct Form {
    /// The name of its directory.
    pub name: &'static str,
    /// Its number among the databases.
    pub place: u32,
    /// Memory that it may take for what it has read.
    pub cache_bytes: u64,
    /// What it says of its own format.
    pub format: &'static str,
    /// The format before, if it can be converted.
    pub older: Option<&'static str>,
}

/// One database of the store.
pub(crate) struct Database {
    pub(crate) db: sled::Db,
    path: PathBuf,
    file: File,
    form: &'static Form,
    /// Whether what it holds is of the format before, and has to be converted.
    pub(crate) is_older: bool,
    /// Where the length of the file is noted.
    progress: Option<Arc<Progress>>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({})", self.path.display())
    }
}

impl Database {
    /// Opens a database, and makes sure that its format is the one that this version writes, or the one before it.
    pub(crate) fn open(
        path: &Path,
        form: &'static Form,
        progress: Option<Arc<Progress>>,
    ) -> Result<Database, StoreError> {
        let config = sled::Config::new()
            .path(path)
            .segment_size(SEGMENT_BYTES)
            .cache_capacity(form.cache_bytes)
            .mode(sled::Mode::HighThroughput)
            .flush_every_ms(Some(CLEANING_INTERVAL_MS));
        let until = Instant::now() + OPEN_WAIT_MAX;
        let db = loop {
            match config.open() {
                Ok(db) => break db,
                Err(e) if is_locked(&e) && Instant::now() < until => std::thread::sleep(OPEN_RETRY_INTERVAL),
                Err(e) => return Err(StoreError::database("cannot open a database of the store")(e)),
            }
        };
        let mut is_older = false;
        match db.get("format").map_err(StoreError::database("cannot read the store's format"))? {
            Some(found) if found == form.format.as_bytes() => {}
            Some(found) if form.older.is_some_and(|older| found == older.as_bytes()) => is_older = true,
            Some(found) => {
                let found = String::from_utf8_lossy(&found).into_owned();
                return Err(StoreError::Format { path: path.into(), found, known: form.format });
            }
            None => {
                db.insert("format", form.format).map_err(StoreError::database("cannot write the store's format"))?;
            }
        }
        let file_path = path.join("db");
        let file = File::open(&file_path).map_err(StoreError::io("cannot open", &file_path))?;
        let database = Database { db, path: path.into(), file, form, is_older, progress };
        database.flush()?;
        sync_dir(path)?;
        Ok(database)
    }

    /// Says that what was of the format before is converted.
    pub(crate) fn set_converted(&self) -> Result<(), StoreError> {
        self.flush_all()?;
        self.db.insert("format", self.form.format).map_err(StoreError::database("cannot write the store's format"))?;
        self.flush_all()
    }

    pub(crate) fn tree(&self, name: &'static str) -> Result<sled::Tree, StoreError> {
        self.db.open_tree(name).map_err(StoreError::database("cannot open a tree of the store"))
    }

    /// Makes everything that was inserted durable.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(StoreError::database("cannot flush the store"))?;
        self.file.sync_data().map_err(StoreError::io("cannot sync", &self.path))?;
        if let Some(progress) = &self.progress {
            let bytes = self.file.metadata().map_err(StoreError::io("cannot read", &self.path))?.len();
            progress.note_size(self.form.place, bytes)?;
        }
        Ok(())
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

/// Removes keys one after another. In a batch, sled would keep every version of every page that it touches until the
/// last key is gone, hundreds of megabytes for a log that is trimmed, and let no commit in until then.
pub(crate) fn remove_each(tree: &sled::Tree, keys: Vec<sled::IVec>) -> Result<(), sled::Error> {
    keys.into_iter().try_for_each(|key| tree.remove(key).map(|_| ()))
}

fn is_locked(e: &sled::Error) -> bool {
    matches!(e, sled::Error::Io(e) if e.to_string().contains("lock"))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(StoreError::io("cannot sync", dir))
}
