//! Undo: a stream is reset, goes back to a checkpoint, is learnt again under another schema, gets another name, or
//! goes.
//!
//! All of these are one mechanism. The stream is held still (its owner lets what comes for it wait), a starting
//! state is written under a number that no stream has had, and then one durable record makes the new number the
//! stream of its name. Before that record everything is as it was, after it everything is as asked, whatever
//! crashes: a start knows the dead by the records, and clears them away. What the stream knows of its producers goes
//! on, so nothing that was acknowledged is learnt twice.
//!
//! What takes long is done before the stream is held: a checkpoint is read, and the log is learnt again up to its end.

mod clearing;
mod error;
mod held;
mod replacement;
mod subject;

use crate::clock::now_us;
use crate::hub::{AskError, Hub};
use crate::relearning::Relearning;
use crate::storage::Storage;
pub use clearing::{Unfinished, clear_dead};
pub use error::UndoError;
use held::Held;
use replacement::{Starting, write_replacement};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use subject::Subject;
use surmise_event::{Field, Schema};
use surmise_store::{CheckpointMeta, LogPart, StreamEntry};

/// A change that an operator asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamChange {
    /// The stream begins anew, with the schema that it was made with.
    Reset,
    /// The stream goes back to a checkpoint, by its generation.
    Restore(u64),
    /// The stream gets another name.
    Rename(Arc<str>),
    /// The stream is learnt again under another schema.
    Schema(SchemaChange),
    /// The stream goes, with all that was learnt and logged.
    Delete,
}

/// How a schema is to change.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaChange {
    /// Fields that are new or get another kind.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// Whether other fields than those of the schema are refused from now on; as before if it is left out.
    #[serde(default)]
    pub closed: Option<bool>,
}

/// What a change came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The name of the stream now.
    pub stream: String,
    /// Which incarnation of the name it is; none if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// The offset that the next event would have had.
    pub offset_before: u64,
    /// The offset that the next event has now.
    pub offset: u64,
    /// Events of the log that the new schema refused, by code.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, u64>,
    /// How long events of the stream waited, in milliseconds.
    pub held_ms: u64,
}

/// Makes a change, one at a time. It goes on to its end even if nobody waits for it any more.
///
/// # Errors
/// See [`UndoError`].
pub async fn change(hub: &Arc<Hub>, stream: &str, change: StreamChange) -> Result<Changed, UndoError> {
    let (hub, stream) = (hub.clone(), Arc::from(stream));
    let changing = async move {
        let _one_at_a_time = hub.changing.lock().await;
        make_change(&hub, stream, change).await
    };
    tokio::spawn(changing).await.unwrap_or(Err(UndoError::Inside))
}

async fn make_change(hub: &Arc<Hub>, name: Arc<str>, change: StreamChange) -> Result<Changed, UndoError> {
    let view = hub.directory.get(&name).ok_or_else(|| UndoError::NoStream(name.to_string()))?;
    let storage: Arc<dyn Storage> = hub.store().ok_or(AskError::Gone)?;
    let found = storage.streams()?.into_iter().find(|entry| entry.number == view.number);
    let entry = found.ok_or_else(|| UndoError::NoStream(name.to_string()))?;
    let subject = Subject { storage, name, view, entry };
    let new_name = match &change {
        StreamChange::Rename(to) if hub.directory.get(to).is_some() => {
            return Err(UndoError::NameTaken(to.to_string()));
        }
        StreamChange::Rename(to) => Some(to.clone()),
        StreamChange::Reset | StreamChange::Restore(_) | StreamChange::Schema(_) | StreamChange::Delete => None,
    };
    let prepared = prepare(hub, &subject, change).await?;
    let held_at = Instant::now();
    let mut held = Held::default();
    let replaced = match held.take(hub, &subject, new_name.as_ref()).await {
        Ok(()) => replace(hub, &subject, prepared, &mut held).await,
        Err(e) => Err(e),
    };
    let Replaced { entry, offset, refused } = match replaced {
        Ok(replaced) => replaced,
        Err(e) => {
            if let UndoError::Uncertain(why) = &e {
                hub.fault.set(format!("it is not known whether a stream was replaced: {why}"));
            } else {
                held.put_back(hub).await;
            }
            return Err(e);
        }
    };
    held.adopt(hub, &subject, entry.clone()).await?;
    let held_ms = held_at.elapsed().as_millis() as u64;
    subject.view.replaced.cancel();
    clear_later(&subject);
    Ok(Changed {
        stream: entry.as_ref().map_or(&*subject.name, |entry| &entry.name).to_owned(),
        epoch: entry.map(|entry| entry.epoch),
        offset_before: subject.view.offset.load(Ordering::Relaxed),
        offset,
        refused,
        held_ms,
    })
}

/// The part of a change that was made before the stream is held.
enum Prepared {
    Reset,
    Restore(CheckpointMeta),
    Rename(Arc<str>),
    Relearnt(Box<Relearning>),
    Delete,
}

