//! Checkpoints: whole states of streams, several generations of each.
//!
//! Tree `pieces`: stream (u32), generation (u64), piece (u32), all big-endian → a record with up to 14 KiB of the
//! state. Tree `manifests`: stream, generation → a record with a [`CheckpointMeta`] as JSON. Tree `streams`: copies of
//! the entries of the streams that have a checkpoint, as in the log. The order is: pieces,
//! sync, manifest, sync, and only then the oldest generation goes; so that whatever happens, the newest generation
//! that has a manifest is whole, or the one before it is.

mod marking;

use crate::bytes::Damaged;
use crate::database::Tree;
use crate::database::{Database, Form, remove_each};
use crate::error::StoreError;
use crate::finding::{Findings, Severity};
use crate::identity::StreamId;
use crate::log::{entry_copies, put_copies};
use crate::opening::CarefulOpening;
use crate::record::{PAYLOAD_BYTES, RecordHead, RecordKind, unseal};
use crate::registry::Registry;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

static FORM: Form = Form {
    name: "checkpoints",
    place: 2,
    cache_bytes: 4 << 20,
    format: "surmise checkpoints 2",
    // the format before records named their streams
    lacking: None,
    older: Some("surmise checkpoints 1"),
};

/// Bytes for which room is made before a checkpoint is read: what its manifest says is not trusted further.
const LOADED_AT_ONCE_MAX: usize = 512 << 20;

/// Pieces that sled may hold until it is told to write them: it would hold a hundred megabytes of a large checkpoint.
const PIECES_HELD_MAX: usize = 128;

/// The manifest of a checkpoint: what is known about it without reading its pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointMeta {
    /// The stream's number.
    pub stream: u32,
    /// Which incarnation of its name the stream is.
    #[serde(default)]
    pub epoch: u32,
    /// The number of the write that the checkpoint came with: its records carry it.
    #[serde(default)]
    pub write: u64,
    /// The number of the checkpoint among those of its stream; it rises.
    pub generation: u64,
    /// The offset of the first event that the checkpoint does not cover.
    pub offset: u64,
    /// When the state was copied, in microseconds since 1970.
    pub time_us: i64,
    /// Bytes of the learner's state, which comes first.
    pub learner_bytes: u64,
    /// Bytes of the learner's state and of the summary.
    pub bytes: u64,
    /// The checksum of both.
    pub crc32: u32,
    /// The version of surmise that wrote the checkpoint.
    pub version: String,
    /// The learner's hash, where it was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_hash: Option<String>,
    /// The number of key pages that the learner had numbered: it resumes with those below.
    #[serde(default)]
    pub pages: u64,
    /// Whether it is kept when newer ones come.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// A label, such as `stable`; at most one checkpoint of a stream has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl CheckpointMeta {
    /// The manifest as a record of its stream.
    pub(crate) fn record(&self, id: StreamId) -> Vec<u8> {
        let value = serde_json::to_vec(self).expect("invariant: a manifest can be written as JSON");
        RecordHead::new(RecordKind::Manifest, id, self.generation, self.write).seal(&value)
    }

    /// Reads a manifest, and makes sure that it is of the stream that it says.
    pub(crate) fn read(value: &[u8]) -> Option<(StreamId, CheckpointMeta)> {
        let (head, json) = unseal(value, "a checkpoint's manifest").ok()?;
        let meta: CheckpointMeta = serde_json::from_slice(json).ok()?;
        let says = (meta.stream, meta.epoch, meta.generation, meta.write);
        let is_its_own = says == (head.id.number, head.id.epoch, head.at, head.write);
        (head.kind == RecordKind::Manifest && is_its_own).then_some((head.id, meta))
    }
}

/// A checkpoint that is to be written.
pub struct CheckpointDraft {
    /// The stream's number.
    pub stream: u32,
    /// The offset of the first event that the checkpoint does not cover.
    pub offset: u64,
    /// When the state was copied, in microseconds since 1970.
    pub time_us: i64,
    /// The learner's state.
    pub learner: Vec<u8>,
    /// The encoded summary of the stream.
    pub summary: Vec<u8>,
    /// The learner's hash, where it was computed.
    pub state_hash: Option<String>,
    /// The number of key pages that the learner had numbered.
    pub pages: u64,
}

