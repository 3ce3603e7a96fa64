//! Observing an event: scoring it against what was expected of it, and learning from exactly that error.
//!
//! One event goes down this ladder; no step is called from below:
//!
//! ```text
//! observe               returns a new outcome
//!   observe_into        one event: takes its key's state, adds up its surprise, judges it, puts the state back
//!     observe_bytes     the values of an event of a byte stream: a run of bytes, each of them an event
//!     observe_values    the values of any other event: field by field, each given the earlier ones
//!       observe_field       one field of any kind                       (observe_fields.rs)
//!         observe_symbols     one that is predicted as symbols          (observe_fields.rs)
//!         observe_number      one number                                (observe_number.rs)
//!       observe_ending      that the key goes on, where that is no symbol of the first field
//!     observe_end       the end of the event's key, by observe_ending or as a symbol of the first field
//! ```
//!
//! Below it are the models. `SymbolModel::observe_run` scores and learns a run of symbols. `NumberModel::observe`
//! scores one number; `NumberModel::finish` learns all numbers of the event.

use crate::alarm::tell;
use crate::clock::Clocks;
use crate::drift::ChangedPart;
use crate::explain::FieldExplanation;
use crate::field::{FieldModel, Model, folds_ends};
use crate::keys::KeyState;
use crate::learner::{Learner, Models, Monitors};
use crate::parts::expect_category;
use crate::surprise::Surprise;
use crate::values::Values;
use crate::words::Words;
use std::f64::consts::LOG2_E;
use std::sync::Arc;
use surmise_event::{Event, FieldOutcome, OddWord, Outcome, Value};
use surmise_experts::ExpertSet;
use surmise_stopwatch::{EventStage, lap};

/// Bits that one unit of the sum of a line's evidence counts for: a sum of two is taken for one line in ten, one of
/// eight for one in ten thousand.
pub(crate) const LINE_SUM_BITS: f64 = 0.5 * std::f64::consts::LOG2_10;

/// An event whose values are being observed field by field.
pub(crate) struct EventInProgress<'a> {
    /// The event.
    pub(crate) event: &'a Event,
    /// The state of its key.
    pub(crate) key: &'a mut KeyState,
    /// `[fields]`: the event's own values as far as they were observed, and the key's previous values of later fields.
    pub(crate) current: Values,
    /// Whether numbers are predicted, and do not only condition a target of another kind.
    pub(crate) predicts_numbers: bool,
    /// Whether the number model has begun with the event, which it does at its first number.
    pub(crate) numbers_begun: bool,
}

/// The part that a field has in an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The field is predicted, scored and learnt.
    Predicted,
    /// The field conditions the stream's target: it is learnt as far as others see it, and not scored.
    Given,
}

/// What observing one field gave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ObservedField {
    /// What its value cost.
    pub(crate) cost: Surprise,
    /// Of a text: its oddest word.
    pub(crate) word: Option<OddWord>,
}

impl ObservedField {
    /// What the field says of how unusual its event is, in bits ([`FieldOutcome::evidence_bits`]).
    pub(crate) fn evidence_bits(&self) -> f64 {
        let outcome = self.cost.of_field(Arc::default());
        FieldOutcome { word: self.word, ..outcome }.evidence_bits()
    }
}

impl Learner {
    /// Observes the next event of the stream: says how surprising it was, and learns from it.
    ///
    /// Fields are taken in schema order, the target last. Each value is scored under the distribution that the learner
    /// held for it before it looked, given the values before it: its surprise is −log₂ of the probability that it had.
    /// A missing value is scored, too. A symbol is learnt at once, bit by bit; numbers are learnt when all of the
    /// event's are scored. With a target the target alone is scored, and the other fields are what it is given.
    ///
    /// The event's surprise is the sum over its fields and of what the key's end, or its going on, cost where that is
    /// no symbol of the first field. Afterwards the learner's predictions reflect the event; offset and version have
    /// risen by the offsets that the event takes, which are two for values that end their key. The rarity says
    /// how unusual the event was for this stream, the alarm which incident it belongs to, drift whether the stream has
    /// changed for good; no prediction depends on them.
    ///
    /// # Faults
    /// If the page of a key cannot be read, the event is observed with a new key, and [`Learner::pages_fault`] says so:
    /// the learner's state is not to be trusted from then on.
    ///
    /// `event` comes from [`Learner::bind`] of this learner, or of one with the same schema. To ask what is expected
    /// *before* an event, call [`Learner::predict`], which changes nothing.
    pub fn observe(&mut self, event: &Event) -> Outcome {
        let mut out = Outcome::default();
        self.observe_into(event, &mut out);
        out
    }

