//! A head of binary decisions along a code tree, which predicts symbols (PREDICTOR §2 and §5).

use crate::{NONE, aligned::Aligned, kernels::UNIT_FLOOR, tensor::tensor};
use surmise_lanes::{LANES, dot, kernels, madd, rsqrt};
use surmise_state::{Persist, State, StateError, incremental_copy};

/// How many times larger a unit's first step is than its late ones.
const FIRST_STEP_FACTOR: f32 = 4.0;
/// How fast the step size falls: after 1/this of its steps, what exceeds the late step size has halved.
const STEP_SIZE_DECAY: f32 = 0.02;
/// Slowest rate at which the mean squared gradient follows.
const MOMENT_RATE_MIN: f32 = 0.001;

/// A head with one logistic unit for each node of a code tree: P(bit = 1 | node) = σ(w·y + b).
///
/// A unit learns at once, not by chunks: with e = p - bit, g = e y and c the steps that the unit has learnt,
/// `v += r (g² - v)` with r = max(0.001, 1/(c+1)), and `w -= lr (1 + 3/(1 + 0.02 c)) g / √(v + 1e-7)`; the bias
/// likewise.
///
/// Shapes: y and dy are `[width]`. A node has a unit, and memory, from its first [`learn`](Self::learn) on; before, its
/// logit is 0. Numbers of nodes are reduced modulo `nodes_max`, so with more nodes than that two of them share a unit.
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
    /// Of each unit its place in what follows, or [`NONE`]; units behind the last have none.
    places: Vec<u32>,
    /// `[places, width]`, in the order in which units were first learnt.
    w: Aligned,
    /// Running means of squared gradients, `[places, width]`.
    v: Aligned,
    nodes: Vec<UnitBias>,
}

/// What a unit has besides its rows of w and v.
#[derive(Clone, Copy, Default)]
struct UnitBias {
    bias: f32,
    /// The running mean of the bias's squared gradients.
    bias_v: f32,
    /// Steps that the unit has learnt.
    count: u32,
}

impl TreeHead {
    /// A head over features of `width` (rounded up to a multiple of 16) that has learnt nothing. `nodes_max` is
    /// rounded up to a power of two.
    pub fn new(width: usize, nodes_max: usize, lr: f32) -> Self {
        TreeHead {
            width: width.max(1).next_multiple_of(16),
            nodes_max: nodes_max.clamp(1, 1 << 31).next_power_of_two(),
            lr,
            places: Vec::new(),
            w: Aligned::default(),
            v: Aligned::default(),
            nodes: Vec::new(),
        }
    }

    /// The number of nodes that have memory so far.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The number of features.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Of each unit its place among those that have memory, or [`NONE`].
    pub(crate) fn places(&self) -> &[u32] {
        &self.places
    }

    /// The weights `[units that have memory, width]`.
    pub(crate) fn weights(&self) -> &[f32] {
        &self.w
    }

