//! Networks that are not worth their time sleep, and nothing else changes by it.

mod common;

use common::small_network;
use surmise_fixtures::Random;
use surmise_state::Persist;
use surmise_symbol::{NetworkSpec, Spec, SymbolKey, SymbolModel};

fn model() -> SymbolModel {
    let mut s = Spec::symbols(true, 16);
    s.network = Some(NetworkSpec { chunk: 32, ..small_network() });
    SymbolModel::new(s)
}

/// Symbols that nothing tells ahead: a network falls asleep after two periods of 8,192, is tried after eight more, and
/// falls asleep again.
fn noise() -> Vec<u32> {
    let mut r = Random::new(11);
    (0..100_000).map(|_| r.below(20) as u32).collect()
}

fn expert(m: &SymbolModel, name: &str) -> f64 {
    m.expert_nats()[m.experts().iter().position(|e| *e == name).unwrap()]
}

/// Learns symbols, pieces of 230 for each of three keys in turn; returns the nats of every symbol.
fn learn(m: &mut SymbolModel, keys: &mut [SymbolKey], symbols: &[u32], run: usize) -> Vec<u64> {
    let mut nats = Vec::new();
    for (piece, symbols) in symbols.chunks(230).enumerate() {
        for run in symbols.chunks(run) {
            m.observe_run(&mut keys[piece % 3], &[], run, |_, n| nats.push(n.to_bits()));
        }
    }
    nats
}

fn slept(m: &SymbolModel) -> u64 {
    m.network_savings().unwrap().slept
}

#[test]
fn it_sleeps_alike_however_symbols_come() {
    let noise = noise();
    let mut want = None;
    for run in [1, 64, usize::MAX] {
        let mut m = model();
        let mut keys = [m.new_key(), m.new_key(), m.new_key()];
        let nats = learn(&mut m, &mut keys, &noise, run);
        assert!(slept(&m) > 70_000 && slept(&m) < 80_000, "it slept for {} symbols", slept(&m));
        let got = (nats, m.hash_state());
        assert!(want.get_or_insert_with(|| got.clone()) == &got, "runs of {run}");
    }
}

#[test]
fn saved_asleep_and_on_trial_it_goes_on_bit_for_bit() {
    let noise = noise();
    let mut m = model();
    let mut keys = [m.new_key(), m.new_key(), m.new_key()];
    let mut begin = 0;
    for (end, sleeps) in [(50_600, true), (85_100, false)] {
        learn(&mut m, &mut keys, &noise[begin..end], 64);
        assert_eq!(m.network_sleeps(), sleeps, "after {end} symbols");
        let mut copy = model();
        copy.decode(&m.encode()).unwrap();
        let (mut original, mut copies) = (m.clone(), keys.clone());
        let rest = &noise[end..];
        assert!(learn(&mut original, &mut keys.clone(), rest, 64) == learn(&mut copy, &mut copies, rest, 64));
        assert_eq!(original.hash_state(), copy.hash_state());
        begin = end;
    }
}

#[test]
fn asleep_it_says_what_the_mixture_says_and_questions_know_it() {
    let noise = noise();
    let mut m = model();
    let mut keys = [m.new_key(), m.new_key(), m.new_key()];
    learn(&mut m, &mut keys, &noise[..50_000], 64);
    assert!(m.network_sleeps());
    for symbol in &noise[50_000..50_100] {
        // what the first nibble of a symbol teaches is known at the second, and to no question
        let asked = m.probability(&m.probe(&keys[0]), &[], *symbol);
        let nats = m.observe(&mut keys[0], &[], *symbol);
        assert!((asked - (-nats).exp()).abs() < 5e-3 * asked, "{asked} was told, and {} paid", (-nats).exp());
        assert_eq!(expert(&m, "network"), expert(&m, "mixed"));
    }
}
