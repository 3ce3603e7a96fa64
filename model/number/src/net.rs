//! The network as an expert: it predicts the residual of the linear forecasts, in units of its scale.
//!
//! Inputs per column, all within ±2.5: last value as z, last change, what the linear forecast adds, and the change of
//! one day before, the last three in units of the residual; then two harmonics of the time of day. Outputs per column:
//! mean and log scale. The mean learns from the clipped error, the scale from the likelihood of t₃.

use crate::NetworkOptions;
use crate::experts::*;
use crate::stand::{Seen, Stand};
use surmise_network::{JobSink, LinearHead, Rates, Recurrence, Sequence, Shape};
use surmise_state::{Persist, State, StateError};

/// Beyond so many columns each has two inputs instead of four.
const NARROW: usize = 64;

/// Scratch of one pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pass {
    dense: Vec<f32>,
    features: Vec<f32>,
    pub(crate) out: Vec<f32>,
    gradient: Vec<f32>,
}

#[derive(Clone)]
pub(crate) struct Net {
    options: NetworkOptions,
    seed: u64,
    /// Columns that there is room for.
    room: usize,
    each: usize,
    /// Grows when the network is built anew; sequences of another epoch are void.
    epoch: u32,
    shape: Shape,
    body: Recurrence,
    head: LinearHead,
}

/// A key's sequence.
#[derive(Clone)]
pub(crate) struct KeyNet {
    epoch: u32,
    sequence: Sequence,
}

impl Net {
    pub(crate) fn new(columns: usize, options: NetworkOptions, seed: u64, epoch: u32) -> Self {
        let room = columns.max(1);
        let each = if room > NARROW { 2 } else { 4 };
        let NetworkOptions { layers, hidden, chunk, lr, engine, delay_chunks } = options.clone();
        let shape = Shape { layers, hidden, tables: 0, dense: room * each + 4, chunk };
        let rates = Rates { lr, beta2: 0.999, eps: 1e-6 };
        let body = Recurrence::new(shape, rates, 1, seed, engine).delayed(delay_chunks);
        let head = LinearHead::new(body.width(), 2 * room, rates, chunk, seed ^ 0x5eed);
        Self { options, seed, room, each, epoch, shape, body, head }
    }

    /// Makes room for another column; the network starts anew, with room to spare, when there is none.
    pub(crate) fn grow(&mut self, columns: usize) {
        if columns > self.room {
            let job_sink = self.body.job_sink();
            *self = Self::new(columns + columns / 2, self.options.clone(), self.seed, self.epoch + 1);
            self.set_job_sink(job_sink);
        }
    }

    fn inputs(&self, stands: &[Stand], units: impl Fn(usize) -> f64, phase: (f64, f64), dense: &mut Vec<f32>) {
        dense.clear();
        for (c, s) in stands.iter().enumerate() {
            let unit = s.residual_unit.max(1e-300);
            let clip = |x: f64| if x.is_finite() { (0.5 * x.clamp(-5.0, 5.0)) as f32 } else { 0.0 };
            dense.push(clip(s.z[0]));
            if s.regime == 1 {
                dense.extend(std::iter::repeat_n(0.0, self.each - 1));
                continue;
            }
            let step = units(c) / unit;
            dense.push(clip((s.z[0] - s.z[1]) * step));
            if self.each == 4 {
                dense.push(clip((s.mu[ALL] - s.mu[LAST]) / unit));
                dense.push(clip((s.day - s.day_before) / unit));
            }
        }
        dense.resize(self.room * self.each, 0.0);
        let (sin, cos) = phase;
        dense.extend([sin, cos, 2.0 * sin * cos, cos * cos - sin * sin].map(|x| x as f32));
    }

    /// What it says next, and moves `ahead` on by one event; [`Pass::out`] holds mean and log scale of each column.
    pub(crate) fn peek(
        &self,
        ahead: &mut Ahead,
        stands: &[Stand],
        units: impl Fn(usize) -> f64,
        phase: (f64, f64),
        pass: &mut Pass,
    ) {
        self.inputs(stands, units, phase, &mut pass.dense);
        pass.features.resize(self.body.width(), 0.0);
        pass.out.resize(self.head.outputs(), 0.0);
        self.body.peek(&mut ahead.0, &[], &pass.dense, &mut pass.features);
        self.head.peek(&pass.features, &mut pass.out);
    }

