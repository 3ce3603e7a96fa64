//! The network alone: a gated linear recurrence of two layers of 64 over 256 symbols, trained every 16 steps.

use super::Bench;
use super::clock::{Took, timed};
use super::reference::machine_peaks;
use crate::demo::markov::Random;
use crate::exit::Failure;
use surmise_network::{Engine, Rates, Recurrence, Sequence, Shape, TreeHead};

const PART: &str = "network";
const LAYERS: usize = 2;
const HIDDEN: usize = 64;
const SYMBOLS: usize = 256;
const STEPS: usize = 16;
/// Binary decisions of one symbol.
const DECISIONS: usize = 8;

pub(crate) fn run(b: &mut Bench) -> Result<(), Failure> {
    if b.figures.get("reference", "machine", "fused multiply-adds, one core").is_none() {
        machine_peaks(b);
    }
    let peak = |b: &Bench, name| b.figures.get("reference", "machine", name).unwrap_or(f64::NAN);
    let flops_peak = peak(b, "fused multiply-adds, one core");
    let bandwidth = peak(b, "memory, read and written by one core");
    for (of, sequences, heads) in [("one stream", 1, true), ("one stream, no head", 1, false), ("64 keys", 64, true)] {
        let (mut rate, mut share, mut traffic) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..b.repeat {
            let (steps, took) = steps(b.seconds, sequences, heads);
            let gflops = steps * flops(heads) / took.cpu / 1e9;
            rate.push(steps / took.cpu);
            share.push(gflops / flops_peak * 100.0);
            traffic.push(steps * bytes(sequences) / took.cpu / 1e9 / bandwidth * 100.0);
        }
        b.figures.put(PART, of, "steps, each learnt from", &rate, "events/s of CPU");
        let f = b.figures.put(PART, of, "share of the peak of multiply-adds", &share, "%");
        if sequences > 1 {
            f.at_least(45.0, 65.0);
        }
        b.figures.put(PART, of, "weights read and written, share of memory bandwidth", &traffic, "%");
    }
    b.notes.push(
        "network: 64 keys are stepped one after another and trained together, once in 1,024 steps; they are not predicted as a batch".into(),
    );
    Ok(())
}

/// Operations of the products of one step, forward and backward: a product and a sum are two.
fn flops(heads: bool) -> f64 {
    let below = (LAYERS - 1) * HIDDEN * 3 * HIDDEN;
    let head = if heads { DECISIONS * LAYERS * HIDDEN } else { 0 };
    // forward, then the gradient of the inputs and that of the weights
    (3 * 2 * (below + head)) as f64
}

/// Bytes of weights that one step moves: all are read forward; backward and update read and write them once a chunk.
fn bytes(sequences: usize) -> f64 {
    let dense = 4 * (LAYERS - 1) * HIDDEN * 3 * HIDDEN;
    let rows = 4 * LAYERS * 3 * HIDDEN;
    // weights and two moments, read and written, and the gradient
    (dense + rows) as f64 + (8 * dense) as f64 / (STEPS * sequences) as f64 + (8 * rows) as f64
}

/// Steps until the time is over.
fn steps(seconds: f64, sequences: usize, heads: bool) -> (f64, Took) {
    let shape = Shape { layers: LAYERS, hidden: HIDDEN, tables: 1, dense: 0, chunk: STEPS * sequences };
    let mut net = Recurrence::new(shape, Rates::default(), SYMBOLS, 1, Engine::Fused);
    let mut head = TreeHead::new(net.width(), SYMBOLS, 2e-3);
    let mut keys: Vec<(Sequence, u32)> = (0..sequences).map(|_| (Sequence::new(&shape), 1)).collect();
    let (mut r, mut n) = (Random(5), 0usize);
    let start = std::time::Instant::now();
    let ((), took) = timed(|| {
        while start.elapsed().as_secs_f64() < seconds {
            for _ in 0..STEPS {
                for (sequence, last) in &mut keys {
                    net.step(sequence, &[*last], &[]);
                    let symbol = ((*last * 7 + 3) % 200) ^ (r.next() & 7) as u32;
                    let (y, dy) = net.features_and_gradient();
                    if heads {
                        let mut node = 1;
                        for d in (0..DECISIONS).rev() {
                            let bit = symbol >> d & 1;
                            let p = 1.0 / (1.0 + (-head.logit(node, y)).exp());
                            head.learn(node, p - bit as f32, y, dy);
                            node = node << 1 | bit;
                        }
                    } else {
                        dy[symbol as usize % y.len()] += 0.3;
                    }
                    net.finish();
                    *last = symbol % SYMBOLS as u32;
                }
            }
            n += STEPS * keys.len();
        }
    });
    (n as f64, took)
}
