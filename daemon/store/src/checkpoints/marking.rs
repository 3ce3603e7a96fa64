//! Pinning and labelling checkpoints, and deleting all of a stream.

use super::{CheckpointDraft, CheckpointMeta, Checkpoints, manifest_key};
use crate::error::StoreError;

/// Checkpoints of one stream that may be pinned.
const PINNED_MAX: usize = 16;

impl Checkpoints {
    /// Deletes all checkpoints of a stream.
    ///
    /// # Errors
    /// The database refuses.
    pub fn clear(&self, stream: u32) -> Result<(), StoreError> {
        let gone = self.known().remove(&stream).unwrap_or_default();
        for meta in &gone {
            let removed = self.manifests.remove(manifest_key(meta));
            removed.map_err(StoreError::database("cannot delete a checkpoint's manifest"))?;
            self.delete_pieces(meta)?;
        }
        if gone.is_empty() { Ok(()) } else { self.database.flush() }
    }

    /// Deletes one checkpoint.
    ///
    /// # Errors
    /// The database refuses.
    pub fn delete(&self, meta: &CheckpointMeta) -> Result<(), StoreError> {
        if let Some(of) = self.known().get_mut(&meta.stream) {
            of.retain(|other| other.generation != meta.generation);
        }
        let removed = self.manifests.remove(manifest_key(meta));
        removed.map_err(StoreError::database("cannot delete a checkpoint's manifest"))?;
        self.delete_pieces(meta)?;
        self.database.flush()
    }

    /// Copies the checkpoints of a stream that are pinned or have a label, of offsets up to `until`, to a stream that
    /// goes on from it and has no checkpoint yet; its key pages are copied already. One that is damaged, or that finds
    /// its key pages no more, is left out.
    ///
    /// # Errors
    /// A database refuses.
    pub fn carry_marked(
        &self,
        from: u32,
        to: u32,
        until: u64,
        can_resume_from: impl Fn(&CheckpointMeta) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let is_marked = |meta: &CheckpointMeta| meta.pinned || meta.label.is_some();
        for meta in self.of(from).into_iter().filter(|meta| is_marked(meta) && meta.offset <= until) {
            if !can_resume_from(&meta)? {
                continue;
            }
            let (learner, summary) = match self.load(&meta) {
                Ok(bytes) => bytes,
                Err(e) if e.is_damage() => continue,
                Err(e) => return Err(e),
            };
            let CheckpointMeta { offset, time_us, state_hash, pages, .. } = meta;
            let draft = CheckpointDraft { stream: to, offset, time_us, learner, summary, state_hash, pages };
            for carried in self.write(&[draft])? {
                self.mark(&CheckpointMeta { pinned: meta.pinned, label: meta.label.clone(), ..carried })?;
            }
        }
        Ok(())
    }

    /// Changes whether a checkpoint is pinned, and its label, durably. A label that another checkpoint of the stream
    /// had is taken from that one.
    ///
    /// # Errors
    /// Too many are pinned, the checkpoint is gone, or the database refuses.
    pub fn mark(&self, marked: &CheckpointMeta) -> Result<(), StoreError> {
        let id = self.registry.id(marked.stream)?;
        let mut known = self.known();
        let of = known.get_mut(&marked.stream).map_or(&mut [][..], Vec::as_mut_slice);
        let pinned = of.iter().filter(|meta| meta.pinned && meta.generation != marked.generation).count();
        if marked.pinned && pinned >= PINNED_MAX {
            return Err(StoreError::TooManyPinned { most: PINNED_MAX });
        }
        for meta in of {
            let before = meta.clone();
            if meta.generation == marked.generation {
                (meta.pinned, meta.label) = (marked.pinned, marked.label.clone());
            } else if marked.label.is_some() && meta.label == marked.label {
                meta.label = None;
            }
            if *meta != before {
                let put = self.manifests.insert(manifest_key(meta), meta.record(id));
                put.map_err(StoreError::database("cannot write a checkpoint's manifest"))?;
            }
        }
        drop(known);
        self.database.flush()
    }
}
