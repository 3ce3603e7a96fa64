//! Taking records out of a database that was set aside, without sled.
//!
//! Of the log, a group of a later write ends whatever earlier writes say of its offset and beyond: the log only grows,
//! except that a crash may take back what was not acknowledged. Of the checkpoints, the newest whole generations are
//! taken. Key pages are not: which of them count cannot be told from them alone, and the log makes them anew.

use crate::checkpoints::{CheckpointMeta, Checkpoints, manifest_key, piece_key};
use crate::checksum::unseal;
use crate::database::SEGMENT_BYTES;
use crate::entry::EntryCopies;
use crate::error::StoreError;
use crate::finding::{Findings, Severity};
use crate::group;
use crate::identity::StreamId;
use crate::log::{COMMIT_BYTES_MAX, Log, key};
use crate::progress::Progress;
use crate::record::{HEADER_BYTES, RecordKind};
use crate::sled_file::{self, FoundRecord};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Records that are inserted together.
const BATCH_RECORDS: usize = 256;

/// The pieces of one record, as far as they were found.
type FoundPieces = BTreeMap<u32, FoundRecord>;

/// What a file of the log holds: which groups count, and the copies of entries.
pub(crate) struct LogContents {
    /// The groups that count, by the identity of their stream and their first offset.
    pub groups: BTreeMap<StreamId, BTreeMap<u64, FoundPieces>>,
    pub entries: EntryCopies,
    files: Vec<PathBuf>,
}

impl LogContents {
    /// Reads the files of a database.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(database: &Path) -> Result<LogContents, StoreError> {
        let mut pieces: BTreeMap<(u64, StreamId, u64), FoundPieces> = BTreeMap::new();
        let mut entries: BTreeMap<(u64, StreamId, u32), (FoundRecord, Vec<u8>)> = BTreeMap::new();
        sled_file::records(database, |found, payload| match found.head.kind {
            RecordKind::Group => {
                let place = (found.head.write, found.head.id, found.head.at);
                pieces.entry(place).or_default().insert(found.head.piece, found);
            }
            RecordKind::Entry | RecordKind::Marks => {
                let place = (found.head.write, found.head.id, found.head.piece);
                entries.insert(place, (found, payload.to_vec()));
            }
            RecordKind::State | RecordKind::Manifest | RecordKind::Page => {}
        })?;
        let mut copies = EntryCopies::default();
        entries.into_values().for_each(|(found, payload)| copies.push(found.head, &payload));
        let mut groups: BTreeMap<StreamId, BTreeMap<u64, FoundPieces>> = BTreeMap::new();
        // in the order of writes
        for ((_, id, at), pieces) in pieces {
            let of = groups.entry(id).or_default();
            of.split_off(&at);
            let is_whole = pieces.values().next().is_some_and(|first| first.head.pieces as usize == pieces.len());
            if is_whole {
                of.insert(at, pieces);
            }
        }
        Ok(LogContents { groups, entries: copies, files: sled_file::files(database) })
    }
}

impl LogContents {
    /// Leaves out of each stream what is behind a gap that begins where nothing was acknowledged any more: the rest of
    /// a commit that failed. Its producers send all of it again, and would have the part that is gone taken for known.
    /// It stays where it is more than one commit holds, as `acknowledged` may be behind after a loss of power. Returns
    /// the streams with the offset from which they have nothing now.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn leave_out_unfinished(
        &mut self,
        acknowledged: impl Fn(StreamId) -> u64,
    ) -> Result<Vec<(StreamId, u64)>, StoreError> {
        let mut left_out = Vec::new();
        for id in self.groups.keys().copied().collect::<Vec<_>>() {
            let known = acknowledged(id);
            let ranges = if known > 0 { self.ranges(id, 0)? } else { Vec::new() };
            let gap = ranges.windows(2).find(|pair| pair[0].1 >= known).map(|pair| (pair[0].1, pair[1].0));
            if let (Some((begin, end)), Some(groups)) = (gap, self.groups.get_mut(&id)) {
                let bytes: usize = groups.range(end..).flat_map(|(_, pieces)| pieces.values()).map(|p| p.length).sum();
                if bytes <= COMMIT_BYTES_MAX {
                    groups.split_off(&end);
                    left_out.push((id, begin));
                }
            }
        }
        Ok(left_out)
    }

    /// The ranges of offsets whose groups a stream's log has whole, in order, joined where they meet.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn ranges(&self, id: StreamId, from: u64) -> Result<Vec<(u64, u64)>, StoreError> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (at, pieces) in self.groups.get(&id).into_iter().flat_map(|groups| groups.range(from..)) {
            let mut bytes = Vec::new();
            for found in pieces.values() {
                let record = sled_file::read(&self.files[found.file], found)?;
                bytes.extend_from_slice(record.get(HEADER_BYTES..).unwrap_or_default());
            }
            let Ok(group) = group::decode(&bytes) else { continue };
            match ranges.last_mut() {
                Some((_, end)) if *end == *at => *end = at + group.span,
                _ => ranges.push((*at, at + group.span)),
            }
        }
        Ok(ranges)
    }
}

