//! What is known of a stream without its learner. It is a part of every checkpoint, so that a stream whose newest
//! checkpoint covers its log can sleep through a start.

use crate::counters::Counters;
use crate::event_ids::EventIds;
use crate::event_times::EventTimes;
use crate::past::StreamPast;
use crate::producers::{ProducerBounds, Producers};
use crate::quarantine::Quarantine;
use crate::refusals::RefusalCounts;
use crate::storage::Storage;
use surmise_event::Schema;
use surmise_learner::Learner;
use surmise_store::bytes::{Cursor, Damaged, put_bytes, put_varint};
use surmise_store::{CheckpointMeta, StoreError, StreamEntry};

/// The version of the encoding.
const SUMMARY_VERSION: u8 = 8;
/// The version of a stream whose events had no ids, which has none.
const SUMMARY_VERSION_NO_IDS: u8 = 7;
/// The versions before, which knew the latest time of the events alone: with ids, and without.
const SUMMARY_VERSION_NO_PACE: u8 = 6;
const SUMMARY_VERSION_NO_PACE_OR_IDS: u8 = 5;
/// The oldest version that is read. It had no quarantine, and what the versions between have of the past is not read.
const SUMMARY_VERSION_NO_QUARANTINE: u8 = 2;

/// A stream without its learner.
#[derive(Debug)]
pub struct StreamSummary {
    /// How far each producer's events are learnt.
    pub producers: Producers,
    /// The stream's counters.
    pub counters: Counters,
    /// How many times the model has changed.
    pub model_version: u64,
    /// The number of keys held, in memory or in the store.
    pub keys: u64,
    /// The stream's fields, including those found after it was made.
    pub schema: Schema,
    /// The stream's quarantine.
    pub quarantine: Quarantine,
    /// What is shown of the stream's past.
    pub past: StreamPast,
}

impl StreamSummary {
    /// The encoded summary of a stream with these parts.
    pub fn encode(
        producers: &Producers,
        counters: &Counters,
        quarantine: &Quarantine,
        past: &StreamPast,
        learner: &Learner,
    ) -> Vec<u8> {
        let has_ids = !producers.ids().is_empty();
        let mut out = vec![if has_ids { SUMMARY_VERSION } else { SUMMARY_VERSION_NO_IDS }];
        producers.encode(&mut out);
        for count in [counters.records, counters.duplicates, counters.logged_bytes] {
            put_varint(&mut out, count);
        }
        counters.times.encode(&mut out);
        let refused = counters.refused.by_name();
        put_varint(&mut out, refused.len() as u64);
        for (name, count) in refused {
            put_bytes(&mut out, name.as_bytes());
            put_varint(&mut out, *count);
        }
        put_varint(&mut out, learner.model_version());
        put_varint(&mut out, learner.keys_held() as u64);
        let schema = serde_json::to_string(learner.schema()).expect("invariant: a schema can be written as JSON");
        put_bytes(&mut out, schema.as_bytes());
        quarantine.encode(&mut out);
        past.encode(&mut out);
        if has_ids {
            producers.ids().encode(&mut out);
        }
        out
    }

    /// Reads an encoded summary, with a table of producers within bounds.
    ///
    /// # Errors
    /// The bytes are damaged, or of another version.
    pub fn decode(bytes: &[u8], bounds: ProducerBounds) -> Result<StreamSummary, Damaged> {
        let mut cursor = Cursor(bytes);
        let version = cursor.byte("checkpoint version")?;
        if !(SUMMARY_VERSION_NO_QUARANTINE..=SUMMARY_VERSION).contains(&version) {
            return Err(Damaged("a checkpoint's version"));
        }
        let mut producers = Producers::decode(&mut cursor, bounds)?;
        let records = cursor.varint("records")?;
        let duplicates = cursor.varint("duplicates")?;
        let logged_bytes = cursor.varint("bytes")?;
        let times = EventTimes::decode(&mut cursor)?;
        let mut refused = RefusalCounts::default();
        for _ in 0..cursor.count("refusals")? {
            let name = cursor.text("code")?;
            refused.set(name, cursor.varint("count")?);
        }
        let counters = Counters { records, duplicates, logged_bytes, times, refused };
        let (model_version, keys) = (cursor.varint("model version")?, cursor.varint("keys")?);
        let schema = serde_json::from_str(cursor.text("schema")?).map_err(|_| Damaged("a checkpoint's schema"))?;
        let quarantine = match version {
            SUMMARY_VERSION_NO_QUARANTINE => Quarantine::default(),
            _ => Quarantine::decode(&mut cursor)?,
        };
        let past = match version {
            SUMMARY_VERSION_NO_PACE_OR_IDS.. => StreamPast::decode(&mut cursor)?,
            _ => StreamPast::default(),
        };
        if matches!(version, SUMMARY_VERSION | SUMMARY_VERSION_NO_PACE) {
            producers.set_ids(EventIds::decode(&mut cursor, bounds.ids)?);
        }
        Ok(StreamSummary { producers, counters, model_version, keys, schema, quarantine, past })
    }

    /// The summary of a stream whose newest checkpoint covers its whole log, with that checkpoint; `None` if a part of
    /// the log has to be learnt again.
    ///
    /// # Errors
    /// The summary cannot be read.
    pub fn of_covered(
        storage: &dyn Storage,
        entry: &StreamEntry,
        bounds: ProducerBounds,
    ) -> Result<Option<(StreamSummary, CheckpointMeta)>, StoreError> {
        let Some(newest) = storage.checkpoints(entry.number).pop() else { return Ok(None) };
        // an end of the log that is missing has to be told
        if !storage.log_ends_at(entry.number, newest.offset)? || storage.acknowledged(entry.number) > newest.offset {
            return Ok(None);
        }
        let bytes = storage.load_summary(&newest)?;
        Ok(Some((StreamSummary::decode(&bytes, bounds)?, newest)))
    }
}