    /// Observes an event as [`Learner::observe`] does, into an outcome whose buffers are used again. An event of a
    /// known key allocates nothing, unless a table grows.
    pub fn observe_into(&mut self, event: &Event, out: &mut Outcome) {
        let name = event.key.as_deref();
        let events = event.offsets(&self.schema);
        (out.offset, out.events, out.model_version) = (self.position.offset, events, self.position.version);
        self.measures.explanations.clear();
        (self.scratch.line_judgement, self.scratch.line_time_us, self.scratch.line_silence) = (None, None, None);
        self.measures.parts.list.clear();
        (out.anomaly_score, out.rarity_events, out.alarm) = (0.0, 1.0, None);
        out.fields.clear();
        out.drift.clear();
        out.sessions.clear();
        out.parts.clear();
        if let Some(feedback) = &event.feedback {
            return self.hear(feedback, out);
        }
        self.share_room();
        // the key's state leaves the table while models change it and themselves
        let mut key = self.take_key(name);
        self.complete(&mut key);
        lap(EventStage::Key);
        let every_byte = self.schema.is_bytes();
        // an endless stream of bytes has no sessions
        if !every_byte {
            self.take_session(name, &mut key, event.time_us);
        }
        self.keep_before(event.time_us.and_then(|time_us| key.clock.since(time_us)));
        let mut cost = Surprise::default();
        if !event.values.is_empty() {
            cost += if every_byte {
                self.observe_bytes(&mut key, event, out)
            } else {
                self.observe_values(&mut key, event, out)
            };
        }
        if event.end {
            let end = self.observe_end(&mut key);
            out.fields.push(end.of_field(self.scratch.end_name.clone()));
            cost += end;
        }
        lap(EventStage::Rest);
        (out.surprise_bits, out.excess_bits) = (cost.bits(), cost.excess.bits());
        if !every_byte {
            self.observe_session(name, &mut key, event.end, out);
            lap(EventStage::Judging);
        }
        if event.end {
            self.end_key(name, &key);
        } else {
            self.put_key(name, key);
        }
        lap(EventStage::Key);
        if !every_byte {
            self.judge_silent(event.time_us, out);
        }
        self.position.offset += events;
        self.position.version += events;
        // bytes were judged one by one: a run is as many events as it has bytes, wherever its producer cut it
        if !every_byte {
            let drift = &mut self.monitors.drift;
            if let Some(time_us) = event.time_us {
                self.monitors.alarms.time(time_us);
                drift.time(time_us);
            }
            let (fields, bits) = (&self.models.fields, out.surprise_bits / events.max(1) as f64);
            let part_name = |part| name_of(fields, part);
            if let Some(rise) = drift.observe(out.offset, bits, part_name, &mut out.drift) {
                self.monitors.alarms.change(rise.field, rise.began);
            }
            if let Some(line) = self.scratch.line_judgement.take() {
                let bits = [line.sum, line.with_own()].map(|sum| sum * LINE_SUM_BITS);
                self.monitors.alarms.evidence(self.scratch.line_kind, bits, self.scratch.line_cause);
            }
            self.claim_sessions(name, out);
            self.judge(out.offset, out);
            self.tell_parts(event, out);
            self.note_seen(event, out.offset);
            lap(EventStage::Judging);
        }
        // nats of bytes were added one by one
        if self.measures.scoring {
            self.measures.tally.events += events;
            self.measures.tally.nats += if every_byte { 0.0 } else { cost.nats };
        }
        self.keep_beginning(out.offset, event);
    }