/// What is said of a stream of which the rest of a commit was left out.
pub(crate) fn left_out_words(from: u64) -> String {
    format!("a commit failed at offset {from}: what is left of it was never acknowledged, and is left out")
}

/// Takes the groups and entries of a log that was set aside into a new one.
///
/// # Errors
/// A file cannot be read, or the new database refuses.
pub(crate) fn log(aside: &Path, log: &Log, progress: &Progress, findings: &Findings) -> Result<(), StoreError> {
    let mut contents = LogContents::read(aside)?;
    let left_out = contents.leave_out_unfinished(|id| progress.of(id.number, id.epoch))?;
    log.registry.merge(contents.entries);
    for (id, from) in left_out {
        let entry = log.registry.entry(id.number);
        findings.add(Severity::Mended, "log", entry.as_ref().map(|e| &*e.name), left_out_words(from));
    }
    let mut taken = 0u64;
    for (id, groups) in &contents.groups {
        // whatever copy of the entry says it: what lost its end may have lost its own, and still has what was deleted
        let from = log.registry.entry(id.number).map_or(0, |entry| entry.trimmed_before);
        let mut batch = sled::Batch::default();
        for (n, (at, pieces)) in groups.range(from..).enumerate() {
            for (piece, found) in pieces {
                batch
                    .insert(key(id.number, *at, *piece as usize), sled_file::read(&contents.files[found.file], found)?);
            }
            if n % BATCH_RECORDS == BATCH_RECORDS - 1 {
                let batch = std::mem::take(&mut batch);
                log.groups.apply_batch(batch).map_err(StoreError::database("cannot write the log"))?;
            }
            taken += 1;
        }
        log.groups.apply_batch(batch).map_err(StoreError::database("cannot write the log"))?;
    }
    log.database.flush_all()?;
    take_producers(aside, log, findings)?;
    let what = format!("{taken} groups of {} streams were taken out of what was set aside", contents.groups.len());
    findings.add(Severity::Mended, "log", None, what);
    Ok(())
}

/// Takes what is known of producers, whose records do not name themselves, as far as sled still opens what was set
/// aside. Everything else was taken out before, so it does no harm that sled writes to it.
fn take_producers(aside: &Path, log: &Log, findings: &Findings) -> Result<(), StoreError> {
    let copy = || -> Result<usize, StoreError> {
        let failed = StoreError::database;
        let old = sled::Config::new().path(aside).segment_size(SEGMENT_BYTES).flush_every_ms(None).open();
        let old = old.map_err(failed("cannot open what was set aside"))?;
        let mut taken = 0;
        for name in ["marks", "producers", "producers_by_age"] {
            let from = old.open_tree(name).map_err(failed("cannot read what was set aside"))?;
            let to = log.database.tree(name)?;
            for pair in &from {
                let (key, value) = pair.map_err(failed("cannot read what was set aside"))?;
                // an age has no value; every other value has a checksum
                if value.is_empty() || unseal(&value, "a producer").is_ok() {
                    to.insert(key, value).map_err(failed("cannot write a producer"))?;
                    taken += 1;
                }
            }
        }
        Ok(taken)
    };
    let (severity, what) = match catch_unwind(AssertUnwindSafe(copy)) {
        Ok(Ok(taken)) => (Severity::Note, format!("{taken} records of producers were taken over")),
        Ok(Err(_)) | Err(_) => {
            let what = "what it knew of producers that memory had no room for is lost: events that they send again \
                        may be learnt again";
            (Severity::Mended, what.to_owned())
        }
    };
    findings.add(severity, "log", None, what);
    log.database.flush_all()
}

