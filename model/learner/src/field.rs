//! The model of one field: which recipe it follows, what it is told of the other fields, and how values become
//! symbols.

use crate::clock::Clocks;
use crate::keys::KeyState;
use crate::vocabulary::Vocabulary;
use crate::{Options, Preset};
use std::sync::Arc;
use surmise_event::{Kind, Schema};
use surmise_state::{Persist, State, StateError};
use surmise_symbol::{Code, NetworkSpec, Spec, SymbolModel, mix};

/// Other fields that a symbol model is told of, at most.
const SIDES_MAX: usize = 8;

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

/// The model of one field.
#[derive(Clone)]
pub struct FieldModel {
    /// Its name.
    pub name: Arc<str>,
    /// How many fields the schema had when the model was made, which decides what it is told.
    pub among: usize,
    /// Positions of the fields that it is told of.
    pub sides: Vec<usize>,
    /// What predicts it.
    pub model: Model,
}

impl FieldModel {
    /// The model of the field at a position. It is told of the other fields that the schema has now: of earlier ones
    /// (of all, for a target) their values in the same event, of later ones those of the key's previous event.
    pub fn new(schema: &Schema, position: usize, columns: &mut usize, options: &Options) -> FieldModel {
        let field = &schema.fields[position];
        let lone = schema.fields.iter().filter(|f| f.kind != Kind::Gap).count() == 1;
        let sides: Vec<usize> = (0..schema.fields.len())
            .filter(|i| *i != position && !matches!(schema.fields[*i].kind, Kind::Text | Kind::Byte))
            .take(SIDES_MAX)
            .collect();
        // the recipe of sessions is for a category by itself; of fields among others, if they are to be told of each other
        let session = match options.preset {
            Preset::Auto => lone && sides.is_empty(),
            preset => preset == Preset::Symbols,
        };
        let memory = options.memory_mib;
        let seed = options.seed.wrapping_add(position as u64 * 0x9E37_79B9);
        let build = |mut spec: Spec, preset: Preset| {
            spec.network = network(options, preset, &spec);
            spec.seed = seed;
            Box::new(SymbolModel::new(spec))
        };
        let clocks = if schema.has_gap() { Clocks::COUNT } else { 0 };
        let records = |code: Code| Spec::among_fields(code, true, memory, sides.len(), clocks);
        let model = match field.kind {
            Kind::Number => {
                *columns += 1;
                Model::Number(*columns - 1)
            }
            Kind::Byte => Model::Bytes(build(Spec::bytes(false, memory), Preset::Bytes)),
            Kind::Text => Model::Bytes(build(Spec::bytes(true, memory), Preset::Bytes)),
            Kind::Gap => Model::Gap(build(records(Code::Byte), Preset::Records)),
            Kind::Category if session => {
                Model::Category(build(Spec::symbols(true, memory), Preset::Symbols), Vocabulary::default())
            }
            Kind::Category => Model::Category(build(records(Code::Arrival), Preset::Records), Vocabulary::default()),
        };
        let sides = match &model {
            Model::Category(m, _) | Model::Gap(m) if m.spec().sides > 0 => sides,
            _ => Vec::new(),
        };
        FieldModel { name: field.name.as_str().into(), among: schema.fields.len(), sides, model }
    }

    /// The symbol model, unless the field is a number.
    pub fn symbols(&self) -> Option<&SymbolModel> {
        match &self.model {
            Model::Category(m, _) | Model::Bytes(m) | Model::Gap(m) => Some(m),
            Model::Number(_) => None,
        }
    }

    /// What the field is told of the others, and of the time of the key's last event.
    pub fn side(&self, current: &[u32], clocks: Clocks, out: &mut Vec<u32>) {
        out.clear();
        out.extend(self.sides.iter().map(|i| current.get(*i).copied().unwrap_or(0)));
        let told = self.symbols().map_or(0, |m| m.spec().clocks);
        out.extend(clocks.hands().iter().take(told));
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

/// The network that the options and the kind of data call for.
fn network(options: &Options, preset: Preset, spec: &Spec) -> Option<NetworkSpec> {
    let preset = if options.preset == Preset::Auto { preset } else { options.preset };
    let hidden = options.network.chosen(preset).hidden()?;
    let bytes = spec.code == Code::Byte && spec.sides == 0;
    // embeddings take 18 values of 4 bytes per unit and symbol: keep them within a third of the ceiling
    let rows = (options.memory_mib as usize * (1 << 20) / 3 / (hidden * 18 * 8)).max(256);
    Some(NetworkSpec {
        layers: 2,
        hidden,
        chunk: if bytes { 16 } else { 8 },
        rate: if hidden > 64 { 3e-3 } else { 5e-3 },
        head_rate: if bytes { 2e-3 } else { 5e-3 },
        lags: 3,
        rows_max: 1 << rows.min(1 << 16).ilog2(),
        nodes_max: 1 << 14,
        engine: options.engine,
    })
}

/// The hash under which other fields see a symbol.
pub fn seen(symbol: u32) -> u32 {
    mix(symbol.wrapping_add(1), 0x5EE7)
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
    schema.fields.first().is_some_and(|f| f.kind == Kind::Category)
}
