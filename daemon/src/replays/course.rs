//! How well a replay went: its course over offsets, and its figures so far.

use crate::history::BatchSums;
use crate::loss_windows::simple_bits;
use surmise_event::Outcome;
use surmise_learner::Learner;
use surmise_protocol::{Replay, ReplayPoint};

/// Parts of a course.
const PARTS_MAX: u64 = 256;

/// What a learner has paid so far.
#[derive(Clone, Copy, Debug, Default)]
struct PaidSoFar {
    /// Events scored.
    events: u64,
    /// Their bits.
    bits: f64,
    /// What the best simple experts would have paid.
    simple_bits: f64,
    /// What networks saved, and what was paid where there are networks, in nats; none where there are none.
    network: Option<(f64, f64)>,
    /// Whether the learner has yet to decide what the fields hold. When it does, it learns the events so far anew, and
    /// its sums begin anew.
    is_undecided: bool,
}

impl PaidSoFar {
    fn of(learner: &Learner) -> PaidSoFar {
        let (events, bits) = learner.scored_bits();
        PaidSoFar {
            events,
            bits,
            simple_bits: simple_bits(learner),
            network: learner.network_savings().0.map(|savings| (savings.saved_nats, savings.nats)),
            is_undecided: learner.undecided_events().is_some(),
        }
    }

    /// What these sums are to be counted from, if they were to be counted from others: from nothing if they began anew.
    fn since(&self, before: PaidSoFar) -> PaidSoFar {
        if before.is_undecided && !self.is_undecided { PaidSoFar::default() } else { before }
    }

    /// 1 − loss / loss of the best simple experts, since some sums.
    fn skill(&self, before: PaidSoFar) -> Option<f64> {
        let before = self.since(before);
        let (paid, simple) = (self.bits - before.bits, self.simple_bits - before.simple_bits);
        (self.events > before.events && simple > 0.0).then(|| 1.0 - paid / simple)
    }

    /// Which share of their bits networks saved, since some sums.
    fn network_gain(&self, before: PaidSoFar) -> Option<f64> {
        let (saved, paid) = self.network?;
        let (saved_before, paid_before) = self.since(before).network.unwrap_or_default();
        let (saved, paid) = (saved - saved_before, paid - paid_before);
        Some(if paid + saved > 0.0 { saved / (paid + saved) } else { 0.0 })
    }
}

/// What is measured of one replay.
pub struct ReplayMeasures {
    from: u64,
    to: u64,
    /// Offsets of a part.
    width: u64,
    /// The parts that are over.
    points: Vec<ReplayPoint>,
    /// The part that is under way, and what had been paid before it.
    part: BatchSums,
    before_part: PaidSoFar,
    /// All events so far, and what had been paid before the first.
    all: BatchSums,
    before_all: PaidSoFar,
    /// Events that were refused.
    pub refused: u64,
}

impl ReplayMeasures {
    /// Nothing is measured yet of a range of offsets, before which a learner is as it is.
    pub fn new(from: u64, to: u64, learner: &Learner) -> ReplayMeasures {
        let before = PaidSoFar::of(learner);
        ReplayMeasures {
            from,
            to,
            width: (to - from).div_ceil(PARTS_MAX).max(1),
            points: Vec::new(),
            part: BatchSums::default(),
            before_part: before,
            all: BatchSums::default(),
            before_all: before,
            refused: 0,
        }
    }

    /// The offset at which the part under way ends.
    fn part_end(&self) -> u64 {
        (self.from + self.width * (self.points.len() as u64 + 1)).min(self.to)
    }

    /// Ends the parts before an offset, which the learner has come to.
    pub fn reach(&mut self, offset: u64, learner: &Learner) {
        while self.part_end() <= offset && self.points.last().is_none_or(|last| last.offset < self.to) {
            let paid = PaidSoFar::of(learner);
            let point = self.point(self.part_end(), &paid);
            self.points.push(point);
            (self.part, self.before_part) = (BatchSums::default(), paid);
        }
    }

    /// The part under way, as if it ended at an offset.
    fn point(&self, offset: u64, paid: &PaidSoFar) -> ReplayPoint {
        let before = self.before_part;
        let scored = paid.events.checked_sub(before.events).filter(|events| *events > 0);
        let simple = scored.filter(|_| paid.is_undecided == before.is_undecided);
        ReplayPoint {
            offset,
            events: self.part.events,
            loss_bits_per_event: mean(self.part.bits, self.part.events),
            simple_bits_per_event: simple.map(|events| mean(paid.simple_bits - before.simple_bits, events)),
        }
    }

    /// Adds the outcome of an event.
    pub fn add(&mut self, outcome: &Outcome) {
        self.part.add(outcome);
        self.all.add(outcome);
    }

    /// Writes what is measured so far of a learner that learns `offset` next.
    pub fn write(&self, offset: u64, learner: &Learner, replay: &mut Replay) {
        let paid = PaidSoFar::of(learner);
        // what is over stays as it is
        replay.course.truncate(self.points.len());
        let told = replay.course.len().saturating_sub(1);
        replay.course.truncate(told);
        replay.course.extend_from_slice(&self.points[told..]);
        if self.part.events > 0 {
            replay.course.push(self.point(offset.min(self.part_end()), &paid));
        }
        replay.offset = offset;
        replay.loss_bits_per_event = mean(self.all.bits, self.all.events);
        replay.skill = paid.skill(self.before_all);
        replay.network_gain = paid.network_gain(self.before_all);
        replay.incidents = self.all.incidents;
        replay.refused = self.refused;
    }
}

fn mean(sum: f64, count: u64) -> f64 {
    if count > 0 { sum / count as f64 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::{Data, Datum, Limits, Record, Schema};
    use surmise_learner::Options;

    #[test]
    fn parts_are_of_equal_width_and_sum_to_the_whole() {
        let mut learner = Learner::new(Schema::default(), Options::default()).unwrap();
        learner.skip_to(100);
        let mut measures = ReplayMeasures::new(100, 1_000, &learner);
        let mut replay = Replay::default();
        for offset in (100..600).chain(700..1_000) {
            learner.skip_to(offset);
            measures.reach(offset, &learner);
            let symbol = ["a", "b", "c"][offset as usize % 3];
            let record = Record { data: Data::One(Datum::Text(symbol.into())), ..Record::default() };
            let event = learner.bind(&record, &Limits::default()).unwrap();
            let outcome = learner.observe(&event);
            measures.add(&outcome);
            if offset % 7 == 0 {
                measures.write(offset + 1, &learner, &mut replay);
                assert_eq!(replay.course.iter().map(|point| point.events).sum::<u64>(), measures.all.events);
            }
        }
        measures.reach(1_000, &learner);
        measures.write(1_000, &learner, &mut replay);
        let course = &replay.course;
        assert_eq!((course.len(), course[0].offset, course[0].events), (225, 104, 4));
        assert!(course.windows(2).all(|two| two[1].offset - two[0].offset == 4) && course[224].offset == 1_000);
        let sum: f64 = course.iter().map(|point| point.loss_bits_per_event * point.events as f64).sum();
        assert!((sum / 800.0 - replay.loss_bits_per_event).abs() < 1e-9);
        // what was lost has no events, and the learner decided once what the field holds
        let unknown: Vec<u64> =
            course.iter().filter(|p| p.simple_bits_per_event.is_none() && p.events > 0).map(|p| p.offset).collect();
        assert_eq!(course.iter().filter(|point| point.events == 0).count(), 25);
        assert!(unknown.len() <= 1, "{unknown:?}");
        assert!(replay.skill.is_some_and(|skill| skill < 1.0));
    }
}
