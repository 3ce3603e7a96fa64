//! The store: a log, checkpoints, and the states of keys that memory has no room for, in three sled databases of one
//! data directory. Nothing else sees sled.
//!
//! What sled 0.34 needs, and gets here (the growth test measures it again):
//! * values small against a segment (14 KiB against 1 MiB), or they become files that are hardly ever deleted; of the
//!   pairs without such files this one leaves the least on disk (200 checkpoints of 20 MB: 3.9 times the live data;
//!   28 KiB against 2 MiB 5.0, 56 KiB against 4 MiB 4.9) and takes the least memory;
//! * no flushing of its own, and an fsync of ours after each flush, as its flush on Linux does not sync;
//! * checkpoints and states of keys in databases of their own, so that writing them does not stall the log;
//! * patience when opening, as it lets go of its lock some time after it was dropped;
//! * a thread for each database that wakes those who wait for a write that failed, as it does not always.

mod audit;
pub mod bytes;
mod checkpoints;
mod checksum;
#[cfg(test)]
mod damage_tests;
mod database;
mod entry;
mod error;
mod examination;
mod finding;
mod format;
pub mod group;
mod group_datum;
mod group_feedback;
mod identity;
mod lock;
mod log;
mod older;
mod opening;
mod page_format;
mod page_trees;
mod pages;
#[cfg(test)]
mod power_tests;
mod producers;
mod progress;
mod record;
mod registry;
mod rewriting;
mod room;
mod salvage;
mod set_aside;
mod sled_file;
mod store;
mod stream_pages;
mod temporary;
mod waking;

pub use audit::{AuditEntry, AuditLog, AuditRead};
pub use checkpoints::{CheckpointDraft, CheckpointMeta, Checkpoints};
pub use entry::{LikeStream, LogPart, StreamEnd, StreamEntry, live_streams};
pub use error::StoreError;
pub use examination::{Examination, ExaminedCheckpoint, ExaminedDatabase, ExaminedStream};
pub use finding::{Finding, Findings, Severity};
pub use identity::StreamId;
pub use lock::DirLock;
pub use log::{COMMIT_BYTES_MAX, Log, ProducerMark};
pub use pages::{KeyPages, ScratchPages};
pub use producers::{Producer, ProducerCounts, ProducerTrees};
pub use rewriting::Looseness;
pub use room::free_bytes;
pub use sled_file::FileFault;
pub use store::{SINKS_DIR, Store};
pub use stream_pages::StreamPages;
pub use temporary::TemporaryPages;
