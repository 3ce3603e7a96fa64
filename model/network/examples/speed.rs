//! Prints the time of a step of the network, with and without a tree head, of looking ahead and of a clone:
//! `cargo run --release -p surmise-network --example speed [fused|dfdx]`.

use std::hint::black_box;
use std::time::Instant;
use surmise_network::{Engine, Rates, Recurrence, Sequence, Shape, TreeHead};

/// Repetitions, of which the median and the best are printed.
const REPETITIONS: usize = 7;
/// Copies whose mean time is printed.
const CLONES: u32 = 20;

fn main() {
    let only = std::env::args().nth(1);
    for engine in [Engine::Fused, Engine::Dfdx] {
        if only.as_ref().is_some_and(|only| *only != engine.to_string()) {
            continue;
        }
        let steps = if engine == Engine::Fused { 200_000 } else { 2_000 };
        for (layers, hidden) in [(2, 64), (2, 32), (1, 64), (2, 128)] {
            for with_head in [false, true] {
                measure(Shape { layers, hidden, tables: 3, dense: 0, chunk: 16 }, engine, steps, with_head);
            }
        }
    }
}

/// Measures one network and prints a line.
fn measure(shape: Shape, engine: Engine, steps: usize, with_head: bool) {
    let mut net = Recurrence::new(shape, Rates::default(), 256, 1, engine);
    let mut head = TreeHead::new(net.width(), 1 << 12, 2e-3);
    let mut seq = Sequence::new(&shape);
    let (mut ids, mut random) = ([1u32, 2, 3], 1u64);
    let mut times = Vec::new();
    for _ in 0..REPETITIONS {
        let start = Instant::now();
        for _ in 0..steps / REPETITIONS {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            learn_one(&mut net, with_head.then_some(&mut head), &mut seq, &ids, random);
            // symbols are skewed, as those of real streams are
            let uniform = (random >> 33) as f32 / 2147483648.0;
            ids = [(uniform * uniform * uniform * 255.0) as u32, ids[0], ids[1]];
        }
        times.push(start.elapsed().as_secs_f64() * 1e6 / (steps / REPETITIONS) as f64);
    }
    times.sort_by(f64::total_cmp);
    let (start, peeks) = (Instant::now(), steps as u32 / 10);
    let (mut ahead, mut out) = (seq.hidden(), vec![0.0; net.width()]);
    for i in 0..peeks {
        net.peek(&mut ahead, &[i % 200, 1, 2], &[], &mut out);
    }
    let peek = start.elapsed().as_secs_f64() * 1e6 / f64::from(peeks);
    let start = Instant::now();
    (0..CLONES).for_each(|_| drop(black_box(net.clone())));
    let clone = start.elapsed().as_secs_f64() * 1e6 / f64::from(CLONES);
    println!(
        "{engine} {}x{} head={with_head}: {:.2} us a step (best {:.2}), peek {peek:.2}, clone of {} weights {clone:.0}",
        shape.layers,
        shape.hidden,
        times[REPETITIONS / 2],
        times[0],
        net.parameters()
    );
}

/// One step, with eight decisions of the head if there is one.
fn learn_one(net: &mut Recurrence, head: Option<&mut TreeHead>, seq: &mut Sequence, ids: &[u32; 3], random: u64) {
    net.step(seq, ids, &[]);
    let (y, dy) = net.features_and_gradient();
    match head {
        Some(head) => {
            for bit in 0..8u32 {
                let node = (1 << bit) + (random >> 60) as u32;
                let p = 1.0 / (1.0 + (-head.logit(node, y)).exp());
                head.learn(node, p - (random >> (40 + bit) & 1) as f32, y, dy);
            }
        }
        None => dy[(random >> 58) as usize % y.len()] = 0.3,
    }
    net.finish();
}
