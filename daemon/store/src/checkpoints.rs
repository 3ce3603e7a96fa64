//! Checkpoints: whole states of streams, several generations of each.
//!
//! Tree `pieces`: stream (u32), generation (u64), piece (u32), all big-endian → checksum and up to 14 KiB of the
//! state. Tree `manifests`: stream, generation → a [`CheckpointMeta`] as JSON with a checksum. The order is: pieces,
//! sync, manifest, sync, and only then the oldest generation goes; so that whatever happens, the newest generation
//! that has a manifest is whole, or the one before it is.

use crate::bytes::Damaged;
use crate::checksum::{seal, unseal};
use crate::database::{Database, PIECE_BYTES, SEGMENT_BYTES};
use crate::error::StoreError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

const FORMAT: &str = "surmise checkpoints 1";
/// Memory that the database may take for what it has read.
const CACHE_BYTES_MAX: u64 = 4 << 20;
/// Bytes of a checkpoint in one piece: the rest is its checksum.
const PAYLOAD_BYTES: usize = PIECE_BYTES - 4;

/// The manifest of a checkpoint: what is known about it without reading its pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointMeta {
    /// The stream's number.
    pub stream: u32,
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
    database: Database,
    pieces: sled::Tree,
    manifests: sled::Tree,
    generations: usize,
    known: Mutex<BTreeMap<u32, Vec<CheckpointMeta>>>,
}

