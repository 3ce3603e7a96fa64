//! The default engine: hand-written kernels over the parameter arrays.

use crate::{
    NONE, Shape,
    aligned::Aligned,
    chunk::Chunk,
    gradients::{Gradients, LayerGradients},
    kernels,
    layer::Layer,
    rule::Rule,
};

/// Forward through one layer: `gates` becomes z, c, o. `below` is y of the layer below, empty in the first.
pub(crate) fn layer_forward(
    layer: &Layer,
    ids: &[u32],
    dense: &[f32],
    below: &[f32],
    before: &[f32],
    gates: &mut [f32],
    h: &mut [f32],
    y: &mut [f32],
) {
    gates.copy_from_slice(&layer.bias.w);
    for (table, id) in layer.tables.iter().zip(ids) {
        if *id != NONE {
            table.add_to(*id as usize, gates);
        }
    }
    if !dense.is_empty() {
        kernels::gemv(dense, &layer.dense.w, gates);
    }
    if !below.is_empty() {
        kernels::gemv(below, &layer.below.w, gates);
    }
    kernels::gates(gates, before, h, y);
}

/// Forward through row `r` of the chunk, whose ids, dense inputs and `before` are in place.
pub(crate) fn forward(shape: &Shape, layers: &[Layer], chunk: &mut Chunk, r: usize) {
    let (hidden, width) = (shape.hidden, shape.width());
    let ids = &chunk.ids[r * shape.tables..(r + 1) * shape.tables];
    let dense = &chunk.dense[r * shape.dense..(r + 1) * shape.dense];
    let y = &mut chunk.y[r * width..(r + 1) * width];
    for (l, (layer, rows)) in layers.iter().zip(&mut chunk.layers).enumerate() {
        let (below, y) = y.split_at_mut(l * hidden);
        layer_forward(
            layer,
            ids,
            dense,
            &below[l.saturating_sub(1) * hidden..],
            &rows.before[r * hidden..(r + 1) * hidden],
            &mut rows.gates[r * 3 * hidden..(r + 1) * 3 * hidden],
            &mut rows.h[r * hidden..(r + 1) * hidden],
            &mut y[..hidden],
        );
    }
}

/// Room for the backward pass.
#[derive(Clone)]
pub(crate) struct Work {
    dh: crate::aligned::Aligned,
    ones: Vec<f32>,
    next: Vec<u32>,
    first: Vec<bool>,
}

impl Work {
    pub fn new(shape: &Shape) -> Self {
        Work {
            dh: crate::aligned::Aligned::zeros(shape.chunk * shape.hidden),
            ones: vec![1.0; shape.chunk],
            next: vec![NONE; shape.chunk],
            first: vec![false; shape.chunk],
        }
    }

    /// Chains the rows that have the same id in one table.
    fn chain(&mut self, shape: &Shape, ids: &[u32], k: usize, n: usize) {
        let id = |r: usize| ids[r * shape.tables + k];
        self.first[..n].fill(true);
        for r in 0..n {
            self.next[r] = NONE;
            if id(r) == NONE {
                self.first[r] = false;
            } else if let Some(next) = (r + 1..n).find(|q| id(*q) == id(r)) {
                self.next[r] = next as u32;
                self.first[next] = false;
            }
        }
    }
}

/// Backward through the first `n` rows: the gates of every layer become dL/du, and dy is completed. `below` gives W of
/// a layer. Returns whether all of it is finite.
pub(crate) fn backward<'a>(
    shape: &Shape,
    below: impl Fn(usize) -> &'a [f32],
    chunk: &mut Chunk,
    work: &mut Work,
    n: usize,
) -> bool {
    let (hidden, width) = (shape.hidden, shape.width());
    let mut finite = true;
    for l in (0..shape.layers).rev() {
        let rows = &mut chunk.layers[l];
        let dh = &mut work.dh[..n * hidden];
        dh.fill(0.0);
        let gates = &mut rows.gates[..n * 3 * hidden];
        finite &= kernels::scan_back(
            hidden,
            &chunk.links[..n],
            gates,
            &rows.before,
            &rows.h,
            &chunk.dy,
            width,
            l * hidden,
            dh,
        );
        if l > 0 {
            kernels::input_back(hidden, gates, below(l), &mut chunk.dy[..n * width], width, (l - 1) * hidden);
        }
    }
    finite
}

