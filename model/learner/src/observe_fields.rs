//! Observing the value of one field: as one symbol, or as a run of byte symbols.

use crate::clock::Clocks;
use crate::explain::FieldExplanation;
use crate::field::Model;
use crate::gap;
use crate::keys::KeyState;
use crate::learner::Learner;
use crate::observe::{EventInProgress, ObservedField, Role};
use crate::parts::{expect_symbol, expect_word, value_text};
use crate::sessions::count_symbol;
use crate::surprise::Surprise;
use crate::symbol_field::SymbolField;
use crate::tally::RANKS;
use crate::values::{SideInputs, hash_of_symbol};
use crate::words::{PartExpectation, Words};
use surmise_event::{Event, Value};
use surmise_experts::ExpertSet;
use surmise_symbol::{SymbolKey, SymbolModel};

/// The symbol of a line feed.
const LINE_FEED: u32 = b'\n' as u32;
/// Follows a line feed inside a text, to tell it from the line feed that closes the text.
const TEXT_GOES_ON: u32 = 1;
/// Follows the line feed that closes a text.
const TEXT_ENDS: u32 = 0;
/// Follows the line feed that stands for a missing text.
const TEXT_MISSING: u32 = 2;

/// Symbols of a field whose symbols are bytes or bins.
const BYTE_SYMBOLS: u32 = 256;

impl Learner {
    /// Observes the value of the field at position `i`. Returns what it cost, and the hash under which the other fields
    /// see it.
    pub(crate) fn observe_field(
        &mut self,
        now: &mut EventInProgress<'_>,
        i: usize,
        value: &Value,
        role: Role,
    ) -> (ObservedField, u32) {
        match (&self.models.fields[i].model, role) {
            (Model::Number(column), _) if !now.predicts_numbers => {
                (ObservedField::default(), self.place_number(*column, value, now.current.numbers[i]))
            }
            (Model::Number(column), _) => self.observe_number(now, i, *column, value, role),
            (Model::Line(..), _) => self.observe_line(now, i, value, role),
            (Model::Category(..) | Model::Bytes(_) | Model::Gap(..), Role::Predicted) => {
                self.observe_symbols(now, i, value)
            }
            // a value that conditions the target still enters its vocabulary
            (Model::Category(..) | Model::Bytes(_) | Model::Gap(..), Role::Given) => {
                let symbol = self.symbol(i, value, gap_bin(now.key, now.event));
                if let Model::Category(..) = &self.models.fields[i].model {
                    count_symbol(&mut now.key.session, i, symbol);
                }
                (ObservedField::default(), hash_of_symbol(symbol))
            }
        }
    }

    /// The symbol of a value of a category or a gap; a text has many, and 0 stands for it.
    fn symbol(&mut self, i: usize, value: &Value, gap_bin: u32) -> u32 {
        match (&mut self.models.fields[i].model, value) {
            (Model::Gap(..), _) => gap_bin,
            (Model::Category(_, vocabulary), Value::Symbol(text)) => vocabulary.symbol(text),
            (Model::Category(_, vocabulary), Value::Missing | Value::Number(_) | Value::Bytes(_)) => {
                vocabulary.missing_symbol()
            }
            (Model::Bytes(_) | Model::Number(_) | Model::Line(..), _) => 0,
        }
    }

    /// Observes that a value of a field that waits for its second one is missing; `None` if the field does not wait, or
    /// the value is there.
    fn observe_missing(&mut self, i: usize, value: &Value) -> Option<ObservedField> {
        let field = &mut self.models.fields[i];
        let (Model::Category(model, _) | Model::Bytes(model), Value::Missing) = (&mut field.model, value) else {
            return None;
        };
        let cost = Surprise::of_decision(model.miss()?);
        if self.measures.scoring {
            self.measures.tally.add_common(i, cost.nats);
        }
        if self.measures.parts.is_on() {
            self.measures.parts.push(&field.name, None, cost, PartExpectation::default());
        }
        Some(ObservedField { cost, word: None })
    }

