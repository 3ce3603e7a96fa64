//! The symbol model of one field, which is not made before the field has shown that it comes again.
//!
//! A model takes some hundred kilobytes from its first symbol on, and many fields come once: a line of a log with two
//! hundred names of its own must not cost as much as two hundred fields that are learnt for years. So a field *waits*:
//! its first value is scored and learnt by a model that is dropped again, and the value is kept in its place. With the
//! second value the model is made, learns the first one again, and stays. As it sees what it would have seen, it is
//! the same to the bit; whether and when it is made follows from the events alone.
//!
//! While a field waits, a missing value is no symbol for its model. It is charged by a count of its own: of a field
//! that has come s times (0 or 1) and was missing k times, the next value is there with probability
//! (s + 1)/(s + 1 + k + 0.1).

use crate::values::SideInputs;
use std::borrow::Borrow;
use std::sync::Arc;
use surmise_network::{JobSink, NoClone};
use surmise_state::{IncrementalCopy, Persist, State, StateError};
use surmise_symbol::{Code, Spec, SymbolKey, SymbolModel, expert_names};

/// Symbols of a first value up to which it is kept in place of a model; a longer text is worth a model at once.
const FIRST_SYMBOLS_MAX: usize = 256;
/// What a field that waits takes.
pub const WAITING_BYTES: usize = 2 << 10;
/// What a model takes when it is made.
pub const MADE_BYTES: usize = 300 << 10;
/// What a missing value counts for before any was missing.
const MISSING_PRIOR: f64 = 0.1;

/// The symbol model of one field, or what the field waits with.
#[derive(Clone)]
pub enum SymbolField {
    /// The field came at most once.
    Waiting(Box<WaitingField>),
    /// The field's model.
    Made(Box<SymbolModel>),
}

/// A field that came at most once.
#[derive(Clone)]
pub struct WaitingField {
    /// The recipe but for its seed, which fields that wait share where they can.
    spec: Arc<Spec>,
    seed: u64,
    first: Option<FirstValue>,
    /// Values that were missing.
    missing: u64,
    /// Where the model will send gradient jobs.
    job_sink: NoClone<Option<JobSink>>,
}

/// The first value of a field, with what its prediction could use.
#[derive(Clone, Default)]
struct FirstValue {
    symbols: Vec<u32>,
    inputs: SideInputs,
    /// The regret bound of the model after the value, in nats.
    bound: f64,
}

/// A model that is asked: the field's own, or one that was made for the question.
pub enum AskedModel<'a> {
    /// The field's own.
    Own(&'a SymbolModel),
    /// Made for the question, of a field that waits.
    Lent(Box<SymbolModel>),
}

impl std::ops::Deref for AskedModel<'_> {
    type Target = SymbolModel;
    fn deref(&self) -> &SymbolModel {
        match self {
            AskedModel::Own(model) => model,
            AskedModel::Lent(model) => model.borrow(),
        }
    }
}

impl WaitingField {
    /// The model as it is after what came so far.
    fn make(&self) -> Box<SymbolModel> {
        let mut model = Box::new(SymbolModel::new(self.recipe()));
        if let Some(first) = &self.first {
            // of a model's first value the key is new, too
            let mut key = model.new_key();
            model.observe_run(&mut key, &first.inputs, &first.symbols, |_, _| ());
        }
        model
    }

    fn recipe(&self) -> Spec {
        Spec { seed: self.seed, ..Spec::clone(&self.spec) }
    }

    /// The probability that the next value is there.
    fn presence(&self) -> f64 {
        let came = if self.first.is_some() { 2.0 } else { 1.0 };
        came / (came + self.missing as f64 + MISSING_PRIOR)
    }
}

impl SymbolField {
    /// A field that has not come yet, of this recipe. It shares the recipe of `like` if that one waits, too, and has
    /// the same but for the seed.
    pub fn waiting(spec: Spec, like: Option<&SymbolField>) -> SymbolField {
        let seed = spec.seed;
        let spec = match like {
            Some(SymbolField::Waiting(like)) if *like.spec == (Spec { seed: like.spec.seed, ..spec.clone() }) => {
                like.spec.clone()
            }
            _ => Arc::new(spec),
        };
        let waiting = WaitingField { spec, seed, first: None, missing: 0, job_sink: NoClone::default() };
        SymbolField::Waiting(Box::new(waiting))
    }