/// Updates every weight that the first `n` rows touched, after [`backward`].
pub(crate) fn update(shape: &Shape, layers: &mut [Layer], chunk: &Chunk, work: &mut Work, n: usize, rule: &Rule) {
    let (g, width) = (3 * shape.hidden, shape.width());
    for (l, layer) in layers.iter_mut().enumerate() {
        let du = &chunk.layers[l].gates[..n * g];
        if l > 0 {
            kernels::outer_update(
                shape.hidden,
                &chunk.y,
                width,
                (l - 1) * shape.hidden,
                du,
                g,
                &mut layer.below.w,
                &mut layer.below.v,
                rule,
            );
        }
        if shape.dense > 0 {
            kernels::outer_update(
                shape.dense,
                &chunk.dense,
                shape.dense,
                0,
                du,
                g,
                &mut layer.dense.w,
                &mut layer.dense.v,
                rule,
            );
        }
        kernels::outer_update(1, &work.ones[..n], 1, 0, du, g, &mut layer.bias.w, &mut layer.bias.v, rule);
    }
    for k in 0..shape.tables {
        work.chain(shape, &chunk.ids, k, n);
        for r in (0..n).filter(|r| work.first[*r]) {
            let at = chunk.ids[r * shape.tables + k] as usize * g;
            for (l, layer) in layers.iter_mut().enumerate() {
                let p = &mut layer.tables[k].param;
                let du = &chunk.layers[l].gates[..n * g];
                kernels::row_update(r, &work.next[..n], du, &mut p.w[at..at + g], &mut p.v[at..at + g], rule);
            }
        }
    }
}

/// The gradients of a full chunk, apart from the weights; nothing if they are not finite.
pub(crate) fn gradients(shape: &Shape, below: &[Aligned], chunk: &Chunk) -> Option<Gradients> {
    let (mut chunk, mut work, n) = (chunk.clone(), Work::new(shape), shape.chunk);
    if !backward(shape, |l| &below[l], &mut chunk, &mut work, n) {
        return None;
    }
    let (g, width, hidden) = (3 * shape.hidden, shape.width(), shape.hidden);
    let rule = Rule::probe();
    let mut all = Vec::with_capacity(shape.layers);
    for (l, below) in below.iter().enumerate() {
        let du = &chunk.layers[l].gates[..n * g];
        let product = |inputs: usize, x: &[f32], stride: usize, off: usize| {
            let mut gradient = vec![0.0; inputs * g];
            let mut weights = vec![0.0; inputs * g];
            kernels::outer_update(inputs, x, stride, off, du, g, &mut weights, &mut gradient, &rule);
            gradient
        };
        all.push(LayerGradients {
            tables: Vec::with_capacity(shape.tables),
            dense: if shape.dense > 0 { product(shape.dense, &chunk.dense, shape.dense, 0) } else { Vec::new() },
            below: if below.is_empty() {
                Vec::new()
            } else {
                product(hidden, &chunk.y, width, (l.max(1) - 1) * hidden)
            },
            bias: product(1, &work.ones, 1, 0),
        });
    }
    for k in 0..shape.tables {
        work.chain(shape, &chunk.ids, k, n);
        let firsts: Vec<usize> = (0..n).filter(|r| work.first[*r]).collect();
        let ids: Vec<u32> = firsts.iter().map(|r| chunk.ids[r * shape.tables + k]).collect();
        for (l, layer) in all.iter_mut().enumerate() {
            let du = &chunk.layers[l].gates[..n * g];
            let mut rows = vec![0.0; firsts.len() * g];
            let mut weights = vec![0.0; g];
            for (r, row) in firsts.iter().zip(rows.chunks_exact_mut(g)) {
                kernels::row_update(*r, &work.next[..n], du, &mut weights, row, &rule);
            }
            layer.tables.push((ids.clone(), rows));
        }
    }
    Some(Gradients(all))
}
