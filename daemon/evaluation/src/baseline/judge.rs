//! The baselines of one stream, driven over its events.

use super::ahead::Ahead;
use super::class::Class;
use super::gaps::Gaps;
use super::numbers::Numbers;
use super::symbols::Symbols;
use super::{Measure, Score};
use crate::units::Units;
use crate::{Progress, ReplayError, ReplayOptions};
use std::collections::BTreeMap;
use surmise_event::{Event, FieldKind, Schema, Value};
use surmise_recording::Source;

/// What the baselines of a stream reached.
#[derive(Clone, Debug, Default)]
pub struct BaselineResult {
    /// By field; those of number columns together under the empty name.
    pub fields: BTreeMap<String, Vec<Score>>,
    /// Where alarms are judged: time and value of the first number column, one a row.
    pub rows: Vec<(i64, f64)>,
}

/// Drives the baselines over a source, on the events that a replay with these options scores.
///
/// # Errors
/// The recording or a record is at fault.
pub fn baselines(
    source: Source,
    options: &ReplayOptions,
    mut tell: impl FnMut(&Progress),
) -> Result<BaselineResult, ReplayError> {
    let (total, bytes) = (source.bytes_total(), source.bytes_counter());
    let mut schema = source.schema().clone();
    let mut judge = Judge::new(options);
    for (i, item) in source.enumerate() {
        let item = item?;
        let event = schema.bind(&item.record, &options.limits).map_err(|r| item.refused(r))?;
        if judge.fields.len() < schema.fields.len() {
            judge.grow(&schema);
        }
        judge.event(&schema, &event);
        if i % 1024 == 0 {
            let bytes = bytes.load(std::sync::atomic::Ordering::Relaxed);
            tell(&Progress { bytes, bytes_total: total, events: judge.row, ..Progress::default() });
        }
    }
    Ok(judge.finish(&schema))
}

/// What judges one field.
enum Field {
    Symbols(Box<Symbols>),
    Text(Box<Symbols>, u64),
    Gap(Box<Gaps>),
    Number,
    /// Given, or judged elsewhere.
    Given,
}

struct Judge<'a> {
    options: &'a ReplayOptions,
    fields: Vec<Field>,
    columns: Vec<usize>,
    numbers: Option<Numbers>,
    ahead: Option<Ahead>,
    class: Option<Class>,
    units: Units,
    rows: Vec<(i64, f64)>,
    row: u64,
}

