//! What a source of evidence has shown at most, so that a source that is noisy by nature must shout to be heard.

use surmise_state::{Persist, State, StateError};

/// Events of a block; a mark is the largest evidence of the blocks before, and fades from block to block.
const BLOCK_EVENTS: u64 = 1000;

/// What is left of a mark after a block.
const FADE: f64 = 0.85;

/// The least mark in bits after a block has passed.
const MARK_BITS_MIN: f64 = 3.0;

/// The most bits that one source adds at once.
const EXCESS_BITS_MAX: f64 = 24.0;

/// Events after which a source may tell again what it has told.
const TOLD_EVENTS: u64 = 1500;

/// How much more than it told last a source must have in order to tell again.
const TOLD_GROWTH: f64 = 2.0;

/// The largest evidence that a source has shown, block by block, fading; what is beyond it is the *excess*.
///
/// An excess is told once: as long as it lasts, it is told again only when it has doubled. One great fault must
/// not hide the next, so a block raises the mark to one and a half times what it was, and 6 bits, at most.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HighMark {
    mark_bits: f64,
    block_bits: f64,
    block_start: u64,
    told_bits: f64,
    told_at: u64,
}

impl HighMark {
    /// A mark of `first_bits` for a source that is first seen at event `now`.
    pub fn new(now: u64, first_bits: f64) -> HighMark {
        HighMark { mark_bits: first_bits, block_bits: 0.0, block_start: now, told_bits: 0.0, told_at: now }
    }

    /// The mark in bits: evidence up to it is usual for this source.
    pub fn mark_bits(&self) -> f64 {
        self.mark_bits
    }

    /// Learns evidence of `bits` at event `now`, which never decreases; returns how far it goes beyond the mark, zero
    /// if it does not or if that has been told.
    pub fn excess(&mut self, bits: f64, now: u64) -> f64 {
        let blocks = now.saturating_sub(self.block_start) / BLOCK_EVENTS;
        if blocks > 0 {
            let mut mark = self.mark_bits.max(self.block_bits);
            // a mark that has faded to the least one stays there, so no more than a few dozen steps are needed
            (0..blocks.min(64)).for_each(|_| mark *= FADE);
            self.mark_bits = mark.max(MARK_BITS_MIN);
            self.block_bits = 0.0;
            self.block_start += blocks * BLOCK_EVENTS;
        }
        if bits > self.block_bits {
            self.block_bits = bits.min(1.5 * self.mark_bits + 6.0);
        }
        let excess = (bits - self.mark_bits).min(EXCESS_BITS_MAX);
        if excess.is_nan() || excess <= 0.0 {
            return 0.0;
        }
        if now.saturating_sub(self.told_at) > TOLD_EVENTS {
            self.told_bits = 0.0;
        }
        if excess < TOLD_GROWTH * self.told_bits {
            return 0.0;
        }
        (self.told_bits, self.told_at) = (excess, now);
        excess
    }
}

impl Persist for HighMark {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("mark", &mut self.mark_bits)?;
        s.f64("block", &mut self.block_bits)?;
        s.u64("start", &mut self.block_start)?;
        s.f64("told", &mut self.told_bits)?;
        s.u64("told at", &mut self.told_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_shows_every_block_is_no_excess() {
        let mut mark = HighMark::new(0, 4.0);
        let excesses: Vec<f64> =
            (0..20_000u64).map(|now| mark.excess(if now % 200 == 199 { 12.0 } else { 0.5 }, now)).collect();
        assert_eq!(excesses[199], 8.0);
        // the mark rises by a bounded step a block, and fades again between
        assert!(excesses[3000..].iter().all(|excess| *excess < 2.0), "{:?}", &mark);
        assert!(mark.excess(30.0, 20_000) > 15.0);
    }

    #[test]
    fn an_excess_is_told_once_unless_it_grows() {
        let mut mark = HighMark::new(0, 4.0);
        assert_eq!(mark.excess(10.0, 1), 6.0);
        assert_eq!(mark.excess(10.0, 2), 0.0);
        assert_eq!(mark.excess(15.9, 3), 0.0);
        assert_eq!(mark.excess(16.0, 4), 12.0);
        assert_eq!(mark.excess(1e9, 5), EXCESS_BITS_MAX);
        assert_eq!(mark.excess(f64::NAN, 6), 0.0);
    }

    #[test]
    fn a_source_that_was_silent_for_long_is_heard_early_again() {
        let mut mark = HighMark::new(0, 4.0);
        mark.excess(20.0, 10);
        assert_eq!(mark.excess(10.0, 1_000_000), 10.0 - MARK_BITS_MIN);
    }
}
