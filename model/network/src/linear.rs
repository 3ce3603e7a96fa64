//! A head of linear outputs, which predict numbers.

use crate::{
    Rates,
    aligned::Aligned,
    initial_weights::{self as initial, WeightKind},
    kernels,
    rule::Rule,
    tensor::tensor,
};
use surmise_state::{Persist, State, StateError};

/// First weights are within ± this, divided by √width: small outputs at first.
const FIRST_SCALE: f32 = 0.15;

/// Numbers behind a row of W: the bias, and zeros up to a whole block of lanes.
const BIAS_LANES: usize = 16;

/// A head of linear outputs, out = W y + b.
///
/// Gradients add up over `update_steps` calls of [`learn`](Self::learn), the last of which updates W and b by
/// [`Rates`]; each output counts its own updates, so that one that is added late starts as the others did.
///
/// Shapes: y and dy `[width]`, out and its gradient `[outputs]`, W `[outputs, width]`. W starts uniform within
/// ± 0.15/√width, a hash of (seed, output, column); b at 0.
///
/// Determinism: sums of sixteen lanes in a fixed order. Errors: none; gradients that are not finite (or larger than
/// 1e8) reach `dy`, where the network rejects its chunk, and the update that they would have been part of is dropped
/// too.
#[derive(Clone)]
pub struct LinearHead {
    width: usize,
    rates: Rates,
    update_steps: usize,
    seed: u64,
    outputs: Vec<LinearOutput>,
    /// The latest outputs.
    out: Vec<f32>,
    /// Steps since the latest update.
    waiting: usize,
    /// Whether a gradient since the latest update was not finite.
    not_finite: bool,
}

/// The weights of one output.
#[derive(Clone)]
struct LinearOutput {
    /// Row of W, then b and fifteen zeros: `[width + 16]`.
    w: Aligned,
    /// The running mean of squared gradients, as `w`.
    v: Aligned,
    /// The gradient since the latest update, as `w`.
    gradient: Aligned,
    /// beta2 to the power of this output's updates.
    decay: f64,
}

impl LinearHead {
    /// A head over features of `width`, rounded up to a multiple of 16, that updates after every `update_steps` steps.
    pub fn new(width: usize, outputs: usize, rates: Rates, update_steps: usize, seed: u64) -> Self {
        let width = width.max(1).next_multiple_of(16);
        let mut head = LinearHead {
            width,
            rates,
            update_steps: update_steps.max(1),
            seed,
            outputs: Vec::new(),
            out: Vec::new(),
            waiting: 0,
            not_finite: false,
        };
        (0..outputs).for_each(|_| head.add_output());
        head
    }

    /// The number of features.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Of each output its weights and behind them its bias.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.outputs.iter().map(|output| &*output.w)
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// Adds an output behind the others.
    pub fn add_output(&mut self) {
        let len = self.width + BIAS_LANES;
        let [mut w, v, gradient] = [(); 3].map(|()| Aligned::zeros(len));
        let key = initial::row_key(self.seed, WeightKind::Output, 0, 0, self.outputs.len());
        initial::fill(&mut w[..self.width], key, FIRST_SCALE / (self.width as f32).sqrt());
        self.outputs.push(LinearOutput { w, v, gradient, decay: 1.0 });
        self.out.push(0.0);
    }

    /// The outputs `[outputs]` for features `y` `[width]`.
    pub fn forward(&mut self, y: &[f32]) -> &[f32] {
        for (output, out) in self.outputs.iter().zip(&mut self.out) {
            *out = output.value(self.width, y);
        }
        &self.out
    }

    /// Writes the outputs for features `y` `[width]` to `out` `[outputs]` and changes nothing else, for queries.
    pub fn peek(&self, y: &[f32], out: &mut [f32]) {
        for (output, out) in self.outputs.iter().zip(out) {
            *out = output.value(self.width, y);
        }
    }

    /// Learns from `grad` = dL/dout `[outputs]` at features `y` `[width]`, and adds dL/dy to `dy` `[width]`.
    pub fn learn(&mut self, grad: &[f32], y: &[f32], dy: &mut [f32]) {
        let width = self.width;
        for (output, g) in self.outputs.iter_mut().zip(grad) {
            kernels::axpy(*g, &output.w[..width], dy);
            kernels::axpy(*g, y, &mut output.gradient[..width]);
            output.gradient[width] += *g;
            self.not_finite |= g.is_nan() || g.abs() > kernels::GRADIENT_MAX;
        }
        self.waiting += 1;
        if self.waiting >= self.update_steps {
            self.update();
        }
    }

    /// Updates every output by the gradient since the latest update, unless that is not finite.
    fn update(&mut self) {
        for output in &mut self.outputs {
            // a gradient that is not finite has spoilt the sum, so the update is dropped
            if !self.not_finite {
                let rule: Rule = self.rates.rule(&mut output.decay);
                kernels::update(&output.gradient, &mut output.w, &mut output.v, &rule);
            }
            output.gradient.fill(0.0);
        }
        (self.waiting, self.not_finite) = (0, false);
    }
}

impl LinearOutput {
    fn value(&self, width: usize, y: &[f32]) -> f32 {
        kernels::dot(&self.w[..width], y) + self.w[width]
    }
}

impl Persist for LinearHead {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let outputs = s.begin("linear", self.outputs.len(), 4 * self.width)?;
        self.outputs.truncate(outputs);
        self.out.resize(self.outputs.len(), 0.0);
        while self.outputs.len() < outputs {
            self.add_output();
        }
        let dims = [self.width + BIAS_LANES];
        for output in &mut self.outputs {
            tensor(s, "linear.w", &dims, &mut output.w)?;
            tensor(s, "linear.v", &dims, &mut output.v)?;
            tensor(s, "linear.gradient", &dims, &mut output.gradient)?;
            s.f64("linear.decay", &mut output.decay)?;
        }
        s.u64("linear.seed", &mut self.seed)?;
        s.len("linear.waiting", &mut self.waiting)?;
        s.bool("linear.spoilt", &mut self.not_finite)
    }
}
