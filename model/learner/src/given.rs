//! Predicting what is left of an event of which some fields are known. Nothing is learnt, and the learner does not
//! change.
//!
//! Of a stream with a target ([`Options::target`](crate::Options::target)) that is the target, given the other fields
//! of the same event; of other streams it is every field that is not given, each given those before it: what is known
//! of them or, where that is not known, what was expected.

use crate::clock::Clocks;
use crate::expected::{BYTE_SYMBOLS, FIRST_STEP, MEDIAN, QUANTILE_LEVELS, gaps, likely_bins, symbols};
use crate::field::Model;
use crate::gap;
use crate::keys::KeyState;
use crate::learner::Learner;
use crate::number_fields::NumberFields;
use crate::predict::{RolloutStep, expect_category, expect_line};
use crate::values::{SideInputs, hash_of_symbol};
use crate::vocabulary::Vocabulary;
use surmise_event::{Data, Event, Expected, Limits, Prediction, Record, Refusal, RefusalCode, Schema, VALUE, Value};
use surmise_number::{EventContext, Given, NumberModel};

/// An event in question: what is known and expected of it so far.
struct Question<'a> {
    event: &'a Event,
    /// `[fields]`: whether the value is given.
    given: Vec<bool>,
    key: KeyState,
    /// A copy, as given numbers move the model on; `None` where numbers are not predicted.
    numbers: Option<NumberFields>,
    numbers_begun: bool,
    /// Whether a number of the event is known: numbers after it are then expected from it, too.
    number_known: bool,
    step: RolloutStep,
    prediction: Prediction,
    top: usize,
}

impl Learner {
    /// What is expected of the fields of an event that are not given, in the units of the fields.
    ///
    /// `given` is the event without what is asked; its key says whose event it is, and a time that it does not have is
    /// that of its arrival. Of a category the `top` likeliest symbols are told. `None` if the state of the key lies in
    /// the store and cannot be read. The answer is a function of the state and of the question, and is what the learner
    /// would have expected had the event been sent: exactly so of a target that is a category or a number.
    ///
    /// # Errors
    /// A given value does not fit its field, the stream has no such field, or it is the target.
    pub fn predict_given(&self, given: &Record, limits: &Limits, top: usize) -> Result<Option<Prediction>, Refusal> {
        let event = self.bind_question(given, limits)?;
        let target = self.target();
        let is_given = |i: usize| match target {
            Some(target) => i != target,
            None => names(given).any(|name| name == self.schema.fields[i].name),
        };
        let given: Vec<bool> = (0..self.models.fields.len()).map(is_given).collect();
        let key = event.key.as_deref();
        let Some(state) = self.key_state(key) else { return Ok(None) };
        let key_state = state.into_owned();
        let mut question = Question {
            event: &event,
            given,
            step: RolloutStep::from_here(&key_state.previous),
            key: key_state,
            numbers: self.models.numbers.as_ref().filter(|_| self.predicts_numbers()).cloned(),
            numbers_begun: false,
            number_known: self.options.target.is_some(),
            prediction: Prediction {
                offset: self.position.offset,
                model_version: self.position.version,
                key: key.map(str::to_owned),
                ..Prediction::default()
            },
            top,
        };
        for i in (0..self.models.fields.len()).filter(|i| Some(*i) != target).chain(target) {
            self.ask_field(&mut question, i);
        }
        Ok(Some(question.prediction))
    }

    /// The event of a question, bound to the schema as it is.
    fn bind_question(&self, given: &Record, limits: &Limits) -> Result<Event, Refusal> {
        if let Some(target) = names(given).find(|name| self.options.target.as_deref() == Some(*name)) {
            let reason = "it is what the stream predicts, so it cannot be given";
            return Err(Refusal::new(RefusalCode::WrongType, target, reason));
        }
        let mut fields = self.schema.fields.clone();
        // what a sender has to send is what may be asked
        fields.iter_mut().for_each(|field| field.required = false);
        let mut schema = Schema { fields, closed: self.schema.closed };
        if matches!(&given.data, Data::Feedback(_)) {
            let reason = "what is said of an incident is no event of which something is left to be asked";
            return Err(Refusal::new(RefusalCode::WrongType, "feedback", reason));
        }
        let nothing = matches!(&given.data, Data::None) || matches!(&given.data, Data::Fields(f) if f.is_empty());
        let mut event = match nothing {
            // a question without any value is what `next` answers, but for the time
            true => Event { key: given.key.clone(), time_us: given.time_us.or(given.arrival_us), ..Event::default() },
            false => schema.bind(given, limits)?,
        };
        if let Some(new) = schema.fields.get(self.models.fields.len()) {
            let reason = "the stream has no such field, or not of this kind";
            return Err(Refusal::new(RefusalCode::UnknownField, &new.name, reason));
        }
        event.values.resize(self.models.fields.len(), Value::Missing);
        Ok(event)
    }

