//! The mixture that makes a point forecast of many, for one loss: squared errors (a mean) or absolute errors (a
//! median).
//!
//! Two layers. The first holds five mixtures of all experts: one with polynomial weights over losses
//! ([`PolynomialShare`]), one over linearised losses, which may gain by combining experts of which none is best, and
//! three that weigh by a power of the discounted loss, with a memory of about 30, 200 and 1,000 values, which follow
//! what changes. The second layer mixes these five, and advice where there is some, with polynomial weights over
//! losses. Its regret against the first mixture and that one's against an expert add up:
//!
//! loss(forecast) ≤ loss(expert) + bound(second layer, first mixture) + bound(first mixture, expert) + clipped
//!
//! on every sequence. A truth is clipped to the range of what was forecast and six mean errors around it before it
//! is learnt from, so that one freak does not decide all weights; `clipped` is the sum of what that has hidden at most.
//! A round from which an expert is absent counts as if it had said what the first mixture said.
//!
//! Followers, to which no bound belongs, take a loss as at most that of an error of 32 mean errors: an expert that has
//! been led astray is nearly without weight until it has come back, and not for as long as its losses were large.
//!
//! Forecasts [of several steps](PointMixture::of_lead) learn of a truth after others have been made, and their errors
//! come in runs: polynomial weights would follow the run. There the second layer weighs by the discounted losses of the
//! first as followers do, everything forgets more slowly by the number of steps, and no bound is promised.
//!
//! A record can be [exchanged](PointMixture::exchange) for another one, of values of another kind. From there on a
//! mixture's regret is that of the other record from where it stood: Δ ≤ bound(end) − regret(there). What bounds have
//! been left behind, less the regrets that were taken over, is added to those that stand.

use crate::point_kernels::*;
use crate::polynomial::PolynomialShare;
use crate::second_layer::{ADVICE, SecondLayer};
use crate::{ExpertSet, RunningMean};
use surmise_state::{Persist, State, StateError};

/// Those with polynomial weights, over losses and over linearised losses; the others weigh by discounted losses.
const LOSSES: usize = 0;
const LINEAR: usize = 1;
/// The follower of a medium memory, in whose place those stand that have no record.
const FALLBACK: usize = LINEAR + 2;
/// The least rates at which followers forget.
const FOLLOWER_RATES: [f64; FOLLOWERS] = [0.03, 0.005, 0.001];
/// An expert whose weight with that follower is less than this part of the best one's is hopeless: it loses twelve
/// times as much.
const LINEAR_WEIGHT_MIN: f64 = 3e-7;
/// Truths are clipped beyond so many mean errors around all forecasts, once so many have come.
const CLIP_ERRORS: f64 = 6.0;
const CLIP_AFTER: u32 = 8;
/// The mean error that clips.
const ERROR: RunningMean = RunningMean::clipped(0.02, 8.0);
/// An error counts as at least so much of itself.
const ERROR_GROWTH: f64 = 0.01;
/// Followers take a loss as at most that of so many mean errors; more of them where they forget more slowly.
const FOLLOWED_ERRORS_MAX: f64 = 32.0;
/// Polynomial weights begin anew when so many truths in a row have a mean loss below this part of all since they began.
const BLOCK_ROUNDS: u32 = 256;
const BURST_RATIO: f64 = 8.0;
/// Truths that make an expert known to followers, and by how much more for each event that a forecast waits.
const TRIAL_ROUNDS: f64 = 3.0;
const TRIAL_WAIT: f64 = 0.25;
/// Forecasts and truths further from each other than this teach nothing.
const DISTANCE_MAX: f64 = 1e70;

/// What a point forecast is meant to keep small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointLoss {
    /// Squared errors: the forecast is a mean.
    Squared = 0,
    /// Absolute errors: the forecast is a median.
    Absolute = 1,
}

impl PointLoss {
    /// Both, in the order of what is kept for each.
    pub const ALL: [PointLoss; 2] = [PointLoss::Squared, PointLoss::Absolute];

    /// The loss of one error.
    #[inline]
    pub fn of(self, error: f64) -> f64 {
        match self {
            PointLoss::Squared => error * error,
            PointLoss::Absolute => error.abs(),
        }
    }

    fn slope(self, error: f64) -> f64 {
        match self {
            PointLoss::Squared => 2.0 * error,
            PointLoss::Absolute if error == 0.0 => 0.0,
            PointLoss::Absolute => error.signum(),
        }
    }
}

