//! An incident: the events that one cause makes unusual.

use crate::claim::RespectClaim;
use crate::claim_record::JudgedClaim;
use crate::incident_kind::IncidentKind;
use surmise_event::{AlarmKind, AlarmPhase};
use surmise_state::{Persist, State, StateError};

/// An incident is over after so many events without an unusual one.
const INCIDENT_EVENTS: u64 = 64;
/// An event of an open incident is unusual if it claims so large a part of the incident's largest claim.
const UNUSUAL_PART: f64 = 0.5;

/// An incident that is not over yet.
#[derive(Clone, Debug)]
pub(crate) struct OpenIncident {
    pub(crate) claim: RespectClaim,
    pub(crate) began: u64,
    pub(crate) latest: u64,
    /// The offset of the event whose claim rose most over those just before it, and by how many bits.
    pub(crate) oddest: u64,
    pub(crate) oddest_rise_bits: f64,
    pub(crate) count: u64,
    pub(crate) rarity: f64,
    /// The key that it is about, if that is not the one of its event; empty otherwise.
    pub(crate) key: String,
}

impl OpenIncident {
    /// An incident that is noticed at the event of this offset. It began with the one whose claim rose most until then.
    pub(crate) fn begun(offset: u64, event: &JudgedClaim, key: Option<&str>) -> OpenIncident {
        let JudgedClaim { claim, oddest, oddest_rise_bits, proven: rarity, .. } = *event;
        let key = key.unwrap_or_default().to_owned();
        OpenIncident { claim, began: oddest, latest: offset, oddest, oddest_rise_bits, count: 1, rarity, key }
    }

    /// Takes in an event. Returns what is told of it.
    pub(crate) fn go_on(&mut self, offset: u64, event: &JudgedClaim) -> Option<AlarmPhase> {
        let claim = &event.claim;
        if claim.bits >= UNUSUAL_PART * self.claim.bits {
            (self.latest, self.count) = (offset, self.count + 1);
            self.rarity = self.rarity.max(event.proven);
            self.claim.bits = self.claim.bits.max(claim.bits);
            // a key that fell silent is told by its own latest event
            if event.rise_bits > self.oddest_rise_bits && self.claim.kind != AlarmKind::Silent {
                (self.oddest, self.oddest_rise_bits) = (offset, event.rise_bits);
            }
            return Some(AlarmPhase::GoesOn);
        }
        (offset.saturating_sub(self.latest) > INCIDENT_EVENTS).then_some(AlarmPhase::Ended)
    }
}

impl Default for OpenIncident {
    fn default() -> Self {
        OpenIncident {
            claim: RespectClaim::NONE,
            began: 0,
            latest: 0,
            oddest: 0,
            oddest_rise_bits: 0.0,
            count: 0,
            rarity: 1.0,
            key: String::new(),
        }
    }
}

impl Persist for OpenIncident {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let mut kind = IncidentKind::of(&self.claim);
        kind.persist(s)?;
        kind.give(&mut self.claim);
        s.f64("incident bits", &mut self.claim.bits)?;
        for v in [&mut self.began, &mut self.latest, &mut self.oddest, &mut self.count] {
            s.u64("incident", v)?;
        }
        s.f64("incident rise", &mut self.oddest_rise_bits)?;
        s.f64("incident rarity", &mut self.rarity)?;
        s.string("key of the incident", &mut self.key)
    }
}
