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
/// Weight of the latest event in how often a value came for the first time of late.
const NOVEL_RATE: f64 = 1.0 / 256.0;
/// The least that this counts as.
const NOVEL_MIN: f64 = 1.0 / 1_048_576.0;
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
    /// How often a value came for the first time of late.
    novel: FadingMean,
}

impl SymbolWatch {
    /// What the respects weigh together: excess, novelty and the run.
    pub(crate) const WEIGHT: f64 = 3.0;

    /// What a value costs as an event: one that came for the first time no more than that something new came, however
    /// it is told apart from all before it.
    pub(crate) fn price(&mut self, bits: f64, novel: bool) -> f64 {
        let share = self.novel.mean();
        let is_first = self.novel.is_empty();
        self.novel.add(f64::from(u8::from(novel)), NOVEL_RATE);
        if novel && !is_first { bits.min(-libm::log2(share.max(NOVEL_MIN))) } else { bits }
    }

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
        self.novelties.persist(s)?;
        self.novel.persist(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_costs_what_novelty_costs() {
        let mut ids = SymbolWatch::default();
        (0..4_380).for_each(|_| assert!(ids.price(0.1, true) <= 0.1));
        assert_eq!(ids.price(17.0, true), 0.0, "where everything is new, nothing new is dear");
        let mut levels = SymbolWatch::default();
        (0..5_000).for_each(|n| assert_eq!(levels.price(0.1, n < 3), if n == 1 || n == 2 { 0.0 } else { 0.1 }));
        assert!(levels.price(14.0, true) == 14.0 && levels.price(14.0, false) == 14.0);
        // the second of two in a row is no longer dear
        assert!(levels.price(14.0, true) < 9.0);
    }
}
