//! Recipes: which symbol model, which network and which number model a schema and the options call for.
//!
//! Everything here is decided once, when a model is made. Components that are ablated are taken out here too, so that
//! no model asks while it learns what it was made without.

use crate::clock::Clocks;
use crate::component::Component;
use crate::options::{NetworkSize, Options, Preset};
use surmise_event::{FieldKind, Schema};
use surmise_number::NumberOptions;
use surmise_symbol::{Code, NUMBERS_MAX, NetworkSpec, Spec};

/// Other fields whose values are contexts of a symbol, at most (PREDICTOR §3).
const SIDES_MAX: usize = 8;

/// The run rule predicts gaps after this many equal ones in a row, because the clock then ticks evenly. It is longer
/// than the rhythms that a day in minutes or a week in hours leaves in gaps.
const EVEN_GAPS_MIN: u64 = 1024;

/// Factor that spreads the seeds of a stream's fields: ⌊2³²/φ⌋, as in Knuth's multiplicative hash.
const SEED_STRIDE: u64 = 0x9E37_79B9;

/// The recipe of the symbol model for the field at `position`; `None` for a number, which has no symbols.
pub fn symbol_spec(schema: &Schema, position: usize, options: &Options) -> Option<Spec> {
    let lone = schema.fields.iter().filter(|f| f.kind.is_sent()).count() == 1;
    // the recipe of sessions is for a lone category; categories among other fields see each other instead
    let session = match options.preset {
        Preset::Auto => lone && schema.fields.len() == 1,
        preset => preset == Preset::Symbols,
    };
    let memory = options.memory_mib;
    let among_fields = |code: Code| {
        let clocks = if schema.has_gap() && options.has(Component::Clocks) { Clocks::COUNT } else { 0 };
        let sides = sides_of(schema, position, options).len();
        Spec { numbers: numbers_of(schema).len(), ..Spec::among_fields(code, true, memory, sides, clocks) }
    };
    let (spec, preset) = match schema.fields[position].kind {
        FieldKind::Number => return None,
        FieldKind::Byte => (Spec::bytes(false, memory), Preset::Bytes),
        FieldKind::Text => (Spec::bytes(true, memory), Preset::Bytes),
        FieldKind::Gap => (Spec { run_length_min: EVEN_GAPS_MIN, ..among_fields(Code::Byte) }, Preset::Records),
        FieldKind::Category | FieldKind::Line if session => (Spec::symbols(true, memory), Preset::Symbols),
        FieldKind::Category | FieldKind::Line => (among_fields(Code::Arrival), Preset::Records),
    };
    let mut spec = options.reduce(spec);
    spec.network = network_spec(options, preset, &spec);
    spec.seed = options.seed.wrapping_add(position as u64 * SEED_STRIDE);
    Some(spec)
}

/// Positions of the fields whose values are contexts of the field at `position`: all but itself and texts, which are
/// rarely the same twice.
pub fn sides_of(schema: &Schema, position: usize, options: &Options) -> Vec<usize> {
    let is_side = |i: &usize| *i != position && !schema.fields[*i].kind.is_spelled();
    let sides_max = if options.has(Component::Sides) { SIDES_MAX } else { 0 };
    (0..schema.fields.len()).filter(is_side).take(sides_max).collect()
}

/// Positions of the number fields whose values condition symbols (PREDICTOR §11).
pub fn numbers_of(schema: &Schema) -> Vec<usize> {
    (0..schema.fields.len()).filter(|i| schema.fields[*i].kind.is_number()).take(NUMBERS_MAX).collect()
}

/// The network that the options and the kind of data call for (PREDICTOR §5), no larger than the memory ceiling allows;
/// `None` if it is off or none fits.
fn network_spec(options: &Options, preset: Preset, spec: &Spec) -> Option<NetworkSpec> {
    let preset = if options.preset == Preset::Auto { preset } else { options.preset };
    let hidden = options.network().chosen(preset).hidden()?;
    // byte streams repay a slower head; the rates were tuned on the streams of PREDICTOR §5
    let bytes = spec.code == Code::Byte && spec.sides == 0;
    let largest = NetworkSpec {
        layers: 2,
        hidden,
        chunk: 32,
        rate: if hidden > 64 { 6e-3 } else { 9e-3 },
        head_rate: if bytes { 2e-3 } else { 5e-3 },
        lags: 3,
        rows_max: 1 << 16,
        nodes_max: 1 << 14,
        engine: options.engine,
        delay_chunks: options.delay_chunks as usize,
    };
    // a quarter of the ceiling: PREDICTOR §14
    largest.within((options.memory_mib.max(1) as usize) << 18, spec.code, spec.sides)
}

impl Component {
    /// The components that a learner of these options has for a schema: ablating any other would change nothing. A
    /// season is listed wherever there are numbers, although only times can tell whether there is one.
    pub fn of(schema: &Schema, options: &Options) -> Vec<Component> {
        let has_numbers = schema.fields.iter().any(|f| f.kind.is_number());
        let recipes = |o: &Options| {
            let symbols: Vec<_> = (0..schema.fields.len()).map(|i| symbol_spec(schema, i, o)).collect();
            (symbols, has_numbers.then(|| o.numbers()))
        };
        let whole = recipes(options);
        let differs = |component: &Component| {
            let mut ablated = options.clone();
            ablated.ablate.insert(*component);
            recipes(&ablated) != whole
        };
        Component::ALL.into_iter().filter(differs).collect()
    }
}

impl Options {
    /// Whether a component takes part, that is, is not ablated.
    pub(crate) fn has(&self, component: Component) -> bool {
        !self.ablate.contains(&component)
    }

    /// The network's size; `Off` if the network is ablated.
    pub(crate) fn network(&self) -> NetworkSize {
        if self.has(Component::Network) { self.network } else { NetworkSize::Off }
    }

    /// The recipe of a symbol model without the components that are ablated.
    fn reduce(&self, spec: Spec) -> Spec {
        self.ablate.iter().filter_map(|component| component.of_symbols()).fold(spec, Spec::without)
    }

    /// The recipe of the number model, without the components that are ablated.
    pub(crate) fn numbers(&self) -> NumberOptions {
        let mut o = NumberOptions { horizon: self.horizon as usize, ..NumberOptions::default() };
        match (self.network(), &mut o.network) {
            (NetworkSize::Off, n) => *n = None,
            (size, Some(n)) => {
                n.engine = self.engine;
                n.delay_chunks = self.delay_chunks as usize;
                n.hidden = match size {
                    NetworkSize::Medium => 64,
                    NetworkSize::Large => 128,
                    NetworkSize::Auto | NetworkSize::Off | NetworkSize::Small => n.hidden,
                };
            }
            (_, None) => {}
        }
        self.ablate.iter().filter_map(|c| c.of_numbers()).for_each(|c| c.ablate(&mut o));
        o
    }
}
