//! Bursts of symbols that nothing foretells, and that must not wear down what many symbols have taught (PREDICTOR §3).
//!
//! What contexts are worth is what the mixture pays less than order 0, which knows no context. Where that falls from
//! what it was to next to nothing, and chance does not explain it, what comes cannot be foretold: noise, or something
//! new. Something new brings contexts of its own, which learn as ever, as all histories do. Counts of contexts that
//! were met often learn from one in [`LEARNT_OF`] symbols only, until the stream is foretold again: five thousand
//! random symbols of a stream's own would otherwise take three thousand to be forgotten.
//!
//! A stream that stays so is no burst: its usual gain forgets what it was, within some ten thousand symbols.
//!
//! Determinism: what is decided depends on the symbols alone.

use surmise_state::{Persist, State, StateError};

/// Of so many symbols in a burst settled counts learn from one.
const LEARNT_OF: u64 = 8;
/// Rates at which the latest gain and the usual one follow.
const LATEST_RATE: f64 = 1.0 / 64.0;
const USUAL_RATE: f64 = 1.0 / 4096.0;
/// The rate of the usual gain within a burst: what lasts longer than some ten thousand symbols is none.
const BURST_RATE: f64 = USUAL_RATE / 4.0;
/// The share of the usual gain that is next to nothing.
const LOST_SHARE: f64 = 0.25;
/// Standard errors of the latest gain that chance explains.
const CHANCE_ERRORS: f64 = 5.0;

/// What contexts save against order 0: lately and usually.
#[derive(Clone, Debug)]
pub(crate) struct NoiseBurst {
    latest: f64,
    usual: f64,
    /// The usual square of the gain.
    square: f64,
    /// Symbols from which settled counts did not learn.
    held_up: u64,
}

impl Default for NoiseBurst {
    fn default() -> Self {
        // so that the first symbols are not taken for certain
        NoiseBurst { latest: 0.0, usual: 0.0, square: 1.0, held_up: 0 }
    }
}

impl NoiseBurst {
    /// Takes in the symbol with this number: the nats that order 0 paid, and those that the mixture did.
    pub(crate) fn follow(&mut self, symbol: u64, order_0: f64, mixture: f64) {
        let is_on = self.is_on();
        self.held_up += u64::from(is_on && is_passed_over(symbol));
        let gain = order_0 - mixture;
        if gain.is_finite() {
            let rate = if is_on { BURST_RATE } else { USUAL_RATE };
            self.latest += (gain - self.latest) * LATEST_RATE;
            self.usual += (gain - self.usual) * rate;
            self.square += (gain * gain - self.square) * rate;
        }
    }

    /// Symbols so far from which settled counts did not learn.
    pub(crate) fn held_up(&self) -> u64 {
        self.held_up
    }

    /// Whether symbols come that nothing foretells, where they used to be foretold.
    fn is_on(&self) -> bool {
        let error = || libm::sqrt(self.square * (LATEST_RATE / 2.0));
        self.latest < self.usual * LOST_SHARE && self.usual - self.latest > CHANCE_ERRORS * error()
    }

    /// Whether settled counts do not learn from the symbol with this number.
    pub(crate) fn holds_up(&self, symbol: u64) -> bool {
        is_passed_over(symbol) && self.is_on()
    }
}

/// Whether settled counts do not learn from the symbol with this number if it comes in a burst.
fn is_passed_over(symbol: u64) -> bool {
    !symbol.is_multiple_of(LEARNT_OF)
}

impl Persist for NoiseBurst {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("latest gain", &mut self.latest)?;
        s.f64("usual gain", &mut self.usual)?;
        s.f64("usual square of the gain", &mut self.square)?;
        s.u64("held up", &mut self.held_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_fixtures::Random;

    /// Symbols of a burst among as many that have this gain, beside noise.
    fn on(burst: &mut NoiseBurst, random: &mut Random, symbols: u64, gain: f64) -> u64 {
        let follow = |_| {
            burst.follow(1, gain + 3.0 * (random.uniform() - 0.5), 0.0);
            u64::from(burst.is_on())
        };
        (0..symbols).map(follow).sum()
    }

    #[test]
    fn a_burst_is_seen_soon_and_is_soon_over() {
        let (mut burst, mut random) = (NoiseBurst::default(), Random::new(3));
        assert_eq!(on(&mut burst, &mut random, 20_000, 2.0), 0);
        assert!(on(&mut burst, &mut random, 5_000, -0.05) > 4_700);
        assert!(on(&mut burst, &mut random, 5_000, 2.0) < 100);
        assert_eq!(on(&mut burst, &mut random, 20_000, 2.0), 0);
    }

    #[test]
    fn a_stream_that_stays_so_is_no_burst() {
        let (mut burst, mut random) = (NoiseBurst::default(), Random::new(4));
        on(&mut burst, &mut random, 20_000, 1.0);
        on(&mut burst, &mut random, 20_000, 0.0);
        assert_eq!(on(&mut burst, &mut random, 20_000, 0.0), 0);
    }

    #[test]
    fn little_gain_is_no_reason() {
        let (mut burst, mut random) = (NoiseBurst::default(), Random::new(5));
        assert_eq!(on(&mut burst, &mut random, 100_000, 0.05), 0);
    }
}
