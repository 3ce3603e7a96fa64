//! The learner of one stream: observing.

use crate::Options;
use crate::anomaly::Anomaly;
use crate::clock::Clocks;
use crate::drift::Watcher;
use crate::ending::Ending;
use crate::field::{ABSENT, ENDED, FieldModel, INSIDE, Model, SideInputs, Values, folds_ends, seen};
use crate::gap;
use crate::keys::{KeyState, Keys};
use crate::tally::{FieldTally, RANKS, Tally};
use std::sync::Arc;
use surmise_event::{Event, FieldKind, FieldOutcome, Limits, Outcome, Record, Refusal, RefusalCode, Schema, Value};
use surmise_network::{JobSink, Taught};
use surmise_number::{EventContext, NumberKey, NumberModel};
use surmise_state::incremental_copy;
use surmise_symbol::{SymbolKey, SymbolModel};

/// Why a learner could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum LearnerError {
    /// An option that does not fit the schema.
    #[error("{0}")]
    Options(String),
    /// A checkpoint that cannot be read.
    #[error("checkpoint: {0}")]
    State(#[from] surmise_state::StateError),
    /// A checkpoint of another format.
    #[error("checkpoint {0}")]
    Incompatible(String),
}

incremental_copy!(Learner {
    large: fields;
    small: schema, options, columns, numbers, ending, keys, anomaly, offset, version, late, tally, drift, end_name, scoring,
        ranks, told, current, symbols, intervals, forecasts, job_sink,
});

/// The learner of one stream.
#[derive(Clone)]
pub struct Learner {
    pub(crate) schema: Schema,
    pub(crate) options: Options,
    pub(crate) fields: Vec<FieldModel>,
    pub(crate) columns: usize,
    pub(crate) numbers: Option<NumberModel>,
    pub(crate) ending: Ending,
    pub(crate) keys: Keys,
    pub(crate) anomaly: Anomaly,
    pub(crate) offset: u64,
    pub(crate) version: u64,
    /// Events that came with an earlier time than their key's last.
    pub(crate) late: u64,
    pub(crate) tally: Tally,
    pub(crate) drift: Watcher,
    pub(crate) end_name: Arc<str>,
    pub(crate) scoring: bool,
    pub(crate) ranks: bool,
    job_sink: Taught,
    /// Buffers of one event, kept from one to the next.
    told: SideInputs,
    current: Values,
    symbols: Vec<u32>,
    pub(crate) intervals: bool,
    pub(crate) forecasts: Vec<(usize, f64, f64, f64)>,
}

impl Learner {
    /// A learner that has seen nothing.
    ///
    /// # Errors
    /// If the target is none of a closed schema's fields.
    pub fn new(schema: Schema, options: Options) -> Result<Learner, LearnerError> {
        if let Some(t) = &options.target
            && schema.position(t).is_none()
            && schema.closed
        {
            let names: Vec<&str> = schema.fields.iter().map(|f| f.name.as_str()).collect();
            return Err(LearnerError::Options(format!("target {t:?} is not a field; fields are {}", names.join(", "))));
        }
        if let Some(fault) = options.fault().or_else(|| options.preset.fault(&schema)) {
            return Err(LearnerError::Options(fault));
        }
        let mut l = Learner {
            keys: Keys::new(&options),
            schema: Schema::default(),
            options,
            fields: Vec::new(),
            columns: 0,
            numbers: None,
            ending: Ending::default(),
            anomaly: Anomaly::default(),
            offset: 0,
            version: 0,
            late: 0,
            tally: Tally::default(),
            drift: Watcher::default(),
            end_name: "end".into(),
            scoring: true,
            ranks: false,
            job_sink: Taught::default(),
            told: SideInputs::default(),
            current: Values::default(),
            symbols: Vec::new(),
            intervals: false,
            forecasts: Vec::new(),
        };
        l.schema = schema;
        l.grow();
        Ok(l)
    }