    fn observe_symbols(&mut self, now: &mut EventInProgress<'_>, i: usize, value: &Value) -> (ObservedField, u32) {
        if let Some(missing) = self.observe_missing(i, value) {
            return (missing, 0);
        }
        // counted before the value arrives: a symbol that is new was not among those that could be ranked
        let known = match &self.models.fields[i].model {
            Model::Category(_, vocabulary) => vocabulary.len() as u32,
            Model::Bytes(_) | Model::Gap(..) | Model::Number(_) | Model::Line(..) => BYTE_SYMBOLS,
        };
        let symbol = self.symbol(i, value, gap_bin(now.key, now.event));
        if let Model::Category(..) = &self.models.fields[i].model {
            count_symbol(&mut now.key.session, i, symbol);
        }
        let inputs = &mut self.scratch.side_inputs;
        let field = &mut self.models.fields[i];
        field.fill_side_inputs(&now.current, Clocks::of(now.key.clock.last_us()), inputs);
        let inputs = &*inputs;
        let Some(key) = &mut now.key.symbols[i] else { return (ObservedField::default(), 0) };
        let (scoring, tally) = (self.measures.scoring, &mut self.measures.tally);
        // a rank is a query, so it has to come before the symbol is learnt
        if scoring
            && self.measures.ranks
            && let Model::Category(model, vocabulary) = &field.model
        {
            tally.add_rank(i, rank(&model.ask(), vocabulary.end(), key, inputs, known, symbol));
        }
        let mut explanation = None;
        if let Some(m) = field.symbols().filter(|_| self.measures.explaining).map(SymbolField::ask) {
            let mut e = FieldExplanation::before(&field.name, &m);
            if let Model::Category(..) | Model::Gap(..) = &field.model {
                e.evidence = m.explain(&m.probe(key), inputs, symbol).evidence;
            }
            explanation = Some(e);
        }
        let (asks, listing) = (self.measures.parts.asks(), self.measures.parts.is_on());
        let expectation = match field.symbols().filter(|_| asks) {
            Some(model) => {
                let probe = model.ask().probe(key);
                expect_symbol(&field.model, &probe, inputs, known)
            }
            None => PartExpectation::default(),
        };
        self.scratch.before.keep(i, field.symbols().and_then(SymbolField::made_model), (key, inputs), symbol < known);
        let presence = field.presence().map(Surprise::of_decision);
        // of a first value there is no record that it could be held against, and most that come once end with it
        let is_first = field.symbols().is_some_and(SymbolField::is_first);
        let mut observed = ObservedField::default();
        let mut count = |model: &SymbolModel, symbol_nats: f64| {
            let cost = Surprise::of_symbol(symbol_nats, model);
            observed.cost += cost;
            explanation.iter_mut().for_each(|e| e.add_symbol(symbol_nats, model.expert_nats()));
            if scoring {
                tally.add_experts(i, symbol_nats, model.expert_nats(), ExpertSet::ALL);
                tally.add_claims(model.claims());
            }
            cost
        };
        let parts = &mut self.measures.parts;
        let mut word = None;
        match &mut field.model {
            Model::Category(model, _) | Model::Gap(model, _) => {
                model.observe(inputs, &[symbol], |model| {
                    model.observe_run(key, inputs, &[symbol], |model, nats| {
                        count(model, nats);
                    });
                });
            }
            Model::Bytes(model) => {
                spell(value, &mut self.scratch.symbols);
                let mut text = TextInProgress { symbols: &self.scratch.symbols, place: 0, words: Words::new(listing) };
                model.observe(inputs, text.symbols, |model| {
                    if asks {
                        text.observe_asking(model, key, inputs, count);
                    } else {
                        model.observe_run(key, inputs, text.symbols, |model, nats| text.push(count(model, nats)));
                    }
                });
                word = text.words.finish();
                parts.push_words(&field.name, value, text.words);
            }
            Model::Number(_) | Model::Line(..) => {}
        }
        if let Some(presence) = presence {
            observed.cost += presence;
            explanation.iter_mut().for_each(|e| e.add_common(presence.nats));
            if scoring {
                tally.add_common(i, presence.nats);
            }
            if listing && word.is_some() {
                parts.push(&field.name, None, presence, PartExpectation::default());
            }
        }
        if listing && word.is_none() {
            let gap_us = now.event.time_us.and_then(|time_us| now.key.clock.since(time_us));
            parts.push(&field.name, value_text(&field.model, value, gap_us), observed.cost, expectation);
        }
        self.measures.explanations.extend(explanation);
        let observed = ObservedField { word, ..observed };
        match &field.model {
            Model::Gap(..) => self.monitors.alarms.gap(i, observed.cost.bits()),
            // a field that came once is not watched, so that it takes little
            Model::Category(..) | Model::Bytes(_) if is_first => {}
            Model::Category(..) => {
                self.monitors.alarms.symbol(i, observed.cost.bits(), (symbol < known).then_some(u64::from(symbol)));
                self.monitors.drift.cost(i, observed.cost.bits());
            }
            Model::Bytes(_) => {
                self.monitors.alarms.text(i, observed.evidence_bits());
                self.monitors.drift.cost(i, observed.cost.bits());
            }
            Model::Number(_) | Model::Line(..) => self.monitors.alarms.text(i, observed.evidence_bits()),
        }
        (observed, hash_of_symbol(symbol))
    }
}

