//! A learner as bytes, which is the largest part of a checkpoint, and what they hold in which order.
//!
//! ```text
//! magic "surmise\0", format (u32)
//! length (u64), options as JSON
//! length (u64), core: arithmetic, schema, position, numbers, fields, ending, alarms, drift, sessions, seen, beginning,
//!               keys
//! length (u64), tally: the measures of the report
//! CRC-32 of all of the above (u32)
//! ```
//!
//! The core holds everything that decides predictions, and what alarms and verdicts on sessions are told by. It is what
//! `state_hash` hashes, in one walk ([`Persist`]) that writes, reads, hashes and measures. Where the states of keys
//! lie, in memory or in the store, is no part of the hash, because it decides nothing.

use crate::error::{CheckpointError, LearnerError};
use crate::keys::{KeyState, Keys, digest};
use crate::learner::Learner;
use crate::seen::FieldSeen;
use surmise_event::{FirstEvents, Schema};
use surmise_number::ColumnPlaces;
use surmise_state::{Persist, State, StateError};

const MAGIC: &[u8; 8] = b"surmise\0";

/// The version of what is written; it rises with every change of it.
pub const FORMAT: u32 = 30;

impl Learner {
    /// Saves the learner: all that [`Learner::load`] needs to make one that continues exactly as this one would, in one
    /// block of bytes with a format version and a checksum.
    ///
    /// A checkpoint holds the schema, the options, every weight and count of the models, the states of the keys in
    /// memory, and the measures. It holds no settings of measuring ([`Learner::set_scoring`] and the like), no job
    /// sink, and of keys in the store only an account: their pages stay where they are. Saving changes nothing that
    /// decides a prediction.
    pub fn save(&mut self) -> Vec<u8> {
        let options = serde_json::to_vec(&self.options).expect("options are plain data");
        // measures lie outside the core, as the state hash has to be equal whether or not something was measured
        let tally = self.measures.tally.encode();
        let core_bytes = Core(self).measure();
        // the core is large, so room is made once for all of it and it is written in place
        let rest = MAGIC.len() + 4 + 3 * 8 + options.len() + tally.len() + 4;
        let mut out = Vec::with_capacity(core_bytes as usize + rest);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        let put = |out: &mut Vec<u8>, part: &[u8]| {
            out.extend_from_slice(&(part.len() as u64).to_le_bytes());
            out.extend_from_slice(part);
        };
        put(&mut out, &options);
        out.extend_from_slice(&core_bytes.to_le_bytes());
        let mut out = Core(self).encode_after(out);
        put(&mut out, &tally);
        let sum = crc32fast::hash(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Loads what [`Learner::save`] wrote. The learner that it makes has the same [`state_hash`](Learner::state_hash),
    /// and ends in the same bits after the same events.
    ///
    /// # Errors
    /// The bytes are damaged, or of a format that this version cannot read.
    pub fn load(bytes: &[u8]) -> Result<Learner, LearnerError> {
        let body = bytes.strip_prefix(MAGIC).ok_or(CheckpointError::Foreign)?;
        let (format, body) = body.split_first_chunk::<4>().ok_or(CheckpointError::CutShort)?;
        match u32::from_le_bytes(*format) {
            FORMAT => {}
            found => return Err(CheckpointError::Format { found, reads: FORMAT }.into()),
        }
        // the checksum is looked at before any part, so that no part has to expect damage
        let (mut body, sum) = body.split_last_chunk::<4>().ok_or(CheckpointError::CutShort)?;
        if crc32fast::hash(&bytes[..bytes.len() - 4]) != u32::from_le_bytes(*sum) {
            return Err(CheckpointError::Checksum.into());
        }
        let mut part = || -> Result<&[u8], CheckpointError> {
            let (length, rest) = body.split_first_chunk::<8>().ok_or(CheckpointError::CutShort)?;
            let part = rest.split_at_checked(u64::from_le_bytes(*length) as usize);
            let (part, rest) = part.ok_or(CheckpointError::CutShort)?;
            body = rest;
            Ok(part)
        };
        let options = serde_json::from_slice(part()?).map_err(CheckpointError::Options)?;
        // the schema is in the core: reading it makes the models that the rest is read into
        let mut learner = Learner::new(Schema::default(), options)?;
        Core(&mut learner).decode(part()?)?;
        learner.measures.tally.decode(part()?)?;
        if learner.measures.tally.fields.len() != learner.models.fields.len() {
            return Err(CheckpointError::OtherFields.into());
        }
        Ok(learner)
    }
}

/// The part of a learner that decides what it will predict, without its measures.
pub(crate) struct Core<'a>(pub &'a mut Learner);

impl Persist for Core<'_> {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let learner = &mut *self.0;
        // weights of one arithmetic (fused multiply-add or not) give other bits under the other
        let mut arithmetic = surmise_lanes::Kernel::detect().arithmetic().to_owned();
        s.string("arithmetic", &mut arithmetic)?;
        persist_fields(learner, s)?;
        let position = &mut learner.position;
        for v in [&mut position.offset, &mut position.version, &mut position.late] {
            s.u64("position", v)?;
        }
        let models = &mut learner.models;
        s.list("places", &mut models.places, ColumnPlaces::default)?;
        if let Some(numbers) = &mut models.numbers {
            numbers.persist(s)?;
        }
        for field in &mut models.fields {
            field.persist(s)?;
        }
        models.ending.persist(s)?;
        learner.monitors.alarms.persist(s)?;
        learner.monitors.drift.persist(s)?;
        learner.monitors.sessions.persist(s)?;
        learner.monitors.open_sessions.persist(s)?;
        learner.monitors.silences.persist(s)?;
        s.list("seen", &mut learner.monitors.seen, FieldSeen::default)?;
        s.option("beginning", &mut learner.beginning, FirstEvents::default)?;
        if learner.beginning.as_ref().is_some_and(|beginning| !beginning.fits(&learner.schema)) {
            return Err(StateError::Invalid("beginning"));
        }
        // the states of keys are read and written by the models, so they leave the learner meanwhile
        let mut held = std::mem::replace(&mut learner.keys, Keys::new(&learner.options));
        let result = persist_keys(learner, &mut held, s);
        learner.keys = held;
        result
    }
}

