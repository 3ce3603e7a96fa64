//! What people said of incidents, and what it changes.
//!
//! What is said of an incident is said of its [kind](IncidentKind), and of those of its unusual events that have one of
//! their own, such as the values in the lines of an outage: whichever of them comes first when it comes again, it is
//! known. Of a kind that was called normal, an event that claims little more than the incident did begins none, and one
//! that claims more has to be ten to the power of 1.5 times as rare as the budget asks for, more for each incident of
//! it that was called so. Of a kind that was called bad, a tenth as rare is enough, nothing of it counts as normal any
//! more, and its incidents have a budget of their own, ten times as large
//! ([`StreamIncidents`](crate::stream_incidents::StreamIncidents)).

use crate::claim::RespectClaim;
use crate::incident_kind::IncidentKind;
use surmise_event::{Feedback, FeedbackVerdict};
use surmise_state::{Persist, State, StateError};

/// Incidents that can be spoken of: the latest ones.
const INCIDENTS_MAX: usize = 256;
/// Kinds that the unusual events of one incident have.
const KINDS_OF_INCIDENT_MAX: usize = 8;
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

/// An incident that can be spoken of.
#[derive(Clone, Debug, Default)]
struct PastIncident {
    began: u64,
    latest: u64,
    /// That of the event that it began with first.
    kinds: Vec<MovedKind>,
}

/// A kind that an incident has.
#[derive(Clone, Copy, Debug, Default)]
struct MovedKind {
    kind: IncidentKind,
    /// The largest claim of its events.
    bits: f64,
    /// By how many decades a verdict on the incident moved the kind; 0 before there is one.
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
    /// By how much an event of a claim has to be rarer than the budget asks for; less than 1 where incidents of its
    /// kind were called bad.
    pub(crate) fn factor(&self, claim: &RespectClaim) -> f64 {
        self.of(IncidentKind::of(claim)).map_or(1.0, |opinion| {
            let is_normal = claim.bits <= NORMAL_PART * opinion.normal_bits;
            if is_normal { f64::INFINITY } else { libm::pow(10.0, opinion.decades) }
        })
    }

    /// The least factor of all kinds that were called bad; 1 if none was.
    pub(crate) fn least_factor(&self) -> f64 {
        let lowest = self.kinds.iter().map(|opinion| opinion.decades).fold(0.0, f64::min);
        // asked for each event, and most streams were told nothing
        if lowest < 0.0 { libm::pow(10.0, lowest) } else { 1.0 }
    }

    /// The label of a claim's kind.
    pub(crate) fn label(&self, claim: &RespectClaim) -> Option<&str> {
        self.of(IncidentKind::of(claim)).map(|opinion| opinion.label.as_str()).filter(|label| !label.is_empty())
    }

    fn of(&self, kind: IncidentKind) -> Option<&Opinion> {
        self.kinds.iter().find(|opinion| opinion.kind == kind)
    }

    /// An incident of the kind of `first` has begun at this event, or the event is a further unusual one of it. `claim`
    /// is that of the event.
    pub(crate) fn note(&mut self, began: u64, offset: u64, first: &RespectClaim, claim: &RespectClaim) {
        let (first, kind) = (IncidentKind::of(first), IncidentKind::of(claim));
        if !self.incidents.last().is_some_and(|last| last.began == began && last.is_of(first)) {
            if self.incidents.len() >= INCIDENTS_MAX {
                self.incidents.remove(0);
            }
            let kinds = vec![MovedKind { kind: first, bits: 0.0, moved: 0.0 }];
            self.incidents.push(PastIncident { began, latest: offset, kinds });
        }
        let Some(last) = self.incidents.last_mut() else { return };
        last.latest = offset;
        let has_room = kind.about.is_some() && last.kinds.len() < KINDS_OF_INCIDENT_MAX;
        match last.kinds.iter_mut().find(|of| of.kind == kind) {
            Some(known) => known.bits = known.bits.max(claim.bits),
            None if has_room => last.kinds.push(MovedKind { kind, bits: claim.bits, moved: 0.0 }),
            None => {}
        }
    }

    /// The place of the latest incident that an event of this offset belongs to.
    fn place(&self, offset: u64) -> Option<usize> {
        // one that began long before it was noticed may hold others: the narrower is meant
        let holding = self.incidents.iter().enumerate().filter(|(_, i)| (i.began..=i.latest).contains(&offset));
        holding.max_by_key(|(place, incident)| (incident.began, *place)).map(|(place, _)| place)
    }