    /// Takes what is given of a field, or tells what is expected of it.
    fn ask_field(&self, question: &mut Question<'_>, i: usize) {
        let (field, value) = (&self.models.fields[i], &question.event.values[i]);
        let mut inputs = SideInputs::default();
        field.fill_side_inputs(&question.step.current, Clocks::of(question.key.clock.last_us()), &mut inputs);
        let is_given = question.given[i];
        question.step.current.numbers[i] = f64::NAN;
        let expected = match &field.model {
            Model::Number(column) if question.numbers.is_some() => self.ask_number(question, i, *column),
            Model::Number(column) => {
                self.place_number_asked(question, i, *column);
                None
            }
            Model::Category(_, vocabulary) if is_given => {
                question.step.current.hashes[i] = hash_of_symbol(known_symbol(vocabulary, value));
                None
            }
            Model::Gap(..) if is_given => {
                let since = question.event.time_us.and_then(|time_us| question.key.clock.since(time_us));
                question.step.current.hashes[i] = hash_of_symbol(since.map_or(gap::FIRST, gap::bin));
                None
            }
            // a text that is given says nothing to other fields but that it came
            Model::Bytes(_) | Model::Line(..) if is_given => {
                question.step.current.hashes[i] = hash_of_symbol(0);
                None
            }
            Model::Category(..) | Model::Gap(..) | Model::Bytes(_) | Model::Line(..) => {
                self.ask_symbols(question, i, &inputs)
            }
        };
        if let Some(expected) = expected {
            question.prediction.fields.insert(field.name.to_string(), expected);
        }
    }

    /// What is expected of a field of symbols.
    fn ask_symbols(&self, question: &mut Question<'_>, i: usize, inputs: &SideInputs) -> Option<Expected> {
        let field = &self.models.fields[i];
        let (model, key) = (field.symbols()?.ask(), question.key.symbols.get(i)?.as_ref()?);
        let (probe, top) = (model.probe(key), question.top);
        let (step, prediction) = (&mut question.step, &mut question.prediction);
        Some(match &field.model {
            Model::Category(_, vocabulary) => {
                expect_category(step, prediction, i, (&model, vocabulary), &probe, inputs, top)
            }
            Model::Line(_, lines, _) => expect_line(step, i, (&model, lines), &probe, inputs, top),
            Model::Gap(_, means) => {
                let (expected, bin) = gaps(&likely_bins(&model, &probe, inputs, FIRST_STEP), means);
                step.current.hashes[i] = hash_of_symbol(bin);
                expected
            }
            Model::Bytes(_) | Model::Number(_) => {
                let likeliest = model.top(&probe, inputs, BYTE_SYMBOLS, top.max(1));
                symbols(likeliest, top, |byte| Some(Some((byte as u8).escape_ascii().to_string())))
            }
        })
    }

    /// Takes a number that only conditions the target, as it would be taken in.
    fn place_number_asked(&self, question: &mut Question<'_>, i: usize, column: usize) {
        let current = &mut question.step.current;
        current.hashes[i] = 0;
        if let Value::Number(x) = &question.event.values[i] {
            let bucket = self.models.places.get(column).map_or(0, |places| places.bucket(*x));
            (current.numbers[i], current.hashes[i]) = (*x, hash_of_symbol(bucket));
        }
    }

    /// Moves the numbers on by one that is given, or tells what is expected of it.
    fn ask_number(&self, question: &mut Question<'_>, i: usize, column: usize) -> Option<Expected> {
        let current = &mut question.step.current;
        let (numbers, key) = (question.numbers.as_mut()?, question.key.numbers.as_mut()?);
        if !question.numbers_begun {
            let earlier = self.models.fields.iter().zip(&current.hashes).take(i);
            let symbols: Vec<u32> =
                earlier.filter(|(f, _)| matches!(f.model, Model::Category(..))).map(|(_, hash)| *hash).collect();
            numbers.begin(key, &EventContext { time_us: question.event.time_us, symbols: &symbols });
            question.numbers_begun = true;
        }
        let (x, expected) = if question.given[i] {
            let x = if let Value::Number(x) = &question.event.values[i] { *x } else { f64::NAN };
            numbers.observe(key, column, x);
            question.number_known |= x.is_finite();
            (x, None)
        } else {
            let given = if question.number_known { Given::Within } else { Given::Before };
            let expected = number(numbers.made_model()?, column, given);
            (expected.0, Some(expected.1))
        };
        let model = numbers.made_model()?;
        current.numbers[i] = x;
        current.hashes[i] = if x.is_finite() { hash_of_symbol(model.bucket(column, x)) } else { 0 };
        expected
    }
}

/// The mean of a number, and all that is expected of it.
fn number(model: &NumberModel, column: usize, given: Given) -> (f64, Expected) {
    let mean = match given {
        Given::Before => model.mean(column),
        Given::Within => model.conditional_mean(column),
    };
    let mut quantiles = [0.0; QUANTILE_LEVELS.len()];
    for (place, mirrored) in (0..=MEDIAN).zip((MEDIAN..QUANTILE_LEVELS.len()).rev()) {
        let [low, high] = model.interval(column, given, QUANTILE_LEVELS[place], QUANTILE_LEVELS[mirrored]);
        (quantiles[mirrored], quantiles[place]) = (high, low);
    }
    let median = quantiles[MEDIAN];
    let quantiles = QUANTILE_LEVELS.iter().map(f64::to_string).zip(quantiles).collect();
    (mean, Expected::Number { mean, median, quantiles, missing: None })
}

/// The symbol that a value would have. One that never came has the next.
fn known_symbol(vocabulary: &Vocabulary, value: &Value) -> u32 {
    let known = match value {
        Value::Symbol(text) => vocabulary.known(text),
        Value::Missing | Value::Number(_) | Value::Bytes(_) => vocabulary.missing(),
    };
    known.unwrap_or(vocabulary.len() as u32)
}

/// The names of the fields that a record holds.
fn names(record: &Record) -> impl Iterator<Item = &str> {
    let (one, fields): (Option<&str>, &[_]) = match &record.data {
        Data::None | Data::Feedback(_) => (None, &[]),
        Data::One(_) => (Some(VALUE), &[]),
        Data::Fields(fields) => (None, fields),
    };
    one.into_iter().chain(fields.iter().map(|(name, _)| &**name))
}
