//! The network in dfdx operations, over the same parameter arrays.
//!
//! Nothing of dfdx leaves this module. Weights are copied into tensors, one for each gate, so that no column is ever
//! sliced: the `slice` of dfdx's CPU device overwrites gradients instead of adding to them, where `select` and
//! `gather` add. Of a table only the rows that the chunk names are copied. The gradient enters at the boundary: the
//! loss that is differentiated is Σ features · dL/dfeatures. A tape never outlives the call that made it, for it may
//! not change threads.
//!
//! dfdx computes the gradients; the step is made by the update rule of `rule.rs`, as for the kernels (dfdx's Adam has
//! its eps outside the root and updates rows that nothing touched).

use crate::{
    NONE, Shape as Sizes,
    chunk::Chunk,
    gradients::{Gradients, LayerGradients},
    kernels::GATE_INPUT_MAX,
    layer::{EmbeddingTable, Layer},
    layer_step::LayerStep,
};
use dfdx::prelude::*;
use std::ops::Range;

type CpuTape = OwnedTape<f32, Cpu>;
type CpuMatrix = Tensor<(usize, usize), f32, Cpu>;
type CpuVector = Tensor<(usize,), f32, Cpu>;

/// A tensor at the start of a tape of its own.
fn taped<S: Shape>(tensor: &Tensor<S, f32, Cpu>) -> Tensor<S, f32, Cpu, CpuTape> {
    tensor.clone().put_tape(OwnedTape::default())
}

/// Takes the tape off a result and merges it into the one that records the whole pass.
fn record<S: Shape>(result: Tensor<S, f32, Cpu, CpuTape>, tape: &mut CpuTape) -> Tensor<S, f32, Cpu> {
    let (result, new) = result.split_tape();
    *tape = std::mem::take(tape).merge(new);
    result
}

/// The distinct ids of one table in a chunk.
struct DistinctIds {
    /// In the order in which they appear first.
    ids: Vec<u32>,
    /// For each row of the chunk the place of its id in `ids`; one past the end if it has none.
    index: Vec<usize>,
}

impl DistinctIds {
    fn of(ids: impl Iterator<Item = u32>) -> Self {
        let all: Vec<u32> = ids.collect();
        let mut distinct = Vec::new();
        for id in &all {
            if *id != NONE && !distinct.contains(id) {
                distinct.push(*id);
            }
        }
        let place = |id: &u32| distinct.iter().position(|x| x == id).unwrap_or(distinct.len());
        let index = all.iter().map(place).collect();
        DistinctIds { ids: distinct, index }
    }
}

/// The weights of one gate of one layer, as tensors.
struct GateTensors {
    /// For each table the rows of its distinct ids, then a row of zeros for "no id".
    tables: Vec<CpuMatrix>,
    dense: Option<CpuMatrix>,
    below: Option<CpuMatrix>,
    bias: CpuVector,
}

impl GateTensors {
    /// Gate 0, 1 or 2 (z, c, o); `tables_ids`: one for each table.
    fn new(dev: &Cpu, layer: &Layer, table_ids: &[DistinctIds], hidden: usize, gate: usize) -> Self {
        let gates = 3 * hidden;
        let columns = |w: &[f32]| -> Vec<f32> {
            w.chunks_exact(gates).flat_map(|row| &row[gate * hidden..(gate + 1) * hidden]).copied().collect()
        };
        let matrix = |w: &[f32]| dev.tensor_from_vec(columns(w), (w.len() / gates, hidden));
        let table = |(table, ids): (&EmbeddingTable, &DistinctIds)| {
            // rows that the table has not grown to are known as well
            let mut rows: Vec<f32> = ids.ids.iter().flat_map(|id| table.row(*id as usize)).collect();
            rows.resize(rows.len() + gates, 0.0);
            matrix(&rows)
        };
        GateTensors {
            tables: layer.tables.iter().zip(table_ids).map(table).collect(),
            dense: (!layer.dense.w.is_empty()).then(|| matrix(&layer.dense.w)),
            below: (!layer.below.w.is_empty()).then(|| matrix(&layer.below.w)),
            bias: dev.tensor_from_vec(columns(&layer.bias.w), (hidden,)),
        }
    }

