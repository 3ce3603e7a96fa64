//! The parts of a line: its template, and what stands in each slot (PREDICTOR §10).

use crate::expected::symbols;
use crate::line_gaps::LineSilence;
use crate::parts::{KeptParts, LISTED, gap_text, largest_share};
use crate::seen::FieldSeen;
use crate::surprise::Surprise;
use crate::values::SideInputs;
use crate::words::PartExpectation;
use std::f64::consts::LN_2;
use std::sync::Arc;
use surmise_event::{Expected, GAP};
use surmise_lines::{LikelyValue, LineModel, LineOutcome, SlotSummary};
use surmise_symbol::{Excess, Probe, SymbolModel};

/// What was expected of a line before it came: of its template, and of the slots of the template that it has.
#[derive(Default)]
pub(crate) struct LineExpectation {
    template: PartExpectation,
    slots: Vec<SlotSummary>,
}

impl LineExpectation {
    /// Asks what is expected of the next line of a key, which will be one of `template`; there were `known` templates.
    pub(crate) fn ask(
        (model, lines): (&SymbolModel, &LineModel),
        probe: &Probe,
        inputs: &SideInputs,
        known: u32,
        template: u32,
    ) -> LineExpectation {
        let likeliest = model.top(probe, inputs, known, LISTED);
        let by = likeliest.first().map(|(symbol, _)| largest_share(model, probe, inputs, *symbol));
        let expected = symbols(likeliest, LISTED, |symbol| lines.template_text(symbol).map(Some));
        let template_expected = PartExpectation { expected: Some(expected), by };
        LineExpectation { template: template_expected, slots: lines.slots(template).unwrap_or_default() }
    }

    /// What was expected in the slot of a name.
    fn of_slot(&self, name: &str) -> PartExpectation {
        let slot = self.slots.iter().find(|slot| slot.name == name);
        PartExpectation { expected: slot.map(|slot| likely(&slot.likeliest)), by: slot.map(|_| OF_SLOT.to_owned()) }
    }
}

/// What expects the values of a slot.
const OF_SLOT: &str = "earlier values of the slot";

/// Likely values as an expectation.
fn likely(values: &[LikelyValue]) -> Expected {
    let top: Vec<(Option<String>, f64)> = values.iter().map(|v| (Some(v.text.clone()), v.probability)).collect();
    let other = (1.0 - top.iter().map(|value| value.1).sum::<f64>()).max(0.0);
    Expected::Symbols { top, other }
}

impl KeptParts {
    /// Adds the parts of the line that was observed last: its template, which cost `template`, and its slots. `seen` is
    /// what the field has seen before that line.
    pub(crate) fn push_line(
        &mut self,
        name: &Arc<str>,
        lines: &LineModel,
        number: u32,
        (template, line): (Surprise, &LineOutcome),
        mut expectation: LineExpectation,
        seen: Option<&FieldSeen>,
    ) {
        let of_template = std::mem::take(&mut expectation.template);
        self.push(name, lines.template_text(number), template, of_template);
        self.last_was_seen(seen.and_then(|seen| seen.symbol(number)));
        for part in lines.parts(number, line) {
            let excess = Excess { nats: part.excess_bits * LN_2, variance: 0.0 };
            let of_slot = if self.asks() { expectation.of_slot(&part.name) } else { PartExpectation::default() };
            let cost = Surprise { nats: part.nats, excess };
            self.push(&part.name.as_str().into(), Some(part.value), cost, of_slot);
            let text = lines.part_text(line, part.part);
            self.last_was_seen(seen.zip(text).and_then(|(seen, text)| seen.word(part.slot, text)));
        }
    }

    /// Adds the silence before a line, if there was one. The times of lines are not scored: it costs nothing.
    pub(crate) fn push_silence(&mut self, silence: Option<&LineSilence>) {
        let Some(LineSilence { gap_us, expected }) = silence else { return };
        let expectation = PartExpectation { expected: expected.clone(), by: None };
        self.push(&GAP.into(), Some(gap_text(*gap_us)), Surprise::default(), expectation);
    }

    /// Says of the latest part when its like was last seen.
    fn last_was_seen(&mut self, offset: Option<u64>) {
        self.list.iter_mut().next_back().into_iter().for_each(|part| part.last_seen = offset);
    }
}
