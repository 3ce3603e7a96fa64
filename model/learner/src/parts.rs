//! The parts of the latest event: what each value and each word cost, and what was expected instead (PREDICTOR §10).
//!
//! Parts are kept only if [`set_parts`](crate::Learner::set_parts) asks for them. What they cost is taken from the
//! observation itself, so that parts sum to the event's outcome; what was expected is asked of the models just before
//! each part comes. None of it changes what is learnt.

use crate::expected::{BYTE_SYMBOLS, gap_expected, symbols};
use crate::field::Model;
use crate::gap;
use crate::surprise::Surprise;
use crate::values::SideInputs;
use crate::vocabulary::{Token, Vocabulary};
use crate::words::{PartExpectation, Words, is_of_word};
use std::sync::Arc;
use surmise_event::{Expected, Part, Value};
use surmise_number::{Given, NumberModel};
use surmise_symbol::{Probe, SymbolModel};

/// How much is kept of the parts of the latest event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartDetail {
    /// Nothing.
    #[default]
    None,
    /// Names, values and what they cost.
    Costs,
    /// What was expected instead, too, and by what; this asks the models questions before each part.
    Expectations,
}

/// Symbols, or words, that an expectation lists.
pub(crate) const LISTED: usize = 5;
/// Words that an expectation spells, and bytes of each at most.
const SPELT: usize = 3;
const SPELT_BYTES_MAX: usize = 32;

/// The parts that are kept of the latest event.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptParts {
    /// How much is kept.
    pub(crate) detail: PartDetail,
    /// The parts, in the order in which they were observed.
    pub(crate) list: Vec<Part>,
}

impl KeptParts {
    /// Whether parts are kept.
    pub(crate) fn is_on(&self) -> bool {
        self.detail != PartDetail::None
    }

    /// Whether what was expected is kept.
    pub(crate) fn asks(&self) -> bool {
        self.detail == PartDetail::Expectations
    }

    /// Adds the part of a value that cost so much.
    pub(crate) fn push(
        &mut self,
        name: &Arc<str>,
        value: Option<String>,
        cost: Surprise,
        expectation: PartExpectation,
    ) {
        self.list.push(Part {
            name: name.clone(),
            value,
            place: None,
            surprise_bits: cost.bits(),
            excess_bits: cost.excess.bits(),
            expected: expectation.expected,
            by: expectation.by,
            last_seen: None,
        });
    }

    /// Adds the parts of the words of a text, if they were listed.
    pub(crate) fn push_words(&mut self, name: &Arc<str>, value: &Value, words: Words) {
        let text: &[u8] = match value {
            Value::Bytes(text) => text,
            Value::Missing | Value::Symbol(_) | Value::Number(_) => &[],
        };
        let mut expectations = words.expectations.into_iter();
        for word in words.list {
            let odd = word.as_odd();
            let spelt = text.get(odd.start as usize..odd.end as usize);
            let value = spelt.map(|spelt| String::from_utf8_lossy(spelt).into_owned());
            self.push(name, value, word.cost, expectations.next().unwrap_or_default());
            if let Some(part) = self.list.last_mut() {
                part.place = Some((word.start, word.close));
            }
        }
    }

    /// Adds that a key ended, as a symbol of the first field.
    pub(crate) fn push_end(&mut self, cost: Surprise, expectation: PartExpectation) {
        let name: Arc<str> = END.into();
        self.push(&name, Some(ENDS.to_owned()), cost, expectation);
    }

    /// Adds that a key ended or went on, where that is no symbol of a field; `p` is the probability of what came.
    pub(crate) fn push_ending(&mut self, ended: bool, p: f64) {
        let words = |ended| Some(if ended { ENDS } else { GOES_ON }.to_owned());
        let mut top = vec![(words(ended), p), (words(!ended), 1.0 - p)];
        top.sort_by(|a, b| b.1.total_cmp(&a.1));
        let expected = self.asks().then_some(Expected::Symbols { top, other: 0.0 });
        let name: Arc<str> = END.into();
        self.push(&name, words(ended), Surprise::of_decision(p), PartExpectation { expected, by: None });
    }
}

/// The name of the part that is the end of a key.
const END: &str = "end";
/// The words for the end of a key, and for its going on, among the values of parts.
const ENDS: &str = "(the key ends)";
const GOES_ON: &str = "(the key goes on)";

/// A time since an event before, in microseconds, as its part has it.
pub(crate) fn gap_text(gap_us: i64) -> String {
    format!("{} s", gap_us as f64 / 1e6)
}

/// A value as the part of it has it; `gap_us` is the time since the key's last event.
pub(crate) fn value_text(model: &Model, value: &Value, gap_us: Option<i64>) -> Option<String> {
    match (model, value) {
        (Model::Gap(..), _) => gap_us.map(gap_text),
        (_, Value::Symbol(text)) => Some(text.to_string()),
        (_, Value::Number(x)) => Some(x.to_string()),
        (_, Value::Bytes(text)) => Some(String::from_utf8_lossy(text).into_owned()),
        (_, Value::Missing) => None,
    }
}

/// The text of a category's symbol; `None` stands for a missing value.
pub(crate) fn token_text(vocabulary: &Vocabulary, symbol: u32) -> Option<Option<String>> {
    match vocabulary.token(symbol)? {
        Token::Text(text) => Some(Some(text.to_string())),
        Token::Missing => Some(None),
        Token::End => Some(Some(ENDS.to_owned())),
        Token::Others => None,
    }
}

