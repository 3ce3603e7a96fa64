//! The databases of one data directory, opened together.

use crate::checkpoints::Checkpoints;
use crate::database;
use crate::error::StoreError;
use crate::lock::DirLock;
use crate::log::Log;
use crate::pages::KeyPages;
use std::path::Path;

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
    /// Opens the store in a directory, which is made if it does not exist. Of each stream, `generations` checkpoints
    /// are kept.
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
