//! Key pages: states of keys that memory has no room for, of all streams, in a database that is made when the first
//! page is written.
//!
//! | tree | key (integers big-endian) | value |
//! |---|---|---|
//! | `pages` | stream (u32), number (u64) | a record: flags, the name of the key, its state |
//! | `pages` | the same, then piece (u16) | a record with the continuation of a page that is longer than one piece |
//! | `index` | stream (u32), name of the key | the numbers of the key's pages, newest first, each with whether the state is gone |
//! | `floors` | stream (u32) | how far the stream was swept, see below, and how many pages it has numbered |
//!
//! **The invariant.** A learner that has numbered N pages sees, of each key, the newest page with a number below N.
//! Pages with higher numbers make no difference to it. For the learner in memory and for every checkpoint that is kept,
//! the pages that it sees are in the database. This holds because
//!
//! * numbers rise, only the stream's owner writes, and no page is ever changed. A key that returns to memory leaves its
//!   page where it is; a key that leaves memory again, ends, or is forgotten gets a new page;
//! * a page is deleted only when a newer page of the same key is below the *floor*: the least N of all checkpoints that
//!   are kept. Before anything is deleted, the floor is written down, and a checkpoint below the written floor is never
//!   resumed from;
//! * a checkpoint is written only after its pages are durable;
//! * before a stream resumes from a checkpoint that numbered N pages, every page with a number ≥ N is deleted, because
//!   the log may continue differently than it did before a crash. Checkpoints that numbered more pages are deleted
//!   before that;
//! * a checkpoint that numbered more pages than the database knows of is not resumed from: the end of the database is
//!   gone;
//! * the database keeps the order of writes, so a crash leaves what was there at one moment. Pages are written before
//!   their index entry and deleted after it, so an index entry never names a page that is missing.

use crate::checkpoints::CheckpointMeta;
use crate::database::{Database, sync_dir};
use crate::error::StoreError;
use crate::finding::{Findings, Severity};
use crate::identity::StreamId;
use crate::opening::CarefulOpening;
use crate::page_trees::{FORM, PageTrees};
use crate::registry::Registry;
use crate::rewriting::Looseness;
use crate::room;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use surmise_learner::{Page, Pages, PagesError};

/// The key pages of all streams.
#[derive(Debug)]
pub struct KeyPages {
    path: PathBuf,
    trees: OnceLock<PageTrees>,
    opening: Mutex<()>,
    /// Pages read since the start.
    pub reads: AtomicU64,
    /// Pages written since the start.
    pub writes: AtomicU64,
    registry: Arc<Registry>,
    findings: Arc<Findings>,
    /// A database that nothing is resumed from is opened without care.
    care: Option<CarefulOpening>,
}

impl KeyPages {
    /// The key pages in the directory `path`, which is made when there is something to write.
    pub(crate) fn new(
        path: &Path,
        registry: Arc<Registry>,
        findings: Arc<Findings>,
        care: Option<CarefulOpening>,
    ) -> KeyPages {
        let (reads, writes) = (AtomicU64::new(0), AtomicU64::new(0));
        let (path, trees, opening) = (path.into(), OnceLock::new(), Mutex::new(()));
        KeyPages { path, trees, opening, reads, writes, registry, findings, care }
    }

    /// The database, if it exists.
    pub(crate) fn existing(&self) -> Result<Option<&PageTrees>, StoreError> {
        if self.trees.get().is_none() && !self.path.is_dir() {
            return Ok(None);
        }
        self.open().map(Some)
    }

    /// The database, which is made if it does not exist.
    pub(crate) fn open(&self) -> Result<&PageTrees, StoreError> {
        if let Some(trees) = self.trees.get() {
            return Ok(trees);
        }
        // one thread opens it; those that come meanwhile find it open
        let _guard = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if self.trees.get().is_none() {
            let _ = self.trees.set(PageTrees::new(self.database()?, self.registry.clone())?);
            if let Some(dir) = self.path.parent() {
                sync_dir(dir)?;
            }
        }
        Ok(self.trees.get().expect("invariant: it was just set"))
    }

    /// Opens the database. A damaged one is set aside, and so is one of the format before: the log makes it anew.
    fn database(&self) -> Result<Database, StoreError> {
        let Some(opening) = &self.care else {
            return Database::open(&self.path, &FORM, None);
        };
        let (database, aside) = opening.open(&FORM)?;
        // the log makes states of keys anew
        aside.map_or(Ok(()), |aside| opening.aside.set_done(&aside))?;
        if !database.is_older {
            database.rewrite_and_tell(Looseness::AT_START, &self.findings);
            return Ok(database);
        }
        drop(database);
        let aside = opening.aside.take(FORM.name)?;
        opening.aside.set_done(&aside)?;
        let what = format!(
            "states of keys of the format before were set aside as {}; the log makes them anew",
            aside.display()
        );
        self.findings.add(Severity::Note, FORM.name, None, what);
        opening.progress.forget_size(FORM.place);
        Database::open(&self.path, &FORM, Some(opening.progress.clone()))
    }

