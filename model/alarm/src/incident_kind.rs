//! The kind of an incident: what is unusual in it, by which incidents that come again are known.

use crate::claim::RespectClaim;
use surmise_event::AlarmKind;
use surmise_state::{Persist, State, StateError};

/// Two incidents are of one kind if the same is unusual in the same field, and about the same symbol or value where one
/// alone is unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IncidentKind {
    pub(crate) kind: AlarmKind,
    pub(crate) field: Option<u32>,
    pub(crate) about: Option<u64>,
}

impl IncidentKind {
    /// The kind of the incidents that a claim begins.
    pub(crate) fn of(claim: &RespectClaim) -> IncidentKind {
        IncidentKind { kind: claim.kind, field: claim.field, about: claim.about }
    }

    /// Makes a claim one of this kind.
    pub(crate) fn give(self, claim: &mut RespectClaim) {
        (claim.kind, claim.field, claim.about) = (self.kind, self.field, self.about);
    }
}

impl Default for IncidentKind {
    fn default() -> IncidentKind {
        IncidentKind::of(&RespectClaim::NONE)
    }
}

impl Persist for IncidentKind {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let kinds = AlarmKind::ALL;
        let mut kind = kinds.iter().position(|k| *k == self.kind).unwrap_or(0) as u32;
        s.u32("kind of incident", &mut kind)?;
        self.kind = *kinds.get(kind as usize).ok_or(StateError::Invalid("kind of incident"))?;
        // one more than the field, 0 for none
        let mut field = self.field.map_or(0, |field| field.saturating_add(1));
        s.u32("field of incident", &mut field)?;
        self.field = field.checked_sub(1);
        persist_cause(&mut self.about, s)
    }
}

/// Persists what an incident is about, if it is about one thing.
pub(crate) fn persist_cause(about: &mut Option<u64>, s: &mut State<'_>) -> Result<(), StateError> {
    let (mut is_known, mut number) = (about.is_some(), about.unwrap_or(0));
    s.bool("what an incident is about", &mut is_known)?;
    s.u64("what an incident is about", &mut number)?;
    *about = is_known.then_some(number);
    Ok(())
}
