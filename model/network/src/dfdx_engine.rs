//! The network in dfdx operations, over the same parameter arrays.
//!
//! Nothing of dfdx leaves this module. Weights are copied into tensors, one for each gate, so that no column is ever
//! sliced: the `slice` of dfdx's CPU device overwrites gradients instead of adding to them, where `select` and `gather`
//! add. Of a table only the rows that the chunk names are copied. The gradient enters at the boundary: the loss that is
//! differentiated is Σ features · dL/dfeatures. A tape never outlives the call that made it, for it may not change threads.
//!
//! dfdx computes the gradients; the step is made by the update rule of `rule.rs`, the same as for the kernels (dfdx's
//! Adam has its eps outside the root and updates rows that nothing touched).

use crate::{NONE, Shape as Sizes, chunk::Chunk, gradients::LayerGradients, kernels::CLAMP, layer::Layer};
use dfdx::prelude::*;
use std::ops::Range;

type Tape1 = OwnedTape<f32, Cpu>;
type Matrix = Tensor<(usize, usize), f32, Cpu>;
type Vector = Tensor<(usize,), f32, Cpu>;

/// A tensor at the start of a tape of its own.
fn on<S: Shape>(t: &Tensor<S, f32, Cpu>) -> Tensor<S, f32, Cpu, Tape1> {
    t.clone().put_tape(OwnedTape::default())
}

/// Takes the tape off a result and merges it into the one that is kept.
fn keep<S: Shape>(t: Tensor<S, f32, Cpu, Tape1>, tape: &mut Tape1) -> Tensor<S, f32, Cpu> {
    let (t, new) = t.split_tape();
    *tape = std::mem::take(tape).merge(new);
    t
}

/// The weights of one gate of one layer.
struct Gate {
    /// For each table its named rows, then a row of zeros for "no id".
    tables: Vec<Matrix>,
    dense: Option<Matrix>,
    below: Option<Matrix>,
    bias: Vector,
}

/// Distinct ids of one table, in order of appearance, and which of them each row has.
struct Named {
    ids: Vec<u32>,
    index: Vec<usize>,
}

impl Named {
    fn of(ids: impl Iterator<Item = u32>) -> Self {
        let mut it = Named { ids: Vec::new(), index: Vec::new() };
        let mut all = Vec::new();
        for id in ids {
            all.push(id);
            if id != NONE && !it.ids.contains(&id) {
                it.ids.push(id);
            }
        }
        it.index = all.iter().map(|id| it.ids.iter().position(|x| x == id).unwrap_or(it.ids.len())).collect();
        it
    }
}

impl Gate {
    fn new(dev: &Cpu, layer: &Layer, named: &[Named], hidden: usize, gate: usize) -> Self {
        let g = 3 * hidden;
        let columns = |w: &[f32]| -> Vec<f32> {
            w.chunks_exact(g).flat_map(|r| &r[gate * hidden..(gate + 1) * hidden]).copied().collect()
        };
        let matrix = |w: &[f32]| dev.tensor_from_vec(columns(w), (w.len() / g, hidden));
        let table = |(t, n): (&crate::layer::Table, &Named)| {
            let mut rows: Vec<f32> = n.ids.iter().flat_map(|id| t.row(*id as usize)).collect();
            rows.resize(rows.len() + g, 0.0);
            matrix(&rows)
        };
        Gate {
            tables: layer.tables.iter().zip(named).map(table).collect(),
            dense: (!layer.dense.w.is_empty()).then(|| matrix(&layer.dense.w)),
            below: (!layer.below.w.is_empty()).then(|| matrix(&layer.below.w)),
            bias: dev.tensor_from_vec(columns(&layer.bias.w), (hidden,)),
        }
    }

    /// The gate's input, rows `[n, H]`.
    fn input(
        &self,
        dev: &Cpu,
        named: &[Named],
        dense: Option<&Matrix>,
        below: Option<&Matrix>,
        tape: &mut Tape1,
        n: usize,
    ) -> Matrix {
        let hidden = self.bias.shape().0;
        let mut u = on(&self.bias).broadcast_like::<_, Axis<0>>(&(n, hidden));
        for (t, named) in self.tables.iter().zip(named) {
            let index = dev.tensor_from_vec(named.index.clone(), (n,));
            u = u + on(t).gather(index);
        }
        for (x, w) in [(dense, &self.dense), (below, &self.below)] {
            if let (Some(x), Some(w)) = (x, w) {
                u = u + on(x).matmul(w.clone());
            }
        }
        keep(u, tape)
    }
}

/// The tensors of one layer after the forward pass.
struct Pass {
    weights: [Gate; 3],
    gates: [Matrix; 3],
    h: Matrix,
    y: Matrix,
}

/// Forward through one layer for `links.len()` rows; `before` has h of the step before, used where there is no link.
fn pass(
    dev: &Cpu,
    layer: &Layer,
    named: &[Named],
    dense: Option<&Matrix>,
    below: Option<&Matrix>,
    links: &[u32],
    before: &[f32],
    tape: &mut Tape1,
) -> Pass {
    let hidden = layer.bias.w.len() / 3;
    let n = links.len();
    let weights = [0, 1, 2].map(|j| Gate::new(dev, layer, named, hidden, j));
    let [uz, uc, uo] = [0, 1, 2].map(|j: usize| weights[j].input(dev, named, dense, below, tape, n));
    let z = keep(on(&uz).clamp(-CLAMP, CLAMP).sigmoid(), tape);
    let c = keep(on(&uc).tanh(), tape);
    let o = keep(on(&uo).sigmoid(), tape);
    let mut hs: Vec<Vector> = Vec::with_capacity(n);
    for (r, link) in links.iter().enumerate() {
        let p = match hs.get(*link as usize) {
            Some(h) => h.clone(),
            None => dev.tensor_from_vec(before[r * hidden..(r + 1) * hidden].to_vec(), (hidden,)),
        };
        let row = || dev.tensor_from_vec(vec![r], ());
        let step = on(&z).select(row()) * (on(&c).select(row()) - p.clone());
        hs.push(keep(on(&p) + step, tape));
    }
    let h = keep(hs.iter().map(on).collect::<Vec<_>>().stack(), tape);
    let y = keep(on(&o) * h.clone(), tape);
    Pass { weights, gates: [z, c, o], h, y }
}