    /// Observes a run of bytes, each of them an event; returns its surprise.
    fn observe_bytes(&mut self, key: &mut KeyState, event: &Event, out: &mut Outcome) -> Surprise {
        let [Value::Bytes(run)] = event.values.as_slice() else { return Surprise::default() };
        let field = &mut self.models.fields[0];
        let (Model::Bytes(model), Some(symbol_key)) = (&mut field.model, &mut key.symbols[0]) else {
            return Surprise::default();
        };
        let Some(model) = model.made_model_mut() else { return Surprise::default() };
        let mut cost = Surprise::default();
        let mut position = 0;
        let scoring = self.measures.scoring;
        let mut explanation = self.measures.explaining.then(|| FieldExplanation::before(&field.name, model));
        let (tally, end_name) = (&mut self.measures.tally, &self.scratch.end_name);
        let Monitors { alarms, drift, .. } = &mut self.monitors;
        let budget = self.options.alarm_budget;
        let mut words = Words::new(self.measures.parts.is_on());
        model.observe_run(symbol_key, &[], run, |model, byte_nats| {
            let byte_cost = Surprise::of_symbol(byte_nats, model);
            cost += byte_cost;
            if words.listing {
                words.push(run[position as usize], byte_cost);
            }
            let bits = byte_nats * LOG2_E;
            alarms.text(0, byte_cost.excess.bits());
            if let Some(rise) = drift.observe(out.offset + position, bits, |_| end_name.clone(), &mut out.drift) {
                alarms.change(None, rise.began);
            }
            tell(alarms.verdict(out.offset + position, budget), |_| Some(field.name.clone()), out);
            position += 1;
            explanation.iter_mut().for_each(|e| e.add_symbol(byte_nats, model.expert_nats()));
            if scoring {
                tally.nats += byte_nats;
                tally.fields[0].nats += byte_nats;
                tally.add_experts(0, byte_nats, model.expert_nats(), ExpertSet::ALL);
                tally.add_claims(model.claims());
            }
        });
        if scoring {
            tally.fields[0].count += run.len() as u64;
        }
        self.measures.explanations.extend(explanation);
        if words.listing {
            words.finish();
            self.measures.parts.push_words(&field.name, &event.values[0], words);
        }
        out.fields.push(cost.of_field(field.name.clone()));
        key.length = key.length.saturating_add(run.len() as u32);
        cost
    }

    /// Observes one value per field, each given the earlier ones; a target comes last. Returns their surprise.
    fn observe_values(&mut self, key: &mut KeyState, event: &Event, out: &mut Outcome) -> Surprise {
        let target = self.target();
        let mut cost = Surprise::default();
        // that the event came at all says that its key did not end before it
        if target.is_none() && !folds_ends(&self.schema) {
            cost += self.observe_ending(key, false);
        }
        let mut current = std::mem::take(&mut self.scratch.current);
        // later fields are seen as they were in the key's previous event
        current.copy_from(&key.previous);
        let predicts_numbers = self.predicts_numbers();
        let mut now = EventInProgress { event, key, current, predicts_numbers, numbers_begun: false };
        self.measures.forecasts.clear();
        let order = (0..self.models.fields.len()).filter(|i| Some(*i) != target).chain(target);
        for i in order {
            let value = event.values.get(i).unwrap_or(&Value::Missing);
            let role = if target.is_some_and(|t| t != i) { Role::Given } else { Role::Predicted };
            let (field, hash) = self.observe_field(&mut now, i, value, role);
            // from here on the fields after this one see its value
            now.current.hashes[i] = hash;
            now.current.numbers[i] = match value {
                Value::Number(x) => *x,
                Value::Missing | Value::Symbol(_) | Value::Bytes(_) => f64::NAN,
            };
            if role == Role::Predicted {
                cost += field.cost;
                self.count_field(i, field, out);
            }
        }
        let EventInProgress { current, key, numbers_begun, .. } = now;
        let Models { numbers, .. } = &mut self.models;
        // numbers learn from each other once all of the event's are known
        if let (true, Some(model), Some(number_key)) = (numbers_begun, numbers, &mut key.numbers) {
            model.finish(number_key);
            lap(EventStage::Numbers);
        }
        if let Some(time_us) = event.time_us {
            self.position.late += u64::from(key.clock.observe(time_us));
        }
        // the two buffers change places, so that neither is allocated anew
        self.scratch.current = std::mem::replace(&mut key.previous, current);
        key.length = key.length.saturating_add(1);
        cost
    }

