//! The baselines of one stream, driven over its events.

use super::ahead::HorizonBaselines;
use super::class::ClassBaselines;
use super::gaps::GapBaselines;
use super::measure::{Measure, Score};
use super::numbers::NumberBaselines;
use super::symbols::SymbolBaselines;
use crate::error::ReplayError;
use crate::losses::{LossNotes, LossShares, LossSums};
use crate::options::ReplayOptions;
use crate::replay::ReplayProgress;
use crate::units::ErrorUnits;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use surmise_event::{Event, Field, FieldKind, Schema, Value};
use surmise_recording::Source;

/// Records between two reports of the progress.
const PROGRESS_RECORDS: usize = 1024;

/// What the baselines of a stream reached.
#[derive(Clone, Debug, Default)]
pub struct BaselineResult {
    /// By field; those of number columns together under the empty name.
    pub fields: BTreeMap<String, Vec<Score>>,
    /// Where alarms are judged: time in microseconds since 1970 and value of every row. The value is that of the first
    /// number, or, where there is none, of the first category whose symbol is one.
    pub rows: Vec<(i64, f64)>,
    /// What each block of rows adds to the scores.
    pub(crate) shares: LossShares,
}

/// Drives the baselines over a source, on the events that a replay with these options scores.
///
/// # Errors
/// The recording or a record is at fault.
pub fn baselines(
    mut source: Source,
    options: &ReplayOptions,
    mut report_progress: impl FnMut(&ReplayProgress),
) -> Result<BaselineResult, ReplayError> {
    let (bytes_total, bytes) = (source.bytes_total(), source.bytes_counter());
    let odd = source.oddities();
    let mut schema = source.decided_schema();
    let mut judge = BaselineJudge::new(options);
    for (i, item) in source.enumerate() {
        let item = item?;
        let event = match schema.bind(&item.record, &options.limits) {
            Ok(event) => event,
            Err(refusal) => {
                odd.refused(&item, refusal)?;
                continue;
            }
        };
        // simple predictors have no alarms that anything could be said of
        if event.feedback.is_some() {
            continue;
        }
        if judge.fields.len() < schema.fields.len() {
            judge.grow(&schema);
        }
        judge.event(&schema, &event);
        if judge.notes.are_due(judge.row) {
            let sums = judge.sums(&schema);
            judge.notes.note(judge.row, sums);
        }
        if i % PROGRESS_RECORDS == 0 {
            let bytes = bytes.load(Ordering::Relaxed);
            report_progress(&ReplayProgress { bytes, bytes_total, events: judge.row, ..ReplayProgress::default() });
        }
    }
    Ok(judge.finish(&schema))
}

/// The baselines of one field.
enum FieldJudge {
    Symbols(Box<SymbolBaselines>),
    /// A text is its bytes; the number is that of the texts that count, over which the bits are reported.
    Text(Box<SymbolBaselines>, u64),
    Gap(Box<GapBaselines>),
    /// A column of [`BaselineJudge::numbers`] and [`BaselineJudge::ahead`], which know all columns together.
    Number,
    /// A field that is given, or the target class, which [`BaselineJudge::class`] judges.
    Given,
}

impl FieldJudge {
    fn new(field: &Field, target: Option<&str>) -> FieldJudge {
        let is_target = target == Some(&field.name);
        let is_judged = target.is_none() || is_target;
        match field.kind {
            FieldKind::Number => FieldJudge::Number,
            FieldKind::Category if is_judged && !is_target => {
                FieldJudge::Symbols(Box::new(SymbolBaselines::of_names()))
            }
            FieldKind::Byte if is_judged => FieldJudge::Symbols(Box::new(SymbolBaselines::of_bytes())),
            FieldKind::Text if is_judged => FieldJudge::Text(Box::new(SymbolBaselines::of_bytes()), 0),
            FieldKind::Gap if is_judged => FieldJudge::Gap(Box::new(GapBaselines::new())),
            FieldKind::Category | FieldKind::Byte | FieldKind::Text | FieldKind::Gap | FieldKind::Line => {
                FieldJudge::Given
            }
        }
    }

