//! Checkpoints: whole states of streams, several generations of each.
//!
//! Tree `pieces`: stream (u32), generation (u64), piece (u32), all big-endian → checksum and up to 14 KiB of the
//! state. Tree `manifests`: stream, generation → a [`CheckpointMeta`] as JSON with a checksum. The order is: pieces,
//! sync, manifest, sync, and only then the oldest generation goes; so that whatever happens, the newest generation
//! that has a manifest is whole, or the one before it is.

use crate::bytes::Damaged;
use crate::database::{Database, PIECE_BYTES, SEGMENT_BYTES};
use crate::{StoreError, seal, unseal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

const FORMAT: &str = "surmise checkpoints 1";
const CACHE_BYTES: u64 = 4 << 20;
const PAYLOAD_BYTES: usize = PIECE_BYTES - 4;

/// What is known about a checkpoint without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointMeta {
    /// The stream's number.
    pub stream: u32,
    /// Its number among the stream's checkpoints, rising.
    pub generation: u64,
    /// The offset of the first event that is not in it.
    pub offset: u64,
    /// When it was made, in microseconds since 1970.
    pub time_us: i64,
    /// The size of the learner's part, which comes first.
    pub learner_bytes: u64,
    /// The size of all of it.
    pub bytes: u64,
    /// The checksum of all of it.
    pub crc32: u32,
    /// The version that wrote it.
    pub version: String,
    /// The learner's hash, where it was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_hash: Option<String>,
    /// Pages of keys that the learner had numbered; it goes on with those below.
    #[serde(default)]
    pub pages: u64,
}

/// A checkpoint that is to be written.
pub struct CheckpointDraft {
    /// The stream's number.
    pub stream: u32,
    /// The offset of the first event that is not in it.
    pub offset: u64,
    /// When it was made.
    pub time_us: i64,
    /// The learner's state.
    pub learner: Vec<u8>,
    /// Everything else about the stream.
    pub summary: Vec<u8>,
    /// The learner's hash, where it was computed.
    pub state_hash: Option<String>,
    /// Pages of keys that the learner had numbered.
    pub pages: u64,
}

/// All checkpoints.
pub struct Checkpoints {
    database: Database,
    pieces: sled::Tree,
    manifests: sled::Tree,
    generations: usize,
    known: Mutex<BTreeMap<u32, Vec<CheckpointMeta>>>,
}

impl Checkpoints {
    /// Opens the checkpoints; of each stream, so many generations are kept.
    pub fn open(path: &Path, generations: u32) -> Result<Checkpoints, StoreError> {
        let database = Database::open(path, SEGMENT_BYTES, CACHE_BYTES, FORMAT)?;
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

    /// The least number of pages that a checkpoint of a stream goes on with; nothing if it has no checkpoint.
    pub fn fewest_pages(&self, stream: u32) -> Option<u64> {
        self.known().get(&stream).and_then(|of| of.iter().map(|m| m.pages).min())
    }

    /// Drops checkpoints of a stream that go on with more pages than these.
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

    /// Writes checkpoints and makes them durable; then deletes the generations that are too many.
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

    fn describe(&self, d: &CheckpointDraft) -> CheckpointMeta {
        let newest = self.known().get(&d.stream).and_then(|v| v.last()).map_or(0, |m| m.generation);
        let mut crc = crc32fast::Hasher::new();
        crc.update(&d.learner);
        crc.update(&d.summary);
        CheckpointMeta {
            stream: d.stream,
            generation: newest + 1,
            offset: d.offset,
            time_us: d.time_us,
            learner_bytes: d.learner.len() as u64,
            bytes: (d.learner.len() + d.summary.len()) as u64,
            crc32: crc.finalize(),
            version: env!("CARGO_PKG_VERSION").into(),
            state_hash: d.state_hash.clone(),
            pages: d.pages,
        }
    }

    /// Lists new checkpoints; returns those that are too many now.
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

    /// Reads a checkpoint: the learner's state, and everything else about the stream.
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
        let rest = bytes.split_off(meta.learner_bytes as usize);
        Ok((bytes, rest))
    }

    /// Reads everything but the learner's state; the checksums of its pieces have to hold.
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

    /// Damages a piece, as a bad disk would.
    #[cfg(any(test, feature = "faults"))]
    pub fn damage(&self, meta: &CheckpointMeta) {
        let key = piece_key(meta, 0);
        let mut piece = self.pieces.get(&key).unwrap().unwrap().to_vec();
        piece[9] ^= 1;
        self.pieces.insert(key, piece).unwrap();
    }

    /// Bytes on disk, what is not reused yet included.
    pub fn disk_bytes(&self) -> u64 {
        self.database.disk_bytes()
    }
}

/// Both parts as one sequence of pieces.
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
