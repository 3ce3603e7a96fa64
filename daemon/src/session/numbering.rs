//! A producer's numbers on one connection.

use crate::fencing::Claim;
use crate::store::group::Origin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use surmise_event::{Code, Refusal};

/// The largest number up to which everything of a connection is durable; grows as acknowledgements go out.
#[derive(Default)]
pub struct Watermark(AtomicU64);

impl Watermark {
    /// It has come so far.
    pub fn raise(&self, seq: u64) {
        self.0.fetch_max(seq.saturating_add(1), Ordering::AcqRel);
    }
    /// How far it has come.
    pub fn get(&self) -> Option<u64> {
        self.0.load(Ordering::Acquire).checked_sub(1)
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
}

impl Numbering {
    /// Nothing sent yet.
    pub fn new(claim: Option<&Claim>, producer: Option<(Arc<str>, u64)>, watermark: Arc<Watermark>) -> Numbering {
        if let Some(committed) = claim.and_then(|c| c.committed) {
            watermark.raise(committed);
        }
        Numbering { producer, watermark, last: None, sent: Sent::Nothing }
    }

    /// Holds an event's number against those before it. An event without one gets the next.
    ///
    /// # Errors
    /// The number does not rise, and it is not one that is durable.
    pub fn number(&mut self, seq: Option<u64>, stream: &Arc<str>) -> Result<Numbered, Refusal> {
        let durable = self.watermark.get();
        let seq = match seq {
            Some(seq) => seq,
            None => self.last.max(durable).map_or(1, |n| n.saturating_add(1)),
        };
        if self.producer.is_some() && durable.is_some_and(|d| seq <= d) {
            return Ok(Numbered::Duplicate);
        }
        if let Some(last) = self.last.filter(|l| seq <= *l) {
            let reason = format!("{seq} is not above {last}, the number before it on this connection; numbers rise within an epoch");
            return Err(Refusal::new(Code::SeqNotRising, "seq", reason));
        }
        self.last = Some(seq);
        self.note_stream(stream);
        let safe = match self.sent {
            // everything before it is durable, or comes earlier in this same stream
            Sent::One(_) => Some(seq),
            _ => durable,
        };
        let origin = self.producer.as_ref().map(|(p, epoch)| Origin { producer: p.clone(), epoch: *epoch, seq, safe });
        Ok(Numbered::New(seq, origin))
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

    /// What may be acknowledged once everything so far is durable.
    pub fn last(&self) -> Option<u64> {
        self.last.max(self.watermark.get())
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
            Numbered::Duplicate => panic!("a duplicate"),
        }
    }

    #[test]
    fn numbers_rise_or_are_durable() {
        let mut n = numbering();
        let s: Arc<str> = "s".into();
        assert!(matches!(n.number(Some(5), &s), Ok(Numbered::New(5, Some(_)))));
        assert_eq!(n.number(Some(5), &s).err().map(|e| e.code), Some(Code::SeqNotRising));
        n.watermark.raise(5);
        assert!(matches!(n.number(Some(5), &s), Ok(Numbered::Duplicate)));
        assert!(matches!(n.number(None, &s), Ok(Numbered::New(6, Some(_)))));
        assert!(matches!(n.number(Some(9), &s), Ok(Numbered::New(9, _))));
        assert_eq!(n.last(), Some(9));
    }

    #[test]
    fn a_second_stream_makes_it_careful() {
        let mut n = numbering();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        assert_eq!(safe(n.number(Some(1), &a).unwrap()), Some(1));
        assert_eq!(safe(n.number(Some(2), &a).unwrap()), Some(2));
        assert_eq!(safe(n.number(Some(3), &b).unwrap()), None);
        n.watermark.raise(2);
        assert_eq!(safe(n.number(Some(4), &a).unwrap()), Some(2));
    }
}