    /// Judges and learns the field's value of an event.
    fn value(&mut self, event: &Event, value: &Value, counts: bool) {
        match self {
            FieldJudge::Symbols(symbols) => {
                let name = if let Value::Symbol(name) = value { Some(&**name) } else { None };
                symbols.name(&event.key, name, counts);
            }
            FieldJudge::Text(symbols, texts) => {
                let text: &[u8] = if let Value::Bytes(text) = value { text } else { &[] };
                // the end of a text is a symbol too
                text.iter().chain(b"\n").for_each(|b| symbols.symbol(&event.key, u32::from(*b), counts));
                *texts += u64::from(counts);
            }
            FieldJudge::Gap(gaps) => gaps.event(&event.key, event.time_us, counts),
            FieldJudge::Number | FieldJudge::Given => {}
        }
    }
}

/// The baselines of all fields.
struct BaselineJudge<'a> {
    options: &'a ReplayOptions,
    fields: Vec<FieldJudge>,
    /// The fields that are numbers, by their positions in the schema.
    columns: Vec<usize>,
    numbers: Option<NumberBaselines>,
    ahead: Option<HorizonBaselines>,
    class: Option<ClassBaselines>,
    units: ErrorUnits,
    rows: Vec<(i64, f64)>,
    notes: LossNotes,
    /// Events so far: the row that comes next.
    row: u64,
}

