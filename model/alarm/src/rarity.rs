//! Rarity: once in how many events of this stream.

use surmise_state::{Persist, State, StateError};

/// Events that are remembered; half of what was counted fades whenever twice as many have come.
const MEMORY_EVENTS: f64 = 8192.0;
/// A cluster of unusual events is over so many events after its latest rise.
const CLUSTER_EVENTS: u32 = 128;
/// What an event has to bring beyond its cluster's largest claim to be told as rare itself.
const RISE_BITS: f64 = 2.0;
/// The least claim that is counted.
const COUNTED_BITS: f64 = 5.0;
/// How far a claim that is counted goes beyond the least such claim, in the mean, before the stream has shown it.
const EXCESS_BITS_PRIOR: f64 = 6.0;
/// Clusters that this weighs as much as.
const PRIOR_CLUSTERS: f64 = 8.0;
/// What came before in the cluster is faint if it claims less than this part of what comes.
const FAINT_PART: f64 = 0.5;
/// The least claim that is told from none.
const TOLD_BITS: f64 = 1.0;
/// Bins of claims, a quarter of a bit each.
const BINS: usize = 160;
const BINS_PER_BIT: f64 = 4.0;
/// The part of its bits that an event of a cluster keeps if it does not exceed the cluster's largest. However unusual
/// it is, it is then no rarer than once in as many events as a cluster has: what goes on and on is no news each time.
const WITHIN_PART: f64 = 0.25;
/// The rarest that anything is said to be, in bits.
pub(crate) const RARITY_BITS_MAX: f64 = 40.0;
/// The rarity that scores one half, as a power of ten.
const HALF_SCORE_DECADES: f64 = 4.0;

/// How rare an event is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct EventRarity {
    /// Once in so many events, at least 1; of what the event brings beyond its cluster.
    pub(crate) events: f64,
    /// The same of the event by itself, whatever came just before.
    pub(crate) alone: f64,
    /// Whether the event is more unusual than all others of its cluster.
    pub(crate) news: bool,
    /// Whether it is the first of its cluster that is more than faint beside it.
    pub(crate) first: bool,
}

/// The record of a stream's claims.
///
/// The respects of an event claim at most l bits. If all claims were true, an event would claim as much with a
/// probability of w·2^−l, where w is the weight of all respects together (the union bound); and n events of the past
/// brought k clusters with a claim as high. Both say the same of a stream whose claims are true, and half of each is
/// believed: N = 2 / (w·2^−l + k/n).
#[derive(Clone, Debug)]
pub(crate) struct RarityRecord {
    events: f64,
    /// `[BINS]`: clusters by their largest claim.
    clusters: [f32; BINS],
    /// The largest claim of the cluster at hand, 0 for none, and events since it rose.
    peak: f64,
    since: u32,
}

impl Default for RarityRecord {
    fn default() -> Self {
        RarityRecord { events: 0.0, clusters: [0.0; BINS], peak: 0.0, since: 0 }
    }
}

fn bin(bits: f64) -> usize {
    ((bits * BINS_PER_BIT) as usize).min(BINS - 1)
}

impl RarityRecord {
    /// Once in how many events a claim as high comes.
    pub(crate) fn ask(&self, bits: f64, weight: f64) -> f64 {
        // most events claim nothing, and are as rare as any
        if bits < TOLD_BITS {
            return 1.0;
        }
        let events = self.events.max(1.0);
        let as_high: f64 = self.clusters[bin(bits)..].iter().map(|n| f64::from(*n)).sum();
        // the cluster at hand is no past of itself
        let own = self.since < CLUSTER_EVENTS && self.peak > 0.0 && bin(self.peak) >= bin(bits);
        let as_high = (as_high - f64::from(u8::from(own))).max(0.0);
        let claimed = weight.max(1.0) * libm::exp2(-bits.min(2.0 * RARITY_BITS_MAX));
        (2.0 / (claimed + as_high / events)).clamp(1.0, (1u64 << RARITY_BITS_MAX as u32) as f64)
    }

    /// Once in how many events a claim as high comes whose scale is an assumption, as that of evidence that was weighed
    /// elsewhere: no more than if the claims of this stream fall as fast as those so far did.
    ///
    /// Peaks over a threshold (Pickands, 1975): beyond [`COUNTED_BITS`] the largest claims of clusters are taken to
    /// fall exponentially, by the mean of what they had beyond it. Before there are any that mean is
    /// [`EXCESS_BITS_PRIOR`], which is more than it would be if all claims were true (1/ln 2); it weighs as much as
    /// [`PRIOR_CLUSTERS`] do. So a stream that is young, or whose claims are often high, has to be more unusual, until
    /// its past says otherwise.
    pub(crate) fn prove(&self, bits: f64, weight: f64) -> f64 {
        let alone = self.ask(bits, weight);
        if bits < COUNTED_BITS {
            return alone;
        }
        let first = bin(COUNTED_BITS);
        let (mut count, mut excess) = (0.0, 0.0);
        for (place, n) in self.clusters.iter().enumerate().skip(first) {
            count += f64::from(*n);
            excess += f64::from(*n) * ((place as f64 + 0.5) / BINS_PER_BIT - COUNTED_BITS);
        }
        if self.since < CLUSTER_EVENTS && self.peak >= COUNTED_BITS {
            // the cluster at hand is no past of itself
            count = (count - 1.0).max(0.0);
            excess = (excess - (self.peak - COUNTED_BITS)).max(0.0);
        }
        let mean = (excess + PRIOR_CLUSTERS * EXCESS_BITS_PRIOR) / (count + PRIOR_CLUSTERS);
        let fall = libm::exp(-(bits - COUNTED_BITS) / mean);
        let expected = (count + 1.0) / (self.events + 1.0) * fall;
        (1.0 / expected).min(alone)
    }