    /// Whether an event of this offset belongs to an incident that can be spoken of.
    pub(crate) fn knows(&self, offset: u64) -> bool {
        self.place(offset).is_some()
    }

    /// Takes in what is said. A later verdict on the same incident takes the place of the one before.
    pub(crate) fn hear(&mut self, feedback: &Feedback) {
        let Some(place) = self.place(feedback.offset) else { return };
        self.said += 1;
        for i in 0..self.incidents[place].kinds.len() {
            let moved = self.hear_of(self.incidents[place].kinds[i], feedback);
            self.incidents[place].kinds[i].moved = moved;
        }
    }

    /// Takes in what is said of one kind of an incident; returns by how many decades that has moved it.
    fn hear_of(&mut self, MovedKind { kind, bits, moved }: MovedKind, feedback: &Feedback) -> f64 {
        let said = self.said;
        let (opinion, moved) = match self.kinds.iter().position(|opinion| opinion.kind == kind) {
            Some(place) => (&mut self.kinds[place], moved),
            // what was said of a kind that is forgotten is not taken back
            None => (self.begin_kind(kind), 0.0),
        };
        opinion.said = said;
        if let Some(label) = &feedback.label {
            opinion.label = label.to_string();
        }
        let decades = match feedback.verdict {
            None => return moved,
            Some(FeedbackVerdict::Normal) => {
                opinion.normal_bits = opinion.normal_bits.max(bits);
                NORMAL_DECADES
            }
            Some(FeedbackVerdict::Bad) => {
                opinion.normal_bits = 0.0;
                BAD_DECADES
            }
        };
        let before = opinion.decades - moved;
        opinion.decades = (before + decades).clamp(LOWERED_MAX, RAISED_MAX);
        opinion.decades - before
    }

    /// Makes room for what is said of a kind for the first time.
    fn begin_kind(&mut self, kind: IncidentKind) -> &mut Opinion {
        if self.kinds.len() >= KINDS_MAX {
            let oldest = (0..self.kinds.len()).min_by_key(|place| self.kinds[*place].said).unwrap_or(0);
            let gone = self.kinds.remove(oldest).kind;
            // a verdict that is forgotten is not taken back by a later one
            let past = self.incidents.iter_mut().flat_map(|incident| &mut incident.kinds);
            past.filter(|past| past.kind == gone).for_each(|past| past.moved = 0.0);
        }
        let place = self.kinds.len();
        self.kinds.push(Opinion { kind, ..Opinion::default() });
        &mut self.kinds[place]
    }

    /// The same with other numbers of fields; what is of a field that has none is left out, and so is what is about
    /// one symbol or value, which have other numbers there.
    pub(crate) fn renamed(&self, field: impl Fn(u32) -> Option<u32>) -> Opinions {
        let renamed = |kind: IncidentKind| match (kind.field, kind.about) {
            (_, Some(_)) => None,
            (None, None) => Some(kind),
            (Some(known), None) => field(known).map(|field| IncidentKind { field: Some(field), ..kind }),
        };
        let kinds_of = |incident: &PastIncident| -> Vec<MovedKind> {
            incident.kinds.iter().filter_map(|k| Some(MovedKind { kind: renamed(k.kind)?, ..*k })).collect()
        };
        let incidents = self.incidents.iter().map(|i| PastIncident { kinds: kinds_of(i), ..i.clone() });
        let kinds = self.kinds.iter();
        Opinions {
            incidents: incidents.filter(|incident| !incident.kinds.is_empty()).collect(),
            kinds: kinds.filter_map(|o| Some(Opinion { kind: renamed(o.kind)?, ..o.clone() })).collect(),
            said: self.said,
        }
    }
}

impl PastIncident {
    fn is_of(&self, first: IncidentKind) -> bool {
        self.kinds.first().is_some_and(|of| of.kind == first)
    }
}

impl Persist for MovedKind {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.kind.persist(s)?;
        s.f64("past incident", &mut self.bits)?;
        s.f64("past incident", &mut self.moved)
    }
}

impl Persist for PastIncident {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("past incident", &mut self.began)?;
        s.u64("past incident", &mut self.latest)?;
        s.list("kinds of a past incident", &mut self.kinds, MovedKind::default)
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