    /// The fields as they are now.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The choices it was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Holds a record against the schema, which grows by new fields if it is open.
    ///
    /// # Errors
    /// Names the field and the reason.
    pub fn bind(&mut self, record: &Record, limits: &Limits) -> Result<Event, Refusal> {
        let event = self.schema.bind(record, limits)?;
        if self.fields.len() < self.schema.fields.len() {
            if let Some(fault) = self.options.preset.fault(&self.schema) {
                let field = self.schema.fields.pop().map_or_else(String::new, |f| f.name);
                self.schema.fields.truncate(self.fields.len());
                return Err(Refusal::new(RefusalCode::WrongType, field, fault));
            }
            self.grow();
        }
        Ok(event)
    }

    /// Makes models for the fields that have none yet.
    fn grow(&mut self) {
        for i in self.fields.len()..self.schema.fields.len() {
            let f = FieldModel::new(&self.schema, i, &mut self.columns, &self.options);
            self.add(f);
        }
        self.pass_job_sink_on();
    }

    pub(crate) fn add(&mut self, f: FieldModel) {
        if let Model::Number(column) = f.model {
            match &mut self.numbers {
                Some(n) => n.add_column(),
                None => self.numbers = Some(NumberModel::new(column + 1, self.options.numbers(), self.options.seed)),
            }
        }
        self.fields.push(f);
        self.tally.fields.push(FieldTally::default());
    }

    /// The private state of a new key.
    pub(crate) fn new_key(&self) -> KeyState {
        KeyState {
            symbols: self.fields.iter().map(|f| f.symbols().map(|m| m.new_key())).collect(),
            numbers: self.numbers.as_ref().map(|n| Box::new(NumberKey::new(n))),
            previous: Values::new(self.fields.len()),
            ..KeyState::default()
        }
    }

    /// Who works out beside what networks learn, where updates wait for it ([`Options::delay_chunks`]). It has no part
    /// in what is learnt. A clone has nobody, and neither has what was read from a checkpoint.
    pub fn set_job_sink(&mut self, job_sink: Option<JobSink>) {
        self.job_sink = Taught(job_sink.filter(|_| self.options.delay_chunks > 0));
        self.pass_job_sink_on();
    }

    /// Lets go of what networks have yet to learn from: for a copy that only answers, and learns no more.
    pub fn discard_pending_jobs(&mut self) {
        self.fields.iter_mut().filter_map(FieldModel::symbols_mut).for_each(SymbolModel::discard_pending_jobs);
        self.numbers.iter_mut().for_each(NumberModel::discard_pending_jobs);
    }

    fn pass_job_sink_on(&mut self) {
        let job_sink = &self.job_sink.0;
        self.fields.iter_mut().filter_map(FieldModel::symbols_mut).for_each(|m| m.set_job_sink(job_sink.clone()));
        if let Some(n) = &mut self.numbers {
            n.set_job_sink(job_sink.clone());
        }
    }

    /// Gives a key that was made before the schema grew its new parts.
    pub(crate) fn complete(&self, key: &mut KeyState) {
        for f in &self.fields[key.symbols.len().min(self.fields.len())..] {
            key.symbols.push(f.symbols().map(|m| m.new_key()));
        }
        key.previous.resize(self.fields.len());
        if key.numbers.is_none() {
            key.numbers = self.numbers.as_ref().map(|n| Box::new(NumberKey::new(n)));
        }
    }

    /// Scores the event against what was expected of it, and learns from it.
    pub fn observe(&mut self, event: &Event) -> Outcome {
        let mut out = Outcome::default();
        self.observe_into(event, &mut out);
        out
    }

