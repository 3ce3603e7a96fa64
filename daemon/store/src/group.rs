//! The format of a commit group: the records of one stream that became durable together, as one value of the log.
//!
//! ```text
//! "SG" version flags=0 | payload length u32 | crc32 of the payload u32 | payload
//! payload: stream u32 | first offset u64 | offsets taken | names | producers (name, epoch) | records
//! record:  flags | key? | time? | arrival? | data | (producer, seq, safe?)? | id u128?
//! ```
//! Fixed numbers are little-endian, all others variable in length. Field names and producers are written once per
//! group; times are differences to the record before. The version is 2 if a record has an id, so that a version of the
//! program that knows no ids takes none of them for something else, and 1 otherwise.

use crate::bytes::{Cursor, Damaged, put_bytes, put_option, put_signed, put_varint};
use crate::group_datum::{datum, put_datum};
use crate::group_feedback::{put_feedback, read_feedback};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use surmise_event::{Data, Datum, Record};

const MAGIC: [u8; 4] = *b"SG\x01\x00";
const MAGIC_WITH_IDS: [u8; 4] = *b"SG\x02\x00";
/// Bytes before the payload: magic, length, checksum.
const HEADER_BYTES: usize = 12;

// The flags of a record: what follows, and in which form.
const KEY: u8 = 1;
const TIME: u8 = 2;
const ARRIVAL: u8 = 4;
const END: u8 = 8;
const ORIGIN: u8 = 16;
const ONE: u8 = 32;
const FIELDS: u8 = 64;
const ID: u8 = 128;

/// What an event's sender calls it, as 128 bits of a hash: the log needs to know an id again, not to tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventId(pub u128);

/// Where a record comes from: its producer, and its place among the producer's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The name of the producer.
    pub producer: Arc<str>,
    /// The epoch of the producer.
    pub epoch: u64,
    /// The sequence number of the record within the epoch.
    pub seq: u64,
    /// The largest sequence number up to which all events of the epoch are durable, or earlier in this same stream.
    pub safe: Option<u64>,
}

/// A record as the log holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    /// The record.
    pub record: Record,
    /// Where the record comes from, if its producer has a name.
    pub origin: Option<Origin>,
    /// The id that its sender gave it.
    pub id: Option<EventId>,
}

/// A complete group, encoded for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The stream's number.
    pub stream: u32,
    /// The offset of the group's first event.
    pub first_offset: u64,
    /// The number of offsets that the group takes.
    pub span: u64,
    /// The encoded value.
    pub bytes: Vec<u8>,
}

/// A group that is being gathered.
pub struct GroupBuilder {
    stream: u32,
    first_offset: u64,
    names: FxHashMap<Box<str>, u32>,
    name_bytes: Vec<u8>,
    producers: Vec<(Arc<str>, u64)>,
    /// The place of each producer in that list.
    places: FxHashMap<(Arc<str>, u64), usize>,
    has_ids: bool,
    body: Vec<u8>,
    records: u64,
    time_us: i64,
    arrival_us: i64,
}

/// The end of a group before a record was appended, so that the record can be taken back.
pub struct Mark {
    body: usize,
    time_us: i64,
    arrival_us: i64,
}

impl GroupBuilder {
    /// An empty group.
    pub fn new(stream: u32, first_offset: u64) -> GroupBuilder {
        GroupBuilder {
            stream,
            first_offset,
            names: FxHashMap::default(),
            name_bytes: Vec::new(),
            producers: Vec::new(),
            places: FxHashMap::default(),
            has_ids: false,
            body: Vec::new(),
            records: 0,
            time_us: 0,
            arrival_us: 0,
        }
    }

    /// The number of records gathered.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// About how many bytes the group will take.
    pub fn size_bytes(&self) -> usize {
        self.body.len() + self.name_bytes.len() + HEADER_BYTES + 32
    }

