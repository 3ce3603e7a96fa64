//! A head of binary decisions.

use crate::{aligned::Aligned, tensor::tensor};
use surmise_lanes::{LANES, dot, kernels, madd, rsqrt};
use surmise_state::{Persist, State, StateError, incremental_copy};

/// How much larger a unit's first steps are.
const HASTE: f32 = 4.0;

/// One logistic unit for each node of a code tree: P(bit = 1 | node) = σ(w·y + b).
///
/// A node learns at once, not by chunks: with e = p - bit, g = e y and c the times that the node has learnt,
/// `v += r (g² - v)` with r = max(0.001, 1/(c+1)), and `w -= lr (1 + 3/(1 + 0.02 c)) g / √(v + 1e-7)`; the bias likewise.
///
/// Shapes: y and dy are `[width]`. Nodes are there from their first [`learn`](Self::learn) on; a node that never learnt has
/// logit 0. Numbers of nodes are reduced modulo the most nodes that there may be, so two nodes share a unit beyond it.
///
/// Determinism: sums of sixteen lanes in a fixed order. Errors: none; an error that is not finite is ignored.
///
/// Source: Mikolov et al., "Extensions of recurrent neural network language model" (2011), for factored outputs;
/// Tieleman and Hinton's RMSprop (2012) with a mean at first.
#[derive(Clone)]
pub struct TreeHead {
    width: usize,
    nodes_max: usize,
    lr: f32,
    w: Aligned,
    v: Aligned,
    nodes: Vec<Node>,
}

/// What a node has besides its rows of w and v.
#[derive(Clone, Copy, Default)]
struct Node {
    bias: f32,
    bias_v: f32,
    count: u32,
}

impl TreeHead {
    /// A head over features of `width` (rounded up to a multiple of 16) that never learnt. `nodes_max` is rounded up to
    /// a power of two.
    pub fn new(width: usize, nodes_max: usize, lr: f32) -> Self {
        TreeHead {
            width: width.max(1).next_multiple_of(16),
            nodes_max: nodes_max.clamp(1, 1 << 31).next_power_of_two(),
            lr,
            w: Aligned::default(),
            v: Aligned::default(),
            nodes: Vec::new(),
        }
    }

    /// The number of nodes that there is room for so far.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Asks the processor for a node's weights ahead of their use.
    #[inline(always)]
    pub fn prefetch(&self, node: u32) {
        let at = (node as usize & (self.nodes_max - 1)) * self.width;
        if let (Some(w), Some(v)) = (self.w.get(at..at + self.width), self.v.get(at..at + self.width)) {
            for i in (0..self.width).step_by(16) {
                surmise_lanes::prefetch(&w[i]);
                surmise_lanes::prefetch(&v[i]);
            }
        }
    }

    /// ln(p / (1 - p)) of the bit at each node. A node's is the same whichever others are asked beside it.
    #[inline(always)]
    pub fn logits<const FMA: bool, const N: usize>(&self, nodes: &[u32; N], y: &[f32]) -> [f32; N] {
        let y = y.as_chunks().0;
        // a loop, as a closure that is not inlined would be compiled for the baseline; what never learnt is zero
        let mut logits = [0.0; N];
        for (logit, n) in logits.iter_mut().zip(nodes) {
            let i = *n as usize & (self.nodes_max - 1);
            if let Some(node) = self.nodes.get(i) {
                *logit = dot::<FMA>(self.w[i * self.width..(i + 1) * self.width].as_chunks().0, y) + node.bias;
            }
        }
        logits
    }