/// What experts forecast of one value: `N` is a multiple of eight, of which the last may be padding.
#[derive(Clone, Debug)]
pub struct PointInputs<const N: usize> {
    /// Forecasts; finite, also where an expert is absent.
    forecasts: [f64; N],
    /// 1 for an expert that takes part, 0 for one that is absent.
    present: [f64; N],
    low: f64,
    high: f64,
}

impl<const N: usize> PointInputs<N> {
    /// No forecast yet.
    pub const fn empty() -> Self {
        const { assert!(N.is_multiple_of(8)) };
        Self { forecasts: [0.0; N], present: [0.0; N], low: 0.0, high: 0.0 }
    }

    /// The forecasts of those that `awake` names; one that is not finite is absent all the same.
    pub fn set(&mut self, forecasts: &[f64; N], awake: ExpertSet) {
        self.present = std::array::from_fn(|i| f64::from(u8::from(awake.has(i))));
        (self.low, self.high) = take(forecasts, &mut self.present, &mut self.forecasts);
    }

    /// What an expert forecast, if it took part.
    pub fn forecast(&self, expert: usize) -> Option<f64> {
        (self.present[expert] > 0.0).then_some(self.forecasts[expert])
    }

    /// Whether forecasts and a truth are so near to each other that they teach something.
    fn are_near(&self, y: f64) -> bool {
        let reach = (self.high - y).abs().max((self.low - y).abs());
        reach < DISTANCE_MAX && self.low > -DISTANCE_MAX && self.high < DISTANCE_MAX
    }

    /// Whether nobody forecast anything.
    pub fn is_empty(&self) -> bool {
        self.low > self.high
    }
}

/// How many numbers a point forecast is: the whole, and what it was made of.
pub const MIXED_PARTS: usize = 1 + MIXTURES;

/// A point forecast: what the whole says, what each mixture of the first layer says, and the advice that there was.
#[derive(Clone, Copy, Debug, Default)]
pub struct MixedPoint {
    /// The forecast.
    pub value: f64,
    mixtures: [f64; MIXTURES],
    advice: Option<[f64; ADVICE]>,
}

impl MixedPoint {
    /// A forecast that no mixture made.
    pub const fn of(value: f64) -> Self {
        Self { value, mixtures: [value; MIXTURES], advice: None }
    }

    /// A forecast that was taken apart by [`parts`](Self::parts).
    pub fn of_parts([value, mixtures @ ..]: [f64; MIXED_PARTS]) -> Self {
        Self { value, mixtures, advice: None }
    }

    /// Itself and what each mixture said, to be kept until the truth has come. Advice is not kept, so only forecasts
    /// without it may be taken apart.
    pub fn parts(self) -> [f64; MIXED_PARTS] {
        debug_assert!(self.advice.is_none());
        let [a, b, c, d, e] = self.mixtures;
        [self.value, a, b, c, d, e]
    }
}

/// The mixture of `N` point forecasts under one loss; see the module. Its cost is fixed, and nothing is allocated.
#[derive(Clone, Debug)]
pub struct PointMixture<const N: usize> {
    loss: PointLoss,
    /// How many events a forecast waits for its truth beyond the first.
    wait: usize,
    /// The polynomial mixtures of the first layer, and the second layer.
    first: [PolynomialShare<N>; 2],
    second: SecondLayer,
    /// Discounted losses, and how often each expert took part.
    followed: [[f64; N]; FOLLOWERS],
    seen: [f64; N],
    /// Weights where nobody who is here has a record.
    prior: [f64; N],
    /// Weights of the followers, which follow from the discounted losses.
    weights: [[f64; N]; FOLLOWERS],
    /// By how much the whole has lost more than each expert, in losses of the truths as they were.
    regret: [f64; N],
    /// What clipping hid at most.
    clipped: f64,
    /// Bounds of records that were left, less the regrets of those that were taken over, by expert.
    left: [f64; N],
    /// Losses of the whole since the polynomial weights began, and of how many truths; those of the present block.
    losses: f64,
    rounds: u32,
    block: f64,
    /// The mean error, and of how many.
    error: f64,
    count: u32,
    /// Truths that were forecast as they came, beside those, and how many of all another mixture had learnt from.
    passed: u32,
    inherited: u32,
}

impl<const N: usize> PointMixture<N> {
    /// A mixture without a record, which starts from the weights `prior`, all positive.
    pub fn new(loss: PointLoss, prior: [f64; N]) -> Self {
        Self {
            loss,
            wait: 0,
            prior,
            first: [PolynomialShare::new(), PolynomialShare::new()],
            second: SecondLayer::Shared(PolynomialShare::new()),
            followed: [[0.0; N]; FOLLOWERS],
            seen: [0.0; N],
            weights: [prior; FOLLOWERS],
            regret: [0.0; N],
            clipped: 0.0,
            left: [0.0; N],
            losses: 0.0,
            rounds: 0,
            block: 0.0,
            error: 0.0,
            count: 0,
            passed: 0,
            inherited: 0,
        }
    }

