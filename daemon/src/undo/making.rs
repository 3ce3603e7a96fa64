//! Making what comes in the place of a stream: what is prepared while the stream goes on, and what is written once it
//! is held.

use super::asked::{SchemaChange, StreamChange};
use super::clearing::{KeptStream, Retention, kept_streams};
use super::error::UndoError;
use super::replacement::{Starting, WrittenReplacement, write_replacement};
use super::subject::Subject;
use crate::field_fit::FieldFit;
use crate::forgetting::Forgotten;
use crate::log_range::present_parts;
use crate::owner::OwnedStream;
use crate::producers::ProducerBounds;
use crate::recovery::{LogEnd, producers_of, recover};
use crate::relearning::Relearning;
use crate::services::Services;
use crate::stream::StreamState;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_config::Config;
use surmise_event::{Field, Limits, Schema};
use surmise_learner::Learner;
use surmise_protocol::suggest;
use surmise_store::{CheckpointMeta, LogPart, StoreError, StreamEnd, StreamEntry};

/// The part of a change that was made before the stream is held.
pub enum Prepared {
    /// Nothing.
    Reset,
    /// The checkpoint is there.
    Restore(CheckpointMeta),
    /// Nothing.
    Rename(Arc<str>),
    /// The log was learnt again up to its end.
    Relearnt(Box<Relearning>),
    /// The state of a stream that was replaced or deleted.
    BroughtBack(Box<StreamState>),
    /// Nothing; whether nothing is kept.
    Delete(bool),
}

/// What a change is made with.
pub struct Means<'a> {
    /// What streams get from their surroundings.
    pub services: &'a Services,
    /// Bounds on records.
    pub limits: Limits,
    /// Bounds on producers in memory.
    pub bounds: ProducerBounds,
    /// How long what was replaced is kept.
    pub retention: Retention,
    /// What is declared about streams by now.
    pub config: &'a Config,
    /// The number of the stream that is made.
    pub number: u32,
}

/// Does what takes long.
///
/// # Errors
/// See [`UndoError`].
pub fn prepare(subject: &Subject, change: StreamChange, means: &Means<'_>) -> Result<Prepared, UndoError> {
    Ok(match change {
        StreamChange::Reset => Prepared::Reset,
        StreamChange::Rename(to) => Prepared::Rename(to),
        StreamChange::Delete { for_good } => Prepared::Delete(for_good),
        StreamChange::Restore(generation) => {
            let metas = subject.storage.checkpoints(subject.entry.number);
            let stream = subject.name.to_string();
            let found = metas.into_iter().find(|meta| meta.generation == generation);
            Prepared::Restore(found.ok_or(UndoError::NoCheckpoint { stream, generation })?)
        }
        StreamChange::Schema(change) => {
            check_known(subject, &change)?;
            let schema = changed_schema(subject, &change);
            if schema.closed && schema.fields.is_empty() {
                return Err(UndoError::ClosedWithoutFields(subject.name.to_string()));
            }
            let entry = replacement_entry(subject, schema, means);
            let mut relearning = Relearning::begin(entry, &subject.entry, means.services, means.limits)?;
            relearning.count_fits(&change.fields);
            relearning.follow(&*subject.storage)?;
            if let Some(FieldFit { field, other, .. }) =
                relearning.fits.iter().find(|fit| fit.held == 0 && fit.other > 0)
            {
                let (stream, field, kind) = (subject.name.to_string(), field.name.clone(), field.kind.name());
                return Err(UndoError::NothingFits { stream, field, kind, events: *other });
            }
            Prepared::Relearnt(Box::new(relearning))
        }
        StreamChange::Forget(forgotten) => Prepared::Relearnt(Box::new(relearn_without(subject, forgotten, means)?)),
        StreamChange::BringBack(epoch) => Prepared::BroughtBack(Box::new(bring_back(subject, epoch, means)?)),
    })
}

/// Learns the log of a stream again without some of its events, and writes it without them.
fn relearn_without(subject: &Subject, forgotten: Forgotten, means: &Means<'_>) -> Result<Relearning, UndoError> {
    let old = &subject.entry;
    let entry = replacement_entry(subject, old.schema.clone(), means);
    let mut relearning = Relearning::without(forgotten, entry.clone(), old, means.services)?;
    let nothing = || UndoError::NothingToForget(subject.name.to_string());
    let scan = relearning.scan(&*subject.storage)?.unwrap_or_default();
    if scan.forgotten == 0 {
        return Err(nothing());
    }
    let needed_bytes = scan.kept_bytes;
    let no_room = |free_bytes| UndoError::NoRoom { stream: subject.name.to_string(), needed_bytes, free_bytes };
    scan.check_room(subject.storage.disk()).map_err(no_room)?;
    // its log can be written from here on, and is cleared away if it comes to nothing
    commit_as(StreamEntry { pending: true, ..entry }, subject, means).map_err(UndoError::Store)?;
    relearning.follow(&*subject.storage)?;
    if relearning.forgetting().is_none_or(|forgetting| forgetting.forgotten == 0) {
        return Err(nothing());
    }
    Ok(relearning)
}

