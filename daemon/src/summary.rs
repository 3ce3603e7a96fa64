//! What is known of a stream without its learner. It lies beside the learner in every checkpoint, so that a stream
//! whose checkpoint covers its log can sleep through a start.

use crate::producers::Producers;
use crate::stream::{Counters, StreamState};
use std::collections::BTreeMap;
use surmise_event::Schema;
use surmise_store::bytes::{Cursor, Damaged, put_bytes, put_varint};
use surmise_store::{CheckpointMeta, Store, StoreError, StreamEntry};

const VERSION: u8 = 2;

/// A stream without its learner.
#[derive(Debug)]
pub struct StreamSummary {
    /// Its producers.
    pub producers: Producers,
    /// Its counters.
    pub counters: Counters,
    /// How many times its model has changed.
    pub model_version: u64,
    /// Keys held.
    pub keys: u64,
    /// Its fields, those included that were found on the way.
    pub schema: Schema,
}

impl StreamSummary {
    /// The summary of a state, encoded.
    pub fn encode(state: &StreamState) -> Vec<u8> {
        let mut out = vec![VERSION];
        state.producers.encode(&mut out);
        let c = &state.counters;
        for n in [c.records, c.duplicates, c.logged_bytes] {
            put_varint(&mut out, n);
        }
        put_varint(&mut out, u64::from(c.last_event_us.is_some()));
        out.extend_from_slice(&c.last_event_us.unwrap_or(0).to_le_bytes());
        put_varint(&mut out, c.refused.len() as u64);
        for (code, n) in &c.refused {
            put_bytes(&mut out, code.as_bytes());
            put_varint(&mut out, *n);
        }
        put_varint(&mut out, state.learner.model_version());
        put_varint(&mut out, state.learner.keys_held() as u64);
        let schema = serde_json::to_string(state.learner.schema()).expect("invariant: a schema can be written as JSON");
        put_bytes(&mut out, schema.as_bytes());
        out
    }

    /// Reads an summary.
    ///
    /// # Errors
    /// It is damaged, or of another version.
    pub fn decode(bytes: &[u8], producers_max: usize) -> Result<StreamSummary, Damaged> {
        let mut c = Cursor(bytes);
        if c.byte("checkpoint version")? != VERSION {
            return Err(Damaged("a checkpoint's version"));
        }
        let producers = Producers::decode(&mut c, producers_max)?;
        let (records, duplicates, logged_bytes) = (c.varint("records")?, c.varint("duplicates")?, c.varint("bytes")?);
        let some = c.varint("time")? == 1;
        let time = c.u64("time")? as i64;
        let mut refused = BTreeMap::new();
        for _ in 0..c.count("refusals")? {
            let code = c.text("code")?.to_owned();
            refused.insert(code, c.varint("count")?);
        }
        let counters = Counters { records, duplicates, logged_bytes, last_event_us: some.then_some(time), refused };
        let (model_version, keys) = (c.varint("model version")?, c.varint("keys")?);
        let schema = serde_json::from_str(c.text("schema")?).map_err(|_| Damaged("a checkpoint's schema"))?;
        Ok(StreamSummary { producers, counters, model_version, keys, schema })
    }

    /// The summary of a stream whose newest checkpoint covers its whole log; nothing if there is something to learn
    /// again, or no such checkpoint.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(
        store: &Store,
        entry: &StreamEntry,
        producers_max: usize,
    ) -> Result<Option<(StreamSummary, CheckpointMeta)>, StoreError> {
        let Some(newest) = store.checkpoints.of(entry.number).pop() else { return Ok(None) };
        if !store.log.ends_at(entry.number, newest.offset)? {
            return Ok(None);
        }
        let summary = store.checkpoints.load_summary(&newest)?;
        Ok(Some((StreamSummary::decode(&summary, producers_max)?, newest)))
    }
}
