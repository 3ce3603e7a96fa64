//! What a user of the network relies on: it learns, repeats itself to the bit, survives restarts and wild inputs.

mod common;
use common::SplitMix64;
use surmise_network::{Engine, LinearHead, NONE, Rates, Recurrence, Sequence, Shape, TreeHead};
use surmise_state::{Persist, StateError};

/// A hash of the bits of features and outputs over 500 steps with the arithmetic `fused16`; it changes when any sum
/// does.
const FUSED16_HASH: u64 = 0x4a60_c27f_900d_a3b9;
/// The hash with the arithmetic `plain16`.
const PLAIN16_HASH: u64 = 0x9fdb_6339_2c4b_6044;

const SHAPE: Shape = Shape { layers: 2, hidden: 32, tables: 2, dense: 1, chunk: 8 };

fn probability(logit: f32) -> f32 {
    surmise_lanes::sigmoid::<false>(logit)
}

/// Predicts four symbols by three binary decisions; returns the surprise in nats.
fn code(net: &mut Recurrence, head: &mut TreeHead, symbol: u32) -> f64 {
    let (y, dy) = net.features_and_gradient();
    let mut nats = 0.0;
    let mut node = 1;
    for b in (0..2).rev() {
        let bit = symbol >> b & 1;
        let p = probability(head.logit(node, y)).clamp(1e-6, 1.0 - 1e-6);
        nats -= f64::from(if bit == 1 { p } else { 1.0 - p }).ln();
        head.learn(node, p - bit as f32, y, dy);
        node = node * 2 + bit;
    }
    nats
}

/// A second-order Markov source over four symbols: the last two decide the next, but for one time in ten.
fn markov(rng: &mut SplitMix64, last: [u32; 2]) -> u32 {
    if rng.below(10) == 0 { rng.below(4) as u32 } else { (last[0] * 3 + last[1] * 2 + last[0] * last[1] + 1) % 4 }
}

/// Learns the source; returns the mean surprise of the first and of the last tenth of the steps, in nats.
fn run(engine: Engine, steps: usize) -> (f64, f64) {
    let mut rng = SplitMix64(9);
    let mut net = Recurrence::new(SHAPE, Rates::default(), 4, 1, engine);
    let mut head = TreeHead::new(net.width(), 16, 2e-3);
    let mut seq = Sequence::new(&SHAPE);
    let mut last = [0, 0];
    let (mut early, mut late) = (0.0, 0.0);
    for t in 0..steps {
        // only the latest symbol is shown: the one before must be remembered
        net.step(&mut seq, &[last[0], NONE], &[1.0]);
        let s = markov(&mut rng, last);
        let nats = code(&mut net, &mut head, s);
        net.finish();
        if t < steps / 10 {
            early += nats / (steps / 10) as f64;
        }
        if t >= steps - steps / 10 {
            late += nats / (steps / 10) as f64;
        }
        last = [s, last[0]];
    }
    assert_eq!((net.updates(), net.rejected().of_networks()), (steps as u64 / 8, 0));
    (early, late)
}

#[test]
fn the_loss_falls_towards_the_entropy() {
    // 0.925 for the likely symbol, 0.025 for each of three others
    let entropy = -(0.925 * 0.925f64.ln() + 3.0 * 0.025 * 0.025f64.ln());
    let (early, late) = run(Engine::Fused, 40_000);
    println!("entropy {entropy:.3}, first tenth {early:.3}, last tenth {late:.3}");
    assert!(late < entropy + 0.06 && late < early - 0.1 && late > entropy - 0.03, "{early} {late} {entropy}");
    let (early, late) = run(Engine::Dfdx, 3_000);
    assert!(late < 0.8 && late < early, "{early} {late}");
}

#[test]
fn a_gradient_that_is_not_finite_changes_no_weight() {
    for engine in [Engine::Fused, Engine::Dfdx] {
        for poison in [f32::NAN, f32::INFINITY, -3e38] {
            let mut net = Recurrence::new(SHAPE, Rates::default(), 4, 1, engine);
            let mut seq = Sequence::new(&SHAPE);
            let run = |net: &mut Recurrence, seq: &mut Sequence, bad: usize| {
                for t in 0..8 {
                    net.step(seq, &[t as u32, 1], &[0.5]);
                    net.gradient().fill(0.1);
                    if t == bad {
                        net.gradient()[33] = poison;
                    }
                    net.finish();
                }
            };
            run(&mut net, &mut seq, 99);
            let before = net.weights();
            for bad in [0, 7] {
                run(&mut net, &mut seq, bad);
            }
            assert_eq!((net.updates(), net.rejected().of_networks()), (1, 2), "{engine} {poison}");
            assert_eq!(before, net.weights());
            run(&mut net, &mut seq, 99);
            assert_eq!((net.updates(), net.rejected().of_networks()), (2, 2));
            assert!(net.weights().iter().all(|(_, w)| w.iter().all(|x| x.is_finite())));
        }
    }
}

