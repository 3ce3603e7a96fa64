//! The file `format`, which says of which version a data directory is: a newer one is refused before anything of it is
//! touched.

use crate::database::sync_dir;
use crate::error::StoreError;
use std::path::Path;

/// The name of the file in the data directory.
pub(crate) const FILE_NAME: &str = "format";
/// What it says of a directory that this version writes.
const KNOWN: &str = "surmise data 4";

/// Makes sure that this version may use a data directory. One without the file is older, or new.
///
/// # Errors
/// It is of a newer version.
pub(crate) fn check(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(FILE_NAME);
    let Ok(found) = std::fs::read(&path) else { return Ok(()) };
    let found = String::from_utf8_lossy(&found).trim().to_owned();
    let number = found.strip_prefix("surmise data ").and_then(|number| number.parse::<u32>().ok());
    match number {
        Some(number) if number > 4 => Err(StoreError::Format { path, found, known: KNOWN }),
        // what is damaged here says nothing; the databases have formats of their own
        Some(_) | None => Ok(()),
    }
}

/// Writes the file.
///
/// # Errors
/// The file system refuses.
pub(crate) fn write(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(FILE_NAME);
    if std::fs::read(&path).is_ok_and(|found| found == KNOWN.as_bytes()) {
        return Ok(());
    }
    let beside = dir.join("format.new");
    let io = StoreError::io("cannot write", &beside);
    std::fs::write(&beside, KNOWN).and_then(|()| std::fs::rename(&beside, &path)).map_err(io)?;
    sync_dir(dir)
}
