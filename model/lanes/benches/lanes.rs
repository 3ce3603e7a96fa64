//! The time of the arithmetic that every hot loop is made of: `cargo bench -p surmise-lanes`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use surmise_lanes::{Block, LANES, add_scaled, dot, exp, kernels, ln, rsqrt, sigmoid, tanh};

/// Blocks of inputs of the mixer, the most frequent caller of `dot`.
const MIXER_BLOCKS: usize = 5;
/// Blocks of arguments of the elementary functions: 4 KiB.
const ARGUMENT_BLOCKS: usize = 64;

type Arguments = [Block; ARGUMENT_BLOCKS];

kernels! {
    fn mix_inputs[FMA](w: &[Block; MIXER_BLOCKS], x: &[Block; MIXER_BLOCKS]) -> f32 { dot::<FMA>(w, x) }

    fn update_weights[FMA](w: &mut [Block; MIXER_BLOCKS], x: &[Block; MIXER_BLOCKS], step: f32) {
        add_scaled::<FMA, MIXER_BLOCKS>(w, x, step)
    }

    fn exps[FMA](x: &mut Arguments) { x.iter_mut().flatten().for_each(|v| *v = exp::<FMA>(*v)); }

    fn lns[FMA](x: &mut Arguments) { x.iter_mut().flatten().for_each(|v| *v = ln::<FMA>(*v)); }

    fn sigmoids[FMA](x: &mut Arguments) { x.iter_mut().flatten().for_each(|v| *v = sigmoid::<FMA>(*v)); }

    fn tanhs[FMA](x: &mut Arguments) { x.iter_mut().flatten().for_each(|v| *v = tanh::<FMA>(*v)); }

    fn rsqrts[FMA](x: &mut Arguments) { x.iter_mut().flatten().for_each(|v| *v = rsqrt::<FMA>(*v)); }
}

/// Blocks of numbers between 0.01 and `scale`.
fn blocks<const B: usize>(scale: f32) -> [Block; B] {
    std::array::from_fn(|i| std::array::from_fn(|j| ((i * LANES + j) as f32 * 0.37).sin().abs() * scale + 0.01))
}

fn lanes(c: &mut Criterion) {
    let mut group = c.benchmark_group("mixer");
    group.throughput(Throughput::Elements((MIXER_BLOCKS * LANES) as u64));
    let (mut w, x) = (blocks::<MIXER_BLOCKS>(1.0), blocks::<MIXER_BLOCKS>(2.0));
    group.bench_function("dot", |b| b.iter(|| mix_inputs(black_box(&w), black_box(&x))));
    group
        .bench_function("add_scaled", |b| b.iter(|| update_weights(black_box(&mut w), black_box(&x), black_box(1e-9))));
    group.finish();
    let mut group = c.benchmark_group("elementary");
    group.throughput(Throughput::Elements((ARGUMENT_BLOCKS * LANES) as u64));
    let functions: [(&str, fn(&mut Arguments)); 5] =
        [("exp", exps), ("ln", lns), ("sigmoid", sigmoids), ("tanh", tanhs), ("rsqrt", rsqrts)];
    for (name, function) in functions {
        // the arguments are new each time: some of these functions diverge when applied to their own results
        let x = blocks::<ARGUMENT_BLOCKS>(3.0);
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut y = x;
                function(black_box(&mut y));
                y
            })
        });
    }
    group.finish();
}

criterion_group!(benches, lanes);
criterion_main!(benches);