#[test]
fn wild_inputs_harm_nothing() {
    let mut net = Recurrence::new(SHAPE, Rates::default(), 4, 1, Engine::Fused);
    let mut seq = Sequence::new(&SHAPE);
    for x in [f32::NAN, f32::INFINITY, f32::MIN, f32::MAX, 1e30, f32::MIN_POSITIVE, 0.0, -1.0].repeat(40) {
        net.step(&mut seq, &[u32::MAX - 1, 77, 3], &[x, x]);
        assert!(net.features().iter().all(|y| y.abs() <= 1.0));
        net.gradient().fill(1.0);
        net.finish();
        net.step(&mut seq, &[], &[]);
        net.gradient().fill(1e6);
        net.finish();
    }
    assert!(net.weights().iter().all(|(_, w)| w.iter().all(|x| x.is_finite())));
    assert!(net.updates() > 0 && seq.values().iter().all(|h| h.abs() <= 1.0));
    assert_eq!(net.weights()[0].1.len(), 4 * 3 * 32, "ids beyond the table must wrap");
}

/// A network, its heads and two sequences, as a learner holds them.
#[derive(Clone)]
struct NetworkWithHeads {
    net: Recurrence,
    tree: TreeHead,
    line: LinearHead,
    keys: [Sequence; 2],
}

impl NetworkWithHeads {
    fn new(engine: Engine) -> Self {
        let net = Recurrence::new(SHAPE, Rates::default(), 64, 1, engine);
        let width = net.width();
        NetworkWithHeads {
            net,
            tree: TreeHead::new(width, 64, 2e-3),
            line: LinearHead::new(width, 2, Rates::default(), 3, 4),
            keys: [Sequence::new(&SHAPE), Sequence::new(&SHAPE)],
        }
    }

    /// Begins a step of one of the sequences.
    fn begin(&mut self, rng: &mut SplitMix64) {
        let ids = [rng.below(40) as u32, rng.below(5) as u32];
        self.net.step(&mut self.keys[rng.below(2) as usize], &ids, &[rng.f()]);
    }

    /// Learns from the step; returns the bits of what was computed.
    fn end(&mut self, rng: &mut SplitMix64) -> Vec<u32> {
        let s = rng.below(4) as u32;
        let mut bits = vec![(code(&mut self.net, &mut self.tree, s) as f32).to_bits()];
        let (y, dy) = self.net.features_and_gradient();
        let e: Vec<f32> = self.line.forward(y).iter().map(|x| x - 0.3).collect();
        bits.extend(e.iter().chain(y).map(|x| x.to_bits()));
        self.line.learn(&e, y, dy);
        self.net.finish();
        bits
    }

    fn parts(&mut self) -> [Vec<u8>; 5] {
        let [a, b] = &mut self.keys;
        [self.net.encode(), self.tree.encode(), self.line.encode(), a.encode(), b.encode()]
    }

    fn read(&mut self, parts: &[Vec<u8>; 5]) {
        self.net.decode(&parts[0]).unwrap();
        self.tree.decode(&parts[1]).unwrap();
        self.line.decode(&parts[2]).unwrap();
        self.keys[0].decode(&parts[3]).unwrap();
        self.keys[1].decode(&parts[4]).unwrap();
    }
}

#[test]
fn a_restored_network_continues_bit_for_bit() {
    for engine in [Engine::Fused, Engine::Dfdx] {
        for cut in 0..20 {
            for open in [false, true] {
                let mut rng = SplitMix64(2);
                let mut a = NetworkWithHeads::new(engine);
                for _ in 0..cut {
                    a.begin(&mut rng);
                    a.end(&mut rng);
                }
                if open {
                    a.begin(&mut rng);
                }
                let parts = a.parts();
                // into a network with another seed, and into one that already learnt more
                let mut b = NetworkWithHeads::new(engine);
                b.net = Recurrence::new(SHAPE, Rates::default(), 64, 999, engine);
                let mut other = SplitMix64(5);
                for _ in 0..if cut % 2 == 0 { 0 } else { 30 } {
                    b.begin(&mut other);
                    b.end(&mut other);
                }
                b.read(&parts);
                assert_eq!(parts, b.parts());
                assert_eq!(a.net.hash_state(), b.net.hash_state());
                let mut again = SplitMix64(rng.0);
                if open {
                    assert_eq!(a.end(&mut rng), b.end(&mut again));
                }
                for _ in 0..20 {
                    a.begin(&mut rng);
                    b.begin(&mut again);
                    assert_eq!(a.end(&mut rng), b.end(&mut again), "{engine} cut={cut} open={open}");
                }
                assert_eq!(a.parts(), b.parts());
            }
        }
    }
}

