//! How rare a size is among those that came before it: by how often one as large has come, and beyond all of them by a
//! tail that is assumed.

use crate::fading::FadingMean;
use surmise_state::{Persist, State, StateError};

/// Events that a tail remembers; half of what it counted fades whenever twice as many have come.
const MEMORY_EVENTS: f64 = 4096.0;
/// Events before a tail says anything.
const QUIET_EVENTS: f64 = 50.0;
/// Events before one size is bounded in what is usual, as nothing is usual before.
const UNBOUNDED_EVENTS: f64 = 20.0;
/// The most that one size counts in what is usual, as a multiple of the usual.
const USUAL_MULTIPLE_MAX: f64 = 32.0;
/// The same of means that leave what is usual slowly.
const SLOW_MULTIPLE_MAX: f64 = 2.0;
/// A cluster of large sizes is over after so many events without a larger one; it counts once, by its largest.
const CLUSTER_EVENTS: u32 = 64;
/// Bins of multiples of the usual, an eighth of an octave each, from the usual on.
const BINS: usize = 64;
const BINS_PER_OCTAVE: f64 = 8.0;
/// A size counts as having come before if one nearly as large has: by so many bins (0.85 of it).
const NEAR_BINS: f64 = 1.875;
/// The multiple of the usual from which the assumed tail falls, in octaves.
const TAIL_FROM_OCTAVES: f64 = 1.0;
/// The largest size that is told from larger ones; its square is finite.
const SIZE_MAX: f64 = 1e120;
/// The least floor, so that nothing is divided by zero.
const FLOOR_MIN: f64 = 1e-120;

/// The tail that is assumed of sizes larger than all that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AssumedTail {
    /// Sizes of errors: from twice the usual on, four times rarer with every doubling.
    Square,
    /// Sizes in bits: from twice the usual on, half as likely with every two bits.
    Bits,
    /// As [`AssumedTail::Square`], of means that leave what is usual slowly: while they do, they hardly count as usual.
    Slow,
}

/// The record of one kind of size.
///
/// It answers with −log₂ of the probability that an event starts a cluster as large. With n events, k clusters of them
/// as large, and g the assumed tail, that probability is (k + g) / (n + 1): Laplace's rule, with the tail as the one
/// case that is assumed beforehand. So a size that comes again and again is as rare as it was, whatever the tail; and
/// the first one beyond all others is the rarer the further it goes. Sizes below the usual, which is their root mean
/// square, say nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SizeRecord {
    /// Events so far, fading.
    events: f64,
    /// Events so far, as far as the usual size counts them.
    count: f64,
    /// The mean square of sizes.
    square: f64,
    /// `[BINS]`: clusters by their largest size.
    clusters: [f32; BINS],
    /// The largest size of the cluster at hand as a multiple of the usual, 0 for none; and events since then.
    peak: f64,
    since: u32,
}

impl Default for SizeRecord {
    fn default() -> Self {
        SizeRecord { events: 0.0, count: 0.0, square: 0.0, clusters: [0.0; BINS], peak: 0.0, since: 0 }
    }
}

/// The bin of a multiple of the usual, by its octaves.
fn bin(octaves: f64) -> f64 {
    (octaves * BINS_PER_OCTAVE).clamp(0.0, BINS as f64 - 1.0)
}

impl SizeRecord {
    /// Takes in a size; returns how rare it is, in bits. Sizes below `floor` are not told apart, and a usual size below
    /// it counts as `floor`. What is not finite counts as nothing and says nothing.
    pub(crate) fn observe(&mut self, size: f64, floor: f64, assumed: AssumedTail) -> f64 {
        if !size.is_finite() {
            return 0.0;
        }
        let size = size.clamp(0.0, SIZE_MAX);
        let floor = floor.clamp(FLOOR_MIN, SIZE_MAX);
        self.count = (self.count + 1.0).min(MEMORY_EVENTS);
        // the size is one of the usual ones itself, so that none of n is more than √n times the usual
        let with = |size: f64| self.square + (size * size - self.square) / self.count;
        let usual = with(size).sqrt().max(floor);
        let most = if assumed == AssumedTail::Slow { SLOW_MULTIPLE_MAX } else { USUAL_MULTIPLE_MAX };
        let bound = if self.count <= UNBOUNDED_EVENTS { SIZE_MAX } else { most * self.square.sqrt().max(floor) };
        self.square = with(size.min(bound));
        let bits = self.bits(size, usual, assumed);
        self.learn(size / usual);
        if self.count < QUIET_EVENTS { 0.0 } else { bits }
    }

