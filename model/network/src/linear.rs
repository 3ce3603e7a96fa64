//! A head of numbers.

use crate::{
    Rates,
    aligned::Aligned,
    kernels,
    rule::Rule,
    start::{self, Part},
    tensor::tensor,
};
use surmise_state::{Persist, State, StateError};

/// Linear outputs: out = W y + b.
///
/// Gradients add up over `every` calls of [`learn`](Self::learn), which then updates W and b by [`Rates`]; each output
/// counts its own updates, so that one that is added late starts as the others did.
///
/// Shapes: y and dy `[width]`, out and its gradient `[outputs]`, W `[outputs][width]`. W starts uniform within
/// ± 0.15/√width, a hash of (seed, output, column); b at 0.
///
/// Determinism: sums of sixteen lanes in a fixed order. Errors: none; gradients that are not finite (or larger than 1e8)
/// reach `dy`, where the network rejects its chunk, and the update they would have been part of is dropped too.
#[derive(Clone)]
pub struct LinearHead {
    width: usize,
    rates: Rates,
    every: usize,
    seed: u64,
    outputs: Vec<Output>,
    out: Vec<f32>,
    waiting: usize,
    spoilt: bool,
}

#[derive(Clone)]
struct Output {
    /// Row of W, then b and fifteen zeros.
    w: Aligned,
    v: Aligned,
    gradient: Aligned,
    decay: f64,
}

impl LinearHead {
    /// A head over features of `width`, rounded up to a multiple of 16; it updates after every `every` steps.
    pub fn new(width: usize, outputs: usize, rates: Rates, every: usize, seed: u64) -> Self {
        let width = width.max(1).next_multiple_of(16);
        let mut it = LinearHead {
            width,
            rates,
            every: every.max(1),
            seed,
            outputs: Vec::new(),
            out: Vec::new(),
            waiting: 0,
            spoilt: false,
        };
        (0..outputs).for_each(|_| it.add_output());
        it
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// One more output, the last.
    pub fn add_output(&mut self) {
        let n = self.width + 16;
        let mut it = Output { w: Aligned::zeros(n), v: Aligned::zeros(n), gradient: Aligned::zeros(n), decay: 1.0 };
        let key = start::key(self.seed, Part::Output, 0, 0, self.outputs.len());
        start::fill(&mut it.w[..self.width], key, 0.15 / (self.width as f32).sqrt());
        self.outputs.push(it);
        self.out.push(0.0);
    }

    /// The outputs for features y.
    pub fn forward(&mut self, y: &[f32]) -> &[f32] {
        for (o, out) in self.outputs.iter().zip(&mut self.out) {
            *out = kernels::dot(&o.w[..self.width], y) + o.w[self.width];
        }
        &self.out
    }

    /// The outputs for features y, for a reader that has no right to change anything.
    pub fn peek(&self, y: &[f32], out: &mut [f32]) {
        for (o, out) in self.outputs.iter().zip(out) {
            *out = kernels::dot(&o.w[..self.width], y) + o.w[self.width];
        }
    }

    /// Takes `grad` = dL/dout at features y and adds dL/dy to `dy`.
    pub fn learn(&mut self, grad: &[f32], y: &[f32], dy: &mut [f32]) {
        let width = self.width;
        for (o, g) in self.outputs.iter_mut().zip(grad) {
            kernels::axpy(*g, &o.w[..width], dy);
            kernels::axpy(*g, y, &mut o.gradient[..width]);
            o.gradient[width] += *g;
            self.spoilt |= g.is_nan() || g.abs() > kernels::HUGE;
        }
        self.waiting += 1;
        if self.waiting >= self.every {
            for o in &mut self.outputs {
                if !self.spoilt {
                    let rule: Rule = self.rates.rule(&mut o.decay);
                    kernels::update(&o.gradient, &mut o.w, &mut o.v, &rule);
                }
                o.gradient.fill(0.0);
            }
            (self.waiting, self.spoilt) = (0, false);
        }
    }
}

impl Persist for LinearHead {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let n = s.begin("linear", self.outputs.len(), 4 * self.width)?;
        self.outputs.truncate(n);
        self.out.resize(self.outputs.len(), 0.0);
        while self.outputs.len() < n {
            self.add_output();
        }
        let dims = [self.width + 16];
        for o in &mut self.outputs {
            tensor(s, "linear.w", &dims, &mut o.w)?;
            tensor(s, "linear.v", &dims, &mut o.v)?;
            tensor(s, "linear.gradient", &dims, &mut o.gradient)?;
            s.f64("linear.decay", &mut o.decay)?;
        }
        s.u64("linear.seed", &mut self.seed)?;
        s.len("linear.waiting", &mut self.waiting)?;
        s.bool("linear.spoilt", &mut self.spoilt)
    }
}
