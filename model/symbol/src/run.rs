//! The run rule: how a symbol is predicted that has come so many times in a row that there is nothing left to learn.
//!
//! A clock that ticks evenly makes gaps of one length for ever. After a long run of one symbol a model with a run rule
//! predicts that the symbol comes again with P = 1 − 1/(n + 2), n being the run's length (Laplace's rule of
//! succession), and leaves the rest to its other predictions. A symbol that merely continues the run is charged by the
//! rule, and no model is consulted or updated; any other symbol ends the run and is learnt as usual. So a run of n
//! costs some ln n nats altogether.

use surmise_state::{Persist, State, StateError};

/// The latest run of one symbol.
#[derive(Clone, Debug, Default)]
pub(crate) struct SymbolRun {
    symbol: u32,
    length: u64,
}

impl SymbolRun {
    /// Takes in a symbol.
    pub(crate) fn push(&mut self, symbol: u32) {
        self.length = if symbol == self.symbol { self.length.saturating_add(1) } else { 1 };
        self.symbol = symbol;
    }

    /// The run's symbol and the probability that it comes again, once it has come `length_min` times.
    pub(crate) fn run_probability(&self, length_min: u64) -> Option<(u32, f64)> {
        (self.length >= length_min).then(|| (self.symbol, 1.0 - 1.0 / (self.length as f64 + 2.0)))
    }
}

impl Persist for SymbolRun {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32("run symbol", &mut self.symbol)?;
        s.u64("run length", &mut self.length)
    }
}
