//! The judge of a stream: evidence of all channels in one sum.

use crate::channel::{Channel, ChannelLevel};
use surmise_state::{Persist, State, StateError};

/// What is left of the sum after an event.
const FADE: f64 = 0.93;

/// What the sum loses with each event, so that what is mildly odd at times does not add up.
const LOSS: f64 = 0.1;

/// Something that a source says about an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Index into the channels that the judge was made with.
    pub channel: u16,
    /// How unusual the event is, in bits of this channel. What is not finite or not positive says nothing.
    pub bits: f64,
    /// Who says so, for the caller, who gives it a meaning: the number of a slot or of a field.
    pub part: u32,
}

/// What all evidence together says about an event.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Judgement {
    /// The sum over the channels of this event and, fading, of those before it. It has no unit: a channel adds one when
    /// it shows what it shows once in 500 events.
    pub sum: f64,
    /// What this event alone adds to the sum.
    pub own: f64,
    /// The place in the evidence of the piece that adds most, if any adds something.
    pub best: Option<usize>,
}

/// Weighs the evidence of a stream's events. Deterministic, with a state of fixed size.
#[derive(Clone, Debug)]
pub struct Judge {
    channels: Vec<Channel>,
    levels: Vec<ChannelLevel>,
    /// For each channel the largest evidence of the current event and its place; kept only to be used again.
    largest: Vec<(f64, usize)>,
    sum: f64,
}

impl Judge {
    /// A judge of these channels.
    pub fn new(channels: Vec<Channel>) -> Judge {
        let levels = channels.iter().map(|channel| ChannelLevel::new(channel.prior_bits)).collect();
        let largest = vec![(0.0, 0); channels.len()];
        Judge { channels, levels, largest, sum: 0.0 }
    }

    /// The channels, in the order in which evidence names them.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The unit of a channel in bits, as of now.
    ///
    /// # Panics
    /// If there is no such channel.
    pub fn unit_bits(&self, channel: u16) -> f64 {
        self.levels[channel as usize].unit_bits()
    }

    /// Judges an event from its evidence, of which the largest of each channel counts, and learns how large the
    /// evidence of each channel usually is. `emphasis` multiplies what this event adds; 1 is neutral. Evidence of a
    /// channel that does not exist is passed over.
    pub fn judge(&mut self, evidence: &[Evidence], emphasis: f64) -> Judgement {
        self.largest.fill((0.0, usize::MAX));
        for (place, piece) in evidence.iter().enumerate() {
            if let Some(largest) = self.largest.get_mut(piece.channel as usize)
                && piece.bits.is_finite()
                && piece.bits > largest.0
            {
                *largest = (piece.bits, place);
            }
        }
        let (mut own, mut top, mut best) = (0.0, 0.0, None);
        for (level, (bits, place)) in self.levels.iter_mut().zip(&self.largest) {
            if *bits > 0.0 {
                let share = bits / level.unit_bits();
                own += share;
                if share > top {
                    (top, best) = (share, Some(*place));
                }
            }
            level.learn(*bits);
        }
        own *= emphasis;
        self.sum = (FADE * self.sum - LOSS).max(0.0) + own;
        Judgement { sum: self.sum, own, best }
    }
}

impl Persist for Judge {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("judge")?;
        s.f64("sum", &mut self.sum)?;
        let channels = s.begin("channels", self.levels.len(), 1)?;
        if channels != self.levels.len() {
            return Err(StateError::Mismatch("channels"));
        }
        self.levels.iter_mut().try_for_each(|level| level.persist(s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_fixtures::Random;

    fn judge() -> Judge {
        Judge::new(vec![Channel::new("a", 4.0), Channel::new("b", 1.0)])
    }

    fn piece(channel: u16, bits: f64) -> Evidence {
        Evidence { channel, bits, part: 0 }
    }

    #[test]
    fn the_largest_evidence_of_a_channel_counts_and_nonsense_does_not() {
        let odd = [piece(0, 2.0), piece(0, 8.0), piece(1, f64::NAN), piece(1, -3.0), piece(7, 9.0), piece(1, 0.5)];
        let judgement = judge().judge(&odd, 2.0);
        assert_eq!(judgement, Judgement { sum: 5.0, own: 5.0, best: Some(1) });
        assert_eq!(judge().judge(&[], 1.0), Judgement::default());
    }

    #[test]
    fn a_noisy_channel_weighs_less() {
        let mut judge = judge();
        for event in 0..20_000 {
            judge.judge(if event % 50 == 0 { &[Evidence { channel: 1, bits: 7.9, part: 0 }] } else { &[] }, 1.0);
        }
        assert_eq!((judge.unit_bits(0), judge.unit_bits(1)), (4.0, 8.0));
    }

    #[test]
    fn a_judge_that_was_saved_goes_on_as_if_it_had_not_been() {
        let (mut random, mut whole) = (Random::new(5), judge());
        let event = |judge: &mut Judge, random: &mut Random| {
            let evidence =
                [piece(random.below(2) as u16, random.uniform() * 9.0), piece(0, random.uniform() * 5.0 - 4.0)];
            judge.judge(&evidence, 1.0)
        };
        for _ in 0..5000 {
            event(&mut whole, &mut random);
        }
        let mut restored = judge();
        restored.decode(&whole.encode()).unwrap();
        let mut again = random.clone();
        for _ in 0..5000 {
            assert_eq!(event(&mut whole, &mut random), event(&mut restored, &mut again));
        }
        assert_eq!(whole.hash_state(), restored.hash_state());
    }
}
