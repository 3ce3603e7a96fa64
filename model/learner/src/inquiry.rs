//! Why an event was as surprising as it was: learning up to that event, and keeping its parts as it is observed.

use crate::learner::Learner;
use crate::pages::PagesError;
use crate::parts::PartDetail;
use surmise_event::{Event, Outcome, Part};

/// Learns events up to one that is asked about, whose parts it keeps with what was expected in their place.
///
/// The learner is a fresh one, or one from a checkpoint at or before the event, so that what it finds is what the
/// stream's own learner found, to the bit.
#[derive(Clone, Debug)]
pub struct Inquiry {
    offset: u64,
    learnt: u64,
}

/// The event that was asked about.
#[derive(Clone, Debug)]
pub struct ExplainedEvent {
    /// What its observation gave.
    pub outcome: Outcome,
    /// Its parts, in the order of its fields.
    pub parts: Vec<Part>,
    /// Events that were learnt before it.
    pub learnt: u64,
}

impl Inquiry {
    /// Asks about the event that takes this offset.
    pub fn new(offset: u64) -> Inquiry {
        Inquiry { offset, learnt: 0 }
    }

    /// Learns the next event; returns it explained if it is the one.
    ///
    /// # Errors
    /// The key pages failed, so the learner is not to be trusted.
    pub fn learn(&mut self, learner: &mut Learner, event: &Event) -> Result<Option<ExplainedEvent>, PagesError> {
        let is_asked = self.offset < learner.offset() + event.offsets(learner.schema());
        if is_asked {
            learner.set_parts(PartDetail::Expectations);
        }
        let outcome = learner.observe(event);
        if let Some(fault) = learner.pages_fault() {
            return Err(fault.clone());
        }
        if is_asked {
            return Ok(Some(ExplainedEvent { outcome, parts: learner.latest_parts().to_vec(), learnt: self.learnt }));
        }
        self.learnt += 1;
        Ok(None)
    }
}
