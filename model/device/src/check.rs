//! The self-test: whether the engines and the machine that compute the network compute the same.

use crate::{
    GradientDevice, Machine, job_sink,
    resident::{PlainNetwork, ResidentNetwork},
};
use std::sync::{Arc, Mutex, PoisonError};
use surmise_network::{
    Device, DeviceError, Engine, GradientJob, JobSink, LayerGradients, NONE, Rates, Recurrence, Sequence, Shape,
    TOLERANCE,
};

/// How far the losses of ten chunks may differ, relatively: small differences grow with every update.
const LOSS_TOLERANCE: f64 = 1e-4;

/// The network that is compared.
const SHAPE: Shape = Shape { layers: 2, hidden: 64, tables: 3, dense: 2, chunk: 16 };
/// Distinct ids of each of its tables.
const TABLE_IDS: u64 = 40;
/// Sequences that step in turn.
const KEYS: usize = 3;
/// Chunks that are learnt.
const CHUNKS: usize = 10;

/// The network that is resident on the machine.
const RESIDENT_SHAPE: Shape = Shape { hidden: 32, dense: 0, ..SHAPE };
const RESIDENT_SEQUENCES: usize = 16;
const RESIDENT_SYMBOLS: usize = 100;

/// The result of one comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What was compared, for people.
    pub what: &'static str,
    /// The largest difference: of values and gradients as a share of the largest of their array, of losses of the loss.
    pub difference: f64,
    /// The largest one that is allowed.
    pub allowed: f64,
}

impl Comparison {
    /// Whether the two agree.
    pub fn holds(&self) -> bool {
        self.difference <= self.allowed
    }
}

/// Compares engine `fused` with engine `dfdx`: values, gradients and the losses of ten chunks.
pub fn compare_engines() -> Vec<Comparison> {
    // with a delay of all chunks weights stay as they are, so that values and gradients are comparable one by one
    let [fused, dfdx] = [Engine::Fused, Engine::Dfdx].map(|engine| run(network(engine, CHUNKS), None));
    let values = difference(fused.features.iter().zip(&dfdx.features));
    let gradients = gradient_difference(&fused.jobs, |i| dfdx.jobs[i].layer_gradients().map(<[_]>::to_vec));
    let [fused, dfdx] = [Engine::Fused, Engine::Dfdx].map(|engine| run(network(engine, 0), None));
    vec![
        comparison("values", values, TOLERANCE),
        comparison("gradients", gradients, TOLERANCE),
        comparison("ten losses", loss_difference(&fused.losses, &dfdx.losses), LOSS_TOLERANCE),
    ]
}

/// Compares a machine with engine `fused`: values, gradients, the losses of ten chunks by jobs and of a resident
/// network, and one chunk with itself, which has to give equal bits. `open` opens the machine, once for each device.
///
/// # Errors
/// The machine failed.
pub fn compare_machine(
    mut open: impl FnMut() -> Result<Box<dyn Machine>, DeviceError>,
) -> Result<Vec<Comparison>, DeviceError> {
    // gradients of the same jobs, here and there
    let device = Arc::new(GradientDevice::new(open()?));
    let given = run(network(Engine::Fused, CHUNKS), None);
    let mut failed = None;
    let mut on_device = |i: usize| match device.gradients(&given.jobs[i].full_chunk()) {
        Ok(gradients) => gradients,
        Err(e) => {
            failed = Some(e);
            None
        }
    };
    let gradients = gradient_difference(&given.jobs, &mut on_device);
    let repeats = on_device(0).is_some() && on_device(0) == on_device(0);
    if let Some(e) = failed {
        return Err(e);
    }
    // learning with a delay of one chunk, here and there
    let here = run(network(Engine::Fused, 1), None);
    let there = run(network(Engine::Fused, 1), Some(device.clone()));
    if let Some(e) = device.fault() {
        return Err(e.clone());
    }
    let (values, losses) = resident(open()?)?;
    Ok(vec![
        comparison("values", values, TOLERANCE),
        comparison("gradients", gradients, TOLERANCE),
        comparison("a gradient, twice", if repeats { 0.0 } else { f64::NAN }, 0.0),
        comparison("ten losses, by jobs", loss_difference(&here.losses, &there.losses), LOSS_TOLERANCE),
        comparison("ten losses, on the device alone", losses, LOSS_TOLERANCE),
    ])
}

