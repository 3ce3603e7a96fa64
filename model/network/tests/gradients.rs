//! Values and gradients of both engines against the reference.

mod common;
use common::{Named, Rng, Step, error, reference, weights};
use surmise_network::{Engine, Rates, Recurrence, Sequence, Shape};

/// Largest error allowed, as a share of the largest value of the array.
const TOLERANCE: f64 = 2e-6;

const SHAPE: Shape = Shape { layers: 3, hidden: 32, tables: 3, dense: 3, chunk: 12 };

/// Largest errors of features and of gradients, each as a share of the largest value of its array, which is that of all
/// features of the chunk, or one array of weights. Trains for several chunks, then compares 11 steps of an open chunk, whose steps belong to `keys` sequences in turn.
fn compare(engine: Engine, shape: Shape, keys: usize, shift: impl Fn(usize, usize) -> f32) -> (f64, f64) {
    let mut rng = Rng(11 + keys as u64);
    let mut net = Recurrence::new(shape, Rates::default(), 64, 5, engine);
    let mut all: Vec<Sequence> = (0..keys).map(|_| Sequence::new(&shape)).collect();
    net.shift_gates(shift);
    let mut run = |net: &mut Recurrence, all: &mut Vec<Sequence>, n: usize| -> Vec<(usize, Step, Vec<f32>)> {
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
    assert_eq!((net.updates(), net.rejected()), (5, 1));
    let (start, w) = (all.clone(), weights(&net));
    let rows = run(&mut net, &mut all, shape.chunk - 1);

    // each sequence on its own, gradients added up
    let mut want: Named = w.iter().map(|(n, x)| (n.clone(), vec![0.0; x.len()])).collect();
    let (mut features, mut exact) = (Vec::<f32>::new(), Vec::<f64>::new());
    for key in 0..keys {
        let mine: Vec<_> = rows.iter().filter(|r| r.0 == key).collect();
        let steps: Vec<Step> = mine.iter().map(|r| r.1.clone()).collect();
        let (y, g) = reference(&shape, &w, start[key].values(), &steps);
        features.extend(mine.iter().flat_map(|r| &r.2));
        exact.extend(y.iter().flatten());
        for (n, g) in g {
            want.get_mut(&n).unwrap().iter_mut().zip(g).for_each(|(a, b)| *a += b);
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
            for (name, e) in [
                ("init", compare(engine, shape, keys, |_, _| 0.0)),
                ("±8", compare(engine, shape, keys, spread(8.0))),
                ("±20", compare(engine, shape, keys, spread(20.0))),
                ("±30", compare(engine, shape, keys, spread(30.0))),
            ] {
                println!(
                    "{engine} {}x{} keys={keys} {name}: values {:.1e}, gradients {:.1e}",
                    shape.layers, shape.hidden, e.0, e.1
                );
                assert!(e.0 <= TOLERANCE && e.1 <= TOLERANCE, "{engine} {shape:?} keys={keys} {name}: {e:?}");
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
        let mut rng = Rng(3);
        let mut net = Recurrence::new(SHAPE, Rates::default(), 64, 5, engine);
        let mut all = [Sequence::new(&SHAPE), Sequence::new(&SHAPE)];
        for _ in 0..20 * SHAPE.chunk {
            let s = rng.step(&SHAPE);
            net.step(&mut all[rng.below(2) as usize], &s.ids, &s.dense);
            net.gradient().copy_from_slice(&s.dy);
            net.finish();
        }
        assert_eq!((net.updates(), net.rejected()), (20, 0));
        out.push(net);
    }
    for ((name, a), (_, b)) in out[0].weights().iter().zip(out[1].weights()) {
        let b: Vec<f64> = b.iter().map(|x| *x as f64).collect();
        let e = error(a, &b);
        println!("{name}: {e:.1e}");
        assert!(e < 1e-3, "{name}: {e}");
    }
}