/// The schema, and how many fields it had when each field's model was made; reading makes the models anew.
fn persist_fields(learner: &mut Learner, s: &mut State<'_>) -> Result<(), StateError> {
    let mut schema = learner.schema.clone();
    schema.persist(s)?;
    let mut counts: Vec<u32> = learner.models.fields.iter().map(|f| f.schema_fields as u32).collect();
    s.u32s("among", &mut counts)?;
    let mut has_numbers = learner.models.numbers.is_some();
    s.bool("numbers", &mut has_numbers)?;
    if s.is_reading() {
        if counts.iter().enumerate().any(|(i, n)| i >= *n as usize || *n as usize > schema.fields.len()) {
            return Err(StateError::Invalid("among"));
        }
        // each model is made as it was made then, when the schema had so many fields
        learner.models.numbers = None;
        learner.models.fields.clear();
        learner.measures.tally.fields.clear();
        for (position, n) in counts.iter().enumerate() {
            let schema_then = Schema { fields: schema.fields[..*n as usize].to_vec(), closed: schema.closed };
            learner.add_model(position, &schema_then);
        }
        if has_numbers {
            learner.add_columns();
        }
        learner.schema = schema;
    }
    Ok(())
}

fn persist_keys(learner: &Learner, held: &mut Keys, s: &mut State<'_>) -> Result<(), StateError> {
    s.u64("keys begun", &mut held.begun)?;
    s.u64("keys forgotten", &mut held.forgotten)?;
    // in the order of use, so that the key which is unused for longest is known to the reader as well
    let mut all = held.drain();
    if s.is_hashing() {
        // where keys lie decides nothing: the hash knows how many there are, and of each its digest
        let digests = all.iter_mut().map(|(name, key)| digest(name.as_deref(), KeyBody(learner, key).hash_state()));
        let mut sum = digests.fold(held.stored.digest, u128::wrapping_add);
        let mut count = all.len() as u64 + held.stored.keys;
        held.restore(all);
        s.u64("keys", &mut count)?;
        return s.u128("keys", &mut sum);
    }
    let stored = &mut held.stored;
    for v in [&mut stored.keys, &mut stored.bytes, &mut stored.numbered, &mut stored.oldest] {
        s.u64("keys in the store", v)?;
    }
    s.u128("keys in the store", &mut stored.digest)?;
    let n = s.begin("keys", all.len(), 1)?;
    if s.is_reading() {
        all.clear();
        all.resize_with(n, || (None, learner.new_key()));
    }
    let result = all.iter_mut().try_for_each(|(name, key)| {
        let mut named = name.is_some();
        s.bool("key named", &mut named)?;
        if named {
            let mut text = name.take().map(String::from).unwrap_or_default();
            let result = s.string("key", &mut text);
            *name = Some(text.into());
            result?;
        }
        s.bool("key stored", &mut key.stored)?;
        KeyBody(learner, key).persist(s)
    });
    held.restore(all);
    result
}

/// All that the state of one key holds. A key that was made before the schema grew has fewer parts, in memory, in a
/// checkpoint and in the store alike.
pub(crate) struct KeyBody<'a>(pub &'a Learner, pub &'a mut KeyState);

impl Persist for KeyBody<'_> {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let KeyBody(learner, key) = self;
        let mut fields = key.symbols.len();
        s.len("key fields", &mut fields)?;
        if fields > learner.models.fields.len() {
            return Err(StateError::Invalid("key fields"));
        }
        // what follows is read into parts of the right kind
        if s.is_reading() {
            key.symbols.resize(fields, None);
            key.previous.resize(fields);
        }
        key.previous.persist(s)?;
        key.clock.persist(s)?;
        s.u32("key length", &mut key.length)?;
        s.u64("key used", &mut key.used)?;
        s.u32("key size", &mut key.measured.bytes)?;
        s.u32("key size", &mut key.measured.length)?;
        for i in 0..fields {
            persist_symbol_key(learner, key, i, s)?;
        }
        let mut numbers = key.numbers.is_some();
        s.bool("key numbers", &mut numbers)?;
        if s.is_reading() {
            let model = learner.models.numbers.as_ref().filter(|_| numbers);
            key.numbers = model.map(|m| Box::new(m.new_key()));
        }
        match &mut key.numbers {
            Some(n) => n.persist(s),
            None if numbers => Err(StateError::Invalid("key numbers")),
            None => Ok(()),
        }
    }
}

/// The part of a key's state that belongs to the symbol model of the field at position `i`; nothing for a number.
fn persist_symbol_key(learner: &Learner, key: &mut KeyState, i: usize, s: &mut State<'_>) -> Result<(), StateError> {
    let Some(model) = learner.models.fields[i].symbols() else { return Ok(()) };
    if s.is_reading() {
        key.symbols[i] = Some(model.new_key());
    }
    match &mut key.symbols[i] {
        Some(symbol_key) => model.persist_key(symbol_key, s),
        None => model.persist_key(&mut model.new_key(), s),
    }
}