/// The checkpoints of all streams.
pub struct Checkpoints {
    pub(crate) database: Database,
    pub(crate) pieces: Tree,
    pub(crate) manifests: Tree,
    streams: Tree,
    pub(crate) registry: Arc<Registry>,
    generations: usize,
    known: Mutex<BTreeMap<u32, Vec<CheckpointMeta>>>,
}

impl Checkpoints {
    /// Opens the checkpoints of a data directory, which is made if it does not exist, and tells the registry of their
    /// streams. Of each stream, `generations` are kept. A damaged database is set aside; the second value says where.
    ///
    /// # Errors
    /// The directory cannot be read, or holds checkpoints of another format.
    pub(crate) fn open(
        opening: &CarefulOpening,
        generations: u32,
        registry: Arc<Registry>,
    ) -> Result<(Checkpoints, Option<PathBuf>), StoreError> {
        let (database, aside) = opening.open(&FORM)?;
        let (pieces, manifests) = (database.tree("pieces")?, database.tree("manifests")?);
        let streams = database.tree("streams")?;
        registry.merge(entry_copies(&streams)?);
        let (generations, known) = (generations.max(1) as usize, Mutex::default());
        Ok((Checkpoints { database, pieces, manifests, streams, registry, generations, known }, aside))
    }

    /// Reads all manifests, from which it is known what there is.
    pub(crate) fn read_manifests(&self, findings: &Findings) -> Result<(), StoreError> {
        for value in self.manifests.iter().values() {
            let value = value.map_err(StoreError::database("cannot read the list of checkpoints"))?;
            match CheckpointMeta::read(&value) {
                Some((id, meta)) => {
                    self.registry.use_up(id.number);
                    Self::list(&mut self.known(), meta);
                }
                None => {
                    let what = "a checkpoint's manifest is damaged; the checkpoint is passed over".to_owned();
                    findings.add(Severity::Mended, FORM.name, None, what);
                }
            }
        }
        Ok(())
    }

