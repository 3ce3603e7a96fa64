//! What must hold of the symbol model, whatever it is fed.

mod common;

use common::small_network;
use surmise_fixtures::Random;
use surmise_state::Persist;
use surmise_symbol::{Spec, SymbolModel};

fn spec(bytes: bool) -> Spec {
    let mut s = if bytes { Spec::bytes(false, 1) } else { Spec::symbols(true, 1) };
    s.network = Some(small_network());
    s
}

/// Nobody can predict uniform noise: a mean loss below its entropy would mean that the learner had peeked.
#[test]
fn uniform_noise_is_never_beaten() {
    let mut r = Random::new(1);
    let mut m = SymbolModel::new(spec(true));
    let mut k = m.new_key();
    let nats: f64 = (0..30_000).map(|_| m.observe(&mut k, &[], r.below(256) as u32)).sum();
    let bits = nats / 30_000.0 / std::f64::consts::LN_2;
    assert!(bits > 8.0 - 0.002, "{bits} bits per uniform byte");
    assert!(bits < 8.2, "{bits}: noise should cost little more than its entropy");
}

/// The loss on a source of known entropy comes near it.
#[test]
fn a_markov_source_is_learnt_to_its_entropy() {
    let mut r = Random::new(5);
    let mut m = SymbolModel::new(spec(false));
    let mut k = m.new_key();
    let (mut x, mut nats) = (0u32, 0.0);
    for i in 0..40_000 {
        // from each state one of four successors, equally likely: two bits
        x = (x * 7 + 3 + 5 * r.below(4) as u32) % 40;
        let n = m.observe(&mut k, &[], x);
        if i >= 20_000 {
            nats += n;
        }
    }
    let bits = nats / 20_000.0 / std::f64::consts::LN_2;
    assert!((2.0 - 0.02..2.05).contains(&bits), "{bits} bits, entropy 2");
}

/// The mixture's loss stays within the stated bound of every expert's.
#[test]
fn regret_is_within_its_bound_on_hostile_streams() {
    type Symbols = fn(u32, &mut Random) -> u32;
    let streams: [(&str, Symbols); 4] = [
        ("constant", |_, _| 3),
        ("noise", |_, r| r.below(200) as u32),
        ("regimes", |i, r| if i / 500 % 2 == 0 { i % 7 } else { r.below(50) as u32 }),
        ("ever new", |i, _| i),
    ];
    for (name, source) in streams {
        let mut r = Random::new(9);
        let mut m = SymbolModel::new(spec(false));
        let mut k = m.new_key();
        let mut loss = 0.0;
        let mut experts = vec![0.0; m.experts().len()];
        for i in 0..4000 {
            loss += m.observe(&mut k, &[], source(i, &mut r));
            for (e, n) in experts.iter_mut().zip(m.expert_nats()) {
                *e += n;
            }
        }
        let best = experts.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(
            loss <= best + m.regret_bound() + 1e-3 * loss.abs().max(1.0) * 1e-2,
            "{name}: {loss} against {best} + {}",
            m.regret_bound()
        );
    }
}

/// A model that was saved and read back goes on bit for bit, keys and the open chunk included.
#[test]
fn saved_and_read_back_it_goes_on_bit_for_bit() {
    for bytes in [true, false] {
        let mut r = Random::new(3);
        let mut m = SymbolModel::new(spec(bytes));
        let mut keys = [m.new_key(), m.new_key(), m.new_key()];
        for i in 0..3001u32 {
            m.observe(&mut keys[r.below(3) as usize], &[], if i % 4 == 0 { r.below(90) as u32 } else { i % 4 });
        }
        let saved = m.encode();
        let mut n = SymbolModel::new(spec(bytes));
        n.decode(&saved).unwrap();
        assert_eq!(n.hash_state(), m.hash_state());
        let mut copies = keys.clone();
        for i in 0..500u32 {
            let (k, s) = (r.below(3) as usize, i % 11);
            assert_eq!(m.observe(&mut keys[k], &[], s).to_bits(), n.observe(&mut copies[k], &[], s).to_bits());
        }
        assert_eq!(n.hash_state(), m.hash_state());
        assert!(n.decode(&saved[..saved.len() - 1]).is_err());
    }
}

/// A recipe with more contexts than lanes names the first one that has no lane.
#[test]
#[should_panic(expected = "17 contexts, but 16 lanes: Position does not fit")]
fn a_context_too_many_is_named() {
    let mut spec = Spec::bytes(false, 1);
    spec.contexts.push((surmise_symbol::Context::Position, surmise_symbol::Layout::Counts));
    SymbolModel::new(spec);
}