    /// A mixture of forecasts `step` + 1 events ahead, whose truths come only then: for losses of which neighbours are
    /// nearly the same. The next event's has a bound, the others' have none.
    pub fn of_lead(step: usize, loss: PointLoss, prior: [f64; N]) -> Self {
        let mixture = Self::new(loss, prior);
        if step == 0 { mixture } else { Self { wait: step, second: SecondLayer::followed(), ..mixture } }
    }

    /// How fast followers forget, as a part of [`FOLLOWER_RATES`].
    fn pace(&self) -> f64 {
        1.0 / (1.0 + self.wait as f64)
    }

    /// Truths before an expert has weight with followers, so that they know it.
    fn trial_rounds(&self) -> f64 {
        TRIAL_ROUNDS + TRIAL_WAIT * self.wait as f64
    }

    /// The weights of a mixture of the first layer; they do not sum to one.
    fn weights(&self, mixture: usize) -> &[f64; N] {
        match mixture {
            LOSSES | LINEAR => self.first[mixture].weights(),
            _ => &self.weights[mixture - LINEAR - 1],
        }
    }

    /// The forecast; `inputs` are not empty.
    pub fn forecast(&self, inputs: &PointInputs<N>) -> MixedPoint {
        self.advised(inputs, None)
    }

    /// The forecast with advice: forecasts, each within the range of the experts', that take part in the second layer
    /// as the mixtures of the first do. The bound has the same form as without; what the second layer spends grows.
    pub(crate) fn advised(&self, inputs: &PointInputs<N>, advice: Option<[f64; ADVICE]>) -> MixedPoint {
        let near = self.near(&inputs.present);
        let quotient = |sum: f64, total: f64| {
            (total > 0.0 && total.is_finite() && sum.is_finite()).then(|| (sum / total).clamp(inputs.low, inputs.high))
        };
        let awake = |i: usize| if i == LINEAR { &near } else { &inputs.present };
        let [sums, totals] =
            averages(std::array::from_fn(|i| (&self.weights(i)[..], &awake(i)[..])), &inputs.forecasts);
        let mut mixtures = [0.0; MIXTURES];
        // from the last, because a mixture that has nobody to believe says what a follower says
        for i in (0..MIXTURES).rev() {
            let said = quotient(sums[i], totals[i]).or_else(|| (i <= LINEAR).then(|| mixtures[FALLBACK]));
            mixtures[i] = said.unwrap_or_else(|| self.prior_mean(inputs));
        }
        let value = self.second.mix(&mixtures, advice, self.loss == PointLoss::Absolute);
        MixedPoint { value: value.clamp(inputs.low, inputs.high), mixtures, advice }
    }

    /// What those say who are believed without a record.
    #[cold]
    fn prior_mean(&self, inputs: &PointInputs<N>) -> f64 {
        let [[sum, ..], [total, ..]] = averages([(&self.prior[..], &inputs.present[..]); MIXTURES], &inputs.forecasts);
        if total > 0.0 { (sum / total).clamp(inputs.low, inputs.high) } else { inputs.low }
    }

    /// Who takes part in the mixture over linearised losses: those that are not hopeless, because a forecast that is
    /// far off seems good half of the time where losses are linear.
    fn near(&self, present: &[f64; N]) -> [f64; N] {
        let weights = self.weights(FALLBACK);
        std::array::from_fn(|i| if weights[i] >= LINEAR_WEIGHT_MIN { present[i] } else { 0.0 })
    }

    /// The truth as it is learnt from.
    fn clip(&self, inputs: &PointInputs<N>, y: f64) -> f64 {
        if self.count < CLIP_AFTER {
            return y;
        }
        y.clamp(inputs.low - CLIP_ERRORS * self.error, inputs.high + CLIP_ERRORS * self.error)
    }