    /// Puts what the registry knows of the streams that have checkpoints beside them.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        let streams: Vec<u32> = self.known().keys().copied().collect();
        put_copies(&self.streams, &self.registry, streams)?;
        self.database.flush()
    }

    fn list(known: &mut BTreeMap<u32, Vec<CheckpointMeta>>, meta: CheckpointMeta) {
        known.entry(meta.stream).or_default().push(meta);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, Vec<CheckpointMeta>>> {
        self.known.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The checkpoints of a stream, oldest first.
    pub fn of(&self, stream: u32) -> Vec<CheckpointMeta> {
        self.known().get(&stream).cloned().unwrap_or_default()
    }

    /// All checkpoints, by stream and generation.
    pub fn all(&self) -> Vec<CheckpointMeta> {
        self.known().values().flatten().cloned().collect()
    }

    /// The least number of key pages that a checkpoint of a stream had numbered; `None` if there is no checkpoint.
    pub fn fewest_pages(&self, stream: u32) -> Option<u64> {
        self.known().get(&stream).and_then(|of| of.iter().map(|m| m.pages).min())
    }

    /// Deletes the checkpoints of a stream that had numbered more than `pages` key pages.
    ///
    /// # Errors
    /// The database refuses.
    pub fn drop_beyond(&self, stream: u32, pages: u64) -> Result<(), StoreError> {
        let mut known = self.known();
        let Some(of) = known.get_mut(&stream) else { return Ok(()) };
        let beyond: Vec<CheckpointMeta> = of.extract_if(.., |m| m.pages > pages).collect();
        drop(known);
        for meta in &beyond {
            let gone = self.manifests.remove(manifest_key(meta));
            gone.map_err(StoreError::database("cannot delete a checkpoint's manifest"))?;
            self.delete_pieces(meta)?;
        }
        if beyond.is_empty() { Ok(()) } else { self.database.flush() }
    }

    /// Writes checkpoints and makes them durable; then deletes surplus generations.
    ///
    /// # Errors
    /// The database or the file system refuses.
    pub fn write(&self, drafts: &[CheckpointDraft]) -> Result<Vec<CheckpointMeta>, StoreError> {
        let metas = drafts.iter().map(|d| self.describe(d)).collect::<Result<Vec<CheckpointMeta>, StoreError>>()?;
        self.database.reserve(metas.iter().map(|meta| meta.bytes).sum())?;
        for (draft, meta) in drafts.iter().zip(&metas) {
            self.delete_pieces(meta)?; // what a crash may have left of this very generation
            let head = RecordHead::new(RecordKind::State, self.registry.id(meta.stream)?, meta.generation, meta.write);
            for (number, piece) in pieces(head, &draft.learner, &draft.summary) {
                let put = self.pieces.insert(piece_key(meta, number), piece);
                put.map_err(StoreError::database("cannot write a checkpoint"))?;
                if number as usize % PIECES_HELD_MAX == PIECES_HELD_MAX - 1 {
                    self.database.write_out()?;
                }
            }
        }
        put_copies(&self.streams, &self.registry, drafts.iter().map(|draft| draft.stream))?;
        self.database.flush_all()?;
        for meta in &metas {
            let value = meta.record(self.registry.id(meta.stream)?);
            let put = self.manifests.insert(manifest_key(meta), value);
            put.map_err(StoreError::database("cannot write a checkpoint's manifest"))?;
        }
        self.database.flush_all()?;
        let surplus = self.enlist(&metas);
        for old in &surplus {
            let gone = self.manifests.remove(manifest_key(old));
            gone.map_err(StoreError::database("cannot delete a checkpoint's manifest"))?;
            self.delete_pieces(old)?;
        }
        Ok(metas)
    }

    fn describe(&self, draft: &CheckpointDraft) -> Result<CheckpointMeta, StoreError> {
        let id = self.registry.id(draft.stream)?;
        let newest = self.known().get(&draft.stream).and_then(|v| v.last()).map_or(0, |m| m.generation);
        let mut crc32 = crc32fast::Hasher::new();
        crc32.update(&draft.learner);
        crc32.update(&draft.summary);
        Ok(CheckpointMeta {
            stream: draft.stream,
            epoch: id.epoch,
            write: self.registry.next_write(),
            generation: newest + 1,
            offset: draft.offset,
            time_us: draft.time_us,
            learner_bytes: draft.learner.len() as u64,
            bytes: (draft.learner.len() + draft.summary.len()) as u64,
            crc32: crc32.finalize(),
            version: env!("CARGO_PKG_VERSION").into(),
            state_hash: draft.state_hash.clone(),
            pages: draft.pages,
            pinned: false,
            label: None,
        })
    }

    /// Lists new checkpoints. Returns those that are surplus now.
    fn enlist(&self, metas: &[CheckpointMeta]) -> Vec<CheckpointMeta> {
        let mut known = self.known();
        let mut surplus = Vec::new();
        for meta in metas {
            Self::list(&mut known, meta.clone());
            let of = known.get_mut(&meta.stream).expect("invariant: it was just listed");
            // those that are pinned stay, and do not count
            let mut many = of.iter().filter(|meta| !meta.pinned).count().saturating_sub(self.generations);
            surplus.extend(of.extract_if(.., |meta| {
                let is_surplus = many > 0 && !meta.pinned;
                many -= usize::from(is_surplus);
                is_surplus
            }));
        }
        surplus
    }

    fn delete_pieces(&self, meta: &CheckpointMeta) -> Result<(), StoreError> {
        loop {
            let keys = self.pieces.range(piece_key(meta, 0)..=piece_key(meta, u32::MAX)).keys();
            let keys: Result<Vec<_>, _> = keys.take(PIECES_HELD_MAX).collect();
            let keys = keys.map_err(StoreError::database("cannot read checkpoints"))?;
            let is_last = keys.len() < PIECES_HELD_MAX;
            remove_each(&self.pieces, keys).map_err(StoreError::database("cannot delete a checkpoint"))?;
            if is_last {
                return Ok(());
            }
            self.database.write_out()?;
        }
    }

    /// Reads the pieces of a checkpoint from one on. Each must be of this very checkpoint.
    fn read_pieces(&self, meta: &CheckpointMeta, first: u32) -> Result<Vec<u8>, StoreError> {
        let id = self.registry.id(meta.stream)?;
        let count = (meta.bytes as usize).div_ceil(PAYLOAD_BYTES).max(1) as u32;
        let mut bytes =
            Vec::with_capacity((count.saturating_sub(first) as usize * PAYLOAD_BYTES).min(LOADED_AT_ONCE_MAX));
        let mut next = first;
        for piece in self.pieces.range(piece_key(meta, first)..=piece_key(meta, u32::MAX)).values() {
            let piece = piece.map_err(StoreError::database("cannot read a checkpoint"))?;
            let (head, payload) = unseal(&piece, "a checkpoint (a piece's checksum)")?;
            head.expect(RecordKind::State, id, meta.generation, next)?;
            if (head.pieces, head.write) != (count, meta.write) {
                return Err(Damaged("a checkpoint (a piece of another write)").into());
            }
            bytes.extend_from_slice(payload);
            next += 1;
        }
        if next == count { Ok(bytes) } else { Err(Damaged("a checkpoint (a piece is missing)").into()) }
    }

    /// Reads a checkpoint: the learner's state, and the encoded summary of the stream.
    ///
    /// # Errors
    /// A piece is missing or damaged.
    pub fn load(&self, meta: &CheckpointMeta) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
        let mut bytes = self.read_pieces(meta, 0)?;
        if bytes.len() as u64 != meta.bytes || crc32fast::hash(&bytes) != meta.crc32 || meta.learner_bytes > meta.bytes
        {
            return Err(Damaged("a checkpoint (checksum)").into());
        }
        let summary = bytes.split_off(meta.learner_bytes as usize);
        Ok((bytes, summary))
    }

    /// Reads only the summary of the stream. The checksums of its pieces must hold.
    ///
    /// # Errors
    /// A piece is missing or damaged.
    pub fn load_summary(&self, meta: &CheckpointMeta) -> Result<Vec<u8>, StoreError> {
        let first = meta.learner_bytes as usize / PAYLOAD_BYTES;
        let mut bytes = self.read_pieces(meta, first as u32)?;
        let before = meta.learner_bytes as usize - first * PAYLOAD_BYTES;
        if (first * PAYLOAD_BYTES + bytes.len()) as u64 != meta.bytes || before > bytes.len() {
            return Err(Damaged("a checkpoint (a piece is missing)").into());
        }
        Ok(bytes.split_off(before))
    }

    /// Damages a piece of a checkpoint, as a bad disk would; tests do.
    ///
    /// # Errors
    ///
    /// There is no such checkpoint, or the disk fails.
    pub fn damage(&self, meta: &CheckpointMeta) -> Result<(), StoreError> {
        let key = piece_key(meta, 0);
        let piece = self.pieces.get(&key).map_err(StoreError::database("cannot read a checkpoint"))?;
        let piece = piece.ok_or(Damaged("a checkpoint (a piece is missing)"))?;
        let damaged: Vec<u8> = piece.iter().enumerate().map(|(i, byte)| byte ^ u8::from(i == 99)).collect();
        self.pieces.insert(key, damaged).map_err(StoreError::database("cannot write a checkpoint"))?;
        Ok(())
    }

    /// Bytes on disk, including those that are not reused yet.
    pub fn disk_bytes(&self) -> u64 {
        self.database.disk_bytes()
    }
}