/// The bin of the time since the key's last event.
fn gap_bin(key: &KeyState, event: &Event) -> u32 {
    match event.time_us.and_then(|time_us| key.clock.since(time_us)) {
        Some(gap_us) => gap::bin(gap_us),
        None => gap::FIRST,
    }
}

/// A text that is being observed symbol by symbol.
struct TextInProgress<'a> {
    /// Its spelling.
    symbols: &'a [u32],
    /// The place of the next symbol.
    place: usize,
    words: Words,
}

impl TextInProgress<'_> {
    /// Takes in what the next symbol cost.
    fn push(&mut self, cost: Surprise) {
        match spelt_byte(self.symbols, self.place) {
            Some(byte) => self.words.push(byte, cost),
            None => self.words.push_mark(cost),
        }
        self.place += 1;
    }

    /// Observes the text, and asks before each word what is expected.
    fn observe_asking(
        &mut self,
        model: &mut SymbolModel,
        key: &mut SymbolKey,
        inputs: &SideInputs,
        mut count: impl FnMut(&SymbolModel, f64) -> Surprise,
    ) {
        for (place, symbol) in self.symbols.iter().enumerate() {
            if spelt_byte(self.symbols, place).is_some_and(|byte| self.words.begins(byte)) {
                self.words.expectations.push(expect_word(model, &model.probe(key), inputs));
            }
            let nats = model.observe(key, inputs, *symbol);
            self.push(count(model, nats));
        }
    }
}

/// The byte of the text that the symbol at `place` of its spelling stands for; `None` if it stands for none.
fn spelt_byte(symbols: &[u32], place: usize) -> Option<u8> {
    let follows_line_feed = place > 0 && symbols[place - 1] == LINE_FEED;
    let is_byte = !follows_line_feed && place + 2 < symbols.len();
    is_byte.then(|| symbols[place] as u8)
}

/// Spells a text as symbols: its bytes, a line feed at its end, and after every line feed a symbol that says whether
/// the text goes on. So the end of a text is predicted like any of its bytes.
fn spell(value: &Value, symbols: &mut Vec<u32>) {
    symbols.clear();
    let close = match value {
        Value::Bytes(text) => {
            for byte in text {
                symbols.push(u32::from(*byte));
                if *byte == b'\n' {
                    symbols.push(TEXT_GOES_ON);
                }
            }
            TEXT_ENDS
        }
        Value::Missing | Value::Symbol(_) | Value::Number(_) => TEXT_MISSING,
    };
    symbols.extend([LINE_FEED, close]);
}

/// How many values were likelier than the one that came, counted up to the largest of [`RANKS`]; the end of a key is no
/// value. `known` is how many symbols had arrived before.
pub(crate) fn rank(
    model: &SymbolModel,
    end: Option<u32>,
    key: &SymbolKey,
    inputs: &SideInputs,
    known: u32,
    symbol: u32,
) -> usize {
    let max = RANKS[RANKS.len() - 1];
    // a symbol that has just arrived had no rank
    if symbol >= known {
        return max;
    }
    let mut likelier = 0;
    model.likeliest(&model.probe(key), inputs, known, |other, _| {
        if other == symbol {
            return false;
        }
        likelier += usize::from(Some(other) != end);
        likelier < max
    });
    likelier
}