    /// As [`Learner::observe`], into an outcome whose buffers are used again. An event of a known key costs no
    /// allocation but for tables that grow.
    pub fn observe_into(&mut self, event: &Event, out: &mut Outcome) {
        let name = event.key.as_deref();
        let events = event.offsets(&self.schema);
        (out.offset, out.events, out.model_version) = (self.offset, events, self.version);
        out.anomaly_score = 0.0;
        out.fields.clear();
        out.drift.clear();
        let mut key = self.take_key(name);
        self.complete(&mut key);
        let mut nats = 0.0;
        if !event.values.is_empty() {
            nats += if self.schema.is_bytes() {
                self.observe_run(&mut key, event, out)
            } else {
                self.observe_values(&mut key, event, out)
            };
        }
        if event.end {
            let n = self.observe_end(&mut key);
            out.fields.push(FieldOutcome { name: self.end_name.clone(), surprise_bits: n * std::f64::consts::LOG2_E });
            nats += n;
            self.end_key(name, &key);
        } else {
            self.put_key(name, key);
        }
        self.offset += events;
        self.version += events;
        out.surprise_bits = nats * std::f64::consts::LOG2_E;
        // a run of bytes is as many events as it has bytes, wherever its producer cut it
        let run = self.schema.is_bytes();
        if !run {
            out.anomaly_score = self.anomaly.observe(out.surprise_bits);
            let (fields, bits) = (&self.fields, out.surprise_bits / events.max(1) as f64);
            self.drift.observe(out.offset, bits, |column| name_of(fields, column), &mut out.drift);
        }
        if self.scoring {
            self.tally.events += events;
            self.tally.nats += if run { 0.0 } else { nats };
        }
    }

    /// A run of bytes, each an event.
    fn observe_run(&mut self, key: &mut KeyState, event: &Event, out: &mut Outcome) -> f64 {
        let [Value::Bytes(run)] = event.values.as_slice() else { return 0.0 };
        let (Model::Bytes(m), Some(k)) = (&mut self.fields[0].model, &mut key.symbols[0]) else { return 0.0 };
        let mut nats = 0.0;
        let (mut i, scoring) = (0, self.scoring);
        let Learner { anomaly, drift, tally, end_name, .. } = self;
        m.observe_run(k, &[], run, |m, n| {
            nats += n;
            let bits = n * std::f64::consts::LOG2_E;
            out.anomaly_score = out.anomaly_score.max(anomaly.observe(bits));
            drift.observe(out.offset + i, bits, |_| end_name.clone(), &mut out.drift);
            i += 1;
            if scoring {
                tally.nats += n;
                tally.fields[0].nats += n;
                tally.add_experts(0, n, m.expert_nats());
                tally.add_claims(m.claims());
            }
        });
        if self.scoring {
            self.tally.fields[0].count += run.len() as u64;
        }
        out.fields
            .push(FieldOutcome { name: self.fields[0].name.clone(), surprise_bits: nats * std::f64::consts::LOG2_E });
        key.length = key.length.saturating_add(run.len() as u32);
        nats
    }

    /// One value per field, each given the earlier ones; a target comes last.
    fn observe_values(&mut self, key: &mut KeyState, event: &Event, out: &mut Outcome) -> f64 {
        let target = self.options.target.as_ref().and_then(|t| self.schema.position(t));
        let mut nats = 0.0;
        if target.is_none() && !folds_ends(&self.schema) {
            nats += self.observe_going_on(key, false);
        }
        let mut current = std::mem::take(&mut self.current);
        current.copy(&key.previous);
        let mut begun = false;
        self.forecasts.clear();
        let order = (0..self.fields.len()).filter(|i| Some(*i) != target).chain(target);
        for i in order {
            let value = event.values.get(i).unwrap_or(&Value::Missing);
            let given = target.is_some_and(|t| t != i);
            let (n, hash) = match self.schema.fields[i].kind {
                FieldKind::Number => self.observe_number(key, i, value, event.time_us, &current, &mut begun, given),
                // a value that is given and not predicted still enters the vocabulary
                _ if given => (0.0, seen(self.symbol(i, value, gap_of(key, event)))),
                _ => self.observe_symbols(key, i, value, event, &current),
            };
            current.hashes[i] = hash;
            current.numbers[i] = match value {
                Value::Number(x) => *x,
                _ => f64::NAN,
            };
            if !given {
                nats += n;
                self.score(i, n, out);
            }
        }
        if let (true, Some(m), Some(k)) = (begun, &mut self.numbers, &mut key.numbers) {
            m.finish(k);
        }
        if let Some(t) = event.time_us {
            self.late += u64::from(key.last_us.is_some_and(|l| t < l));
            // an event that comes late does not turn the clock back
            key.last_us = Some(key.last_us.map_or(t, |l| l.max(t)));
        }
        self.current = std::mem::replace(&mut key.previous, current);
        key.length = key.length.saturating_add(1);
        nats
    }

