//! The model of one field: which recipe it follows, what it is told of the other fields, and how values become
//! symbols.

use crate::clock::Clocks;
use crate::keys::KeyState;
use crate::vocabulary::Vocabulary;
use crate::{Component, Options, Preset};
use std::sync::Arc;
use surmise_event::{FieldKind, Schema};
use surmise_state::{IncrementalCopy, Persist, State, StateError, incremental_copy};
use surmise_symbol::{Code, EventInputs, NUMBERS_MAX, NetworkSpec, Spec, SymbolModel, mix};

/// Other fields that a symbol model is told of, at most.
const SIDES_MAX: usize = 8;

/// So many equal gaps in a row and the clock ticks evenly: longer than the rhythms of a day in minutes or a week in
/// hours leave one.
const EVEN_TICKS: u64 = 1024;

/// Follows a line feed inside a text; what follows the one that ends it; what stands for a missing text.
pub const INSIDE: u32 = 1;
/// See [`INSIDE`].
pub const ENDED: u32 = 0;
/// See [`INSIDE`].
pub const ABSENT: u32 = 2;

/// What predicts a field.
#[derive(Clone)]
pub enum Model {
    /// A category.
    Category(Box<SymbolModel>, Vocabulary),
    /// Single bytes, or texts.
    Bytes(Box<SymbolModel>),
    /// Gaps in bins.
    Gap(Box<SymbolModel>),
    /// A column of the number model.
    Number(usize),
}

impl Model {
    /// Makes a copy that is of another kind anew.
    fn match_kind(&self, copy: &mut Model) {
        if std::mem::discriminant(self) != std::mem::discriminant(copy) {
            *copy = self.empty_copy();
        }
    }

    fn symbol_model(&self) -> Option<&SymbolModel> {
        match self {
            Model::Category(m, _) | Model::Bytes(m) | Model::Gap(m) => Some(m),
            Model::Number(_) => None,
        }
    }

    fn symbol_model_mut(&mut self) -> Option<&mut SymbolModel> {
        match self {
            Model::Category(m, _) | Model::Bytes(m) | Model::Gap(m) => Some(m),
            Model::Number(_) => None,
        }
    }
}

/// The latest value of every field, as the others see it.
#[derive(Clone, Default)]
pub struct Values {
    /// Hashes; 0 where there is none.
    pub hashes: Vec<u32>,
    /// Numbers; NaN where there is none.
    pub numbers: Vec<f64>,
}

impl Values {
    /// Becomes as `other`, in the room that there is.
    pub fn copy(&mut self, other: &Values) {
        self.hashes.clone_from(&other.hashes);
        self.numbers.clone_from(&other.numbers);
    }

    /// Of so many fields, all missing.
    pub fn new(fields: usize) -> Self {
        Values { hashes: vec![0; fields], numbers: vec![f64::NAN; fields] }
    }

    /// As many as the schema has fields now.
    pub fn resize(&mut self, fields: usize) {
        self.hashes.resize(fields, 0);
        self.numbers.resize(fields, f64::NAN);
    }
}

impl Persist for Values {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32s_fixed("previous", &mut self.hashes)?;
        s.f64s_fixed("previous numbers", &mut self.numbers)
    }
}

/// What one field is told of the others.
#[derive(Clone, Default)]
pub struct SideInputs {
    side: Vec<u32>,
    numbers: Vec<f64>,
}

impl<'a> From<&'a SideInputs> for EventInputs<'a> {
    fn from(t: &'a SideInputs) -> Self {
        EventInputs { side: &t.side, numbers: &t.numbers }
    }
}

/// The model of one field.
#[derive(Clone)]
pub struct FieldModel {
    /// Its name.
    pub name: Arc<str>,
    /// How many fields the schema had when the model was made, which decides what it is told.
    pub among: usize,
    /// Positions of the fields that it is told of.
    pub sides: Vec<usize>,
    /// Positions of the number fields whose values its symbols are given.
    pub numbers: Vec<usize>,
    /// What predicts it.
    pub model: Model,
}

