//! Challengers: a second network that is tried now and then beside the first (PREDICTOR §12).
//!
//! A network that has followed many changes learns more slowly than one that begins anew ("loss of plasticity"; Dohare
//! et al., Nature 632, 2024). So a *challenger* with fresh weights is trained on the same symbols for a while and
//! takes the *champion*'s place if it predicts better; the mixture sees the champion alone.
//!
//! * A trial begins when the champion's loss has risen for good, or [`ROUTINE_SYMBOLS_MAX`] symbols after the last one
//!   ended.
//! * It lasts at most [`TRIAL_SYMBOLS_MAX`] symbols. Each block of [`BLOCK_SYMBOLS`] symbols gives the difference d of
//!   the two mean losses; the challenger is promoted when the mean of d, discounted over 10⁴ symbols, is above zero by
//!   two standard errors of the blocks, and dropped at the end. As that is asked at every block, an equal may win by
//!   luck: it is an equal.
//! * After a trial that came to nothing the next alarm is heard only after a pause, which doubles.
//!
//! Cost: with pauses at their longest, alarms without end cost a network's time on an eighth of the symbols; a
//! stationary stream without alarms costs a thirtieth.
//!
//! Determinism: what is decided depends on the symbols alone. Losses that are not finite count as none.

use crate::code::NIBBLES_MAX;
use crate::network::{LOGIT_MAX, SymbolNetwork};
use crate::node::NIBBLE_BITS;
use crate::spec::Spec;
use surmise_state::{Persist, State, StateError, incremental_copy};

/// Symbols of a block, over which losses are compared (PREDICTOR §12).
pub(crate) const BLOCK_SYMBOLS: u64 = 256;
/// Symbols of a trial, at most (PREDICTOR §12).
const TRIAL_SYMBOLS_MAX: u64 = 1 << 15;
/// Symbols from one trial's end to the next that begins by itself, at most; the first waits an eighth of it
/// (PREDICTOR §12).
const ROUTINE_SYMBOLS_MAX: u64 = 1 << 20;
/// Symbols after a failed trial in which alarms are ignored, at least and at most (PREDICTOR §12).
const PAUSE_SYMBOLS: [u64; 2] = [1 << 15, 1 << 18];

/// What became of a model's challengers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkHistory {
    /// Challengers that began.
    pub trials: u64,
    /// Challengers that took the champion's place.
    pub promotions: u64,
    /// The number of symbols that the model had learnt at the latest promotion; 0 before the first.
    pub promoted_at: u64,
}

impl Persist for NetworkHistory {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("trials", &mut self.trials)?;
        s.u64("promotions", &mut self.promotions)?;
        s.u64("promoted at", &mut self.promoted_at)
    }
}

/// A symbol that came, what the champion paid for it, and what the mixer said.
pub(crate) struct ScoredSymbol<'a> {
    /// The symbol.
    pub(crate) symbol: u32,
    /// The symbol's number among those that the model has learnt, 1 for the first.
    pub(crate) number: u64,
    /// Nats that the champion paid.
    pub(crate) champion_nats: f64,
    /// Nats that the mixture paid.
    pub(crate) nats: f64,
    /// Nats that the network saved.
    pub(crate) saved_nats: f64,
    /// The mixer's probabilities of a 1 at the nodes of the symbol's path, nibble by nibble.
    pub(crate) mixed: &'a [[f32; NIBBLE_BITS]; NIBBLES_MAX],
}

/// Page's test (1954) for a rise of the champion's loss: block means, standardised by their own discounted past, are
/// summed above a slack.
#[derive(Clone, Default)]
pub(crate) struct RisingLoss {
    blocks: f64,
    mean: f64,
    variance: f64,
    sum: f64,
}

/// Blocks that a block is judged by, at least; the mean of losses forgets over as many.
const ALARM_BLOCKS: f64 = 64.0;
/// A deviation of the loss that is taken for noise, in nats.
const ALARM_NATS_MIN: f64 = 0.02;
/// The sum at which the alarm rings (PREDICTOR §12).
const ALARM_SUM_MAX: f64 = 12.0;

