//! Giving room back near the bound of the disk, in this order:
//!
//! 1. files that are larger than what they hold are rewritten, which costs nothing;
//! 2. what was set aside as damaged goes, oldest first: what was whole in it has been taken out;
//! 3. streams go that were replaced or deleted and could still be brought back;
//! 4. checkpoints go, oldest first: all but the newest of each stream, and never one that is pinned or has a label;
//! 5. the log goes, as far as checkpoints cover it: first of streams that were replaced, then of the longest;
//! 6. key pages go that nothing sees any more, now that old checkpoints are gone.
//!
//! What a stream needs to go on as it is never goes: its newest checkpoint, the log after that, and the states of keys
//! that either counts on. If that is too much, events are refused until there is room.

use super::Checkpointer;
use crate::disk::RoomSearch;
use crate::telemetry;
use crate::undo::{Retention, Unfinished, clear_dead};
use std::sync::atomic::Ordering;
use surmise_store::{CheckpointMeta, StoreError};

/// Parts of the bound by which the use of the disk changes before it is looked at again.
const LOOK_PARTS: u64 = 64;

/// What may go, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Surplus {
    Aside,
    Replaced,
    Checkpoints,
    Log,
    Pages,
}

impl Surplus {
    fn name(self) -> &'static str {
        match self {
            Surplus::Aside => "aside",
            Surplus::Replaced => "replaced",
            Surplus::Checkpoints => "checkpoints",
            Surplus::Log => "log",
            Surplus::Pages => "pages",
        }
    }
}

impl Checkpointer {
    /// Gives room back if the store is near its bound. Where the committer found no room though the store is not, as
    /// others take the disk, only what no stream has any use for goes.
    pub(super) fn relieve(&mut self) -> Result<(), StoreError> {
        let disk = self.storage.disk();
        let is_other = disk.used_bytes.abs_diff(self.relief.used_bytes) > disk.limit_bytes / LOOK_PARTS;
        let is_asked = self.disk.search() == RoomSearch::Asked;
        if !is_asked && !(disk.is_short() && (is_other || self.relief.is_due)) {
            return Ok(());
        }
        self.relief.is_due = false;
        self.rewrite_loose();
        if !disk.is_short() {
            self.give_up(Surplus::Aside, u64::MAX)?;
        }
        for surplus in [Surplus::Aside, Surplus::Replaced, Surplus::Checkpoints, Surplus::Log, Surplus::Pages] {
            let disk = self.storage.disk();
            if !disk.is_short() {
                break;
            }
            self.give_up(surplus, disk.surplus_bytes())?;
        }
        self.relief.used_bytes = self.storage.disk().used_bytes;
        Ok(())
    }

    /// Gives up so many bytes of what may go, and tells of it.
    fn give_up(&mut self, surplus: Surplus, bytes: u64) -> Result<(), StoreError> {
        let gone = match surplus {
            Surplus::Aside => self.storage.delete_set_aside(bytes),
            Surplus::Replaced => u64::from(clear_dead(&*self.storage, Unfinished::Kept, Retention::NONE)?),
            Surplus::Checkpoints => self.drop_checkpoints(bytes)?,
            Surplus::Log => self.trim_by(bytes)?,
            Surplus::Pages => self.sweep_pages()?,
        };
        if gone > 0 {
            let (what, disk) = (surplus.name(), self.storage.disk());
            metrics::counter!(telemetry::DISK_FREED, "what" => what).increment(1);
            let (used, limit) = (disk.used_bytes, disk.limit_bytes);
            let why = match bytes {
                u64::MAX => "others take the disk".to_owned(),
                _ => format!("the store takes {used} bytes of {limit} (store.disk)"),
            };
            tracing::warn!(what, bytes = gone, "given up early: {why}");
            self.rewrite_loose();
        }
        Ok(())
    }

    fn rewrite_loose(&self) {
        if self.storage.rewrite_loose() > 0 {
            metrics::counter!(telemetry::DISK_FREED, "what" => "rewritten").increment(1);
        }
    }

    /// Deletes the oldest of the checkpoints that may go, until so many bytes are gone. Returns how many that were.
    fn drop_checkpoints(&self, bytes: u64) -> Result<u64, StoreError> {
        let of = |number| self.storage.checkpoints(number);
        let mut surplus: Vec<CheckpointMeta> =
            self.directory.all().iter().flat_map(|view| surplus_of(of(view.number))).collect();
        surplus.sort_by_key(|meta| (meta.time_us, meta.stream, meta.generation));
        let mut gone = 0;
        for meta in surplus {
            if gone >= bytes {
                break;
            }
            self.storage.drop_checkpoint(&meta)?;
            gone += meta.bytes;
        }
        Ok(gone)
    }

    /// Deletes key pages that no checkpoint sees. Returns whether any stream has some.
    fn sweep_pages(&self) -> Result<u64, StoreError> {
        let mut swept = 0;
        for view in self.directory.all() {
            let floor = self.storage.checkpoints(view.number).iter().map(|meta| meta.pages).min().unwrap_or(0);
            if floor > 0 && view.keys_stored.load(Ordering::Relaxed) > 0 {
                self.storage.sweep_pages(view.number, floor)?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

/// The checkpoints of a stream that may go: all but the newest, and none that is pinned or has a label.
fn surplus_of(mut checkpoints: Vec<CheckpointMeta>) -> Vec<CheckpointMeta> {
    checkpoints.pop();
    checkpoints.retain(|meta| !meta.pinned && meta.label.is_none());
    checkpoints
}

#[cfg(test)]
#[path = "relief_tests.rs"]
mod tests;
