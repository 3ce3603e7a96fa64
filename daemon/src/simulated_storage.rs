//! A store in memory for tests that simulate a daemon: it outlives crashes, and it fails when the test says so.

use crate::simulated_pages::SimulatedPages;
use crate::storage::{CheckpointBytes, LogTail, Storage};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use surmise_store::group::{Group, Logged, decode};
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
    /// A checkpoint is listed and cannot be read; a commit is not written.
    Torn,
}

/// A bug that a test plants, to see that the checkers of a simulation find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedBug {
    /// A commit is reported before it is written: it is written with the next one, and lost with the process.
    AcknowledgesEarly,
    /// Recovery learns the last event of the log once more.
    LearnsTwice,
    /// What is known of producers is never written down.
    ForgetsProducers,
    /// States of keys that left memory are gone.
    ForgetsKeys,
}

/// What was counted of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCounts {
    /// Writes that failed.
    pub failed_writes: u64,
    /// Checkpoints that were written whole.
    pub checkpoints: u64,
    /// Checkpoints that cannot be read.
    pub torn: u64,
    /// Groups that were trimmed.
    pub trimmed: u64,
}

/// What one commit writes.
struct CommittedParts {
    entries: Vec<StreamEntry>,
    groups: Vec<Group>,
    marks: Vec<ProducerMark>,
}

#[derive(Default)]
struct Medium {
    entries: BTreeMap<u32, StreamEntry>,
    /// Encoded groups by stream and first offset.
    groups: BTreeMap<(u32, u64), Vec<u8>>,
    /// All groups that were ever written, those that were trimmed as well.
    archive: BTreeMap<(u32, u64), Vec<u8>>,
    checkpoints: BTreeMap<u32, Vec<(CheckpointMeta, Option<CheckpointBytes>)>>,
    marks: BTreeMap<Box<str>, ProducerMark>,
    producers: BTreeMap<(u32, Arc<str>), Producer>,
    /// What recovery gave up for lost.
    lost: Vec<String>,
    pages: SimulatedPages,
    next_write: NextWrite,
    /// Whether every write fails.
    full: bool,
    /// Whether the log cannot be read.
    unreadable: bool,
    counts: StoreCounts,
    planted: Option<PlantedBug>,
    /// A commit that is reported and not written, if that bug is planted.
    unwritten: Option<CommittedParts>,
}

impl Medium {
    fn put(&mut self, parts: CommittedParts) {
        self.entries.extend(parts.entries.into_iter().map(|entry| (entry.number, entry)));
        for group in parts.groups {
            let place = (group.stream, group.first_offset);
            let before = self.archive.insert(place, group.bytes.clone());
            assert!(before.is_none(), "what is committed is never written over");
            self.groups.insert(place, group.bytes);
        }
        self.marks.extend(parts.marks.into_iter().map(|mark| (Box::from(&*mark.producer), mark)));
    }
}

/// The store in memory.
#[derive(Default)]
pub struct SimulatedStorage(Mutex<Medium>);

