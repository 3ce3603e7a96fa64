//! What is unusual of a symbol, of a text or of a missing value: what it costs beyond what it should, and novelty.

use crate::claim::RespectClaim;
use crate::fading::FadingMean;
use crate::novelty::NoveltyRecord;
use crate::tail::{AssumedTail, SizeRecord, SmoothedTail};
use surmise_event::AlarmKind;
use surmise_state::{Persist, State, StateError};

/// Weight of the latest event in what a field usually costs.
const USUAL_RATE: f64 = 1.0 / 1024.0;
/// Weight of the latest event in the mean excess over sixteen events.
const RUN_RATE: f64 = 0.0625;
/// Bits by which costs vary at the least: half a bit is no anomaly on a field that is predicted well.
const BITS_FLOOR: f64 = 1.0;
/// The most bits that one event counts for in what is usual.
const BITS_MAX: f64 = 64.0;

/// The record of what one field costs.
#[derive(Clone, Debug, Default)]
pub(crate) struct SymbolWatch {
    /// What an event usually costs.
    usual: FadingMean,
    excess: SizeRecord,
    run: SmoothedTail,
    novelties: NoveltyRecord,
}

impl SymbolWatch {
    /// What the respects weigh together: excess, novelty and the run.
    pub(crate) const WEIGHT: f64 = 3.0;

    /// What a cost in bits is beyond what is usual of the field, which then moves towards it.
    pub(crate) fn beyond_usual(&mut self, bits: f64) -> f64 {
        if !bits.is_finite() {
            return bits;
        }
        let over = if self.usual.is_empty() { 0.0 } else { bits - self.usual.mean() };
        self.usual.add(bits.min(self.usual.mean() + BITS_MAX), USUAL_RATE);
        over
    }

    /// Takes in by how many bits a field's value exceeded what it should have cost; raises `claim` by what is unusual
    /// of it.
    pub(crate) fn observe(&mut self, excess_bits: f64, novel: bool, field: Option<u32>, claim: &mut RespectClaim) {
        if !excess_bits.is_finite() {
            return;
        }
        claim.raise(AlarmKind::Value, self.excess.observe(excess_bits, BITS_FLOOR, AssumedTail::Bits), field);
        let bounded = excess_bits.clamp(-BITS_MAX, BITS_MAX);
        let run = self.run.observe(bounded, RUN_RATE, 0.0, BITS_FLOOR * RUN_RATE);
        // only what costs more than it should is unusual
        if self.run.mean() > 0.0 {
            claim.raise(AlarmKind::Run, run, field);
        }
        if let Some(bits) = self.novelties.observe(novel) {
            claim.raise(AlarmKind::New, bits, field);
        }
    }
}

impl Persist for SymbolWatch {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.usual.persist(s)?;
        self.excess.persist(s)?;
        self.run.persist(s)?;
        self.novelties.persist(s)
    }
}