impl FieldModel {
    /// The model of the field at a position. It is told of the other fields that the schema has now: of earlier ones
    /// (of all, for a target) their values in the same event, of later ones those of the key's previous event.
    pub fn new(schema: &Schema, position: usize, columns: &mut usize, options: &Options) -> FieldModel {
        let field = &schema.fields[position];
        let build = |spec: Option<Spec>| {
            Box::new(SymbolModel::new(spec.expect("invariant: every field that is no number has a recipe")))
        };
        let spec = recipe(schema, position, options);
        let model = match field.kind {
            FieldKind::Number => {
                *columns += 1;
                Model::Number(*columns - 1)
            }
            FieldKind::Byte | FieldKind::Text => Model::Bytes(build(spec)),
            FieldKind::Gap => Model::Gap(build(spec)),
            FieldKind::Category => Model::Category(build(spec), Vocabulary::default()),
        };
        let sides = match &model {
            Model::Category(m, _) | Model::Gap(m) if m.spec().sides > 0 => sides_of(schema, position, options),
            _ => Vec::new(),
        };
        let numbers = match &model {
            Model::Category(m, _) | Model::Gap(m) if m.spec().numbers > 0 => numbers_of(schema),
            _ => Vec::new(),
        };
        FieldModel { name: field.name.as_str().into(), among: schema.fields.len(), sides, numbers, model }
    }

    /// The symbol model, unless the field is a number.
    pub fn symbols(&self) -> Option<&SymbolModel> {
        self.model.symbol_model()
    }

    /// The same, to change it.
    pub fn symbols_mut(&mut self) -> Option<&mut SymbolModel> {
        match &mut self.model {
            Model::Category(m, _) | Model::Bytes(m) | Model::Gap(m) => Some(m),
            Model::Number(_) => None,
        }
    }

    /// What the field is told of the others, and of the time of the key's last event.
    pub fn fill_side_inputs(&self, current: &Values, clocks: Clocks, out: &mut SideInputs) {
        out.side.clear();
        out.side.extend(self.sides.iter().map(|i| current.hashes.get(*i).copied().unwrap_or(0)));
        out.side.extend(clocks.hands().iter().take(self.symbols().map_or(0, |m| m.spec().clocks)));
        out.numbers.clear();
        out.numbers.extend(self.numbers.iter().map(|i| current.numbers.get(*i).copied().unwrap_or(f64::NAN)));
    }

    /// Walks over one key's part of the state.
    pub fn persist_key(&self, key: &mut KeyState, i: usize, s: &mut State<'_>) -> Result<(), StateError> {
        let Some(m) = self.symbols() else { return Ok(()) };
        if s.is_reading() {
            key.symbols[i] = Some(m.new_key());
        }
        match &mut key.symbols[i] {
            Some(k) => m.persist_key(k, s),
            None => {
                let mut k = m.new_key();
                m.persist_key(&mut k, s)
            }
        }
    }
}

/// Positions of the fields that the field at a position is told of.
fn sides_of(schema: &Schema, position: usize, options: &Options) -> Vec<usize> {
    let told = |i: &usize| *i != position && !matches!(schema.fields[*i].kind, FieldKind::Text | FieldKind::Byte);
    let most = if options.has(Component::Sides) { SIDES_MAX } else { 0 };
    (0..schema.fields.len()).filter(told).take(most).collect()
}

/// Positions of the number fields whose values symbols are given.
fn numbers_of(schema: &Schema) -> Vec<usize> {
    (0..schema.fields.len()).filter(|i| schema.fields[*i].kind == FieldKind::Number).take(NUMBERS_MAX).collect()
}

