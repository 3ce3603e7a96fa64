//! The first events of a stream, kept until they decide what its fields hold.

use crate::record::{Event, Value};
use crate::schema::Schema;
use surmise_state::{Persist, State, StateError};

/// Events after which the kinds of fields are decided.
const DECIDING_EVENTS: usize = 256;
/// Bytes of events that are kept, nearly; where they are more, fewer events decide.
const KEPT_BYTES_MAX: usize = 64 << 10;
/// Bytes that a kept value takes beside its text.
const VALUE_BYTES: usize = 24;

/// The events of a stream so far.
#[derive(Clone, Debug, Default)]
pub struct FirstEvents {
    kept: Vec<KeptEvent>,
    bytes: usize,
}

/// An event and its offset.
#[derive(Clone, Debug, Default)]
struct KeptEvent {
    offset: u64,
    event: Event,
}

impl FirstEvents {
    /// The beginning of a stream of this schema; none where fields are declared, as nothing is left to decide.
    pub fn of(schema: &Schema) -> Option<FirstEvents> {
        (schema.fields.is_empty() && !schema.closed).then(FirstEvents::default)
    }

    /// Keeps an event of the schema as it is now.
    pub fn push(&mut self, offset: u64, event: &Event) {
        self.bytes += event_bytes(event);
        self.kept.push(KeptEvent { offset, event: event.clone() });
    }

    /// The offsets of the events.
    pub fn offsets(&self) -> impl Iterator<Item = u64> {
        self.kept.iter().map(|kept| kept.offset)
    }

    /// How many more events there are until they decide, at most.
    pub fn missing(&self) -> u64 {
        DECIDING_EVENTS.saturating_sub(self.kept.len()) as u64
    }

    /// The events.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.kept.iter().map(|kept| &kept.event)
    }

    /// Whether events of this schema can be these, which may come from a file: as many as are kept, none with more
    /// values than there are fields.
    pub fn fits(&self, schema: &Schema) -> bool {
        self.kept.len() < DECIDING_EVENTS && self.events().all(|event| event.values.len() <= schema.fields.len())
    }

    /// Whether the events are as many as decide, or take as much room as there is for them.
    pub fn is_complete(&self) -> bool {
        self.kept.len() >= DECIDING_EVENTS || self.bytes >= KEPT_BYTES_MAX
    }
}

/// Bytes that an event takes while it is kept, nearly.
fn event_bytes(event: &Event) -> usize {
    let texts = event.values.iter().map(|value| match value {
        Value::Missing | Value::Number(_) => VALUE_BYTES,
        Value::Symbol(text) => VALUE_BYTES + text.len(),
        Value::Bytes(bytes) => VALUE_BYTES + bytes.len(),
    });
    VALUE_BYTES + event.key.as_ref().map_or(0, |key| key.len()) + texts.sum::<usize>()
}

impl Persist for KeptEvent {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("beginning", &mut self.offset)?;
        self.event.persist(s)
    }
}

impl Persist for FirstEvents {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.list("beginning", &mut self.kept, KeptEvent::default)?;
        self.bytes = self.kept.iter().map(|kept| event_bytes(&kept.event)).sum();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Field, FieldKind};

    #[test]
    fn events_of_another_schema_do_not_fit() {
        let schema = Schema::new([Field::new("a", FieldKind::Category)]);
        let event = |values: usize| Event { values: vec![Value::Missing; values], ..Event::default() };
        let of = |events: usize, values: usize| {
            let mut first = FirstEvents::default();
            (0..events).for_each(|offset| first.push(offset as u64, &event(values)));
            first
        };
        assert!(of(0, 0).fits(&schema) && of(255, 1).fits(&schema) && of(3, 0).fits(&schema));
        assert!(!of(1, 2).fits(&schema) && !of(256, 1).fits(&schema));
    }
}
