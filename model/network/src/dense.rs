//! A layer of rectified units over a vector of numbers, and a head that classifies it (PREDICTOR §11).

use crate::{
    aligned::Aligned,
    initial_weights::{self as initial, WeightKind},
    kernels,
    tensor::{same, tensor},
};
use surmise_state::{Persist, State, StateError};

/// The step size at the first step.
const FIRST_STEP_SIZE: f32 = 8e-3;
/// The step size falls to this, and no lower.
const STEP_SIZE_MIN: f32 = 1e-3;
/// Steps after which the step size is 1/√2 of the first.
const STEP_SIZE_STEPS: f32 = 500.0;
/// Slowest rate at which the mean squared gradient follows.
const MOMENT_RATE_MIN: f32 = 1e-3;
/// Gradients of a rectified unit are held within ± this, so that one step cannot spoil its mean square.
const UNIT_GRADIENT_MAX: f32 = 1e3;

/// Linear units that learn at once, one row of weights each.
#[derive(Clone)]
struct UnitRows {
    /// Inputs of a unit, a multiple of sixteen.
    width: usize,
    /// Weights, `[units, width]`.
    w: Aligned,
    /// Running means of squared gradients, `[units, width]`.
    v: Aligned,
    /// Steps of each unit, `[units]`.
    age: Vec<u32>,
}

impl UnitRows {
    fn new(width: usize) -> Self {
        UnitRows { width, w: Aligned::default(), v: Aligned::default(), age: Vec::new() }
    }

    /// Adds a unit, whose weights `[width]` are zero, and returns them.
    fn add(&mut self) -> &mut [f32] {
        self.age.push(0);
        self.w.resize(self.age.len() * self.width);
        self.v.resize(self.age.len() * self.width);
        let at = (self.age.len() - 1) * self.width;
        &mut self.w[at..]
    }

    /// w·x of unit `i`; `x`: `[width]`.
    fn dot(&self, i: usize, x: &[f32]) -> f32 {
        kernels::dot(&self.w[i * self.width..(i + 1) * self.width], x)
    }

    /// Learns from the error e of unit `i`: dx += e w, then w -= lr e x / √v. `x` and `dx`: `[width]`.
    fn learn(&mut self, i: usize, error: f32, lr: f32, x: &[f32], dx: &mut [f32]) {
        let row = i * self.width..(i + 1) * self.width;
        self.age[i] = self.age[i].saturating_add(1);
        // a plain mean at first, which then forgets
        let rate = (1.0 / self.age[i] as f32).max(MOMENT_RATE_MIN);
        kernels::unit_learn(error, lr, rate, x, &mut self.w[row.clone()], &mut self.v[row], dx);
    }

    fn persist(&mut self, s: &mut State<'_>, units_max: usize) -> Result<(), StateError> {
        same(s, "units.width", self.width)?;
        s.u32s("units.age", &mut self.age)?;
        let units = self.age.len();
        if units > units_max {
            return Err(StateError::Invalid("units.age"));
        }
        self.w.resize(units * self.width);
        self.v.resize(units * self.width);
        tensor(s, "units.w", &[units, self.width], &mut self.w)?;
        tensor(s, "units.v", &[units, self.width], &mut self.v)
    }
}

/// The step size after so many steps.
fn step_size(steps: u64) -> f32 {
    let steps = (steps.min(1 << 30)) as f32;
    (FIRST_STEP_SIZE / (1.0 + steps / STEP_SIZE_STEPS).sqrt()).max(STEP_SIZE_MIN)
}

/// A layer of rectified units: features = [max(0, W x); x], so that a linear head over them sees the inputs too.
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
    units: UnitRows,
    steps: u64,
    /// Where the gradient by the inputs goes, which nothing uses: `[inputs]`.
    discarded: Vec<f32>,
}

