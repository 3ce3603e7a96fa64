//! Channels of evidence, and the unit in which the evidence of each is measured.

use surmise_state::{Persist, State, StateError};

/// Events of which one exceeds a channel's unit.
const EVENTS_PER_EXCESS: f64 = 500.0;

/// Events between two looks at a channel's histogram.
const EVENTS_PER_LOOK: u64 = 100;

/// Events after which a channel's past counts half.
const EVENTS_HALVED: u64 = 20_000;

/// Cells of a histogram for each bit.
const CELLS_PER_BIT: f64 = 4.0;

/// Cells of a histogram; the last one holds all that is larger.
const CELLS: usize = 257;

/// A kind of evidence that many sources share.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// The name that people see, such as `value`.
    pub name: &'static str,
    /// The least unit in bits: what this kind of evidence shows about once in 500 events of an ordinary stream. A
    /// channel that is quiet on a stream does not become more sensitive than that.
    pub prior_bits: f64,
}

impl Channel {
    /// A channel with this name and least unit in bits, which is positive.
    pub const fn new(name: &'static str, prior_bits: f64) -> Channel {
        Channel { name, prior_bits }
    }
}

/// The level that a channel exceeds once in 500 events by its own past, never below the channel's prior.
#[derive(Clone, Debug)]
pub(crate) struct ChannelLevel {
    prior_bits: f64,
    unit_bits: f64,
    counts: Vec<f64>,
    events: u64,
}

impl ChannelLevel {
    pub(crate) fn new(prior_bits: f64) -> ChannelLevel {
        ChannelLevel { prior_bits, unit_bits: prior_bits, counts: vec![0.0; CELLS], events: 0 }
    }

    /// The unit of this channel in bits.
    pub(crate) fn unit_bits(&self) -> f64 {
        self.unit_bits
    }

    /// Learns the evidence of one event, which is zero for most.
    pub(crate) fn learn(&mut self, bits: f64) {
        self.events += 1;
        if bits > 0.0 {
            self.counts[((bits * CELLS_PER_BIT) as usize).min(CELLS - 1)] += 1.0;
        }
        if self.events.is_multiple_of(EVENTS_PER_LOOK) {
            self.look();
        }
    }

    /// Sets the unit from the histogram.
    fn look(&mut self) {
        let need = self.events as f64 / EVENTS_PER_EXCESS + 1.0;
        let mut above = 0.0;
        let cell = (0..CELLS).rev().find(|cell| {
            above += self.counts[*cell];
            above > need
        });
        self.unit_bits = self.prior_bits.max(cell.map_or(0.0, |cell| (cell + 1) as f64 / CELLS_PER_BIT));
        if self.events >= EVENTS_HALVED {
            self.events /= 2;
            self.counts.iter_mut().for_each(|count| *count *= 0.5);
        }
    }
}

impl Persist for ChannelLevel {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("unit", &mut self.unit_bits)?;
        s.u64("events", &mut self.events)?;
        s.f64s_fixed("counts", &mut self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_fixtures::Random;

    #[test]
    fn a_unit_is_exceeded_once_in_500_events_and_follows_a_change() {
        let mut random = Random::new(3);
        let mut level = ChannelLevel::new(1.0);
        for scale in [2.0, 8.0, 3.0] {
            let mut beyond = 0;
            for event in 0..120_000 {
                let bits = -scale * random.uniform().max(1e-12).ln();
                beyond += usize::from(event >= 60_000 && bits > level.unit_bits());
                level.learn(bits);
            }
            assert!((70..=170).contains(&beyond), "{beyond} of 60,000 events exceed the unit at scale {scale}");
        }
    }

    #[test]
    fn a_quiet_channel_keeps_its_prior() {
        let mut level = ChannelLevel::new(5.0);
        (0..50_000).for_each(|event| level.learn(if event % 400 == 0 { 0.5 } else { 0.0 }));
        assert_eq!(level.unit_bits(), 5.0);
    }
}
