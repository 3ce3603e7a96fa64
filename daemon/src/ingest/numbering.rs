//! The sequence numbers of one sender's events: how they are assigned, and which events they prove to be repetitions.

use crate::fencing::Fencing;
use crate::highest_seq::HighestSeq;
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};
use surmise_event::{Refusal, RefusalCode};
use surmise_store::group::Origin;

/// A producer's name with the epoch in which it numbers its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerEpoch {
    /// The name of the producer.
    pub producer: Arc<str>,
    /// The epoch; a higher one fences the lower ones.
    pub epoch: u64,
}

impl ProducerEpoch {
    /// What the log says of the origin of an event with this number, before which everything up to `safe` is durable or
    /// comes earlier in the same stream.
    fn origin(&self, seq: u64, safe: Option<u64>) -> Origin {
        Origin { producer: self.producer.clone(), epoch: self.epoch, seq, safe }
    }
}

/// The largest number up to which every event of a connection is durable; it grows as acknowledgements go out.
#[derive(Default)]
pub struct Watermark {
    durable: HighestSeq,
    /// The registry that a producer's next connection asks, and the producer.
    registry: OnceLock<(Arc<Fencing>, ProducerEpoch)>,
}

impl Watermark {
    /// Raises the watermark to a number, and notes that in the registry of producers.
    pub fn raise(&self, seq: u64) {
        self.durable.raise(Some(seq));
        if let Some((fencing, p)) = self.registry.get() {
            fencing.record_durable(&p.producer, p.epoch, Some(seq));
        }
    }

    /// The watermark, if anything is durable.
    pub fn get(&self) -> Option<u64> {
        self.durable.get()
    }

    /// Has the registry of producers follow the watermark from now on.
    pub fn report_to(&self, fencing: &Arc<Fencing>, producer: &ProducerEpoch) {
        self.registry.get_or_init(|| (fencing.clone(), producer.clone()));
    }
}

/// How the numbers of a sender's events are assigned and checked.
pub enum Numbering {
    /// Numbers are only repeated in replies: the sender has no name under which they could be remembered.
    Unchecked,
    /// Events of a named producer over HTTP. Each needs a number, by which its stream recognises a repetition.
    Posted(ProducerEpoch),
    /// Events of a connection that began with a hello. Numbers rise, and events without one get the next.
    Rising(RisingNumbers),
}

/// What the number of an event shows.
#[derive(Debug, PartialEq, Eq)]
pub enum Assignment {
    /// The event may be learnt under this number; `origin` goes into the log.
    New { seq: Option<u64>, origin: Option<Origin> },
    /// The event is durable already, as is every one up to `highest`.
    Durable { highest: Option<u64> },
    /// The number does not rise above one that was sent; the stream's owner knows whether that one was learnt.
    NotRising { seq: u64 },
}

impl Numbering {
    /// Assigns a number to an event of a stream.
    ///
    /// # Errors
    /// The event needs a number of its own and has none.
    pub fn assign(&mut self, seq: Option<u64>, stream: &Arc<str>) -> Result<Assignment, Refusal> {
        match self {
            Numbering::Unchecked => Ok(Assignment::New { seq, origin: None }),
            Numbering::Posted(producer) => match seq {
                // a request knows nothing of the producer's other streams, so nothing is said to be safe
                Some(number) => Ok(Assignment::New { seq, origin: Some(producer.origin(number, None)) }),
                None => {
                    let reason = "the query names a producer, so every event needs a seq";
                    Err(Refusal::new(RefusalCode::SeqNotRising, "seq", reason))
                }
            },
            Numbering::Rising(numbers) => numbers.assign(seq, stream),
        }
    }

    /// Uses up the number of an event that cannot be read, on a connection that numbers events by their order.
    pub fn skip(&mut self) {
        if let Numbering::Rising(numbers) = self {
            numbers.last = Some(numbers.next());
        }
    }

    /// Assigns a number that did not rise above the largest one sent, once it is known which of them were learnt.
    /// Returns the origin for the log.
    ///
    /// # Errors
    /// The number does not rise above `learnt` or above what is durable either.
    pub fn assign_again(
        &mut self,
        seq: u64,
        learnt: Option<u64>,
        stream: &Arc<str>,
    ) -> Result<Option<Origin>, Refusal> {
        let Numbering::Rising(numbers) = self else { return Ok(None) };
        // what is durable was learnt, even if by another connection of the producer
        numbers.step_back(seq, learnt.max(numbers.watermark.get()))?;
        match numbers.assign(Some(seq), stream)? {
            Assignment::New { origin, .. } => Ok(origin),
            Assignment::Durable { .. } | Assignment::NotRising { .. } => Err(not_rising(seq, numbers.last)),
        }
    }