    /// The gate's input, `[rows, H]`, for the inputs of a pass and the features `below` of the layer below.
    fn input(&self, dev: &Cpu, inputs: &PassInputs<'_>, below: Option<&CpuMatrix>, tape: &mut CpuTape) -> CpuMatrix {
        let (rows, hidden) = (inputs.links.len(), self.bias.shape().0);
        let mut u = taped(&self.bias).broadcast_like::<_, Axis<0>>(&(rows, hidden));
        for (table, ids) in self.tables.iter().zip(inputs.table_ids) {
            let index = dev.tensor_from_vec(ids.index.clone(), (rows,));
            u = u + taped(table).gather(index);
        }
        for (x, w) in [(inputs.dense, &self.dense), (below, &self.below)] {
            if let (Some(x), Some(w)) = (x, w) {
                u = u + taped(x).matmul(w.clone());
            }
        }
        record(u, tape)
    }
}

/// The inputs of a forward pass that all layers share.
struct PassInputs<'a> {
    /// One for each table.
    table_ids: &'a [DistinctIds],
    /// `[rows, dense]`, if the network has dense inputs.
    dense: Option<&'a CpuMatrix>,
    /// `[rows]`: the row of the step before, or [`NONE`].
    links: &'a [u32],
}

/// The tensors of one layer after the forward pass.
struct LayerPass {
    weights: [GateTensors; 3],
    /// z, c, o, `[rows, H]` each.
    gates: [CpuMatrix; 3],
    h: CpuMatrix,
    y: CpuMatrix,
}

/// Forward through one layer. `below`: features of the layer below, `[rows, H]`; `before`: h of the step before,
/// `[rows, H]`, used where a row has no link.
fn pass(
    dev: &Cpu,
    layer: &Layer,
    inputs: &PassInputs<'_>,
    below: Option<&CpuMatrix>,
    before: &[f32],
    tape: &mut CpuTape,
) -> LayerPass {
    let hidden = layer.bias.w.len() / 3;
    let weights = [0, 1, 2].map(|gate| GateTensors::new(dev, layer, inputs.table_ids, hidden, gate));
    let [uz, uc, uo] = [0, 1, 2].map(|gate: usize| weights[gate].input(dev, inputs, below, tape));
    let z = record(taped(&uz).clamp(-GATE_INPUT_MAX, GATE_INPUT_MAX).sigmoid(), tape);
    let c = record(taped(&uc).tanh(), tape);
    let o = record(taped(&uo).sigmoid(), tape);
    // row after row, as h of a row may need h of an earlier one
    let mut all_h: Vec<CpuVector> = Vec::with_capacity(inputs.links.len());
    for (r, link) in inputs.links.iter().enumerate() {
        let h_before = match all_h.get(*link as usize) {
            Some(h) => h.clone(),
            None => dev.tensor_from_vec(before[r * hidden..(r + 1) * hidden].to_vec(), (hidden,)),
        };
        let row = || dev.tensor_from_vec(vec![r], ());
        let step = taped(&z).select(row()) * (taped(&c).select(row()) - h_before.clone());
        all_h.push(record(taped(&h_before) + step, tape));
    }
    let h = record(all_h.iter().map(taped).collect::<Vec<_>>().stack(), tape);
    let y = record(taped(&o) * h.clone(), tape);
    LayerPass { weights, gates: [z, c, o], h, y }
}

/// `[rows, x.len() / rows]`; nothing for no numbers.
fn matrix(dev: &Cpu, x: &[f32], rows: usize) -> Option<CpuMatrix> {
    (!x.is_empty()).then(|| dev.tensor_from_vec(x.to_vec(), (rows, x.len() / rows)))
}

/// Forward through one layer at one step.
pub(crate) fn layer_forward(layer: &Layer, step: LayerStep<'_>) {
    let dev = Cpu::default();
    let table_ids: Vec<DistinctIds> = step.ids.iter().map(|id| DistinctIds::of(std::iter::once(*id))).collect();
    // a chunk of one row without a link, whose tape is thrown away
    let (dense, below) = (matrix(&dev, step.dense, 1), matrix(&dev, step.below, 1));
    let inputs = PassInputs { table_ids: &table_ids, dense: dense.as_ref(), links: &[NONE] };
    let passed = pass(&dev, layer, &inputs, below.as_ref(), step.before, &mut OwnedTape::default());
    for (to, from) in step.gates.chunks_exact_mut(step.h.len()).zip(&passed.gates) {
        to.copy_from_slice(&from.as_vec());
    }
    step.h.copy_from_slice(&passed.h.as_vec());
    step.y.copy_from_slice(&passed.y.as_vec());
}