fn matrix(dev: &Cpu, x: &[f32], n: usize) -> Option<Matrix> {
    (!x.is_empty()).then(|| dev.tensor_from_vec(x.to_vec(), (n, x.len() / n)))
}

/// Forward through one layer at one step; the arguments are those of the fused engine's function of the same name.
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
    let dev = Cpu::default();
    let named: Vec<Named> = ids.iter().map(|id| Named::of(std::iter::once(*id))).collect();
    let (dense, below) = (matrix(&dev, dense, 1), matrix(&dev, below, 1));
    let p = pass(&dev, layer, &named, dense.as_ref(), below.as_ref(), &[NONE], before, &mut OwnedTape::default());
    for (to, from) in gates.chunks_exact_mut(h.len()).zip(&p.gates) {
        to.copy_from_slice(&from.as_vec());
    }
    h.copy_from_slice(&p.h.as_vec());
    y.copy_from_slice(&p.y.as_vec());
}

/// Forward through some rows of the chunk, one after another; what is in place is what the fused engine's function of
/// the same name asks for.
pub(crate) fn forward(shape: &Sizes, layers: &[Layer], chunk: &mut Chunk, rows: Range<usize>) {
    let (hidden, width, start) = (shape.hidden, shape.width(), rows.start);
    for r in rows {
        let ids = &chunk.ids[r * shape.tables..(r + 1) * shape.tables];
        let dense = &chunk.dense[r * shape.dense..(r + 1) * shape.dense];
        let y = &mut chunk.y[r * width..(r + 1) * width];
        for (l, (layer, at)) in layers.iter().zip(&mut chunk.layers).enumerate() {
            let from = chunk.links[r] as usize;
            if (start..r).contains(&from) {
                at.go_on(from, r, hidden);
            }
            let (below, y) = y.split_at_mut(l * hidden);
            layer_forward(
                layer,
                ids,
                dense,
                &below[l.saturating_sub(1) * hidden..],
                &at.before[r * hidden..(r + 1) * hidden],
                &mut at.gates[r * 3 * hidden..(r + 1) * 3 * hidden],
                &mut at.h[r * hidden..(r + 1) * hidden],
                &mut y[..hidden],
            );
        }
    }
}

/// Gradients of every layer for the first `n` rows of the chunk, by dfdx's backward pass.
pub(crate) fn gradients(shape: &Sizes, layers: &[Layer], chunk: &Chunk, n: usize) -> Vec<LayerGradients> {
    let dev = Cpu::default();
    let (hidden, width) = (shape.hidden, shape.width());
    let named: Vec<Named> =
        (0..shape.tables).map(|k| Named::of((0..n).map(|r| chunk.ids[r * shape.tables + k]))).collect();
    let dense = matrix(&dev, &chunk.dense[..n * shape.dense], n);
    let mut tape = OwnedTape::default();
    let mut passes: Vec<Pass> = Vec::new();
    let mut loss: Tensor<Rank0, f32, Cpu> = dev.zeros();
    for (l, layer) in layers.iter().enumerate() {
        let below = passes.last().map(|p| p.y.clone());
        let p = pass(
            &dev,
            layer,
            &named,
            dense.as_ref(),
            below.as_ref(),
            &chunk.links[..n],
            &chunk.layers[l].before,
            &mut tape,
        );
        let dy: Vec<f32> =
            (0..n).flat_map(|r| &chunk.dy[r * width + l * hidden..r * width + (l + 1) * hidden]).copied().collect();
        let part = (on(&p.y) * dev.tensor_from_vec(dy, (n, hidden))).sum::<Rank0, _>();
        loss = keep(part + loss, &mut tape);
        passes.push(p);
    }
    let g = loss.put_tape(tape).backward();
    passes.iter().map(|p| collect(p, &named, &g, hidden)).collect()
}

/// Puts the gates' gradients side by side again.
fn collect(p: &Pass, named: &[Named], g: &dfdx::tensor::Gradients<f32, Cpu>, hidden: usize) -> LayerGradients {
    let join = |rows: usize, parts: [Vec<f32>; 3]| -> Vec<f32> {
        (0..rows).flat_map(|r| parts.iter().flat_map(move |p| &p[r * hidden..(r + 1) * hidden])).copied().collect()
    };
    let matrices = |f: fn(&Gate) -> &Option<Matrix>| match f(&p.weights[0]) {
        None => Vec::new(),
        Some(m) => join(
            m.shape().0,
            [0, 1, 2].map(|j: usize| f(&p.weights[j]).as_ref().map_or(Vec::new(), |m| g.get(m).as_vec())),
        ),
    };
    let table = |(k, n): (usize, &Named)| {
        let parts = [0, 1, 2].map(|j: usize| g.get(&p.weights[j].tables[k]).as_vec());
        (n.ids.clone(), join(n.ids.len(), parts))
    };
    LayerGradients {
        tables: named.iter().enumerate().map(table).collect(),
        dense: matrices(|w| &w.dense),
        below: matrices(|w| &w.below),
        bias: join(1, [0, 1, 2].map(|j: usize| g.get(&p.weights[j].bias).as_vec())),
    }
}