impl<'a> BaselineJudge<'a> {
    fn new(options: &'a ReplayOptions) -> BaselineJudge<'a> {
        BaselineJudge {
            options,
            fields: Vec::new(),
            columns: Vec::new(),
            numbers: None,
            ahead: None,
            class: None,
            units: ErrorUnits::default(),
            rows: Vec::new(),
            notes: LossNotes::new(),
            row: 0,
        }
    }

    /// Takes in fields that are new in the schema. Baselines that know all columns together begin anew.
    fn grow(&mut self, schema: &Schema) {
        let target = self.options.learner.target.as_deref();
        self.fields.extend(schema.fields[self.fields.len()..].iter().map(|f| FieldJudge::new(f, target)));
        let is_number = |i: &usize| matches!(self.fields[*i], FieldJudge::Number);
        let columns: Vec<usize> = (0..self.fields.len()).filter(is_number).collect();
        if columns == self.columns && self.class.is_some() {
            return;
        }
        let names: Vec<String> = columns.iter().map(|c| schema.fields[*c].name.clone()).collect();
        let position = target.and_then(|t| schema.position(t));
        let target_is_class = position.is_some_and(|p| schema.fields[p].kind == FieldKind::Category);
        self.class = target_is_class.then(|| ClassBaselines::new(names.len()));
        let target_column = position.and_then(|p| columns.iter().position(|c| *c == p));
        let forecast = !names.is_empty() && (target.is_none() || target_column.is_some());
        self.numbers = forecast.then(|| NumberBaselines::new(names.clone(), target_column));
        let steps = self.options.horizon.filter(|_| !names.is_empty() && target.is_none());
        self.ahead = steps.map(|steps| HorizonBaselines::new(names, steps));
        self.columns = columns;
    }

    fn event(&mut self, schema: &Schema, event: &Event) {
        let counts = self.options.scores_row(self.row);
        if self.options.labels.is_some() || self.options.anomalies {
            self.alarm_row(event);
        }
        if let ([FieldJudge::Symbols(symbols)], [Value::Bytes(run)]) = (self.fields.as_mut_slice(), &*event.values) {
            for (row, byte) in (self.row..).zip(run) {
                symbols.symbol(&event.key, u32::from(*byte), self.options.scores_row(row));
            }
        } else if !event.values.is_empty() {
            for (field, value) in self.fields.iter_mut().zip(&event.values) {
                field.value(event, value, counts);
            }
            if !self.columns.is_empty() || self.class.is_some() {
                self.columns(schema, event, counts);
            }
        }
        self.row += event.offsets(schema);
        if event.end {
            let counts = self.options.scores_row(self.row - 1);
            self.ended(schema, event, counts);
        }
    }

    /// Notes what detectors see of an event. A column whose kind was inferred as category is read as numbers all the
    /// same, so that no detector loses a file by how the learner reads it.
    fn alarm_row(&mut self, event: &Event) {
        let number = |value: &Value| match value {
            Value::Number(x) => Some(*x).filter(|x| x.is_finite()),
            Value::Symbol(s) if self.columns.is_empty() => s.parse::<f64>().ok().filter(|x| x.is_finite()),
            _ => None,
        };
        // what a row lacks is as in the row before
        let last = self.rows.last().copied().unwrap_or_default();
        let x = event.values.iter().find_map(number).unwrap_or(last.1);
        self.rows.push((event.time_us.unwrap_or(last.0), x));
    }

    /// Judges and learns what knows all columns of an event together.
    fn columns(&mut self, schema: &Schema, event: &Event, counts: bool) {
        let key = &event.key;
        let number = |c: &usize| if let Some(Value::Number(x)) = event.values.get(*c) { *x } else { f64::NAN };
        let numbers: Vec<f64> = self.columns.iter().map(number).collect();
        if self.options.is_unit_row(self.row) {
            for (c, x) in self.columns.iter().zip(&numbers).filter(|(_, x)| x.is_finite()) {
                self.units.add(&schema.fields[*c].name, *x);
            }
        }
        if let Some(baselines) = &mut self.numbers {
            baselines.event(key, event.time_us, &numbers, counts);
        }
        if let Some(baselines) = &mut self.ahead {
            baselines.event(key, event.time_us, &numbers, counts);
        }
        if let Some(class) = &mut self.class {
            let target = self.options.learner.target.as_deref();
            let (mut target_class, mut names) = ("", Vec::new());
            for (field, value) in schema.fields.iter().zip(&event.values) {
                let Value::Symbol(symbol) = value else { continue };
                if Some(field.name.as_str()) == target {
                    target_class = symbol;
                } else {
                    names.push(format!("{}={symbol}", field.name));
                }
            }
            class.event(key, target_class, &numbers, &names, counts);
        }
    }

    /// A key ended, which is a symbol of the first field where that is a category, as it is to the learner.
    fn ended(&mut self, schema: &Schema, event: &Event, counts: bool) {
        if let Some(FieldJudge::Symbols(symbols)) = self.fields.first_mut()
            && !schema.is_bytes()
        {
            symbols.ended(&event.key, counts && schema.fields.len() == 1);
        }
        for field in &mut self.fields {
            if let FieldJudge::Gap(gaps) = field {
                gaps.ended(&event.key);
            }
        }
        if let Some(baselines) = &mut self.numbers {
            baselines.ended(&event.key);
        }
        if let Some(baselines) = &mut self.ahead {
            baselines.ended(&event.key);
        }
    }

    /// What each symbol and gap predictor reached so far, by field.
    fn scores(&self, schema: &Schema) -> BTreeMap<String, Vec<Score>> {
        let mut fields = BTreeMap::new();
        for (field, judge) in schema.fields.iter().zip(&self.fields) {
            let scores = match judge {
                FieldJudge::Symbols(symbols) => symbols.scores(None),
                FieldJudge::Text(symbols, texts) => symbols.scores(Some(*texts)),
                FieldJudge::Gap(gaps) => gaps.scores(),
                FieldJudge::Number | FieldJudge::Given => continue,
            };
            fields.insert(field.name.clone(), scores);
        }
        if let (Some(class), Some(target)) = (&self.class, &self.options.learner.target) {
            fields.insert(target.clone(), class.scores());
        }
        fields
    }

    /// The losses of all predictors so far.
    fn sums(&self, schema: &Schema) -> BTreeMap<String, LossSums> {
        let mut sums: BTreeMap<String, LossSums> = BTreeMap::new();
        for (field, scores) in self.scores(schema) {
            for s in scores {
                let count = s.count as f64;
                let losses = sums.entry(s.name).or_default();
                losses.fields.insert((field.clone(), s.measure), (s.value * count, count));
            }
        }
        if let Some(numbers) = &self.numbers {
            numbers.add_losses(&mut sums);
        }
        if let Some(ahead) = &self.ahead {
            ahead.add_losses(&mut sums);
        }
        sums
    }

    fn finish(self, schema: &Schema) -> BaselineResult {
        let last = self.sums(schema);
        let mut fields = self.scores(schema);
        let mut numbers = self.numbers.as_ref().map_or_else(Vec::new, |n| n.scores(&self.units));
        if let Some(ahead) = &self.ahead {
            numbers.extend(ahead.scores(&self.units));
        }
        numbers.retain(|s| s.value.is_finite() || s.measure == Measure::Bits);
        fields.insert(String::new(), numbers);
        let shares = LossShares::of(&self.notes.finish(self.row, last), &self.units);
        BaselineResult { fields, rows: self.rows, shares }
    }
}
