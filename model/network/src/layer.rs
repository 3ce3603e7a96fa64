//! The weights of one layer, and the running means of their squared gradients.

use crate::initial_weights::{self as initial, WeightKind};
use crate::{NONE, Shape, aligned::Aligned, kernels, tensor::tensor};
use std::ops::Range;
use surmise_state::{State, StateError, incremental_copy};

/// Rows of embeddings that are added to the gates' inputs in one pass; a step has three in most networks.
const EMBED_ROWS: usize = 4;

/// An array of weights w and the running mean v of their squared gradients, both of the same shape.
#[derive(Clone, Default)]
pub(crate) struct Param {
    pub w: Aligned,
    pub v: Aligned,
}

incremental_copy!(Param { large: w, v; small: });

impl Param {
    /// `len` weights of zero.
    pub fn zeros(len: usize) -> Self {
        Param { w: Aligned::zeros(len), v: Aligned::zeros(len) }
    }

    /// Walks over both arrays; `dims` are the dimensions of each.
    fn persist(&mut self, s: &mut State<'_>, names: [&'static str; 2], dims: &[usize]) -> Result<(), StateError> {
        let (w, v) = (self.w.walk(s), self.v.walk(s));
        tensor(s, names[0], dims, w)?;
        tensor(s, names[1], dims, v)
    }
}

/// An embedding table `[rows, 3H]` that has memory for those rows that were asked for, in the order in which they first
/// were.
///
/// A row without memory is known all the same, as initial weights are a hash of their place.
#[derive(Clone)]
pub(crate) struct EmbeddingTable {
    /// The rows that have memory, one after another.
    pub param: Param,
    /// Of each row its place in `param`, or [`NONE`]; rows behind the last have none.
    places: Vec<u32>,
    /// Gate values G of a row.
    gates: usize,
    /// Seed, layer and number of the table, of which initial weights are made.
    origin: (u64, usize, usize),
}

incremental_copy!(EmbeddingTable { large: param; small: places, gates, origin });

impl EmbeddingTable {
    fn new(gates: usize, seed: u64, layer: usize, table: usize) -> Self {
        EmbeddingTable { param: Param::default(), places: Vec::new(), gates, origin: (seed, layer, table) }
    }

    fn row_key(&self, row: usize) -> u64 {
        let (seed, layer, table) = self.origin;
        initial::row_key(seed, WeightKind::Embedding, layer, table, row)
    }

    /// Makes memory for a row, unless it has some.
    #[inline]
    pub fn reach(&mut self, row: usize) {
        if self.place(row).is_none() {
            self.make(row);
        }
    }

    #[cold]
    fn make(&mut self, row: usize) {
        let start = self.param.w.len();
        self.param.w.resize(start + self.gates);
        self.param.v.resize(start + self.gates);
        let (key, scale) = (self.row_key(row), initial::table_scale(self.origin.2));
        initial::fill(&mut self.param.w[start..], key, scale);
        if self.places.len() <= row {
            self.places.resize(row + 1, NONE);
        }
        self.places[row] = (start / self.gates) as u32;
    }

    /// Of each row its place in `param`, or [`NONE`].
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// Where the weights of a row lie in `param`, if the row has memory.
    #[inline(always)]
    pub fn place(&self, row: usize) -> Option<Range<usize>> {
        let place = self.places.get(row).copied().filter(|place| *place != NONE)? as usize;
        Some(place * self.gates..(place + 1) * self.gates)
    }

    /// A row `[3H]`, if it has memory.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&[f32]> {
        self.place(row).map(|place| &self.param.w[place])
    }

    /// Adds a row without memory, which is its initial weights, to `u` `[3H]`.
    fn add_initial(&self, row: usize, u: &mut [f32]) {
        let (key, scale) = (self.row_key(row), initial::table_scale(self.origin.2));
        for (i, u) in u.iter_mut().enumerate() {
            *u += scale * initial::uniform(key, i);
        }
    }

    /// A copy of a row `[3H]`, whether or not it has memory.
    pub fn row(&self, row: usize) -> Vec<f32> {
        let mut copy = vec![0.0; self.gates];
        match self.get(row) {
            Some(row) => copy.copy_from_slice(row),
            // 0 + x is x, so this is the row to the bit
            None => self.add_initial(row, &mut copy),
        }
        copy
    }

    /// Gives the first `rows` rows memory, in their order.
    pub fn spread(&mut self, rows: usize) {
        let mut spread = EmbeddingTable { param: Param::default(), places: Vec::new(), ..self.clone() };
        for row in 0..rows {
            spread.reach(row);
            if let (Some(from), Some(to)) = (self.place(row), spread.place(row)) {
                spread.param.w[to.clone()].copy_from_slice(&self.param.w[from.clone()]);
                spread.param.v[to].copy_from_slice(&self.param.v[from]);
            }
        }
        *self = spread;
    }

    /// One more than the largest row that has memory.
    pub fn rows_end(&self) -> usize {
        self.places.len()
    }

    fn persist(&mut self, s: &mut State<'_>, rows_max: usize) -> Result<(), StateError> {
        s.u64("embedding.seed", &mut self.origin.0)?;
        // the rows that have memory, in its order
        let mut rows = vec![0u32; self.param.w.len() / self.gates];
        for (row, place) in self.places.iter().enumerate().filter(|(_, place)| **place != NONE) {
            rows[*place as usize] = row as u32;
        }
        s.u32s("embedding.rows", &mut rows)?;
        if s.is_reading() {
            self.places.clear();
            for (place, row) in rows.iter().enumerate() {
                let row = *row as usize;
                if row >= rows_max || self.place(row).is_some() {
                    return Err(StateError::Invalid("embedding.rows"));
                }
                self.places.resize(self.places.len().max(row + 1), NONE);
                self.places[row] = place as u32;
            }
            self.param.w.resize(rows.len() * self.gates);
            self.param.v.resize(rows.len() * self.gates);
        }
        self.param.persist(s, ["embedding.w", "embedding.v"], &[rows.len(), self.gates])
    }
}

