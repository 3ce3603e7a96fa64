//! What people said of incidents, and what it changes.
//!
//! Incidents are of one *kind* if the same is unusual in the same field. Of a kind that was called normal, an event
//! that claims little more than the incident did begins none, and one that claims more has to be ten to the power of
//! 1.5 times as rare as the budget asks for, more for each incident of it that was called so. Of a kind that was called
//! bad, a tenth as rare is enough, and nothing of it counts as normal any more. Both are bounded, which belongs to the
//! budget's guarantee: with incidents that begin by up to two decades less ([`LOWERED_MAX`]) there are at most two more
//! of them, for good ([`BudgetKeeper`](crate::budget::BudgetKeeper)).

use crate::claim::RespectClaim;
use surmise_event::{Alarm, AlarmKind, Feedback, FeedbackVerdict};
use surmise_state::{Persist, State, StateError};

/// Incidents that can be spoken of: the latest ones.
const INCIDENTS_MAX: usize = 256;
/// Kinds of incidents of which something was said. That which was silent for longest makes room.
const KINDS_MAX: usize = 256;
/// Decades that a verdict raises or lowers the rarity by that is needed.
const NORMAL_DECADES: f64 = 1.5;
const BAD_DECADES: f64 = -1.0;
/// The most that verdicts together raise or lower it.
const RAISED_MAX: f64 = 6.0;
const LOWERED_MAX: f64 = -2.0;
/// An event begins no incident that claims so many times what one claimed that was called normal, or less.
const NORMAL_PART: f64 = 1.25;

/// The kind of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct IncidentKind {
    kind: AlarmKind,
    field: Option<u32>,
}

impl IncidentKind {
    fn of(claim: &RespectClaim) -> IncidentKind {
        IncidentKind { kind: claim.kind, field: claim.field }
    }
}

impl Default for IncidentKind {
    fn default() -> IncidentKind {
        IncidentKind { kind: AlarmKind::Value, field: None }
    }
}

/// An incident that can be spoken of.
#[derive(Clone, Debug, Default)]
struct PastIncident {
    kind: IncidentKind,
    began: u64,
    latest: u64,
    /// The largest claim of its events.
    bits: f64,
    /// By how many decades a verdict on it moved its kind; 0 before there is one.
    moved: f64,
}

/// What was said of a kind.
#[derive(Clone, Debug, Default)]
struct Opinion {
    kind: IncidentKind,
    decades: f64,
    /// The largest claim of its incidents that were called normal.
    normal_bits: f64,
    /// Empty where there is none.
    label: String,
    /// How many times anything had been said when this was last said.
    said: u64,
}

/// What people said of the incidents of a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opinions {
    incidents: Vec<PastIncident>,
    kinds: Vec<Opinion>,
    said: u64,
}

impl Opinions {
    /// By how much an event of a claim has to be rarer than the budget asks for.
    pub(crate) fn factor(&self, claim: &RespectClaim) -> f64 {
        self.of(IncidentKind::of(claim)).map_or(1.0, |opinion| {
            let is_normal = claim.bits <= NORMAL_PART * opinion.normal_bits;
            if is_normal { f64::INFINITY } else { libm::pow(10.0, opinion.decades) }
        })
    }

    /// The label of a claim's kind.
    pub(crate) fn label(&self, claim: &RespectClaim) -> Option<&str> {
        self.of(IncidentKind::of(claim)).map(|opinion| opinion.label.as_str()).filter(|label| !label.is_empty())
    }

    fn of(&self, kind: IncidentKind) -> Option<&Opinion> {
        self.kinds.iter().find(|opinion| opinion.kind == kind)
    }

    /// An incident has begun or goes on.
    pub(crate) fn note(&mut self, claim: &RespectClaim, alarm: &Alarm) {
        let (kind, latest) = (IncidentKind::of(claim), alarm.offset);
        if let Some(last) = self.incidents.last_mut().filter(|last| last.began == alarm.began && last.kind == kind) {
            (last.latest, last.bits) = (latest, last.bits.max(claim.bits));
            return;
        }
        if self.incidents.len() >= INCIDENTS_MAX {
            self.incidents.remove(0);
        }
        self.incidents.push(PastIncident { kind, began: alarm.began, latest, bits: claim.bits, moved: 0.0 });
    }

