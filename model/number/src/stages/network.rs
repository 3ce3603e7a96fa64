//! The network as an expert: it predicts the residual of the linear forecasts, in units of its scale.
//!
//! Inputs per column, all within ±2.5: last value as z, last change, what the linear forecast adds, and the change of
//! one day before, the last three in units of the residual; then two harmonics of the time of day. Outputs per column:
//! mean and log scale. The mean learns from the clipped error, the scale from the likelihood of t₃.

use crate::dims::FULL_COLUMNS_MAX;
use crate::options::NetworkOptions;
use crate::stages::column_forecast::ExpertForecasts;
use crate::stages::experts::{ALL, LAST};
use crate::stages::past::{ColumnPast, Regime};
use crate::stages::scored::ColumnOutcome;
use surmise_network::{
    JobSink, LayerHealth, LinearHead, NamedArray, Rates, Recurrence, RejectedUpdates, Sequence, Shape,
};
use surmise_state::{Persist, State, StateError};

/// Inputs of a column; of streams with many columns, fewer.
const COLUMN_INPUTS: usize = 4;
const COLUMN_INPUTS_WIDE: usize = 2;
/// Inputs of the time of day: two harmonics.
const PHASE_INPUTS: usize = 4;
/// Inputs count as at most so many units, and are halved.
const INPUT_MAX: f64 = 5.0;
/// The log scale stays within ± this, and the error of the mean from which is learnt.
const LOG_SCALE_MAX: f64 = 6.0;
const ERROR_MAX: f64 = 3.0;

/// Scratch of one pass: inputs, features, outputs and their gradient.
#[derive(Clone, Debug, Default)]
pub(crate) struct NetworkPass {
    dense: Vec<f32>,
    features: Vec<f32>,
    out: Vec<f32>,
    gradient: Vec<f32>,
}

impl NetworkPass {
    /// Mean and log scale of each column's residual, in its unit: those of the event that was last looked at.
    pub(crate) fn forecasts(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.out.chunks_exact(2).map(|out| (out[0] as f64, out[1] as f64))
    }
}

/// What the network looks at, by column.
pub(crate) struct NetworkInputs<'a> {
    pub(super) pasts: &'a [ColumnPast],
    pub(super) experts: &'a [ExpertForecasts],
}

/// The network that all columns of a stream share.
#[derive(Clone)]
pub(crate) struct NumberNetwork {
    options: NetworkOptions,
    seed: u64,
    /// Columns that there is room for, and inputs of each.
    room: usize,
    column_inputs: usize,
    /// Grows when the network is built anew; sequences of another epoch are void.
    epoch: u32,
    shape: Shape,
    body: Recurrence,
    head: LinearHead,
}

/// A key's sequence in the network.
#[derive(Clone)]
pub(crate) struct KeyNetwork {
    epoch: u32,
    sequence: Sequence,
}

impl NumberNetwork {
    pub(crate) fn new(columns: usize, options: NetworkOptions, seed: u64, epoch: u32) -> Self {
        let room = columns.max(1);
        let column_inputs = if room > FULL_COLUMNS_MAX { COLUMN_INPUTS_WIDE } else { COLUMN_INPUTS };
        let NetworkOptions { layers, hidden, chunk, lr, engine, delay_chunks } = options.clone();
        let shape = Shape { layers, hidden, tables: 0, dense: room * column_inputs + PHASE_INPUTS, chunk };
        let rates = Rates { lr, beta2: 0.999, eps: 1e-6 };
        let body = Recurrence::new(shape, rates, 1, seed, engine).delayed(delay_chunks);
        let head = LinearHead::new(body.width(), 2 * room, rates, chunk, seed ^ 0x5eed);
        Self { options, seed, room, column_inputs, epoch, shape, body, head }
    }

    /// Makes room for another column; the network starts anew, with room to spare, when there is none.
    pub(crate) fn grow(&mut self, columns: usize) {
        if columns > self.room {
            let job_sink = self.body.job_sink();
            *self = Self::new(columns + columns / 2, self.options.clone(), self.seed, self.epoch + 1);
            self.set_job_sink(job_sink);
        }
    }

    /// Writes the inputs of an event to `dense`. `unit` gives each column's own unit, `phase` sine and cosine of the
    /// time of day.
    fn write_inputs(
        &self,
        inputs: &NetworkInputs<'_>,
        (sin, cos): (f64, f64),
        unit: impl Fn(usize) -> f64,
        dense: &mut Vec<f32>,
    ) {
        dense.clear();
        let clip = |x: f64| if x.is_finite() { (0.5 * x.clamp(-INPUT_MAX, INPUT_MAX)) as f32 } else { 0.0 };
        for (column, (past, experts)) in inputs.pasts.iter().zip(inputs.experts).enumerate() {
            let residual_unit = experts.residual_unit.max(1e-300);
            dense.push(clip(past.z[0]));
            if past.regime() == Regime::Fresh {
                dense.extend(std::iter::repeat_n(0.0, self.column_inputs - 1));
                continue;
            }
            let step = unit(column) / residual_unit;
            dense.push(clip((past.z[0] - past.z[1]) * step));
            if self.column_inputs == COLUMN_INPUTS {
                dense.push(clip((experts.centre[ALL] - experts.centre[LAST]) / residual_unit));
                let change = past.day.zip(past.day_before).map(|(day, before)| day - before);
                dense.push(change.map_or(0.0, |change| clip(change / residual_unit)));
            }
        }
        dense.resize(self.room * self.column_inputs, 0.0);
        dense.extend([sin, cos, 2.0 * sin * cos, cos * cos - sin * sin].map(|x| x as f32));
    }

