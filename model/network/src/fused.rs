//! The default engine: hand-written kernels over the parameter arrays.

use crate::{
    Shape,
    aligned::Aligned,
    chains::Chains,
    chunk::Chunk,
    gradients::{Gradients, LayerGradients},
    kernels,
    layer::{Layer, Param},
    products::{self, BLOCK, Rows},
    rule::Rule,
};
use std::ops::Range;

/// Forward through one layer at one step: `gates` becomes z, c, o. `below` is y of the layer below, empty in the first.
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
    let g = gates.len();
    layer.embed(ids, gates);
    for (x, w) in [(dense, &layer.dense.w), (below, &layer.below.w)] {
        if !x.is_empty() {
            let x = Rows { data: x, stride: x.len(), off: 0 };
            products::product(x, x.stride, w, g, gates, g, 0, 1);
        }
    }
    kernels::gates(gates, before, h, y);
}

/// Forward through some rows of the chunk, in blocks, layer by layer: all rows' gates are one product, then each row goes
/// on from the row that its link names. Their ids and dense inputs are in place, and `before` where the link names none
/// of them.
pub(crate) fn forward(shape: &Shape, layers: &[Layer], chunk: &mut Chunk, rows: Range<usize>) {
    let (hidden, width, g) = (shape.hidden, shape.width(), 3 * shape.hidden);
    for start in rows.clone().step_by(BLOCK) {
        let block = start..rows.end.min(start + BLOCK);
        for (l, layer) in layers.iter().enumerate() {
            let at = &mut chunk.layers[l];
            let gates = &mut at.gates[start * g..block.end * g];
            for (ids, gates) in ids_of(shape, &chunk.ids, &block).zip(gates.chunks_exact_mut(g)) {
                layer.embed(ids, gates);
            }
            if shape.dense > 0 {
                let x = Rows { data: &chunk.dense[start * shape.dense..], stride: shape.dense, off: 0 };
                products::product(x, shape.dense, &layer.dense.w, g, gates, g, 0, block.len());
            }
            if l > 0 {
                let x = Rows { data: &chunk.y[start * width..], stride: width, off: (l - 1) * hidden };
                products::product(x, hidden, &layer.below.w, g, gates, g, 0, block.len());
            }
            for r in block.clone() {
                let from = chunk.links[r] as usize;
                if (rows.start..r).contains(&from) {
                    at.go_on(from, r, hidden);
                }
                kernels::gates(
                    &mut at.gates[r * g..(r + 1) * g],
                    &at.before[r * hidden..(r + 1) * hidden],
                    &mut at.h[r * hidden..(r + 1) * hidden],
                    &mut chunk.y[r * width + l * hidden..r * width + (l + 1) * hidden],
                );
            }
        }
    }
}

/// The ids of some rows, row by row; of a network without tables, none.
fn ids_of<'a>(shape: &Shape, ids: &'a [u32], rows: &Range<usize>) -> impl Iterator<Item = &'a [u32]> {
    let tables = shape.tables;
    rows.clone().map(move |r| &ids[r * tables..(r + 1) * tables])
}

/// Workspace for the backward pass and the update.
#[derive(Clone)]
pub(crate) struct Work {
    /// dL/dh, rows `[layers, T, H]`.
    dh: Aligned,
    /// Wᵀ of every layer.
    turned: Aligned,
    /// Sums of products that wait for more rows.
    sums: Aligned,
    ones: Vec<f32>,
    chains: Chains,
}

