//! The parts of an event that begins an incident, with what was expected instead.
//!
//! Whether an event begins an incident is known only when all of it has been learnt, and to ask the models beforehand
//! would cost each event more than to learn it. So every field keeps where its key stood before the event, and the
//! models are asked from there afterwards. They have learnt the event by then: so the probability that they give to
//! what came is replaced by the one that it had, and the others share the rest as they do now.

use crate::before_event::BeforeField;
use crate::field::Model;
use crate::learner::Learner;
use crate::line_parts::LineExpectation;
use crate::parts::{KeptParts, LISTED, PartDetail, value_text};
use crate::parts::{expect_category, expect_symbol, expect_word};
use crate::seen::FieldSeen;
use crate::surprise::Surprise;
use crate::vocabulary::Vocabulary;
use crate::words::PartExpectation;
use std::f64::consts::LN_2;
use surmise_event::{AlarmKind, AlarmPhase, Event, Expected, FieldOutcome, GAP, Outcome, Value};
use surmise_symbol::{Excess, SymbolModel};

/// Events that a stream has before anything is kept: hardly an incident begins earlier.
const EVENTS_MIN: u64 = 100;
/// Lines that a value which came for the first time has had.
const FIRST_LINES_MAX: f64 = 1.5;

impl Learner {
    /// Begins to keep what the parts of the event will need if it begins an incident.
    pub(crate) fn keep_before(&mut self, gap_us: Option<i64>) {
        let may_begin =
            !self.schema.is_bytes() && self.position.offset >= EVENTS_MIN && self.monitors.alarms.is_quiet();
        self.scratch.before.begin(may_begin, self.models.fields.len(), gap_us);
    }

    /// Puts the parts of the event into its outcome, if the event begins an incident: the largest excess first, but the
    /// time since the event before where that is what the incident is about.
    pub(crate) fn tell_parts(&self, event: &Event, out: &mut Outcome) {
        let begins = out.alarm.as_ref().is_some_and(|alarm| alarm.phase == AlarmPhase::Begins);
        if !begins || !self.scratch.before.is_kept {
            return;
        }
        let mut parts = KeptParts { detail: PartDetail::Expectations, ..KeptParts::default() };
        let mut told = (0.0, 0.0);
        for field in &out.fields {
            told = (told.0 + field.surprise_bits, told.1 + field.excess_bits);
            let place = self.models.fields.iter().position(|model| model.name == field.name);
            match place {
                Some(i) => self.field_parts(i, event, field, &mut parts),
                None if event.end => self.end_part(field, &mut parts),
                None => parts.push(&field.name, None, cost_of(field), PartExpectation::default()),
            }
        }
        // that the key went on, where that is no symbol of a field, is told nowhere else
        let goes_on = (out.surprise_bits - told.0, out.excess_bits - told.1);
        if goes_on.0.abs() > 1e-9 {
            parts.push_ending(false, libm::exp2(-goes_on.0));
            if let Some(part) = parts.list.last_mut() {
                (part.surprise_bits, part.excess_bits) = goes_on;
            }
        }
        parts.list.sort_by(|a, b| b.excess_bits.total_cmp(&a.excess_bits));
        let kind = out.alarm.as_ref().map(|alarm| alarm.kind);
        if matches!(kind, Some(AlarmKind::Missing | AlarmKind::Rate))
            && let Some(gap) = parts.list.iter().position(|part| &*part.name == GAP)
        {
            parts.list[..=gap].rotate_right(1);
        }
        out.parts = parts.list;
    }

    fn field_parts(&self, i: usize, event: &Event, field: &FieldOutcome, parts: &mut KeptParts) {
        let before = &self.scratch.before.fields[i];
        let model = &self.models.fields[i].model;
        let value = event.values.get(i).unwrap_or(&Value::Missing);
        let text = value_text(model, value, self.scratch.before.gap_us);
        let p = libm::exp2(-field.surprise_bits);
        let expectation = match model {
            Model::Category(_, vocabulary) => {
                let expectation = expect_symbol(model, &before.probe, &before.inputs, vocabulary.len() as u32);
                as_before(expectation, &text, p, before.known)
            }
            Model::Gap(..) => expect_symbol(model, &before.probe, &before.inputs, 0),
            Model::Number(_) => before.number.clone(),
            Model::Bytes(model) if field.word.is_some() => {
                let model = model.ask();
                return text_parts(&model, before, value, field, parts);
            }
            Model::Bytes(_) => PartExpectation::default(),
            Model::Line(..) => return self.line_parts(i, field, parts),
        };
        let last_seen = self.last_seen(i, value, expectation.expected.as_ref());
        parts.push(&field.name, text, cost_of(field), expectation);
        if let Some(part) = parts.list.last_mut() {
            part.last_seen = last_seen;
        }
    }