#[test]
fn a_checkpoint_of_one_engine_opens_in_the_other() {
    let (mut rng, mut a) = (SplitMix64(2), NetworkWithHeads::new(Engine::Fused));
    for _ in 0..13 {
        a.begin(&mut rng);
        a.end(&mut rng);
    }
    let mut b = NetworkWithHeads::new(Engine::Dfdx);
    b.read(&a.parts());
    let mut again = SplitMix64(rng.0);
    for _ in 0..20 {
        a.begin(&mut rng);
        b.begin(&mut again);
        for (x, y) in a.net.features().iter().zip(b.net.features()) {
            assert!((x - y).abs() < 2e-5, "{x} {y}");
        }
        a.end(&mut rng);
        b.end(&mut again);
    }
    assert_eq!(a.net.updates(), b.net.updates());
}

#[test]
fn damage_is_found() {
    let (mut rng, mut a) = (SplitMix64(2), NetworkWithHeads::new(Engine::Fused));
    for _ in 0..13 {
        a.begin(&mut rng);
        a.end(&mut rng);
    }
    let bytes = a.net.encode();
    for n in (0..bytes.len()).step_by(997) {
        assert!(NetworkWithHeads::new(Engine::Fused).net.decode(&bytes[..n]).is_err(), "cut at {n}");
    }
    let mut other = Recurrence::new(Shape { hidden: 48, ..SHAPE }, Rates::default(), 64, 1, Engine::Fused);
    assert_eq!(other.decode(&bytes), Err(StateError::Mismatch("hidden")));
    // bytes that were changed anywhere never cause a panic, then or later
    for i in (0..bytes.len()).step_by(511) {
        let (mut b, mut damaged) = (NetworkWithHeads::new(Engine::Fused), bytes.clone());
        damaged[i] ^= 0x91;
        let _ = b.net.decode(&damaged);
        for _ in 0..9 {
            b.begin(&mut rng);
            b.end(&mut rng);
        }
    }
}

#[test]
fn looking_ahead_gives_what_a_step_gives() {
    for engine in [Engine::Fused, Engine::Dfdx] {
        let (mut rng, mut a) = (SplitMix64(2), NetworkWithHeads::new(engine));
        for _ in 0..21 {
            a.begin(&mut rng);
            a.end(&mut rng);
        }
        let before = a.net.hash_state();
        let mut hidden = a.keys[0].hidden();
        let mut out = vec![0.0; a.net.width()];
        let mut ahead = Vec::new();
        for id in [3, 63, 1] {
            a.net.peek(&mut hidden, &[id, NONE], &[0.5], &mut out);
            ahead.push(out.clone());
        }
        assert_eq!(before, a.net.hash_state());
        let snapshot = a.net.clone();
        for (id, ahead) in [3, 63, 1].into_iter().zip(&ahead) {
            a.net.step(&mut a.keys[0], &[id, NONE], &[0.5]);
            // an update in between would change the weights
            assert_eq!(a.net.updates(), snapshot.updates());
            assert_eq!(a.net.features(), ahead, "{engine}");
        }
        assert_eq!(hidden.values(), a.keys[0].values());
    }
}

#[test]
fn the_order_of_growth_does_not_matter() {
    let grown = |ids: &[u32]| {
        let mut net = Recurrence::new(SHAPE, Rates::default(), 1 << 12, 1, Engine::Fused);
        for id in ids {
            net.step(&mut Sequence::new(&SHAPE), &[*id, NONE], &[]);
        }
        net.weights()
    };
    assert_eq!(grown(&[1, 20, 500]), grown(&[500, 1, 20]));
    assert_eq!(grown(&[500])[0].1.len(), 512 * 96);
    assert_eq!(grown(&[500 + (1 << 12)]), grown(&[500]));
}

#[test]
fn a_node_that_never_learnt_has_logit_zero() {
    let mut head = TreeHead::new(32, 64, 2e-3);
    let (y, mut dy) = ([0.5f32; 32], [0f32; 32]);
    head.learn(40, -0.5, &y, &mut dy);
    assert!(head.logit(40, &y) > 0.0 && head.logit(104, &y) == head.logit(40, &y));
    for n in (0..64).filter(|n| *n != 40) {
        assert_eq!(head.logit(n, &y), 0.0);
    }
    let bytes = head.encode();
    head.learn(40, f32::NAN, &y, &mut dy);
    assert!(head.encode() == bytes && dy.iter().all(|d| *d == 0.0));
}

