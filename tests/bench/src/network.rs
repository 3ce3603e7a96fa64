//! The network alone: a gated linear recurrence of two layers of 64 over 256 symbols, trained every 16 steps.

use crate::bench::Bench;
use crate::clock::{TimeTaken, timed};
use crate::reference::machine_peaks;
use crate::torch;
use serde::Deserialize;
use surmise_fixtures::Random;
use surmise_network::{Engine, Rates, Recurrence, Sequence, Shape, TreeHead};
use surmise_terminal::Failure;

const PART: &str = "network";
const LAYERS: usize = 2;
const HIDDEN: usize = 64;
const SYMBOLS: usize = 256;
const STEPS: usize = 16;
/// The network in PyTorch.
const TORCH_SCRIPT: &str = include_str!("torch_network.py");
/// Binary decisions of one symbol.
const DECISIONS: usize = 8;

pub(crate) fn run(b: &mut Bench) -> Result<(), Failure> {
    if b.figures.get("reference", "machine", "fused multiply-adds, one core").is_none() {
        machine_peaks(b);
    }
    let peak = |b: &Bench, name| b.figures.get("reference", "machine", name).unwrap_or(f64::NAN);
    let flops_peak = peak(b, "fused multiply-adds, one core");
    let bandwidth = peak(b, "memory, read and written by one core");
    for of in VARIANTS {
        let (mut rate, mut share, mut traffic) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..b.repeat {
            let (steps, took) = steps(b.seconds, &of);
            let gflops = steps * flops(of.head) / took.cpu / 1e9;
            rate.push(steps / took.cpu);
            share.push(gflops / flops_peak * 100.0);
            traffic.push(steps * bytes(&of) / took.cpu / 1e9 / bandwidth * 100.0);
        }
        b.figures.put(PART, of.name, RATE, &rate, "events/s of CPU");
        let f = b.figures.put(PART, of.name, "share of the peak of multiply-adds", &share, "%");
        if of.sequences > 1 {
            f.at_least(45.0, 65.0);
        }
        b.figures.put(PART, of.name, "weights read and written, share of memory bandwidth", &traffic, "%");
    }
    compare_with_torch(b);
    Ok(())
}

/// A way to run the network.
struct NetworkVariant {
    name: &'static str,
    sequences: usize,
    /// Whether a head predicts and learns each symbol.
    head: bool,
    /// Whether the inputs of a chunk are known when it begins, so that its steps are planned together.
    planned: bool,
}

const VARIANTS: [NetworkVariant; 5] = [
    NetworkVariant { name: "one stream", sequences: 1, head: true, planned: true },
    NetworkVariant { name: "one stream, step by step", sequences: 1, head: true, planned: false },
    NetworkVariant { name: "one stream, no head", sequences: 1, head: false, planned: true },
    NetworkVariant { name: "64 keys", sequences: 64, head: true, planned: true },
    NetworkVariant { name: "64 keys, no head", sequences: 64, head: false, planned: true },
];

/// The figure that rates are compared by.
const RATE: &str = "steps, each learnt from";

/// Operations of the products of one step, forward and backward: a product and a sum are two.
fn flops(heads: bool) -> f64 {
    let below = (LAYERS - 1) * HIDDEN * 3 * HIDDEN;
    let head = if heads { DECISIONS * LAYERS * HIDDEN } else { 0 };
    // forward, then the gradient of the inputs and that of the weights
    (3 * 2 * (below + head)) as f64
}

/// Bytes of weights that one step moves: a product reads them once for the steps that are planned together, backward
/// and update read and write them once a chunk.
fn bytes(of: &NetworkVariant) -> f64 {
    let dense = 4 * (LAYERS - 1) * HIDDEN * 3 * HIDDEN;
    let rows = 4 * LAYERS * 3 * HIDDEN;
    let chunk = STEPS * of.sequences;
    let together = if of.planned { chunk } else { 1 };
    // weights and two moments, read and written, and the gradient
    dense as f64 / together as f64 + rows as f64 + (8 * dense) as f64 / chunk as f64 + (8 * rows) as f64
}

