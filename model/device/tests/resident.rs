//! The resident network on the emulated machine, against the same network on the processor.

mod common;
use common::difference;
use surmise_device::resident::{PlainNetwork, ResidentNetwork};
use surmise_emulation::Emulated;
use surmise_network::{Engine, NONE, Rates, Shape, TOLERANCE};

/// SplitMix64: the smallest case learns from thirty symbols, so whether its loss falls depends on which they are.
struct SplitMix64(u64);

impl SplitMix64 {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

struct ResidentCase {
    shape: Shape,
    sequences: usize,
    symbols: usize,
}

const CASES: [ResidentCase; 4] = [
    ResidentCase { shape: Shape { layers: 2, hidden: 32, tables: 3, dense: 0, chunk: 8 }, sequences: 5, symbols: 40 },
    ResidentCase { shape: Shape { layers: 1, hidden: 16, tables: 1, dense: 0, chunk: 3 }, sequences: 1, symbols: 7 },
    ResidentCase { shape: Shape { layers: 3, hidden: 16, tables: 2, dense: 0, chunk: 16 }, sequences: 30, symbols: 70 },
    ResidentCase {
        shape: Shape { layers: 2, hidden: 64, tables: 3, dense: 0, chunk: 16 },
        sequences: 40,
        symbols: 256,
    },
];

/// Chunks of symbols that follow from those before them, mostly.
fn chunks(case: &ResidentCase, n: usize) -> Vec<(Vec<u32>, Vec<u32>)> {
    let mut rng = SplitMix64(5);
    let (sequences, symbols) = (case.sequences, case.symbols as u64);
    let mut last = vec![[NONE; 4]; sequences];
    let mut one = || {
        let (mut ids, mut targets) = (Vec::new(), Vec::new());
        for row in 0..case.shape.chunk * sequences {
            let past = &mut last[row % sequences];
            ids.extend_from_slice(&past[..case.shape.tables]);
            let follows = past[0] != NONE && rng.below(4) > 0;
            let next = if follows { (past[0] as u64 * 7 + 3) % symbols } else { rng.below(symbols) };
            past.rotate_right(1);
            past[0] = next as u32;
            targets.push(next as u32);
        }
        (ids, targets)
    };
    (0..n).map(|_| one()).collect()
}

fn both(case: &ResidentCase, engine: Engine) -> (PlainNetwork, ResidentNetwork) {
    let plain = PlainNetwork::new(case.shape, case.sequences, case.symbols, Rates::default(), 3, engine);
    let weights = plain.net.layer_weights(case.symbols);
    let machine = Box::new(Emulated::new());
    let there = ResidentNetwork::new(
        machine,
        case.shape,
        case.sequences,
        case.symbols,
        Rates::default(),
        &weights,
        &plain.head,
    )
    .unwrap();
    (plain, there)
}

#[test]
fn values_losses_and_weights_are_those_of_the_engines() {
    for case in &CASES {
        for engine in [Engine::Fused, Engine::Dfdx] {
            if engine == Engine::Dfdx && case.sequences > 5 {
                continue;
            }
            let (mut plain, mut there) = both(case, engine);
            let mut means = Vec::new();
            for (i, (ids, targets)) in chunks(case, 10).iter().enumerate() {
                let (features, losses) = plain.chunk(ids, targets);
                there.chunk(ids, targets).unwrap();
                let values = difference(&features, &there.features().unwrap());
                let got = there.losses().unwrap();
                if i == 0 {
                    assert!(values <= TOLERANCE, "{engine} {:?}: values {values:.1e}", case.shape);
                    assert!(difference(&losses, &got) <= TOLERANCE);
                }
                let mean = |x: &[f32]| x.iter().map(|x| f64::from(*x)).sum::<f64>() / x.len() as f64;
                let (a, b) = (mean(&losses), mean(&got));
                assert!((a - b).abs() <= 1e-4 * a, "{engine} {:?}, chunk {i}: {a} and {b}", case.shape);
                means.push(a);
            }
            assert!(means[9] < means[0], "it learns: {means:?}");
            assert_eq!(there.updates().unwrap(), (10, 0));
            let (weights, head) = there.weights().unwrap();
            let want = plain.net.layer_weights(case.symbols);
            for (a, b) in weights.iter().zip(&want) {
                let arrays =
                    |w: &surmise_network::LayerWeights| [&w.tables.concat(), &w.below, &w.bias].map(Clone::clone);
                for (a, b) in arrays(a).iter().zip(&arrays(b)) {
                    assert!(difference(a, b) < 2e-3, "{engine} {:?}: weights {:.1e}", case.shape, difference(a, b));
                }
            }
            assert!(difference(&head, &plain.head) < 2e-3);
        }
    }
}

#[test]
fn equal_calls_give_equal_bits() {
    let case = &CASES[2];
    let one = || {
        let (_, mut there) = both(case, Engine::Fused);
        chunks(case, 4).iter().for_each(|(ids, targets)| there.chunk(ids, targets).unwrap());
        (there.losses().unwrap(), there.weights().unwrap())
    };
    assert_eq!(one(), one());
}

#[test]
fn a_chunk_that_is_not_finite_changes_nothing() {
    let case = &CASES[0];
    let plain = PlainNetwork::new(case.shape, case.sequences, case.symbols, Rates::default(), 3, Engine::Fused);
    let mut weights = plain.net.layer_weights(case.symbols);
    weights[1].below[7] = f32::INFINITY;
    let machine = Box::new(Emulated::new());
    let mut there = ResidentNetwork::new(
        machine,
        case.shape,
        case.sequences,
        case.symbols,
        Rates::default(),
        &weights,
        &plain.head,
    )
    .unwrap();
    let (ids, targets) = &chunks(case, 1)[0];
    there.chunk(ids, targets).unwrap();
    assert_eq!(there.updates().unwrap(), (0, 1));
    assert_eq!(there.weights().unwrap(), (weights, plain.head));
}

#[test]
fn what_does_not_fit_is_refused() {
    let case = &CASES[0];
    let (plain, mut there) = both(case, Engine::Fused);
    let (ids, mut targets) = chunks(case, 1).remove(0);
    assert!(there.chunk(&ids[1..], &targets).is_err());
    targets[3] = case.symbols as u32;
    assert!(there.chunk(&ids, &targets).is_err());
    let weights = plain.net.layer_weights(case.symbols - 1);
    let machine = Box::new(Emulated::new());
    let wrong = ResidentNetwork::new(
        machine,
        case.shape,
        case.sequences,
        case.symbols,
        Rates::default(),
        &weights,
        &plain.head,
    );
    assert!(wrong.is_err());
}
