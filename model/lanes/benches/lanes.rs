//! The arithmetic that everything hot is made of: `cargo bench -p surmise-lanes`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use surmise_lanes::{Block, LANES, add_scaled, dot, exp, kernels, ln, rsqrt, sigmoid, tanh};

/// Blocks of a mixer's inputs.
const N: usize = 5;
/// Blocks of the elementary functions' arguments: 4 KiB.
const WIDE: usize = 64;

kernels! {
    fn mix[FMA](w: &[Block; N], x: &[Block; N]) -> f32 { dot::<FMA>(w, x) }
    fn learn[FMA](w: &mut [Block; N], x: &[Block; N], step: f32) { add_scaled::<FMA, N>(w, x, step) }
    fn exps[FMA](x: &mut [Block; WIDE]) { x.iter_mut().flatten().for_each(|v| *v = exp::<FMA>(*v)); }
    fn lns[FMA](x: &mut [Block; WIDE]) { x.iter_mut().flatten().for_each(|v| *v = ln::<FMA>(*v)); }
    fn sigmoids[FMA](x: &mut [Block; WIDE]) { x.iter_mut().flatten().for_each(|v| *v = sigmoid::<FMA>(*v)); }
    fn tanhs[FMA](x: &mut [Block; WIDE]) { x.iter_mut().flatten().for_each(|v| *v = tanh::<FMA>(*v)); }
    fn rsqrts[FMA](x: &mut [Block; WIDE]) { x.iter_mut().flatten().for_each(|v| *v = rsqrt::<FMA>(*v)); }
}

fn blocks<const B: usize>(scale: f32) -> [Block; B] {
    std::array::from_fn(|i| std::array::from_fn(|j| ((i * LANES + j) as f32 * 0.37).sin().abs() * scale + 0.01))
}

fn lanes(c: &mut Criterion) {
    let mut g = c.benchmark_group("mixer");
    g.throughput(Throughput::Elements((N * LANES) as u64));
    let (mut w, x) = (blocks::<N>(1.0), blocks::<N>(2.0));
    g.bench_function("dot", |b| b.iter(|| mix(black_box(&w), black_box(&x))));
    g.bench_function("add_scaled", |b| b.iter(|| learn(black_box(&mut w), black_box(&x), black_box(1e-9))));
    g.finish();
    let mut g = c.benchmark_group("elementary");
    g.throughput(Throughput::Elements((WIDE * LANES) as u64));
    let functions: [(&str, fn(&mut [Block; WIDE])); 5] =
        [("exp", exps), ("ln", lns), ("sigmoid", sigmoids), ("tanh", tanhs), ("rsqrt", rsqrts)];
    for (name, f) in functions {
        // arguments afresh each time: some of these run away when they feed on themselves
        let x = blocks::<WIDE>(3.0);
        g.bench_function(name, |b| {
            b.iter(|| {
                let mut y = x;
                f(black_box(&mut y));
                y
            })
        });
    }
    g.finish();
}

criterion_group!(benches, lanes);
criterion_main!(benches);