impl SimulatedStorage {
    fn medium(&self) -> MutexGuard<'_, Medium> {
        self.0.lock().unwrap()
    }

    /// A store with a bug.
    pub fn with_bug(planted: Option<PlantedBug>) -> SimulatedStorage {
        let storage = SimulatedStorage::default();
        storage.medium().planted = planted;
        storage.pages().set_forgetful(planted == Some(PlantedBug::ForgetsKeys));
        storage
    }

    /// Loses what was never written, as the process ends.
    pub fn end_process(&self) {
        self.medium().unwritten = None;
    }

    /// Decides what the next write does.
    pub fn set_next_write(&self, next_write: NextWrite) {
        self.medium().next_write = next_write;
    }

    /// Decides whether there is room.
    pub fn set_full(&self, full: bool) {
        self.medium().full = full;
    }

    /// Decides whether the log can be read.
    pub fn set_unreadable(&self, unreadable: bool) {
        self.medium().unreadable = unreadable;
    }

    /// What was counted so far.
    pub fn counts(&self) -> StoreCounts {
        self.medium().counts
    }

    /// The key pages.
    pub fn pages(&self) -> SimulatedPages {
        self.medium().pages.clone()
    }

    /// What recovery gave up for lost; no world lets anything be lost.
    pub fn lost(&self) -> Vec<String> {
        self.medium().lost.clone()
    }

    /// How far a producer of several streams is durable.
    pub fn mark(&self, producer: &str) -> Option<ProducerMark> {
        self.medium().marks.get(producer).cloned()
    }

    /// All groups of a stream that were ever committed, in order, with those that the log has no more.
    pub fn archive(&self, stream: u32) -> Vec<Vec<u8>> {
        self.medium().archive.range((stream, 0)..=(stream, u64::MAX)).map(|(_, bytes)| bytes.clone()).collect()
    }

    /// Writes, unless the write is to fail. Torn, it is told so.
    fn write<T>(&self, work: impl FnOnce(&mut Medium, bool) -> T) -> Result<T, StoreError> {
        let mut medium = self.medium();
        let next_write = std::mem::take(&mut medium.next_write);
        if medium.full {
            medium.counts.failed_writes += 1;
            return Err(StoreError::NoRoom { why: "simulated".into() });
        }
        if next_write != NextWrite::Succeeds {
            medium.counts.failed_writes += 1;
        }
        match next_write {
            NextWrite::Fails => Err(failure("cannot write")),
            NextWrite::Succeeds => Ok(work(&mut medium, false)),
            NextWrite::FailsAfterwards | NextWrite::Torn => {
                work(&mut medium, next_write == NextWrite::Torn);
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
        marks: &[ProducerMark],
        _wall_us: i64,
    ) -> Result<(), StoreError> {
        self.write(|medium, torn| {
            // a commit is one batch of the database: it is there or it is not
            if torn {
                return;
            }
            let parts = CommittedParts { entries: entries.to_vec(), groups: groups.to_vec(), marks: marks.to_vec() };
            let due = match medium.planted {
                Some(PlantedBug::AcknowledgesEarly) => medium.unwritten.replace(parts),
                _ => Some(parts),
            };
            due.into_iter().for_each(|parts| medium.put(parts));
        })
    }

    fn log_tail(&self, stream: u32, from_offset: u64) -> LogTail {
        let medium = self.medium();
        if medium.unreadable {
            return Box::new(std::iter::once(Err(failure("cannot read"))));
        }
        let groups = medium.groups.range((stream, from_offset)..=(stream, u64::MAX));
        let mut decoded: Vec<_> = groups.map(|(_, bytes)| Ok((decode(bytes)?, bytes.len()))).collect();
        if medium.planted == Some(PlantedBug::LearnsTwice)
            && let Some(Ok((last, _))) = decoded.last_mut()
        {
            // as another event of nobody, which cannot be recognised
            let again =
                last.records.last().map(|logged| Logged { origin: None, id: None, record: logged.record.clone() });
            last.records.extend(again);
        }
        Box::new(decoded.into_iter())
    }

    fn log_ends_at(&self, stream: u32, offset: u64) -> Result<bool, StoreError> {
        Ok(self.medium().groups.range((stream, offset)..=(stream, u64::MAX)).next().is_none())
    }

    fn trim_log(&self, entry: &mut StreamEntry, before_offset: u64, bytes: u64) -> Result<u64, StoreError> {
        self.write(|medium, _| {
            let of_stream = medium.groups.range((entry.number, 0)..(entry.number, before_offset));
            let mut deleted = 0;
            let mut places = Vec::new();
            for (place, group) in of_stream {
                // a group that a checkpoint begins within would have to stay, but none does
                if deleted >= bytes {
                    break;
                }
                deleted += group.len() as u64;
                places.push(*place);
            }
            medium.counts.trimmed += places.len() as u64;
            places.iter().for_each(|place| drop(medium.groups.remove(place)));
            entry.trimmed_bytes += deleted;
            medium.entries.insert(entry.number, entry.clone());
            deleted
        })
    }

    fn checkpoints(&self, stream: u32) -> Vec<CheckpointMeta> {
        let medium = self.medium();
        medium.checkpoints.get(&stream).into_iter().flatten().map(|(meta, _)| meta.clone()).collect()
    }

    fn load_checkpoint(&self, meta: &CheckpointMeta) -> Result<CheckpointBytes, StoreError> {
        let medium = self.medium();
        let mut of_stream = medium.checkpoints.get(&meta.stream).into_iter().flatten();
        // a checkpoint that somebody remembers may be gone by now
        let found = of_stream.find(|(other, _)| other.generation == meta.generation);
        found.and_then(|(_, bytes)| bytes.clone()).ok_or_else(|| failure("cannot read"))
    }

    fn load_summary(&self, meta: &CheckpointMeta) -> Result<Vec<u8>, StoreError> {
        Ok(self.load_checkpoint(meta)?.1)
    }

    fn write_checkpoints(&self, drafts: &[CheckpointDraft]) -> Result<Vec<CheckpointMeta>, StoreError> {
        self.write(|medium, torn| {
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
                // damage hits one generation; without another one the log would not have been trimmed to it
                if torn && !kept.iter().any(|(_, bytes)| bytes.is_some()) {
                    continue;
                }
                let bytes = (!torn).then(|| (draft.learner.clone(), draft.summary.clone()));
                kept.push((meta.clone(), bytes));
                // surplus generations go only after the new one is whole
                if !torn {
                    kept.drain(..kept.len().saturating_sub(GENERATIONS));
                }
                metas.push(meta);
                medium.counts.checkpoints += u64::from(!torn);
                medium.counts.torn += u64::from(torn);
            }
            metas
        })
    }

    fn can_resume_from(&self, meta: &CheckpointMeta) -> Result<bool, StoreError> {
        // no page is ever swept here, but a stream that was put back may not have written its pages again
        Ok(meta.pages <= self.pages().numbered(meta.stream))
    }

    fn resume_from(&self, stream: u32, pages: u64) -> Result<(), StoreError> {
        let mut medium = self.medium();
        if let Some(kept) = medium.checkpoints.get_mut(&stream) {
            kept.retain(|(meta, _)| meta.pages <= pages);
        }
        medium.pages.truncate(stream, pages);
        Ok(())
    }

    fn forget_pages(&self, stream: u32) -> Result<(), StoreError> {
        self.pages().truncate(stream, 0);
        Ok(())
    }

    fn note_lost(&self, stream: u32, from: u64, to: u64, why: &str) -> Result<(), StoreError> {
        let mut medium = self.medium();
        let checkpoints: Vec<_> = medium
            .checkpoints
            .get(&stream)
            .into_iter()
            .flatten()
            .map(|(meta, bytes)| (meta.offset, meta.pages, bytes.is_some()))
            .collect();
        let begin = medium.groups.range((stream, 0)..).next().map(|(place, _)| *place);
        medium.lost.push(format!(
            "stream {stream}, {from}..{to}: {why}; checkpoints {checkpoints:?}, the log begins at {begin:?}"
        ));
        Ok(())
    }

    fn flush_pages(&self) -> Result<(), StoreError> {
        self.write(|medium, torn| {
            if !torn {
                medium.pages.flush();
            }
        })
    }

    fn clear_stream(&self, number: u32, keep_log: bool, keep_producers: bool) -> Result<(), StoreError> {
        let mut medium = self.medium();
        medium.checkpoints.remove(&number);
        medium.groups.retain(|(stream, _), _| keep_log || *stream != number);
        medium.producers.retain(|(table, _), _| keep_producers || *table != number);
        medium.pages.truncate(number, 0);
        Ok(())
    }

    fn copy_pages(&self, from: u32, to: &StreamEntry, pages: u64) -> Result<bool, StoreError> {
        self.pages().copy(from, to.number, pages);
        Ok(self.pages().numbered(from) >= pages)
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
        if medium.planted == Some(PlantedBug::ForgetsProducers) {
            return Ok(Vec::new());
        }
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
