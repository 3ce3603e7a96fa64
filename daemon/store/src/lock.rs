//! The lock of the data directory: one daemon at a time.

use crate::error::StoreError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long to wait for a daemon that is shutting down to give the lock back.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(2);
/// The time between two attempts.
const LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(25);

/// The lock of a data directory, held until it is dropped (or the process ends, however it ends).
pub struct DirLock {
    _file: File,
}

impl DirLock {
    /// Takes the lock of a directory, which is made if it does not exist. Only its user can enter it from then on: the
    /// log holds what was sent.
    ///
    /// # Errors
    /// Another process has it.
    pub fn take(dir: &Path) -> Result<DirLock, StoreError> {
        make_private(dir).map_err(StoreError::io("cannot make the data directory", dir))?;
        let path = dir.join("surmised.lock");
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(StoreError::io("cannot open", &path))?;
        let until = Instant::now() + LOCK_WAIT_MAX;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(e)) => return Err(StoreError::io("cannot lock", &path)(e)),
                Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(LOCK_RETRY_INTERVAL),
                Err(TryLockError::WouldBlock) => {
                    let mut pid = String::new();
                    let read = file.read_to_string(&mut pid).is_ok() && !pid.trim().is_empty();
                    return Err(StoreError::Locked { dir: dir.into(), pid: read.then(|| pid.trim().to_owned()) });
                }
            }
        }
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(StoreError::io("cannot write", &path))?;
        Ok(DirLock { _file: file })
    }
}

/// Who uses a data directory now, in words; none if nobody does, or that cannot be told. Nothing is changed.
pub(crate) fn user_of(dir: &Path) -> Option<String> {
    let mut file = File::open(dir.join("surmised.lock")).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        Ok(()) | Err(TryLockError::Error(_)) => return None,
    }
    let mut pid = String::new();
    let is_told = file.read_to_string(&mut pid).is_ok() && !pid.trim().is_empty();
    Some(if is_told { format!("surmised (process {})", pid.trim()) } else { "surmised".to_owned() })
}

/// Makes a directory that only its user can enter, or closes one that is there to all others.
fn make_private(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mode = std::fs::metadata(dir)?.permissions().mode();
    match mode & 0o077 {
        0 => Ok(()),
        _ => std::fs::set_permissions(dir, std::fs::Permissions::from_mode(mode & 0o7700)),
    }
}
