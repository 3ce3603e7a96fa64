//! What something cost: its surprise, and by how much that exceeded what was expected of it.

use std::f64::consts::LOG2_E;
use std::ops::AddAssign;
use std::sync::Arc;
use surmise_event::FieldOutcome;
use surmise_symbol::{Excess, SymbolModel};

/// The surprise of a symbol, of a value or of a whole event, with its excess; both add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Surprise {
    /// −ln of the probability, in nats.
    pub(crate) nats: f64,
    /// By how much `nats` exceeded what was expected.
    pub(crate) excess: Excess,
}

impl Surprise {
    /// The surprise of a decision of two sides; the side that came had the probability `p`.
    pub(crate) fn of_decision(p: f64) -> Surprise {
        Surprise { nats: -libm::log(p), excess: Excess::of_decision(p) }
    }

    /// The surprise of the latest symbol of a model, which cost `nats`.
    pub(crate) fn of_symbol(nats: f64, model: &SymbolModel) -> Surprise {
        Surprise { nats, excess: model.latest_excess() }
    }

    /// The surprise in bits.
    pub(crate) fn bits(&self) -> f64 {
        self.nats * LOG2_E
    }

    /// The outcome of a field that cost so much; it has no odd word.
    pub(crate) fn of_field(&self, name: Arc<str>) -> FieldOutcome {
        FieldOutcome {
            name,
            surprise_bits: self.bits(),
            excess_bits: self.excess.bits(),
            excess_variance: self.excess.variance_bits(),
            word: None,
        }
    }
}

impl AddAssign for Surprise {
    fn add_assign(&mut self, other: Surprise) {
        self.nats += other.nats;
        self.excess += other.excess;
    }
}