    /// Makes every page that was written durable.
    ///
    /// # Errors
    /// The database or the file system refuses.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.trees.get().map_or(Ok(()), PageTrees::flush)
    }

    /// Whether a stream can resume from a checkpoint: all pages that the checkpoint sees are here.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn can_resume_from(&self, meta: &CheckpointMeta) -> Result<bool, StoreError> {
        match self.existing()? {
            Some(trees) => Ok(meta.pages == 0 || trees.can_resume_from(meta)?),
            None => Ok(meta.pages == 0),
        }
    }

    /// Deletes all pages of a stream whose learner has forgotten the keys in them. No checkpoint that was written so
    /// far counts on them any more.
    ///
    /// # Errors
    /// The database refuses.
    pub fn forget(&self, stream: u32) -> Result<(), StoreError> {
        self.open()?.forget(stream)
    }

    /// Deletes a stream's pages with numbers ≥ `pages`; all of its pages if that is 0.
    ///
    /// # Errors
    /// The database refuses.
    pub fn truncate(&self, stream: u32, pages: u64) -> Result<(), StoreError> {
        self.existing()?.map_or(Ok(()), |trees| trees.truncate(stream, pages))
    }

    /// Copies the pages with numbers < `pages` of a stream to another, under the same numbers. Returns whether all were
    /// there to the end.
    pub(crate) fn copy(&self, from: StreamId, to: StreamId, pages: u64) -> Result<bool, StoreError> {
        if pages == 0 {
            return Ok(true);
        }
        self.open()?.copy(from, to, pages)
    }

    /// Bytes that the disk keeps for the database.
    pub(crate) fn allocated_bytes(&self) -> u64 {
        match self.trees.get() {
            Some(trees) => trees.database.allocated_bytes(),
            None => std::fs::metadata(self.path.join("db")).map_or(0, |file| room::allocated(&file)),
        }
    }

    /// Rewrites the database, if it is open, if its file is larger than that.
    pub(crate) fn rewrite_loose(&self, than: Looseness) {
        if let Some(trees) = self.trees.get() {
            trees.database.rewrite_and_tell(than, &self.findings);
        }
    }

    /// Deletes the pages of a stream that nothing sees which is at or above a number of pages.
    ///
    /// # Errors
    /// The database refuses.
    pub fn sweep(&self, stream: u32, floor: u64) -> Result<(), StoreError> {
        self.trees.get().map_or(Ok(()), |trees| trees.sweep(stream, floor, usize::MAX))
    }

    /// Bytes on disk, including those that are not reused yet.
    pub fn disk_bytes(&self) -> u64 {
        self.trees.get().map_or(0, PageTrees::disk_bytes)
    }

    /// The number of pages of a stream in the database, including those that no learner sees any more.
    ///
    /// # Errors
    ///
    /// The database cannot be opened.
    pub fn count(&self, stream: u32) -> Result<usize, StoreError> {
        Ok(self.existing()?.map_or(0, |trees| trees.count(stream)))
    }
}

/// The identity under which such pages are kept.
const SCRATCH: StreamId = StreamId { number: 0, epoch: 0, name_hash: 0 };

/// The key pages of a learner that is never restored, as in a replay. Superseded pages are deleted at once.
#[derive(Debug)]
pub struct ScratchPages(KeyPages);

impl ScratchPages {
    /// Key pages in the directory `path`, which nothing else uses; it is made when there is something to write.
    pub fn new(path: &Path) -> ScratchPages {
        ScratchPages(KeyPages::new(path, Arc::default(), Arc::default(), None))
    }

    /// Bytes on disk, including those that are not reused yet.
    pub fn disk_bytes(&self) -> u64 {
        self.0.disk_bytes()
    }

    fn with_trees<T>(&self, work: impl FnOnce(&PageTrees) -> Result<T, StoreError>) -> Result<T, PagesError> {
        self.0.open().and_then(work).map_err(PagesError::place)
    }
}

impl Pages for ScratchPages {
    fn put(&self, first: u64, pages: &[Page<'_>]) -> Result<(), PagesError> {
        // no checkpoint will ask for an earlier page, so the floor is the newest number
        self.with_trees(|trees| trees.put_all(SCRATCH, first, pages, first))
    }

    fn get(&self, key: &str, before: u64) -> Result<Option<Vec<u8>>, PagesError> {
        self.with_trees(|trees| trees.get(SCRATCH, key, before))
    }

    fn oldest(&self, from: u64) -> Result<Option<(u64, Box<str>, Vec<u8>)>, PagesError> {
        self.with_trees(|trees| trees.oldest(SCRATCH, from))
    }
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;
