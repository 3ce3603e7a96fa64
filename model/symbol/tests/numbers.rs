//! Symbols given numbers: what a good classifier learns online must be learnt here.

use surmise_fixtures::Random;
use surmise_state::Persist;
use surmise_symbol::{Code, EventInputs, Spec, SymbolModel};

fn model(numbers: usize) -> SymbolModel {
    SymbolModel::new(Spec { numbers, ..Spec::among_fields(Code::Arrival, true, 4, 0, 0) })
}

/// Share of the last half whose likeliest symbol came, and bits per symbol of that half.
fn run(m: &mut SymbolModel, events: &[(Vec<f64>, u32)]) -> (f64, f64) {
    let mut k = m.new_key();
    let (mut hits, mut nats) = (0, 0.0);
    let half = events.len() / 2;
    for (i, (x, s)) in events.iter().enumerate() {
        let given = EventInputs { side: &[], numbers: x };
        let top = if i >= half { m.top(&m.probe(&k), given, 64, 1) } else { Vec::new() };
        let n = m.observe(&mut k, given, *s);
        if i >= half {
            hits += usize::from(top[0].0 == *s);
            nats += n;
        }
    }
    let n = (events.len() - half) as f64;
    (hits as f64 / n, nats / n / std::f64::consts::LN_2)
}

#[test]
fn separable_classes_are_separated() {
    let mut r = Random::new(1);
    let events: Vec<_> = (0..4000)
        .map(|_| {
            let x: Vec<f64> = (0..12).map(|_| 50.0 + 7.0 * r.normal()).collect();
            let s = (0..5).max_by(|a, b| x[*a].total_cmp(&x[*b])).unwrap() as u32;
            (x, s)
        })
        .collect();
    let (accuracy, bits) = run(&mut model(12), &events);
    assert!(accuracy > 0.9 && bits < 0.33, "{accuracy} {bits}");
}

#[test]
fn classes_that_no_plane_separates_are_learnt() {
    let mut r = Random::new(2);
    let events: Vec<_> = (0..4000)
        .map(|_| {
            let x: Vec<f64> = (0..4).map(|_| r.normal()).collect();
            let s = u32::from(x[0] * x[1] > 0.0) + 2 * u32::from(x[2] > 0.3);
            (x, s)
        })
        .collect();
    let (accuracy, bits) = run(&mut model(4), &events);
    assert!(accuracy > 0.85 && bits < 0.6, "{accuracy} {bits}");
}

/// More symbols than the softmax holds: the units at the nodes take over.
#[test]
fn a_large_vocabulary_is_conditioned_too() {
    let mut r = Random::new(3);
    let events: Vec<_> = (0..12000)
        .map(|_| {
            let s = (r.uniform() * 200.0) as u32;
            (vec![f64::from(s % 20) + 0.1 * r.normal(), f64::from(s / 20) + 0.1 * r.normal()], s)
        })
        .collect();
    let (_, bits) = run(&mut model(2), &events);
    assert!(bits < 4.0, "{bits} of 7.6 bits");
}

/// Numbers that are missing, infinite, huge or noise do no harm, and everything is in the state.
#[test]
fn hostile_numbers_are_survived_and_saved() {
    let mut r = Random::new(4);
    let spec = || Spec { numbers: 3, ..Spec::among_fields(Code::Arrival, true, 1, 0, 0) };
    let mut m = SymbolModel::new(spec());
    let mut k = m.new_key();
    let odd = [f64::NAN, f64::INFINITY, -1e308, 1e308, 0.0, 5e-324];
    let mut nats = 0.0;
    for i in 0..3000u32 {
        let x: [f64; 3] = std::array::from_fn(|_| odd[(r.uniform() * 6.0) as usize]);
        nats += m.observe(&mut k, EventInputs { side: &[], numbers: &x[..i as usize % 4] }, i / 7 % 3);
    }
    assert!((nats / 3000.0) < 0.45, "{nats}: runs of seven are learnt all the same");
    let saved = m.encode();
    let mut n = SymbolModel::new(spec());
    n.decode(&saved).unwrap();
    let mut other = k.clone();
    for i in 0..300u32 {
        let given = EventInputs { side: &[], numbers: &[f64::from(i % 5), 1.0, f64::NAN] };
        assert_eq!(m.observe(&mut k, given, i % 5).to_bits(), n.observe(&mut other, given, i % 5).to_bits());
    }
    assert_eq!(m.hash_state(), n.hash_state());
}
