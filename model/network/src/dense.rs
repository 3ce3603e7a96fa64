//! A layer of rectified units over a vector of numbers, for heads that classify it.

use crate::{
    aligned::Aligned,
    kernels,
    start::{self, Part},
    tensor::{same, tensor},
};
use surmise_state::{Persist, State, StateError};

/// The step size falls from the first to the second, as 1/√(1 + steps/[`SETTLING`]).
const RATES: [f32; 2] = [8e-3, 1e-3];
/// See [`RATES`].
const SETTLING: f32 = 500.0;
/// Slowest rate at which the mean squared gradient follows.
const MOMENT_RATE: f32 = 1e-3;

/// Rows of weights with their mean squared gradients, each a linear unit that learns at once.
#[derive(Clone)]
struct Units {
    width: usize,
    w: Aligned,
    v: Aligned,
    /// Steps of each unit.
    age: Vec<u32>,
}

impl Units {
    fn new(width: usize) -> Self {
        Units { width, w: Aligned::default(), v: Aligned::default(), age: Vec::new() }
    }

    fn add(&mut self) -> &mut [f32] {
        self.age.push(0);
        self.w.resize(self.age.len() * self.width);
        self.v.resize(self.age.len() * self.width);
        let at = (self.age.len() - 1) * self.width;
        &mut self.w[at..]
    }

    fn dot(&self, i: usize, x: &[f32]) -> f32 {
        kernels::dot(&self.w[i * self.width..(i + 1) * self.width], x)
    }

    /// w -= lr e x / √v, and dx += e w.
    fn learn(&mut self, i: usize, error: f32, lr: f32, x: &[f32], dx: &mut [f32]) {
        let at = i * self.width..(i + 1) * self.width;
        self.age[i] = self.age[i].saturating_add(1);
        let rate = (1.0 / self.age[i] as f32).max(MOMENT_RATE);
        kernels::unit_learn(error, lr, rate, x, &mut self.w[at.clone()], &mut self.v[at], dx);
    }

    fn persist(&mut self, s: &mut State<'_>, most: usize) -> Result<(), StateError> {
        same(s, "units.width", self.width)?;
        s.u32s("units.age", &mut self.age)?;
        let n = self.age.len();
        if n > most {
            return Err(StateError::Invalid("units.age"));
        }
        self.w.resize(n * self.width);
        self.v.resize(n * self.width);
        tensor(s, "units.w", &[n, self.width], &mut self.w)?;
        tensor(s, "units.v", &[n, self.width], &mut self.v)
    }
}

/// The step size after `steps` events.
fn step_size(steps: u64) -> f32 {
    let t = (steps.min(1 << 30)) as f32;
    (RATES[0] / (1.0 + t / SETTLING).sqrt()).max(RATES[1])
}

/// A layer of rectified units: features = [max(0, W x); x], so that a linear head over them sees the numbers too.
///
/// Learns at every step by RMSprop; the mean squared gradient of a unit starts as a plain mean.
///
/// Shapes: x `[inputs]`, of which one is a constant (the bias); features and their gradient `[hidden + inputs]`; both
/// sizes are rounded up to multiples of 16.
///
/// Determinism: sums of sixteen lanes in a fixed order; the first weights are a hash of (seed, unit, input). Errors:
/// none; a gradient that is not finite is ignored.
///
/// Source: Glorot, Bordes and Bengio, "Deep sparse rectifier neural networks" (2011); Tieleman and Hinton's RMSprop.
#[derive(Clone)]
pub struct DenseLayer {
    inputs: usize,
    hidden: usize,
    units: Units,
    steps: u64,
    unused: Vec<f32>,
}

impl DenseLayer {
    /// A layer that has learnt nothing.
    pub fn new(inputs: usize, hidden: usize, seed: u64) -> Self {
        let inputs = inputs.max(1).next_multiple_of(16);
        let hidden = hidden.next_multiple_of(16);
        let mut units = Units::new(inputs);
        let scale = (3.0 / inputs as f32).sqrt();
        for i in 0..hidden {
            start::fill(units.add(), start::key(seed, Part::Dense, 0, 1, i), scale);
        }
        DenseLayer { inputs, hidden, units, steps: 0, unused: vec![0.0; inputs] }
    }

