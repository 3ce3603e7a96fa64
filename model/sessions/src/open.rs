//! A session that is not over yet.

use crate::counts::{SessionSymbol, SymbolCounts};
use surmise_state::{Persist, State, StateError};

/// What a step of a session cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepCost {
    /// Its surprise in bits.
    pub surprise_bits: f64,
    /// How odd it was in bits: the measure by which the oddest step of a session is found.
    pub evidence_bits: f64,
}

/// What is kept of a key until it ends. It has a bounded size: 64 symbols with their counts, and some numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenSession {
    /// How often each symbol came.
    pub counts: SymbolCounts,
    /// The offset of the first event.
    pub first_offset: u64,
    /// The offset of the latest event.
    pub last_offset: u64,
    /// Events so far, the end among them where it is one.
    pub events: u64,
    /// The sum of their surprises in bits.
    pub surprise_bits: f64,
    /// The evidence of the oddest step, in bits.
    pub odd_bits: f64,
    /// The offset of the oddest step.
    pub odd_offset: u64,
}

impl OpenSession {
    /// Counts a symbol of the event at hand.
    pub fn add_symbol(&mut self, symbol: SessionSymbol) {
        self.counts.add(symbol);
    }

    /// About how many bytes of memory its counts take.
    pub fn counts_bytes(&self) -> u64 {
        self.counts.bytes()
    }

    /// Adds a step, which begins at an offset and takes `events` of them.
    pub fn add_step(&mut self, offset: u64, events: u64, cost: StepCost) {
        if self.events == 0 {
            (self.first_offset, self.odd_offset) = (offset, offset);
        }
        self.last_offset = offset + events.saturating_sub(1);
        self.events += events;
        // what is not finite says nothing
        if cost.surprise_bits.is_finite() {
            self.surprise_bits += cost.surprise_bits;
        }
        if cost.evidence_bits > self.odd_bits && cost.evidence_bits.is_finite() {
            (self.odd_bits, self.odd_offset) = (cost.evidence_bits, offset);
        }
    }
}

impl Persist for OpenSession {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.counts.persist(s)?;
        for v in [&mut self.first_offset, &mut self.last_offset, &mut self.events, &mut self.odd_offset] {
            s.u64("open session", v)?;
        }
        s.f64("open session", &mut self.surprise_bits)?;
        s.f64("open session", &mut self.odd_bits)
    }
}