    /// The producer, if it has a name and sends to another stream than that of its hello, or to several. The log then
    /// has to remember how far it is durable, as the stream of its next hello cannot tell.
    pub fn multi_stream_producer(&self) -> Option<&ProducerEpoch> {
        let Numbering::Rising(RisingNumbers { producer, streams, home, .. }) = self else { return None };
        match streams {
            StreamsSent::Several => producer.as_ref(),
            StreamsSent::One(stream) if stream != home => producer.as_ref(),
            StreamsSent::One(_) | StreamsSent::None => None,
        }
    }
}

/// The refusal of a number that does not rise above `last`.
fn not_rising(seq: u64, last: Option<u64>) -> Refusal {
    let last = last.unwrap_or(0);
    let reason =
        format!("{seq} is not above {last}, which was sent before on this connection; numbers rise within an epoch");
    Refusal::new(RefusalCode::SeqNotRising, "seq", reason)
}

/// The streams that a connection has sent events to.
enum StreamsSent {
    None,
    One(Arc<str>),
    Several,
}

/// Numbers that a connection passed over. One of them that comes late is no repetition, so it must not be acknowledged
/// as one: it was never learnt, and never will be.
#[derive(Default)]
struct NumberGaps(VecDeque<RangeInclusive<u64>>);

/// Gaps that are remembered, the latest. A producer that counts has none.
const GAPS_MAX: usize = 64;

impl NumberGaps {
    /// Notes that `seq` follows `before`, the largest number until then that was sent or is durable.
    fn pass(&mut self, before: Option<u64>, seq: u64) {
        let first = before.map_or(0, |before| before.saturating_add(1));
        if first < seq {
            self.0.push_back(first..=seq - 1);
        }
        if self.0.len() > GAPS_MAX {
            self.0.pop_front();
        }
    }

    fn contains(&self, seq: u64) -> bool {
        self.0.iter().any(|gap| gap.contains(&seq))
    }

    /// Forgets gaps above a number, or all if there is none.
    fn cut(&mut self, above: Option<u64>) {
        self.0.retain(|gap| above.is_some_and(|above| *gap.start() <= above));
    }
}

/// The numbers of a connection that began with a hello.
pub struct RisingNumbers {
    /// The producer, if the hello names one.
    producer: Option<ProducerEpoch>,
    /// The stream of the hello.
    home: Arc<str>,
    watermark: Arc<Watermark>,
    /// The largest number that was assigned.
    last: Option<u64>,
    /// Numbers below that one that were never sent.
    gaps: NumberGaps,
    streams: StreamsSent,
}

impl RisingNumbers {
    /// The numbers of a connection on which nothing was sent yet; those up to `committed` are durable.
    pub fn new(
        committed: Option<u64>,
        producer: Option<ProducerEpoch>,
        home: Arc<str>,
        watermark: Arc<Watermark>,
    ) -> RisingNumbers {
        watermark.durable.raise(committed);
        RisingNumbers { producer, home, watermark, last: None, gaps: NumberGaps::default(), streams: StreamsSent::None }
    }

    /// The number of an event that has none.
    fn next(&self) -> u64 {
        self.last.max(self.watermark.get()).map_or(1, |last| last.saturating_add(1))
    }

    /// Assigns a number.
    ///
    /// # Errors
    /// The number was passed over, and comes after a higher one that is durable.
    fn assign(&mut self, seq: Option<u64>, stream: &Arc<str>) -> Result<Assignment, Refusal> {
        let durable = self.watermark.get();
        let seq = seq.unwrap_or_else(|| self.next());
        // without a name nothing is remembered, so a low number is a fault and not a repetition
        if self.producer.is_some() && durable.is_some_and(|durable| seq <= durable) {
            return match self.gaps.contains(seq) {
                true => Err(not_rising(seq, durable)),
                false => Ok(Assignment::Durable { highest: durable }),
            };
        }
        if self.last.is_some_and(|last| seq <= last) {
            return Ok(Assignment::NotRising { seq });
        }
        self.gaps.pass(self.last.max(durable), seq);
        self.last = Some(seq);
        self.note_stream(stream);
        let safe = match self.streams {
            // everything before it is durable, or comes earlier in this same stream
            StreamsSent::One(_) => Some(seq),
            StreamsSent::None | StreamsSent::Several => durable,
        };
        let origin = self.producer.as_ref().map(|producer| producer.origin(seq, safe));
        Ok(Assignment::New { seq: Some(seq), origin })
    }

    fn note_stream(&mut self, stream: &Arc<str>) {
        match &self.streams {
            StreamsSent::None => self.streams = StreamsSent::One(stream.clone()),
            StreamsSent::One(one) if one != stream => self.streams = StreamsSent::Several,
            StreamsSent::One(_) | StreamsSent::Several => {}
        }
    }

