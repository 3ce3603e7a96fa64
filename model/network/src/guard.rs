//! The guard of the weights: it refuses an update whose size is far beyond all that the network has learnt from.

use crate::{Shape, chunk::Chunk, kernels};
use surmise_state::{Persist, State, StateError};

/// Updates from which the usual size is known; before, every finite update is made.
const USUAL_UPDATES_MIN: u64 = 32;
/// An update is refused if it is this many times as large as usual, in its norm.
const USUAL_FACTOR_MAX: f64 = 100.0;
/// Gradients up to this size a unit are never refused: a network that was right for long has hardly any, and must
/// learn from the first surprise.
const UNIT_GRADIENT_MIN: f64 = 1.0;
/// The share by which the usual size follows an update.
const USUAL_RATE: f64 = 1.0 / 256.0;
/// By how much the bound gives way with each refusal, in its norm: what goes on is no freak, and is learnt from soon.
const GIVE_WAY: f64 = 4.0;

/// How many updates were refused, by the reason: of networks, whose chunks changed no weight, and of counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectedUpdates {
    /// A gradient was not finite, or larger than 1e8.
    pub not_finite: u64,
    /// The errors of the chunk were far larger than those that the network is used to.
    pub exploded: u64,
    /// Symbols of a burst that nothing foretold, from which counts that many symbols had taught did not learn.
    pub burst: u64,
}

impl RejectedUpdates {
    /// The reason of those that a burst would have made.
    pub const BURST: &str = "burst";

    /// Those of networks.
    pub fn of_networks(&self) -> u64 {
        self.not_finite + self.exploded
    }

    /// The counts with the names of their reasons, as metrics and answers have them.
    pub fn by_reason(&self) -> [(&'static str, u64); 3] {
        [("not_finite", self.not_finite), ("exploded", self.exploded), (Self::BURST, self.burst)]
    }
}

impl std::iter::Sum for RejectedUpdates {
    fn sum<I: Iterator<Item = RejectedUpdates>>(all: I) -> RejectedUpdates {
        all.fold(RejectedUpdates::default(), |a, b| RejectedUpdates {
            not_finite: a.not_finite + b.not_finite,
            exploded: a.exploded + b.exploded,
            burst: a.burst + b.burst,
        })
    }
}

/// What became of the update of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpdateFate {
    Made,
    NotFinite,
    Exploded,
}

impl UpdateFate {
    /// The fate of an update that was made if its gradient was finite.
    pub fn of(is_finite: bool) -> UpdateFate {
        if is_finite { UpdateFate::Made } else { UpdateFate::NotFinite }
    }
}

/// What updates are held against.
///
/// *Rule.* The size of a chunk is s² = Σ |dL/dy|² (1 + |x|²) over its steps, with x the dense inputs: gates and
/// squashing only shrink, so s bounds the gradient up to a constant, and it is known before any work is done,
/// whichever engine, thread or device does it. With m the mean of s² over the updates made (a share of 1/256 each),
/// a chunk is refused if s² > max(m·100², T·width·(1 + |x|²)). A single freak would not move the weights far, as
/// the rule divides by the root of the mean squared gradient; but it would raise that mean so far that the weights
/// stand still for thousands of updates. Each refusal raises m by 4², so the network follows a source that really
/// has changed after a few chunks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UpdateGuard {
    /// The running mean of the squared size of updates.
    usual: f64,
    /// Updates that were admitted.
    admitted: u64,
}

impl UpdateGuard {
    /// Whether a full chunk may change the weights. One that is not finite passes, as the gradient itself is checked.
    pub fn admits(&mut self, shape: &Shape, chunk: &Chunk) -> bool {
        let (mut size, mut least) = (0.0, 0.0);
        let width = shape.width();
        for row in 0..shape.chunk {
            let dy = &chunk.dy[row * width..(row + 1) * width];
            let x = &chunk.dense[row * shape.dense..(row + 1) * shape.dense];
            let inputs = 1.0 + f64::from(kernels::dot(x, x));
            size += f64::from(kernels::dot(dy, dy)) * inputs;
            least += width as f64 * inputs;
        }
        if !size.is_finite() {
            return true;
        }
        let bound = (self.usual * USUAL_FACTOR_MAX.powi(2)).max(least * UNIT_GRADIENT_MIN);
        if self.admitted >= USUAL_UPDATES_MIN && size > bound {
            self.usual *= GIVE_WAY.powi(2);
            return false;
        }
        self.admitted += 1;
        let rate = USUAL_RATE.max(1.0 / self.admitted as f64);
        self.usual += rate * (size - self.usual);
        true
    }
}

impl Persist for UpdateGuard {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("guard.usual", &mut self.usual)?;
        s.u64("guard.admitted", &mut self.admitted)
    }
}
