//! The time of a step of the recurrence, of its head, and of looking ahead: `cargo bench -p surmise-network`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use surmise_network::{Engine, Rates, Recurrence, Sequence, Shape, TreeHead};

/// Steps of one measurement.
const STEPS: u64 = 64;

/// Pseudo-random ids, the same in every run.
fn next(x: &mut u64) -> u32 {
    *x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*x >> 56) as u32
}

/// Whole chunks: forward, backward, update. With a head, also eight decisions of the code tree at every step.
fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("steps");
    group.throughput(Throughput::Elements(STEPS));
    let shapes = [(Engine::Fused, 2, 32), (Engine::Fused, 2, 64), (Engine::Fused, 2, 128), (Engine::Dfdx, 2, 64)];
    for (engine, layers, hidden) in shapes {
        for heads in [false, true] {
            let shape = Shape { layers, hidden, tables: 3, dense: 0, chunk: 16 };
            let mut net = Recurrence::new(shape, Rates::default(), 256, 1, engine);
            let mut head = TreeHead::new(net.width(), 1 << 12, 2e-3);
            let mut seq = Sequence::new(&shape);
            let (mut ids, mut x) = ([1, 2, 3], 1);
            let name = format!("{engine} {layers}x{hidden}{}", if heads { " and head" } else { "" });
            group.bench_function(name, |b| {
                b.iter(|| {
                    for _ in 0..STEPS {
                        net.step(&mut seq, &ids, &[]);
                        let (y, dy) = net.features_and_gradient();
                        if heads {
                            for bit in 0..8 {
                                let node = (1 << bit) + (ids[0] >> (8 - bit));
                                let p = 1.0 / (1.0 + (-head.logit(node, y)).exp());
                                head.learn(node, p - (ids[1] >> bit & 1) as f32, y, dy);
                            }
                        } else {
                            dy[ids[0] as usize % y.len()] = 0.3;
                        }
                        net.finish();
                        ids = [next(&mut x), ids[0], ids[1]];
                    }
                })
            });
        }
    }
    group.finish();
}

/// A chunk whose inputs are known when it begins, of one sequence and of sixty-four: its steps are one product.
fn planned(c: &mut Criterion) {
    let mut group = c.benchmark_group("planned");
    for keys in [1usize, 64] {
        let shape = Shape { layers: 2, hidden: 64, tables: 1, dense: 0, chunk: 16 * keys };
        let mut net = Recurrence::new(shape, Rates::default(), 256, 1, Engine::Fused);
        let mut all = vec![Sequence::new(&shape); keys];
        let mut x = 1;
        group.throughput(Throughput::Elements(shape.chunk as u64));
        group.bench_function(BenchmarkId::new("chunk of keys", keys), |b| {
            b.iter(|| {
                for i in 0..shape.chunk {
                    net.plan(&mut all[i % keys], &[next(&mut x)], &[]);
                }
                for i in 0..shape.chunk {
                    net.advance(&mut all[i % keys]);
                    net.gradient()[i % 128] = 0.3;
                    net.finish();
                }
            })
        });
    }
    group.finish();
}

/// What a query costs: one step ahead, and a copy of everything for readers.
fn questions(c: &mut Criterion) {
    let mut group = c.benchmark_group("questions");
    for hidden in [32, 64, 128] {
        let shape = Shape { layers: 2, hidden, tables: 3, dense: 0, chunk: 16 };
        let net = Recurrence::new(shape, Rates::default(), 256, 1, Engine::Fused);
        let (mut ahead, mut out) = (Sequence::new(&shape).hidden(), vec![0.0; net.width()]);
        group.bench_with_input(BenchmarkId::new("peek", hidden), &[7, 8, 9], |b, ids| {
            b.iter(|| net.peek(&mut ahead, ids, &[], &mut out))
        });
        group.bench_function(BenchmarkId::new("clone", hidden), |b| b.iter(|| net.clone()));
    }
    group.finish();
}

criterion_group!(benches, steps, planned, questions);
criterion_main!(benches);