    /// Learns from the event whose inputs and outputs `pass` holds, and moves the key on.
    pub(crate) fn learn(&mut self, key: &mut Option<KeyNet>, stands: &[Stand], pass: &mut Pass) {
        let (shape, epoch) = (self.shape, self.epoch);
        let key = match key {
            Some(k) if k.epoch == epoch => k,
            _ => key.insert(KeyNet { epoch, sequence: Sequence::new(&shape) }),
        };
        pass.gradient.clear();
        pass.gradient.resize(pass.out.len(), 0.0);
        for (s, (g, o)) in stands.iter().zip(pass.gradient.chunks_exact_mut(2).zip(pass.out.chunks_exact(2))) {
            if s.seen != Seen::There || s.regime == 1 {
                continue;
            }
            let e = (s.value - s.linear) / s.residual_unit - o[0] as f64;
            let d = e * libm::exp(-(o[1] as f64).clamp(-6.0, 6.0));
            let weighed = 4.0 / (3.0 + d * d) * d * d;
            if e.is_finite() && weighed.is_finite() {
                g[0] = -e.clamp(-3.0, 3.0) as f32;
                g[1] = (1.0 - weighed) as f32;
            }
        }
        self.body.step(&mut key.sequence, &[], &pass.dense);
        let (y, dy) = self.body.features_and_gradient();
        self.head.learn(&pass.gradient, y, dy);
        self.body.finish();
    }

    /// As [`Net::ahead`], into the room of an earlier one.
    pub(crate) fn ahead_into(&self, key: Option<&KeyNet>, to: &mut Option<Ahead>) {
        match (key, &mut *to) {
            (Some(k), Some(a)) if k.epoch == self.epoch => k.sequence.hidden_into(&mut a.0),
            _ => *to = Some(self.ahead(key)),
        }
    }

    /// The hidden state to look ahead from.
    pub(crate) fn ahead(&self, key: Option<&KeyNet>) -> Ahead {
        match key {
            Some(k) if k.epoch == self.epoch => Ahead(k.sequence.hidden()),
            _ => Ahead(Sequence::new(&self.shape).hidden()),
        }
    }

    /// Who works out beside what it learns.
    pub(crate) fn set_job_sink(&mut self, job_sink: Option<JobSink>) {
        self.body.set_job_sink(job_sink);
    }

    pub(crate) fn discard_pending_jobs(&mut self) {
        self.body.discard_pending_jobs();
    }

    /// Chunks thrown away because a gradient was not finite.
    pub(crate) fn rejected(&self) -> u64 {
        self.body.rejected()
    }
}

/// A hidden state that only looks ahead.
#[derive(Clone)]
pub(crate) struct Ahead(surmise_network::Hidden);

impl Persist for Net {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("net")?;
        let (mut room, mut epoch) = (self.room, self.epoch);
        s.len("room", &mut room)?;
        s.u32("epoch", &mut epoch)?;
        if s.is_reading() && room != self.room {
            if room > 1 << 16 {
                return Err(StateError::Invalid("room"));
            }
            *self = Self::new(room, self.options.clone(), self.seed, epoch);
        }
        self.epoch = epoch;
        self.body.persist(s)?;
        self.head.persist(s)
    }
}

impl KeyNet {
    /// Persists a key's sequence, or that it has none.
    pub(crate) fn walk(key: &mut Option<KeyNet>, s: &mut State<'_>) -> Result<(), StateError> {
        let mut some = key.is_some();
        s.bool("net", &mut some)?;
        if !some {
            *key = None;
            return Ok(());
        }
        let (mut epoch, mut width) = key.as_ref().map_or((0, 0), |k| (k.epoch, k.sequence.values().len()));
        s.u32("net.epoch", &mut epoch)?;
        s.len("net.width", &mut width)?;
        if s.is_reading() {
            if width > 1 << 16 || width % 16 != 0 || width == 0 {
                return Err(StateError::Invalid("net.width"));
            }
            let shape = Shape { layers: 1, hidden: width, tables: 0, dense: 0, chunk: 1 };
            *key = Some(KeyNet { epoch, sequence: Sequence::new(&shape) });
        }
        key.as_mut().map_or(Ok(()), |k| k.sequence.persist(s))
    }
}
