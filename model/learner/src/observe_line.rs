//! Observing a line of a log: its template as one symbol, then what stands in the template's slots.

use crate::clock::Clocks;
use crate::explain::FieldExplanation;
use crate::field::Model;
use crate::learner::Learner;
use crate::line_cause::{cause_of, is_telling, kind_of};
use crate::line_parts::LineExpectation;
use crate::observe::{EventInProgress, LINE_SUM_BITS, ObservedField, Role};
use crate::observe_fields::rank;
use crate::sessions::count_symbol;
use crate::surprise::Surprise;
use crate::values::hash_of_symbol;
use std::f64::consts::LN_2;
use surmise_event::{OddWord, Value};
use surmise_experts::ExpertSet;
use surmise_lines::{LineOutcome, WHOLE_LINE};
use surmise_stopwatch::{EventStage, lap};
use surmise_symbol::SymbolModel;

impl Learner {
    /// Observes the line of the field at position `i`; a missing line is an empty one. Returns what it cost, which
    /// is the sum over its template and its slots, and the hash under which the other fields see it: the template's.
    ///
    /// The template is found before anything is scored, as a symbol enters its vocabulary. It is predicted by the
    /// field's symbol model from the key's past; the slots by the line model, given the template.
    pub(crate) fn observe_line(
        &mut self,
        now: &mut EventInProgress<'_>,
        i: usize,
        value: &Value,
        role: Role,
    ) -> (ObservedField, u32) {
        let has_gap = self.schema.has_gap();
        let inputs = &mut self.scratch.side_inputs;
        let field = &mut self.models.fields[i];
        field.fill_side_inputs(&now.current, Clocks::of(now.key.clock.last_us()), inputs);
        let inputs = &*inputs;
        let (Model::Line(model, lines, gaps), Some(key)) = (&mut field.model, &mut now.key.symbols[i]) else {
            return (ObservedField::default(), 0);
        };
        let text: &[u8] = match value {
            Value::Bytes(text) => text,
            Value::Missing | Value::Symbol(_) | Value::Number(_) => &[],
        };
        let known = lines.template_numbers();
        let reading = lines.read(text, now.event.time_us);
        lap(EventStage::Reading);
        let hash = hash_of_symbol(reading.template);
        let silence = gaps.silence(reading.time_us);
        gaps.observe(reading.time_us);
        self.monitors.alarms.usual_gap(gaps.usual_seconds());
        self.scratch.line_time_us = self.scratch.line_time_us.or(reading.time_us);
        count_symbol(&mut now.key.session, i, reading.template);
        if role == Role::Given {
            return (ObservedField::default(), hash);
        }
        let (scoring, tally) = (self.measures.scoring, &mut self.measures.tally);
        if scoring && self.measures.ranks {
            tally.add_rank(i, rank(&model.ask(), None, key, inputs, known, reading.template));
        }
        let mut explanation = self.measures.explaining.then(|| {
            let model = model.ask();
            let mut e = FieldExplanation::before(&field.name, &model);
            e.evidence = model.explain(&model.probe(key), &*inputs, reading.template).evidence;
            e
        });
        let parts = &mut self.measures.parts;
        let expectation = if parts.asks() {
            let model = model.ask();
            LineExpectation::ask((&model, lines), &model.probe(key), inputs, known, reading.template)
        } else {
            LineExpectation::default()
        };
        let is_known = reading.template < known;
        self.scratch.before.keep(i, model.made_model(), (key, inputs), is_known);
        self.scratch.template = reading.template;
        let mut cost = Surprise::default();
        let template = [reading.template];
        model.observe(inputs, &template, |model| {
            model.observe_run(key, inputs, &template, |model: &SymbolModel, nats| {
                cost += Surprise::of_symbol(nats, model);
                explanation.iter_mut().for_each(|e| e.add_symbol(nats, model.expert_nats()));
                if scoring {
                    tally.add_experts(i, nats, model.expert_nats(), ExpertSet::ALL);
                    tally.add_claims(model.claims());
                }
            });
        });
        self.measures.explanations.extend(explanation);
        self.monitors.alarms.template(i, cost.bits(), !is_known);
        let line = &mut self.scratch.line;
        lines.observe_into(&reading, cost.nats, line);
        lap(EventStage::Slots);
        if parts.is_on() {
            let seen = self.monitors.seen.get(i);
            parts.push_silence(silence.as_ref().filter(|_| !has_gap));
            parts.push_line(&field.name, lines, reading.template, (cost, line), expectation, seen);
        }
        cost.nats += line.slot_nats;
        if scoring {
            tally.add_common(i, line.slot_nats);
        }
        cost.excess.nats += LN_2 * line.parts.iter().map(|part| part.excess).sum::<f64>();
        let seen = self.monitors.seen.get(i);
        let cause = cause_of(line, lines, (reading.template, is_known), seen);
        let own_bits = line.judgement.own * LINE_SUM_BITS;
        let kind = kind_of(line, silence.is_some());
        (self.scratch.line_kind, self.scratch.line_silence) = (kind, silence);
        let is_normal = |about: &u64| self.monitors.alarms.is_normal(kind, *about, own_bits);
        // what people called normal is no evidence, so that the lines behind it are not odd for it either
        if cause.as_ref().is_some_and(is_normal) {
            lines.take_back_evidence(line);
        }
        self.scratch.line_cause = cause.filter(|_| is_telling(line, lines));
        self.scratch.line_judgement = Some(line.judgement);
        let word = oddest_part(line).and_then(|(part, bits)| odd_word(text, lines.part_text(line, part)?, bits));
        (ObservedField { cost, word }, hash)
    }
}

/// The number of the part of a line that most of the evidence is about, and the bits of that evidence.
fn oddest_part(line: &LineOutcome) -> Option<(u32, f64)> {
    let about_parts = line.evidence.iter().filter(|e| e.part != WHOLE_LINE);
    about_parts.map(|e| (e.part, e.bits)).max_by(|a, b| a.1.total_cmp(&b.1))
}

/// A part of a line as its odd word: where it stands in the line as it came, which the line model may have cut of codes
/// and quotes.
fn odd_word(line: &[u8], part: &[u8], bits: f64) -> Option<OddWord> {
    let start = line.windows(part.len().max(1)).position(|window| window == part)?;
    let (start, end) = (start as u32, (start + part.len()) as u32);
    Some(OddWord { start, end, excess_bits: bits, ..OddWord::default() })
}
