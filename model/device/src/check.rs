//! Whether everything that computes the network computes the same.

use crate::{GradientDevice, Machine, Plain, Resident, job_sink};
use std::sync::{Arc, Mutex};
use surmise_network::{
    Device, DeviceError, Engine, GradientJob, LayerGradients, NONE, Rates, Recurrence, Sequence, Shape, TOLERANCE,
};

/// How far the losses of ten chunks may lie apart, relatively: small differences grow with every update.
const LOSSES: f64 = 1e-4;

/// The network that is compared.
const SHAPE: Shape = Shape { layers: 2, hidden: 64, tables: 3, dense: 2, chunk: 16 };
/// The network that lives on the machine: sequences and symbols.
const RESIDENT: (Shape, usize, usize) = (Shape { hidden: 32, dense: 0, ..SHAPE }, 16, 100);
const SYMBOLS: u64 = 40;
const KEYS: usize = 3;
const CHUNKS: usize = 10;

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Of what.
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
    let [a, b] = [Engine::Fused, Engine::Dfdx].map(|engine| run(network(engine, CHUNKS), None));
    let [fused, dfdx] = [Engine::Fused, Engine::Dfdx].map(|engine| run(network(engine, 0), None));
    vec![
        comparison("values", apart(a.features.iter().zip(&b.features)), TOLERANCE),
        comparison(
            "gradients",
            gradients_apart(&a.jobs, |i| b.jobs[i].layer_gradients().map(<[_]>::to_vec)),
            TOLERANCE,
        ),
        comparison("ten losses", relative(&fused.losses, &dfdx.losses), LOSSES),
    ]
}

/// Compares a machine with engine `fused`: values, gradients, the losses of ten chunks by jobs and of a whole network that
/// lives there, and one chunk with itself, which has to give equal bits. `open` gives the machine.
///
/// # Errors
/// The machine failed.
pub fn compare_machine(
    mut open: impl FnMut() -> Result<Box<dyn Machine>, DeviceError>,
) -> Result<Vec<Comparison>, DeviceError> {
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
    let gradients = gradients_apart(&given.jobs, &mut on_device);
    let repeats = on_device(0).is_some() && on_device(0) == on_device(0);
    if let Some(e) = failed {
        return Err(e);
    }
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
        comparison("ten losses, by jobs", relative(&here.losses, &there.losses), LOSSES),
        comparison("ten losses, on the device alone", losses, LOSSES),
    ])
}

fn comparison(what: &'static str, difference: f64, allowed: f64) -> Comparison {
    Comparison { what, difference, allowed }
}

/// What a run gave.
struct Run {
    features: Vec<Vec<f32>>,
    /// Of each chunk.
    losses: Vec<f64>,
    jobs: Vec<Arc<GradientJob>>,
}

fn network(engine: Engine, delay: usize) -> Recurrence {
    Recurrence::new(SHAPE, Rates::default(), 64, 5, engine).delayed(delay)
}

/// Ten chunks of steps of a few sequences in turn; every feature is pulled to a value that its place and the id decide.
fn run(mut net: Recurrence, device: Option<Arc<GradientDevice>>) -> Run {
    let jobs = Arc::new(Mutex::new(Vec::new()));
    let all = jobs.clone();
    let keep: surmise_network::JobSink = Arc::new(move |l| all.lock().unwrap_or_else(|e| e.into_inner()).push(l));
    net.set_job_sink(Some(match device {
        Some(device) => job_sink(device, Some(keep)),
        None => keep,
    }));
    let mut keys: Vec<Sequence> = (0..KEYS).map(|_| Sequence::new(&SHAPE)).collect();
    let mut rng = Random(9);
    let (mut features, mut losses) = (Vec::new(), vec![0f64; CHUNKS]);
    for step in 0..CHUNKS * SHAPE.chunk {
        let ids = [(); 3].map(|()| if rng.below(9) == 0 { NONE } else { rng.below(SYMBOLS) as u32 });
        let dense = [rng.signed(), rng.signed()];
        net.step(&mut keys[rng.below(KEYS as u64) as usize], &ids, &dense);
        let (y, dy) = net.features_and_gradient();
        for (i, (y, d)) in y.iter().zip(dy).enumerate() {
            *d = y - if (i + ids[0] as usize).is_multiple_of(3) { 0.5 } else { -0.2 };
            losses[step / SHAPE.chunk] += f64::from(*d).powi(2) / 2.0;
        }
        features.push(net.features().to_vec());
        net.finish();
    }
    let jobs = std::mem::take(&mut *jobs.lock().unwrap_or_else(|e| e.into_inner()));
    Run { features, losses, jobs }
}