    /// Forecasts the next event, and moves `ahead` on by it; then [`NetworkPass::forecasts`] holds what it forecasts.
    pub(crate) fn peek(
        &self,
        ahead: &mut LookAhead,
        inputs: &NetworkInputs<'_>,
        phase: (f64, f64),
        unit: impl Fn(usize) -> f64,
        pass: &mut NetworkPass,
    ) {
        self.write_inputs(inputs, phase, unit, &mut pass.dense);
        pass.features.resize(self.body.width(), 0.0);
        pass.out.resize(self.head.outputs(), 0.0);
        self.body.peek(&mut ahead.0, &[], &pass.dense, &mut pass.features);
        self.head.peek(&pass.features, &mut pass.out);
    }

    /// Learns from the event whose inputs and outputs `pass` holds, and moves the key on. `outcomes` says what became
    /// of each column.
    pub(crate) fn learn(
        &mut self,
        key: &mut Option<KeyNetwork>,
        inputs: &NetworkInputs<'_>,
        outcomes: &[ColumnOutcome],
        pass: &mut NetworkPass,
    ) {
        let (shape, epoch) = (self.shape, self.epoch);
        let key = match key {
            Some(key) if key.epoch == epoch => key,
            _ => key.insert(KeyNetwork { epoch, sequence: Sequence::new(&shape) }),
        };
        pass.gradient.clear();
        pass.gradient.resize(pass.out.len(), 0.0);
        let outputs = pass.gradient.chunks_exact_mut(2).zip(pass.out.chunks_exact(2));
        for (((past, experts), outcome), (gradient, out)) in
            inputs.pasts.iter().zip(inputs.experts).zip(outcomes).zip(outputs)
        {
            let Some(scored) = outcome.observed() else { continue };
            if past.regime() == Regime::Fresh {
                continue;
            }
            let error = (scored.value - experts.linear) / experts.residual_unit - out[0] as f64;
            let scaled = error * libm::exp(-(out[1] as f64).clamp(-LOG_SCALE_MAX, LOG_SCALE_MAX));
            // d/d(log scale) of −ln t₃ is 1 − 4 d²/(3 + d²)
            let weighed = 4.0 / (3.0 + scaled * scaled) * scaled * scaled;
            if error.is_finite() && weighed.is_finite() {
                gradient[0] = -error.clamp(-ERROR_MAX, ERROR_MAX) as f32;
                gradient[1] = (1.0 - weighed) as f32;
            }
        }
        self.body.step(&mut key.sequence, &[], &pass.dense);
        let (features, gradient) = self.body.features_and_gradient();
        self.head.learn(&pass.gradient, features, gradient);
        self.body.finish();
    }

    /// As [`NumberNetwork::ahead`], into the room of an earlier one.
    pub(crate) fn ahead_into(&self, key: Option<&KeyNetwork>, to: &mut Option<LookAhead>) {
        match (key, &mut *to) {
            (Some(k), Some(a)) if k.epoch == self.epoch => k.sequence.hidden_into(&mut a.0),
            _ => *to = Some(self.ahead(key)),
        }
    }

    /// The hidden state to look ahead from.
    pub(crate) fn ahead(&self, key: Option<&KeyNetwork>) -> LookAhead {
        match key {
            Some(k) if k.epoch == self.epoch => LookAhead(k.sequence.hidden()),
            _ => LookAhead(Sequence::new(&self.shape).hidden()),
        }
    }

    /// Sets the workers that compute gradients.
    pub(crate) fn set_job_sink(&mut self, job_sink: Option<JobSink>) {
        self.body.set_job_sink(job_sink);
    }

    pub(crate) fn discard_pending_jobs(&mut self) {
        self.body.discard_pending_jobs();
    }

    /// Updates that were refused, by the reason.
    pub(crate) fn arrays(&self) -> Vec<NamedArray<'_>> {
        self.body.arrays().into_iter().chain(self.head.arrays()).collect()
    }

    pub(crate) fn health(&self) -> Vec<LayerHealth> {
        self.body.health()
    }

    pub(crate) fn size(&self) -> (&Shape, usize) {
        (&self.shape, self.body.parameters())
    }

    pub(crate) fn rejected(&self) -> RejectedUpdates {
        self.body.rejected()
    }
}

/// A hidden state that only looks ahead.
#[derive(Clone)]
pub(crate) struct LookAhead(surmise_network::Hidden);

impl Persist for NumberNetwork {
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

impl KeyNetwork {
    /// Persists a key's sequence, or that it has none.
    pub(crate) fn walk(key: &mut Option<KeyNetwork>, s: &mut State<'_>) -> Result<(), StateError> {
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
            *key = Some(KeyNetwork { epoch, sequence: Sequence::new(&shape) });
        }
        key.as_mut().map_or(Ok(()), |k| k.sequence.persist(s))
    }
}