/// The recipe for the field at a position, unless it is a number.
pub fn recipe(schema: &Schema, position: usize, options: &Options) -> Option<Spec> {
    let lone = schema.fields.iter().filter(|f| f.kind != FieldKind::Gap).count() == 1;
    // the recipe of sessions is for a category by itself; of fields among others, if they are to be told of each other
    let session = match options.preset {
        Preset::Auto => lone && schema.fields.len() == 1,
        preset => preset == Preset::Symbols,
    };
    let memory = options.memory_mib;
    let records = |code: Code| {
        let clocks = if schema.has_gap() && options.has(Component::Clocks) { Clocks::COUNT } else { 0 };
        let sides = sides_of(schema, position, options).len();
        Spec { numbers: numbers_of(schema).len(), ..Spec::among_fields(code, true, memory, sides, clocks) }
    };
    let (spec, preset) = match schema.fields[position].kind {
        FieldKind::Number => return None,
        FieldKind::Byte => (Spec::bytes(false, memory), Preset::Bytes),
        FieldKind::Text => (Spec::bytes(true, memory), Preset::Bytes),
        FieldKind::Gap => (Spec { rest: EVEN_TICKS, ..records(Code::Byte) }, Preset::Records),
        FieldKind::Category if session => (Spec::symbols(true, memory), Preset::Symbols),
        FieldKind::Category => (records(Code::Arrival), Preset::Records),
    };
    let mut spec = options.reduce(spec);
    spec.network = network(options, preset, &spec);
    spec.seed = options.seed.wrapping_add(position as u64 * 0x9E37_79B9);
    Some(spec)
}

/// The network that the options and the kind of data call for.
fn network(options: &Options, preset: Preset, spec: &Spec) -> Option<NetworkSpec> {
    let preset = if options.preset == Preset::Auto { preset } else { options.preset };
    let hidden = options.network().chosen(preset).hidden()?;
    let bytes = spec.code == Code::Byte && spec.sides == 0;
    let largest = NetworkSpec {
        layers: 2,
        hidden,
        chunk: if bytes { 16 } else { 8 },
        rate: if hidden > 64 { 3e-3 } else { 5e-3 },
        head_rate: if bytes { 2e-3 } else { 5e-3 },
        lags: 3,
        rows_max: 1 << 16,
        nodes_max: 1 << 14,
        engine: options.engine,
        delay_chunks: options.delay_chunks as usize,
    };
    largest.within((options.memory_mib.max(1) as usize) << 18, spec.code, spec.sides)
}

/// The hash under which other fields see a symbol.
pub fn seen(symbol: u32) -> u32 {
    mix(symbol.wrapping_add(1), 0x5EE7)
}

incremental_copy!(FieldModel { large: model; small: name, among, sides, numbers });

impl IncrementalCopy for Model {
    fn empty_copy(&self) -> Self {
        match self {
            Model::Category(m, v) => Model::Category(m.empty_copy(), v.empty_copy()),
            Model::Bytes(m) => Model::Bytes(m.empty_copy()),
            Model::Gap(m) => Model::Gap(m.empty_copy()),
            Model::Number(column) => Model::Number(*column),
        }
    }

    fn reserve(&self, copy: &mut Self, room: &mut usize) -> bool {
        self.match_kind(copy);
        match (self, copy) {
            (Model::Category(m, v), Model::Category(copy, copied)) => v.reserve(copied, room) && m.reserve(copy, room),
            (Model::Bytes(m), Model::Bytes(copy)) | (Model::Gap(m), Model::Gap(copy)) => m.reserve(copy, room),
            _ => true,
        }
    }

    fn begin_copy(&mut self, copy: &mut Self) {
        self.match_kind(copy);
        match (self, copy) {
            (Model::Category(m, v), Model::Category(copy, copied)) => {
                v.begin_copy(copied);
                m.begin_copy(copy);
            }
            (Model::Bytes(m), Model::Bytes(copy)) | (Model::Gap(m), Model::Gap(copy)) => m.begin_copy(copy),
            (Model::Number(column), copy) => *copy = Model::Number(*column),
            _ => unreachable!("the copy was made to be of the same kind"),
        }
    }

    fn copy_some(&mut self, room: &mut usize) -> bool {
        self.symbol_model_mut().is_none_or(|m| m.copy_some(room))
    }

    fn finish_copy(&mut self) {
        self.symbol_model_mut().into_iter().for_each(|m| m.finish_copy());
    }
}

impl Persist for FieldModel {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        match &mut self.model {
            Model::Category(m, v) => {
                v.persist(s)?;
                m.persist(s)
            }
            Model::Bytes(m) | Model::Gap(m) => m.persist(s),
            Model::Number(_) => Ok(()),
        }
    }
}

/// Whether the first field's vocabulary holds the ends of keys.
pub fn folds_ends(schema: &Schema) -> bool {
    schema.fields.first().is_some_and(|f| f.kind == FieldKind::Category)
}
