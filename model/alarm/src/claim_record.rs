//! A kind of claims that has a record of its own, and what the record says of the event at hand.

use crate::claim::RespectClaim;
use crate::rarity::RarityRecord;
use surmise_state::{Persist, State, StateError};

/// What is left of the largest claim with each event after it: a half after some eleven.
const RECENT_FADE: f64 = 0.94;

/// The claims of one kind: the largest of the event at hand, and the record of those before it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClaimRecord {
    /// The largest claim of the event at hand.
    pub(crate) claim: RespectClaim,
    rarity: RarityRecord,
    /// The offset of the first event of the cluster at hand.
    cluster: u64,
    /// The offset of its event whose claim rose most over those just before it, and by how many bits: what is summed
    /// over several events stays high after the one that made it so, and what claims a little comes all the time.
    oddest: u64,
    oddest_rise_bits: f64,
    /// The largest claim of the events before the one at hand, in bits, which fades.
    recent_bits: f64,
}

/// What a record says of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JudgedClaim {
    pub(crate) claim: RespectClaim,
    /// Once in so many events, as is told of the event.
    pub(crate) events: f64,
    /// The same of the event with those just before it, as its claim has it.
    pub(crate) around: f64,
    /// Once in so many events, as is needed to begin an incident.
    pub(crate) proven: f64,
    /// Whether the event is more unusual than all others of its cluster.
    pub(crate) news: bool,
    /// The offset of the first event of its cluster, and of the one whose claim rose most.
    pub(crate) cluster: u64,
    pub(crate) oddest: u64,
    /// By how many bits the claim of that one, and of the event at hand, rose over those just before it.
    pub(crate) oddest_rise_bits: f64,
    pub(crate) rise_bits: f64,
}

impl JudgedClaim {
    /// The same, if this is one of several kinds of claims that an event can be unusual by, of which this part is for
    /// it.
    pub(crate) fn part(self, part: f64) -> JudgedClaim {
        let [events, around] = [self.events, self.around].map(|events| (part * events).max(1.0));
        JudgedClaim { events, around, proven: part * self.proven, ..self }
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
            self.cluster = offset;
        }
        let rise_bits = claim.bits - self.recent_bits;
        self.recent_bits = claim.bits.max(RECENT_FADE * self.recent_bits);
        if rarity.first || rise_bits > self.oddest_rise_bits {
            (self.oddest, self.oddest_rise_bits) = (offset, rise_bits);
        }
        let around = if claim.lasts { libm::exp2(claim.bits) } else { rarity.events };
        JudgedClaim {
            claim,
            events: rarity.events,
            around,
            proven: proven.min(rarity.alone),
            news: rarity.news,
            cluster: self.cluster,
            oddest: self.oddest,
            oddest_rise_bits: self.oddest_rise_bits,
            rise_bits,
        }
    }

    /// Once in how many events a claim as high comes, as is needed to begin an incident.
    pub(crate) fn prove(&self, bits: f64, weight: f64) -> f64 {
        self.rarity.prove(bits, weight)
    }

    /// Once in how many events a claim as high comes.
    pub(crate) fn ask(&self, bits: f64, weight: f64) -> f64 {
        self.rarity.ask(bits, weight)
    }
}

impl Persist for ClaimRecord {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.rarity.persist(s)?;
        s.u64("cluster", &mut self.cluster)?;
        s.u64("oddest claim", &mut self.oddest)?;
        s.f64("oddest claim", &mut self.oddest_rise_bits)?;
        s.f64("recent claims", &mut self.recent_bits)?;
        if s.is_reading() {
            self.claim = RespectClaim::NONE;
        }
        Ok(())
    }
}
