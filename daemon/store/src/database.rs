//! One sled database: opened even while its last user still lets go of it, and synced to the disk, which sled does not
//! do by itself on Linux.

use crate::error::StoreError;
use crate::progress::Progress;
use crate::room;
use crate::waking::Waking;
use std::fs::File;
use std::ops::RangeBounds;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
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
    /// The format before, which lacked only what is new: it becomes this one when it is opened.
    pub lacking: Option<&'static str>,
    /// The format before that, if it can be converted.
    pub older: Option<&'static str>,
}

/// A database as sled has it open. Another one takes its place when it is rewritten.
pub(crate) struct OpenDatabase {
    /// Goes first, as it has the database open, too.
    _waking: Waking,
    pub(crate) db: sled::Db,
    pub(crate) file: File,
    /// The trees that are used, each at its place.
    pub(crate) trees: Vec<(&'static str, sled::Tree)>,
    /// Why a sync failed, if one did. The system tells of a failed write once: whoever syncs next, another thread
    /// perhaps whose values were part of it, would hear that all is well.
    failed_sync: Mutex<Option<std::io::Error>>,
}

impl OpenDatabase {
    /// Opens the files in a directory, with patience.
    pub(crate) fn of(path: &Path, cache_bytes: u64, names: &[&'static str]) -> Result<OpenDatabase, StoreError> {
        let config = sled::Config::new()
            .path(path)
            .segment_size(SEGMENT_BYTES)
            .cache_capacity(cache_bytes)
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
        let file_path = path.join("db");
        let file = File::open(&file_path).map_err(StoreError::io("cannot open", &file_path))?;
        let waking = Waking::begin(config, db.clone())?;
        let mut open = OpenDatabase { _waking: waking, db, file, trees: Vec::new(), failed_sync: Mutex::new(None) };
        names.iter().try_for_each(|name| open.place_of(name).map(drop))?;
        Ok(open)
    }

    /// The place of a tree, which is opened if it is not open yet.
    fn place_of(&mut self, name: &'static str) -> Result<usize, StoreError> {
        if let Some(place) = self.trees.iter().position(|(other, _)| *other == name) {
            return Ok(place);
        }
        let tree = self.db.open_tree(name).map_err(StoreError::database("cannot open a tree of the store"))?;
        self.trees.push((name, tree));
        Ok(self.trees.len() - 1)
    }

    /// Makes everything that was inserted durable.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(StoreError::database("cannot flush the store"))?;
        // one after another, so that none succeeds beside one that fails
        let mut failed = self.failed_sync.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_none() {
            *failed = self.file.sync_data().err();
        }
        match &*failed {
            None => Ok(()),
            // no full disk that can be waited for: what a failed sync has dropped is not written by the next one
            Some(e) => {
                let again = std::io::Error::new(e.kind(), e.to_string());
                Err(StoreError::database("cannot sync a database of the store")(again.into()))
            }
        }
    }
}

/// A database that threads share.
pub(crate) type SharedDatabase = Arc<RwLock<OpenDatabase>>;

/// One database of the store.
pub(crate) struct Database {
    pub(crate) open: SharedDatabase,
    pub(crate) path: PathBuf,
    pub(crate) form: &'static Form,
    /// Whether what it holds is of a format before, and has to be converted.
    pub(crate) is_older: bool,
    /// Where the length of the file is noted.
    pub(crate) progress: Option<Arc<Progress>>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({})", self.path.display())
    }
}

impl Database {
    /// Opens a database, and makes sure that its format is the one that this version writes, or one before it.
    pub(crate) fn open(
        path: &Path,
        form: &'static Form,
        progress: Option<Arc<Progress>>,
    ) -> Result<Database, StoreError> {
        let open = OpenDatabase::of(path, form.cache_bytes, &[])?;
        let db = &open.db;
        let mut is_older = false;
        match db.get("format").map_err(StoreError::database("cannot read the store's format"))? {
            Some(found) if found == form.format.as_bytes() => {}
            Some(found) if form.older.is_some_and(|older| found == older.as_bytes()) => is_older = true,
            Some(found) if form.lacking.is_none_or(|lacking| found != lacking.as_bytes()) => {
                let found = String::from_utf8_lossy(&found).into_owned();
                return Err(StoreError::Format { path: path.into(), found, known: form.format });
            }
            Some(_) | None => {
                db.insert("format", form.format).map_err(StoreError::database("cannot write the store's format"))?;
            }
        }
        let open = Arc::new(RwLock::new(open));
        let database = Database { open, path: path.into(), form, is_older, progress };
        database.flush()?;
        sync_dir(path)?;
        Ok(database)
    }

