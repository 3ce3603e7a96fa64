//! The default engine: hand-written kernels over the parameter arrays.

use crate::{
    Shape,
    aligned::Aligned,
    chains::Chains,
    chunk::Chunk,
    gradients::{Gradients, LayerGradients},
    kernels::{self, BackwardScan},
    layer::{Layer, Param},
    layer_step::LayerStep,
    products::{self, BLOCK_ROWS, Matrix, RowPlaces, StridedRows, UpdatedMatrix},
    rule::Rule,
};
use std::ops::Range;

/// Forward through one layer at one step.
pub(crate) fn layer_forward(layer: &Layer, step: LayerStep<'_>) {
    let LayerStep { ids, dense, below, before, gates, h, y } = step;
    layer.embed(ids, gates);
    // the first layer has nothing below it, and many networks have no dense inputs
    for (x, matrix) in [(dense, &layer.dense), (below, &layer.below)] {
        if !x.is_empty() {
            let outputs = gates.len();
            let matrix = Matrix { weights: &matrix.w, inputs: x.len(), outputs };
            let place = RowPlaces { stride: outputs, offset: 0, rows: 1 };
            products::product(StridedRows::dense(x, x.len()), matrix, gates, place);
        }
    }
    kernels::gates(gates, before, h, y);
}

/// Forward through some rows of the chunk, in blocks, layer by layer: the gates of all rows of a block are one
/// product, then each row continues from the row that its link names.
///
/// In place are the rows' ids and dense inputs, and `before` where the link names none of these rows.
pub(crate) fn forward(shape: &Shape, layers: &[Layer], chunk: &mut Chunk, rows: Range<usize>) {
    for start in rows.clone().step_by(BLOCK_ROWS) {
        let block = start..rows.end.min(start + BLOCK_ROWS);
        for (l, layer) in layers.iter().enumerate() {
            gate_inputs(shape, layer, l, chunk, &block);
            scan_forward(shape, l, chunk, &block, rows.start);
        }
    }
}

/// The inputs of the gates of layer `l` for a block of rows. The layer below is done with them.
fn gate_inputs(shape: &Shape, layer: &Layer, l: usize, chunk: &mut Chunk, block: &Range<usize>) {
    let (tables, gates, width) = (shape.tables, shape.gates(), shape.width());
    let u = &mut chunk.layers[l].gates[block.start * gates..block.end * gates];
    for (row, u) in block.clone().zip(u.chunks_exact_mut(gates)) {
        layer.embed(&chunk.ids[row * tables..(row + 1) * tables], u);
    }
    let mut add = |x: StridedRows<'_>, inputs: usize, param: &Param| {
        let places = RowPlaces { stride: gates, offset: 0, rows: block.len() };
        products::product(x, Matrix { weights: &param.w, inputs, outputs: gates }, u, places);
    };
    if shape.dense > 0 {
        let x = StridedRows::dense(&chunk.dense[block.start * shape.dense..], shape.dense);
        add(x, shape.dense, &layer.dense);
    }
    if let Some(below) = l.checked_sub(1) {
        let data = &chunk.y[block.start * width..];
        add(StridedRows { data, stride: width, offset: below * shape.hidden }, shape.hidden, &layer.below);
    }
}

/// The recurrence of layer `l` through a block of rows, whose gates' inputs are in place. A link to a row before
/// `first` was followed when the step was planned.
fn scan_forward(shape: &Shape, l: usize, chunk: &mut Chunk, block: &Range<usize>, first: usize) {
    let (hidden, gates, width) = (shape.hidden, shape.gates(), shape.width());
    let layer = &mut chunk.layers[l];
    for row in block.clone() {
        let from = chunk.links[row] as usize;
        if (first..row).contains(&from) {
            layer.continue_from(from, row, hidden);
        }
        kernels::gates(
            &mut layer.gates[row * gates..(row + 1) * gates],
            &layer.before[row * hidden..(row + 1) * hidden],
            &mut layer.h[row * hidden..(row + 1) * hidden],
            &mut chunk.y[row * width + l * hidden..row * width + (l + 1) * hidden],
        );
    }
}