    fn score(&mut self, field: usize, nats: f64, out: &mut Outcome) {
        out.fields.push(FieldOutcome {
            name: self.fields[field].name.clone(),
            surprise_bits: nats * std::f64::consts::LOG2_E,
        });
        if self.scoring {
            let f = &mut self.tally.fields[field];
            f.count += 1;
            f.nats += nats;
        }
    }

    /// The symbol of a value that is not a number and not a text.
    fn symbol(&mut self, i: usize, value: &Value, gap_bin: u32) -> u32 {
        match (&mut self.fields[i].model, value) {
            (Model::Gap(_), _) => gap_bin,
            (Model::Category(_, v), Value::Symbol(s)) => v.text(s),
            (Model::Category(_, v), _) => v.missing(),
            _ => 0,
        }
    }

    fn observe_symbols(
        &mut self,
        key: &mut KeyState,
        i: usize,
        value: &Value,
        event: &Event,
        current: &Values,
    ) -> (f64, u32) {
        let known = match &self.fields[i].model {
            Model::Category(_, v) => v.len() as u32,
            _ => 256,
        };
        let symbol = self.symbol(i, value, gap_of(key, event));
        let mut told = std::mem::take(&mut self.told);
        self.fields[i].fill_side_inputs(current, Clocks::of(key.last_us), &mut told);
        if self.ranks
            && self.scoring
            && let (Model::Category(m, v), Some(k)) = (&self.fields[i].model, &key.symbols[i])
        {
            let rank = rank(m, v.end(), k, &told, known, symbol);
            self.tally.add_rank(i, rank);
        }
        let f = &mut self.fields[i];
        let Some(k) = &mut key.symbols[i] else { return (0.0, 0) };
        let mut nats = 0.0;
        let (scoring, tally) = (self.scoring, &mut self.tally);
        let learnt = |m: &SymbolModel, n: f64| {
            nats += n;
            if scoring {
                tally.add_experts(i, n, m.expert_nats());
                tally.add_claims(m.claims());
            }
        };
        match &mut f.model {
            Model::Category(m, _) | Model::Gap(m) => m.observe_run(k, &told, &[symbol], learnt),
            Model::Bytes(m) => {
                spell(value, &mut self.symbols);
                m.observe_run(k, &told, &self.symbols, learnt);
            }
            Model::Number(_) => {}
        }
        self.told = told;
        (nats, seen(symbol))
    }