impl Work {
    pub fn new(shape: &Shape) -> Self {
        Work {
            dh: Aligned::zeros(shape.chunk * shape.width()),
            turned: Aligned::zeros(if shape.layers > 1 { 3 * shape.hidden * shape.width() } else { 0 }),
            sums: Aligned::zeros(if shape.chunk > BLOCK {
                3 * shape.hidden * shape.hidden.max(shape.dense)
            } else {
                0
            }),
            ones: vec![1.0; shape.chunk],
            chains: Chains::new(shape.chunk),
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
    let (hidden, width, g) = (shape.hidden, shape.width(), 3 * shape.hidden);
    let mut finite = true;
    let Work { dh, turned, .. } = work;
    dh[..shape.layers * n * hidden].fill(0.0);
    for l in 1..shape.layers {
        products::transpose(below(l), g, &mut turned[l * g * hidden..(l + 1) * g * hidden]);
    }
    for start in (0..n).step_by(BLOCK).rev() {
        let rows = start..n.min(start + BLOCK);
        for l in (0..shape.layers).rev() {
            let at = &mut chunk.layers[l];
            finite &= kernels::scan_back(
                hidden,
                rows.clone(),
                &chunk.links,
                &mut at.gates,
                &at.before,
                &at.h,
                &chunk.dy,
                width,
                l * hidden,
                &mut dh[l * n * hidden..(l + 1) * n * hidden],
            );
            if l > 0 {
                let du = Rows { data: &at.gates[start * g..], stride: g, off: 0 };
                let (w, dy) = (&turned[l * g * hidden..(l + 1) * g * hidden], &mut chunk.dy[start * width..]);
                products::product(du, g, w, hidden, dy, width, (l - 1) * hidden, rows.len());
            }
        }
    }
    finite
}

/// Updates every weight that the first `n` rows touched, after [`backward`].
pub(crate) fn update(shape: &Shape, layers: &mut [Layer], chunk: &Chunk, work: &mut Work, n: usize, rule: &Rule) {
    let (g, width) = (3 * shape.hidden, shape.width());
    let Work { sums, ones, chains, .. } = work;
    for (l, layer) in layers.iter_mut().enumerate() {
        let du = &chunk.layers[l].gates[..n * g];
        let mut matrix = |inputs: usize, x: Rows<'_>, p: &mut Param| {
            products::outer_update(inputs, x, du, g, &mut p.w, &mut p.v, sums, rule);
        };
        if l > 0 {
            let x = Rows { data: &chunk.y, stride: width, off: (l - 1) * shape.hidden };
            matrix(shape.hidden, x, &mut layer.below);
        }
        if shape.dense > 0 {
            matrix(shape.dense, Rows { data: &chunk.dense, stride: shape.dense, off: 0 }, &mut layer.dense);
        }
        matrix(1, Rows { data: ones, stride: 1, off: 0 }, &mut layer.bias);
    }
    for k in 0..shape.tables {
        chains.link(&chunk.ids[..n * shape.tables], shape.tables, k);
        for r in chains.firsts() {
            let at = chunk.ids[r * shape.tables + k] as usize * g;
            for (l, layer) in layers.iter_mut().enumerate() {
                let p = &mut layer.tables[k].param;
                let du = &chunk.layers[l].gates[..n * g];
                kernels::row_update(r, chains.next(), du, p.w.part_mut(at..at + g), p.v.part_mut(at..at + g), rule);
            }
        }
    }
}

/// Workspace to work out the gradients of a full chunk in, apart from the weights.
#[derive(Clone)]
pub(crate) struct Workspace {
    chunk: Chunk,
    work: Work,
    /// Stands for weights that nothing happens to.
    weights: Vec<f32>,
    pub gradients: Gradients,
}

impl Workspace {
    pub fn new(shape: &Shape) -> Self {
        let weights = vec![0.0; shape.hidden.max(shape.dense).max(1) * 3 * shape.hidden];
        let mut gradients = Gradients::default();
        gradients.0.resize_with(shape.layers, LayerGradients::default);
        gradients.0.iter_mut().for_each(|l| l.tables.resize_with(shape.tables, Default::default));
        Workspace { chunk: Chunk::new(shape), work: Work::new(shape), weights, gradients }
    }
}

/// The gradients of a full chunk; false if they are not finite.
pub(crate) fn gradients(shape: &Shape, below: &[Aligned], chunk: &Chunk, workspace: &mut Workspace) -> bool {
    let Workspace { chunk: passed, work, weights, gradients } = workspace;
    let n = shape.chunk;
    passed.copy_from(chunk);
    if !backward(shape, |l| &below[l], passed, work, n) {
        return false;
    }
    let (g, width, hidden) = (3 * shape.hidden, shape.width(), shape.hidden);
    let rule = Rule::probe();
    let Work { sums, ones, chains, .. } = work;
    for (l, layer) in gradients.0.iter_mut().enumerate() {
        let du = &passed.layers[l].gates[..n * g];
        let mut matrix = |inputs: usize, data: &[f32], stride: usize, off: usize, to: &mut Vec<f32>| {
            to.resize(inputs * g, 0.0);
            let x = Rows { data, stride, off };
            products::outer_update(inputs, x, du, g, &mut weights[..inputs * g], to, sums, &rule);
        };
        if l > 0 {
            matrix(hidden, &passed.y, width, (l - 1) * hidden, &mut layer.below);
        }
        if shape.dense > 0 {
            matrix(shape.dense, &passed.dense, shape.dense, 0, &mut layer.dense);
        }
        matrix(1, ones, 1, 0, &mut layer.bias);
    }
    for k in 0..shape.tables {
        chains.link(&passed.ids[..n * shape.tables], shape.tables, k);
        for (l, layer) in gradients.0.iter_mut().enumerate() {
            let du = &passed.layers[l].gates[..n * g];
            let (ids, rows) = &mut layer.tables[k];
            ids.clear();
            ids.extend(chains.firsts().map(|r| passed.ids[r * shape.tables + k]));
            rows.resize(ids.len() * g, 0.0);
            for (r, row) in chains.firsts().zip(rows.chunks_exact_mut(g)) {
                kernels::row_update(r, chains.next(), du, &mut weights[..g], row, &rule);
            }
        }
    }
    true
}