    /// A field whose model is there from the beginning: how the symbols of an endless text are cut into events says
    /// nothing, so none of them is a first value.
    pub fn made(spec: Spec) -> SymbolField {
        SymbolField::Made(Box::new(SymbolModel::new(spec)))
    }

    /// The recipe; of a field that waits without its seed.
    pub fn spec(&self) -> &Spec {
        match self {
            SymbolField::Waiting(waiting) => &waiting.spec,
            SymbolField::Made(model) => model.spec(),
        }
    }

    /// The model, if it is made.
    pub fn made_model(&self) -> Option<&SymbolModel> {
        match self {
            SymbolField::Waiting(_) => None,
            SymbolField::Made(model) => Some(model),
        }
    }

    /// The model, to learn an endless text with, if it is made.
    pub fn made_model_mut(&mut self) -> Option<&mut SymbolModel> {
        match self {
            SymbolField::Waiting(_) => None,
            SymbolField::Made(model) => Some(model),
        }
    }

    /// The model for a question; for a field that waits it is made for the question, at the cost of some tenths of a
    /// millisecond.
    pub fn ask(&self) -> AskedModel<'_> {
        match self {
            SymbolField::Waiting(waiting) => AskedModel::Lent(waiting.make()),
            SymbolField::Made(model) => AskedModel::Own(model),
        }
    }

    /// Lets the field's model learn a value by `learn`, which observes exactly these symbols with these inputs.
    pub fn observe<R>(&mut self, inputs: &SideInputs, symbols: &[u32], learn: impl FnOnce(&mut SymbolModel) -> R) -> R {
        if let SymbolField::Waiting(waiting) = self {
            let mut model = waiting.make();
            if waiting.first.is_none() && symbols.len() <= FIRST_SYMBOLS_MAX {
                let learnt = learn(&mut model);
                let bound = model.regret_bound();
                waiting.first = Some(FirstValue { symbols: symbols.to_vec(), inputs: inputs.clone(), bound });
                waiting.missing = 0;
                return learnt;
            }
            model.set_job_sink(waiting.job_sink.0.clone());
            *self = SymbolField::Made(model);
        }
        match self {
            SymbolField::Made(model) => learn(model),
            SymbolField::Waiting(_) => unreachable!("it was made above"),
        }
    }

    /// Takes in that the value of a field that waits is missing; returns the probability that it had. `None` if the
    /// field does not wait: then its model learns missing values, too.
    pub fn miss(&mut self) -> Option<f64> {
        let SymbolField::Waiting(waiting) = self else { return None };
        let p = 1.0 - waiting.presence();
        waiting.missing += 1;
        Some(p)
    }

    /// Whether the model is made with the next value.
    pub fn is_next_made(&self) -> bool {
        matches!(self, SymbolField::Waiting(waiting) if waiting.first.is_some())
    }

    /// Bytes that the field takes, nearly.
    pub fn bytes(&self) -> usize {
        self.made_model().map_or(WAITING_BYTES, SymbolModel::bytes)
    }

    /// Whether the field has not come yet.
    pub fn is_first(&self) -> bool {
        matches!(self, SymbolField::Waiting(waiting) if waiting.first.is_none())
    }

    /// The probability that the next value of a field that waits is there; `None` if the field does not wait.
    pub fn presence(&self) -> Option<f64> {
        match self {
            SymbolField::Waiting(waiting) => Some(waiting.presence()),
            SymbolField::Made(_) => None,
        }
    }

    /// The names of the model's experts; none before the first value.
    pub fn experts(&self) -> Vec<&'static str> {
        match self {
            SymbolField::Waiting(waiting) if waiting.first.is_some() => expert_names(&waiting.spec),
            SymbolField::Waiting(_) => Vec::new(),
            SymbolField::Made(model) => model.experts().to_vec(),
        }
    }

    /// What the regret against the best expert cannot exceed so far, in nats.
    pub fn regret_bound(&self) -> f64 {
        match self {
            SymbolField::Waiting(waiting) => waiting.first.as_ref().map_or(0.0, |first| first.bound),
            SymbolField::Made(model) => model.regret_bound(),
        }
    }

    /// Sets where the model sends gradient jobs.
    pub fn set_job_sink(&mut self, job_sink: Option<JobSink>) {
        match self {
            SymbolField::Waiting(waiting) => waiting.job_sink = NoClone(job_sink),
            SymbolField::Made(model) => model.set_job_sink(job_sink),
        }
    }

    /// Sets by how many bytes the model's tables may still grow.
    pub fn set_room(&mut self, room: usize) {
        if let SymbolField::Made(model) = self {
            model.set_room(room);
        }
    }

    /// Discards gradient jobs that wait.
    pub fn discard_pending_jobs(&mut self) {
        self.made_model_mut().into_iter().for_each(SymbolModel::discard_pending_jobs);
    }

    /// The private state of a new key.
    pub fn new_key(&self) -> SymbolKey {
        match self {
            SymbolField::Waiting(waiting) => SymbolModel::first_key(&waiting.spec),
            SymbolField::Made(model) => model.new_key(),
        }
    }

    /// Walks over a key's state, as [`Persist`] does.
    pub fn persist_key(&self, key: &mut SymbolKey, s: &mut State<'_>) -> Result<(), StateError> {
        match self {
            SymbolField::Waiting(waiting) => SymbolModel::persist_first_key(&waiting.spec, key, s),
            SymbolField::Made(model) => model.persist_key(key, s),
        }
    }
}