/// Values of the first chunk and losses of ten, of a network that lives on the machine.
fn resident(machine: Box<dyn Machine>) -> Result<(f64, f64), DeviceError> {
    let (shape, sequences, symbols) = RESIDENT;
    let mut here = Plain::new(shape, sequences, symbols, Rates::default(), 3, Engine::Fused);
    let weights = here.net.layer_weights(symbols);
    let mut there = Resident::new(machine, shape, sequences, symbols, Rates::default(), &weights, &here.head)?;
    let (mut rng, mut past) = (Random(4), vec![[NONE; 4]; sequences]);
    let (mut values, mut losses) = (f64::NAN, [Vec::new(), Vec::new()]);
    for chunk in 0..CHUNKS {
        let (ids, targets) = symbols_of(&mut rng, &mut past, shape, symbols);
        let (features, loss) = here.chunk(&ids, &targets);
        there.chunk(&ids, &targets)?;
        if chunk == 0 {
            values = apart(std::iter::once((&features, &there.features()?)));
        }
        for (all, loss) in losses.iter_mut().zip([loss, there.losses()?]) {
            all.push(loss.iter().map(|x| f64::from(*x)).sum());
        }
    }
    Ok((values, relative(&losses[0], &losses[1])))
}

/// A chunk of symbols, most of which follow from the one before: ids `[T · S, tables]`, the latest first, and targets `[T · S]`.
pub(crate) fn symbols_of(
    rng: &mut Random,
    past: &mut [[u32; 4]],
    shape: Shape,
    symbols: usize,
) -> (Vec<u32>, Vec<u32>) {
    let (mut ids, mut targets) = (Vec::new(), Vec::new());
    for r in 0..shape.chunk * past.len() {
        let n = past.len();
        let past = &mut past[r % n];
        ids.extend_from_slice(&past[..shape.tables]);
        let known = past[0] != NONE && rng.below(4) > 0;
        let next = if known { (u64::from(past[0]) * 7 + 3) % symbols as u64 } else { rng.below(symbols as u64) };
        past.rotate_right(1);
        past[0] = next as u32;
        targets.push(next as u32);
    }
    (ids, targets)
}

/// Numbers that are the same everywhere.
pub(crate) struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn signed(&mut self) -> f32 {
        self.next() as f32 / (1u64 << 30) as f32 - 1.0
    }
}

/// The largest difference of pairs of arrays, as a share of the largest value of both; not a number if one is not.
fn apart<'a>(pairs: impl Iterator<Item = (&'a Vec<f32>, &'a Vec<f32>)>) -> f64 {
    let mut worst = 0f64;
    for (a, b) in pairs {
        if a.len() != b.len() || a.iter().chain(b).any(|x| !x.is_finite()) {
            return f64::NAN;
        }
        let most = a.iter().chain(b).fold(f64::MIN_POSITIVE, |m, x| m.max(f64::from(x.abs())));
        let difference = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).abs() / most;
        worst = a.iter().zip(b).map(difference).fold(worst, f64::max);
    }
    worst
}

fn gradients_apart(jobs: &[Arc<GradientJob>], mut other: impl FnMut(usize) -> Option<Vec<LayerGradients>>) -> f64 {
    let mut worst = 0f64;
    for (i, job) in jobs.iter().enumerate() {
        let (Some(a), Some(b)) = (job.layer_gradients(), other(i)) else { return f64::NAN };
        for (a, b) in a.iter().zip(&b) {
            let arrays = [(&a.dense, &b.dense), (&a.below, &b.below), (&a.bias, &b.bias)];
            let tables: Vec<_> = a.tables.iter().zip(&b.tables).map(|(a, b)| (by_id(a), by_id(b))).collect();
            if tables.iter().any(|(a, b)| a.0 != b.0) {
                return f64::NAN;
            }
            let difference = apart(arrays.into_iter().chain(tables.iter().map(|(a, b)| (&a.1, &b.1))));
            if difference.is_nan() {
                return f64::NAN;
            }
            worst = worst.max(difference);
        }
    }
    if jobs.is_empty() { f64::NAN } else { worst }
}

/// Rows in the order of their ids.
fn by_id((ids, rows): &(Vec<u32>, Vec<f32>)) -> (Vec<u32>, Vec<f32>) {
    let width = (rows.len() / ids.len().max(1)).max(1);
    let mut all: Vec<_> = ids.iter().copied().zip(rows.chunks_exact(width)).collect();
    all.sort_by_key(|x| x.0);
    (all.iter().map(|x| x.0).collect(), all.iter().flat_map(|x| x.1).copied().collect())
}

fn relative(a: &[f64], b: &[f64]) -> f64 {
    let one = |(a, b): (&f64, &f64)| (a - b).abs() / a.abs().max(f64::MIN_POSITIVE);
    let worst = a.iter().zip(b).map(one).fold(0.0, f64::max);
    if a.iter().chain(b).all(|x| x.is_finite()) { worst } else { f64::NAN }
}
