//! One ceiling for all models of a stream ([`crate::Options::memory_mib`]), shared by demand: a field grows as it
//! learns while the stream has room, and beyond it replaces what it used least.
//!
//! What is used is a function of the state, and it is asked before every event. So where growth ends depends on the
//! events alone, for the live stream, its recovery and its replay alike.

use crate::field::{FieldModel, Model};
use crate::learner::Learner;
use crate::number_fields::NumberFields;
use crate::symbol_field::{MADE_BYTES, SymbolField, WAITING_BYTES};
use surmise_event::{Event, Refusal, RefusalCode, Value};
use surmise_number::ColumnPlaces;

/// The least ceiling: so much is needed for some fields to learn at all.
const CEILING_BYTES_MIN: usize = 8 << 20;

impl Learner {
    /// The most bytes that the models of the stream may take.
    fn ceiling_bytes(&self) -> usize {
        ((self.options.memory_mib as usize) << 20).max(CEILING_BYTES_MIN)
    }

    /// Bytes that the models of the stream take, nearly; private states of keys come on top.
    pub fn model_bytes(&self) -> usize {
        let fields: usize = self.models.fields.iter().map(FieldModel::bytes).sum();
        let places = self.models.places.capacity() * size_of::<ColumnPlaces>();
        fields + places + self.models.numbers.as_ref().map_or(0, NumberFields::bytes)
    }

    /// Tells every model how much room there is. An endless text is the only field of its stream, and its model is
    /// sized by the ceiling; how it is cut into events must not matter.
    pub(crate) fn share_room(&mut self) {
        if self.schema.is_bytes() {
            return;
        }
        let room = self.ceiling_bytes().saturating_sub(self.model_bytes());
        self.models.fields.iter_mut().for_each(|field| field.set_room(room));
    }

    /// Refuses an event for which models would have to be made that the stream has no room for.
    ///
    /// # Errors
    /// Names the first field whose model would have to be made.
    pub(crate) fn check_room(&self, event: &Event) -> Result<(), Refusal> {
        let fields = self.models.fields.iter().zip(&event.values);
        let is_made = |(field, value): &(&FieldModel, &Value)| {
            !matches!(value, Value::Missing) && field.symbols().is_some_and(SymbolField::is_next_made)
        };
        let made = fields.clone().filter(is_made).count();
        let new = event.values.len().saturating_sub(self.models.fields.len());
        if made + new == 0 {
            return Ok(());
        }
        let (used, ceiling) = (self.model_bytes(), self.ceiling_bytes());
        if used + made * MADE_BYTES + new * WAITING_BYTES <= ceiling {
            return Ok(());
        }
        let field = fields.clone().find(is_made).map(|(field, _)| field.name.to_string());
        let field = field.or_else(|| self.schema.fields.get(self.models.fields.len()).map(|f| f.name.clone()));
        let reason = format!(
            "the models of the stream take {} MiB of {} and have no room for {} more fields (memory_mib)",
            used >> 20,
            ceiling >> 20,
            made + new
        );
        Err(Refusal::new(RefusalCode::LimitReached, field.unwrap_or_default(), reason))
    }
}

impl FieldModel {
    /// Bytes that the field takes, nearly; those of a number are its model's.
    fn bytes(&self) -> usize {
        match &self.model {
            Model::Category(field, vocabulary) => field.bytes() + vocabulary.bytes(),
            Model::Bytes(field) | Model::Gap(field, _) | Model::Line(field, ..) => field.bytes(),
            Model::Number(_) => 0,
        }
    }

    fn set_room(&mut self, room: usize) {
        match &mut self.model {
            Model::Category(field, vocabulary) => {
                vocabulary.set_room(room);
                field.set_room(room);
            }
            Model::Bytes(field) | Model::Gap(field, _) | Model::Line(field, ..) => field.set_room(room),
            Model::Number(_) => {}
        }
    }
}
