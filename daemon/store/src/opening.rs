//! A careful opening of a database that may be damaged: it is looked through first, opened with panics caught, and set
//! aside if that fails, so that a start neither panics nor needs a person to delete a file.

use crate::database::{Database, Form};
use crate::error::StoreError;
use crate::finding::{Findings, Severity};
use crate::progress::Progress;
use crate::set_aside::SetAside;
use crate::sled_file::{self, FileFault};
use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that must fit on the disk before a database is said to be damaged: a full disk looks much the same.
const PROBE_BYTES: usize = 1 << 20;

/// Where databases are opened.
#[derive(Debug)]
pub(crate) struct CarefulOpening {
    pub dir: PathBuf,
    pub findings: Arc<Findings>,
    pub progress: Arc<Progress>,
    pub aside: Arc<SetAside>,
}

impl CarefulOpening {
    /// Opens a database. If it is damaged, it is set aside and a new one is made; the second value is where the old one
    /// is then.
    ///
    /// # Errors
    /// The file system refuses, or the database is of a format that this version does not know.
    pub fn open(&self, form: &'static Form) -> Result<(Database, Option<PathBuf>), StoreError> {
        let path = self.dir.join(form.name);
        let mut why = match self.look(form, &path)? {
            Some(fault) => fault,
            None => match self.attempt(form)? {
                Ok(database) => return Ok((database, None)),
                Err(why) => why,
            },
        };
        // an unreadable snapshot is no damage: it only spares sled a look at the whole file
        if self.remove_snapshots(form, &path, "")? && self.look(form, &path)?.is_none() {
            why = match self.attempt(form)? {
                Ok(database) => {
                    let what =
                        format!("sled's snapshot could not be used ({why}) and was removed; nothing is lost by that");
                    self.findings.add(Severity::Mended, form.name, None, what);
                    return Ok((database, None));
                }
                Err(why) => why,
            };
        }
        self.probe()?;
        let aside = self.aside.take(form.name)?;
        let what = format!("it is damaged ({why}); it was set aside as {} and is made anew", aside.display());
        self.findings.add(Severity::Mended, form.name, None, what);
        self.progress.forget_size(form.place);
        let database = Database::open(&self.dir.join(form.name), form, Some(self.progress.clone()))?;
        Ok((database, Some(aside)))
    }

    /// Looks through the files, and removes what sled left unfinished. Returns what is wrong.
    fn look(&self, form: &'static Form, path: &Path) -> Result<Option<String>, StoreError> {
        if !path.exists() {
            return Ok(None);
        }
        if !path.is_dir() {
            return Ok(Some("it is no directory".into()));
        }
        if self.remove_snapshots(form, path, ".generating")? {
            let what = "sled's snapshot was left unfinished when a start was killed; it was removed".to_owned();
            self.findings.add(Severity::Note, form.name, None, what);
        }
        let bytes = std::fs::metadata(path.join("db")).map_or(0, |file| file.len());
        let known = self.progress.size(form.place);
        if bytes < known {
            // a snapshot would make sled look for what is behind the end
            self.remove_snapshots(form, path, "")?;
            return Ok(Some(format!("its file has {bytes} bytes and had {known}")));
        }
        let faults = sled_file::faults(path, |id| self.progress.of(id.number, id.epoch))?;
        let more = faults.len().saturating_sub(1);
        Ok(faults.first().map(|FileFault { at, what }| format!("{what} at byte {at}, {more} faults more")))
    }

    /// Opens a database. The inner error is damage.
    fn attempt(&self, form: &'static Form) -> Result<Result<Database, String>, StoreError> {
        let open = || Database::open(&self.dir.join(form.name), form, Some(self.progress.clone()));
        match catch_unwind(AssertUnwindSafe(open)) {
            Ok(Ok(database)) => Ok(Ok(database)),
            Ok(Err(e)) if is_damage(&e) => Ok(Err(e.to_string())),
            Ok(Err(e)) => Err(e),
            Err(_) => Ok(Err("sled panicked when it opened it".into())),
        }
    }

    /// Removes files of sled's snapshots with an ending. Returns whether there were any.
    fn remove_snapshots(&self, form: &'static Form, path: &Path, ending: &str) -> Result<bool, StoreError> {
        let Ok(files) = std::fs::read_dir(path) else { return Ok(false) };
        let mut any = false;
        for file in files.flatten() {
            let name = file.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("snap.") && name.ends_with(ending) {
                let removed = std::fs::remove_file(file.path());
                removed.map_err(StoreError::io("cannot remove", &file.path()))?;
                tracing::debug!(place = form.name, file = &*name, "removed");
                any = true;
            }
        }
        Ok(any)
    }

    /// Makes sure that there is room on the disk.
    fn probe(&self) -> Result<(), StoreError> {
        let path = self.dir.join("probe");
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(&vec![0; PROBE_BYTES])?;
            file.sync_all()
        });
        let _ = std::fs::remove_file(&path);
        written.map_err(StoreError::io("cannot write to the data directory (is the disk full?)", &path))
    }
}

/// Whether an error speaks of what is stored, and not of the machine or the format.
fn is_damage(e: &StoreError) -> bool {
    match e {
        StoreError::Database { source: sled::Error::Io(e), .. } => {
            use std::io::ErrorKind::{InvalidData, NotFound, Other, UnexpectedEof};
            matches!(e.kind(), InvalidData | NotFound | Other | UnexpectedEof) && e.raw_os_error().is_none()
        }
        StoreError::Database { .. } | StoreError::Damaged(_) => true,
        _ => false,
    }
}