impl Checkpoints {
    /// Opens the checkpoints in a directory, which is made if it does not exist. Of each stream, `generations` are
    /// kept.
    ///
    /// # Errors
    /// The directory cannot be read, or holds checkpoints of another format.
    pub fn open(path: &Path, generations: u32) -> Result<Checkpoints, StoreError> {
        let database = Database::open(path, SEGMENT_BYTES, CACHE_BYTES_MAX, FORMAT)?;
        let (pieces, manifests) = (database.tree("pieces")?, database.tree("manifests")?);
        let mut known: BTreeMap<u32, Vec<CheckpointMeta>> = BTreeMap::new();
        for value in manifests.iter().values() {
            let value = value.map_err(StoreError::database("cannot read the list of checkpoints"))?;
            let read = unseal(&value, "a checkpoint's manifest").ok().and_then(|v| serde_json::from_slice(v).ok());
            match read {
                Some(meta) => Self::list(&mut known, meta),
                None => tracing::warn!("a checkpoint's manifest is damaged and is passed over"),
            }
        }
        let generations = generations.max(1) as usize;
        Ok(Checkpoints { database, pieces, manifests, generations, known: Mutex::new(known) })
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
        let metas: Vec<CheckpointMeta> = drafts.iter().map(|d| self.describe(d)).collect();
        for (draft, meta) in drafts.iter().zip(&metas) {
            self.delete_pieces(meta)?; // what a crash may have left of this very generation
            for (n, piece) in pieces(&draft.learner, &draft.summary).enumerate() {
                let put = self.pieces.insert(piece_key(meta, n as u32), seal(piece));
                put.map_err(StoreError::database("cannot write a checkpoint"))?;
            }
        }
        self.database.flush_all()?;
        for meta in &metas {
            let value = seal(serde_json::to_vec(meta).expect("invariant: a manifest can be written as JSON"));
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

    fn describe(&self, draft: &CheckpointDraft) -> CheckpointMeta {
        let newest = self.known().get(&draft.stream).and_then(|v| v.last()).map_or(0, |m| m.generation);
        let mut crc32 = crc32fast::Hasher::new();
        crc32.update(&draft.learner);
        crc32.update(&draft.summary);
        CheckpointMeta {
            stream: draft.stream,
            generation: newest + 1,
            offset: draft.offset,
            time_us: draft.time_us,
            learner_bytes: draft.learner.len() as u64,
            bytes: (draft.learner.len() + draft.summary.len()) as u64,
            crc32: crc32.finalize(),
            version: env!("CARGO_PKG_VERSION").into(),
            state_hash: draft.state_hash.clone(),
            pages: draft.pages,
        }
    }

    /// Lists new checkpoints. Returns those that are surplus now.
    fn enlist(&self, metas: &[CheckpointMeta]) -> Vec<CheckpointMeta> {
        let mut known = self.known();
        let mut surplus = Vec::new();
        for meta in metas {
            Self::list(&mut known, meta.clone());
            let of = known.get_mut(&meta.stream).expect("invariant: it was just listed");
            let many = of.len().saturating_sub(self.generations);
            surplus.extend(of.drain(..many));
        }
        surplus
    }

    fn delete_pieces(&self, meta: &CheckpointMeta) -> Result<(), StoreError> {
        let keys = self.pieces.range(piece_key(meta, 0)..=piece_key(meta, u32::MAX)).keys();
        let mut batch = sled::Batch::default();
        let mut any = false;
        for k in keys {
            batch.remove(k.map_err(StoreError::database("cannot read checkpoints"))?);
            any = true;
        }
        if any {
            self.pieces.apply_batch(batch).map_err(StoreError::database("cannot delete a checkpoint"))?;
        }
        Ok(())
    }

    /// Reads a checkpoint: the learner's state, and the encoded summary of the stream.
    ///
    /// # Errors
    /// A piece is missing or damaged.
    pub fn load(&self, meta: &CheckpointMeta) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
        let mut bytes = Vec::with_capacity(meta.bytes as usize);
        for (n, piece) in self.pieces.range(piece_key(meta, 0)..=piece_key(meta, u32::MAX)).enumerate() {
            let (k, v) = piece.map_err(StoreError::database("cannot read a checkpoint"))?;
            if *k != *piece_key(meta, n as u32) {
                return Err(Damaged("a checkpoint (a piece is missing)").into());
            }
            bytes.extend_from_slice(unseal(&v, "a checkpoint (a piece's checksum)")?);
        }
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
        let mut bytes = Vec::new();
        for piece in self.pieces.range(piece_key(meta, first as u32)..=piece_key(meta, u32::MAX)).values() {
            let piece = piece.map_err(StoreError::database("cannot read a checkpoint"))?;
            bytes.extend_from_slice(unseal(&piece, "a checkpoint (a piece's checksum)")?);
        }
        let before = meta.learner_bytes as usize - first * PAYLOAD_BYTES;
        if (first * PAYLOAD_BYTES + bytes.len()) as u64 != meta.bytes || before > bytes.len() {
            return Err(Damaged("a checkpoint (a piece is missing)").into());
        }
        Ok(bytes.split_off(before))
    }

    /// Damages a piece of a checkpoint, as a bad disk would.
    #[cfg(any(test, feature = "faults"))]
    pub fn damage(&self, meta: &CheckpointMeta) {
        let key = piece_key(meta, 0);
        let mut piece = self.pieces.get(&key).unwrap().unwrap().to_vec();
        piece[9] ^= 1;
        self.pieces.insert(key, piece).unwrap();
    }

    /// Bytes on disk, including those that are not reused yet.
    pub fn disk_bytes(&self) -> u64 {
        self.database.disk_bytes()
    }
}

/// The learner's state and the summary, cut into pieces as one sequence of bytes.
fn pieces<'a>(learner: &'a [u8], summary: &'a [u8]) -> impl Iterator<Item = Vec<u8>> + 'a {
    let total = learner.len() + summary.len();
    (0..total).step_by(PAYLOAD_BYTES).map(move |from| {
        let to = (from + PAYLOAD_BYTES).min(total);
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        piece.extend_from_slice(&learner[from.min(learner.len())..to.min(learner.len())]);
        piece.extend_from_slice(&summary[from.saturating_sub(learner.len())..to.saturating_sub(learner.len())]);
        piece
    })
}

fn manifest_key(meta: &CheckpointMeta) -> Vec<u8> {
    let mut k = meta.stream.to_be_bytes().to_vec();
    k.extend_from_slice(&meta.generation.to_be_bytes());
    k
}

fn piece_key(meta: &CheckpointMeta, piece: u32) -> Vec<u8> {
    let mut k = manifest_key(meta);
    k.extend_from_slice(&piece.to_be_bytes());
    k
}

#[cfg(test)]
#[path = "checkpoints_tests.rs"]
mod tests;
