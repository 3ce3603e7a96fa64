//! A second network, tried now and then beside the first.
//!
//! A network that has followed many changes learns more slowly than one that begins anew ("loss of plasticity"; Dohare
//! et al., Nature 632, 2024). So a *challenger* with fresh weights is trained on the same symbols for a while and
//! takes the *champion*'s place if it predicts better; the mixture sees the champion alone.
//!
//! * A trial begins when the champion's loss has risen for good, or [`ROUTINE`] symbols after the last one ended.
//! * It lasts at most [`TRIAL`] symbols. Each block of [`BLOCK`] symbols gives the difference d of the two mean losses;
//!   the challenger is promoted when the mean of d, discounted over 10⁴ symbols, is above zero by two standard errors
//!   of the blocks, and dropped at the end. As that is asked at every block, an equal may win by luck: it is an equal.
//! * After a trial that came to nothing the next alarm is heard only after a pause, which doubles.
//!
//! Cost: with pauses at their longest, alarms without end cost a network's time on an eighth of the symbols; a
//! stationary stream without alarms costs a thirtieth.
//!
//! Determinism: what is decided depends on the symbols alone. Losses that are not finite count as none.

use crate::network::Network;
use crate::spec::Spec;
use surmise_state::{Persist, State, StateError, incremental_copy};

/// Symbols of a block.
const BLOCK: u64 = 256;
/// Symbols of a trial, at most.
const TRIAL: u64 = 1 << 15;
/// Symbols from one trial's end to the next that begins by itself, at most; the first waits an eighth of it.
const ROUTINE: u64 = 1 << 20;
/// Symbols that no alarm is heard in after a trial, at least and at most.
const PAUSE: [u64; 2] = [1 << 15, 1 << 18];

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

/// Page's test (1954) for a rise of the champion's loss: block means, standardised by their own discounted past, are
/// summed above a slack.
#[derive(Clone, Default)]
struct Alarm {
    blocks: f64,
    mean: f64,
    variance: f64,
    sum: f64,
}

impl Alarm {
    /// Whether the loss has risen for good. The past that a block is judged by is at least 64 blocks, and a rise is
    /// only believed after four.
    fn rings(&mut self, loss: f64) -> bool {
        const NATS_LEAST: f64 = 0.02;
        let off = loss - self.mean;
        let z = off / libm::sqrt(self.variance + NATS_LEAST * NATS_LEAST);
        if self.blocks >= 64.0 {
            self.sum = (self.sum + z.min(4.0) - 0.5).max(0.0);
        }
        self.blocks += 1.0;
        let rate = (1.0 / self.blocks).max(1.0 / 64.0);
        self.mean += rate * off;
        self.variance += rate * ((1.0 - rate) * off * off - self.variance);
        self.sum > 12.0
    }
}

impl Persist for Alarm {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        [&mut self.blocks, &mut self.mean, &mut self.variance, &mut self.sum]
            .into_iter()
            .try_for_each(|x| s.f64("alarm", x))
    }
}

/// Discounted sums over blocks: of weights, squared weights, differences, squared differences.
#[derive(Clone, Default)]
struct Evidence([f64; 4]);

impl Evidence {
    /// Whether the challenger is better, given how much lower its loss was in one more block.
    fn convinces(&mut self, difference: f64) -> bool {
        const KEPT: f64 = 1.0 - BLOCK as f64 / 1e4;
        // half of the discounted past
        const WEIGHT_LEAST: f64 = 0.5 / (1.0 - KEPT);
        let [w, w2, d, d2] = &mut self.0;
        *w = *w * KEPT + 1.0;
        *w2 = *w2 * KEPT * KEPT + 1.0;
        *d = *d * KEPT + difference;
        *d2 = *d2 * KEPT + difference * difference;
        let mean = *d / *w;
        let error = libm::sqrt((*d2 / *w - mean * mean).max(0.0) * *w2) / *w;
        *w > WEIGHT_LEAST && mean > 2.0 * error
    }
}

/// A challenger on trial.
#[derive(Clone)]
pub(crate) struct Trial {
    /// 1 for the first.
    pub(crate) number: u64,
    pub(crate) network: Network,
    symbols: u64,
    nats: f64,
    evidence: Evidence,
}

incremental_copy!(Trial { large: network; small: number, symbols, nats, evidence });