/// The learner's state and the summary, cut into records as one sequence of bytes, each with its number.
fn pieces<'a>(head: RecordHead, learner: &'a [u8], summary: &'a [u8]) -> impl Iterator<Item = (u32, Vec<u8>)> + 'a {
    let total = learner.len() + summary.len();
    let pieces = total.div_ceil(PAYLOAD_BYTES).max(1) as u32;
    (0..pieces).map(move |piece| {
        let from = piece as usize * PAYLOAD_BYTES;
        let to = (from + PAYLOAD_BYTES).min(total);
        let own = &learner[from.min(learner.len())..to.min(learner.len())];
        let rest = &summary[from.saturating_sub(learner.len())..to.saturating_sub(learner.len())];
        (piece, RecordHead { piece, pieces, ..head }.seal_parts(&[own, rest]))
    })
}

pub(crate) fn manifest_key(meta: &CheckpointMeta) -> Vec<u8> {
    let mut k = meta.stream.to_be_bytes().to_vec();
    k.extend_from_slice(&meta.generation.to_be_bytes());
    k
}

pub(crate) fn piece_key(meta: &CheckpointMeta, piece: u32) -> Vec<u8> {
    let mut k = manifest_key(meta);
    k.extend_from_slice(&piece.to_be_bytes());
    k
}

#[cfg(test)]
#[path = "checkpoints_tests.rs"]
mod tests;
