//! Steps that are planned ahead are computed together, and to the same bits as alone.

mod common;
use common::SplitMix64;
use surmise_network::{Engine, NONE, Rates, Recurrence, Sequence, Shape};
use surmise_state::Persist;

const SHAPE: Shape = Shape { layers: 2, hidden: 32, tables: 2, dense: 3, chunk: 8 };

/// One step: its key and its inputs.
#[derive(Clone)]
struct PlannedStep {
    key: usize,
    ids: [u32; 2],
    dense: [f32; 3],
}

fn steps(keys: u64, n: usize, rng: &mut SplitMix64) -> Vec<PlannedStep> {
    let id = |rng: &mut SplitMix64| if rng.below(9) == 0 { NONE } else { rng.below(40) as u32 };
    (0..n)
        .map(|_| PlannedStep {
            key: rng.below(keys) as usize,
            ids: [id(rng), id(rng)],
            dense: [rng.f(), rng.f(), rng.f()],
        })
        .collect()
}

/// A network and the sequences of its keys.
#[derive(Clone)]
struct KeyedNetwork {
    core: Recurrence,
    keys: Vec<Sequence>,
}

impl KeyedNetwork {
    fn new(shape: Shape, engine: Engine, keys: usize) -> KeyedNetwork {
        KeyedNetwork::delayed(shape, engine, keys, 0)
    }

    fn delayed(shape: Shape, engine: Engine, keys: usize, delay: usize) -> KeyedNetwork {
        let core = Recurrence::new(shape, Rates::default(), 64, 1, engine).delayed(delay);
        KeyedNetwork { core, keys: vec![Sequence::new(&shape); keys] }
    }

    /// Learns the step that is under way; returns its features.
    fn learn(&mut self) -> Vec<u32> {
        let (y, dy) = self.core.features_and_gradient();
        for (i, (y, d)) in y.iter().zip(dy).enumerate() {
            *d += y - if i.is_multiple_of(3) { 0.5 } else { -0.2 };
        }
        self.core.features().iter().map(|x| x.to_bits()).collect()
    }

    /// Steps and learns without a plan.
    fn alone(&mut self, s: &PlannedStep) -> Vec<u32> {
        self.core.step(&mut self.keys[s.key], &s.ids, &s.dense);
        let y = self.learn();
        self.core.finish();
        y
    }

    fn state(&mut self) -> Vec<Vec<u8>> {
        let mut all: Vec<Vec<u8>> = self.keys.iter_mut().map(Persist::encode).collect();
        all.push(self.core.encode());
        all
    }
}

#[test]
fn steps_that_are_planned_are_those_that_come_alone() {
    for engine in [Engine::Fused, Engine::Dfdx] {
        let (rounds, n) = if engine == Engine::Fused { (60, 200) } else { (3, 40) };
        for round in 0..rounds {
            let mut rng = SplitMix64(round);
            let keys = [1, 2, 7, 30][round as usize % 4];
            let shape = Shape {
                layers: 1 + round as usize % 3,
                hidden: 16 << (round % 3),
                chunk: [8, 1, 5, 23, 100][round as usize % 5],
                ..SHAPE
            };
            let all = steps(keys, n, &mut rng);
            let delay = round as usize / 4 % 3;
            let mut a = KeyedNetwork::delayed(shape, engine, keys as usize, delay);
            let mut b = a.clone();
            let mut next = 0;
            for (i, s) in all.iter().enumerate() {
                let want = a.alone(s);
                if b.core.planned() == 0 {
                    next = i;
                }
                // plans grow now and then, and are as long as they happen to be; one that is not taken is forgotten
                if b.core.planned() == 0 || rng.below(4) == 0 {
                    let to = (next + 1 + rng.below(12) as usize).min(all.len());
                    for s in &all[next..to] {
                        if !b.core.plan(&mut b.keys[s.key], &s.ids, &s.dense) {
                            break;
                        }
                        next += 1;
                    }
                }
                if b.core.planned() == 0 || rng.below(40) == 0 {
                    b.core.step(&mut b.keys[s.key], &s.ids, &s.dense);
                    assert_eq!(b.core.planned(), 0);
                } else {
                    b.core.advance(&mut b.keys[s.key]);
                }
                assert_eq!(b.learn(), want, "{engine} {shape:?} step {i}");
                if rng.below(3) == 0 {
                    b.core.finish();
                }
            }
            b.core.finish();
            assert!(a.core.updates() + delay as u64 >= n as u64 / 100 && a.core.updates() == b.core.updates());
            assert!(a.state() == b.state(), "{engine} {shape:?}");
        }
    }
}

