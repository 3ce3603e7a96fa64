//! A store in memory for tests that simulate a daemon: it outlives crashes, and it fails when the test says so.

use crate::storage::{CheckpointBytes, LogTail, Storage};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use surmise_store::group::{Group, decode};
use surmise_store::{CheckpointDraft, CheckpointMeta, Producer, ProducerCounts, ProducerMark, StoreError, StreamEntry};

/// Checkpoints that are kept of each stream.
const GENERATIONS: usize = 2;

/// What the next write does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NextWrite {
    /// It succeeds.
    #[default]
    Succeeds,
    /// It fails, and nothing is written.
    Fails,
    /// It is written, but reports a failure, as when the machine crashes before the answer.
    FailsAfterwards,
}

#[derive(Default)]
struct Medium {
    entries: BTreeMap<u32, StreamEntry>,
    /// Encoded groups by stream and first offset.
    groups: BTreeMap<(u32, u64), Vec<u8>>,
    checkpoints: BTreeMap<u32, Vec<(CheckpointMeta, CheckpointBytes)>>,
    producers: BTreeMap<(u32, Arc<str>), Producer>,
    next_write: NextWrite,
    /// Whether the log cannot be read.
    unreadable: bool,
    failed_writes: u64,
    checkpoints_written: u64,
}

/// The store in memory.
#[derive(Default)]
pub struct SimulatedStorage(Mutex<Medium>);

impl SimulatedStorage {
    fn medium(&self) -> MutexGuard<'_, Medium> {
        self.0.lock().unwrap()
    }

    /// Decides what the next write does.
    pub fn set_next_write(&self, next_write: NextWrite) {
        self.medium().next_write = next_write;
    }

    /// Decides whether the log can be read.
    pub fn set_unreadable(&self, unreadable: bool) {
        self.medium().unreadable = unreadable;
    }

    /// How many writes have failed.
    pub fn failed_writes(&self) -> u64 {
        self.medium().failed_writes
    }

    /// How many checkpoints were written.
    pub fn checkpoints_written(&self) -> u64 {
        self.medium().checkpoints_written
    }

    /// Writes, unless the write is to fail.
    fn write<T>(&self, work: impl FnOnce(&mut Medium) -> T) -> Result<T, StoreError> {
        let mut medium = self.medium();
        let next_write = std::mem::take(&mut medium.next_write);
        if next_write != NextWrite::Succeeds {
            medium.failed_writes += 1;
        }
        match next_write {
            NextWrite::Fails => Err(failure("cannot write")),
            NextWrite::Succeeds => Ok(work(&mut medium)),
            NextWrite::FailsAfterwards => {
                work(&mut medium);
                Err(failure("cannot write"))
            }
        }
    }
}

/// The error of a simulated failure.
fn failure(what: &'static str) -> StoreError {
    let source = std::io::Error::other("simulated failure");
    StoreError::Io { what, path: PathBuf::from("memory"), source }
}

impl Storage for SimulatedStorage {
    fn streams(&self) -> Result<Vec<StreamEntry>, StoreError> {
        Ok(self.medium().entries.values().cloned().collect())
    }

    fn commit(
        &self,
        entries: &[StreamEntry],
        groups: &[Group],
        _marks: &[ProducerMark],
        _wall_us: i64,
    ) -> Result<(), StoreError> {
        self.write(|medium| {
            medium.entries.extend(entries.iter().map(|entry| (entry.number, entry.clone())));
            medium.groups.extend(groups.iter().map(|group| ((group.stream, group.first_offset), group.bytes.clone())));
        })
    }

    fn log_tail(&self, stream: u32, from_offset: u64) -> LogTail {
        let medium = self.medium();
        if medium.unreadable {
            return Box::new(std::iter::once(Err(failure("cannot read"))));
        }
        let groups = medium.groups.range((stream, from_offset)..=(stream, u64::MAX));
        let decoded: Vec<_> = groups.map(|(_, bytes)| Ok((decode(bytes)?, bytes.len()))).collect();
        Box::new(decoded.into_iter())
    }