async fn prepare(hub: &Arc<Hub>, subject: &Subject, change: StreamChange) -> Result<Prepared, UndoError> {
    Ok(match change {
        StreamChange::Reset => Prepared::Reset,
        StreamChange::Rename(to) => Prepared::Rename(to),
        StreamChange::Delete => Prepared::Delete,
        StreamChange::Restore(generation) => {
            let metas = subject.storage.checkpoints(subject.entry.number);
            let stream = subject.name.to_string();
            let found = metas.into_iter().find(|meta| meta.generation == generation);
            Prepared::Restore(found.ok_or(UndoError::NoCheckpoint { stream, generation })?)
        }
        StreamChange::Schema(change) => {
            let entry = replacement_entry(hub, subject, changed_schema(subject, &change), None);
            let (storage, old, services) = (subject.storage.clone(), subject.entry.clone(), hub.services.clone());
            let limits = hub.config.limits.record();
            let work = move || -> Result<Relearning, UndoError> {
                let mut relearning = Relearning::begin(entry, &old, &services, limits)?;
                relearning.follow(&*storage)?;
                Ok(relearning)
            };
            Prepared::Relearnt(Box::new(run_blocking(work).await?))
        }
    })
}

/// The schema after a change: declared fields keep their places, and what is inferred is inferred anew. A schema
/// that is closed has all fields that the stream knows, but for those that stood beside a field which has another
/// kind now.
fn changed_schema(subject: &Subject, change: &SchemaChange) -> Schema {
    let closed = change.closed.unwrap_or(subject.entry.schema.closed);
    let known = if closed { subject.view.schema.load_full() } else { Arc::new(subject.entry.schema.clone()) };
    let is_companion = |field: &Field| {
        let stands_beside = |other: &Field| field.name.strip_prefix(&*other.name).is_some_and(|r| r.starts_with('.'));
        change.fields.iter().any(stands_beside)
    };
    let mut fields: Vec<Field> = known.fields.iter().filter(|field| !is_companion(field)).cloned().collect();
    for wanted in &change.fields {
        match fields.iter_mut().find(|field| field.name == wanted.name) {
            Some(field) => *field = wanted.clone(),
            None => fields.push(wanted.clone()),
        }
    }
    Schema { fields, closed }
}

/// The entry of what comes in the place of a stream, with a schema and perhaps another name.
fn replacement_entry(hub: &Hub, subject: &Subject, schema: Schema, name: Option<&Arc<str>>) -> StreamEntry {
    let old = &subject.entry;
    StreamEntry {
        number: hub.directory.next_number(),
        epoch: if name.is_some() { 1 } else { old.epoch + 1 },
        name: name.map_or_else(|| old.name.clone(), |name| name.to_string()),
        schema,
        created_us: now_us(),
        replaces: Some(old.number),
        producer_table: Some(old.producers()),
        first_offset: 0,
        past: Vec::new(),
        past_is_lost: false,
        trimmed_bytes: 0,
        trimmed_before: 0,
        lost: Vec::new(),
        ..old.clone()
    }
}

/// What came in the place of a stream.
struct Replaced {
    /// Its entry; none if the stream was deleted.
    entry: Option<StreamEntry>,
    offset: u64,
    refused: BTreeMap<String, u64>,
}

/// Writes what comes in the place of a stream that is held, and makes it so by one record.
async fn replace(
    hub: &Arc<Hub>,
    subject: &Subject,
    prepared: Prepared,
    held: &mut Held,
) -> Result<Replaced, UndoError> {
    let old = subject.entry.clone();
    let until = subject.view.committed.load(Ordering::Acquire);
    let bytes = subject.view.logged_bytes.load(Ordering::Relaxed).saturating_sub(old.trimmed_bytes);
    let part = |to| LogPart { number: old.number, from: old.first_offset, to, bytes };
    let past = |to| old.past.iter().copied().chain([part(to)]).collect::<Vec<_>>();
    let (entry, starting) = match prepared {
        Prepared::Delete => {
            let gone = StreamEntry { deleted: true, ..old };
            commit(subject, gone).await?;
            return Ok(Replaced { entry: None, offset: 0, refused: BTreeMap::new() });
        }
        Prepared::Reset => (replacement_entry(hub, subject, old.schema.clone(), None), Starting::Empty),
        Prepared::Restore(meta) => {
            let mut entry = replacement_entry(hub, subject, old.schema.clone(), None);
            (entry.first_offset, entry.past) = (meta.offset, past(meta.offset));
            (entry, Starting::Checkpoint(meta))
        }
        Prepared::Rename(to) => {
            let mut entry = replacement_entry(hub, subject, old.schema.clone(), Some(&to));
            (entry.first_offset, entry.past) = (until, past(until));
            (entry, Starting::AsItIs)
        }
        Prepared::Relearnt(relearning) => {
            let mut entry = relearning.entry().clone();
            entry.past = past(until);
            (entry, Starting::Relearnt(relearning))
        }
    };
    let (stream, storage) = (held.stream.take(), subject.storage.clone());
    let work = move || write_replacement(stream, entry, starting, &storage, now_us());
    let (stream, written) = run_blocking(move || Ok(work())).await?;
    held.stream = stream;
    let (entry, offset, refused) = written?;
    commit(subject, entry.clone()).await?;
    Ok(Replaced { entry: Some(entry), offset, refused })
}

/// Makes one entry durable, which is the change.
async fn commit(subject: &Subject, entry: StreamEntry) -> Result<(), UndoError> {
    let storage = subject.storage.clone();
    run_blocking(move || storage.commit(&[entry], &[], &[], now_us()).map_err(UndoError::Uncertain)).await
}

/// Clears away what was replaced. A start does it where this was cut off.
fn clear_later(subject: &Subject) {
    let storage = subject.storage.clone();
    drop(tokio::task::spawn_blocking(move || {
        if let Err(e) = clear_dead(&*storage, Unfinished::Kept) {
            tracing::warn!("what was replaced is not cleared away, which the next start does: {e}");
        }
    }));
}

async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UndoError> + Send + 'static,
) -> Result<T, UndoError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(UndoError::Inside))
}
