//! Symbols that are observed as a run are learnt as if they had come one after another.

mod common;

use common::small_network;
use surmise_fixtures::Random;
use surmise_state::Persist;
use surmise_symbol::{NetworkSpec, Spec, SymbolKey, SymbolModel};

fn model(keyed: bool, sides: usize) -> SymbolModel {
    let mut s = Spec::bytes(keyed, 16);
    s.sides = sides;
    s.network = Some(NetworkSpec { chunk: 16, ..small_network() });
    SymbolModel::new(s)
}

/// Bytes with a grammar that changes for good two thirds of the way, which begins a trial.
fn text(n: usize) -> Vec<u8> {
    (0..n as u32)
        .map(|i| {
            let h = i.wrapping_mul(0x9E37_79B1) >> 8;
            let j = if h.is_multiple_of(16) { i * 7 } else { i };
            b' ' + (if i < n as u32 * 2 / 3 { j % 30 } else { (j % 50) + h % 5 * 8 }) as u8
        })
        .collect()
}

/// Learns a text in pieces, each of one of three keys; returns the nats of every symbol.
fn learn(m: &mut SymbolModel, keys: &mut [SymbolKey], text: &[u8], mut run: impl FnMut() -> usize) -> Vec<u64> {
    let mut nats = Vec::new();
    for (piece, text) in text.chunks(230).enumerate() {
        let (key, mut rest) = (&mut keys[piece % 3], text);
        let side = [piece as u32 / 5; 1];
        let side: &[u32] = &side[..m.spec().sides];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(run().min(rest.len()));
            match now {
                [one] if later.len() % 2 == 0 => nats.push(m.observe(key, side, u32::from(*one)).to_bits()),
                _ => m.observe_run(key, side, now, |_, n| nats.push(n.to_bits())),
            }
            rest = later;
        }
    }
    nats
}

#[test]
fn a_run_is_learnt_as_its_symbols_are() {
    let text = text(30_000);
    for sides in [0, 1] {
        let mut want = None;
        let mut r = Random::new(7);
        for length in [1, 7, 64, usize::MAX, 0] {
            let mut m = model(true, sides);
            let mut keys = [m.new_key(), m.new_key(), m.new_key()];
            let nats = learn(&mut m, &mut keys, &text, || if length == 0 { 1 + r.below(40) as usize } else { length });
            assert_eq!(nats.len(), text.len());
            assert!(m.network_history().trials > 0, "a trial is a part of what is compared");
            let got = (nats, m.hash_state());
            match &want {
                None => want = Some(got),
                Some(want) => assert!(got == *want, "runs of {length}, {sides} sides"),
            }
        }
    }
}

#[test]
fn a_symbol_depends_on_none_that_comes_after_it() {
    let text = text(600);
    let (mut m, mut r) = (model(false, 0), Random::new(3));
    let mut key = m.new_key();
    m.observe_run(&mut key, &[], &text, |_, _| {});
    for _ in 0..20 {
        let run: Vec<u32> = (0..40).map(|_| r.below(256) as u32).collect();
        let from = r.below(40) as usize;
        let mut other = run.clone();
        other[from..].iter_mut().for_each(|s| *s = (*s + 1 + r.below(255) as u32) % 256);
        let [a, b] = [&run, &other].map(|run| {
            let (mut m, mut key, mut nats) = (m.clone(), key.clone(), Vec::new());
            m.observe_run(&mut key, &[], run, |_, n| nats.push(n.to_bits()));
            nats
        });
        assert_eq!(a[..from], b[..from]);
        assert_ne!(a[from], b[from]);
    }
}
