//! The weights of one layer, and the running means of their squared gradients.

use crate::initial_weights::{self as initial, WeightKind};
use crate::{NONE, Shape, aligned::Aligned, kernels, tensor::tensor};
use surmise_state::{State, StateError, incremental_copy};

/// Rows that a table grows to at first.
const TABLE_ROWS_MIN: usize = 16;

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

/// An embedding table `[rows, 3H]` that grows to the largest row that was ever asked for.
///
/// A row that the table has not grown to is known all the same, as initial weights are a hash of their place.
#[derive(Clone)]
pub(crate) struct EmbeddingTable {
    pub param: Param,
    rows: usize,
    /// Gate values G of a row.
    gates: usize,
    /// Seed, layer and number of the table, of which initial weights are made.
    place: (u64, usize, usize),
}

incremental_copy!(EmbeddingTable { large: param; small: rows, gates, place });

impl EmbeddingTable {
    fn new(gates: usize, seed: u64, layer: usize, table: usize) -> Self {
        EmbeddingTable { param: Param::default(), rows: 0, gates, place: (seed, layer, table) }
    }

    fn row_key(&self, row: usize) -> u64 {
        let (seed, layer, table) = self.place;
        initial::row_key(seed, WeightKind::Embedding, layer, table, row)
    }

    /// Grows the table until it has a row; the number of rows is a power of two, at least sixteen.
    pub fn reach(&mut self, row: usize, rows_max: usize) {
        if row < self.rows {
            return;
        }
        let rows = (row + 1).next_power_of_two().max(TABLE_ROWS_MIN).min(rows_max.max(row + 1));
        self.param.w.resize(rows * self.gates);
        self.param.v.resize(rows * self.gates);
        for r in self.rows..rows {
            let (key, scale) = (self.row_key(r), initial::table_scale(self.place.2));
            initial::fill(&mut self.param.w[r * self.gates..(r + 1) * self.gates], key, scale);
        }
        self.rows = rows;
    }

    /// A row `[3H]`, if the table has grown to it.
    pub fn get(&self, row: usize) -> Option<&[f32]> {
        (row < self.rows).then(|| &self.param.w[row * self.gates..(row + 1) * self.gates])
    }

    /// Adds a row that the table has not grown to, which is its initial weights, to `u` `[3H]`.
    fn add_initial(&self, row: usize, u: &mut [f32]) {
        let (key, scale) = (self.row_key(row), initial::table_scale(self.place.2));
        for (i, u) in u.iter_mut().enumerate() {
            *u += scale * initial::uniform(key, i);
        }
    }

    /// A copy of a row `[3H]`, whether or not the table has grown to it.
    pub fn row(&self, row: usize) -> Vec<f32> {
        let mut copy = vec![0.0; self.gates];
        match self.get(row) {
            Some(row) => copy.copy_from_slice(row),
            // 0 + x is x, so this is the row to the bit
            None => self.add_initial(row, &mut copy),
        }
        copy
    }

    fn persist(&mut self, s: &mut State<'_>, rows_max: usize) -> Result<(), StateError> {
        s.u64("embedding.seed", &mut self.place.0)?;
        let len = s.begin("embedding", self.param.w.len(), 8)?;
        let rows = len / self.gates;
        if len % self.gates != 0 || rows > rows_max || !(rows == 0 || rows.is_power_of_two()) {
            return Err(StateError::Invalid("embedding"));
        }
        self.rows = rows;
        self.param.w.resize(len);
        self.param.v.resize(len);
        self.param.persist(s, ["embedding.w", "embedding.v"], &[rows, self.gates])
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

    /// The number of weights, counting the rows that tables have grown to.
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
