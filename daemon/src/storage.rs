//! What owner, committer and checkpointer need of the store, as a trait: a test can put a store in its place that fails
//! when the test says so.

use crate::disk::DiskUse;
use std::sync::Arc;
use surmise_store::group::{Decoded, Group};
use surmise_store::{
    CheckpointDraft, CheckpointMeta, Looseness, Producer, ProducerCounts, ProducerMark, Store, StoreError, StreamEntry,
};

/// The commit groups of one stream in order, each with the bytes that it takes in the log.
pub type LogTail = Box<dyn Iterator<Item = Result<(Decoded, usize), StoreError>>>;

/// A learner's bytes and the encoded summary of its stream, as one checkpoint holds them.
pub type CheckpointBytes = (Vec<u8>, Vec<u8>);

/// A durable log, checkpoints, and what concerns the durability of key pages. (A learner reads and writes its pages by
/// itself, see [`crate::services::Services`].)
///
/// # Errors
/// All methods fail if the medium refuses, or if what it returns is damaged.
pub trait Storage: Send + Sync {
    /// All streams that were ever committed, by number.
    fn streams(&self) -> Result<Vec<StreamEntry>, StoreError>;

    /// One of these; none if there is none of this number.
    fn stream(&self, number: u32) -> Result<Option<StreamEntry>, StoreError> {
        Ok(self.streams()?.into_iter().find(|entry| entry.number == number))
    }

    /// Makes new streams, groups and producer marks durable before it returns. `wall_us` dates the marks.
    fn commit(
        &self,
        entries: &[StreamEntry],
        groups: &[Group],
        marks: &[ProducerMark],
        wall_us: i64,
    ) -> Result<(), StoreError>;

    /// The log of a stream from an offset on.
    fn log_tail(&self, stream: u32, from_offset: u64) -> LogTail;

    /// Whether the log of a stream holds nothing from an offset on.
    fn log_ends_at(&self, stream: u32, offset: u64) -> Result<bool, StoreError>;

    /// Deletes groups at the beginning of a stream's log, only such before `before_offset`, until `bytes` bytes are
    /// deleted. Returns how many bytes that were.
    fn trim_log(&self, entry: &mut StreamEntry, before_offset: u64, bytes: u64) -> Result<u64, StoreError>;

    /// The checkpoints of a stream, oldest first.
    fn checkpoints(&self, stream: u32) -> Vec<CheckpointMeta>;

    /// Reads a checkpoint.
    fn load_checkpoint(&self, meta: &CheckpointMeta) -> Result<CheckpointBytes, StoreError>;

    /// Reads only the summary of the stream in a checkpoint.
    fn load_summary(&self, meta: &CheckpointMeta) -> Result<Vec<u8>, StoreError>;

    /// Makes checkpoints durable, and then deletes surplus generations.
    fn write_checkpoints(&self, drafts: &[CheckpointDraft]) -> Result<Vec<CheckpointMeta>, StoreError>;

    /// Copies the checkpoints of a stream that people marked, of offsets up to `until`, to a stream that goes on from
    /// it.
    fn carry_marked(&self, _from: u32, _to: u32, _until: u64) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether the state in a checkpoint still finds all key pages that it refers to.
    fn can_resume_from(&self, meta: &CheckpointMeta) -> Result<bool, StoreError>;

    /// Deletes what a stream wrote after it had numbered `pages` key pages: checkpoints with more, and later pages.
    fn resume_from(&self, stream: u32, pages: u64) -> Result<(), StoreError>;

    /// Makes key pages durable.
    fn flush_pages(&self) -> Result<(), StoreError>;

    /// What a table of producers in the store knows of one.
    fn producer(&self, table: u32, name: &str) -> Result<Option<Producer>, StoreError>;

    /// How many producers of a table are in the store.
    fn producer_counts(&self, table: u32) -> Result<ProducerCounts, StoreError>;

    /// Writes producers of a table whose latest events are durable; they are durable themselves with the next commit.
    /// Of more than `keep`, those that are silent for longest are forgotten. Returns their names.
    fn put_producers(
        &self,
        table: u32,
        producers: &[(Arc<str>, Producer)],
        keep: u64,
    ) -> Result<Vec<Arc<str>>, StoreError>;

    /// Removes one producer of a table, durably. Returns whether it was there.
    fn remove_producer(&self, table: u32, name: &str) -> Result<bool, StoreError>;

    /// Deletes what is left of a stream, but for its log if others go on from it, its producers if another stream has
    /// them, and its entry.
    fn clear_stream(&self, number: u32, keep_log: bool, keep_producers: bool) -> Result<(), StoreError>;

    /// Copies the key pages that a checkpoint with `pages` pages of a stream sees to a stream that goes on from it.
    /// Returns whether all were there to the end: what is replaced may be cleared away meanwhile.
    fn copy_pages(&self, from: u32, to: &StreamEntry, pages: u64) -> Result<bool, StoreError>;

    /// Deletes all key pages of a stream whose learner has forgotten the keys in them.
    fn forget_pages(&self, _stream: u32) -> Result<(), StoreError> {
        Ok(())
    }

    /// What the store takes on the disk, and what it may take. A store without a bound takes nothing.
    fn disk(&self) -> DiskUse {
        DiskUse { used_bytes: 0, limit_bytes: u64::MAX, events_bytes: u64::MAX }
    }

    /// Rewrites databases whose files are larger than what they hold. Returns the bytes that the disk has back.
    fn rewrite_loose(&self) -> u64 {
        0
    }

    /// Deletes the oldest of what was set aside as damaged and may go, until so many bytes are gone. Returns how many
    /// that were.
    fn delete_set_aside(&self, _bytes: u64) -> u64 {
        0
    }