impl DenseLayer {
    /// A layer that has learnt nothing.
    pub fn new(inputs: usize, hidden: usize, seed: u64) -> Self {
        let inputs = inputs.max(1).next_multiple_of(16);
        let hidden = hidden.next_multiple_of(16);
        let mut units = UnitRows::new(inputs);
        // uniform weights of variance 1/inputs
        let scale = (3.0 / inputs as f32).sqrt();
        for i in 0..hidden {
            initial::fill(units.add(), initial::row_key(seed, WeightKind::Dense, 0, 1, i), scale);
        }
        DenseLayer { inputs, hidden, units, steps: 0, discarded: vec![0.0; inputs] }
    }

    /// The number of features.
    pub fn width(&self) -> usize {
        self.hidden + self.inputs
    }

    /// The number of inputs, a multiple of 16.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Writes the features `[hidden + inputs]` of `x` `[inputs]`, which is padded with zeros, to `out`.
    pub fn features(&self, x: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.resize(self.width(), 0.0);
        let (units, inputs) = out.split_at_mut(self.hidden);
        let given = x.len().min(self.inputs);
        inputs[..given].copy_from_slice(&x[..given]);
        for (i, y) in units.iter_mut().enumerate() {
            *y = self.units.dot(i, inputs).max(0.0);
        }
    }

    /// Makes one step against the gradient of the loss by the features; both `[hidden + inputs]`.
    pub fn learn(&mut self, features: &[f32], gradient: &[f32]) {
        let lr = step_size(self.steps);
        self.steps += 1;
        let (units, x) = features.split_at(self.hidden);
        for i in 0..self.hidden {
            // a unit that is off has no gradient
            let g = if units[i] > 0.0 && gradient[i].is_finite() { gradient[i] } else { 0.0 };
            self.units.learn(i, g.clamp(-UNIT_GRADIENT_MAX, UNIT_GRADIENT_MAX), lr, x, &mut self.discarded);
        }
        self.discarded.fill(0.0);
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
    classes_max: usize,
    rows: UnitRows,
    steps: u64,
}

impl SoftmaxHead {
    /// A head over features of `width`, a multiple of 16, for at most `classes_max` classes.
    pub fn new(width: usize, classes_max: usize) -> Self {
        SoftmaxHead { classes_max, rows: UnitRows::new(width.next_multiple_of(16)), steps: 0 }
    }

    /// The number of classes that have appeared.
    pub fn classes(&self) -> usize {
        self.rows.age.len()
    }

    /// Writes the probabilities of the classes, which sum to 1, to `p` `[classes]`. `y`: `[width]`.
    pub fn probabilities(&self, y: &[f32], p: &mut Vec<f32>) {
        p.clear();
        p.extend((0..self.classes()).map(|class| self.rows.dot(class, y)));
        let largest = p.iter().copied().fold(f32::MIN, f32::max);
        normalise(p, largest);
    }

    /// Learns that `class` came where `p` `[classes]` was predicted from features `y` `[width]`; adds dL/dy to `dy`
    /// `[width]`. Classes up to it have a row from now on; a class beyond the most is ignored.
    pub fn learn(&mut self, class: usize, p: &[f32], y: &[f32], dy: &mut [f32]) {
        if class >= self.classes_max {
            return;
        }
        while self.classes() <= class {
            self.rows.add();
        }
        // every row learns, as each class's logit has a part in the loss
        let lr = step_size(self.steps);
        self.steps += 1;
        for row in 0..self.classes() {
            let error = p.get(row).copied().unwrap_or(0.0) - f32::from(u8::from(row == class));
            if error.is_finite() {
                self.rows.learn(row, error.clamp(-1.0, 1.0), lr, y, dy);
            }
        }
    }
}

impl Persist for SoftmaxHead {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("softmax.steps", &mut self.steps)?;
        self.rows.persist(s, self.classes_max)
    }
}

surmise_lanes::kernels! {
    /// Logits become probabilities in place; `largest` is the largest logit.
    fn normalise[FMA](p: &mut [f32], largest: f32) -> () {
        // less the largest, so that no exponential overflows; in order, so that the sum is the same everywhere
        let mut total = 0.0;
        for x in p.iter_mut() {
            *x = surmise_lanes::exp::<FMA>(*x - largest);
            total += *x;
        }
        for x in p.iter_mut() {
            *x /= total;
        }
    }
}
