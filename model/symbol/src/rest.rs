//! Rest: a symbol that has come so many times in a row that there is nothing left to learn.
//!
//! A clock that ticks evenly makes gaps of one length for ever. After a long run of one symbol a model that may rest
//! says that it comes again with P = 1 − 1/(n + 2), n being the run's length (Laplace's rule of succession), and gives
//! what is left to its standing prediction. Only another symbol wakes it, and is learnt like any other. So a run of n
//! costs some ln n nats altogether, and no symbol of it a walk.

use surmise_state::{Persist, State, StateError};

/// The latest run of one symbol.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    symbol: u32,
    length: u64,
}

impl Run {
    pub(crate) fn push(&mut self, symbol: u32) {
        self.length = if symbol == self.symbol { self.length.saturating_add(1) } else { 1 };
        self.symbol = symbol;
    }

    /// The run's symbol and the probability that it comes again, once it has come `enough` times.
    pub(crate) fn again(&self, enough: u64) -> Option<(u32, f64)> {
        (self.length >= enough).then(|| (self.symbol, 1.0 - 1.0 / (self.length as f64 + 2.0)))
    }
}

impl Persist for Run {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32("run symbol", &mut self.symbol)?;
        s.u64("run length", &mut self.length)
    }
}