    /// The number of features.
    pub fn width(&self) -> usize {
        self.hidden + self.inputs
    }

    /// The number of inputs, a multiple of 16.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The features of `x`, which is padded with zeros.
    pub fn features(&self, x: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.resize(self.width(), 0.0);
        let (units, copy) = out.split_at_mut(self.hidden);
        let n = x.len().min(self.inputs);
        copy[..n].copy_from_slice(&x[..n]);
        for (i, y) in units.iter_mut().enumerate() {
            *y = self.units.dot(i, copy).max(0.0);
        }
    }

    /// One step along the gradient of the loss by the features.
    pub fn learn(&mut self, features: &[f32], gradient: &[f32]) {
        let lr = step_size(self.steps);
        self.steps += 1;
        let (units, x) = features.split_at(self.hidden);
        for i in 0..self.hidden {
            let g = if units[i] > 0.0 && gradient[i].is_finite() { gradient[i] } else { 0.0 };
            self.units.learn(i, g.clamp(-1e3, 1e3), lr, x, &mut self.unused);
        }
        self.unused.fill(0.0);
    }
}

impl Persist for DenseLayer {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("dense.steps", &mut self.steps)?;
        self.units.persist(s, self.hidden)?;
        if self.units.age.len() == self.hidden { Ok(()) } else { Err(StateError::Mismatch("dense.units")) }
    }
}

/// Multinomial logistic regression over features, for classes that appear one by one.
///
/// p = softmax(W y). A class that has not appeared has no row and no probability. Every row learns at every step by
/// RMSprop, with a rate that falls to a floor.
///
/// Shapes: y and dy `[width]`, p `[classes]`. Determinism and errors: as for [`DenseLayer`].
#[derive(Clone)]
pub struct SoftmaxHead {
    most: usize,
    rows: Units,
    steps: u64,
}

impl SoftmaxHead {
    /// A head over features of `width`, a multiple of 16, for at most `most` classes.
    pub fn new(width: usize, most: usize) -> Self {
        SoftmaxHead { most, rows: Units::new(width.next_multiple_of(16)), steps: 0 }
    }

    /// Classes that have appeared.
    pub fn classes(&self) -> usize {
        self.rows.age.len()
    }

    /// The classes' probabilities, which sum to 1.
    pub fn probabilities(&self, y: &[f32], p: &mut Vec<f32>) {
        p.clear();
        p.extend((0..self.classes()).map(|c| self.rows.dot(c, y)));
        let top = p.iter().copied().fold(f32::MIN, f32::max);
        normalise(p, top);
    }

    /// Learns that `class` came where `p` was expected; adds dL/dy to `dy`. Classes up to it are there from now on.
    pub fn learn(&mut self, class: usize, p: &[f32], y: &[f32], dy: &mut [f32]) {
        if class >= self.most {
            return;
        }
        while self.classes() <= class {
            self.rows.add();
        }
        let lr = step_size(self.steps);
        self.steps += 1;
        for c in 0..self.classes() {
            let e = p.get(c).copied().unwrap_or(0.0) - f32::from(u8::from(c == class));
            if e.is_finite() {
                self.rows.learn(c, e.clamp(-1.0, 1.0), lr, y, dy);
            }
        }
    }
}

impl Persist for SoftmaxHead {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("softmax.steps", &mut self.steps)?;
        self.rows.persist(s, self.most)
    }
}

surmise_lanes::kernels! {
/// Logits to probabilities; `top` is the largest.
fn normalise[FMA](p: &mut [f32], top: f32) -> () {
    let mut total = 0.0;
    for x in p.iter_mut() {
        *x = surmise_lanes::exp::<FMA>(*x - top);
        total += *x;
    }
    for x in p.iter_mut() {
        *x /= total;
    }
}
}