impl FirstValue {
    /// Whether a model of this recipe can have learnt it.
    fn fits(&self, spec: &Spec) -> bool {
        let symbols_end = if spec.code == Code::Byte { 256 } else { surmise_symbol::ARRIVAL_MAX };
        (1..=FIRST_SYMBOLS_MAX).contains(&self.symbols.len())
            && self.symbols.iter().all(|symbol| *symbol < symbols_end)
            && self.inputs.side.len() <= spec.sides
            && self.inputs.numbers.len() <= spec.numbers
    }
}

impl Persist for FirstValue {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32s("first symbols", &mut self.symbols)?;
        s.u32s("first sides", &mut self.inputs.side)?;
        s.f64s("first numbers", &mut self.inputs.numbers)?;
        s.f64("first bound", &mut self.bound)
    }
}

impl Persist for SymbolField {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let mut waits = matches!(self, SymbolField::Waiting(_));
        s.bool("field waits", &mut waits)?;
        match self {
            SymbolField::Waiting(waiting) if waits => {
                s.u64("field missing", &mut waiting.missing)?;
                s.option("field first", &mut waiting.first, FirstValue::default)?;
                let fits = waiting.first.as_ref().is_none_or(|first| first.fits(&waiting.spec));
                if fits { Ok(()) } else { Err(StateError::Invalid("field first")) }
            }
            SymbolField::Waiting(waiting) => {
                // a walk that reads found a model
                let mut model = Box::new(SymbolModel::new(waiting.recipe()));
                let read = model.persist(s);
                *self = SymbolField::Made(model);
                read
            }
            SymbolField::Made(_) if waits => Err(StateError::Invalid("field waits")),
            SymbolField::Made(model) => model.persist(s),
        }
    }
}

impl IncrementalCopy for SymbolField {
    fn empty_copy(&self) -> Self {
        match self {
            SymbolField::Waiting(waiting) => SymbolField::Waiting(waiting.clone()),
            SymbolField::Made(model) => SymbolField::Made(model.empty_copy()),
        }
    }

    fn reserve(&self, copy: &mut Self, room: &mut usize) -> bool {
        match (self, &mut *copy) {
            (SymbolField::Made(model), SymbolField::Made(copy)) => model.reserve(copy, room),
            (SymbolField::Made(model), SymbolField::Waiting(_)) => {
                let mut made = model.empty_copy();
                let done = model.reserve(&mut made, room);
                *copy = SymbolField::Made(made);
                done
            }
            (SymbolField::Waiting(_), _) => true,
        }
    }

    fn begin_copy(&mut self, copy: &mut Self) {
        if let (SymbolField::Made(model), SymbolField::Made(copy)) = (&mut *self, &mut *copy) {
            return model.begin_copy(copy);
        }
        *copy = self.empty_copy();
        if let (SymbolField::Made(model), SymbolField::Made(copy)) = (self, copy) {
            model.begin_copy(copy);
        }
    }

    fn copy_some(&mut self, room: &mut usize) -> bool {
        self.made_model_mut().is_none_or(|model| model.copy_some(room))
    }

    fn finish_copy(&mut self) {
        self.made_model_mut().into_iter().for_each(IncrementalCopy::finish_copy);
    }
}