    /// Adds a field's surprise to the outcome and to the tally.
    fn count_field(&mut self, i: usize, field: ObservedField, out: &mut Outcome) {
        let name = self.models.fields[i].name.clone();
        out.fields.push(FieldOutcome { word: field.word, ..field.cost.of_field(name) });
        if self.measures.scoring {
            let sums = &mut self.measures.tally.fields[i];
            sums.count += 1;
            sums.nats += field.cost.nats;
        }
    }

    /// Observes the end of a key; returns its surprise.
    fn observe_end(&mut self, key: &mut KeyState) -> Surprise {
        // an endless stream of bytes has no ends to predict, and of a target's event only the target is scored
        if self.schema.is_bytes() || self.options.target.is_some() {
            return Surprise::default();
        }
        if !folds_ends(&self.schema) {
            return self.observe_ending(key, true);
        }
        let Models { fields, .. } = &mut self.models;
        let inputs = &mut self.scratch.side_inputs;
        fields[0].fill_side_inputs(&key.previous, Clocks::of(key.clock.last_us()), inputs);
        let inputs = &*inputs;
        let mut cost = Surprise::default();
        if let (Model::Category(model, vocabulary), Some(symbol_key)) = (&mut fields[0].model, &mut key.symbols[0]) {
            let (parts, known) = (&mut self.measures.parts, vocabulary.len() as u32);
            let end = vocabulary.end_symbol();
            let (scoring, tally) = (self.measures.scoring, &mut self.measures.tally);
            self.scratch.before.keep_end(model.made_model(), symbol_key, inputs);
            model.observe(inputs, &[end], |model| {
                let asked = || expect_category((model, vocabulary), &model.probe(symbol_key), inputs, known);
                let expectation = parts.asks().then(asked);
                let nats = model.observe(symbol_key, inputs, end);
                cost = Surprise::of_symbol(nats, model);
                if parts.is_on() {
                    parts.push_end(cost, expectation.unwrap_or_default());
                }
                if scoring {
                    tally.ends += 1;
                    tally.end_nats += nats;
                    tally.add_experts(0, nats, model.expert_nats(), ExpertSet::ALL);
                    tally.add_claims(model.claims());
                }
            });
        }
        self.monitors.alarms.end(cost.excess.bits());
        cost
    }

    /// Observes whether a key ended or went on, where its end is no symbol of the first field; returns the surprise.
    fn observe_ending(&mut self, key: &KeyState, ended: bool) -> Surprise {
        let last = key.previous.hashes.first().copied().unwrap_or(0);
        let p = self.models.ending.observe(key.length, last, ended);
        let cost = Surprise::of_decision(p);
        if self.measures.parts.is_on() {
            self.measures.parts.push_ending(ended, p);
        }
        if self.measures.scoring {
            self.measures.tally.ends += u64::from(ended);
            self.measures.tally.end_nats += cost.nats;
        }
        self.monitors.alarms.end(cost.excess.bits());
        cost
    }
}

/// The name of the field that has changed.
fn name_of(fields: &[FieldModel], part: ChangedPart) -> Arc<str> {
    let field = match part {
        ChangedPart::Field(place) => fields.get(place),
        ChangedPart::Column(column) => fields.iter().find(|f| matches!(f.model, Model::Number(c) if c == column)),
    };
    field.map_or_else(|| "".into(), |f| f.name.clone())
}
