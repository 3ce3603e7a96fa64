//! Rewriting a database whose file is much larger than what it holds. sled uses again what is free within a file, and
//! hardly ever gives it back to the file system.
//!
//! All pairs are copied into a database beside it, which is synced, closed, opened again and compared, while everything
//! else waits. Then the two change places. After every step a start finds a whole database (of the log, say):
//!
//! 1. `log.new` is made and compared. A start removes it.
//! 2. The length of its file is noted, so that a start does not take it for one that lost its end.
//! 3. `log` becomes `log.old`. A start that finds no `log` renames it back.
//! 4. `log.new` becomes `log`, and is opened. If it cannot be, both are renamed back.
//! 5. `log.old` is removed. A start that finds it beside `log` removes it.

use crate::database::{Database, OpenDatabase, sync_dir};
use crate::error::StoreError;
use crate::finding::{Findings, Severity};
use crate::room;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The databases of a data directory.
pub(crate) const DATABASES: [&str; 3] = ["log", "checkpoints", "keys"];
/// The endings of names of databases that are being made, and that were replaced.
pub(crate) const ENDINGS: [&str; 2] = [".new", ".old"];
/// Bytes of pairs that are written at once.
const BATCH_BYTES: usize = 1 << 20;
/// Bytes that must be free on the disk beside twice those that are copied.
const SPARE_BYTES: u64 = 16 << 20;

/// How much larger than what it holds a file may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looseness {
    /// Parts of a hundred of what it holds.
    pub percent: u64,
    /// Bytes that it is larger.
    pub bytes: u64,
}

impl Looseness {
    /// What a start leaves as it is: a file of three times what it holds, or 64 MiB more. A fresh copy takes nearly
    /// twice what it holds.
    pub const AT_START: Looseness = Looseness { percent: 300, bytes: 64 << 20 };
    /// What is left as it is while the disk budget is short.
    pub const NEAR_THE_BOUND: Looseness = Looseness { percent: 250, bytes: 8 << 20 };

    /// Bytes of pairs from which on a file of `file_bytes` is not too large.
    fn least_held(self, file_bytes: u64) -> u64 {
        ((u128::from(file_bytes) * 100 / u128::from(self.percent)) as u64).min(file_bytes.saturating_sub(self.bytes))
    }
}

/// What a rewriting gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rewritten {
    /// Bytes of the file before.
    pub before: u64,
    /// Bytes of the file after.
    pub after: u64,
}

/// Where a rewriting is, for tests that end it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Copied,
    Noted,
    OldAside,
    Swapped,
    OldRemoved,
}

/// What is called after each step; an error ends the rewriting there, as a kill would.
pub(crate) type AfterStep<'a> = &'a mut dyn FnMut(Step) -> Result<(), StoreError>;

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn remove_dir(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io("cannot remove", path)(e)),
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(from, to).map_err(StoreError::io("cannot rename", from))
}

/// Whether a name is one of a database that a rewriting left.
pub(crate) fn is_left_over(name: &str) -> bool {
    DATABASES.iter().any(|database| ENDINGS.iter().any(|ending| name.strip_suffix(ending) == Some(database)))
}

/// Whether a rewriting of a database was killed.
pub(crate) fn is_interrupted(dir: &Path, name: &str) -> bool {
    ENDINGS.iter().any(|ending| beside(&dir.join(name), ending).exists())
}

/// Where the whole database of a name is, whatever a rewriting left.
pub(crate) fn whole(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    let old = beside(&path, ENDINGS[1]);
    if path.exists() || !old.exists() { path } else { old }
}

/// Finishes what a rewriting left that was killed.
pub(crate) fn finish(dir: &Path, name: &'static str, findings: &Findings) -> Result<(), StoreError> {
    if !is_interrupted(dir, name) {
        return Ok(());
    }
    let path = dir.join(name);
    let [new, old] = ENDINGS.map(|ending| beside(&path, ending));
    if !path.exists() && old.exists() {
        rename(&old, &path)?;
        sync_dir(dir)?;
    }
    remove_dir(&new)?;
    remove_dir(&old)?;
    sync_dir(dir)?;
    let what = "a rewriting of it was interrupted; what was left was removed, and nothing is lost by that";
    findings.add(Severity::Note, name, None, what.into());
    Ok(())
}

impl Database {
    /// Rewrites the database if its file is larger than that, and tells of it.
    pub(crate) fn rewrite_and_tell(&self, than: Looseness, findings: &Findings) {
        let name = self.form.name;
        match self.rewrite_if_loose(than, &mut |_| Ok(())) {
            Ok(None) => {}
            Ok(Some(Rewritten { before, after })) => {
                let what = format!("its file of {before} bytes held much less and was rewritten; it has {after} now");
                findings.add(Severity::Note, name, None, what);
            }
            Err(e) => tracing::warn!(place = name, "its file holds much less than it takes, and is not rewritten: {e}"),
        }
    }