impl RisingLoss {
    /// Takes in a block's mean loss; returns whether the loss has risen for good, so that the sum of its rises exceeds
    /// `sum_max`. A rise of 12 is believed after four blocks at the earliest.
    pub(crate) fn rings(&mut self, loss: f64, sum_max: f64) -> bool {
        let off = loss - self.mean;
        let z = off / libm::sqrt(self.variance + ALARM_NATS_MIN * ALARM_NATS_MIN);
        if self.blocks >= ALARM_BLOCKS {
            self.sum = (self.sum + z.min(4.0) - 0.5).max(0.0);
        }
        self.blocks += 1.0;
        let rate = (1.0 / self.blocks).max(1.0 / ALARM_BLOCKS);
        self.mean += rate * off;
        self.variance += rate * ((1.0 - rate) * off * off - self.variance);
        self.sum > sum_max
    }
}

impl Persist for RisingLoss {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        [&mut self.blocks, &mut self.mean, &mut self.variance, &mut self.sum]
            .into_iter()
            .try_for_each(|x| s.f64("alarm", x))
    }
}

/// How much lower a challenger's loss is than the champion's: discounted sums over blocks of weights, squared weights,
/// differences, squared differences.
#[derive(Clone, Default)]
struct LossDifferences([f64; 4]);

impl LossDifferences {
    /// Takes in how much lower the challenger's loss was in one more block; returns whether the challenger is better by
    /// two standard errors.
    fn convinces(&mut self, difference: f64) -> bool {
        // what is kept of the sums at each block: they reach 10⁴ symbols back
        const KEPT: f64 = 1.0 - BLOCK_SYMBOLS as f64 / 1e4;
        // half of the discounted past
        const WEIGHT_MIN: f64 = 0.5 / (1.0 - KEPT);
        let [weight, squared_weight, sum, squared_sum] = &mut self.0;
        *weight = *weight * KEPT + 1.0;
        *squared_weight = *squared_weight * KEPT * KEPT + 1.0;
        *sum = *sum * KEPT + difference;
        *squared_sum = *squared_sum * KEPT + difference * difference;
        let mean = *sum / *weight;
        let error = libm::sqrt((*squared_sum / *weight - mean * mean).max(0.0) * *squared_weight) / *weight;
        *weight > WEIGHT_MIN && mean > 2.0 * error
    }
}

/// A challenger on trial.
#[derive(Clone)]
pub(crate) struct Challenger {
    /// The number of the trial, 1 for the first.
    pub(crate) number: u64,
    pub(crate) network: SymbolNetwork,
    symbols: u64,
    nats: f64,
    differences: LossDifferences,
}

incremental_copy!(Challenger { large: network; small: number, symbols, nats, differences });

/// The trials of a model's challengers, and when the next one begins.
#[derive(Clone)]
pub(crate) struct Trials {
    /// The number of the trial that the champion came from; 0 if it is the first network.
    pub(crate) champion: u64,
    pub(crate) trial: Option<Box<Challenger>>,
    pub(crate) history: NetworkHistory,
    /// Symbols and nats of the champion's open block.
    symbols: u64,
    nats: f64,
    alarm: RisingLoss,
    /// Symbols since the last trial ended, or since the beginning.
    quiet: u64,
    /// Trials that came to nothing since the last promotion.
    failures: u32,
}

incremental_copy!(Trials { large: trial; small: champion, history, symbols, nats, alarm, quiet, failures });

impl Trials {
    pub(crate) fn new() -> Self {
        Trials {
            champion: 0,
            trial: None,
            history: NetworkHistory::default(),
            symbols: 0,
            nats: 0.0,
            alarm: RisingLoss::default(),
            quiet: 0,
            failures: 0,
        }
    }

    /// The number of the challenger on trial.
    pub(crate) fn challenger(&self) -> Option<u64> {
        self.trial.as_ref().map(|trial| trial.number)
    }