    /// Appends a record.
    pub fn push(&mut self, record: &Record, origin: Option<&Origin>, id: Option<EventId>) -> Mark {
        let mark = Mark { body: self.body.len(), time_us: self.time_us, arrival_us: self.arrival_us };
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let data = match record.data {
            Data::None => 0,
            Data::One(_) => ONE,
            Data::Fields(_) => FIELDS,
            Data::Feedback(_) => ONE | FIELDS,
        };
        self.body.push(
            data | flag(record.key.is_some(), KEY)
                | flag(record.time_us.is_some(), TIME)
                | flag(record.arrival_us.is_some(), ARRIVAL)
                | flag(record.end, END)
                | flag(origin.is_some(), ORIGIN)
                | flag(id.is_some(), ID),
        );
        if let Some(k) = &record.key {
            put_bytes(&mut self.body, k.as_bytes());
        }
        if let Some(t) = record.time_us {
            put_signed(&mut self.body, t.wrapping_sub(self.time_us));
            self.time_us = t;
        }
        if let Some(t) = record.arrival_us {
            put_signed(&mut self.body, t.wrapping_sub(self.arrival_us));
            self.arrival_us = t;
        }
        match &record.data {
            Data::None => {}
            Data::One(d) => put_datum(&mut self.body, d),
            Data::Fields(fields) => {
                put_varint(&mut self.body, fields.len() as u64);
                for (name, d) in fields {
                    let n = self.name(name);
                    put_varint(&mut self.body, u64::from(n));
                    put_datum(&mut self.body, d);
                }
            }
            Data::Feedback(feedback) => put_feedback(&mut self.body, feedback),
        }
        if let Some(o) = origin {
            let p = self.producer(o);
            put_varint(&mut self.body, p as u64);
            put_varint(&mut self.body, o.seq);
            put_option(&mut self.body, o.safe.map(|s| o.seq.wrapping_sub(s)));
        }
        if let Some(EventId(id)) = id {
            self.has_ids = true;
            self.body.extend_from_slice(&id.to_le_bytes());
        }
        self.records += 1;
        mark
    }

    /// Takes the last record back. `mark` is what appending it returned.
    pub fn undo(&mut self, mark: Mark) {
        self.body.truncate(mark.body);
        self.time_us = mark.time_us;
        self.arrival_us = mark.arrival_us;
        self.records -= 1;
    }

    fn name(&mut self, name: &str) -> u32 {
        if let Some(n) = self.names.get(name) {
            return *n;
        }
        let n = self.names.len() as u32;
        self.names.insert(name.into(), n);
        put_bytes(&mut self.name_bytes, name.as_bytes());
        n
    }

    fn producer(&mut self, o: &Origin) -> usize {
        // one producer sends many events in a row
        if let Some((producer, epoch)) = self.producers.last()
            && *epoch == o.epoch
            && *producer == o.producer
        {
            return self.producers.len() - 1;
        }
        let producer = (o.producer.clone(), o.epoch);
        *self.places.entry(producer).or_insert_with_key(|producer| {
            self.producers.push(producer.clone());
            self.producers.len() - 1
        })
    }

    /// Encodes the group. `end_offset` is the offset after its last event.
    pub fn finish(self, end_offset: u64) -> Group {
        let span = end_offset - self.first_offset;
        let mut out = Vec::with_capacity(self.size_bytes() + 64);
        out.extend_from_slice(if self.has_ids { &MAGIC_WITH_IDS } else { &MAGIC });
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&self.stream.to_le_bytes());
        out.extend_from_slice(&self.first_offset.to_le_bytes());
        put_varint(&mut out, span);
        put_varint(&mut out, self.names.len() as u64);
        out.extend_from_slice(&self.name_bytes);
        put_varint(&mut out, self.producers.len() as u64);
        for (name, epoch) in &self.producers {
            put_bytes(&mut out, name.as_bytes());
            put_varint(&mut out, *epoch);
        }
        put_varint(&mut out, self.records);
        out.extend_from_slice(&self.body);
        let length = (out.len() - HEADER_BYTES) as u32;
        let crc = crc32fast::hash(&out[HEADER_BYTES..]);
        out[4..8].copy_from_slice(&length.to_le_bytes());
        out[8..12].copy_from_slice(&crc.to_le_bytes());
        Group { stream: self.stream, first_offset: self.first_offset, span, bytes: out }
    }
}

/// Reads the length of a whole group from its first bytes.
///
/// # Errors
/// The bytes are not the beginning of a group.
pub fn total_length(head: &[u8]) -> Result<usize, Damaged> {
    let mut c = Cursor(head);
    let magic = c.take(4, "a log group's header")?;
    if magic != MAGIC && magic != MAGIC_WITH_IDS {
        return Err(Damaged("a log group's header"));
    }
    Ok(HEADER_BYTES + c.u32("a log group's length")? as usize)
}