/// The state that a stream ended with, from its checkpoint and its log.
fn bring_back(subject: &Subject, epoch: Option<u32>, means: &Means<'_>) -> Result<StreamState, UndoError> {
    let kept = kept_streams(&subject.storage.streams()?, means.retention);
    let line: Vec<&KeptStream> = kept.iter().filter(|kept| kept.last == subject.entry.number).collect();
    let found = line.iter().find(|kept| epoch.is_none_or(|epoch| kept.entry.epoch == epoch));
    let Some(KeptStream { entry, end, .. }) = found else {
        let known = line.iter().map(|kept| kept.entry.epoch).collect();
        return Err(UndoError::NothingKept { stream: subject.name.to_string(), known });
    };
    let storage = &*subject.storage;
    let recovered = recover(storage, entry.clone(), means.bounds, means.services, &LogEnd::in_store())?;
    let found = recovered.state.learner.offset();
    let mut state = recovered.state;
    if entry.number != subject.entry.number {
        // what is known of producers is what the stream knew when it was deleted, however far it goes back
        state.producers = producers_of(storage, &subject.entry, means.bounds)?;
    }
    match found >= end.offset {
        true => Ok(state),
        false => Err(UndoError::NotWhole { stream: subject.name.to_string(), found, end: end.offset }),
    }
}

/// Makes sure that the fields of a change are known, unless it may declare others. A gap is computed from times.
fn check_known(subject: &Subject, change: &SchemaChange) -> Result<(), UndoError> {
    let known = subject.view.schema.load();
    let is_unknown = |field: &&Field| known.position(&field.name).is_none() && field.kind.is_sent();
    let Some(field) = change.fields.iter().find(is_unknown).filter(|_| !change.new_fields) else { return Ok(()) };
    let names = || known.fields.iter().map(|field| &*field.name);
    let hint = match suggest(&field.name, names()) {
        Some(name) => format!("did you mean {name:?}?"),
        None if known.fields.is_empty() => "nothing is known of its fields".to_owned(),
        None => format!("there are {}", names().take(FIELDS_NAMED_MAX).collect::<Vec<_>>().join(", ")),
    };
    Err(UndoError::UnknownField { stream: subject.name.to_string(), field: field.name.clone(), hint })
}

/// Fields that a refusal names.
const FIELDS_NAMED_MAX: usize = 20;

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

/// The entry of what comes in the place of a stream under the same name, with a schema. What is learnt again begins
/// with nothing.
fn replacement_entry(subject: &Subject, schema: Schema, means: &Means<'_>) -> StreamEntry {
    let old = &subject.entry;
    StreamEntry {
        number: means.number,
        epoch: old.epoch + 1,
        schema,
        created_us: means.retention.now_us,
        replaces: Some(old.number),
        replaced: None,
        own_end: None,
        deleted: false,
        producer_table: Some(old.producers()),
        first_offset: 0,
        past: Vec::new(),
        past_is_lost: false,
        like: None,
        trimmed_bytes: 0,
        trimmed_before: 0,
        lost: Vec::new(),
        ..old.clone()
    }
}

/// Has a stream begin anew as the configuration declares it by now. Where that declares no fields, the schema stays,
/// which the first sender may have told.
fn begin_as_declared(entry: &mut StreamEntry, config: &Config) -> Starting {
    let (group, rule) = config.rule(&entry.name).unzip();
    if let Ok(options) = config.options(rule) {
        let declared = rule.map(|rule| rule.schema()).filter(|schema| !schema.fields.is_empty());
        let schema = declared.unwrap_or_else(|| entry.schema.clone());
        // options of a stream that tells no fields may not fit those that its sender told
        if Learner::new(schema.clone(), options.clone()).is_ok() {
            (entry.schema, entry.options) = (schema, options);
            entry.group = group.unwrap_or_default().to_owned();
        }
    }
    Starting::Empty
}

/// What came in the place of a stream.
pub struct Replaced {
    /// Its entry; none if the stream was deleted.
    pub entry: Option<StreamEntry>,
    /// The offset that the next event has.
    pub offset: u64,
    /// Events of the log that the new schema refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// Events that were forgotten.
    pub forgotten: u64,
}

