//! Where an event found the models: kept until it is known whether the event begins an incident, so that they can be
//! asked afterwards what they expected (`alarm_parts.rs`).

use crate::parts::expect_number;
use crate::values::SideInputs;
use crate::words::PartExpectation;
use surmise_number::{Given, NumberModel};
use surmise_symbol::{Probe, SymbolKey, SymbolModel};

/// Bits of a claim from which on all that was expected of a number is asked for: one event in 1,024 has as much.
const CLAIM_BITS_MIN: f64 = 10.0;

/// Where an event found the models, kept as long as it may begin an incident. It is no part of the state.
#[derive(Clone, Default)]
pub(crate) struct BeforeEvent {
    pub(crate) is_kept: bool,
    /// By field.
    pub(crate) fields: Vec<BeforeField>,
    /// The end of the key, where that is a symbol of the first field.
    pub(crate) end: BeforeField,
    /// The time since the key's event before.
    pub(crate) gap_us: Option<i64>,
}

/// Where an event found the model of one field.
#[derive(Clone, Default)]
pub(crate) struct BeforeField {
    pub(crate) probe: Probe,
    pub(crate) inputs: SideInputs,
    /// Whether the symbol came before.
    pub(crate) known: bool,
    /// What was expected of a number.
    pub(crate) number: PartExpectation,
}

impl BeforeField {
    fn keep(&mut self, model: &SymbolModel, key: &SymbolKey, inputs: &SideInputs, known: bool) {
        model.place(key, &mut self.probe);
        self.inputs.side.clone_from(&inputs.side);
        self.inputs.numbers.clone_from(&inputs.numbers);
        self.known = known;
    }
}

/// A number that was observed and is not learnt yet.
pub(crate) struct ObservedNumber<'a> {
    pub(crate) model: &'a NumberModel,
    pub(crate) column: usize,
    pub(crate) given: Given,
    /// The bits of the largest claim of the event so far.
    pub(crate) claim_bits: f64,
}

impl BeforeEvent {
    /// Begins with an event of a stream that has `fields` fields; keeps nothing of one that cannot begin an incident.
    pub(crate) fn begin(&mut self, may_begin: bool, fields: usize, gap_us: Option<i64>) {
        (self.is_kept, self.gap_us) = (may_begin, gap_us);
        if may_begin && self.fields.len() < fields {
            self.fields.resize_with(fields, BeforeField::default);
        }
    }

    /// Keeps where the key stands in the model of a field that is about to be observed, if the model is made.
    pub(crate) fn keep(
        &mut self,
        i: usize,
        model: Option<&SymbolModel>,
        (key, inputs): (&SymbolKey, &SideInputs),
        known: bool,
    ) {
        if let (true, Some(model), Some(field)) = (self.is_kept, model, self.fields.get_mut(i)) {
            field.keep(model, key, inputs, known);
        }
    }

    /// Keeps where the key stands before it ends.
    pub(crate) fn keep_end(&mut self, model: Option<&SymbolModel>, key: &SymbolKey, inputs: &SideInputs) {
        if let (true, Some(model)) = (self.is_kept, model) {
            self.end.keep(model, key, inputs, true);
        }
    }

    /// Keeps what was expected of a number: all of it if its event claims to be rare.
    pub(crate) fn keep_number(&mut self, i: usize, number: &ObservedNumber<'_>) {
        if let (true, Some(field)) = (self.is_kept, self.fields.get_mut(i)) {
            let asks = number.claim_bits >= CLAIM_BITS_MIN;
            field.number = if asks {
                expect_number(number.model, number.column, number.given)
            } else {
                PartExpectation::default()
            };
        }
    }
}