    /// The latest event before this one with a value like this one in the field at position `i`.
    fn last_seen(&self, i: usize, value: &Value, expected: Option<&Expected>) -> Option<u64> {
        let seen = self.monitors.seen.get(i)?;
        match (&self.models.fields[i].model, value, expected) {
            (Model::Category(_, vocabulary), _, _) => seen.symbol(symbol_of(vocabulary, value)?),
            (Model::Number(_), Value::Number(x), Some(Expected::Number { quantiles, .. })) => {
                seen.number(*x, [*quantiles.get("0.05")?, *quantiles.get("0.95")?])
            }
            _ => None,
        }
    }

    /// Notes that the values of the event were seen, for the alarms of later ones, and how long its gap was.
    pub(crate) fn note_seen(&mut self, event: &Event, offset: u64) {
        let seen = &mut self.monitors.seen;
        if seen.len() < event.values.len() {
            seen.resize_with(self.models.fields.len(), FieldSeen::default);
        }
        let (is_given, gap_us) = (self.options.target.is_some(), self.scratch.before.gap_us);
        for ((seen, field), value) in seen.iter_mut().zip(&mut self.models.fields).zip(&event.values) {
            match (&mut field.model, value) {
                (Model::Gap(_, means), _) => gap_us.into_iter().for_each(|gap_us| means.observe(gap_us)),
                (Model::Category(_, vocabulary), _) => {
                    symbol_of(vocabulary, value).into_iter().for_each(|symbol| seen.see_symbol(symbol, offset));
                }
                (Model::Number(_), Value::Number(x)) => seen.see_number(*x, offset),
                // beside a target lines are not scored, and their parts not kept
                (Model::Line(_, lines, _), _) if !is_given => {
                    seen.see_symbol(self.scratch.template, offset);
                    for part in &self.scratch.line.parts {
                        let text = lines.part_text(&self.scratch.line, part.part);
                        text.into_iter().for_each(|text| seen.see_word(part.slot, text, offset));
                    }
                }
                (Model::Line(..) | Model::Number(_) | Model::Bytes(_), _) => {}
            }
        }
    }

    fn line_parts(&self, i: usize, field: &FieldOutcome, parts: &mut KeptParts) {
        let (Model::Line(model, lines, _), before) = (&self.models.fields[i].model, &self.scratch.before.fields[i])
        else {
            return;
        };
        parts.push_silence(self.scratch.line_silence.as_ref().filter(|_| !self.schema.has_gap()));
        let line = &self.scratch.line;
        let (number, known) = (self.scratch.template, lines.template_numbers());
        let asked = LineExpectation::ask((&model.ask(), lines), &before.probe, &before.inputs, known, number);
        let excess = line.parts.iter().map(|part| part.excess).sum::<f64>();
        let nats = field.surprise_bits * LN_2 - line.slot_nats;
        let template = Surprise { nats, excess: Excess { nats: (field.excess_bits - excess) * LN_2, variance: 0.0 } };
        let from = parts.list.len();
        parts.push_line(&field.name, lines, number, (template, line), asked, self.monitors.seen.get(i));
        for (place, part) in parts.list[from..].iter_mut().enumerate() {
            let expectation = PartExpectation { expected: part.expected.take(), by: part.by.take() };
            let corrected = match place {
                0 => as_before(expectation, &part.value, libm::exp(-nats), before.known),
                _ => without_first(expectation, &part.value, lines.slot_lines(number, &part.name)),
            };
            (part.expected, part.by) = (corrected.expected, corrected.by);
        }
    }

