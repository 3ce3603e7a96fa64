//! What a network is worth to the mixture, and when it sleeps because that is too little (PREDICTOR §5).
//!
//! The counts' own mixture and the first weight set select their weights alike and learn alike, but for the network,
//! which the counts' mixture does not see. So the difference of what both pay is what the network saves, at no cost.
//!
//! A network that saves less than [`GAIN_MIN`] of the bits, as far as chance allows to tell, falls asleep: it is
//! neither asked nor trained, and as an expert it says what the mixture says (Freund et al., STOC 1997). After
//! [`SLEEP_PERIODS`] it is tried for one period, and stays awake if it saves more than that beyond chance. Where it
//! never does, its time is a ninth of what it was. A lasting rise of the mixture's loss wakes a network and keeps it
//! awake for [`WAKEFUL_SYMBOLS`]: where a stream changes, what a network is worth shows late.
//!
//! Determinism: what is decided depends on the symbols alone. Gains that are not finite count as none.

use crate::challenger::{BLOCK_SYMBOLS, RisingLoss};
use crate::node::NIBBLE_BITS;
use surmise_state::{Persist, State, StateError};

/// Symbols of a period, at whose end a network is judged.
const PERIOD_SYMBOLS: u64 = 1 << 13;
/// Periods that a network sleeps before it is tried again.
const SLEEP_PERIODS: u64 = 8;
/// The sum of rises of the loss at which a stream has changed: one block in e⁹ rings where none has.
const RISE_MAX: f64 = 9.0;
/// Symbols in which a network stays awake after its stream has changed.
const WAKEFUL_SYMBOLS: u64 = 1 << 17;
/// Share of the nats that a network saves, at least, to stay awake.
const GAIN_MIN: f64 = 0.001;
/// What is kept of the evidence at the end of a period: it reaches 2¹⁷ symbols back.
const KEPT: f64 = 15.0 / 16.0;
/// Probabilities are compared this far from 0 and 1, as those of experts are.
const PROBABILITY_MIN: f32 = 1.0 / 65536.0;

/// Likelihoods of a symbol with and without the network.
#[derive(Clone, Copy)]
pub(crate) struct Likelihoods {
    with: f64,
    without: f64,
}

impl Default for Likelihoods {
    fn default() -> Self {
        Likelihoods { with: 1.0, without: 1.0 }
    }
}

impl Likelihoods {
    /// Takes in the bits of a nibble, and their probabilities of a 1 with and without the network.
    #[inline(always)]
    pub(crate) fn follow(
        &mut self,
        with: &[f32; NIBBLE_BITS],
        without: &[f32; NIBBLE_BITS],
        bits: &[u32; NIBBLE_BITS],
    ) {
        for j in 0..NIBBLE_BITS {
            let paid = |p: f32| {
                let p = p.clamp(PROBABILITY_MIN, 1.0 - PROBABILITY_MIN);
                f64::from(if bits[j] == 1 { p } else { 1.0 - p })
            };
            self.with *= paid(with[j]);
            self.without *= paid(without[j]);
        }
    }

    /// Nats that the network saved.
    pub(crate) fn saved_nats(&self) -> f64 {
        libm::log(self.with / self.without)
    }
}

/// What a network has saved, all in all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NetworkSavings {
    /// Nats that it saved, less those that it cost.
    pub saved_nats: f64,
    /// Nats that the mixture paid, while the network was awake and while it slept.
    pub nats: f64,
    /// Symbols.
    pub symbols: u64,
    /// Symbols that came while it slept.
    pub slept: u64,
}

impl NetworkSavings {
    /// The share of the bits that the network saved; 0 before the first symbol.
    pub fn share(&self) -> f64 {
        let without = self.nats + self.saved_nats;
        if without > 0.0 { self.saved_nats / without } else { 0.0 }
    }
}

impl std::ops::AddAssign for NetworkSavings {
    fn add_assign(&mut self, other: NetworkSavings) {
        self.saved_nats += other.saved_nats;
        self.nats += other.nats;
        self.symbols += other.symbols;
        self.slept += other.slept;
    }
}

impl Persist for NetworkSavings {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("saved nats", &mut self.saved_nats)?;
        s.f64("paid nats", &mut self.nats)?;
        s.u64("savings symbols", &mut self.symbols)?;
        s.u64("slept", &mut self.slept)
    }
}

/// What a network is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// It has just begun, and is not judged yet.
    #[default]
    New,
    Awake,
    Asleep,
    /// It was woken for one period.
    OnTrial,
}

const PHASES: [Phase; 4] = [Phase::New, Phase::Awake, Phase::Asleep, Phase::OnTrial];

/// The worth of a model's network so far, and whether it sleeps.
#[derive(Clone, Default)]
pub(crate) struct NetworkWorth {
    phase: Phase,
    /// Symbols of the open period.
    symbols: u64,
    /// Whether the period is over, and the phase ends with the network's open chunk.
    is_due: bool,
    /// Discounted sums: saved nats, their squares, and paid nats.
    evidence: [f64; 3],
    savings: NetworkSavings,
    /// Nats of the open block, whose lasting rise wakes a network, and symbols until it may sleep again.
    block_nats: f64,
    alarm: RisingLoss,
    wakeful: u64,
}