    fn observe_number(
        &mut self,
        key: &mut KeyState,
        i: usize,
        value: &Value,
        time_us: Option<i64>,
        current: &Values,
        begun: &mut bool,
        given: bool,
    ) -> (f64, u32) {
        let Model::Number(column) = self.fields[i].model else { return (0.0, 0) };
        let (Some(m), Some(k)) = (&mut self.numbers, &mut key.numbers) else { return (0.0, 0) };
        if !*begun {
            // symbols that stand before the first number are known to all numbers
            let known = self.fields.iter().zip(&current.hashes).take(i);
            self.symbols.clear();
            self.symbols.extend(known.filter(|(f, _)| matches!(f.model, Model::Category(..))).map(|(_, h)| *h));
            m.begin(k, &EventContext { time_us, symbols: &self.symbols });
            *begun = true;
        }
        let x = match value {
            Value::Number(x) => *x,
            _ => f64::NAN,
        };
        let target = self.options.target.is_some();
        if !given && x.is_finite() {
            let mean = if target { m.conditional_mean(column) } else { m.mean(column) };
            self.anomaly.number(column, x - mean, m.resolution(column));
            self.drift.number(column, x, m.resolution(column));
            if self.scoring {
                let f = &mut self.tally.fields[i];
                f.numbers += 1;
                f.squared += (x - mean) * (x - mean);
                f.absolute += (x - mean).abs();
            }
            if self.intervals {
                let [low, high] = m.interval(column, target, 0.05, 0.95);
                self.forecasts.push((i, mean, low, high));
            }
        }
        let nats = m.observe(k, column, x);
        if self.scoring && !given {
            self.tally.add_experts(i, nats, m.expert_nats(column));
            if self.ranks
                && let Some((levels, crps)) = m.measures(column, target)
            {
                self.tally.add_levels(i, levels, crps);
            }
        }
        // several fields: the others see how large the number is for its column
        let hash = if self.fields.len() > 1 && x.is_finite() { seen(m.bucket(column, x)) } else { 0 };
        (nats, hash)
    }

    /// Scores whether the key went on, where its end is not one of the first field's symbols.
    fn observe_going_on(&mut self, key: &KeyState, ended: bool) -> f64 {
        let last = key.previous.hashes.first().copied().unwrap_or(0);
        let n = self.ending.observe(key.length, last, ended);
        if self.scoring {
            self.tally.ends += u64::from(ended);
            self.tally.end_nats += n;
        }
        n
    }

    fn observe_end(&mut self, key: &mut KeyState) -> f64 {
        if self.schema.is_bytes() || self.options.target.is_some() {
            return 0.0;
        }
        if !folds_ends(&self.schema) {
            return self.observe_going_on(key, true);
        }
        let mut told = std::mem::take(&mut self.told);
        self.fields[0].fill_side_inputs(&key.previous, Clocks::of(key.last_us), &mut told);
        let mut nats = 0.0;
        if let (Model::Category(m, v), Some(k)) = (&mut self.fields[0].model, &mut key.symbols[0]) {
            nats = m.observe(k, &told, v.ended());
            if self.scoring {
                self.tally.ends += 1;
                self.tally.end_nats += nats;
                self.tally.add_experts(0, nats, m.expert_nats());
                self.tally.add_claims(m.claims());
            }
        }
        self.told = told;
        nats
    }
}

/// The name of the field that a column of numbers is.
fn name_of(fields: &[FieldModel], column: usize) -> Arc<str> {
    let it = fields.iter().find(|f| matches!(f.model, Model::Number(c) if c == column));
    it.map_or_else(|| "".into(), |f| f.name.clone())
}

/// The bin of the gap that an event makes.
fn gap_of(key: &KeyState, event: &Event) -> u32 {
    match (event.time_us, key.last_us) {
        (Some(t), Some(l)) => gap::bin(t.saturating_sub(l)),
        _ => gap::FIRST,
    }
}

/// A text as symbols: its bytes, where a line feed says whether the text goes on.
fn spell(value: &Value, symbols: &mut Vec<u32>) {
    const FEED: u32 = b'\n' as u32;
    let mut close = ABSENT;
    symbols.clear();
    if let Value::Bytes(text) = value {
        close = ENDED;
        for b in text {
            symbols.push(u32::from(*b));
            if *b == b'\n' {
                symbols.push(INSIDE);
            }
        }
    }
    symbols.extend([FEED, close]);
}

/// How many values were likelier than the one that came; the end of a key is none of them.
fn rank(m: &SymbolModel, end: Option<u32>, k: &SymbolKey, told: &SideInputs, known: u32, symbol: u32) -> usize {
    let max = RANKS[RANKS.len() - 1];
    if symbol >= known {
        return max;
    }
    let mut n = 0;
    m.likeliest(&m.probe(k), told, known, |s, _| {
        if s == symbol {
            return false;
        }
        n += usize::from(Some(s) != end);
        n < max
    });
    n
}
