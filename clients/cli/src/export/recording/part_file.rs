//! A file that gets its name when it is whole.

use std::fs::File;
use std::io::Error;
use std::path::{Path, PathBuf};
use surmise_terminal::{Exit, Failure};

/// A file `NAME.part`, which becomes `NAME` at its end, and is removed if there is none.
pub(crate) struct PartFile {
    file: File,
    part: PathBuf,
    name: PathBuf,
    is_kept: bool,
}

impl PartFile {
    /// Begins a file. What has its name stays until the new one is whole.
    pub(crate) fn create(name: &Path) -> Result<PartFile, Failure> {
        if std::fs::metadata(name).is_ok_and(|found| !found.is_file()) {
            let reason = "it is no file that can be written anew; - is standard output";
            return Err(Failure::usage(format!("{}: {reason}", name.display())));
        }
        let mut part = name.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part).map_err(|e| unwritten(&part, &e))?;
        Ok(PartFile { file, part, name: name.to_owned(), is_kept: false })
    }

    /// Where its bytes go.
    pub(crate) fn output(&self) -> Result<File, Failure> {
        self.file.try_clone().map_err(|e| unwritten(&self.part, &e))
    }

    /// Gives it its name, once it is on the disk; returns its bytes.
    pub(crate) fn keep(mut self) -> Result<u64, Failure> {
        let bytes = self.file.sync_all().and_then(|()| self.file.metadata()).map_err(|e| unwritten(&self.part, &e))?;
        std::fs::rename(&self.part, &self.name).map_err(|e| unwritten(&self.name, &e))?;
        self.is_kept = true;
        Ok(bytes.len())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

fn unwritten(path: &Path, error: &Error) -> Failure {
    Failure::new(Exit::Storage, format!("{}: {error}", path.display()))
}
