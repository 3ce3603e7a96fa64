//! What was set aside: databases that a start could not open, moved out of the way for a person to look at. Once what
//! was whole in one has been taken out, which a file in its directory says, it is the first to go where the disk is
//! short of room.

use crate::database::sync_dir;
use crate::error::StoreError;
use crate::room;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The file that says of a directory that nothing in it is needed any more.
const DONE: &str = "salvaged";

/// The beginning of the names of directories that hold what was set aside.
pub(crate) const ASIDE: &str = "damaged-";

/// What was set aside in a data directory, and what the disk keeps for it.
#[derive(Debug)]
pub(crate) struct SetAside {
    dir: PathBuf,
    bytes: AtomicU64,
    /// Whoever sets something aside or deletes some of it.
    changing: Mutex<()>,
}

impl SetAside {
    /// What a data directory has of it.
    pub fn of(dir: &Path) -> SetAside {
        let aside = SetAside { dir: dir.into(), bytes: AtomicU64::new(0), changing: Mutex::default() };
        aside.count();
        aside
    }

    /// Moves a database out of the way, and returns where it is now.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn take(&self, name: &str) -> Result<PathBuf, StoreError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
        let time: String = surmise_event::format_time(us).chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        let aside = (0..).map(|n| self.dir.join(format!("{ASIDE}{time}-{n}"))).find(|path| !path.exists());
        let aside = aside.unwrap_or_else(|| self.dir.join(ASIDE));
        std::fs::create_dir_all(&aside).map_err(StoreError::io("cannot make", &aside))?;
        let (from, to) = (self.dir.join(name), aside.join(name));
        std::fs::rename(&from, &to).map_err(StoreError::io("cannot set aside", &from))?;
        sync_dir(&aside)?;
        sync_dir(&self.dir)?;
        self.count();
        Ok(to)
    }

    /// Notes that what is whole in a database that was set aside has been taken out, or is made anew.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn set_done(&self, aside: &Path) -> Result<(), StoreError> {
        let Some(dir) = aside.parent() else { return Ok(()) };
        let done = dir.join(DONE);
        std::fs::write(&done, "").map_err(StoreError::io("cannot write", &done))?;
        sync_dir(dir)
    }

    /// Bytes that the disk keeps for it, as of the latest count.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts what the disk keeps for it, as far as it may go.
    pub fn count(&self) {
        let bytes = self.directories().iter().filter(|path| is_done(path)).map(|path| allocated_under(path)).sum();
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// Deletes the oldest of what may go, until so many bytes are gone. Returns how many that were. What the file
    /// system does not let go stays.
    pub fn delete_oldest(&self, bytes: u64) -> u64 {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut gone = 0;
        for path in self.directories().into_iter().filter(|path| is_done(path)) {
            if gone >= bytes {
                break;
            }
            let held = allocated_under(&path);
            match std::fs::remove_dir_all(&path).and_then(|()| std::fs::File::open(&self.dir)?.sync_all()) {
                Ok(()) => gone += held,
                Err(e) => tracing::warn!("{} cannot be removed: {e}", path.display()),
            }
        }
        self.count();
        gone
    }

    /// The directories, oldest first.
    fn directories(&self) -> Vec<PathBuf> {
        let Ok(files) = std::fs::read_dir(&self.dir) else { return Vec::new() };
        let is_aside = |file: &std::fs::DirEntry| {
            file.file_type().is_ok_and(|of| of.is_dir()) && file.file_name().to_string_lossy().starts_with(ASIDE)
        };
        let named = files.flatten().filter(is_aside);
        let mut aside: Vec<(SystemTime, PathBuf)> = named
            .map(|file| (file.metadata().and_then(|meta| meta.modified()).unwrap_or(UNIX_EPOCH), file.path()))
            .collect();
        aside.sort();
        aside.into_iter().map(|(_, path)| path).collect()
    }
}

/// Whether nothing in a directory is needed any more.
fn is_done(dir: &Path) -> bool {
    dir.join(DONE).exists()
}

/// Bytes that the disk keeps for the files under a path.
fn allocated_under(path: &Path) -> u64 {
    let Ok(meta) = path.symlink_metadata() else { return 0 };
    if !meta.is_dir() {
        return room::allocated(&meta);
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| allocated_under(&entry.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[test]
    fn the_store_counts_what_may_go_and_can_get_rid_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let before = Store::open(dir.path(), 1).unwrap().disk_bytes();
        let aside = dir.path().join("damaged-1").join("log");
        std::fs::create_dir_all(&aside).unwrap();
        std::fs::write(aside.join("db"), vec![1; 40 << 20]).unwrap();
        // a file of that name is none of it
        std::fs::write(dir.path().join("damaged-2"), "of a person").unwrap();
        let held = allocated_under(&aside);
        {
            // a start that was killed before anything was taken out
            let store = Store::open(dir.path(), 1).unwrap();
            assert_eq!((store.aside.bytes(), store.delete_set_aside(u64::MAX)), (0, 0));
            store.aside.set_done(&aside).unwrap();
        }
        let store = Store::open(dir.path(), 1).unwrap();
        assert!(store.disk_bytes() >= held && store.disk_bytes() + (20 << 20) >= before + held);
        let with = store.disk_bytes();
        assert_eq!(store.delete_set_aside(1), held);
        assert!(!dir.path().join("damaged-1").exists() && store.disk_bytes() == with - held);
        assert!(dir.path().join("damaged-2").exists());
    }

    #[test]
    fn the_oldest_goes_first_and_no_more_than_has_to() {
        let dir = tempfile::tempdir().unwrap();
        let aside = SetAside::of(dir.path());
        assert_eq!(aside.bytes(), 0);
        let taken: Vec<PathBuf> = ["log", "checkpoints", "log"]
            .map(|name| {
                std::fs::create_dir(dir.path().join(name)).unwrap();
                std::fs::write(dir.path().join(name).join("db"), vec![1; 100_000]).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(20));
                let taken = aside.take(name).unwrap();
                aside.set_done(&taken).unwrap();
                taken
            })
            .to_vec();
        std::fs::write(dir.path().join("mine"), "of a person").unwrap();
        assert!(taken.iter().all(|path| path.join("db").exists()) && !dir.path().join("log").exists());
        aside.count();
        let all = aside.bytes();
        assert_eq!(all, SetAside::of(dir.path()).bytes());
        if all < 300_000 {
            println!("a file system that does not say what it keeps");
            return;
        }
        let gone = aside.delete_oldest(100_000);
        assert!(gone >= 100_000 && aside.bytes() == all - gone);
        assert_eq!(taken.iter().map(|path| path.exists()).collect::<Vec<_>>(), [false, true, true]);
        assert_eq!(aside.delete_oldest(u64::MAX), all - gone);
        assert_eq!((aside.bytes(), aside.delete_oldest(1)), (0, 0));
        assert!(dir.path().join("mine").exists());
    }
}