    /// The biases of the units that have memory.
    pub(crate) fn biases(&self) -> impl Iterator<Item = f32> + '_ {
        self.nodes.iter().map(|node| node.bias)
    }

    /// Asks the processor to load the weights of a node before they are used.
    #[inline(always)]
    pub fn prefetch(&self, node: u32) {
        let Some(place) = self.place(node) else { return };
        let row = place * self.width..(place + 1) * self.width;
        if let (Some(w), Some(v)) = (self.w.get(row.clone()), self.v.get(row)) {
            for i in (0..self.width).step_by(16) {
                surmise_lanes::prefetch(&w[i]);
                surmise_lanes::prefetch(&v[i]);
            }
        }
    }

    /// The number of the unit of a node.
    #[inline(always)]
    fn unit(&self, node: u32) -> usize {
        // nodes_max is a power of two
        node as usize & (self.nodes_max - 1)
    }

    /// The place of a node's unit, if it has learnt.
    #[inline(always)]
    fn place(&self, node: u32) -> Option<usize> {
        let place = *self.places.get(self.unit(node))?;
        (place != NONE).then_some(place as usize)
    }

    /// The logit ln(p / (1 - p)) of the bit at each node, for features `y` `[width]`. It does not depend on the other
    /// nodes.
    #[inline(always)]
    pub fn logits<const FMA: bool, const N: usize>(&self, nodes: &[u32; N], y: &[f32]) -> [f32; N] {
        // widths are multiples of sixteen, so no number is left over
        let y = y.as_chunks().0;
        // a loop, as a closure that is not inlined would be compiled without the kernel's instructions
        let mut logits = [0.0; N];
        for (logit, node) in logits.iter_mut().zip(nodes) {
            if let Some(i) = self.place(*node)
                && let Some(unit) = self.nodes.get(i)
            {
                *logit = dot::<FMA>(self.w[i * self.width..(i + 1) * self.width].as_chunks().0, y) + unit.bias;
            }
        }
        logits
    }

    /// Learns from bits that were predicted at N different nodes from features `y` `[width]`: `errors` are p - bit,
    /// within ±1, or 0 where there is nothing to learn. Adds dL/dy to `dy` `[width]`.
    #[inline(always)]
    pub fn learn_all<const FMA: bool, const N: usize>(
        &mut self,
        nodes: &[u32; N],
        errors: &[f32; N],
        y: &[f32],
        dy: &mut [f32],
    ) {
        for k in 0..N {
            let error = errors[k];
            if error == 0.0 || !error.is_finite() {
                continue;
            }
            let i = match self.place(nodes[k]) {
                Some(place) => place,
                None => self.make(nodes[k]),
            };
            let e = error.clamp(-1.0, 1.0);
            let (rate, lr) = self.nodes[i].step(self.lr, e);
            let row = i * self.width..(i + 1) * self.width;
            let (w, v) = (self.w.part_mut(row.clone()), self.v.part_mut(row));
            // the gradient by the features, the moments and the weights in one pass over the row
            let (w, v) = (w.as_chunks_mut::<LANES>().0, v.as_chunks_mut::<LANES>().0);
            let (y, dy) = (y.as_chunks::<LANES>().0, dy.as_chunks_mut::<LANES>().0);
            for (((w, v), y), dy) in w.iter_mut().zip(v).zip(y).zip(dy) {
                for q in 0..LANES {
                    dy[q] = madd::<FMA>(e, w[q], dy[q]);
                    let g = e * y[q];
                    v[q] = madd::<FMA>(rate, madd::<FMA>(g, g, -v[q]), v[q]);
                    w[q] = madd::<FMA>(-(lr * g), rsqrt::<FMA>(v[q] + UNIT_FLOOR), w[q]);
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

    /// Makes memory for the unit of a node; returns its place.
    #[cold]
    fn make(&mut self, node: u32) -> usize {
        let (unit, place) = (self.unit(node), self.nodes.len());
        if self.places.len() <= unit {
            self.places.resize(unit + 1, NONE);
        }
        self.places[unit] = place as u32;
        self.nodes.push(UnitBias::default());
        self.w.resize(self.nodes.len() * self.width);
        self.v.resize(self.nodes.len() * self.width);
        place
    }
}

impl UnitBias {
    /// Learns the bias from the error e; returns the rate of v and the step size of w.
    #[inline(always)]
    fn step(&mut self, lr: f32, e: f32) -> (f32, f32) {
        self.count = self.count.saturating_add(1);
        let c = self.count as f32;
        let rate = (1.0 / (c + 1.0)).max(MOMENT_RATE_MIN);
        let lr = lr * (1.0 + (FIRST_STEP_FACTOR - 1.0) / (1.0 + STEP_SIZE_DECAY * c));
        self.bias_v += rate * (e * e - self.bias_v);
        self.bias -= lr * e / (self.bias_v + UNIT_FLOOR).sqrt();
        (rate, lr)
    }
}

kernels! {
    /// Compiled for every kernel, as callers of [`TreeHead::logit`] are not.
    fn one_logit[FMA](head: &TreeHead, node: u32, y: &[f32]) -> f32 {
        head.logits::<FMA, 1>(&[node], y)[0]
    }

    /// Compiled for every kernel, as callers of [`TreeHead::learn`] are not.
    fn one_learn[FMA](head: &mut TreeHead, node: u32, error: f32, y: &[f32], dy: &mut [f32]) {
        head.learn_all::<FMA, 1>(&[node], &[error], y, dy);
    }
}

incremental_copy!(TreeHead { large: w, v; small: width, nodes_max, lr, places, nodes });

impl Persist for TreeHead {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        // the units that have memory, in its order
        let mut made = vec![0u32; self.nodes.len()];
        for (unit, place) in self.places.iter().enumerate().filter(|(_, place)| **place != NONE) {
            made[*place as usize] = unit as u32;
        }
        s.u32s("tree", &mut made)?;
        let units = made.len();
        if s.is_reading() {
            self.places.clear();
            for (place, unit) in made.iter().enumerate() {
                if *unit as usize >= self.nodes_max || self.place(*unit).is_some() {
                    return Err(StateError::Invalid("tree"));
                }
                self.places.resize(self.places.len().max(*unit as usize + 1), NONE);
                self.places[*unit as usize] = place as u32;
            }
        }
        self.nodes.resize(units, UnitBias::default());
        self.w.resize(units * self.width);
        self.v.resize(units * self.width);
        let (w, v) = (self.w.walk(s), self.v.walk(s));
        tensor(s, "tree.w", &[units, self.width], w)?;
        tensor(s, "tree.v", &[units, self.width], v)?;
        for node in &mut self.nodes {
            s.f32("tree.bias", &mut node.bias)?;
            s.f32("tree.bias_v", &mut node.bias_v)?;
            s.u32("tree.count", &mut node.count)?;
        }
        Ok(())
    }
}
