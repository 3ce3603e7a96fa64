//! The update rule: RMSprop with bias correction, which is Adam without momentum.

use serde::{Deserialize, Serialize};

/// Step size and memory of the update rule of a network and of its linear heads.
///
/// With g the gradient summed over a chunk: `v += (1-beta2)(g² - v)`, `w -= lr · g / √(v/(1-beta2^n) + eps²)`, where n
/// counts the updates of the network. Rows of a table that the chunk did not touch keep their w and their v.
///
/// Source: Kingma and Ba, "Adam: a method for stochastic optimization" (2015), with beta1 = 0 and eps inside the root.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// Step size.
    pub lr: f32,
    /// Share of the mean squared gradient that an update keeps, in 0 ..= 0.999999.
    pub beta2: f32,
    /// Bound of the division: gradients far below it make small steps.
    pub eps: f32,
}

impl Default for Rates {
    fn default() -> Self {
        Rates { lr: 5e-3, beta2: 0.999, eps: 1e-6 }
    }
}

/// The rule of one update, ready for the kernels.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    pub lr: f32,
    /// 1 - beta2.
    pub rate: f32,
    /// 1 / (1 - beta2^n).
    pub unbias: f32,
    /// What is added to the mean squared gradient, see [`Rates::floor`].
    pub floor: f32,
    /// Whether the kernels store the gradient in place of the second moment and leave the weight alone, instead of
    /// making a step: this is how gradients are read out of the kernels that fuse them with the update.
    pub probe: bool,
}

impl Rates {
    /// The share by which the mean squared gradient follows: 1 - beta2, at least 1e-6, as a mean that never moves would
    /// divide by zero.
    pub fn rate(&self) -> f32 {
        (1.0 - self.beta2).clamp(1e-6, 1.0)
    }

    /// What is added to the mean squared gradient: eps², at least 1e-30 so that the root is of a normal number.
    pub fn floor(&self) -> f32 {
        (self.eps * self.eps).max(1e-30)
    }

    /// The rule of the next update; `decay` is beta2^n and is advanced.
    pub(crate) fn rule(&self, decay: &mut f64) -> Rule {
        let rate = self.rate();
        // in double precision, as beta2 is so near to 1 that its powers would lose digits in single precision
        *decay *= 1.0 - rate as f64;
        Rule { lr: self.lr, rate, unbias: (1.0 / (1.0 - *decay)) as f32, floor: self.floor(), probe: false }
    }
}

impl Rule {
    /// A rule that stores gradients in place of second moments, and makes no step.
    pub(crate) fn probe() -> Rule {
        Rule { probe: true, ..Rates::default().rule(&mut 1.0) }
    }
}