/// Writes what comes in the place of a stream that is held, and makes it so by one record.
///
/// # Errors
/// See [`UndoError`]. After [`UndoError::Uncertain`] it is not known whether it is so.
pub fn make(
    subject: &Subject,
    prepared: Prepared,
    held: Option<&mut OwnedStream>,
    means: &Means<'_>,
) -> Result<Replaced, UndoError> {
    let old = &subject.entry;
    check_held(subject, held.as_deref())?;
    let until = subject.view.committed.load(Ordering::Acquire);
    // of a stream that has failed, no more is known here than its newest checkpoint
    let newest = subject.storage.checkpoints(old.number).last().map_or(0, |meta| meta.offset);
    let end = Some(StreamEnd { offset: until.max(newest), time_us: means.retention.now_us });
    let bytes = subject.view.logged_bytes.load(Ordering::Relaxed).saturating_sub(old.trimmed_bytes);
    let past = |to| past_of(old, to, bytes);
    let mut entry = StreamEntry { replaced: end, ..replacement_entry(subject, old.schema.clone(), means) };
    let starting = match prepared {
        Prepared::Delete(for_good) => {
            let own_end = end.filter(|_| !for_good);
            commit(subject, StreamEntry { deleted: true, own_end, ..old.clone() }, means)?;
            return Ok(Replaced { entry: None, offset: 0, refused: BTreeMap::new(), forgotten: 0 });
        }
        Prepared::Reset => begin_as_declared(&mut entry, means.config),
        Prepared::Restore(meta) => {
            (entry.past, entry.past_is_lost) = (past_up_to(old, past(meta.offset), meta.offset), old.past_is_lost);
            entry.like = old.like.clone();
            Starting::Checkpoint(meta)
        }
        Prepared::Rename(to) => {
            entry = StreamEntry { epoch: 1, replaced: None, past: past(until), ..entry };
            entry.rename(&to);
            (entry.past_is_lost, entry.like) = (old.past_is_lost, old.like.clone());
            Starting::AsItIs
        }
        Prepared::Relearnt(relearning) => {
            let until = until.max(relearning.position());
            let past = if relearning.forgetting().is_some() { Vec::new() } else { past(until) };
            entry = StreamEntry { replaced: end, past, ..relearning.entry().clone() };
            Starting::Relearnt(relearning)
        }
        Prepared::BroughtBack(state) => {
            let kept = &state.entry;
            let (to, logged) = (state.learner.offset(), state.counters.logged_bytes);
            let bytes = logged.saturating_sub(kept.trimmed_bytes);
            let part = LogPart { number: kept.number, from: kept.first_offset, to, bytes };
            entry.past = kept.past.iter().copied().chain([part]).collect();
            (entry.past_is_lost, entry.like) = (kept.past_is_lost, kept.like.clone());
            (entry.schema, entry.options, entry.group) =
                (kept.schema.clone(), kept.options.clone(), kept.group.clone());
            // one that was deleted is what comes back itself
            entry.replaced = end.filter(|_| !old.deleted);
            Starting::BroughtBack(state)
        }
    };
    let WrittenReplacement { offset, refused, forgotten } =
        write_replacement(held, &mut entry, starting, &subject.storage, means.retention.now_us)?;
    commit(subject, entry.clone(), means)?;
    Ok(Replaced { entry: Some(entry), offset, refused, forgotten })
}

/// The logs that lead to what goes on from a stream at an offset, of whose own log that is so many bytes.
fn past_of(old: &StreamEntry, to: u64, bytes: u64) -> Vec<LogPart> {
    let own = LogPart { number: old.number, from: old.first_offset, to, bytes };
    old.past.iter().copied().chain([own]).collect()
}

/// The logs that lead to a checkpoint: one that was carried along may be of an offset before the stream began, to which
/// the logs before it lead.
fn past_up_to(old: &StreamEntry, mut past: Vec<LogPart>, to: u64) -> Vec<LogPart> {
    // those before count their events otherwise
    let present = present_parts(&old.past, old.first_offset);
    past.truncate(past.iter().skip(present).take_while(|part| part.from <= to).count() + present);
    past[present..].iter_mut().for_each(|part| part.to = part.to.min(to));
    past
}

/// Makes sure that the stream which is held is the one to be changed. While the change was prepared, a new stream may
/// have begun under the name of one that was deleted.
fn check_held(subject: &Subject, held: Option<&OwnedStream>) -> Result<(), UndoError> {
    let is_other = |held: &OwnedStream| subject.entry.deleted || held.entry().number != subject.entry.number;
    if held.is_some_and(is_other) { Err(UndoError::NameTaken(subject.name.to_string())) } else { Ok(()) }
}

/// Makes one entry durable, which is the change.
fn commit(subject: &Subject, entry: StreamEntry, means: &Means<'_>) -> Result<(), UndoError> {
    commit_as(entry, subject, means).map_err(UndoError::Uncertain)
}

fn commit_as(entry: StreamEntry, subject: &Subject, means: &Means<'_>) -> Result<(), StoreError> {
    subject.storage.commit(&[entry], &[], &[], means.retention.now_us)
}

#[cfg(test)]
#[path = "making_tests.rs"]
mod tests;