    /// Takes in the claim of an event.
    pub(crate) fn observe(&mut self, bits: f64, weight: f64) -> EventRarity {
        self.events += 1.0;
        self.since = self.since.saturating_add(1);
        if self.since > CLUSTER_EVENTS {
            self.peak = 0.0;
        }
        let alone = self.ask(bits, weight);
        let first = self.peak < FAINT_PART * bits;
        let news = self.peak == 0.0 || bits > self.peak + RISE_BITS;
        if news && bits >= COUNTED_BITS {
            if self.peak > 0.0 {
                let was = &mut self.clusters[bin(self.peak)];
                *was = (*was - 1.0).max(0.0);
            }
            self.clusters[bin(bits)] += 1.0;
            (self.peak, self.since) = (bits, 0);
        }
        if self.events >= 2.0 * MEMORY_EVENTS {
            self.events *= 0.5;
            self.clusters.iter_mut().for_each(|n| *n *= 0.5);
        }
        let within = || libm::pow(alone, WITHIN_PART).min(f64::from(CLUSTER_EVENTS));
        let events = if news || alone == 1.0 { alone } else { within() };
        EventRarity { events, alone, news, first }
    }
}

impl Persist for RarityRecord {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("rarity events", &mut self.events)?;
        s.f64("rarity peak", &mut self.peak)?;
        s.u32("rarity since", &mut self.since)?;
        s.f32s_fixed("rarity clusters", &mut self.clusters)
    }
}

/// The record of what events claim by themselves, where the scale of that is an assumption.
///
/// An event is as rare as one that claims as much was so far. With n events and k of them that claimed as much, one
/// comes once in N = (n + 1) / (k + g): the rank of the event among those before it, whatever they claim, which is all
/// that can be said where any order of them is as likely as another. Beyond [`COUNTED_BITS`] the one that is not
/// counted yet is less than one, g, as claims are taken to fall by [`EXCESS_BITS_PRIOR`] there.
#[derive(Clone, Debug)]
pub(crate) struct OwnRecord {
    events: f64,
    /// `[BINS]`: events by what they claimed.
    claims: [f32; BINS],
}

impl Default for OwnRecord {
    fn default() -> Self {
        OwnRecord { events: 0.0, claims: [0.0; BINS] }
    }
}

impl OwnRecord {
    /// Takes in what an event claims; returns once in how many events one claims as much.
    pub(crate) fn observe(&mut self, bits: f64) -> f64 {
        self.events += 1.0;
        if self.events >= 2.0 * MEMORY_EVENTS {
            self.events *= 0.5;
            self.claims.iter_mut().for_each(|n| *n *= 0.5);
        }
        // most events claim nothing, and are as rare as any
        if bits < TOLD_BITS {
            return 1.0;
        }
        let as_high: f64 = self.claims[bin(bits)..].iter().map(|n| f64::from(*n)).sum();
        self.claims[bin(bits)] += 1.0;
        let itself = libm::exp(-(bits - COUNTED_BITS).max(0.0) / EXCESS_BITS_PRIOR);
        (self.events / (as_high + itself)).clamp(1.0, (1u64 << RARITY_BITS_MAX as u32) as f64)
    }
}

impl Persist for OwnRecord {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("own claims", &mut self.events)?;
        s.f32s_fixed("own claims", &mut self.claims)
    }
}

/// The anomaly score of a rarity: from 0 for what every event is, ½ for once in ten thousand events, towards 1. It
/// rises with the rarity and depends on nothing else, so that streams can be compared by it.
pub fn score_of(rarity_events: f64) -> f64 {
    let decades = libm::log10(rarity_events.max(1.0));
    decades / (decades + HALF_SCORE_DECADES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_fixtures::Random;

    #[test]
    fn an_event_is_as_rare_as_its_rank_whatever_the_scale_of_claims() {
        for scale in [0.7, 2.0, 6.0] {
            let (mut record, mut random, mut rare) = (OwnRecord::default(), Random::new(7), [0u32; 3]);
            let events = 60_000;
            for _ in 0..events {
                let n = record.observe(-scale * random.uniform().max(1e-12).ln());
                for (count, least) in rare.iter_mut().zip([10.0, 100.0, 1000.0]) {
                    *count += u32::from(n >= least);
                }
            }
            for (count, least) in rare.into_iter().zip([10.0, 100.0, 1000.0]) {
                // claims that fall otherwise than is assumed are off by the part beyond what was counted
                let ratio = f64::from(count) * least / f64::from(events);
                assert!((0.2..=2.5).contains(&ratio), "scale {scale}: {count} of {events} once in {least}");
            }
        }
    }
}