    fn log_ends_at(&self, stream: u32, offset: u64) -> Result<bool, StoreError> {
        Ok(self.medium().groups.range((stream, offset)..=(stream, u64::MAX)).next().is_none())
    }

    fn trim_log(&self, _entry: &mut StreamEntry, _before_offset: u64, _bytes: u64) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn checkpoints(&self, stream: u32) -> Vec<CheckpointMeta> {
        let medium = self.medium();
        medium.checkpoints.get(&stream).into_iter().flatten().map(|(meta, _)| meta.clone()).collect()
    }

    fn load_checkpoint(&self, meta: &CheckpointMeta) -> Result<CheckpointBytes, StoreError> {
        let medium = self.medium();
        let found = medium.checkpoints[&meta.stream].iter().find(|(other, _)| other.generation == meta.generation);
        Ok(found.expect("only a listed checkpoint is loaded").1.clone())
    }

    fn load_summary(&self, meta: &CheckpointMeta) -> Result<Vec<u8>, StoreError> {
        Ok(self.load_checkpoint(meta)?.1)
    }

    fn write_checkpoints(&self, drafts: &[CheckpointDraft]) -> Result<Vec<CheckpointMeta>, StoreError> {
        self.write(|medium| {
            let mut metas = Vec::new();
            for draft in drafts {
                let kept = medium.checkpoints.entry(draft.stream).or_default();
                let meta = CheckpointMeta {
                    stream: draft.stream,
                    generation: kept.last().map_or(0, |(newest, _)| newest.generation) + 1,
                    offset: draft.offset,
                    time_us: draft.time_us,
                    bytes: (draft.learner.len() + draft.summary.len()) as u64,
                    state_hash: draft.state_hash.clone(),
                    pages: draft.pages,
                    ..CheckpointMeta::default()
                };
                kept.push((meta.clone(), (draft.learner.clone(), draft.summary.clone())));
                kept.drain(..kept.len().saturating_sub(GENERATIONS));
                metas.push(meta);
                medium.checkpoints_written += 1;
            }
            metas
        })
    }

    fn can_resume_from(&self, meta: &CheckpointMeta) -> Result<bool, StoreError> {
        Ok(meta.pages == 0)
    }

    fn resume_from(&self, _stream: u32, _pages: u64) -> Result<(), StoreError> {
        Ok(())
    }

    fn flush_pages(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn clear_stream(&self, number: u32, keep_log: bool, keep_producers: bool) -> Result<(), StoreError> {
        let mut medium = self.medium();
        medium.checkpoints.remove(&number);
        medium.groups.retain(|(stream, _), _| keep_log || *stream != number);
        medium.producers.retain(|(table, _), _| keep_producers || *table != number);
        Ok(())
    }

    fn copy_pages(&self, _from: u32, _to: &StreamEntry, _pages: u64) -> Result<(), StoreError> {
        Ok(())
    }

    fn producer(&self, table: u32, name: &str) -> Result<Option<Producer>, StoreError> {
        Ok(self.medium().producers.get(&(table, name.into())).copied())
    }

    fn producer_counts(&self, table: u32) -> Result<ProducerCounts, StoreError> {
        let stored = self.medium().producers.keys().filter(|(other, _)| *other == table).count() as u64;
        Ok(ProducerCounts { stored, forgotten: 0 })
    }

    fn put_producers(
        &self,
        table: u32,
        producers: &[(Arc<str>, Producer)],
        _keep: u64,
    ) -> Result<Vec<Arc<str>>, StoreError> {
        let mut medium = self.medium();
        for (name, producer) in producers {
            let known = medium.producers.entry((table, name.clone())).or_insert(*producer);
            *known = producer.newer(*known);
        }
        Ok(Vec::new())
    }

    fn remove_producer(&self, table: u32, name: &str) -> Result<bool, StoreError> {
        Ok(self.medium().producers.remove(&(table, name.into())).is_some())
    }
}