impl NetworkWorth {
    pub(crate) fn is_asleep(&self) -> bool {
        self.phase == Phase::Asleep
    }

    pub(crate) fn savings(&self) -> NetworkSavings {
        self.savings
    }

    /// Takes in a symbol: nats that the mixture paid, and that the network saved. The phase ends only where the network
    /// is `between_chunks`, as what is planned ahead must be taken.
    pub(crate) fn judge(&mut self, nats: f64, saved: f64, between_chunks: bool) {
        let saved = if self.is_asleep() || !saved.is_finite() { 0.0 } else { saved };
        let nats = if nats.is_finite() { nats } else { 0.0 };
        self.savings += NetworkSavings { saved_nats: saved, nats, symbols: 1, slept: u64::from(self.is_asleep()) };
        let [sum, squares, paid] = &mut self.evidence;
        *sum += saved;
        *squares += saved * saved;
        *paid += nats;
        self.symbols += 1;
        self.wakeful = self.wakeful.saturating_sub(1);
        self.block_nats += nats;
        if self.savings.symbols.is_multiple_of(BLOCK_SYMBOLS) {
            let mean = std::mem::take(&mut self.block_nats) / BLOCK_SYMBOLS as f64;
            if self.alarm.rings(mean, RISE_MAX) {
                (self.alarm, self.wakeful) = (RisingLoss::default(), WAKEFUL_SYMBOLS);
                self.is_due |= self.is_asleep();
            }
        }
        self.is_due |= self.symbols >= if self.is_asleep() { SLEEP_PERIODS } else { 1 } * PERIOD_SYMBOLS;
        if self.is_due && between_chunks {
            self.end_period();
        }
    }

    fn end_period(&mut self) {
        (self.symbols, self.is_due) = (0, false);
        let [sum, squares, paid] = self.evidence;
        let (error, least) = (libm::sqrt(squares), GAIN_MIN * paid);
        self.phase = match self.phase {
            Phase::New => Phase::Awake,
            Phase::Asleep => Phase::OnTrial,
            Phase::Awake if self.wakeful == 0 && sum + error < least => Phase::Asleep,
            Phase::OnTrial if self.wakeful == 0 && sum - error <= least => Phase::Asleep,
            Phase::Awake | Phase::OnTrial => {
                self.evidence = [sum * KEPT, squares * KEPT * KEPT, paid * KEPT];
                self.phase = Phase::Awake;
                return;
            }
        };
        self.evidence = [0.0; 3];
    }
}

impl Persist for NetworkWorth {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let mut phase = PHASES.iter().position(|phase| *phase == self.phase).unwrap_or_default() as u32;
        s.u32("phase", &mut phase)?;
        self.phase = *PHASES.get(phase as usize).ok_or(StateError::Invalid("phase"))?;
        s.u64("period", &mut self.symbols)?;
        s.bool("due", &mut self.is_due)?;
        s.f64s_fixed("evidence of worth", &mut self.evidence)?;
        s.f64("block nats", &mut self.block_nats)?;
        self.alarm.persist(s)?;
        s.u64("wakeful", &mut self.wakeful)?;
        self.savings.persist(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Symbols out of a million that a network sleeps that saves so much of a nat, beside noise.
    fn slept(gain: f64) -> u64 {
        let mut worth = NetworkWorth::default();
        let mut noise = surmise_fixtures::Random::new(7);
        for n in 0..1_000_000u64 {
            worth.judge(1.0, gain + 0.2 * (noise.uniform() - 0.5), n % 32 == 31);
        }
        assert_eq!(worth.savings().symbols, 1_000_000);
        worth.savings().slept
    }

    #[test]
    fn worthless_networks_sleep_and_others_do_not() {
        assert!(slept(0.0) > 700_000 && slept(-0.01) > 850_000, "{} {}", slept(0.0), slept(-0.01));
        assert_eq!((slept(0.005), slept(0.05)), (0, 0));
    }

    #[test]
    fn a_network_that_becomes_worth_it_is_woken() {
        let mut worth = NetworkWorth::default();
        (0..100_000).for_each(|_| worth.judge(1.0, -0.01, true));
        assert!(worth.savings().slept > 50_000);
        (0..100_000).for_each(|_| worth.judge(1.0, 0.05, true));
        let slept = worth.savings().slept;
        (0..100_000).for_each(|_| worth.judge(1.0, 0.05, true));
        assert_eq!(worth.savings().slept, slept, "it stays awake");
    }

    #[test]
    fn a_period_ends_between_chunks() {
        let mut worth = NetworkWorth::default();
        (0..100_000).for_each(|_| worth.judge(1.0, -0.01, false));
        assert!(!worth.is_asleep());
    }
}