    /// Learns the truth `y` of a forecast that [`forecast`](Self::forecast) made of `inputs`.
    pub fn learn(&mut self, inputs: &PointInputs<N>, made: &MixedPoint, y: f64) {
        let (loss, x, present) = (self.loss, &inputs.forecasts, &inputs.present);
        if !inputs.are_near(y) {
            return;
        }
        let squared = loss == PointLoss::Squared;
        let mut losses = [0.0; N];
        distances(x, y, squared, &mut losses);
        let of = |f: f64, y: f64| loss.of(f - y);
        add_regrets(&losses, present, of(made.value, y), of(made.mixtures[LOSSES], y), &mut self.regret);
        let clipped = self.clip(inputs, y);
        if clipped != y {
            // 2 (f − x)(y′ − y) of squared errors at most; absolute errors differ alike on one side of all forecasts
            if squared {
                let reach = if clipped > y { made.value - inputs.low } else { inputs.high - made.value };
                self.clipped += 2.0 * reach.max(0.0) * (clipped - y).abs();
            }
            distances(x, clipped, squared, &mut losses);
        }
        self.learn_weights(inputs, made, &losses, clipped);
        self.restart_after_burst(of(made.value, clipped));
        let miss = (made.value - y).abs();
        // a mean of nothing must be able to grow
        ERROR.learn(&mut self.error, self.count, miss, ERROR_GROWTH * miss);
        self.count = self.count.saturating_add(1);
    }

    /// A truth came as it was forecast: nobody forecast it better, and there is nothing to learn.
    pub fn pass(&mut self) {
        self.passed = self.passed.saturating_add(1);
    }

    /// Learns a truth that was known otherwise, with polynomial weights alone. Followers would take such truths, of
    /// which there are many in a row, for what losses are like, and forget what comes between them.
    pub fn learn_known(&mut self, inputs: &PointInputs<N>, made: &MixedPoint, y: f64) {
        let (loss, x, present) = (self.loss, &inputs.forecasts, &inputs.present);
        if !inputs.are_near(y) {
            return;
        }
        let mut losses = [0.0; N];
        distances(x, y, loss == PointLoss::Squared, &mut losses);
        let of = |f: f64| loss.of(f - y);
        add_regrets(&losses, present, of(made.value), of(made.mixtures[LOSSES]), &mut self.regret);
        self.learn_shares(inputs, made, &losses, y);
        self.pass();
    }

    /// Takes in the losses of a truth, which may have been clipped.
    fn learn_weights(&mut self, inputs: &PointInputs<N>, made: &MixedPoint, losses: &[f64; N], y: f64) {
        self.learn_shares(inputs, made, losses, y);
        self.learn_followers(inputs, made, losses, y);
    }

    fn learn_shares(&mut self, inputs: &PointInputs<N>, made: &MixedPoint, losses: &[f64; N], y: f64) {
        let (loss, present) = (self.loss, &inputs.present);
        let own = loss.of(made.value - y);
        let pace = self.pace();
        let of = |f: f64| loss.of(f - y);
        self.second.learn(own, made.mixtures.map(of), made.advice.map(|advice| advice.map(of)), self.count, pace);
        let mut above = [0.0; N];
        regrets(losses, present, loss.of(made.mixtures[LOSSES] - y), &mut above);
        self.first[LOSSES].learn(&above);
        let f = made.mixtures[LINEAR];
        linear_regrets(&inputs.forecasts, &self.near(present), f, loss.slope(f - y), &mut above);
        self.first[LINEAR].learn(&above);
    }

    fn learn_followers(&mut self, inputs: &PointInputs<N>, made: &MixedPoint, losses: &[f64; N], y: f64) {
        let (loss, present) = (self.loss, &inputs.present);
        let pace = self.pace();
        let mut rates = [0.0; N];
        count(present, f64::from(self.count), &mut self.seen, &mut rates);
        let own: [f64; FOLLOWERS] = std::array::from_fn(|i| loss.of(made.mixtures[LINEAR + 1 + i] - y));
        if self.count == 0 {
            self.followed = own.map(|own| [own; N]);
        }
        let (least, absolute) = (FOLLOWER_RATES.map(|rate| pace * rate), loss == PointLoss::Absolute);
        let most =
            if self.count < CLIP_AFTER { f64::INFINITY } else { loss.of(FOLLOWED_ERRORS_MAX / pace * self.error) };
        let (known, trial) = (&self.seen, self.trial_rounds());
        let (means, weights) = (self.followed.as_flattened_mut(), self.weights.as_flattened_mut());
        follow(losses, present, &rates, own, least, most, means, (known, trial), absolute, weights);
    }

