//! Stores of the format before, in which records did not name their streams: they are converted when they are opened.
//!
//! What a conversion has written it recognises, so one that was interrupted is begun again.

use crate::bytes::Damaged;
use crate::checkpoints::{CheckpointMeta, Checkpoints, manifest_key, piece_key};
use crate::checksum::unseal;
use crate::entry::{EntryCopies, StreamEntry};
use crate::error::StoreError;
use crate::group;
use crate::log::{KEY_BYTES, Log, key};
use crate::record::{self, RecordHead, RecordKind};

fn is_record(value: &[u8]) -> bool {
    value.starts_with(&record::MAGIC)
}

/// Rewrites the entries and groups of a log as records that name their streams.
pub(crate) fn convert_log(log: &Log) -> Result<(), StoreError> {
    let mut copies = EntryCopies::default();
    for value in log.streams.iter().values() {
        let value = value.map_err(StoreError::database("cannot read the list of streams"))?;
        if is_record(&value) {
            continue;
        }
        let entry = unseal(&value, "a stream's entry").ok().and_then(|v| serde_json::from_slice::<StreamEntry>(v).ok());
        match entry {
            Some(entry) => copies.entries.push((0, entry)),
            None => tracing::warn!("the entry of a stream is damaged, and the stream with it"),
        }
    }
    log.registry.merge(copies);
    for entry in log.registry.entries() {
        convert_groups(log, &entry)?;
    }
    crate::log::put_copies(&log.streams, &log.registry, log.registry.entries().iter().map(|entry| entry.number))?;
    log.database.set_converted()?;
    tracing::info!("the log was converted: its records name their streams now");
    Ok(())
}

fn convert_groups(log: &Log, entry: &StreamEntry) -> Result<(), StoreError> {
    let read = StoreError::database("cannot read the log");
    let mut group: Option<(u64, Vec<u8>)> = None;
    for piece in log.groups.scan_prefix(entry.number.to_be_bytes()) {
        let (k, v) = match piece {
            Ok(piece) => piece,
            Err(e) => return Err(read(e)),
        };
        if k.len() == KEY_BYTES {
            convert_group(log, entry, group.take())?;
            let first_offset = k.last_chunk::<8>().map_or(0, |offset| u64::from_be_bytes(*offset));
            group = (!is_record(&v)).then(|| (first_offset, v.to_vec()));
        } else if let Some((_, bytes)) = &mut group {
            bytes.extend_from_slice(&v);
        }
    }
    convert_group(log, entry, group)
}

fn convert_group(log: &Log, entry: &StreamEntry, group: Option<(u64, Vec<u8>)>) -> Result<(), StoreError> {
    let Some((first_offset, bytes)) = group else { return Ok(()) };
    if let Err(e) = group::decode(&bytes) {
        tracing::warn!(stream = entry.name, first_offset, "a group of the log is damaged: {e}");
    }
    let head = RecordHead::new(RecordKind::Group, entry.id(), first_offset, 0);
    let mut batch = sled::Batch::default();
    for (piece, record) in head.cut(&bytes).enumerate() {
        batch.insert(key(entry.number, first_offset, piece), record);
    }
    log.groups.apply_batch(batch).map_err(StoreError::database("cannot write the log"))
}

/// Rewrites checkpoints as records that name their streams. One that is damaged, or whose stream nobody knows, is
/// passed over.
pub(crate) fn convert_checkpoints(checkpoints: &Checkpoints) -> Result<(), StoreError> {
    for value in checkpoints.manifests.iter().values() {
        let value = value.map_err(StoreError::database("cannot read the list of checkpoints"))?;
        if is_record(&value) {
            continue;
        }
        let read = unseal(&value, "a checkpoint's manifest").ok().and_then(|v| serde_json::from_slice(v).ok());
        let Some(meta) = read else { continue };
        if let Err(e) = convert_checkpoint(checkpoints, meta) {
            tracing::warn!("a checkpoint of the format before is passed over: {e}");
        }
    }
    checkpoints.database.set_converted()?;
    tracing::info!("the checkpoints were converted: their records name their streams now");
    Ok(())
}

fn convert_checkpoint(checkpoints: &Checkpoints, mut meta: CheckpointMeta) -> Result<(), StoreError> {
    let id = checkpoints.registry.id(meta.stream)?;
    let mut bytes = Vec::new();
    let mut batch = sled::Batch::default();
    for piece in checkpoints.pieces.range(piece_key(&meta, 0)..=piece_key(&meta, u32::MAX)) {
        let (k, v) = piece.map_err(StoreError::database("cannot read a checkpoint"))?;
        let part = match is_record(&v) {
            true => record::unseal(&v, "a checkpoint (a piece's checksum)")?.1,
            false => unseal(&v, "a checkpoint (a piece's checksum)")?,
        };
        bytes.extend_from_slice(part);
        batch.remove(k);
    }
    if bytes.len() as u64 != meta.bytes || crc32fast::hash(&bytes) != meta.crc32 {
        return Err(Damaged("a checkpoint (checksum)").into());
    }
    meta.epoch = id.epoch;
    let head = RecordHead::new(RecordKind::State, id, meta.generation, 0);
    for (n, record) in head.cut(&bytes).enumerate() {
        batch.insert(piece_key(&meta, n as u32), record);
    }
    checkpoints.pieces.apply_batch(batch).map_err(StoreError::database("cannot write a checkpoint"))?;
    let put = checkpoints.manifests.insert(manifest_key(&meta), meta.record(id));
    put.map(|_| ()).map_err(StoreError::database("cannot write a checkpoint's manifest"))
}