fn comparison(what: &'static str, difference: f64, allowed: f64) -> Comparison {
    Comparison { what, difference, allowed }
}

/// What a network computed while it learnt ten chunks.
struct TrainingRun {
    /// Of each step.
    features: Vec<Vec<f32>>,
    /// Of each chunk.
    losses: Vec<f64>,
    /// The jobs that were sent to its sink.
    jobs: Vec<Arc<GradientJob>>,
}

fn network(engine: Engine, delay: usize) -> Recurrence {
    Recurrence::new(SHAPE, Rates::default(), 64, 5, engine).delayed(delay)
}

/// Ten chunks of steps of a few sequences in turn; every feature is pulled to a value that its place and the id decide.
fn run(mut net: Recurrence, device: Option<Arc<GradientDevice>>) -> TrainingRun {
    let jobs = Arc::new(Mutex::new(Vec::new()));
    let kept = jobs.clone();
    let keep: JobSink = Arc::new(move |job| kept.lock().unwrap_or_else(PoisonError::into_inner).push(job));
    net.set_job_sink(Some(match device {
        Some(device) => job_sink(device, Some(keep)),
        None => keep,
    }));
    let mut keys: Vec<Sequence> = (0..KEYS).map(|_| Sequence::new(&SHAPE)).collect();
    let mut rng = InputGenerator(9);
    let (mut features, mut losses) = (Vec::new(), vec![0f64; CHUNKS]);
    for step in 0..CHUNKS * SHAPE.chunk {
        let ids = [(); 3].map(|()| if rng.below(9) == 0 { NONE } else { rng.below(TABLE_IDS) as u32 });
        let dense = [rng.signed(), rng.signed()];
        net.step(&mut keys[rng.below(KEYS as u64) as usize], &ids, &dense);
        // the loss is half the squared distance to the goal
        let (y, dy) = net.features_and_gradient();
        for (i, (y, d)) in y.iter().zip(dy).enumerate() {
            *d = y - if (i + ids[0] as usize).is_multiple_of(3) { 0.5 } else { -0.2 };
            losses[step / SHAPE.chunk] += f64::from(*d).powi(2) / 2.0;
        }
        features.push(net.features().to_vec());
        net.finish();
    }
    let jobs = std::mem::take(&mut *jobs.lock().unwrap_or_else(PoisonError::into_inner));
    TrainingRun { features, losses, jobs }
}

/// The differences of a resident network to the plain one: of the features of the first chunk, and of ten losses.
fn resident(machine: Box<dyn Machine>) -> Result<(f64, f64), DeviceError> {
    let (shape, sequences, symbols, rates) = (RESIDENT_SHAPE, RESIDENT_SEQUENCES, RESIDENT_SYMBOLS, Rates::default());
    let mut here = PlainNetwork::new(shape, sequences, symbols, rates, 3, Engine::Fused);
    let weights = here.net.layer_weights(symbols);
    let mut there = ResidentNetwork::new(machine, shape, sequences, symbols, rates, &weights, &here.head)?;
    let (mut rng, mut past) = (InputGenerator(4), vec![[NONE; 4]; sequences]);
    let (mut values, mut losses) = (f64::NAN, [Vec::new(), Vec::new()]);
    for chunk in 0..CHUNKS {
        let (ids, targets) = symbols_of(&mut rng, &mut past, shape, symbols);
        let (features, loss) = here.chunk(&ids, &targets);
        there.chunk(&ids, &targets)?;
        if chunk == 0 {
            values = difference(std::iter::once((&features, &there.features()?)));
        }
        for (all, loss) in losses.iter_mut().zip([loss, there.losses()?]) {
            all.push(loss.iter().map(|x| f64::from(*x)).sum());
        }
    }
    Ok((values, loss_difference(&losses[0], &losses[1])))
}