/// Forward through some rows of the chunk, one after another; in place is what `fused::forward` asks for.
pub(crate) fn forward(shape: &Sizes, layers: &[Layer], chunk: &mut Chunk, rows: Range<usize>) {
    let (hidden, gates, width, start) = (shape.hidden, shape.gates(), shape.width(), rows.start);
    for row in rows {
        let y = &mut chunk.y[row * width..(row + 1) * width];
        for (l, (layer, at)) in layers.iter().zip(&mut chunk.layers).enumerate() {
            let from = chunk.links[row] as usize;
            if (start..row).contains(&from) {
                at.continue_from(from, row, hidden);
            }
            let (below, y) = y.split_at_mut(l * hidden);
            let step = LayerStep {
                ids: &chunk.ids[row * shape.tables..(row + 1) * shape.tables],
                dense: &chunk.dense[row * shape.dense..(row + 1) * shape.dense],
                below: &below[l.saturating_sub(1) * hidden..],
                before: &at.before[row * hidden..(row + 1) * hidden],
                gates: &mut at.gates[row * gates..(row + 1) * gates],
                h: &mut at.h[row * hidden..(row + 1) * hidden],
                y: &mut y[..hidden],
            };
            layer_forward(layer, step);
        }
    }
}

/// Gradients of every layer for the first `n` rows of the chunk, by dfdx's backward pass; nothing if one is not
/// finite, or larger than the fused engine would allow.
pub(crate) fn gradients(shape: &Sizes, layers: &[Layer], chunk: &Chunk, n: usize) -> Option<Gradients> {
    let dev = Cpu::default();
    let (hidden, width) = (shape.hidden, shape.width());
    let ids_of = |table: usize| DistinctIds::of((0..n).map(|row| chunk.ids[row * shape.tables + table]));
    let table_ids: Vec<DistinctIds> = (0..shape.tables).map(ids_of).collect();
    let dense = matrix(&dev, &chunk.dense[..n * shape.dense], n);
    let inputs = PassInputs { table_ids: &table_ids, dense: dense.as_ref(), links: &chunk.links[..n] };
    let mut tape = OwnedTape::default();
    let mut passes: Vec<LayerPass> = Vec::new();
    let mut loss: Tensor<Rank0, f32, Cpu> = dev.zeros();
    for (l, layer) in layers.iter().enumerate() {
        let below = passes.last().map(|p| p.y.clone());
        let passed = pass(&dev, layer, &inputs, below.as_ref(), &chunk.layers[l].before, &mut tape);
        let dy_of = |row: usize| &chunk.dy[row * width + l * hidden..row * width + (l + 1) * hidden];
        let dy: Vec<f32> = (0..n).flat_map(dy_of).copied().collect();
        // dL/dfeatures are constants of the loss that is differentiated
        let part = (taped(&passed.y) * dev.tensor_from_vec(dy, (n, hidden))).sum::<Rank0, _>();
        loss = record(part + loss, &mut tape);
        passes.push(passed);
    }
    let tensors = loss.put_tape(tape).backward();
    let all = Gradients(passes.iter().map(|p| collect(p, &table_ids, &tensors, hidden)).collect());
    all.are_finite().then_some(all)
}

/// The gradients of one layer, with its three gates side by side again.
fn collect(
    passed: &LayerPass,
    table_ids: &[DistinctIds],
    tensors: &dfdx::tensor::Gradients<f32, Cpu>,
    hidden: usize,
) -> LayerGradients {
    let join = |rows: usize, gates: [Vec<f32>; 3]| -> Vec<f32> {
        let row_of = |row: usize| gates.iter().flat_map(move |gate| &gate[row * hidden..(row + 1) * hidden]);
        (0..rows).flat_map(row_of).copied().collect()
    };
    let matrices = |of: fn(&GateTensors) -> &Option<CpuMatrix>| {
        let gradient = |m: &CpuMatrix| tensors.get(m).as_vec();
        of(&passed.weights[0]).as_ref().map_or(Vec::new(), |first| {
            let gates = [0, 1, 2].map(|gate: usize| of(&passed.weights[gate]).as_ref().map_or(Vec::new(), gradient));
            join(first.shape().0, gates)
        })
    };
    let table = |(table, ids): (usize, &DistinctIds)| {
        let gates = [0, 1, 2].map(|gate: usize| tensors.get(&passed.weights[gate].tables[table]).as_vec());
        // the row of zeros for "no id" comes last and is left out
        (ids.ids.clone(), join(ids.ids.len(), gates))
    };
    LayerGradients {
        tables: table_ids.iter().enumerate().map(table).collect(),
        dense: matrices(|w| &w.dense),
        below: matrices(|w| &w.below),
        bias: join(1, [0, 1, 2].map(|gate: usize| tensors.get(&passed.weights[gate].bias).as_vec())),
    }
}
