//! A kind of claims that has a record of its own, and what the record says of the event at hand.

use crate::claim::RespectClaim;
use crate::rarity::RarityRecord;
use surmise_state::{Persist, State, StateError};

/// The claims of one kind: the largest of the event at hand, and the record of those before it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClaimRecord {
    /// The largest claim of the event at hand.
    pub(crate) claim: RespectClaim,
    rarity: RarityRecord,
    /// The offset of the first event of the cluster at hand.
    began: u64,
    /// The offset of its event whose claim rose most over that of the event before it, and by how many bits: what is
    /// summed over several events stays high after the one that made it so.
    oddest: u64,
    oddest_rise_bits: f64,
    /// The largest claim of the event before the one at hand, in bits.
    previous_bits: f64,
}

/// What a record says of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JudgedClaim {
    pub(crate) claim: RespectClaim,
    /// Once in so many events, as is told of the event.
    pub(crate) events: f64,
    /// Once in so many events, as is needed to begin an incident.
    pub(crate) proven: f64,
    /// Whether the event is more unusual than all others of its cluster.
    pub(crate) news: bool,
    /// The offset of the first event of its cluster, and of the one whose claim rose most.
    pub(crate) began: u64,
    pub(crate) oddest: u64,
    /// By how many bits the claim of that one, and of the event at hand, rose over that of the event before it.
    pub(crate) oddest_rise_bits: f64,
    pub(crate) rise_bits: f64,
}

impl JudgedClaim {
    /// The same, if this is one of several kinds of claims that an event can be unusual by, of which this part is for
    /// it.
    pub(crate) fn part(self, part: f64) -> JudgedClaim {
        JudgedClaim { events: (part * self.events).max(1.0), proven: part * self.proven, ..self }
    }
}

impl ClaimRecord {
    /// Judges the largest claim of the event at hand, which has this offset, takes it into the record and begins a new
    /// event. `weight` is what all respects weigh.
    pub(crate) fn judge(&mut self, offset: u64, weight: f64) -> JudgedClaim {
        let claim = std::mem::take(&mut self.claim);
        let proven = if claim.lasts { self.rarity.prove(claim.bits, weight) } else { f64::INFINITY };
        let rarity = self.rarity.observe(claim.bits, weight);
        if rarity.first {
            self.began = offset;
        }
        let rise_bits = claim.bits - std::mem::replace(&mut self.previous_bits, claim.bits);
        if rarity.first || rise_bits > self.oddest_rise_bits {
            (self.oddest, self.oddest_rise_bits) = (offset, rise_bits);
        }
        let events = if claim.lasts { libm::exp2(claim.bits) } else { rarity.events };
        JudgedClaim {
            claim,
            events,
            proven: proven.min(rarity.alone),
            news: rarity.news,
            began: self.began,
            oddest: self.oddest,
            oddest_rise_bits: self.oddest_rise_bits,
            rise_bits,
        }
    }

    /// Once in how many events a claim as high comes.
    pub(crate) fn ask(&self, bits: f64, weight: f64) -> f64 {
        self.rarity.ask(bits, weight)
    }
}

impl Persist for ClaimRecord {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.rarity.persist(s)?;
        s.u64("cluster", &mut self.began)?;
        s.u64("oddest of cluster", &mut self.oddest)?;
        s.f64("oddest of cluster", &mut self.oddest_rise_bits)?;
        s.f64("previous claim", &mut self.previous_bits)?;
        if s.is_reading() {
            self.claim = RespectClaim::NONE;
        }
        Ok(())
    }
}
