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

impl Judgement {
    /// The sum as far as this event has a part in it: what is left of events before counts as far as this one adds
    /// what a channel shows once in 500 events. So an ordinary event is ordinary, whatever came just before.
    pub fn with_own(&self) -> f64 {
        let rest = self.sum - self.own;
        self.own + rest * self.own.clamp(0.0, 1.0)
    }
}

/// Weighs the evidence of a stream's events. Deterministic, with a state of fixed size.
#[derive(Clone, Debug)]
pub struct Judge {
    channels: Vec<Channel>,
    levels: Vec<ChannelLevel>,
    /// For each channel the largest evidence of the event at hand, which is learnt when the next one begins.
    largest: Vec<f64>,
    /// What the event at hand multiplies its evidence by, and what was left of those before it.
    emphasis: f64,
    rest: f64,
    sum: f64,
    /// What was taken back of the event at hand.
    taken: f64,
    began: bool,
}

impl Judge {
    /// A judge of these channels.
    pub fn new(channels: Vec<Channel>) -> Judge {
        let levels = channels.iter().map(|channel| ChannelLevel::new(channel.prior_bits)).collect();
        let largest = vec![0.0; channels.len()];
        Judge { channels, levels, largest, emphasis: 1.0, rest: 0.0, sum: 0.0, taken: 0.0, began: false }
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
        if self.began {
            self.levels.iter_mut().zip(&self.largest).for_each(|(level, bits)| level.learn(*bits));
        }
        self.began = true;
        self.largest.fill(0.0);
        (self.emphasis, self.taken) = (0.0, 0.0);
        self.rest = (FADE * self.sum - LOSS).max(0.0);
        self.go_on(evidence, emphasis)
    }

    /// Judges a further part of the event that was judged last, such as a line of a trace that the event has: what is
    /// larger than before counts in its place, and nothing fades. As if all parts had come at once.
    pub fn go_on(&mut self, evidence: &[Evidence], emphasis: f64) -> Judgement {
        let (mut top, mut best) = (0.0, None);
        for (place, piece) in evidence.iter().enumerate() {
            if let Some(largest) = self.largest.get_mut(piece.channel as usize)
                && piece.bits.is_finite()
                && piece.bits > *largest
            {
                *largest = piece.bits;
                let share = piece.bits / self.levels[piece.channel as usize].unit_bits();
                if share > top {
                    (top, best) = (share, Some(place));
                }
            }
        }
        self.emphasis = self.emphasis.max(emphasis);
        let shares = self.levels.iter().zip(&self.largest).map(|(level, bits)| bits / level.unit_bits());
        let own = (self.emphasis * shares.sum::<f64>() - self.taken).max(0.0);
        self.sum = self.rest + own;
        Judgement { sum: self.sum, own, best }
    }

    /// Takes back what the event that was judged last adds so far: what is left of those before it stays, and what
    /// further parts of it add is judged. How large evidence usually is, is learnt from it nevertheless.
    pub fn take_back(&mut self) -> Judgement {
        self.taken += self.sum - self.rest;
        self.sum = self.rest;
        Judgement { sum: self.sum, own: 0.0, best: None }
    }
}

impl Persist for Judge {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("judge")?;
        s.f64("sum", &mut self.sum)?;
        s.f64("rest", &mut self.rest)?;
        s.f64("emphasis", &mut self.emphasis)?;
        s.f64("taken", &mut self.taken)?;
        s.bool("began", &mut self.began)?;
        s.f64s_fixed("largest", &mut self.largest)?;
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
    fn parts_of_an_event_are_judged_as_if_they_came_at_once() {
        let (mut whole, mut parts) = (judge(), judge());
        for event in 0..3000 {
            let bits = f64::from(event % 7);
            let (first, second) = (piece(0, bits), piece(1, 6.0 - bits));
            let at_once = whole.judge(&[first, second, piece(0, 1.0)], 1.5);
            parts.judge(&[first], 1.0);
            let later = parts.go_on(&[second, piece(0, 1.0)], 1.5);
            assert_eq!((at_once.sum, at_once.own), (later.sum, later.own));
        }
        assert_eq!(whole.hash_state(), parts.hash_state());
    }

    #[test]
    fn what_is_taken_back_adds_nothing_and_what_came_before_stays() {
        let (mut judge, mut without) = (judge(), judge());
        let first = judge.judge(&[piece(0, 8.0)], 1.0);
        assert_eq!(without.judge(&[piece(0, 8.0)], 1.0), first);
        judge.judge(&[piece(0, 12.0), piece(1, 5.0)], 1.0);
        assert_eq!(judge.take_back(), Judgement { best: None, ..without.judge(&[], 1.0) });
        // a further part of it adds what it adds
        let more = judge.go_on(&[piece(0, 16.0), piece(1, 4.0)], 1.0);
        assert_eq!((more.own, more.best), (1.0, Some(0)));
        judge.take_back();
        without.judge(&[], 1.0);
        judge.judge(&[], 1.0);
        assert_eq!(judge.judge(&[piece(1, 2.0)], 1.0), without.judge(&[piece(1, 2.0)], 1.0));
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