#[test]
fn a_plan_is_no_part_of_the_state() {
    for engine in [Engine::Fused, Engine::Dfdx] {
        let all = steps(3, 60, &mut SplitMix64(8));
        let mut a = KeyedNetwork::new(SHAPE, engine, 3);
        all[..29].iter().for_each(|s| drop(a.alone(s)));
        let mut b = a.clone();
        let before = a.state();
        // ids that no step had, so that tables would have to grow
        for s in &all[29..] {
            if !a.core.plan(&mut a.keys[s.key], &[s.ids[0], 63], &s.dense) {
                break;
            }
        }
        assert_eq!(a.core.planned(), 3);
        assert!(a.state() == before, "{engine}: planned");
        a.core.advance(&mut a.keys[all[29].key]);
        b.core.step(&mut b.keys[all[29].key], &[all[29].ids[0], 63], &all[29].dense);
        assert!(a.state() == b.state(), "{engine}: begun");
        // a checkpoint of a network with a plan continues as one without
        let state = a.state();
        let mut c = KeyedNetwork::new(SHAPE, engine, 3);
        all[..5].iter().for_each(|s| assert!(c.core.plan(&mut c.keys[s.key], &s.ids, &s.dense)));
        c.core.decode(&state[3]).unwrap();
        c.keys.iter_mut().zip(&state).for_each(|(k, s)| k.decode(s).unwrap());
        assert_eq!(c.core.planned(), 0);
        for s in &all[30..] {
            let want = b.alone(s);
            assert_eq!(a.alone(s), want);
            assert_eq!(c.alone(s), want);
        }
    }
}

#[test]
fn a_step_depends_on_none_that_is_planned_behind_it() {
    let mut rng = SplitMix64(3);
    let all = steps(2, 8, &mut rng);
    for changed in 1..8 {
        let run = |all: &[PlannedStep]| {
            let mut network = KeyedNetwork::new(Shape { chunk: 16, ..SHAPE }, Engine::Fused, 2);
            assert!(all.iter().all(|s| network.core.plan(&mut network.keys[s.key], &s.ids, &s.dense)));
            all.iter()
                .map(|s| {
                    network.core.advance(&mut network.keys[s.key]);
                    network.learn()
                })
                .collect::<Vec<_>>()
        };
        let mut other = all.clone();
        other[changed..].iter_mut().for_each(|s| s.ids = [s.ids[1].wrapping_add(1), 5]);
        let (a, b) = (run(&all), run(&other));
        assert_eq!(a[..changed], b[..changed]);
        assert_ne!(a[changed], b[changed]);
    }
}

#[test]
fn a_plan_ends_where_the_chunk_does() {
    let mut network = KeyedNetwork::new(SHAPE, Engine::Fused, 1);
    for round in 0..3 {
        let planned = (0..20).take_while(|_| network.core.plan(&mut network.keys[0], &[1, 2], &[])).count();
        assert_eq!((planned, network.core.planned()), (8, 8));
        for _ in 0..8 {
            network.core.advance(&mut network.keys[0]);
            network.learn();
        }
        assert!(!network.core.plan(&mut network.keys[0], &[1, 2], &[]), "the last step is under way");
        network.core.finish();
        assert_eq!((network.core.updates(), network.core.planned()), (round + 1, 0));
        network.core.advance(&mut network.keys[0]);
        assert_eq!(network.core.updates(), round + 1, "without a plan nothing moves");
    }
}