    /// Learns from bits whose probabilities were predicted, at nodes that differ: errors are p - bit, within ±1, or 0 where
    /// there is nothing to learn. Adds the gradient to `dy`.
    #[inline(always)]
    pub fn learn_all<const FMA: bool, const N: usize>(
        &mut self,
        nodes: &[u32; N],
        errors: &[f32; N],
        y: &[f32],
        dy: &mut [f32],
    ) {
        for k in 0..N {
            let e = errors[k];
            if e == 0.0 || !e.is_finite() {
                continue;
            }
            let i = nodes[k] as usize & (self.nodes_max - 1);
            if i >= self.nodes.len() {
                self.reach(i);
            }
            let e = e.clamp(-1.0, 1.0);
            let (rate, lr) = self.nodes[i].step(self.lr, e);
            let at = i * self.width..(i + 1) * self.width;
            let (w, v) = (self.w.part_mut(at.clone()), self.v.part_mut(at));
            let (w, v) = (w.as_chunks_mut::<LANES>().0, v.as_chunks_mut::<LANES>().0);
            let (y, dy) = (y.as_chunks::<LANES>().0, dy.as_chunks_mut::<LANES>().0);
            for (((w, v), y), dy) in w.iter_mut().zip(v).zip(y).zip(dy) {
                for q in 0..LANES {
                    dy[q] = madd::<FMA>(e, w[q], dy[q]);
                    let g = e * y[q];
                    v[q] = madd::<FMA>(rate, madd::<FMA>(g, g, -v[q]), v[q]);
                    w[q] = madd::<FMA>(-(lr * g), rsqrt::<FMA>(v[q] + 1e-7), w[q]);
                }
            }
        }
    }

    /// [`TreeHead::logits`] of one node.
    #[inline]
    pub fn logit(&self, node: u32, y: &[f32]) -> f32 {
        one_logit(self, node, y)
    }

    /// [`TreeHead::learn_all`] at one node.
    #[inline]
    pub fn learn(&mut self, node: u32, error: f32, y: &[f32], dy: &mut [f32]) {
        one_learn(self, node, error, y, dy)
    }

    #[cold]
    fn reach(&mut self, node: usize) {
        let n = (node + 1).next_power_of_two().max(16).min(self.nodes_max.max(node + 1));
        self.w.resize(n * self.width);
        self.v.resize(n * self.width);
        self.nodes.resize(n, Node::default());
    }
}

impl Node {
    /// Learns the bias; returns the rate of v and that of w.
    #[inline(always)]
    fn step(&mut self, lr: f32, e: f32) -> (f32, f32) {
        self.count = self.count.saturating_add(1);
        let c = self.count as f32;
        let rate = (1.0 / (c + 1.0)).max(0.001);
        let lr = lr * (1.0 + (HASTE - 1.0) / (1.0 + 0.02 * c));
        self.bias_v += rate * (e * e - self.bias_v);
        self.bias -= lr * e / (self.bias_v + 1e-7).sqrt();
        (rate, lr)
    }
}

kernels! {
    fn one_logit[FMA](head: &TreeHead, node: u32, y: &[f32]) -> f32 {
        head.logits::<FMA, 1>(&[node], y)[0]
    }

    fn one_learn[FMA](head: &mut TreeHead, node: u32, error: f32, y: &[f32], dy: &mut [f32]) {
        head.learn_all::<FMA, 1>(&[node], &[error], y, dy);
    }
}

incremental_copy!(TreeHead { large: w, v; small: width, nodes_max, lr, nodes });

impl Persist for TreeHead {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let n = s.begin("tree", self.nodes.len(), 8 * self.width)?;
        if n > self.nodes_max {
            return Err(StateError::Invalid("tree"));
        }
        self.nodes.resize(n, Node::default());
        self.w.resize(n * self.width);
        self.v.resize(n * self.width);
        let (w, v) = (self.w.walk(s), self.v.walk(s));
        tensor(s, "tree.w", &[n, self.width], w)?;
        tensor(s, "tree.v", &[n, self.width], v)?;
        for node in &mut self.nodes {
            s.f32("tree.bias", &mut node.bias)?;
            s.f32("tree.bias_v", &mut node.bias_v)?;
            s.u32("tree.count", &mut node.count)?;
        }
        Ok(())
    }
}