#[test]
fn a_linear_head_fits_and_grows() {
    let mut head = LinearHead::new(16, 1, Rates::default(), 4, 1);
    let mut rng = SplitMix64(8);
    let mut late = [0.0; 2];
    for t in 0..8000 {
        if t == 2000 {
            head.add_output();
        }
        let y: Vec<f32> = (0..16).map(|_| rng.f()).collect();
        let want = [2.0 * y[0] - y[3] + 0.7, y[5] - 0.4];
        let e: Vec<f32> = head.forward(&y).iter().zip(&want).map(|(a, b)| a - b).collect();
        let mut dy = [0f32; 16];
        head.learn(&e, &y, &mut dy);
        if t == 500 {
            head.learn(&[f32::NAN], &y, &mut dy);
            assert!(dy[0].is_nan());
        }
        if t >= 7900 {
            late.iter_mut().zip(&e).for_each(|(l, e)| *l += e * e / 100.0);
        }
    }
    assert!(late.iter().all(|l| *l < 2e-3), "{late:?}");
}

#[test]
fn every_machine_computes_the_same_bits() {
    let (mut rng, mut a) = (SplitMix64(2), NetworkWithHeads::new(Engine::Fused));
    let mut fingerprint = 0xcbf2_9ce4_8422_2325u64;
    for _ in 0..500 {
        a.begin(&mut rng);
        // the first bits are of the surprise, which the test computes with the system's exp and ln
        for bits in a.end(&mut rng).into_iter().skip(1) {
            fingerprint = (fingerprint ^ bits as u64).wrapping_mul(0x0100_0000_01b3);
        }
    }
    let want = match surmise_lanes::Kernel::detect().arithmetic() {
        "fused16" => FUSED16_HASH,
        _ => PLAIN16_HASH,
    };
    assert_eq!(fingerprint, want, "{fingerprint:#x}");
}

#[test]
fn networks_may_change_threads() {
    fn check<T: Clone + Send + Sync>() {}
    check::<Recurrence>();
    check::<TreeHead>();
    check::<LinearHead>();
    check::<Sequence>();
}

#[test]
fn engines_have_names() {
    for e in [Engine::Fused, Engine::Dfdx] {
        assert_eq!(e.to_string().parse(), Ok(e));
        assert_eq!(serde_json::to_string(&e).unwrap(), format!("\"{e}\""));
    }
    assert!("cuda".parse::<Engine>().is_err());
}

/// A chunk of eight steps with these gradients at every feature.
fn chunk_of(net: &mut Recurrence, seq: &mut Sequence, gradient: f32) {
    for t in 0..8 {
        net.step(seq, &[t as u32 % 3, 1], &[0.5]);
        net.gradient().fill(if t % 2 == 0 { gradient } else { -gradient });
        net.finish();
    }
}

#[test]
fn a_burst_of_huge_errors_leaves_the_weights_alone_and_a_lasting_change_is_learnt() {
    for (engine, delay) in [(Engine::Fused, 0), (Engine::Fused, 2), (Engine::Dfdx, 0)] {
        let mut net = Recurrence::new(SHAPE, Rates::default(), 4, 1, engine).delayed(delay);
        let mut calm_net = net.clone();
        let (mut seq, mut calm_seq) = (Sequence::new(&SHAPE), Sequence::new(&SHAPE));
        for i in 0..60 {
            // a network that is right all the time has hardly any gradient
            let calm = if i < 30 { 0.1 } else { 1e-4 };
            chunk_of(&mut net, &mut seq, calm);
            chunk_of(&mut calm_net, &mut calm_seq, calm);
        }
        for _ in 0..2 {
            chunk_of(&mut net, &mut seq, 1e4);
        }
        // updates that were delayed come out
        (0..delay).for_each(|_| chunk_of(&mut net, &mut seq, 0.1));
        (0..delay).for_each(|_| chunk_of(&mut calm_net, &mut calm_seq, 0.1));
        let rejected = net.rejected();
        assert_eq!((rejected.exploded, rejected.not_finite), (2, 0), "{engine} {delay}");
        if delay == 0 {
            assert_eq!(net.weights(), calm_net.weights(), "{engine}: the burst changed no weight");
        }
        // the first surprise after a long calm is no explosion
        chunk_of(&mut net, &mut seq, 0.9);
        assert_eq!(net.rejected(), rejected);
        let before = net.updates();
        let chunks = 12;
        (0..chunks + delay).for_each(|_| chunk_of(&mut net, &mut seq, 1e4));
        assert!(net.updates() >= before + 4, "{engine} {delay}: what goes on is learnt from: {:?}", net.rejected());
        assert!(net.weights().iter().all(|(_, w)| w.iter().all(|x| x.is_finite())));
    }
}