    /// How rare a size would be that is not taken in, in bits.
    pub(crate) fn ask(&self, size: f64, floor: f64, assumed: AssumedTail) -> f64 {
        if self.count < QUIET_EVENTS || !size.is_finite() {
            return 0.0;
        }
        self.bits(size.clamp(0.0, SIZE_MAX), self.square.sqrt().max(floor.clamp(FLOOR_MIN, SIZE_MAX)), assumed)
    }

    fn bits(&self, size: f64, usual: f64, assumed: AssumedTail) -> f64 {
        if size <= usual {
            return 0.0;
        }
        let octaves = libm::log2(size / usual);
        let log_tail = match assumed {
            AssumedTail::Square | AssumedTail::Slow => -2.0 * (octaves - TAIL_FROM_OCTAVES),
            AssumedTail::Bits => -0.5 * (size - 2.0 * usual),
        };
        let expected = self.as_large(octaves) + libm::exp2(log_tail.min(0.0));
        libm::log2((self.events + 1.0) / expected).max(0.0)
    }

    /// Clusters that came nearly as large.
    fn as_large(&self, octaves: f64) -> f64 {
        let place = (octaves * BINS_PER_OCTAVE - NEAR_BINS).clamp(0.0, BINS as f64 - 1.0);
        let first = place as usize;
        let part = 1.0 - (place - first as f64);
        let above: f64 = self.clusters[first + 1..].iter().map(|n| f64::from(*n)).sum();
        // the cluster at hand is no past of itself
        let own = if self.since < CLUSTER_EVENTS && self.peak > 0.0 { self.peak_bin() } else { usize::MAX };
        let own = match own {
            bin if bin == usize::MAX || bin < first => 0.0,
            bin if bin == first => part,
            _ => 1.0,
        };
        (above + part * f64::from(self.clusters[first]) - own).max(0.0)
    }

    fn peak_bin(&self) -> usize {
        bin(libm::log2(self.peak)) as usize
    }

    fn learn(&mut self, multiple: f64) {
        self.events += 1.0;
        self.since = self.since.saturating_add(1);
        if self.since > CLUSTER_EVENTS {
            self.peak = 0.0;
        }
        if multiple > 1.0 && multiple > self.peak {
            if self.peak > 0.0 {
                let was = &mut self.clusters[self.peak_bin()];
                *was = (*was - 1.0).max(0.0);
            }
            self.clusters[bin(libm::log2(multiple)) as usize] += 1.0;
            (self.peak, self.since) = (multiple, 0);
        }
        if self.events >= 2.0 * MEMORY_EVENTS {
            self.events *= 0.5;
            self.clusters.iter_mut().for_each(|n| *n *= 0.5);
        }
    }
}

impl Persist for SizeRecord {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        for v in [&mut self.events, &mut self.count, &mut self.square, &mut self.peak] {
            s.f64("tail", v)?;
        }
        s.u32("tail since", &mut self.since)?;
        s.f32s_fixed("tail clusters", &mut self.clusters)
    }
}

/// The tails of the size of a mean over some events: what is smoothed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SmoothedTail {
    mean: FadingMean,
    tail: SizeRecord,
}

impl SmoothedTail {
    /// Takes a value into the mean with weight `rate`; returns how rare the mean's distance from `around` is, in bits.
    pub(crate) fn observe(&mut self, value: f64, rate: f64, around: f64, floor: f64) -> f64 {
        if !value.is_finite() {
            return 0.0;
        }
        let mean = self.mean.add(value, rate);
        self.tail.observe((mean - around).abs(), floor, AssumedTail::Square)
    }

    /// As [`observe`](Self::observe) around zero, of what may leave it slowly.
    pub(crate) fn observe_slow(&mut self, value: f64, rate: f64, floor: f64) -> f64 {
        if !value.is_finite() {
            return 0.0;
        }
        let mean = self.mean.add(value, rate);
        self.tail.observe(mean.abs(), floor, AssumedTail::Slow)
    }

    /// The mean as it stands.
    pub(crate) fn mean(&self) -> f64 {
        self.mean.mean()
    }
}

impl Persist for SmoothedTail {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.mean.persist(s)?;
        self.tail.persist(s)
    }
}