    /// Goes back to the largest number that was learnt: larger ones were refused, and may come again.
    ///
    /// # Errors
    /// `seq` does not rise above that number.
    fn step_back(&mut self, seq: u64, learnt: Option<u64>) -> Result<(), Refusal> {
        if learnt.is_some_and(|last| seq <= last) {
            return Err(not_rising(seq, learnt));
        }
        self.last = learnt;
        self.gaps.cut(learnt);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbering() -> (Numbering, Arc<Watermark>) {
        let watermark = Arc::new(Watermark::default());
        let producer = ProducerEpoch { producer: "p".into(), epoch: 1 };
        (Numbering::Rising(RisingNumbers::new(None, Some(producer), "a".into(), watermark.clone())), watermark)
    }

    fn assign(numbering: &mut Numbering, seq: Option<u64>, stream: &Arc<str>) -> Assignment {
        numbering.assign(seq, stream).unwrap()
    }

    fn is_new(assignment: Assignment, number: u64) -> bool {
        matches!(assignment, Assignment::New { seq: Some(seq), origin: Some(_) } if seq == number)
    }

    fn safe(assignment: Assignment) -> Option<u64> {
        match assignment {
            Assignment::New { origin, .. } => origin.unwrap().safe,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn numbers_rise_or_are_durable() {
        let (mut numbering, watermark) = numbering();
        let stream: Arc<str> = "s".into();
        assert!(is_new(assign(&mut numbering, Some(5), &stream), 5));
        assert_eq!(assign(&mut numbering, Some(5), &stream), Assignment::NotRising { seq: 5 });
        let refusal = numbering.assign_again(5, Some(5), &stream).unwrap_err();
        assert_eq!((refusal.code, refusal.reason.contains("5 is not above 5")), (RefusalCode::SeqNotRising, true));
        watermark.raise(5);
        assert_eq!(assign(&mut numbering, Some(5), &stream), Assignment::Durable { highest: Some(5) });
        assert!(is_new(assign(&mut numbering, None, &stream), 6));
        assert!(is_new(assign(&mut numbering, Some(900), &stream), 900));
        assert_eq!(assign(&mut numbering, Some(7), &stream), Assignment::NotRising { seq: 7 });
        // 900 was refused, so 7 is learnt and numbers go on from there
        assert_eq!(numbering.assign_again(7, Some(6), &stream).unwrap().map(|origin| origin.seq), Some(7));
        assert!(is_new(assign(&mut numbering, None, &stream), 8));
    }

    #[test]
    fn a_number_that_was_passed_over_is_no_repetition() {
        let (mut numbering, watermark) = numbering();
        let stream: Arc<str> = "s".into();
        assert!(is_new(assign(&mut numbering, Some(1), &stream), 1));
        assert!(is_new(assign(&mut numbering, Some(10), &stream), 10));
        watermark.raise(10);
        let refusal = numbering.assign(Some(5), &stream).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::SeqNotRising, "it was never learnt");
        assert_eq!(assign(&mut numbering, Some(1), &stream), Assignment::Durable { highest: Some(10) });
        // what was durable before it was this connection's turn was sent by another one
        watermark.raise(20);
        assert_eq!(assign(&mut numbering, Some(15), &stream), Assignment::Durable { highest: Some(20) });
        assert!(is_new(assign(&mut numbering, Some(30), &stream), 30));
        watermark.raise(30);
        assert!(numbering.assign(Some(25), &stream).is_err());
    }

    #[test]
    fn a_number_that_is_used_up_does_not_come_again() {
        let (mut numbering, _) = numbering();
        let stream: Arc<str> = "s".into();
        numbering.skip();
        assert!(is_new(assign(&mut numbering, None, &stream), 2));
        assert!(is_new(assign(&mut numbering, Some(u64::MAX), &stream), u64::MAX));
        // there is no number after the largest one, so the next event cannot be numbered
        assert_eq!(assign(&mut numbering, None, &stream), Assignment::NotRising { seq: u64::MAX });
    }

    #[test]
    fn of_a_second_stream_only_what_is_durable_is_safe() {
        let (mut numbering, watermark) = numbering();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        assert_eq!(safe(assign(&mut numbering, Some(1), &a)), Some(1));
        assert_eq!(safe(assign(&mut numbering, Some(2), &a)), Some(2));
        assert!(numbering.multi_stream_producer().is_none());
        assert_eq!(safe(assign(&mut numbering, Some(3), &b)), None);
        watermark.raise(2);
        assert_eq!(safe(assign(&mut numbering, Some(4), &a)), Some(2));
        assert!(numbering.multi_stream_producer().is_some());
    }

    #[test]
    fn a_posted_event_of_a_producer_needs_a_number() {
        let mut numbering = Numbering::Posted(ProducerEpoch { producer: "p".into(), epoch: 2 });
        let stream: Arc<str> = "s".into();
        assert_eq!(numbering.assign(None, &stream).unwrap_err().code, RefusalCode::SeqNotRising);
        assert_eq!(safe(assign(&mut numbering, Some(7), &stream)), None);
        assert!(is_new(assign(&mut numbering, Some(7), &stream), 7));
        let unnumbered = Assignment::New { seq: Some(7), origin: None };
        assert_eq!(assign(&mut Numbering::Unchecked, Some(7), &stream), unnumbered);
    }
}
