//! The weights of one layer, and their second moments.

use crate::{NONE, aligned::Aligned, kernels, start, start::Part, tensor::tensor};
use surmise_state::{State, StateError, incremental_copy};

/// Weights w and the running mean v of their squared gradients.
#[derive(Clone, Default)]
pub(crate) struct Param {
    pub w: Aligned,
    pub v: Aligned,
}

incremental_copy!(Param { large: w, v; small: });

impl Param {
    pub fn zeros(len: usize) -> Self {
        Param { w: Aligned::zeros(len), v: Aligned::zeros(len) }
    }

    fn persist(&mut self, s: &mut State<'_>, names: [&'static str; 2], dims: &[usize]) -> Result<(), StateError> {
        let (w, v) = (self.w.walk(s), self.v.walk(s));
        tensor(s, names[0], dims, w)?;
        tensor(s, names[1], dims, v)
    }
}

/// An embedding table `[rows, 3H]` that grows to the largest row that was ever asked for.
///
/// A row that is not there yet is known all the same: its weights are a hash of its place.
#[derive(Clone)]
pub(crate) struct Table {
    pub param: Param,
    rows: usize,
    width: usize,
    place: (u64, usize, usize),
}

incremental_copy!(Table { large: param; small: rows, width, place });

impl Table {
    fn new(width: usize, seed: u64, layer: usize, table: usize) -> Self {
        Table { param: Param::default(), rows: 0, width, place: (seed, layer, table) }
    }

    fn key(&self, row: usize) -> u64 {
        let (seed, layer, table) = self.place;
        start::key(seed, Part::Embedding, layer, table, row)
    }

    /// Makes sure that a row is there; the number of rows is a power of two, at least sixteen.
    pub fn reach(&mut self, row: usize, rows_max: usize) {
        if row < self.rows {
            return;
        }
        let rows = (row + 1).next_power_of_two().max(16).min(rows_max.max(row + 1));
        self.param.w.resize(rows * self.width);
        self.param.v.resize(rows * self.width);
        for r in self.rows..rows {
            let (key, scale) = (self.key(r), start::table_scale(self.place.2));
            start::fill(&mut self.param.w[r * self.width..(r + 1) * self.width], key, scale);
        }
        self.rows = rows;
    }

    /// A row, if it is there.
    pub fn get(&self, row: usize) -> Option<&[f32]> {
        (row < self.rows).then(|| &self.param.w[row * self.width..(row + 1) * self.width])
    }

    /// Adds a row that is not there to `u`.
    fn add_first(&self, row: usize, u: &mut [f32]) {
        let (key, scale) = (self.key(row), start::table_scale(self.place.2));
        for (i, u) in u.iter_mut().enumerate() {
            *u += scale * start::uniform(key, i);
        }
    }

    /// A copy of a row.
    pub fn row(&self, row: usize) -> Vec<f32> {
        let mut u = vec![0.0; self.width];
        match self.get(row) {
            Some(row) => u.copy_from_slice(row),
            // 0 + x is x
            None => self.add_first(row, &mut u),
        }
        u
    }

    fn persist(&mut self, s: &mut State<'_>, rows_max: usize) -> Result<(), StateError> {
        s.u64("embedding.seed", &mut self.place.0)?;
        let n = s.begin("embedding", self.param.w.len(), 8)?;
        let rows = n / self.width;
        if n % self.width != 0 || rows > rows_max || !(rows == 0 || rows.is_power_of_two()) {
            return Err(StateError::Invalid("embedding"));
        }
        self.rows = rows;
        self.param.w.resize(n);
        self.param.v.resize(n);
        self.param.persist(s, ["embedding.w", "embedding.v"], &[rows, self.width])
    }
}

/// The weights of one layer; every matrix is `[input][gate]`, gates in the order z, c, o.
#[derive(Clone)]
pub(crate) struct Layer {
    pub tables: Vec<Table>,
    /// D, `[dense, 3H]`.
    pub dense: Param,
    /// W, `[H, 3H]`, empty in the first layer.
    pub below: Param,
    /// b, `[3H]`.
    pub bias: Param,
}

incremental_copy!(Layer { large: tables, dense, below, bias; small: });

impl Layer {
    pub fn new(shape: &crate::Shape, layer: usize, seed: u64) -> Self {
        let (h, g) = (shape.hidden, 3 * shape.hidden);
        let mut it = Layer {
            tables: (0..shape.tables).map(|k| Table::new(g, seed, layer, k)).collect(),
            dense: Param::zeros(shape.dense * g),
            below: Param::zeros(if layer == 0 { 0 } else { h * g }),
            bias: Param::zeros(g),
        };
        let scale = start::matrix_scale(h);
        for (i, row) in it.dense.w.chunks_exact_mut(g).enumerate() {
            start::fill(row, start::key(seed, Part::Dense, layer, 0, i), scale);
        }
        for (i, row) in it.below.w.chunks_exact_mut(g).enumerate() {
            start::fill(row, start::key(seed, Part::Below, layer, 0, i), scale);
        }
        for i in 0..h {
            it.bias.w[i] = start::gate_bias(i, h);
        }
        it
    }

    /// The part of the gates' inputs that is looked up: the bias and a row of every table, one after another.
    pub fn embed(&self, ids: &[u32], u: &mut [f32]) {
        u.copy_from_slice(&self.bias.w);
        let (mut rows, mut n) = ([&[][..]; 4], 0);
        for (table, id) in self.tables.iter().zip(ids).filter(|(_, id)| **id != NONE) {
            let row = table.get(*id as usize);
            if n == rows.len() || row.is_none() {
                kernels::add(u, &rows[..n]);
                n = 0;
            }
            match row {
                Some(row) => (rows[n], n) = (row, n + 1),
                None => table.add_first(*id as usize, u),
            }
        }
        kernels::add(u, &rows[..n]);
    }

    /// Every parameter, in the order in which `Recurrence::gradients` names them.
    pub fn params(&mut self) -> impl Iterator<Item = &mut Param> {
        self.tables.iter_mut().map(|t| &mut t.param).chain([&mut self.dense, &mut self.below, &mut self.bias])
    }

    pub fn persist(&mut self, s: &mut State<'_>, rows_max: usize) -> Result<(), StateError> {
        s.section("layer")?;
        let g = self.bias.w.len();
        for t in &mut self.tables {
            t.persist(s, rows_max)?;
        }
        let dims = [self.dense.w.len() / g, g];
        self.dense.persist(s, ["dense.w", "dense.v"], &dims)?;
        let dims = [self.below.w.len() / g, g];
        self.below.persist(s, ["below.w", "below.v"], &dims)?;
        self.bias.persist(s, ["bias.w", "bias.v"], &[g])
    }
}