    /// Rewrites the database if its file is larger than that. Nothing else uses it meanwhile.
    ///
    /// # Errors
    /// The disk has no room for a copy, or the file system or the database refuses; then it is as it was.
    pub(crate) fn rewrite_if_loose(
        &self,
        than: Looseness,
        after: AfterStep<'_>,
    ) -> Result<Option<Rewritten>, StoreError> {
        let file_bytes = |open: &OpenDatabase| open.file.metadata().map_or(0, |file| file.len());
        let least = than.least_held(file_bytes(&self.read()));
        if least == 0 || held_bytes(&self.read(), least)? >= least {
            return Ok(None);
        }
        let mut open = self.write();
        let before = file_bytes(&open);
        let held = held_bytes(&open, u64::MAX)?;
        let dir = self.path.parent().unwrap_or(Path::new("."));
        if room::free_bytes(dir).is_some_and(|free| free < 2 * held + SPARE_BYTES) {
            return Err(room::no_room("a database cannot be rewritten, as a copy does not fit beside it"));
        }
        let [new, old] = ENDINGS.map(|ending| beside(&self.path, ending));
        remove_dir(&new)?;
        let length = copy(&open, &new, self.form.cache_bytes).inspect_err(|_| drop(remove_dir(&new)))?;
        after(Step::Copied)?;
        if let Some(progress) = &self.progress {
            progress.set_size(self.form.place, length.min(progress.size(self.form.place)))?;
        }
        after(Step::Noted)?;
        rename(&self.path, &old)?;
        after(Step::OldAside)?;
        let names: Vec<&'static str> = open.trees.iter().map(|(name, _)| *name).collect();
        let swapped = rename(&new, &self.path).and_then(|()| {
            sync_dir(dir)?;
            OpenDatabase::of(&self.path, self.form.cache_bytes, &names)
        });
        let opened = match swapped {
            Ok(opened) => opened,
            Err(e) => {
                // what is open goes on, under its own name again
                let _ = rename(&self.path, &new);
                rename(&old, &self.path)?;
                sync_dir(dir)?;
                return Err(e);
            }
        };
        after(Step::Swapped)?;
        let after_bytes = file_bytes(&opened);
        let replaced = std::mem::replace(&mut *open, opened);
        drop(open);
        drop(replaced);
        remove_dir(&old)?;
        sync_dir(dir)?;
        after(Step::OldRemoved)?;
        Ok(Some(Rewritten { before, after: after_bytes }))
    }
}

fn trees(db: &sled::Db) -> Result<Vec<(sled::IVec, sled::Tree)>, StoreError> {
    let failed = |e| StoreError::database("cannot read a database that is to be rewritten")(e);
    let names = db.tree_names().into_iter();
    names.map(|name| db.open_tree(&name).map(|tree| (name, tree)).map_err(failed)).collect()
}

/// Bytes of all keys and values, or a number above `enough`.
fn held_bytes(open: &OpenDatabase, enough: u64) -> Result<u64, StoreError> {
    let mut held = 0;
    for (_, tree) in trees(&open.db)? {
        for pair in &tree {
            let (key, value) = pair.map_err(StoreError::database("cannot read a database"))?;
            held += (key.len() + value.len()) as u64;
            if held > enough {
                return Ok(held);
            }
        }
    }
    Ok(held)
}

/// Copies all trees into a new database, which is closed, opened again and compared. Returns the length of its file.
fn copy(from: &OpenDatabase, path: &Path, cache_bytes: u64) -> Result<u64, StoreError> {
    let failed = |e| StoreError::database("cannot copy a database")(e);
    let to = OpenDatabase::of(path, cache_bytes, &[])?;
    for (name, tree) in trees(&from.db)? {
        let copied = to.db.open_tree(&name).map_err(failed)?;
        let (mut batch, mut bytes) = (sled::Batch::default(), 0);
        for pair in &tree {
            let (key, value) = pair.map_err(failed)?;
            bytes += key.len() + value.len();
            batch.insert(key, value);
            if bytes >= BATCH_BYTES {
                copied.apply_batch(std::mem::take(&mut batch)).map_err(failed)?;
                bytes = 0;
            }
        }
        copied.apply_batch(batch).map_err(failed)?;
    }
    to.flush()?;
    drop(to);
    let to = OpenDatabase::of(path, cache_bytes, &[])?;
    compare(from, &to)?;
    to.flush()?;
    drop(to);
    let file = path.join("db");
    let length = File::open(&file).and_then(|file| {
        file.sync_all()?;
        Ok(file.metadata()?.len())
    });
    sync_dir(path)?;
    length.map_err(StoreError::io("cannot sync", &file))
}

/// Makes sure that two databases hold the same.
fn compare(one: &OpenDatabase, other: &OpenDatabase) -> Result<(), StoreError> {
    let failed = |e| StoreError::database("cannot compare a database with its copy")(e);
    let differs = || crate::bytes::Damaged("the copy of a database (it is not the same)").into();
    for (name, tree) in trees(&one.db)? {
        let copied = other.db.open_tree(&name).map_err(failed)?;
        let mut pairs = copied.iter();
        for pair in &tree {
            match pairs.next() {
                Some(found) if found.clone().map_err(failed)? == pair.map_err(failed)? => {}
                _ => return Err(differs()),
            }
        }
        if pairs.next().is_some() {
            return Err(differs());
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "rewriting_tests.rs"]
mod tests;
