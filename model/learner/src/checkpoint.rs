//! What a checkpoint of a learner holds, and in which order.

use crate::field::FieldModel;
use crate::keys::{KeyState, Keys, digest};
use crate::learner::{Learner, LearnerError};
use surmise_event::Schema;
use surmise_state::{Persist, State, StateError};

const MAGIC: &[u8; 8] = b"surmise\0";

/// Rises with every change of what is written.
const FORMAT: u32 = 4;

/// The part of a learner that decides what it will predict; its measures stand apart.
pub(crate) struct Core<'a>(pub &'a mut Learner);

impl Persist for Core<'_> {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let l = &mut *self.0;
        let mut arithmetic = surmise_lanes::Kernel::detect().arithmetic().to_owned();
        s.string("arithmetic", &mut arithmetic)?;
        fields(l, s)?;
        for v in [&mut l.offset, &mut l.version, &mut l.late] {
            s.u64("position", v)?;
        }
        let columns = l.columns;
        let mut numbers = l.numbers.take();
        let r = s.option("numbers", &mut numbers, || {
            surmise_number::NumberModel::new(columns, l.options.numbers(), l.options.seed)
        });
        l.numbers = numbers;
        r?;
        for f in &mut l.fields {
            f.persist(s)?;
        }
        l.ending.persist(s)?;
        l.anomaly.persist(s)?;
        let mut held = std::mem::replace(&mut l.keys, Keys::new(&l.options));
        let r = keys(l, &mut held, s);
        l.keys = held;
        r
    }
}

/// The schema, and among how many fields each field's model was made.
fn fields(l: &mut Learner, s: &mut State<'_>) -> Result<(), StateError> {
    let mut schema = l.schema.clone();
    schema.persist(s)?;
    let mut among: Vec<u32> = l.fields.iter().map(|f| f.among as u32).collect();
    s.u32s("among", &mut among)?;
    if s.is_reading() {
        if among.iter().enumerate().any(|(i, n)| i >= *n as usize || *n as usize > schema.fields.len()) {
            return Err(StateError::Invalid("among"));
        }
        (l.columns, l.numbers) = (0, None);
        l.fields.clear();
        l.tally.fields.clear();
        for (i, n) in among.iter().enumerate() {
            let then = Schema { fields: schema.fields[..*n as usize].to_vec(), closed: schema.closed };
            let f = FieldModel::new(&then, i, &mut l.columns, &l.options);
            l.add(f);
        }
        l.schema = schema;
    }
    Ok(())
}

fn keys(l: &Learner, held: &mut Keys, s: &mut State<'_>) -> Result<(), StateError> {
    s.u64("keys begun", &mut held.begun)?;
    s.u64("keys forgotten", &mut held.forgotten)?;
    let mut all = held.drain();
    if s.is_hashing() {
        // where keys lie decides nothing: the hash knows how many there are, and of each its digest
        let digests = all.iter_mut().map(|(name, k)| digest(name.as_deref(), KeyBody(l, k).hash_state()));
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
        all.resize_with(n, || (None, l.new_key()));
    }
    let r = all.iter_mut().try_for_each(|(name, k)| {
        let mut named = name.is_some();
        s.bool("key named", &mut named)?;
        if named {
            let mut text = name.take().map(String::from).unwrap_or_default();
            let r = s.string("key", &mut text);
            *name = Some(text.into());
            r?;
        }
        s.bool("key stored", &mut k.stored)?;
        KeyBody(l, k).persist(s)
    });
    held.restore(all);
    r
}

/// All that one key knows, as it is: a key that was made before the schema grew has fewer parts, wherever it lies.
pub(crate) struct KeyBody<'a>(pub &'a Learner, pub &'a mut KeyState);

impl Persist for KeyBody<'_> {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let KeyBody(l, k) = self;
        let mut fields = k.symbols.len();
        s.len("key fields", &mut fields)?;
        if fields > l.fields.len() {
            return Err(StateError::Invalid("key fields"));
        }
        if s.is_reading() {
            k.symbols.resize(fields, None);
            k.previous.resize(fields);
        }
        k.previous.persist(s)?;
        let mut timed = k.last_us.is_some();
        s.bool("key timed", &mut timed)?;
        let mut t = k.last_us.unwrap_or(0);
        if timed {
            s.i64("key time", &mut t)?;
        }
        k.last_us = timed.then_some(t);
        s.u32("key length", &mut k.length)?;
        s.u64("key used", &mut k.used)?;
        s.u32("key size", &mut k.measured.0)?;
        s.u32("key size", &mut k.measured.1)?;
        for (i, f) in l.fields.iter().enumerate().take(fields) {
            f.persist_key(k, i, s)?;
        }
        let mut numbers = k.numbers.is_some();
        s.bool("key numbers", &mut numbers)?;
        if s.is_reading() {
            let model = l.numbers.as_ref().filter(|_| numbers);
            k.numbers = model.map(|m| Box::new(surmise_number::NumberKey::new(m)));
        }
        match &mut k.numbers {
            Some(n) => n.persist(s),
            None if numbers => Err(StateError::Invalid("key numbers")),
            None => Ok(()),
        }
    }
}

impl Learner {
    /// Everything, with format version, identity of arithmetic and engine, schema and options, checksummed.
    pub fn save(&mut self) -> Vec<u8> {
        let options = serde_json::to_vec(&self.options).expect("options are plain data");
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        let core = Core(self).encode();
        let tally = self.tally.encode();
        let drift = self.drift.encode();
        for part in [&options, &core, &tally, &drift] {
            out.extend_from_slice(&(part.len() as u64).to_le_bytes());
            out.extend_from_slice(part);
        }
        let sum = crc32fast::hash(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads what [`Learner::save`] wrote.
    ///
    /// # Errors
    /// If the bytes are damaged, or of a format that this version cannot read.
    pub fn load(bytes: &[u8]) -> Result<Learner, LearnerError> {
        let bad = |why: &str| LearnerError::Incompatible(why.to_owned());
        let body = bytes.strip_prefix(MAGIC).ok_or_else(|| bad("is not one of surmise's"))?;
        let (format, body) = body.split_first_chunk::<4>().ok_or_else(|| bad("is cut short"))?;
        match u32::from_le_bytes(*format) {
            FORMAT => {}
            n => return Err(LearnerError::Incompatible(format!("has format {n}; this version reads format {FORMAT}"))),
        }
        let (mut body, sum) = body.split_last_chunk::<4>().ok_or_else(|| bad("is cut short"))?;
        if crc32fast::hash(&bytes[..bytes.len() - 4]) != u32::from_le_bytes(*sum) {
            return Err(bad("is damaged: its checksum does not agree"));
        }
        let mut part = || -> Result<&[u8], LearnerError> {
            let (n, rest) = body.split_first_chunk::<8>().ok_or_else(|| bad("is cut short"))?;
            let (part, rest) =
                rest.split_at_checked(u64::from_le_bytes(*n) as usize).ok_or_else(|| bad("is cut short"))?;
            body = rest;
            Ok(part)
        };
        let options = serde_json::from_slice(part()?)
            .map_err(|e| LearnerError::Incompatible(format!("has options that cannot be read: {e}")))?;
        let mut l = Learner::new(Schema::default(), options)?;
        Core(&mut l).decode(part()?)?;
        l.tally.decode(part()?)?;
        l.drift.decode(part()?)?;
        if l.tally.fields.len() != l.fields.len() {
            return Err(bad("holds measures of other fields"));
        }
        Ok(l)
    }
}
