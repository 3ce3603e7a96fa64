//! Key pages of a learner that is gone when its program is, as in a replay.

use crate::ScratchPages;
use std::sync::Arc;
use surmise_learner::{Page, Pages, PagesError};
use tempfile::TempDir;

/// Key pages in a folder of `TMPDIR` that is removed with them; nothing is made before the first page is written.
#[derive(Debug)]
pub struct TemporaryPages {
    // declared before the folder, so that the database is closed before its files are removed
    pages: ScratchPages,
    _folder: TempDir,
}

impl TemporaryPages {
    /// Pages in a folder of their own.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new() -> std::io::Result<TemporaryPages> {
        let folder = tempfile::tempdir()?;
        Ok(TemporaryPages { pages: ScratchPages::new(&folder.path().join("keys")), _folder: folder })
    }

    /// Such pages as a learner takes them.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn shared() -> std::io::Result<Arc<dyn Pages>> {
        Ok(Arc::new(TemporaryPages::new()?))
    }

    /// Bytes on disk.
    pub fn disk_bytes(&self) -> u64 {
        self.pages.disk_bytes()
    }
}

impl Pages for TemporaryPages {
    fn put(&self, first: u64, pages: &[Page<'_>]) -> Result<(), PagesError> {
        self.pages.put(first, pages)
    }

    fn get(&self, key: &str, before: u64) -> Result<Option<Vec<u8>>, PagesError> {
        self.pages.get(key, before)
    }

    fn oldest(&self, from: u64) -> Result<Option<(u64, Box<str>, Vec<u8>)>, PagesError> {
        self.pages.oldest(from)
    }
}
