//! The table of which events a stream has learnt, by their producers and by their ids. It is what makes learning happen
//! exactly once.
//!
//! Memory holds the producers that were heard of lately; the others are in the store. Together the two are a
//! function of the log alone: a checkpoint holds what is in memory, what is in the store is true of the whole log,
//! and learning the log after the checkpoint again makes the table what it was. See `surmise_store::ProducerTrees`
//! for why.

pub use crate::epochs::{EpochFault, check_epoch};
use crate::event_ids::EventIds;
use crate::producer_keys::{ProducerKeys, producer_of};
use crate::storage::Storage;
use crate::telemetry;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use surmise_config::Config;
use surmise_store::bytes::{Cursor, Damaged, put_bytes, put_option, put_varint};
use surmise_store::group::{EventId, Origin};
use surmise_store::{Producer, ProducerCounts, StoreError, StreamEntry};

/// Producers that leave memory at once are so small a part of it, and at most so many.
const LEAVING_DIVISOR: usize = 16;
const LEAVING_MAX: usize = 1024;

/// What a stream knows of an event by its producer's epoch and its sequence number.
#[derive(Debug, PartialEq, Eq)]
pub enum SeqStatus {
    /// The event has not been learnt.
    New,
    /// The event has been learnt before.
    Duplicate,
    /// Events of this epoch are not taken.
    Fenced(EpochFault),
}

/// Where the producers that memory has no room for are.
#[derive(Clone)]
struct ProducerStore {
    storage: Arc<dyn Storage>,
    table: u32,
    /// Producers that it holds at most.
    keep: u64,
}

/// The bounds of a table of producers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerBounds {
    /// Producers in memory.
    pub memory: usize,
    /// Producers in the store.
    pub store: u64,
    /// The latest events with an id whose ids are known.
    pub ids: usize,
}

impl ProducerBounds {
    /// Bounds for tests with few producers.
    #[cfg(test)]
    pub const FEW: ProducerBounds = ProducerBounds { memory: 9, store: 9, ids: 9 };

    /// The bounds that a configuration sets.
    pub fn of(config: &Config) -> ProducerBounds {
        let limits = &config.limits;
        ProducerBounds { memory: limits.producers, store: limits.producers_stored as u64, ids: limits.event_ids }
    }
}

/// Whether a table follows events that come, or those of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Following {
    /// Each event is new or not; only those before this offset are durable.
    Live { durable_before: u64 },
    /// Each event of the log was new; those before this offset are durable. The store may know later ones already,
    /// which then come again.
    Log { durable_before: u64 },
}

impl Following {
    fn durable_before(self) -> u64 {
        let (Following::Live { durable_before } | Following::Log { durable_before }) = self;
        durable_before
    }
}

/// The producers of one stream.
#[derive(Clone)]
pub struct Producers {
    map: FxHashMap<Arc<str>, Producer>,
    ids: EventIds,
    bounds: ProducerBounds,
    /// Producers in memory at which the next ones leave it.
    leave_at: usize,
    store: Option<ProducerStore>,
    keys: ProducerKeys,
    following: Following,
}

impl Producers {
    /// An empty table within bounds. Without a store it keeps all producers in memory.
    pub fn new(bounds: ProducerBounds) -> Producers {
        let leave_at = bounds.memory.max(1);
        let following = Following::Live { durable_before: 0 };
        let (map, ids, keys) = (FxHashMap::default(), EventIds::default(), ProducerKeys::default());
        Producers { map, ids, bounds, leave_at, store: None, keys, following }
    }

    /// Lets the table be that of a stream, with its part of a store.
    pub fn connect(&mut self, storage: Option<Arc<dyn Storage>>, entry: &StreamEntry) {
        let (table, keep) = (entry.producers(), self.bounds.store);
        self.store = storage.map(|storage| ProducerStore { storage, table, keep });
        self.keys = ProducerKeys::of(entry);
    }

    /// Takes the events that follow as those of the log: none is looked up in the store. Those before this offset are
    /// durable.
    pub fn begin_replay(&mut self, durable_before: u64) {
        self.following = Following::Log { durable_before };
    }

    /// Takes the events that follow as those of producers. What was learnt before this offset is durable.
    pub fn follow_live(&mut self, durable_before: u64) {
        self.following = Following::Live { durable_before };
    }