/// What is expected of a category that had `known` symbols, or of a gap.
pub(crate) fn expect_symbol(model: &Model, probe: &Probe, inputs: &SideInputs, known: u32) -> PartExpectation {
    match model {
        Model::Category(model, vocabulary) => expect_category((&model.ask(), vocabulary), probe, inputs, known),
        Model::Gap(model, means) => {
            let model = &*model.ask();
            let likeliest = model.top(probe, inputs, BYTE_SYMBOLS, 1);
            let by = likeliest.first().map(|(symbol, _)| largest_share(model, probe, inputs, *symbol));
            // of a key's first event there is no gap, and that is all that is known
            let first = likeliest.first().is_some_and(|(symbol, _)| *symbol == gap::FIRST);
            let expected = (!first).then(|| gap_expected(model, means, probe, inputs));
            PartExpectation { expected, by }
        }
        Model::Bytes(_) | Model::Number(_) | Model::Line(..) => PartExpectation::default(),
    }
}

/// What is expected of a category that had `known` symbols.
pub(crate) fn expect_category(
    (model, vocabulary): (&SymbolModel, &Vocabulary),
    probe: &Probe,
    inputs: &SideInputs,
    known: u32,
) -> PartExpectation {
    let likeliest = model.top(probe, inputs, known, LISTED);
    let by = likeliest.first().map(|(symbol, _)| largest_share(model, probe, inputs, *symbol));
    let expected = symbols(likeliest, LISTED, |symbol| token_text(vocabulary, symbol));
    PartExpectation { expected: Some(expected), by }
}

/// What is expected of a number that is about to be observed.
pub(crate) fn expect_number(model: &NumberModel, column: usize, given: Given) -> PartExpectation {
    let mean = match given {
        Given::Before => model.mean(column),
        Given::Within => model.conditional_mean(column),
    };
    let [low, high] = model.interval(column, given, 0.05, 0.95);
    let [median, _] = model.interval(column, given, 0.5, 0.95);
    let quantiles = [("0.05", low), ("0.5", median), ("0.95", high)];
    let quantiles = quantiles.into_iter().map(|(level, x)| (level.to_owned(), x)).collect();
    let expected = Expected::Number { mean, median, quantiles, missing: None };
    let shares = model.expert_shares(column, Given::Within);
    let largest = shares.iter().max_by(|a, b| a.weight.total_cmp(&b.weight));
    PartExpectation { expected: Some(expected), by: largest.map(|share| format!("expert {}", share.name)) }
}

/// The likeliest words of a text that goes on from where the key stands.
pub(crate) fn expect_word(model: &SymbolModel, probe: &Probe, inputs: &SideInputs) -> PartExpectation {
    let first = model.top(probe, inputs, BYTE_SYMBOLS, SPELT);
    let by = first.first().map(|(byte, _)| largest_share(model, probe, inputs, *byte));
    let mut words: Vec<(Option<String>, f64)> = Vec::new();
    for (byte, p) in first {
        let (text, p) = spell_on(model, probe.clone(), inputs, byte, p);
        if !words.iter().any(|(known, _)| known.as_deref() == Some(text.as_str())) {
            words.push((Some(text), p));
        }
    }
    words.sort_by(|a, b| b.1.total_cmp(&a.1));
    let other = (1.0 - words.iter().map(|word| word.1).sum::<f64>()).max(0.0);
    PartExpectation { expected: Some(Expected::Symbols { top: words, other }), by }
}

/// Spells the word that begins with `byte`, which has the probability `p`, by the likeliest byte at each place. Returns
/// it with its probability, that it ends there included.
fn spell_on(model: &SymbolModel, mut probe: Probe, inputs: &SideInputs, byte: u32, p: f64) -> (String, f64) {
    let (mut spelt, mut probability, mut byte) = (vec![byte as u8], p, byte);
    if !is_of_word(byte as u8) {
        return (spelt.escape_ascii().to_string(), p);
    }
    while spelt.len() < SPELT_BYTES_MAX {
        model.advance(&mut probe, inputs, byte);
        let Some((next, p)) = model.top(&probe, inputs, BYTE_SYMBOLS, 1).pop() else { break };
        probability *= p;
        if !is_of_word(next as u8) {
            break;
        }
        spelt.push(next as u8);
        byte = next;
    }
    (String::from_utf8_lossy(&spelt).into_owned(), probability)
}

/// What had the largest share in a symbol's probability: an expert, or of the full mixture the context or source that
/// moved it furthest towards the symbol.
pub(crate) fn largest_share(model: &SymbolModel, probe: &Probe, inputs: &SideInputs, symbol: u32) -> String {
    let explanation = model.explain(probe, inputs, symbol);
    let share = |expert: &surmise_symbol::SymbolExpertShare| expert.weight * expert.probability;
    let expert = explanation.experts.iter().max_by(|a, b| share(a).total_cmp(&share(b)));
    let evidence = explanation.evidence.iter().max_by(|a, b| a.logit.total_cmp(&b.logit));
    match (expert, evidence) {
        (Some(expert), Some(evidence)) if expert.name == MIXED => evidence.name.clone(),
        (Some(expert), _) => format!("expert {}", expert.name),
        (None, _) => String::new(),
    }
}

/// The name of the full mixture among the experts.
const MIXED: &str = "mixed";