    /// Takes in what the champion and the challenger, if there is one, paid for a symbol; begins and ends trials. A
    /// promoted challenger takes the place of `champion`.
    pub(crate) fn judge(
        &mut self,
        spec: &Spec,
        champion: &mut SymbolNetwork,
        scored: &ScoredSymbol<'_>,
        challenger_nats: f64,
    ) {
        self.nats += if scored.champion_nats.is_finite() { scored.champion_nats } else { 0.0 };
        self.symbols += 1;
        self.quiet += 1;
        let is_block_full = self.symbols == BLOCK_SYMBOLS;
        let mean = self.nats / BLOCK_SYMBOLS as f64;
        if is_block_full {
            (self.symbols, self.nats) = (0, 0.0);
        }
        let Some(trial) = &mut self.trial else {
            if is_block_full {
                self.consider(spec, champion, mean);
            }
            return;
        };
        trial.nats += if challenger_nats.is_finite() { challenger_nats } else { f64::from(LOGIT_MAX) };
        trial.symbols += 1;
        let is_better =
            is_block_full && trial.differences.convinces(mean - std::mem::take(&mut trial.nats) / BLOCK_SYMBOLS as f64);
        let is_over =
            trial.symbols >= TRIAL_SYMBOLS_MAX || champion.bytes() + trial.network.bytes() > spec.network_bytes;
        // an equal may be promoted by luck, as this is asked at every block: it is an equal
        if is_better {
            let promoted = self.trial.take().expect("invariant: a trial that was judged is there");
            (*champion, self.champion) = (promoted.network, promoted.number);
            self.history.promotions += 1;
            self.history.promoted_at = scored.number;
            self.failures = 0;
        } else if is_over {
            self.trial = None;
            self.failures += 1;
        }
        if is_better || is_over {
            (self.alarm, self.quiet) = (RisingLoss::default(), 0);
        }
    }

    /// Begins a trial if it is time, and if the ceiling leaves room for a second network.
    fn consider(&mut self, spec: &Spec, champion: &SymbolNetwork, loss: f64) {
        let pause = (PAUSE_SYMBOLS[0] << self.failures.min(8)).min(PAUSE_SYMBOLS[1]);
        // the first alarm is heard at once
        let pause = if self.history.trials == 0 { 0 } else { pause };
        let routine = ((ROUTINE_SYMBOLS_MAX / 8) << self.history.trials.min(3)).min(ROUTINE_SYMBOLS_MAX);
        // the alarm hears every block, also while it is ignored
        let is_alarmed = self.alarm.rings(loss, ALARM_SUM_MAX) && self.quiet >= pause;
        if !(is_alarmed || self.quiet >= routine) || champion.bytes() * 2 > spec.network_bytes {
            return;
        }
        let number = self.history.trials + 1;
        self.history.trials = number;
        self.trial = Challenger::new(spec, number);
        if let Some(trial) = &mut self.trial {
            trial.network.core.set_job_sink(champion.core.job_sink());
        }
    }
}

impl Challenger {
    fn new(spec: &Spec, number: u64) -> Option<Box<Challenger>> {
        let network = SymbolNetwork::new(spec, number)?;
        Some(Box::new(Challenger { number, network, symbols: 0, nats: 0.0, differences: LossDifferences::default() }))
    }
}

impl Trials {
    /// Walks over everything but the champion, which is made anew where the weights that it has yet to grow need it.
    pub(crate) fn persist(
        &mut self,
        s: &mut State<'_>,
        spec: &Spec,
        champion: &mut SymbolNetwork,
    ) -> Result<(), StateError> {
        let before = self.champion;
        s.u64("champion", &mut self.champion)?;
        if self.champion != before {
            *champion = SymbolNetwork::new(spec, self.champion).ok_or(StateError::Invalid("champion"))?;
        }
        self.history.persist(s)?;
        s.u64("block symbols", &mut self.symbols)?;
        s.f64("block nats", &mut self.nats)?;
        self.alarm.persist(s)?;
        s.u64("quiet", &mut self.quiet)?;
        s.u32("failures", &mut self.failures)?;
        // 0 stands for no challenger
        let mut number = self.challenger().unwrap_or(0);
        s.u64("challenger", &mut number)?;
        if self.challenger().unwrap_or(0) != number {
            self.trial = if number == 0 { None } else { Challenger::new(spec, number) };
        }
        let Some(trial) = &mut self.trial else { return Ok(()) };
        s.u64("trial symbols", &mut trial.symbols)?;
        s.f64("trial nats", &mut trial.nats)?;
        s.f64s_fixed("evidence", &mut trial.differences.0)?;
        trial.network.persist(s)
    }
}