    /// Looks an event up by its origin and by its id, of which one is enough to recognise it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn status(&mut self, origin: Option<&Origin>, id: Option<EventId>) -> Result<SeqStatus, StoreError> {
        let status = origin.map_or(Ok(SeqStatus::New), |origin| self.seq_status(origin))?;
        // what is in the log was new, whatever bound the window of ids has now
        let is_live = matches!(self.following, Following::Live { .. });
        let is_known = is_live && id.is_some_and(|id| self.ids.contains(id));
        Ok(if is_known && status == SeqStatus::New { SeqStatus::Duplicate } else { status })
    }

    /// Looks an event up by its origin. A producer that is in the store comes into memory.
    ///
    /// # Errors
    /// The store cannot be read.
    fn seq_status(&mut self, origin: &Origin) -> Result<SeqStatus, StoreError> {
        let is_live = matches!(self.following, Following::Live { .. });
        let key = self.keys.present(&origin.producer);
        if is_live
            && !self.map.contains_key(&key)
            && let Some(known) = self.stored(&key)?
        {
            if self.map.len() >= self.leave_at {
                self.make_room();
            }
            // its latest event is durable, whatever offset it had in a stream before this one
            let last_offset = known.last_offset.min(self.following.durable_before().saturating_sub(1));
            self.map.insert(key.clone(), Producer { last_offset, ..known });
        }
        let before = if is_live && !self.map.contains_key(&key) { self.known_before(&origin.producer)? } else { None };
        // under the names before, only what was safe was everything
        let (known, learnt) = match self.map.get(&key) {
            Some(known) => (Some(*known), Some(known.last_seq)),
            None => (before, before.and_then(|known| known.safe)),
        };
        if is_live && let Err(fault) = check_epoch(known.map(|known| known.epoch), origin.epoch) {
            return Ok(SeqStatus::Fenced(fault));
        }
        let is_learnt = known.is_some_and(|known| known.epoch == origin.epoch) && learnt >= Some(origin.seq);
        Ok(if is_learnt { SeqStatus::Duplicate } else { SeqStatus::New })
    }

    fn stored(&self, key: &str) -> Result<Option<Producer>, StoreError> {
        self.store.as_ref().map_or(Ok(None), |store| store.storage.producer(store.table, key))
    }

    /// What is known of a producer under one key, in memory and in the store.
    fn at(&self, key: &str) -> Result<Option<Producer>, StoreError> {
        Ok(match (self.map.get(key), self.stored(key)?) {
            (Some(known), Some(stored)) => Some(known.newer(stored)),
            (known, stored) => known.copied().or(stored),
        })
    }

    /// What is known of a producer under the names that the stream had before.
    fn known_before(&self, producer: &Arc<str>) -> Result<Option<Producer>, StoreError> {
        self.keys.former(producer).try_fold(None, |known, key| Ok(newest(known, self.at(&key)?)))
    }

    /// Remembers an event that is being learnt.
    pub fn note(&mut self, origin: Option<&Origin>, id: Option<EventId>, offset: u64) {
        if let Some(origin) = origin {
            self.note_origin(origin, offset);
        }
        if let Some(id) = id {
            self.ids.note(id, self.bounds.ids);
        }
    }

    fn note_origin(&mut self, origin: &Origin, offset: u64) {
        let key = self.keys.present(&origin.producer);
        let new = Producer { epoch: origin.epoch, last_seq: origin.seq, safe: origin.safe, last_offset: offset };
        match self.map.get_mut(&key) {
            Some(known) if known.epoch == origin.epoch => {
                *known = Producer { safe: known.safe.max(origin.safe), ..new };
            }
            Some(known) => *known = new,
            None => {
                if self.map.len() >= self.leave_at {
                    self.make_room();
                }
                self.map.insert(key, new);
            }
        }
    }

    /// Moves producers that are silent for longest to the store: only such whose latest event is durable, as an
    /// entry of the store has to be true of the log.
    fn make_room(&mut self) {
        let leaving = (self.bounds.memory / LEAVING_DIVISOR).clamp(1, LEAVING_MAX);
        self.leave_at = self.map.len() + leaving;
        let Some(store) = self.store.clone() else { return };
        let durable_before = self.following.durable_before();
        let durable = self.map.iter().filter(|(_, producer)| producer.last_offset < durable_before);
        let mut oldest: Vec<(Arc<str>, Producer)> = durable.map(|(name, p)| (name.clone(), *p)).collect();
        let many = leaving + self.map.len().saturating_sub(self.bounds.memory);
        let silent_for_longest =
            |a: &(Arc<str>, Producer), b: &(Arc<str>, Producer)| (a.1.last_offset, &a.0).cmp(&(b.1.last_offset, &b.0));
        if oldest.len() > many {
            oldest.select_nth_unstable_by(many, silent_for_longest);
            oldest.truncate(many);
        }
        if oldest.is_empty() {
            return;
        }
        match store.storage.put_producers(store.table, &oldest, store.keep) {
            Ok(forgotten) => {
                for (name, _) in &oldest {
                    self.map.remove(name);
                }
                report_forgotten(store.table, &forgotten);
            }
            // they stay in memory; a store that fails does not commit either, so no more come for long
            Err(e) => tracing::error!("producers cannot be written: {e}"),
        }
        self.leave_at = (self.map.len() + 1).max(self.bounds.memory);
    }

    /// What the table knows of a producer, in memory and in the store, under all names of the stream.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn known(&self, producer: &Arc<str>) -> Result<Option<Producer>, StoreError> {
        Ok(newest(self.at(&self.keys.present(producer))?, self.known_before(producer)?))
    }

    /// Takes from another table what is further on there.
    pub fn merge(&mut self, other: &Producers) {
        self.ids.merge(&other.ids, self.bounds.ids);
        for (name, producer) in &other.map {
            let is_news = |known: &Producer| (known.epoch, known.last_seq) < (producer.epoch, producer.last_seq);
            if self.map.get(name).is_none_or(is_news) {
                if self.map.len() >= self.leave_at {
                    self.make_room();
                }
                self.map.insert(name.clone(), *producer);
            }
        }
    }

    /// The offset of the latest event of a producer that is in memory. What is in the store is durable.
    pub fn offset_in_memory(&self, producer: &Arc<str>) -> Option<u64> {
        self.keys.all(producer).filter_map(|key| self.map.get(&key).map(|known| known.last_offset)).max()
    }

    /// Lets the table belong to a stream that goes on from another offset. All that it knows is durable.
    pub fn rebase(&mut self, offset: u64) {
        for producer in self.map.values_mut() {
            producer.last_offset = producer.last_offset.min(offset.saturating_sub(1));
        }
    }

    /// Forgets one producer, in memory and in the store. Returns whether it was known.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn forget(&mut self, producer: &Arc<str>) -> Result<bool, StoreError> {
        let keys: Vec<Arc<str>> = self.keys.all(producer).collect();
        let mut was_known = false;
        for key in keys {
            if let Some(store) = &self.store {
                was_known |= store.storage.remove_producer(store.table, &key)?;
            }
            was_known |= self.map.remove(&key).is_some();
        }
        Ok(was_known)
    }

    /// The number of producers in memory.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// How many producers are in the store, some of them in memory as well, and how many were forgotten.
    pub fn counts(&self) -> ProducerCounts {
        let counts = self.store.as_ref().map(|store| store.storage.producer_counts(store.table));
        counts.and_then(Result::ok).unwrap_or_default()
    }

    /// The ids of the latest events.
    pub fn ids(&self) -> &EventIds {
        &self.ids
    }

    /// Sets the ids of the latest events; a stream that sleeps has none in memory.
    pub fn set_ids(&mut self, ids: EventIds) {
        self.ids = ids;
    }

    /// Appends the producers that are in memory, in the order of names.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut sorted: Vec<_> = self.map.iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(b.0));
        put_varint(out, sorted.len() as u64);
        for (name, producer) in sorted {
            put_bytes(out, name.as_bytes());
            put_varint(out, producer.epoch);
            put_varint(out, producer.last_seq);
            put_option(out, producer.safe);
            put_varint(out, producer.last_offset);
        }
    }

    /// Reads what [`Producers::encode`] wrote, as a table without a store.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn decode(cursor: &mut Cursor<'_>, bounds: ProducerBounds) -> Result<Producers, Damaged> {
        let mut table = Producers::new(bounds);
        for _ in 0..cursor.count("producers")? {
            let name = Arc::from(cursor.text("producer")?);
            let (epoch, last_seq) = (cursor.varint("epoch")?, cursor.varint("seq")?);
            let (safe, last_offset) = (cursor.option("safe")?, cursor.varint("offset")?);
            table.map.insert(name, Producer { epoch, last_seq, safe, last_offset });
        }
        Ok(table)
    }
}

#[cfg(test)]
impl PartialEq for Producers {
    fn eq(&self, other: &Producers) -> bool {
        self.map == other.map && self.ids == other.ids
    }
}

impl std::fmt::Debug for Producers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Producers({} in memory)", self.map.len())
    }
}

/// The newer of two accounts, with the later of their offsets.
fn newest(a: Option<Producer>, b: Option<Producer>) -> Option<Producer> {
    match (a, b) {
        (Some(a), Some(b)) => Some(Producer { last_offset: a.last_offset.max(b.last_offset), ..a.newer(b) }),
        (a, b) => a.or(b),
    }
}

/// Tells of producers that were forgotten: what they send again is learnt again.
fn report_forgotten(table: u32, forgotten: &[Arc<str>]) {
    let Some(first) = forgotten.first() else { return };
    metrics::counter!(telemetry::PRODUCERS_FORGOTTEN).increment(forgotten.len() as u64);
    tracing::warn!(
        stream_number = table,
        "{} producers are forgotten, as the store holds limits.producers_stored others that sent later: {first}, …; \
         what they send again would be learnt again",
        forgotten.len(),
        first = producer_of(first),
    );
}

#[cfg(test)]
#[path = "producers_tests.rs"]
mod tests;