/// See the module.
#[derive(Clone)]
pub(crate) struct Trials {
    /// The trial that the champion came from; 0: it is the first network.
    pub(crate) champion: u64,
    pub(crate) trial: Option<Box<Trial>>,
    pub(crate) history: NetworkHistory,
    /// Symbols and nats of the champion's open block.
    symbols: u64,
    nats: f64,
    alarm: Alarm,
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
            alarm: Alarm::default(),
            quiet: 0,
            failures: 0,
        }
    }

    /// The number of the challenger on trial.
    pub(crate) fn challenger(&self) -> Option<u64> {
        self.trial.as_ref().map(|t| t.number)
    }

    /// Takes what the champion and the challenger, if there is one, paid for a symbol, the model's `at`-th; begins and
    /// ends trials. A promoted challenger takes the place of `champion`.
    pub(crate) fn judge(&mut self, spec: &Spec, champion: &mut Network, at: u64, nats: f64, challenger: f64) {
        self.nats += if nats.is_finite() { nats } else { 0.0 };
        self.symbols += 1;
        self.quiet += 1;
        let full = self.symbols == BLOCK;
        let mean = self.nats / BLOCK as f64;
        if full {
            (self.symbols, self.nats) = (0, 0.0);
        }
        let Some(t) = &mut self.trial else {
            if full {
                self.consider(spec, champion, mean);
            }
            return;
        };
        t.nats += if challenger.is_finite() { challenger } else { f64::from(crate::network::LOGIT_MAX) };
        t.symbols += 1;
        let better = full && t.evidence.convinces(mean - std::mem::take(&mut t.nats) / BLOCK as f64);
        let over = t.symbols >= TRIAL || champion.bytes() + t.network.bytes() > spec.network_bytes;
        if better {
            let t = self.trial.take().expect("it was there a line ago");
            (*champion, self.champion) = (t.network, t.number);
            self.history.promotions += 1;
            self.history.promoted_at = at;
            self.failures = 0;
        } else if over {
            self.trial = None;
            self.failures += 1;
        }
        if better || over {
            (self.alarm, self.quiet) = (Alarm::default(), 0);
        }
    }

    /// Begins a trial if it is time, and if the ceiling leaves room for a second network.
    fn consider(&mut self, spec: &Spec, champion: &Network, loss: f64) {
        let pause = (PAUSE[0] << self.failures.min(8)).min(PAUSE[1]);
        let pause = if self.history.trials == 0 { 0 } else { pause };
        let routine = ((ROUTINE / 8) << self.history.trials.min(3)).min(ROUTINE);
        let alarmed = self.alarm.rings(loss) && self.quiet >= pause;
        if !(alarmed || self.quiet >= routine) || champion.bytes() * 2 > spec.network_bytes {
            return;
        }
        let number = self.history.trials + 1;
        self.history.trials = number;
        self.trial = Trial::new(spec, number);
        if let Some(t) = &mut self.trial {
            t.network.core.set_job_sink(champion.core.job_sink());
        }
    }
}

impl Trial {
    fn new(spec: &Spec, number: u64) -> Option<Box<Trial>> {
        let network = Network::new(spec, number)?;
        Some(Box::new(Trial { number, network, symbols: 0, nats: 0.0, evidence: Evidence::default() }))
    }
}

impl Trials {
    /// Walks over everything but the champion, which is made anew where the weights that it has yet to grow need it.
    pub(crate) fn persist(&mut self, s: &mut State<'_>, spec: &Spec, champion: &mut Network) -> Result<(), StateError> {
        let before = self.champion;
        s.u64("champion", &mut self.champion)?;
        if self.champion != before {
            *champion = Network::new(spec, self.champion).ok_or(StateError::Invalid("champion"))?;
        }
        self.history.persist(s)?;
        s.u64("block symbols", &mut self.symbols)?;
        s.f64("block nats", &mut self.nats)?;
        self.alarm.persist(s)?;
        s.u64("quiet", &mut self.quiet)?;
        s.u32("failures", &mut self.failures)?;
        let mut on = self.challenger().unwrap_or(0);
        s.u64("challenger", &mut on)?;
        if self.challenger().unwrap_or(0) != on {
            self.trial = if on == 0 { None } else { Trial::new(spec, on) };
        }
        let Some(t) = &mut self.trial else { return Ok(()) };
        s.u64("trial symbols", &mut t.symbols)?;
        s.f64("trial nats", &mut t.nats)?;
        s.f64s_fixed("evidence", &mut t.evidence.0)?;
        t.network.persist(s)
    }
}