    /// Deletes one checkpoint, durably.
    fn drop_checkpoint(&self, _meta: &CheckpointMeta) -> Result<(), StoreError> {
        Ok(())
    }

    /// Deletes the key pages of a stream that nothing sees which has numbered `floor` pages or more.
    fn sweep_pages(&self, _stream: u32, _floor: u64) -> Result<(), StoreError> {
        Ok(())
    }

    /// The offset before which everything of a stream was acknowledged, as far as that is known.
    fn acknowledged(&self, _stream: u32) -> u64 {
        0
    }

    /// Notes, once, that events of a stream are lost.
    fn note_lost(&self, _stream: u32, _from: u64, _to: u64, _why: &str) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Storage for Store {
    fn streams(&self) -> Result<Vec<StreamEntry>, StoreError> {
        Ok(self.log.streams())
    }

    fn stream(&self, number: u32) -> Result<Option<StreamEntry>, StoreError> {
        Ok(self.log.stream(number))
    }

    fn commit(
        &self,
        entries: &[StreamEntry],
        groups: &[Group],
        marks: &[ProducerMark],
        wall_us: i64,
    ) -> Result<(), StoreError> {
        Store::commit(self, entries, groups, marks, wall_us)
    }

    fn log_tail(&self, stream: u32, from_offset: u64) -> LogTail {
        Box::new(self.log.tail(stream, from_offset))
    }

    fn log_ends_at(&self, stream: u32, offset: u64) -> Result<bool, StoreError> {
        self.log.ends_at(stream, offset)
    }

    fn trim_log(&self, entry: &mut StreamEntry, before_offset: u64, bytes: u64) -> Result<u64, StoreError> {
        self.log.trim(entry, before_offset, bytes)
    }

    fn checkpoints(&self, stream: u32) -> Vec<CheckpointMeta> {
        self.checkpoints.of(stream)
    }

    fn load_checkpoint(&self, meta: &CheckpointMeta) -> Result<CheckpointBytes, StoreError> {
        self.checkpoints.load(meta)
    }

    fn load_summary(&self, meta: &CheckpointMeta) -> Result<Vec<u8>, StoreError> {
        self.checkpoints.load_summary(meta)
    }

    fn write_checkpoints(&self, drafts: &[CheckpointDraft]) -> Result<Vec<CheckpointMeta>, StoreError> {
        self.checkpoints.write(drafts)
    }

    fn carry_marked(&self, from: u32, to: u32, until: u64) -> Result<(), StoreError> {
        self.checkpoints.carry_marked(from, to, until, |meta| self.pages.can_resume_from(meta))
    }

    fn can_resume_from(&self, meta: &CheckpointMeta) -> Result<bool, StoreError> {
        self.pages.can_resume_from(meta)
    }

    fn resume_from(&self, stream: u32, pages: u64) -> Result<(), StoreError> {
        // checkpoints first: none may refer to a page that is gone
        self.checkpoints.drop_beyond(stream, pages)?;
        self.pages.truncate(stream, pages)
    }

    fn flush_pages(&self) -> Result<(), StoreError> {
        self.pages.flush()
    }

    fn producer(&self, table: u32, name: &str) -> Result<Option<Producer>, StoreError> {
        self.log.producers.get(table, name)
    }

    fn producer_counts(&self, table: u32) -> Result<ProducerCounts, StoreError> {
        self.log.producers.counts(table)
    }

    fn put_producers(
        &self,
        table: u32,
        producers: &[(Arc<str>, Producer)],
        keep: u64,
    ) -> Result<Vec<Arc<str>>, StoreError> {
        self.log.producers.put(table, producers, keep)
    }

    fn remove_producer(&self, table: u32, name: &str) -> Result<bool, StoreError> {
        let was_there = self.log.producers.remove(table, name)?;
        // a commit of nothing makes durable what was written before
        self.log.commit(&[], &[], &[], 0)?;
        Ok(was_there)
    }

    fn clear_stream(&self, number: u32, keep_log: bool, keep_producers: bool) -> Result<(), StoreError> {
        Store::clear_stream(self, number, keep_log, keep_producers)
    }

    fn copy_pages(&self, from: u32, to: &StreamEntry, pages: u64) -> Result<bool, StoreError> {
        Store::copy_pages(self, from, to.id(), pages)
    }

    fn forget_pages(&self, stream: u32) -> Result<(), StoreError> {
        self.pages.forget(stream)
    }

    fn disk(&self) -> DiskUse {
        let (limit_bytes, events_bytes) = (self.disk.limit_bytes(), self.disk.events_bytes());
        DiskUse { used_bytes: self.disk_bytes(), limit_bytes, events_bytes }
    }

    fn rewrite_loose(&self) -> u64 {
        Store::rewrite_loose(self, Looseness::NEAR_THE_BOUND)
    }

    fn delete_set_aside(&self, bytes: u64) -> u64 {
        Store::delete_set_aside(self, bytes)
    }

    fn drop_checkpoint(&self, meta: &CheckpointMeta) -> Result<(), StoreError> {
        self.checkpoints.delete(meta)
    }

    fn sweep_pages(&self, stream: u32, floor: u64) -> Result<(), StoreError> {
        self.pages.sweep(stream, floor)
    }

    fn acknowledged(&self, stream: u32) -> u64 {
        Store::acknowledged(self, stream)
    }

    fn note_lost(&self, stream: u32, from: u64, to: u64, why: &str) -> Result<(), StoreError> {
        Store::note_lost(self, stream, from, to, why)
    }
}
