//! The table of which events of each producer a stream has learnt. It is what makes learning happen exactly once.
//!
//! The table is a function of the log alone: a checkpoint holds it, and learning the log after the checkpoint again
//! makes it what it was.

use rustc_hash::FxHashMap;
use std::sync::Arc;
use surmise_store::bytes::{Cursor, Damaged, put_bytes, put_option, put_varint};
use surmise_store::group::Origin;

/// What a stream remembers of one producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    /// The newest epoch seen.
    pub epoch: u64,
    /// The largest sequence number learnt in it.
    pub last_seq: u64,
    /// The largest number up to which everything was durable, or in this stream, when it was sent.
    pub safe: Option<u64>,
    /// The offset of its latest event; the producer with the smallest is forgotten first.
    pub last_offset: u64,
}

/// What a stream knows of an event by its producer's epoch and its sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeqStatus {
    /// The event has not been learnt.
    New,
    /// The event has been learnt before.
    Duplicate,
    /// This newer epoch of its producer has sent events.
    Fenced(u64),
}

/// The producers of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producers {
    map: FxHashMap<Arc<str>, Producer>,
    max: usize,
}

impl Producers {
    /// An empty table that remembers at most `max` producers.
    pub fn new(max: usize) -> Producers {
        Producers { map: FxHashMap::default(), max: max.max(1) }
    }

    /// Looks an event up by its origin.
    pub fn seq_status(&self, origin: &Origin) -> SeqStatus {
        match self.map.get(&origin.producer) {
            Some(known) if origin.epoch < known.epoch => SeqStatus::Fenced(known.epoch),
            Some(known) if origin.epoch == known.epoch && origin.seq <= known.last_seq => SeqStatus::Duplicate,
            _ => SeqStatus::New,
        }
    }

    /// Remembers an event that is being learnt.
    pub fn note(&mut self, origin: &Origin, offset: u64) {
        let new = Producer { epoch: origin.epoch, last_seq: origin.seq, safe: origin.safe, last_offset: offset };
        match self.map.get_mut(&origin.producer) {
            Some(known) if known.epoch == origin.epoch => {
                *known = Producer { safe: known.safe.max(origin.safe), ..new };
            }
            Some(known) => *known = new,
            None => {
                if self.map.len() >= self.max {
                    self.forget_one();
                }
                self.map.insert(origin.producer.clone(), new);
            }
        }
    }

    /// Forgets the producer that has been silent for longest.
    fn forget_one(&mut self) {
        let oldest = self
            .map
            .iter()
            .min_by(|(a, p), (b, q)| (p.last_offset, a).cmp(&(q.last_offset, b)))
            .map(|(name, _)| name.clone());
        if let Some(name) = oldest {
            self.map.remove(&name);
        }
    }

    /// All producers, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Producer)> {
        self.map.iter()
    }

    /// The number of producers remembered.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Appends the table, in the order of names.
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

    /// Reads a table that [`Producers::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn decode(cursor: &mut Cursor<'_>, max: usize) -> Result<Producers, Damaged> {
        let mut table = Producers::new(max);
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
mod tests {
    use super::*;

    fn origin(producer: &str, epoch: u64, seq: u64) -> Origin {
        Origin { producer: producer.into(), epoch, seq, safe: Some(seq) }
    }

    #[test]
    fn what_was_learnt_is_recognised() {
        let mut t = Producers::new(10);
        assert_eq!(t.seq_status(&origin("a", 1, 5)), SeqStatus::New);
        t.note(&origin("a", 1, 5), 0);
        assert_eq!(t.seq_status(&origin("a", 1, 5)), SeqStatus::Duplicate);
        assert_eq!(t.seq_status(&origin("a", 1, 4)), SeqStatus::Duplicate);
        assert_eq!(t.seq_status(&origin("a", 1, 6)), SeqStatus::New);
        assert_eq!(t.seq_status(&origin("a", 0, 6)), SeqStatus::Fenced(1));
        assert_eq!(t.seq_status(&origin("a", 2, 1)), SeqStatus::New);
        t.note(&origin("a", 2, 1), 1);
        assert_eq!(t.seq_status(&origin("a", 1, 9)), SeqStatus::Fenced(2));
        assert_eq!(t.seq_status(&origin("b", 0, 0)), SeqStatus::New);
    }

    #[test]
    fn the_silent_are_forgotten_first_and_tables_come_back() {
        let mut t = Producers::new(2);
        for (i, p) in ["a", "b", "a", "c"].iter().enumerate() {
            t.note(&origin(p, 1, i as u64), i as u64);
        }
        let mut names: Vec<_> = t.iter().map(|(n, _)| n.to_string()).collect();
        names.sort();
        assert_eq!(names, ["a", "c"]);
        let mut out = Vec::new();
        t.encode(&mut out);
        assert_eq!(Producers::decode(&mut Cursor(&out), 2), Ok(t));
    }
}