    /// The place of the latest incident that an event of this offset belongs to.
    fn place(&self, offset: u64) -> Option<usize> {
        self.incidents.iter().rposition(|incident| (incident.began..=incident.latest).contains(&offset))
    }

    /// Whether an event of this offset belongs to an incident that can be spoken of.
    pub(crate) fn knows(&self, offset: u64) -> bool {
        self.place(offset).is_some()
    }

    /// Takes in what is said. A later verdict on the same incident takes the place of the one before.
    pub(crate) fn hear(&mut self, feedback: &Feedback) {
        let Some(place) = self.place(feedback.offset) else { return };
        self.said += 1;
        let said = self.said;
        let PastIncident { kind, bits, moved: was, .. } = self.incidents[place];
        let opinion = self.opinion(kind);
        opinion.said = said;
        if let Some(label) = &feedback.label {
            opinion.label = label.to_string();
        }
        let decades = match feedback.verdict {
            None => return,
            Some(FeedbackVerdict::Normal) => {
                opinion.normal_bits = opinion.normal_bits.max(bits);
                NORMAL_DECADES
            }
            Some(FeedbackVerdict::Bad) => {
                opinion.normal_bits = 0.0;
                BAD_DECADES
            }
        };
        let before = opinion.decades - was;
        opinion.decades = (before + decades).clamp(LOWERED_MAX, RAISED_MAX);
        let moved = opinion.decades - before;
        self.incidents[place].moved = moved;
    }

    /// The same with other numbers of fields; what is of a field that has none is left out.
    pub(crate) fn renamed(&self, field: impl Fn(u32) -> Option<u32>) -> Opinions {
        let renamed = |kind: IncidentKind| match kind.field {
            None => Some(kind),
            Some(known) => field(known).map(|field| IncidentKind { field: Some(field), ..kind }),
        };
        let incidents = self.incidents.iter();
        let kinds = self.kinds.iter();
        Opinions {
            incidents: incidents.filter_map(|i| Some(PastIncident { kind: renamed(i.kind)?, ..i.clone() })).collect(),
            kinds: kinds.filter_map(|o| Some(Opinion { kind: renamed(o.kind)?, ..o.clone() })).collect(),
            said: self.said,
        }
    }

    /// What was said of a kind, with room made for it.
    fn opinion(&mut self, kind: IncidentKind) -> &mut Opinion {
        let place = self.kinds.iter().position(|opinion| opinion.kind == kind).unwrap_or_else(|| {
            if self.kinds.len() >= KINDS_MAX {
                let oldest = (0..self.kinds.len()).min_by_key(|place| self.kinds[*place].said).unwrap_or(0);
                let gone = self.kinds.remove(oldest).kind;
                // a verdict that is forgotten is not taken back by a later one
                self.incidents.iter_mut().filter(|past| past.kind == gone).for_each(|past| past.moved = 0.0);
            }
            self.kinds.push(Opinion { kind, ..Opinion::default() });
            self.kinds.len() - 1
        });
        &mut self.kinds[place]
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
        Ok(())
    }
}

impl Persist for PastIncident {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.kind.persist(s)?;
        s.u64("past incident", &mut self.began)?;
        s.u64("past incident", &mut self.latest)?;
        s.f64("past incident", &mut self.bits)?;
        s.f64("past incident", &mut self.moved)
    }
}

impl Persist for Opinion {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.kind.persist(s)?;
        s.f64("opinion", &mut self.decades)?;
        s.f64("opinion", &mut self.normal_bits)?;
        s.string("opinion", &mut self.label)?;
        s.u64("opinion", &mut self.said)
    }
}

impl Persist for Opinions {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.list("past incidents", &mut self.incidents, PastIncident::default)?;
        s.list("opinions", &mut self.kinds, Opinion::default)?;
        s.u64("opinions", &mut self.said)
    }
}

#[cfg(test)]
#[path = "opinions_tests.rs"]
mod tests;
