//! Values and gradients of both engines against the reference.

mod common;
use common::{NamedArrays, SequenceStep, SplitMix64, error, reference, weights};
use surmise_network::{Engine, Rates, Recurrence, Sequence, Shape};

/// Largest error allowed, as a share of the largest value of the array.
const TOLERANCE: f64 = 2e-6;

const SHAPE: Shape = Shape { layers: 3, hidden: 32, tables: 3, dense: 3, chunk: 12 };

/// The largest errors of features and of gradients, each as a share of the largest value of its array, which is that of
/// all features of the chunk, or one array of weights.
///
/// The network trains for several chunks; then the 11 steps of an open chunk are compared, which belong to `keys`
/// sequences, by chance.
fn compare(engine: Engine, shape: Shape, keys: usize, shift: impl Fn(usize, usize) -> f32) -> (f64, f64) {
    let mut rng = SplitMix64(11 + keys as u64);
    let mut net = Recurrence::new(shape, Rates::default(), 64, 5, engine);
    let mut all: Vec<Sequence> = (0..keys).map(|_| Sequence::new(&shape)).collect();
    net.shift_gates(shift);
    let mut run = |net: &mut Recurrence, all: &mut Vec<Sequence>, n: usize| -> Vec<(usize, SequenceStep, Vec<f32>)> {
        let mut out = Vec::new();
        for _ in 0..n {
            let (key, step) = (rng.below(keys as u64) as usize, rng.step(&shape));
            net.step(&mut all[key], &step.ids, &step.dense);
            net.gradient().copy_from_slice(&step.dy);
            out.push((key, step, net.features().to_vec()));
            net.finish();
        }
        out
    };
    run(&mut net, &mut all, 6 * shape.chunk - 1);
    // the last of the chunks is thrown away, and its rows must not be taken for those of the next
    net.step(&mut all[0], &[], &[]);
    net.gradient().fill(f32::NAN);
    net.finish();
    assert_eq!((net.updates(), net.rejected().of_networks()), (5, 1));
    let (start, w) = (all.clone(), weights(&net));
    let rows = run(&mut net, &mut all, shape.chunk - 1);

    // each sequence on its own, gradients added up
    let mut want: NamedArrays = w.iter().map(|(n, x)| (n.clone(), vec![0.0; x.len()])).collect();
    let (mut features, mut exact) = (Vec::<f32>::new(), Vec::<f64>::new());
    for key in 0..keys {
        let own: Vec<_> = rows.iter().filter(|row| row.0 == key).collect();
        let steps: Vec<SequenceStep> = own.iter().map(|row| row.1.clone()).collect();
        let (y, gradients) = reference(&shape, &w, start[key].values(), &steps);
        features.extend(own.iter().flat_map(|row| &row.2));
        exact.extend(y.iter().flatten());
        for (name, gradient) in gradients {
            want.get_mut(&name).unwrap().iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
        }
    }
    let value = error(&features, &exact);
    let mut gradient = 0f64;
    for (name, got) in net.gradients() {
        gradient = gradient.max(error(&got, &want[&name]));
    }
    (value, gradient)
}

fn all_regimes(engine: Engine) {
    let spread = |by: f32| move |_, i: usize| -by + 2.0 * by * i as f32 / (SHAPE.hidden - 1) as f32;
    let shapes = [
        SHAPE,
        Shape { layers: 1, hidden: 16, tables: 1, dense: 0, chunk: 5 },
        Shape { layers: 2, hidden: 64, dense: 0, chunk: 16, ..SHAPE },
    ];
    for shape in shapes {
        for keys in [1, 4, 30] {
            for (name, (values, gradients)) in [
                ("init", compare(engine, shape, keys, |_, _| 0.0)),
                ("±8", compare(engine, shape, keys, spread(8.0))),
                ("±20", compare(engine, shape, keys, spread(20.0))),
                ("±30", compare(engine, shape, keys, spread(30.0))),
            ] {
                println!(
                    "{engine} {}x{} keys={keys} {name}: values {values:.1e}, gradients {gradients:.1e}",
                    shape.layers, shape.hidden
                );
                let worst = values.max(gradients);
                assert!(worst <= TOLERANCE, "{engine} {shape:?} keys={keys} {name}: {worst:.1e}");
            }
        }
    }
}

#[test]
fn fused_agrees_with_the_reference() {
    all_regimes(Engine::Fused);
}

#[test]
fn dfdx_agrees_with_the_reference() {
    all_regimes(Engine::Dfdx);
}

#[test]
fn engines_agree_after_many_updates() {
    let mut out = Vec::new();
    for engine in [Engine::Fused, Engine::Dfdx] {
        let mut rng = SplitMix64(3);
        let mut net = Recurrence::new(SHAPE, Rates::default(), 64, 5, engine);
        let mut all = [Sequence::new(&SHAPE), Sequence::new(&SHAPE)];
        for _ in 0..20 * SHAPE.chunk {
            let step = rng.step(&SHAPE);
            net.step(&mut all[rng.below(2) as usize], &step.ids, &step.dense);
            net.gradient().copy_from_slice(&step.dy);
            net.finish();
        }
        assert_eq!((net.updates(), net.rejected().of_networks()), (20, 0));
        out.push(net);
    }
    for ((name, a), (_, b)) in out[0].weights().iter().zip(out[1].weights()) {
        let b: Vec<f64> = b.iter().map(|x| *x as f64).collect();
        let difference = error(a, &b);
        println!("{name}: {difference:.1e}");
        assert!(difference < 1e-3, "{name}: {difference}");
    }
}