/// The weights of one layer; every matrix is `[input][gate]`, row-major, with the gates in the order z, c, o.
#[derive(Clone)]
pub(crate) struct Layer {
    /// E, one table `[rows, 3H]` for each id of a step.
    pub tables: Vec<EmbeddingTable>,
    /// D, `[dense, 3H]`.
    pub dense: Param,
    /// W, `[H, 3H]`, empty in the first layer.
    pub below: Param,
    /// b, `[3H]`.
    pub bias: Param,
}

incremental_copy!(Layer { large: tables, dense, below, bias; small: });

impl Layer {
    /// Layer number `layer` with initial weights.
    pub fn new(shape: &Shape, layer: usize, seed: u64) -> Self {
        let (hidden, gates) = (shape.hidden, shape.gates());
        let mut new = Layer {
            tables: (0..shape.tables).map(|k| EmbeddingTable::new(gates, seed, layer, k)).collect(),
            dense: Param::zeros(shape.dense * gates),
            below: Param::zeros(if layer == 0 { 0 } else { hidden * gates }),
            bias: Param::zeros(gates),
        };
        let scale = initial::matrix_scale(hidden);
        for (matrix, kind) in [(&mut new.dense, WeightKind::Dense), (&mut new.below, WeightKind::Below)] {
            for (i, row) in matrix.w.chunks_exact_mut(gates).enumerate() {
                initial::fill(row, initial::row_key(seed, kind, layer, 0, i), scale);
            }
        }
        for i in 0..hidden {
            new.bias.w[i] = initial::gate_bias(i, hidden);
        }
        new
    }

    /// The looked-up part of the gates' inputs: `u` `[3H]` becomes the bias plus a row of every table, one after
    /// another. `ids`: `[tables]`, [`NONE`] where a table has no row at this step.
    pub fn embed(&self, ids: &[u32], u: &mut [f32]) {
        u.copy_from_slice(&self.bias.w);
        // several rows are added in one pass, in their order; a row that has to be made first ends the pass
        let (mut rows, mut n) = ([&[][..]; EMBED_ROWS], 0);
        for (table, id) in self.tables.iter().zip(ids).filter(|(_, id)| **id != NONE) {
            let row = table.get(*id as usize);
            if n == rows.len() || row.is_none() {
                kernels::add(u, &rows[..n]);
                n = 0;
            }
            match row {
                Some(row) => (rows[n], n) = (row, n + 1),
                None => table.add_initial(*id as usize, u),
            }
        }
        kernels::add(u, &rows[..n]);
    }

    /// The number of weights, counting the rows of tables that have memory.
    pub fn parameters(&self) -> usize {
        let tables: usize = self.tables.iter().map(|t| t.param.w.len()).sum();
        tables + self.dense.w.len() + self.below.w.len() + self.bias.w.len()
    }

    /// Every array of weights, in the order in which `Recurrence::gradients` names them.
    pub fn params(&mut self) -> impl Iterator<Item = &mut Param> {
        self.tables.iter_mut().map(|t| &mut t.param).chain([&mut self.dense, &mut self.below, &mut self.bias])
    }

    pub fn persist(&mut self, s: &mut State<'_>, rows_max: usize) -> Result<(), StateError> {
        s.section("layer")?;
        let gates = self.bias.w.len();
        for table in &mut self.tables {
            table.persist(s, rows_max)?;
        }
        let dims = [self.dense.w.len() / gates, gates];
        self.dense.persist(s, ["dense.w", "dense.v"], &dims)?;
        let dims = [self.below.w.len() / gates, gates];
        self.below.persist(s, ["below.w", "below.v"], &dims)?;
        self.bias.persist(s, ["bias.w", "bias.v"], &[gates])
    }
}