/// Workspace of the backward pass and of the update.
#[derive(Clone)]
pub(crate) struct BackwardWorkspace {
    /// dL/dh, `[layers, T, H]`.
    dh: Aligned,
    /// Wᵀ of every layer, `[layers, 3H, H]`; empty if there is one layer.
    transposed: Aligned,
    /// Gradients of one matrix that wait for more rows, `[inputs, 3H]`; empty if all rows are one block.
    sums: Aligned,
    /// The inputs of the bias, `[T]`.
    ones: Vec<f32>,
    chains: Chains,
}

impl BackwardWorkspace {
    /// The workspace of a network of this shape.
    pub fn new(shape: &Shape) -> Self {
        let gates = shape.gates();
        let largest_matrix = gates * shape.hidden.max(shape.dense);
        BackwardWorkspace {
            dh: Aligned::zeros(shape.chunk * shape.width()),
            transposed: Aligned::zeros(if shape.layers > 1 { gates * shape.width() } else { 0 }),
            sums: Aligned::zeros(if shape.chunk > BLOCK_ROWS { largest_matrix } else { 0 }),
            ones: vec![1.0; shape.chunk],
            chains: Chains::new(shape.chunk),
        }
    }
}

/// Backward through the first `n` rows: the gates of every layer become dL/du, and `dy` is completed. `below(l)` is W
/// of layer l, `[H, 3H]`. Returns whether all of it is finite.
pub(crate) fn backward<'a>(
    shape: &Shape,
    below: impl Fn(usize) -> &'a [f32],
    chunk: &mut Chunk,
    work: &mut BackwardWorkspace,
    n: usize,
) -> bool {
    let (hidden, width, gates) = (shape.hidden, shape.width(), shape.gates());
    // a chunk that is not finite is passed to its end: it is rare, and the check would cost the others
    let mut finite = true;
    let BackwardWorkspace { dh, transposed, .. } = work;
    dh[..shape.layers * n * hidden].fill(0.0);
    for l in 1..shape.layers {
        products::transpose(below(l), gates, &mut transposed[l * gates * hidden..(l + 1) * gates * hidden]);
    }
    // blocks from the last to the first, layers from the top: a layer's dL/du makes part of dL/dy of the one below
    for start in (0..n).step_by(BLOCK_ROWS).rev() {
        let rows = start..n.min(start + BLOCK_ROWS);
        for l in (0..shape.layers).rev() {
            let layer = &mut chunk.layers[l];
            finite &= kernels::scan_back(BackwardScan {
                hidden,
                rows: rows.clone(),
                links: &chunk.links,
                gates: &mut layer.gates,
                before: &layer.before,
                h: &layer.h,
                dy: &chunk.dy,
                width,
                offset: l * hidden,
                dh: &mut dh[l * n * hidden..(l + 1) * n * hidden],
            });
            if l > 0 {
                let du = StridedRows::dense(&layer.gates[start * gates..], gates);
                let weights = &transposed[l * gates * hidden..(l + 1) * gates * hidden];
                let dy = &mut chunk.dy[start * width..];
                let places = RowPlaces { stride: width, offset: (l - 1) * hidden, rows: rows.len() };
                products::product(du, Matrix { weights, inputs: gates, outputs: hidden }, dy, places);
            }
        }
    }
    finite
}

/// Updates every weight that the first `n` rows touched, after [`backward`].
pub(crate) fn update(
    shape: &Shape,
    layers: &mut [Layer],
    chunk: &Chunk,
    work: &mut BackwardWorkspace,
    n: usize,
    rule: &Rule,
) {
    let (gates, width) = (shape.gates(), shape.width());
    let BackwardWorkspace { sums, ones, chains, .. } = work;
    for (l, layer) in layers.iter_mut().enumerate() {
        // after the backward pass the gates are dL/du
        let du = &chunk.layers[l].gates[..n * gates];
        let mut update_matrix = |inputs: usize, x: StridedRows<'_>, param: &mut Param| {
            let updated = UpdatedMatrix { inputs, gates, w: &mut param.w, v: &mut param.v };
            products::outer_update(x, du, updated, sums, rule);
        };
        if l > 0 {
            let x = StridedRows { data: &chunk.y, stride: width, offset: (l - 1) * shape.hidden };
            update_matrix(shape.hidden, x, &mut layer.below);
        }
        if shape.dense > 0 {
            update_matrix(shape.dense, StridedRows::dense(&chunk.dense, shape.dense), &mut layer.dense);
        }
        update_matrix(1, StridedRows::dense(ones, 1), &mut layer.bias);
    }
    // a row of a table that several steps named is updated once, by the sum of their gradients
    for k in 0..shape.tables {
        chains.link(&chunk.ids[..n * shape.tables], shape.tables, k);
        for row in chains.firsts() {
            let id = chunk.ids[row * shape.tables + k] as usize;
            for (l, layer) in layers.iter_mut().enumerate() {
                let table = &mut layer.tables[k];
                // its memory was made when the step was taken
                let Some(place) = table.place(id) else { continue };
                let Param { w, v } = &mut table.param;
                let (w, v) = (w.part_mut(place.clone()), v.part_mut(place));
                kernels::row_update(row, chains.next(), &chunk.layers[l].gates[..n * gates], w, v, rule);
            }
        }
    }
}