    fn end_part(&self, field: &FieldOutcome, parts: &mut KeptParts) {
        let p = libm::exp2(-field.surprise_bits);
        match &self.models.fields[0].model {
            Model::Category(model, vocabulary) => {
                let end = &self.scratch.before.end;
                let known = vocabulary.len() as u32;
                let expectation = expect_category((&model.ask(), vocabulary), &end.probe, &end.inputs, known);
                parts.push_end(cost_of(field), expectation);
                if let Some(part) = parts.list.last_mut() {
                    let expectation = PartExpectation { expected: part.expected.take(), by: part.by.take() };
                    (part.expected, part.by) = {
                        let corrected = as_before(expectation, &part.value, p, true);
                        (corrected.expected, corrected.by)
                    };
                }
            }
            _ => parts.push_ending(true, p),
        }
    }
}

/// The symbol of a category's value, if it has arrived.
fn symbol_of(vocabulary: &Vocabulary, value: &Value) -> Option<u32> {
    match value {
        Value::Symbol(text) => vocabulary.known(text),
        Value::Missing => vocabulary.missing(),
        Value::Number(_) | Value::Bytes(_) => None,
    }
}

/// The oddest word of a text, and the rest of the text.
fn text_parts(model: &SymbolModel, before: &BeforeField, value: &Value, field: &FieldOutcome, parts: &mut KeptParts) {
    let (Some(word), Value::Bytes(text)) = (field.word, value) else { return };
    let range = word.start as usize..(word.end as usize).min(text.len());
    let Some(spelt) = text.get(range) else { return };
    let mut probe = before.probe.clone();
    text[..word.start as usize].iter().for_each(|byte| model.advance(&mut probe, &before.inputs, u32::from(*byte)));
    let spelt = Some(String::from_utf8_lossy(spelt).into_owned());
    let expectation = expect_word(model, &probe, &before.inputs);
    let expectation = as_before(expectation, &spelt, libm::exp2(-word.surprise_bits), false);
    let cost = |surprise_bits: f64, excess_bits: f64| Surprise {
        nats: surprise_bits * LN_2,
        excess: Excess { nats: excess_bits * LN_2, variance: 0.0 },
    };
    parts.push(&field.name, spelt, cost(word.surprise_bits, word.excess_bits), expectation);
    if let Some(part) = parts.list.last_mut() {
        part.place = Some((word.start, word.end));
    }
    let rest = cost(field.surprise_bits - word.surprise_bits, field.excess_bits - word.excess_bits);
    let whole = Some(String::from_utf8_lossy(text).into_owned());
    parts.push(&field.name, whole, rest, PartExpectation::default());
}

/// What a field cost.
fn cost_of(field: &FieldOutcome) -> Surprise {
    let excess = Excess { nats: field.excess_bits * LN_2, variance: 0.0 };
    Surprise { nats: field.surprise_bits * LN_2, excess }
}

/// An expectation that was asked for after `came` was learnt, as it was before: `came` had the probability `p`, and is
/// listed only if it had come before.
fn as_before(expectation: PartExpectation, came: &Option<String>, p: f64, known: bool) -> PartExpectation {
    let PartExpectation { expected: Some(Expected::Symbols { mut top, .. }), by } = expectation else {
        return expectation;
    };
    let now: f64 = top.iter().filter(|(symbol, _)| symbol == came).map(|(_, p)| p).sum();
    top.retain(|(symbol, _)| symbol != came);
    let scale = (1.0 - p) / (1.0 - now).max(f64::EPSILON);
    top.iter_mut().for_each(|(_, p)| *p = (*p * scale).min(1.0));
    if known {
        top.push((came.clone(), p));
    }
    top.sort_by(|a, b| b.1.total_cmp(&a.1));
    top.truncate(LISTED);
    let other = (1.0 - top.iter().map(|(_, p)| p).sum::<f64>()).clamp(0.0, 1.0);
    PartExpectation { expected: Some(Expected::Symbols { top, other }), by }
}

/// The expectation of a slot that has had so many lines, without the value that came if it came for the first time.
fn without_first(expectation: PartExpectation, came: &Option<String>, lines: u64) -> PartExpectation {
    let PartExpectation { expected: Some(Expected::Symbols { mut top, mut other }), by } = expectation else {
        return expectation;
    };
    let is_first = |symbol: &Option<String>, p: f64| symbol == came && p * lines as f64 <= FIRST_LINES_MAX;
    other += top.iter().filter(|(symbol, p)| is_first(symbol, *p)).map(|(_, p)| p).sum::<f64>();
    top.retain(|(symbol, p)| !is_first(symbol, *p));
    PartExpectation { expected: Some(Expected::Symbols { top, other }), by }
}
