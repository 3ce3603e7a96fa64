//! A producer's numbers on one connection.

use crate::fencing::Fencing;
use crate::ticket::HighestSeq;
use std::sync::{Arc, OnceLock};
use surmise_event::{Refusal, RefusalCode};
use surmise_store::group::Origin;

/// The largest number up to which everything of a connection is durable; grows as acknowledgements go out.
#[derive(Default)]
pub struct Watermark {
    durable: HighestSeq,
    /// Where a producer's next connection will ask.
    known: OnceLock<(Arc<Fencing>, Arc<str>, u64)>,
}

impl Watermark {
    /// It has come so far.
    pub fn raise(&self, seq: u64) {
        self.durable.raise(Some(seq));
        if let Some((fencing, producer, epoch)) = self.known.get() {
            fencing.record_durable(producer, *epoch, Some(seq));
        }
    }
    /// How far it has come.
    pub fn get(&self) -> Option<u64> {
        self.durable.get()
    }
    /// From now on, others may know how far a producer has come.
    pub fn tell(&self, fencing: &Arc<Fencing>, producer: &Arc<str>, epoch: u64) {
        self.known.get_or_init(|| (fencing.clone(), producer.clone(), epoch));
    }
}

/// Which streams a connection has sent to.
enum Sent {
    Nothing,
    One(Arc<str>),
    Many,
}

/// The numbers of one connection that began with a hello.
pub struct Numbering {
    /// The producer and its epoch, if it has a name.
    producer: Option<(Arc<str>, u64)>,
    watermark: Arc<Watermark>,
    last: Option<u64>,
    sent: Sent,
}

/// What an event is by its number.
pub enum Numbered {
    /// A new one of this number, with what the log says of its origin.
    New(u64, Option<Origin>),
    /// One that is durable.
    Duplicate,
    /// It does not rise above one that was sent; whether that one counts is for its stream's owner to say.
    Behind,
}

impl Numbering {
    /// Nothing sent yet.
    pub fn new(committed: Option<u64>, producer: Option<(Arc<str>, u64)>, watermark: Arc<Watermark>) -> Numbering {
        watermark.durable.raise(committed);
        Numbering { producer, watermark, last: None, sent: Sent::Nothing }
    }

    /// Holds an event's number against those before it. An event without one gets the next.
    pub fn number(&mut self, seq: Option<u64>, stream: &Arc<str>) -> Numbered {
        let durable = self.watermark.get();
        let seq = match seq {
            Some(seq) => seq,
            None => self.last.max(durable).map_or(1, |n| n.saturating_add(1)),
        };
        if self.producer.is_some() && durable.is_some_and(|d| seq <= d) {
            return Numbered::Duplicate;
        }
        if self.last.is_some_and(|last| seq <= last) {
            return Numbered::Behind;
        }
        self.last = Some(seq);
        self.note_stream(stream);
        let safe = match self.sent {
            // everything before it is durable, or comes earlier in this same stream
            Sent::One(_) => Some(seq),
            _ => durable,
        };
        let origin = self.producer.as_ref().map(|(p, epoch)| Origin { producer: p.clone(), epoch: *epoch, seq, safe });
        Numbered::New(seq, origin)
    }

    /// A line that cannot be read counts where lines are numbered by their order.
    pub fn skip(&mut self) {
        self.last = Some(self.last.max(self.watermark.get()).map_or(1, |n| n.saturating_add(1)));
    }

    fn note_stream(&mut self, stream: &Arc<str>) {
        match &self.sent {
            Sent::Nothing => self.sent = Sent::One(stream.clone()),
            Sent::One(one) if one != stream => self.sent = Sent::Many,
            _ => {}
        }
    }

    /// What was sent counts only so far: numbers above that were refused, and may come again.
    ///
    /// # Errors
    /// The number does not rise above what counts.
    pub fn step_back(&mut self, seq: u64, learnt: Option<u64>) -> Result<(), Refusal> {
        if let Some(last) = learnt.filter(|last| seq <= *last) {
            let reason = format!(
                "{seq} is not above {last}, which was sent before on this connection; numbers rise within an epoch"
            );
            return Err(Refusal::new(RefusalCode::SeqNotRising, "seq", reason));
        }
        self.last = learnt;
        Ok(())
    }

    /// The producer, if it has a name and has sent to several streams.
    pub fn scattered(&self) -> Option<(&Arc<str>, u64)> {
        self.producer.as_ref().filter(|_| matches!(self.sent, Sent::Many)).map(|(p, epoch)| (p, *epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbering() -> Numbering {
        Numbering::new(None, Some(("p".into(), 1)), Arc::new(Watermark::default()))
    }
    fn safe(n: Numbered) -> Option<u64> {
        match n {
            Numbered::New(_, o) => o.unwrap().safe,
            _ => panic!("not new"),
        }
    }

    #[test]
    fn numbers_rise_or_are_durable() {
        let mut n = numbering();
        let s: Arc<str> = "s".into();
        assert!(matches!(n.number(Some(5), &s), Numbered::New(5, Some(_))));
        assert!(matches!(n.number(Some(5), &s), Numbered::Behind));
        assert_eq!(n.step_back(5, Some(5)).err().map(|e| e.code), Some(RefusalCode::SeqNotRising));
        n.watermark.raise(5);
        assert!(matches!(n.number(Some(5), &s), Numbered::Duplicate));
        assert!(matches!(n.number(None, &s), Numbered::New(6, Some(_))));
        assert!(matches!(n.number(Some(900), &s), Numbered::New(900, _)));
        assert!(matches!(n.number(Some(7), &s), Numbered::Behind));
        n.step_back(7, Some(6)).unwrap(); // 900 was refused
        assert!(matches!(n.number(Some(7), &s), Numbered::New(7, _)));
    }

    #[test]
    fn a_second_stream_makes_it_careful() {
        let mut n = numbering();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        assert_eq!(safe(n.number(Some(1), &a)), Some(1));
        assert_eq!(safe(n.number(Some(2), &a)), Some(2));
        assert!(n.scattered().is_none());
        assert_eq!(safe(n.number(Some(3), &b)), None);
        n.watermark.raise(2);
        assert_eq!(safe(n.number(Some(4), &a)), Some(2));
        assert!(n.scattered().is_some());
    }
}