/// Workspace for computing the gradients of a full chunk, apart from the weights of a network.
#[derive(Clone)]
pub(crate) struct GradientWorkspace {
    chunk: Chunk,
    work: BackwardWorkspace,
    /// In place of weights: the kernels that compute gradients want some, and leave them alone.
    weights: Vec<f32>,
    /// The result.
    pub gradients: Gradients,
}

impl GradientWorkspace {
    /// The workspace of a network of this shape.
    pub fn new(shape: &Shape) -> Self {
        let weights = vec![0.0; shape.hidden.max(shape.dense).max(1) * shape.gates()];
        let mut gradients = Gradients::default();
        gradients.0.resize_with(shape.layers, LayerGradients::default);
        gradients.0.iter_mut().for_each(|l| l.tables.resize_with(shape.tables, Default::default));
        GradientWorkspace { chunk: Chunk::new(shape), work: BackwardWorkspace::new(shape), weights, gradients }
    }
}

/// The gradients of a full chunk, into `workspace.gradients`; false if they are not finite. `below`: W of every layer,
/// `[H, 3H]` each, empty for the first.
pub(crate) fn gradients(shape: &Shape, below: &[Aligned], chunk: &Chunk, workspace: &mut GradientWorkspace) -> bool {
    let GradientWorkspace { chunk: passed, work, weights, gradients } = workspace;
    let n = shape.chunk;
    // the backward pass overwrites the gates, which a checkpoint of the waiting chunk still needs
    passed.copy_from(chunk);
    if !backward(shape, |l| &below[l], passed, work, n) {
        return false;
    }
    // the kernels of `update`, with a rule that stores gradients instead of making steps
    let (gates, width, hidden) = (shape.gates(), shape.width(), shape.hidden);
    let rule = Rule::probe();
    let BackwardWorkspace { sums, ones, chains, .. } = work;
    for (l, layer) in gradients.0.iter_mut().enumerate() {
        let du = &passed.layers[l].gates[..n * gates];
        let mut matrix_gradient = |inputs: usize, x: StridedRows<'_>, to: &mut Vec<f32>| {
            to.resize(inputs * gates, 0.0);
            let updated = UpdatedMatrix { inputs, gates, w: &mut weights[..inputs * gates], v: to };
            products::outer_update(x, du, updated, sums, &rule);
        };
        if l > 0 {
            let x = StridedRows { data: &passed.y, stride: width, offset: (l - 1) * hidden };
            matrix_gradient(hidden, x, &mut layer.below);
        }
        if shape.dense > 0 {
            matrix_gradient(shape.dense, StridedRows::dense(&passed.dense, shape.dense), &mut layer.dense);
        }
        matrix_gradient(1, StridedRows::dense(ones, 1), &mut layer.bias);
    }
    for k in 0..shape.tables {
        chains.link(&passed.ids[..n * shape.tables], shape.tables, k);
        for (l, layer) in gradients.0.iter_mut().enumerate() {
            let du = &passed.layers[l].gates[..n * gates];
            let (ids, rows) = &mut layer.tables[k];
            ids.clear();
            ids.extend(chains.firsts().map(|row| passed.ids[row * shape.tables + k]));
            rows.resize(ids.len() * gates, 0.0);
            for (row, gradient) in chains.firsts().zip(rows.chunks_exact_mut(gates)) {
                kernels::row_update(row, chains.next(), du, &mut weights[..gates], gradient, &rule);
            }
        }
    }
    true
}