/// A decoded group.
#[derive(Debug, PartialEq)]
pub struct Decoded {
    /// The stream's number.
    pub stream: u32,
    /// The offset of the group's first event.
    pub first_offset: u64,
    /// The number of offsets that the group takes.
    pub span: u64,
    /// The records of the group, in order.
    pub records: Vec<Logged>,
}

/// Reads a group.
///
/// # Errors
/// The bytes are damaged.
pub fn decode(bytes: &[u8]) -> Result<Decoded, Damaged> {
    if total_length(bytes)? != bytes.len() {
        return Err(Damaged("a log group's length"));
    }
    let mut c = Cursor(&bytes[8..]);
    let crc = c.u32("a log group's checksum")?;
    if crc != crc32fast::hash(c.0) {
        return Err(Damaged("a log group (checksum)"));
    }
    let stream = c.u32("stream")?;
    let first_offset = c.u64("offset")?;
    let span = c.varint("span")?;
    let names = (0..c.count("names")?).map(|_| c.text("name").map(Box::from)).collect::<Result<Vec<Box<str>>, _>>()?;
    let producers = (0..c.count("producers")?)
        .map(|_| Ok((Arc::from(c.text("producer")?), c.varint("epoch")?)))
        .collect::<Result<Vec<(Arc<str>, u64)>, Damaged>>()?;
    let n = c.count("records")?;
    let mut reader = Reader { c, names, producers, time_us: 0, arrival_us: 0 };
    let records = (0..n).map(|_| reader.record()).collect::<Result<Vec<_>, _>>()?;
    if !reader.c.0.is_empty() {
        return Err(Damaged("a log group's end"));
    }
    Ok(Decoded { stream, first_offset, span, records })
}

struct Reader<'a> {
    c: Cursor<'a>,
    names: Vec<Box<str>>,
    producers: Vec<(Arc<str>, u64)>,
    time_us: i64,
    arrival_us: i64,
}

impl Reader<'_> {
    fn record(&mut self) -> Result<Logged, Damaged> {
        let flags = self.c.byte("flags")?;
        let mut r = Record { end: flags & END != 0, ..Record::default() };
        if flags & KEY != 0 {
            r.key = Some(self.c.text("key")?.into());
        }
        if flags & TIME != 0 {
            self.time_us = self.time_us.wrapping_add(self.c.signed("time")?);
            r.time_us = Some(self.time_us);
        }
        if flags & ARRIVAL != 0 {
            self.arrival_us = self.arrival_us.wrapping_add(self.c.signed("arrival")?);
            r.arrival_us = Some(self.arrival_us);
        }
        r.data = match flags & (ONE | FIELDS) {
            0 => Data::None,
            ONE => Data::One(datum(&mut self.c)?),
            FIELDS => Data::Fields(self.fields()?),
            _ => Data::Feedback(Box::new(read_feedback(&mut self.c)?)),
        };
        let origin = if flags & ORIGIN != 0 { Some(self.origin()?) } else { None };
        let id = if flags & ID != 0 { Some(self.id()?) } else { None };
        Ok(Logged { record: r, origin, id })
    }

    fn fields(&mut self) -> Result<Vec<(Box<str>, Datum)>, Damaged> {
        (0..self.c.count("fields")?)
            .map(|_| {
                let n = self.c.varint("field")?;
                let name = self.names.get(n as usize).ok_or(Damaged("a field's name"))?.clone();
                Ok((name, datum(&mut self.c)?))
            })
            .collect()
    }

    fn id(&mut self) -> Result<EventId, Damaged> {
        let bytes = self.c.take(16, "an event's id")?;
        Ok(EventId(u128::from_le_bytes(bytes.try_into().map_err(|_| Damaged("an event's id"))?)))
    }

    fn origin(&mut self) -> Result<Origin, Damaged> {
        let p = self.c.varint("producer")?;
        let (producer, epoch) = self.producers.get(p as usize).ok_or(Damaged("a producer"))?.clone();
        let seq = self.c.varint("seq")?;
        let safe = self.c.option("safe")?.map(|d| seq.wrapping_sub(d));
        Ok(Origin { producer, epoch, seq, safe })
    }
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
