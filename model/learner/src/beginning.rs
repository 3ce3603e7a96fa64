//! The first events of a stream that declared no fields, kept until they tell what its fields hold.
//!
//! The first value of a field says what the field holds, as the first event is to be predicted, too. After 256 events
//! counts tell more: whether numbers are codes or readings, whether texts come again. Where that differs, the learner
//! begins anew under the decided schema and learns the same events again, in their order. What it said of them stays
//! said. All of this depends on the events alone, so the live stream, its recovery and its replay decide alike.

use crate::learner::{Learner, StreamPosition};
use crate::pages::Page;
use std::collections::BTreeSet;
use surmise_event::{Event, FirstEvents, Limits, Outcome, Schema};
use surmise_state::IncrementalCopy;

/// What was learnt once is learnt again, whatever its size.
const NO_LIMITS: Limits =
    Limits { fields: usize::MAX, symbol_bytes: usize::MAX, text_bytes: usize::MAX, name_bytes: usize::MAX };

impl Learner {
    /// How many more events there will be, at most, before the kinds of fields are decided; `None` once they are, or
    /// where they were declared.
    pub fn undecided_events(&self) -> Option<u64> {
        self.beginning.as_ref().map(FirstEvents::missing)
    }

    /// Keeps an event that was observed; when there are enough of them, decides what fields hold.
    pub(crate) fn keep_beginning(&mut self, offset: u64, event: &Event) {
        let Some(beginning) = &mut self.beginning else { return };
        beginning.push(offset, event);
        if beginning.is_complete()
            && let Some(beginning) = self.beginning.take()
            && let Some(decided) = self.schema.decided(&beginning.events().collect::<Vec<_>>())
        {
            self.begin_anew(decided, &beginning);
        }
    }

    /// Puts a learner in the place of this one that has learnt the same events under another schema.
    fn begin_anew(&mut self, schema: Schema, beginning: &FirstEvents) {
        // options that do not go with the decided kinds, such as a preset, keep the first ones
        let Ok(mut anew) = Learner::new(schema, self.options().clone()) else { return };
        let records = beginning.events().map(|event| self.schema().unbind(event));
        let bound: Result<Vec<Event>, _> = records.map(|record| anew.bind(&record, &NO_LIMITS)).collect();
        let Ok(events) = bound else { return };
        // a copy in the making is one of the state before
        self.copy_some(&mut usize::MAX.clone());
        self.leave_pages(&mut anew, beginning);
        anew.set_job_sink(self.job_sink());
        anew.measures.ranks = self.measures.ranks;
        // of the events so far the last ones were scored, where scoring began late
        let unscored = (events.len() as u64).saturating_sub(self.measures.tally.events);
        if unscored > 0 || !self.measures.scoring {
            anew.set_scoring(false);
        }
        let mut outcome = Outcome::default();
        for (i, (event, offset)) in events.iter().zip(beginning.offsets()).enumerate() {
            if i as u64 == unscored && self.measures.tally.events > 0 {
                anew.set_scoring(true);
            }
            anew.position.offset = offset;
            anew.observe_into(event, &mut outcome);
        }
        anew.set_scoring(self.measures.scoring);
        let (offset, version) = (self.position.offset, self.position.version);
        anew.position = StreamPosition { offset, version, ..anew.position };
        let place = |field: u32| {
            let name = &self.schema().fields.get(field as usize)?.name;
            anew.schema.position(name).map(|position| position as u32)
        };
        anew.monitors.alarms.go_on_from(&self.monitors.alarms, place);
        let tally = std::mem::take(&mut anew.measures.tally);
        anew.measures = std::mem::take(&mut self.measures);
        anew.measures.tally = tally;
        *self = anew;
    }

    /// Leaves the store to another learner of the same events: the pages of keys there count no more, and pages are
    /// numbered on.
    fn leave_pages(&mut self, anew: &mut Learner, beginning: &FirstEvents) {
        if let Some(place) = self.keys.pages.clone() {
            if self.keys.stored.numbered > 0 {
                let keys: BTreeSet<&str> = beginning.events().filter_map(|event| event.key.as_deref()).collect();
                let gone: Vec<Page<'_>> = keys.into_iter().map(|key| Page { key, state: None }).collect();
                self.write_pages(&*place, &gone);
            }
            anew.set_pages(place);
        }
        anew.keys.stored.numbered = self.keys.stored.numbered;
        anew.keys.stored.oldest = self.keys.stored.numbered;
        anew.keys.fault = self.keys.fault.take();
    }
}