impl<'a> Judge<'a> {
    fn new(options: &'a ReplayOptions) -> Judge<'a> {
        Judge {
            options,
            fields: Vec::new(),
            columns: Vec::new(),
            numbers: None,
            ahead: None,
            class: None,
            units: Units::default(),
            rows: Vec::new(),
            row: 0,
        }
    }

    /// New fields came. What knows all columns together begins anew.
    fn grow(&mut self, schema: &Schema) {
        let target = self.options.learner.target.as_deref();
        for f in &schema.fields[self.fields.len()..] {
            let judged = target.is_none_or(|t| t == f.name);
            self.fields.push(match f.kind {
                FieldKind::Number => Field::Number,
                FieldKind::Category if target == Some(&f.name) => Field::Given,
                _ if !judged => Field::Given,
                FieldKind::Category => Field::Symbols(Box::new(Symbols::new(false))),
                FieldKind::Byte => Field::Symbols(Box::new(Symbols::new(true))),
                FieldKind::Text => Field::Text(Box::new(Symbols::new(true)), 0),
                FieldKind::Gap => Field::Gap(Box::new(Gaps::new())),
            });
        }
        let columns: Vec<usize> = (0..self.fields.len()).filter(|i| matches!(self.fields[*i], Field::Number)).collect();
        let position = target.and_then(|t| schema.position(t));
        if columns != self.columns || self.class.is_none() {
            let names: Vec<String> = columns.iter().map(|c| schema.fields[*c].name.clone()).collect();
            let class = position.is_some_and(|p| schema.fields[p].kind == FieldKind::Category);
            self.class = class.then(|| Class::new(names.len()));
            let column = position.and_then(|p| columns.iter().position(|c| *c == p));
            self.numbers = (!names.is_empty() && (target.is_none() || column.is_some()))
                .then(|| Numbers::new(names.clone(), column));
            let steps = self.options.horizon.filter(|_| !names.is_empty() && target.is_none());
            self.ahead = steps.map(|h| Ahead::new(names, h));
            self.columns = columns;
        }
    }

    fn event(&mut self, schema: &Schema, event: &Event) {
        let counts = |row: u64| self.options.score_rows.is_none_or(|r| r.contains(row));
        let count = counts(self.row);
        if let ([Field::Symbols(s)], [Value::Bytes(run)]) = (self.fields.as_mut_slice(), event.values.as_slice()) {
            let row = self.row;
            (row..).zip(run).for_each(|(row, b)| s.symbol(&event.key, u32::from(*b), counts(row)));
        } else if !event.values.is_empty() {
            self.values(schema, event, count);
        }
        self.row += event.offsets(schema);
        if event.end {
            self.ended(schema, event, counts(self.row - 1));
        }
    }

    fn values(&mut self, schema: &Schema, event: &Event, count: bool) {
        let key = &event.key;
        for (field, value) in self.fields.iter_mut().zip(&event.values) {
            match (field, value) {
                (Field::Symbols(s), Value::Symbol(name)) => s.name(key, Some(name), count),
                (Field::Symbols(s), _) => s.name(key, None, count),
                (Field::Text(s, n), value) => {
                    let text: &[u8] = if let Value::Bytes(b) = value { b } else { &[] };
                    text.iter().chain(b"\n").for_each(|b| s.symbol(key, u32::from(*b), count));
                    *n += u64::from(count);
                }
                (Field::Gap(g), _) => g.event(key, event.time_us, count),
                (Field::Number | Field::Given, _) => {}
            }
        }
        if self.columns.is_empty() && self.class.is_none() {
            return;
        }
        let number = |c: &usize| if let Some(Value::Number(x)) = event.values.get(*c) { *x } else { f64::NAN };
        let numbers: Vec<f64> = self.columns.iter().map(number).collect();
        if self.options.unit_rows.is_some_and(|r| r.contains(self.row)) {
            for (c, x) in self.columns.iter().zip(&numbers).filter(|(_, x)| x.is_finite()) {
                self.units.add(&schema.fields[*c].name, *x);
            }
        }
        if self.options.labels.is_some() || self.options.anomalies {
            let last = self.rows.last().copied().unwrap_or_default();
            let x = numbers.first().copied().filter(|x| x.is_finite()).unwrap_or(last.1);
            self.rows.push((event.time_us.unwrap_or(last.0), x));
        }
        if let Some(n) = &mut self.numbers {
            n.event(key, event.time_us, &numbers, count);
        }
        if let Some(a) = &mut self.ahead {
            a.event(key, event.time_us, &numbers, count);
        }
        if let Some(class) = &mut self.class {
            let target = self.options.learner.target.as_deref();
            let mut names = Vec::new();
            let mut came = "";
            for (f, v) in schema.fields.iter().zip(&event.values) {
                match v {
                    Value::Symbol(s) if Some(f.name.as_str()) == target => came = s,
                    Value::Symbol(s) => names.push(format!("{}={s}", f.name)),
                    _ => {}
                }
            }
            class.event(key, came, &numbers, &names, count);
        }
    }

    /// The end of a key is a symbol of the first field where that is a category, as the learner has it.
    fn ended(&mut self, schema: &Schema, event: &Event, count: bool) {
        if let Some(Field::Symbols(s)) = self.fields.first_mut()
            && !schema.is_bytes()
        {
            s.ended(&event.key, count && schema.fields.len() == 1);
        }
        for f in &mut self.fields {
            if let Field::Gap(g) = f {
                g.ended(&event.key);
            }
        }
        if let Some(n) = &mut self.numbers {
            n.ended(&event.key);
        }
        if let Some(a) = &mut self.ahead {
            a.ended(&event.key);
        }
    }

    fn finish(self, schema: &Schema) -> BaselineResult {
        let mut fields = BTreeMap::new();
        for (f, field) in schema.fields.iter().zip(&self.fields) {
            let scores = match field {
                Field::Symbols(s) => s.scores(None),
                Field::Text(s, n) => s.scores(Some(*n)),
                Field::Gap(g) => g.scores(),
                Field::Number | Field::Given => continue,
            };
            fields.insert(f.name.clone(), scores);
        }
        if let (Some(c), Some(target)) = (&self.class, &self.options.learner.target) {
            fields.insert(target.clone(), c.scores());
        }
        let mut numbers = self.numbers.as_ref().map_or_else(Vec::new, |n| n.scores(&self.units));
        if let Some(a) = &self.ahead {
            numbers.extend(a.scores(&self.units));
        }
        numbers.retain(|s| s.value.is_finite() || s.measure == Measure::Bits);
        fields.insert(String::new(), numbers);
        BaselineResult { fields, rows: self.rows }
    }
}
