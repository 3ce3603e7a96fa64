//! What a checkpoint of a learner holds, and in which order.

use crate::field::FieldModel;
use crate::keys::{KeyState, Keys};
use crate::learner::{Learner, LearnerError};
use surmise_event::Schema;
use surmise_state::{Persist, State, StateError};

const MAGIC: &[u8; 8] = b"surmise\0";

/// Rises with every change of what is written.
const FORMAT: u32 = 3;

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
        let mut held = std::mem::replace(&mut l.keys, Keys::new(l.options.keys));
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
        key(l, k, s)
    });
    held.restore(all);
    r
}

fn key(l: &Learner, k: &mut KeyState, s: &mut State<'_>) -> Result<(), StateError> {
    l.complete(k);
    k.previous.persist(s)?;
    let mut timed = k.last_us.is_some();
    s.bool("key timed", &mut timed)?;
    if timed {
        let mut t = k.last_us.unwrap_or(0);
        s.i64("key time", &mut t)?;
        k.last_us = Some(t);
    }
    s.u32("key length", &mut k.length)?;
    for (i, f) in l.fields.iter().enumerate() {
        f.persist_key(k, i, s)?;
    }
    k.numbers.as_mut().map_or(Ok(()), |n| n.persist(s))
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
