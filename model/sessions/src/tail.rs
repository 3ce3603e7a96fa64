//! What evidence of a kind usually is, and how far beyond that a piece of it lies.

use surmise_state::{Persist, State, StateError};

/// Cells of the histogram; the last one holds all that is larger.
const CELLS: usize = 512;
/// Sessions before a tail says anything.
const QUIET_SESSIONS: f64 = 20.0;
/// Sessions after which the past is halved.
const MEMORY_SESSIONS: f64 = 8192.0;
/// The level up to which the past itself says how rare evidence is; beyond it a tail is assumed.
const TAIL_LEVEL: f64 = 0.95;
/// The level from which the tail's fall is measured.
const MIDDLE_LEVEL: f64 = 0.5;

/// The past of one kind of evidence as a histogram, and an exponential tail beyond its 95 % point, which falls as the
/// past does from its middle to that point (peaks over a threshold, with the shape that belongs to evidence in bits or
/// nats).
///
/// The largest twentieth of the past has no part in the tail: faults of a contaminated stream do not widen it.
#[derive(Clone, Debug)]
pub struct EvidenceTail {
    /// `[CELLS]`: weights of sessions.
    cells: Vec<f64>,
    total: f64,
    /// The width of a cell, in the unit of the evidence.
    width: f64,
    /// The least scale of the tail, in the unit of the evidence: what differs less is not told apart.
    scale_min: f64,
}

impl EvidenceTail {
    /// A tail without a past: cells of a width, and the least scale of what lies beyond, both positive and in the unit
    /// of the evidence.
    pub fn new(width: f64, scale_min: f64) -> EvidenceTail {
        EvidenceTail { cells: vec![0.0; CELLS], total: 0.0, width, scale_min }
    }

    fn cell(&self, evidence: f64) -> usize {
        // a cast saturates; what is not positive is in the first cell
        ((evidence / self.width) as usize).min(CELLS - 1)
    }

    /// The evidence that a part `level` of the past does not exceed.
    fn quantile(&self, level: f64) -> f64 {
        let wanted = level * self.total;
        let mut below = 0.0;
        for (i, cell) in self.cells.iter().enumerate() {
            if below + cell >= wanted && *cell > 0.0 {
                // evenly spread within the cell; the first one is mostly none at all
                let part = if i == 0 { 0.0 } else { (wanted - below) / cell };
                return (i as f64 + part) * self.width;
            }
            below += cell;
        }
        CELLS as f64 * self.width
    }

    /// −ln of the probability of evidence as large, by the past; zero before there are twenty sessions.
    pub fn nats(&self, evidence: f64) -> f64 {
        if self.total < QUIET_SESSIONS || !evidence.is_finite() {
            return 0.0;
        }
        let (middle, high) = (self.quantile(MIDDLE_LEVEL), self.quantile(TAIL_LEVEL));
        if evidence <= high {
            return -libm::log((self.at_least(evidence) + 1.0) / (self.total + 1.0)).min(0.0);
        }
        let fall = libm::log((1.0 - MIDDLE_LEVEL) / (1.0 - TAIL_LEVEL));
        let scale = ((high - middle) / fall).max(self.scale_min);
        -libm::log(1.0 - TAIL_LEVEL) + (evidence - high) / scale
    }

    /// The weight of sessions whose evidence was about as large, or larger.
    pub fn at_least(&self, evidence: f64) -> f64 {
        self.cells[self.cell(evidence)..].iter().sum()
    }

    /// The weight of all sessions of the past.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// Takes a session's evidence into the past, with a weight.
    pub fn learn(&mut self, evidence: f64, weight: f64) {
        if !evidence.is_finite() {
            return;
        }
        if self.total >= 2.0 * MEMORY_SESSIONS {
            self.cells.iter_mut().for_each(|cell| *cell *= 0.5);
            self.total *= 0.5;
        }
        let cell = self.cell(evidence);
        self.cells[cell] += weight;
        self.total += weight;
    }
}

impl Persist for EvidenceTail {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("tail total", &mut self.total)?;
        s.f64s_fixed("tail cells", &mut self.cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_fixtures::Random;

    #[test]
    fn exponential_evidence_is_told_as_rare_as_it_is() {
        let mut random = Random::new(3);
        let mut tail = EvidenceTail::new(0.05, 0.1);
        let mut rare = [0u32; 3];
        let n = 60_000;
        for _ in 0..n {
            let evidence = -2.0 * random.uniform().max(1e-12).ln();
            let nats = tail.nats(evidence);
            for (count, bound) in rare.iter_mut().zip([10.0f64, 100.0, 1000.0]) {
                *count += u32::from(nats > bound.ln());
            }
            tail.learn(evidence, 1.0);
        }
        for (count, bound) in rare.iter().zip([10.0, 100.0, 1000.0]) {
            let expected = f64::from(n) / bound;
            assert!((f64::from(*count) - expected).abs() < 0.25 * expected + 20.0, "{count} of {expected}");
        }
    }

    #[test]
    fn evidence_that_never_varies_says_nothing_and_a_survivor_of_writing_says_the_same() {
        let mut tail = EvidenceTail::new(0.05, 0.5);
        for _ in 0..100 {
            tail.learn(1.0, 1.0);
            tail.learn(f64::NAN, 1.0);
            assert!(tail.nats(1.0) < 0.2);
        }
        let mut read = EvidenceTail::new(0.05, 0.5);
        read.decode(&tail.encode()).unwrap();
        assert_eq!((read.nats(4.0), read.total()), (tail.nats(4.0), 100.0));
        assert!(tail.nats(4.0) > 7.0 && tail.nats(3.0) < tail.nats(3.1));
    }
}
