//! The states of keys that a replay has no room for: in a folder that is gone when the replay is.

use std::sync::Arc;
use surmise_learner::{Page, Pages, PagesError};
use surmise_store::ScratchPages;
use tempfile::TempDir;

/// Pages in a temporary folder (of `TMPDIR`), in which nothing is made before there is something to write.
#[derive(Debug)]
pub(crate) struct TemporaryPages {
    // before the folder, so that the database is closed when that goes
    pages: ScratchPages,
    _folder: TempDir,
}

impl TemporaryPages {
    pub(crate) fn new() -> std::io::Result<TemporaryPages> {
        let folder = tempfile::tempdir()?;
        Ok(TemporaryPages { pages: ScratchPages::new(&folder.path().join("keys")), _folder: folder })
    }

    /// For a replay.
    pub(crate) fn make() -> std::io::Result<Arc<dyn Pages>> {
        Ok(Arc::new(TemporaryPages::new()?))
    }

    /// Bytes on disk.
    pub(crate) fn disk_bytes(&self) -> u64 {
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
