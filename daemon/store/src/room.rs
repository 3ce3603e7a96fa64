//! Room on the disk, made sure of before anything is written. sled does not go on after a write that failed, so none
//! may fail for want of room: the file system is asked to keep blocks behind the end of a database's file, into which
//! the file grows. Where it cannot do that, what is free is looked at instead.

use crate::error::StoreError;
use rustix::fs::{fstatvfs, statvfs};
use rustix::io::Errno;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes behind the end of a file that must be kept, beside four times what is to be written: sled writes the other
/// values of a page anew with it, cleans up, and begins whole segments.
const SPARE_BYTES: u64 = 8 << 20;
/// Bytes that are kept at once, so that the file system is seldom asked.
const STEP_BYTES: u64 = 4 << 20;
/// Bytes of the bound that are kept free of events, for what one commit lets a file grow.
const COMMIT_GROWTH_BYTES: u64 = 64 << 20;

/// Bytes that the disk keeps for a file.
pub(crate) fn allocated(file: &Metadata) -> u64 {
    file.blocks() * 512
}

/// Makes sure that a file can grow by what so many bytes need.
///
/// # Errors
/// There is no room for them.
pub(crate) fn reserve(file: &File, bytes: u64) -> Result<(), StoreError> {
    let Ok(metadata) = file.metadata() else { return Ok(()) };
    let wanted = SPARE_BYTES + 4 * bytes;
    if allocated(&metadata).saturating_sub(metadata.len()) >= wanted {
        return Ok(());
    }
    let kept = |bytes| keep_blocks(file, metadata.len(), bytes);
    match kept(wanted + STEP_BYTES).or_else(|_| kept(wanted)) {
        Ok(()) => Ok(()),
        Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => Err(no_room("the disk has none left")),
        // a file system that cannot keep blocks
        Err(_) => match fstatvfs(file) {
            Ok(of) if of.f_bavail.saturating_mul(of.f_frsize) < wanted => Err(no_room("the disk has none left")),
            Ok(_) | Err(_) => Ok(()),
        },
    }
}

/// Asks the file system to keep blocks behind the end of a file.
#[cfg(target_os = "linux")]
fn keep_blocks(file: &File, from: u64, bytes: u64) -> Result<(), Errno> {
    use rustix::fs::{FallocateFlags, fallocate};
    fallocate(file, FallocateFlags::KEEP_SIZE, from, bytes)
}

/// Other systems have no call for it.
#[cfg(not(target_os = "linux"))]
fn keep_blocks(_: &File, _: u64, _: u64) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}

/// The bound of what the databases may take. Without one they may take what there is.
#[derive(Debug)]
pub struct DiskRoom {
    limit_bytes: AtomicU64,
}

impl Default for DiskRoom {
    fn default() -> Self {
        DiskRoom { limit_bytes: AtomicU64::new(u64::MAX) }
    }
}

impl DiskRoom {
    /// Sets the bound.
    pub fn set_limit(&self, bytes: u64) {
        self.limit_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The bound.
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes.load(Ordering::Relaxed)
    }

    /// Bytes from which on no more events are taken. The rest is for what a commit lets the files
    /// grow, and for checkpoints, which let the log be trimmed.
    pub fn events_bytes(&self) -> u64 {
        let limit = self.limit_bytes();
        (limit - limit / 16).saturating_sub(COMMIT_GROWTH_BYTES)
    }

    /// Makes sure that events may be written while the databases take so many bytes.
    pub(crate) fn check(&self, used_bytes: u64) -> Result<(), StoreError> {
        if used_bytes <= self.events_bytes() {
            return Ok(());
        }
        let mib = |bytes: u64| bytes >> 20;
        let (used, limit) = (mib(used_bytes), mib(self.limit_bytes()));
        Err(no_room(format!("the store takes {used} MiB of the {limit} MiB that it may take (store.disk)")))
    }
}

/// The error of a disk without room.
pub(crate) fn no_room(why: impl Into<String>) -> StoreError {
    StoreError::NoRoom { why: why.into() }
}

/// Bytes that are free for the daemon on the disk of a directory, if that can be told.
pub fn free_bytes(dir: &Path) -> Option<u64> {
    let of = statvfs(dir).ok()?;
    Some(of.f_bavail.saturating_mul(of.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_kept_behind_the_end() {
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, &[1; 5000]).unwrap();
        reserve(&file, 1000).unwrap();
        let metadata = file.metadata().unwrap();
        assert_eq!(metadata.len(), 5000, "the file is as long as it was");
        assert!(
            allocated(&metadata) == 0 || allocated(&metadata) > SPARE_BYTES || free_bytes(Path::new(".")).is_some()
        );
        let refused = reserve(&file, 1 << 58).unwrap_err();
        assert!(refused.is_no_room() && refused.to_string().contains("no room"), "{refused}");
    }
}