    /// The database as it is open now.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, OpenDatabase> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database alone: everything else waits.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, OpenDatabase> {
        self.open.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that what was of a format before is converted.
    pub(crate) fn set_converted(&self) -> Result<(), StoreError> {
        self.flush_all()?;
        let set = self.read().db.insert("format", self.form.format);
        set.map_err(StoreError::database("cannot write the store's format"))?;
        self.flush_all()
    }

    pub(crate) fn tree(&self, name: &'static str) -> Result<Tree, StoreError> {
        Ok(Tree { open: self.open.clone(), place: self.write().place_of(name)? })
    }

    /// Makes everything that was inserted durable.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        let open = self.read();
        open.flush()?;
        if let Some(progress) = &self.progress {
            let bytes = open.file.metadata().map_err(StoreError::io("cannot read", &self.path))?.len();
            progress.note_size(self.form.place, bytes)?;
        }
        Ok(())
    }

    /// Has sled hand over to the system what it holds, which makes nothing durable.
    pub(crate) fn write_out(&self) -> Result<(), StoreError> {
        self.read().db.flush().map(drop).map_err(StoreError::database("cannot flush the store"))
    }

    /// Makes sure that the file can grow by what so many bytes need, before anything of them is written: sled does not
    /// go on after a write that failed.
    ///
    /// # Errors
    /// The disk has no room for them.
    pub(crate) fn reserve(&self, bytes: u64) -> Result<(), StoreError> {
        room::reserve(&self.read().file, bytes)
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
        self.read().db.size_on_disk().unwrap_or(0)
    }

    /// Bytes that the disk keeps for the file, with what was reserved for its growth.
    pub(crate) fn allocated_bytes(&self) -> u64 {
        self.read().file.metadata().map_or(0, |file| room::allocated(&file))
    }
}

/// Removes keys one after another. In a batch, sled would keep every version of every page that it touches until the
/// last key is gone, hundreds of megabytes for a log that is trimmed, and let no commit in until then.
pub(crate) fn remove_each(tree: &Tree, keys: Vec<sled::IVec>) -> Result<(), sled::Error> {
    keys.into_iter().try_for_each(|key| tree.remove(key).map(|_| ()))
}

/// A tree of a database that may be rewritten while it is used: every call goes to the database that is open then.
#[derive(Clone)]
pub(crate) struct Tree {
    pub(crate) open: SharedDatabase,
    pub(crate) place: usize,
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tree({})", self.place)
    }
}

impl Tree {
    /// Works on the tree. While the database is rewritten, this waits.
    fn with<T>(&self, work: impl FnOnce(&sled::Tree) -> T) -> T {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        work(&open.trees[self.place].1)
    }

    pub fn get(&self, key: impl AsRef<[u8]>) -> sled::Result<Option<sled::IVec>> {
        self.with(|tree| tree.get(key))
    }

    pub fn insert(&self, key: impl AsRef<[u8]>, value: impl Into<sled::IVec>) -> sled::Result<Option<sled::IVec>> {
        self.with(|tree| tree.insert(key, value))
    }

    pub fn remove(&self, key: impl AsRef<[u8]>) -> sled::Result<Option<sled::IVec>> {
        self.with(|tree| tree.remove(key))
    }

    pub fn apply_batch(&self, batch: sled::Batch) -> sled::Result<()> {
        self.with(|tree| tree.apply_batch(batch))
    }

    /// Goes over all pairs. What is rewritten meanwhile is read as it was before.
    pub fn iter(&self) -> sled::Iter {
        self.with(sled::Tree::iter)
    }

    pub fn range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> sled::Iter {
        self.with(|tree| tree.range(range))
    }

    pub fn scan_prefix(&self, prefix: impl AsRef<[u8]>) -> sled::Iter {
        self.with(|tree| tree.scan_prefix(prefix))
    }

    pub fn last(&self) -> sled::Result<Option<(sled::IVec, sled::IVec)>> {
        self.with(sled::Tree::last)
    }
}

fn is_locked(e: &sled::Error) -> bool {
    matches!(e, sled::Error::Io(e) if e.to_string().contains("lock"))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(StoreError::io("cannot sync", dir))
}
