//! Entries of a stream of Redis on their way to becoming events, each with its number.

use super::account::ProducerAccount;
use super::message_chunk::MessageChunk;
use super::redis_server::Entry;
use super::rows::{NamesOnce, take_key};
use super::table_cells::datum;
use crate::ingest::LineChunk;
use std::sync::Arc;
use surmise_config::{LimitsTable, RedisSource};
use surmise_event::{Data, Record, Refusal, RefusalCode};
use surmise_protocol::{EventLine, ProducerLine, parse_plain, take_time};

/// How entries become events.
pub struct EntryEvents {
    json_field: Option<String>,
    key_field: Option<String>,
}

impl EntryEvents {
    /// Entries that are read as a source says.
    pub fn new(source: &RedisSource) -> EntryEvents {
        EntryEvents { json_field: source.json_field.clone(), key_field: source.key_field.clone() }
    }

    /// Makes events of entries whose ids have numbers.
    pub fn read(
        &self,
        entries: &[Entry],
        account: &ProducerAccount,
        stream: &Arc<str>,
        limits: &LimitsTable,
        arrival_us: i64,
    ) -> LineChunk {
        let mut chunk = MessageChunk::new(stream, limits, arrival_us);
        for entry in entries {
            let number = entry.id.number().unwrap_or_default();
            chunk.add(stream, account, number, entry.bytes(), || self.event(entry));
        }
        chunk.into_lines()
    }

    /// An entry as an event. It has the time that is among its fields or in its JSON, else that of its id.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn event(&self, entry: &Entry) -> Result<EventLine, Refusal> {
        let mut event = match &self.json_field {
            Some(field) => json_event(entry, field)?,
            None => EventLine { record: record(entry)?, ..EventLine::default() },
        };
        if let Some(field) = &self.key_field {
            take_key(&mut event.record, field);
        }
        event.record.time_us = event.record.time_us.or(entry.id.time_us());
        Ok(event)
    }
}

/// The event that a field holds as JSON.
fn json_event(entry: &Entry, field: &str) -> Result<EventLine, Refusal> {
    let found = entry.fields.iter().find(|(name, _)| name == field.as_bytes());
    let Some((_, json)) = found else {
        let reason = format!("entry {} has no such field (json_field)", entry.id);
        return Err(Refusal::new(RefusalCode::Empty, field, reason));
    };
    match parse_plain(json)? {
        ProducerLine::Event(event) => Ok(event),
        ProducerLine::Hello(_) => {
            Err(Refusal::new(RefusalCode::BadHello, "hello", "a hello is for the event socket".to_owned()))
        }
    }
}

/// The fields of an entry as a record: what looks like a number is one.
fn record(entry: &Entry) -> Result<Record, Refusal> {
    let text = |bytes, field: &str| {
        std::str::from_utf8(bytes).map_err(|e| {
            let reason = format!("it is no UTF-8 at byte {} of entry {}", e.valid_up_to(), entry.id);
            Refusal::new(RefusalCode::BadUtf8, field, reason)
        })
    };
    let mut fields = Vec::with_capacity(entry.fields.len());
    let mut once = NamesOnce::default();
    for (name, value) in &entry.fields {
        let name = text(name, "name of a field")?;
        fields.push((once.take(name.into()), datum(text(value, name)?)));
    }
    let time_us = take_time(&mut fields);
    Ok(Record { time_us, data: Data::Fields(fields), ..Record::default() })
}
