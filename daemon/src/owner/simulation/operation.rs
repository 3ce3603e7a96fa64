//! Operators of a simulated world: streams are reset, restored, renamed, learnt again, deleted and brought back, by the
//! daemon's own steps, between which anything may happen.

use super::super::owned_stream::OwnedStream;
use super::super::request::{OwnerRequest, Returned};
use super::process::Process;
use super::world::World;
use crate::directory::StreamView;
use crate::producers::ProducerBounds;
use crate::services::Services;
use crate::storage::Storage;
use crate::undo::{
    KeptStream, Means, Prepared, Replaced, Retention, SchemaChange, StreamChange, Subject, UndoError, Unfinished,
    clear_dead, kept_streams, make, prepare,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_event::{Field, FieldKind, Limits};

/// A change on its way: its stream is held.
pub struct Operation {
    subject: Subject,
    /// The name that the stream is to get, which is held, too.
    new_name: Option<Arc<str>>,
    prepared: Prepared,
    stream: Option<Box<OwnedStream>>,
    number: u32,
}

fn means<'a>(world: &'a World, services: &'a Services, number: u32) -> Means<'a> {
    let (bounds, retention) = (ProducerBounds::of(&world.config), world.retention());
    Means { services, limits: Limits::default(), bounds, retention, config: &world.config, number }
}

impl World {
    /// An operator does something.
    pub fn step_operation(&mut self, process: &mut Process) {
        match self.operation.take() {
            None => self.begin_operation(process),
            Some(operation) => self.continue_operation(process, operation),
        }
    }

    /// How long what was replaced is kept.
    pub fn retention(&self) -> Retention {
        Retention { now_us: self.clock.elapsed().as_micros() as i64, kept_us: self.kept_us }
    }

    /// Picks a change, prepares it, and has its stream held.
    fn begin_operation(&mut self, process: &mut Process) {
        let names: Vec<Arc<str>> = self.streams.iter().cloned().chain(self.new_names()).collect();
        let name = names[self.operator.below(names.len() as u64) as usize].clone();
        let Some((subject, change)) = self.pick_change(process, &name) else { return };
        self.lineage.note_entry(&subject.entry);
        let number = process.directory.next_number();
        let new_name = if let StreamChange::Rename(to) = &change { Some(to.clone()) } else { None };
        let Ok(prepared) = prepare(&subject, change, &means(self, &process.services, number)) else {
            self.happened.not_replaced += 1;
            return;
        };
        if let Some(to) = &new_name {
            let held = to.clone();
            let taken = process.ask(to, &self.clock, |reply| OwnerRequest::Hold { stream: held, reply });
            if let Some(stream) = taken {
                return give_back(process, self, to, Returned::AsItWas(stream));
            }
        }
        let held = name.clone();
        let stream = process.ask(&name, &self.clock, |reply| OwnerRequest::Hold { stream: held, reply });
        self.operation = Some(Operation { subject, new_name, prepared, stream, number });
    }

    /// Names that only operators give.
    fn new_names(&self) -> impl Iterator<Item = Arc<str>> {
        (0..2).map(|number| format!("t{number}").into())
    }

    fn pick_change(&mut self, process: &Process, name: &Arc<str>) -> Option<(Subject, StreamChange)> {
        let storage: Arc<dyn Storage> = self.storage.clone();
        let entries = storage.streams().unwrap();
        let operator = &mut self.operator;
        let Some(view) = process.directory.get(name) else {
            let is_it = |kept: &KeptStream| kept.entry.number == kept.last && *kept.entry.name == **name;
            let entry = kept_streams(&entries, self.retention()).into_iter().find(is_it)?.entry;
            let view = Arc::new(StreamView::new(&entry));
            return Some((Subject { storage, name: name.clone(), view, entry }, StreamChange::BringBack(None)));
        };
        let entry = entries.into_iter().find(|entry| entry.number == view.number)?;
        let change = match operator.below(14) {
            0 | 1 => StreamChange::Reset,
            2..=5 => {
                let metas = storage.checkpoints(entry.number);
                let place = operator.below(metas.len().max(1) as u64) as usize;
                StreamChange::Restore(metas.get(place).map_or(99, |meta| meta.generation))
            }
            6 | 7 => {
                // back to a name that producers send to, or away from it
                let names: Vec<Arc<str>> = self.streams.iter().cloned().chain(self.new_names()).collect();
                let free: Vec<&Arc<str>> = names.iter().filter(|name| process.directory.get(name).is_none()).collect();
                let place = self.operator.below(free.len().max(1) as u64) as usize;
                StreamChange::Rename(free.get(place).copied()?.clone())
            }
            8 | 9 => {
                let closed = Some(operator.below(2) == 0);
                let first = view.schema.load().fields.first().cloned();
                let kind = [FieldKind::Category, FieldKind::Text][operator.below(2) as usize];
                let fields = first.into_iter().map(|field| Field { kind, ..field }).collect();
                StreamChange::Schema(SchemaChange { fields, closed, new_fields: false })
            }
            10 => StreamChange::Delete { for_good: operator.below(2) == 0 },
            _ => StreamChange::BringBack(None),
        };
        Some((Subject { storage, name: name.clone(), view, entry }, change))
    }

    /// Makes the change once all that the stream has learnt is durable, or gives the stream back.
    fn continue_operation(&mut self, process: &mut Process, operation: Operation) {
        let view = &operation.subject.view;
        let is_durable = view.committed.load(Ordering::Acquire) >= view.offset.load(Ordering::Acquire);
        if !is_durable && self.operator.below(20) > 0 {
            self.operation = Some(operation);
            return;
        }
        let Operation { subject, new_name, prepared, mut stream, number } = operation;
        let (about, is_brought_back) = (describe(&prepared), matches!(prepared, Prepared::BroughtBack(_)));
        let made = match is_durable {
            true => {
                self.note_beginning(&subject, &prepared, number);
                make(&subject, prepared, stream.as_deref_mut(), &means(self, &process.services, number))
            }
            false => Err(UndoError::NotDurable),
        };
        let (name, old) = (&subject.name, subject.entry.number);
        match &made {
            Ok(Replaced { entry, offset, .. }) => self.tell(format_args!(
                "{about} of {name} ({old}): {:?} at {offset}",
                entry.as_ref().map(|entry| (&entry.name, entry.number, entry.epoch))
            )),
            Err(e) => self.tell(format_args!("{about} of {name} ({old}) as {number}: {e}")),
        }
        match made {
            Ok(Replaced { entry, .. }) => {
                self.happened.replaced += 1;
                self.happened.brought_back += u64::from(is_brought_back);
                drop(stream);
                if let Some(entry) = &entry {
                    self.lineage.note_entry(entry);
                }
                for name in new_name.iter().chain([&subject.name]) {
                    let is_new = entry.as_ref().is_some_and(|entry| *entry.name == **name);
                    let returned = match &entry {
                        Some(entry) if is_new => Returned::Stored(Box::new(entry.clone()), subject.storage.clone()),
                        Some(_) | None => Returned::Nothing,
                    };
                    give_back(process, self, name, returned);
                }
                if self.operator.below(2) == 0 {
                    let _ = clear_dead(&*self.storage, Unfinished::Kept, self.retention());
                }
            }
            Err(UndoError::Uncertain(why)) => process.fault.set(why.to_string()),
            Err(_) => {
                self.happened.not_replaced += 1;
                self.lineage.forget(number);
                give_back(process, self, &subject.name, stream.map_or(Returned::Nothing, Returned::AsItWas));
                if let Some(to) = &new_name {
                    give_back(process, self, to, Returned::Nothing);
                }
            }
        }
    }

    /// Notes what the stream that is being made begins with.
    fn note_beginning(&mut self, subject: &Subject, prepared: &Prepared, number: u32) {
        let (old, end) = (subject.entry.number, subject.view.committed.load(Ordering::Acquire));
        let lineage = &mut self.lineage;
        match prepared {
            Prepared::Reset | Prepared::Delete(_) => {}
            Prepared::Restore(meta) => lineage.begins_with_state(number, old, meta.offset),
            Prepared::Rename(_) => lineage.begins_with_state(number, old, end),
            Prepared::Relearnt(relearning) => lineage.begins_with_log(number, old, end.max(relearning.position())),
            Prepared::BroughtBack(state) => {
                lineage.note_entry(&state.entry);
                lineage.begins_with_state(number, state.entry.number, state.learner.offset());
            }
        }
    }
}

fn describe(prepared: &Prepared) -> String {
    match prepared {
        Prepared::Reset => "a reset".into(),
        Prepared::Restore(meta) => format!("a restore to {} at {}", meta.generation, meta.offset),
        Prepared::Rename(to) => format!("a rename to {to}"),
        Prepared::Relearnt(relearning) => {
            format!("a schema {:?} at {}", relearning.entry().schema, relearning.position())
        }
        Prepared::BroughtBack(state) => format!("an undo to {} at {}", state.entry.number, state.learner.offset()),
        Prepared::Delete(for_good) => format!("a deletion, for good {for_good},"),
    }
}

fn give_back(process: &mut Process, world: &World, name: &Arc<str>, returned: Returned) {
    let held = name.clone();
    process.ask(name, &world.clock, |reply| OwnerRequest::GiveBack { stream: held, returned, reply });
}