/// A key: its state, its latest symbol, and the latest that is planned.
struct NetworkKey {
    sequence: Sequence,
    last: u32,
    ahead: u32,
}

/// Steps until the time is over.
fn steps(seconds: f64, of: &NetworkVariant) -> (f64, TimeTaken) {
    let chunk = STEPS * of.sequences;
    let shape = Shape { layers: LAYERS, hidden: HIDDEN, tables: 1, dense: 0, chunk };
    let mut net = Recurrence::new(shape, Rates::default(), SYMBOLS, 1, Engine::Fused);
    let mut head = TreeHead::new(net.width(), SYMBOLS, 2e-3);
    let key = || NetworkKey { sequence: Sequence::new(&shape), last: 1, ahead: 1 };
    let mut keys: Vec<NetworkKey> = (0..of.sequences).map(|_| key()).collect();
    let (mut random, mut n, mut symbols) = (Random::new(5), 0usize, vec![0; chunk]);
    let start = std::time::Instant::now();
    let ((), took) = timed(|| {
        while start.elapsed().as_secs_f64() < seconds {
            for (i, symbol) in symbols.iter_mut().enumerate() {
                let key = &mut keys[i % of.sequences];
                if of.planned {
                    net.plan(&mut key.sequence, &[key.ahead], &[]);
                }
                *symbol = (((key.ahead * 7 + 3) % 200) ^ random.below(8) as u32) % SYMBOLS as u32;
                key.ahead = *symbol;
            }
            for (i, symbol) in symbols.iter().enumerate() {
                let key = &mut keys[i % of.sequences];
                match of.planned {
                    true => net.advance(&mut key.sequence),
                    false => net.step(&mut key.sequence, &[key.last], &[]),
                }
                let (y, dy) = net.features_and_gradient();
                if of.head {
                    let mut node = 1;
                    for d in (0..DECISIONS).rev() {
                        let bit = symbol >> d & 1;
                        let p = 1.0 / (1.0 + (-head.logit(node, y)).exp());
                        head.learn(node, p - bit as f32, y, dy);
                        node = node << 1 | bit;
                    }
                } else {
                    dy[*symbol as usize % y.len()] += 0.3;
                }
                net.finish();
                key.last = *symbol;
            }
            n += chunk;
        }
    });
    (n as f64, took)
}

/// What the script of PyTorch prints: the rate of every form of the same network.
#[derive(Deserialize)]
struct TorchRates {
    torch: String,
    rates: Vec<TorchRate>,
}

#[derive(Deserialize)]
struct TorchRate {
    sequences: usize,
    form: String,
    steps: f64,
}

/// The same network in PyTorch, whose fastest form is compared with what was measured here.
fn compare_with_torch(bench: &mut Bench) {
    match torch::run::<TorchRates>(bench, TORCH_SCRIPT, &[bench.seconds.to_string()]) {
        Ok(rates) => compare(bench, &rates),
        Err(error) => bench.notes.push(format!("network: PyTorch was not measured: {error}")),
    }
}

fn compare(bench: &mut Bench, all: &TorchRates) {
    for (of, sequences, must, reach) in [("one stream", 1, 8.0, 15.0), ("64 keys", 64, 1.8, 3.0)] {
        let rates: Vec<&TorchRate> = all.rates.iter().filter(|r| r.sequences == sequences).collect();
        for rate in &rates {
            bench.figures.put(PART, of, format!("torch, {}", rate.form), &[rate.steps], "events/s of CPU");
        }
        let theirs = rates.iter().map(|r| r.steps).fold(f64::NAN, f64::max);
        if let Some(ours) = bench.figures.get(PART, of, RATE)
            && theirs > 0.0
        {
            let ratio = ours / theirs;
            bench.figures.put(PART, of, "against the fastest of torch", &[ratio], "×").at_least(must, reach);
        }
    }
    bench.notes.push(format!(
        "network: torch {} on one thread predicts by a softmax over 256 symbols, surmise by the eight decisions of \
         one; both learn every symbol",
        all.torch
    ));
}