/// A generation of a checkpoint in a file.
pub(crate) struct FoundGeneration {
    pub meta: CheckpointMeta,
    pub id: StreamId,
    pub manifest: FoundRecord,
    pub pieces: FoundPieces,
}

impl FoundGeneration {
    /// Whether all of its pieces are there.
    pub fn is_whole(&self) -> bool {
        self.pieces.values().next().is_some_and(|piece| piece.head.pieces as usize == self.pieces.len())
    }
}

/// What the file of the checkpoints holds.
pub(crate) struct CheckpointContents {
    /// All generations whose manifest was found, oldest first.
    pub generations: Vec<FoundGeneration>,
    pub entries: EntryCopies,
    files: Vec<PathBuf>,
}

impl CheckpointContents {
    /// Reads the files of a database.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(database: &Path) -> Result<CheckpointContents, StoreError> {
        let mut states: BTreeMap<(StreamId, u64, u64), FoundPieces> = BTreeMap::new();
        let mut manifests = BTreeMap::new();
        let mut entries: BTreeMap<(u64, StreamId, u32), (FoundRecord, Vec<u8>)> = BTreeMap::new();
        sled_file::records(database, |found, payload| {
            let place = (found.head.id, found.head.at, found.head.write);
            match found.head.kind {
                RecordKind::State => drop(states.entry(place).or_default().insert(found.head.piece, found)),
                RecordKind::Manifest => drop(manifests.insert(place, (found, payload.to_vec()))),
                RecordKind::Entry | RecordKind::Marks => {
                    let place = (found.head.write, found.head.id, found.head.piece);
                    entries.insert(place, (found, payload.to_vec()));
                }
                RecordKind::Group | RecordKind::Page => {}
            }
        })?;
        let mut copies = EntryCopies::default();
        entries.into_values().for_each(|(found, payload)| copies.push(found.head, &payload));
        let mut generations = Vec::new();
        for (place, (manifest, json)) in manifests {
            let Ok(meta) = serde_json::from_slice(&json) else { continue };
            let pieces = states.remove(&place).unwrap_or_default();
            generations.push(FoundGeneration { meta, id: place.0, manifest, pieces });
        }
        Ok(CheckpointContents { generations, entries: copies, files: sled_file::files(database) })
    }
}

/// Takes the newest whole generations of checkpoints that were set aside into a new database.
///
/// # Errors
/// A file cannot be read, or the new database refuses.
pub(crate) fn checkpoints(aside: &Path, new: &Checkpoints, keep: usize, findings: &Findings) -> Result<(), StoreError> {
    let contents = CheckpointContents::read(aside)?;
    new.registry.merge(contents.entries);
    let mut by_stream: BTreeMap<StreamId, Vec<FoundGeneration>> = BTreeMap::new();
    for generation in contents.generations.into_iter().filter(FoundGeneration::is_whole) {
        by_stream.entry(generation.id).or_default().push(generation);
    }
    let mut taken = 0;
    for generations in by_stream.into_values() {
        for generation in generations.iter().rev().take(keep) {
            for (piece, found) in &generation.pieces {
                let value = sled_file::read(&contents.files[found.file], found)?;
                let put = new.pieces.insert(piece_key(&generation.meta, *piece), value);
                put.map_err(StoreError::database("cannot write a checkpoint"))?;
            }
            new.database.flush()?;
            let manifest = sled_file::read(&contents.files[generation.manifest.file], &generation.manifest)?;
            let put = new.manifests.insert(manifest_key(&generation.meta), manifest);
            put.map_err(StoreError::database("cannot write a checkpoint's manifest"))?;
            taken += 1;
        }
    }
    new.database.flush_all()?;
    let what = format!("{taken} whole checkpoints were taken out of what was set aside");
    findings.add(Severity::Mended, "checkpoints", None, what);
    Ok(())
}