    /// Begins anew with polynomial weights if what they remember is of losses that are long over: those would decide
    /// for as long as it takes to outweigh them. The bound of what was so far stays, beside which that of what comes is
    /// small.
    fn restart_after_burst(&mut self, own: f64) {
        self.rounds = self.rounds.saturating_add(1);
        self.losses += own;
        self.block += own;
        if !self.rounds.is_multiple_of(BLOCK_ROUNDS) {
            return;
        }
        let (block, all) = (self.block / f64::from(BLOCK_ROUNDS), self.losses / f64::from(self.rounds));
        self.block = 0.0;
        if block > 0.0 && BURST_RATIO * block < all {
            for i in 0..N {
                self.left[i] += self.standing_bound(i);
            }
            self.first = [PolynomialShare::new(), PolynomialShare::new()];
            self.second.restart();
            (self.losses, self.rounds) = (0.0, 0);
        }
    }

    /// Goes on from the record of another mixture of the same experts and loss, and leaves its own there: of what has
    /// changed to another kind of values and may change back. Regrets and the bound stay those of all truths so far.
    pub fn exchange(&mut self, other: &mut Self) {
        for i in 0..N {
            self.left[i] += self.standing_bound(i) - other.standing_regret(i);
        }
        std::mem::swap(&mut self.first, &mut other.first);
        std::mem::swap(&mut self.second, &mut other.second);
        std::mem::swap(&mut self.followed, &mut other.followed);
        std::mem::swap(&mut self.seen, &mut other.seen);
        std::mem::swap(&mut self.weights, &mut other.weights);
        std::mem::swap(&mut self.error, &mut other.error);
        std::mem::swap(&mut self.losses, &mut other.losses);
        std::mem::swap(&mut self.rounds, &mut other.rounds);
        std::mem::swap(&mut self.block, &mut other.block);
    }

    /// A mixture whose followers go on from this one's, and the rest of which begins: of rounds that are of another
    /// kind than most. Its regrets, its bound and its count are of what comes.
    pub(crate) fn fork(&self) -> Self {
        let inherited = self.count.saturating_add(self.passed);
        let (first, nothing) = ([PolynomialShare::new(), PolynomialShare::new()], [0.0; N]);
        let mut fork = Self { first, regret: nothing, left: nothing, clipped: 0.0, inherited, ..self.clone() };
        fork.second.restart();
        (fork.losses, fork.block, fork.rounds) = (0.0, 0.0, 0);
        fork
    }

    /// The followers' weights, which follow from what they have seen.
    fn weigh_followers(&mut self) {
        let trial = self.trial_rounds();
        let has_seen = self.seen.iter().any(|seen| *seen > 0.0);
        for (mean, weights) in self.followed.iter().zip(&mut self.weights) {
            match has_seen {
                true => weigh(mean, &self.seen, trial, self.loss == PointLoss::Absolute, weights),
                false => *weights = self.prior,
            }
        }
    }

    /// The bound that the record in force gives, and the regret that it has.
    fn standing_bound(&self, expert: usize) -> f64 {
        self.second.bound(LOSSES) + self.first[LOSSES].bound(expert)
    }

    fn standing_regret(&self, expert: usize) -> f64 {
        self.second.regret(LOSSES) + self.first[LOSSES].regret(expert)
    }

    /// Whether an expert took part at all.
    pub(crate) fn has_seen(&self, expert: usize) -> bool {
        self.seen[expert] > 0.0
    }

    /// By how much the forecasts so far have lost more than an expert's, in sums of losses.
    pub fn regret(&self, expert: usize) -> f64 {
        self.regret[expert]
    }

    /// What that cannot exceed, on any sequence.
    pub fn bound(&self, expert: usize) -> f64 {
        self.standing_bound(expert) + self.left[expert] + self.clipped
    }

    /// Truths so far.
    pub fn count(&self) -> u32 {
        self.count.saturating_add(self.passed).saturating_sub(self.inherited)
    }
}

impl<const N: usize> Persist for PointMixture<N> {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("points")?;
        self.first.iter_mut().try_for_each(|share| share.persist(s))?;
        self.second.persist(s)?;
        self.followed.iter_mut().try_for_each(|mean| s.f64s_fixed("followed", mean))?;
        s.f64s_fixed("seen", &mut self.seen)?;
        s.f64s_fixed("regret", &mut self.regret)?;
        s.f64s_fixed("left", &mut self.left)?;
        for v in [&mut self.clipped, &mut self.error, &mut self.losses, &mut self.block] {
            s.f64("points", v)?;
        }
        s.u32("count", &mut self.count)?;
        s.u32("passed", &mut self.passed)?;
        s.u32("inherited", &mut self.inherited)?;
        s.u32("rounds", &mut self.rounds)?;
        if s.is_reading() {
            let is_sound = self.error.is_finite() && self.error >= 0.0;
            if !is_sound {
                return Err(StateError::Invalid("points"));
            }
            self.weigh_followers();
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "points_tests.rs"]
mod tests;
