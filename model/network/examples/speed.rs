//! Time of a step of the network, with and without a tree head, of looking ahead and of a copy: `cargo run --release -p surmise-network --example speed [fused|dfdx]`.

use std::time::Instant;
use surmise_network::{Engine, Rates, Recurrence, Sequence, Shape, TreeHead};

fn main() {
    let only = std::env::args().nth(1);
    for engine in [Engine::Fused, Engine::Dfdx] {
        if only.as_ref().is_some_and(|o| *o != engine.to_string()) {
            continue;
        }
        let steps = if engine == Engine::Fused { 200_000 } else { 2_000 };
        for (layers, hidden) in [(2, 64), (2, 32), (1, 64), (2, 128)] {
            for heads in [false, true] {
                let shape = Shape { layers, hidden, tables: 3, dense: 0, chunk: 16 };
                let mut net = Recurrence::new(shape, Rates::default(), 256, 1, engine);
                let mut head = TreeHead::new(net.width(), 1 << 12, 2e-3);
                let mut seq = Sequence::new(&shape);
                let (mut ids, mut x, mut times) = ([1u32, 2, 3], 1u64, Vec::new());
                for _ in 0..7 {
                    let t = Instant::now();
                    for _ in 0..steps / 7 {
                        x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                        net.step(&mut seq, &ids, &[]);
                        let (y, dy) = net.features_and_gradient();
                        if heads {
                            for b in 0..8u32 {
                                let node = (1 << b) + (x >> 60) as u32;
                                let p = 1.0 / (1.0 + (-head.logit(node, y)).exp());
                                head.learn(node, p - (x >> (40 + b) & 1) as f32, y, dy);
                            }
                        } else {
                            dy[(x >> 58) as usize % y.len()] = 0.3;
                        }
                        net.finish();
                        let u = (x >> 33) as f32 / 2147483648.0;
                        ids = [(u * u * u * 255.0) as u32, ids[0], ids[1]];
                    }
                    times.push(t.elapsed().as_secs_f64() * 1e6 / (steps / 7) as f64);
                }
                times.sort_by(f64::total_cmp);
                let (t, n) = (Instant::now(), steps as u32 / 10);
                let (mut ahead, mut out) = (seq.hidden(), vec![0.0; net.width()]);
                for i in 0..n {
                    net.peek(&mut ahead, &[i % 200, 1, 2], &[], &mut out);
                }
                let peek = t.elapsed().as_secs_f64() * 1e6 / f64::from(n);
                let t = Instant::now();
                let copies = (0..20).map(|_| std::hint::black_box(net.clone()).parameters()).sum::<usize>() / 20;
                let clone = t.elapsed().as_secs_f64() * 1e6 / 20.0;
                println!(
                    "{engine} {layers}x{hidden} head={heads}: {:.2} us a step (best {:.2}), peek {peek:.2}, clone of {copies} weights {clone:.0}",
                    times[3], times[0]
                );
            }
        }
    }
}