/// A chunk of symbols, most of which follow from the one before: ids `[T · S, tables]`, the latest first, and targets
/// `[T · S]`. `past`: the latest symbols of each of the S sequences.
fn symbols_of(rng: &mut InputGenerator, past: &mut [[u32; 4]], shape: Shape, symbols: usize) -> (Vec<u32>, Vec<u32>) {
    let (sequences, symbols) = (past.len(), symbols as u64);
    let (mut ids, mut targets) = (Vec::new(), Vec::new());
    for row in 0..shape.chunk * sequences {
        let past = &mut past[row % sequences];
        ids.extend_from_slice(&past[..shape.tables]);
        let follows = past[0] != NONE && rng.below(4) > 0;
        let next = if follows { (u64::from(past[0]) * 7 + 3) % symbols } else { rng.below(symbols) };
        past.rotate_right(1);
        past[0] = next as u32;
        targets.push(next as u32);
    }
    (ids, targets)
}

/// A linear congruential generator (Knuth's constants of MMIX), so that every self-test has the same inputs.
struct InputGenerator(u64);

impl InputGenerator {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn signed(&mut self) -> f32 {
        self.next() as f32 / (1u64 << 30) as f32 - 1.0
    }
}

/// The largest difference of pairs of arrays, as a share of the largest value of both; NaN if a value is not finite.
fn difference<'a>(pairs: impl Iterator<Item = (&'a Vec<f32>, &'a Vec<f32>)>) -> f64 {
    let mut worst = 0f64;
    for (a, b) in pairs {
        if a.len() != b.len() || a.iter().chain(b).any(|x| !x.is_finite()) {
            return f64::NAN;
        }
        let largest = a.iter().chain(b).fold(f64::MIN_POSITIVE, |m, x| m.max(f64::from(x.abs())));
        let one = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).abs() / largest;
        worst = a.iter().zip(b).map(one).fold(worst, f64::max);
    }
    worst
}

/// [`difference`] of the gradients of jobs and of those that `other` gives for the number of a job; NaN if one is
/// missing.
fn gradient_difference(jobs: &[Arc<GradientJob>], mut other: impl FnMut(usize) -> Option<Vec<LayerGradients>>) -> f64 {
    let mut worst = 0f64;
    for (i, job) in jobs.iter().enumerate() {
        let (Some(a), Some(b)) = (job.layer_gradients(), other(i)) else { return f64::NAN };
        for (a, b) in a.iter().zip(&b) {
            let arrays = [(&a.dense, &b.dense), (&a.below, &b.below), (&a.bias, &b.bias)];
            // devices may name the rows of a table in any order
            let tables: Vec<_> = a.tables.iter().zip(&b.tables).map(|(a, b)| (by_id(a), by_id(b))).collect();
            if tables.iter().any(|(a, b)| a.0 != b.0) {
                return f64::NAN;
            }
            let layer = difference(arrays.into_iter().chain(tables.iter().map(|(a, b)| (&a.1, &b.1))));
            if layer.is_nan() {
                return f64::NAN;
            }
            worst = worst.max(layer);
        }
    }
    if jobs.is_empty() { f64::NAN } else { worst }
}

/// The rows of one table in the order of their ids, as devices name them in orders of their own.
fn by_id((ids, rows): &(Vec<u32>, Vec<f32>)) -> (Vec<u32>, Vec<f32>) {
    let width = (rows.len() / ids.len().max(1)).max(1);
    let mut all: Vec<_> = ids.iter().copied().zip(rows.chunks_exact(width)).collect();
    all.sort_by_key(|(id, _)| *id);
    (all.iter().map(|(id, _)| *id).collect(), all.iter().flat_map(|(_, row)| *row).copied().collect())
}

/// The largest relative difference of two lists of losses; NaN if one is not finite.
fn loss_difference(a: &[f64], b: &[f64]) -> f64 {
    let one = |(a, b): (&f64, &f64)| (a - b).abs() / a.abs().max(f64::MIN_POSITIVE);
    let worst = a.iter().zip(b).map(one).fold(0.0, f64::max);
    if a.iter().chain(b).all(|x| x.is_finite()) { worst } else { f64::NAN }
}
