//! The model of all number fields of a stream, which is not made before a second event has numbers.
//!
//! As with symbols ([`crate::symbol_field`]), the first event with numbers is scored and learnt by a model that is
//! dropped again, and the event's numbers are kept in its place. The second such event finds a model that has learnt
//! them again, to the bit.

use std::ops::Deref;
use surmise_network::{JobSink, NoClone};
use surmise_number::{EventContext, NumberKey, NumberModel, NumberOptions};
use surmise_state::{Persist, State, StateError};

/// What a column of a model takes, and one that waits.
const COLUMN_BYTES: usize = 56 << 10;
const WAITING_COLUMN_BYTES: usize = 2 << 10;

/// The number model of a stream, or what it is made of when it is needed.
#[derive(Clone)]
pub struct NumberFields {
    columns: usize,
    options: NumberOptions,
    seed: u64,
    /// The only event with numbers so far, if there was exactly one and the model is not made.
    first: Option<FirstNumbers>,
    /// The numbers of an event that is being observed and is the first; `None` behind it.
    observing: Option<FirstNumbers>,
    /// Whether an event with numbers was finished.
    begun: bool,
    model: Option<Box<NumberModel>>,
    /// Where the model sends gradient jobs.
    job_sink: NoClone<Option<JobSink>>,
}

/// The numbers of the first event, in the order in which they were observed, and what was known besides.
#[derive(Clone, Default)]
struct FirstNumbers {
    time_us: Option<i64>,
    symbols: Vec<u32>,
    columns: Vec<u32>,
    values: Vec<f64>,
}

/// A number model that is asked: the stream's own, or one that was made for the question.
pub enum AskedNumbers<'a> {
    /// The stream's own.
    Own(&'a NumberModel),
    /// Made for the question.
    Lent(Box<NumberModel>),
}

impl Deref for AskedNumbers<'_> {
    type Target = NumberModel;
    fn deref(&self) -> &NumberModel {
        match self {
            AskedNumbers::Own(model) => model,
            AskedNumbers::Lent(model) => model,
        }
    }
}

impl NumberFields {
    /// Number fields that have not come yet.
    pub fn new(options: NumberOptions, seed: u64) -> NumberFields {
        NumberFields {
            columns: 0,
            options,
            seed,
            first: None,
            observing: None,
            begun: false,
            model: None,
            job_sink: NoClone::default(),
        }
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Bytes that the fields take, nearly.
    pub fn bytes(&self) -> usize {
        self.columns * if self.model.is_some() { COLUMN_BYTES } else { WAITING_COLUMN_BYTES }
    }

    /// Adds columns, the last ones.
    pub fn add_columns(&mut self, more: usize) {
        if more > 0 && (self.first.is_some() || self.model.is_some()) {
            self.wake().add_columns(more);
        }
        self.columns += more;
    }

    /// The model as it is after what came so far, which was all before columns were added that it does not have.
    fn make(&self) -> Box<NumberModel> {
        let mut model = Box::new(NumberModel::grown(self.columns, self.options.clone(), self.seed));
        if let Some(first) = &self.first {
            let mut key = NumberKey::of_columns(self.columns);
            model.begin(&mut key, &EventContext { time_us: first.time_us, symbols: &first.symbols });
            for (column, value) in first.columns.iter().zip(&first.values) {
                model.observe(&mut key, *column as usize, *value);
            }
            model.finish(&mut key);
        }
        model
    }

    /// The model, made if need be. It stays until [`NumberFields::finish`] finds that it has learnt one event alone.
    fn wake(&mut self) -> &mut NumberModel {
        if self.model.is_none() {
            let mut model = self.make();
            model.set_job_sink(self.job_sink.0.clone());
            self.model = Some(model);
            self.first = None;
        }
        self.model.as_mut().expect("it was made above")
    }

    /// The model, while it is made.
    pub fn made_model(&self) -> Option<&NumberModel> {
        self.model.as_deref()
    }

    /// The model for a question; it is made for the question if it is not there.
    pub fn ask(&self) -> AskedNumbers<'_> {
        match &self.model {
            Some(model) => AskedNumbers::Own(model),
            None => AskedNumbers::Lent(self.make()),
        }
    }

    /// Begins an event: see [`NumberModel::begin`].
    pub fn begin(&mut self, key: &mut NumberKey, context: &EventContext<'_>) {
        if !self.begun {
            let (time_us, symbols) = (context.time_us, context.symbols.to_vec());
            self.observing = Some(FirstNumbers { time_us, symbols, ..FirstNumbers::default() });
        }
        self.wake().begin(key, context);
    }

    /// Scores a column's value: see [`NumberModel::observe`].
    pub fn observe(&mut self, key: &mut NumberKey, column: usize, value: f64) -> f64 {
        if let Some(first) = &mut self.observing {
            first.columns.push(column as u32);
            first.values.push(value);
        }
        self.wake().observe(key, column, value)
    }

    /// Learns from the event: see [`NumberModel::finish`]. After the first event the model is dropped.
    pub fn finish(&mut self, key: &mut NumberKey) {
        self.wake().finish(key);
        if let Some(first) = self.observing.take() {
            self.first = Some(first);
            self.model = None;
        }
        self.begun = true;
    }

    /// The private state of a new key.
    pub fn new_key(&self) -> NumberKey {
        NumberKey::of_columns(self.columns)
    }

    /// Whether forecasts are learnt directly for each lead.
    pub fn leads_learnt(&self) -> bool {
        self.model.as_ref().map_or_else(|| self.ask().leads_learnt(), |model| model.leads_learnt())
    }

    /// Sets where the model sends gradient jobs.
    pub fn set_job_sink(&mut self, job_sink: Option<JobSink>) {
        if let Some(model) = &mut self.model {
            model.set_job_sink(job_sink.clone());
        }
        self.job_sink = NoClone(job_sink);
    }

    /// Discards gradient jobs that wait.
    pub fn discard_pending_jobs(&mut self) {
        self.model.iter_mut().for_each(|model| model.discard_pending_jobs());
    }
}

impl FirstNumbers {
    fn fits(&self, columns: usize) -> bool {
        self.columns.len() == self.values.len() && self.columns.iter().all(|column| (*column as usize) < columns)
    }
}

impl Persist for FirstNumbers {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let mut timed = self.time_us.is_some();
        s.bool("first timed", &mut timed)?;
        let mut time_us = self.time_us.unwrap_or(0);
        s.i64("first time", &mut time_us)?;
        self.time_us = timed.then_some(time_us);
        s.u32s("first symbols", &mut self.symbols)?;
        s.u32s("first columns", &mut self.columns)?;
        s.f64s("first values", &mut self.values)
    }
}

impl Persist for NumberFields {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("number fields")?;
        let mut columns = self.columns;
        s.len("number columns", &mut columns)?;
        if columns != self.columns {
            return Err(StateError::Mismatch("number columns"));
        }
        s.bool("numbers begun", &mut self.begun)?;
        s.option("first numbers", &mut self.first, FirstNumbers::default)?;
        if self.first.as_ref().is_some_and(|first| !first.fits(columns)) {
            self.first = None;
            return Err(StateError::Invalid("first numbers"));
        }
        let mut made = self.model.is_some();
        s.bool("numbers made", &mut made)?;
        if s.is_reading() {
            let new = || Box::new(NumberModel::new(columns, self.options.clone(), self.seed));
            self.model = made.then(new);
        }
        self.model.as_mut().map_or(Ok(()), |model| model.persist(s))
    }
}
