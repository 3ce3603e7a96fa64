//! The shares of experts and of evidence add up to what was predicted.

mod common;

use common::small_network;
use surmise_symbol::{Code, EventInputs, Spec, SymbolModel};

fn with_network(mut spec: Spec) -> Spec {
    spec.network = Some(small_network());
    spec
}

/// A noisy routine of symbols.
fn symbol(i: u32) -> u32 {
    let noise = i.wrapping_mul(0x9E37_79B1) >> 20;
    if noise.is_multiple_of(9) { noise % 40 } else { i * i % 23 }
}

#[test]
fn shares_add_up_to_the_probability_and_to_the_mixers_logit() {
    let records = Spec { numbers: 2, ..Spec::among_fields(Code::Arrival, true, 1, 2, 1) };
    for spec in [Spec::bytes(false, 1), Spec::symbols(true, 1), records] {
        for spec in [with_network(spec.clone()), spec] {
            let mut model = SymbolModel::new(spec);
            let mut key = model.new_key();
            for i in 0..3000 {
                let (side, numbers) = ([i % 5, i % 3, i % 24], [f64::from(i % 23), f64::from(i % 7)]);
                let event = EventInputs { side: &side[..model.spec().sides], numbers: &numbers };
                if i % 500 == 499 {
                    let probe = model.probe(&key);
                    for asked in [symbol(i), 3, 39] {
                        let why = model.explain(&probe, event, asked);
                        let mixture: f64 = why.experts.iter().map(|e| e.weight * e.probability).sum();
                        assert_eq!(why.probability, model.probability(&probe, event, asked));
                        assert!((why.probability / (why.run_factor * mixture) - 1.0).abs() < 1e-4, "{why:?}");
                        assert!((why.experts.iter().map(|e| e.weight).sum::<f64>() - 1.0).abs() < 1e-9);
                        let evidence: f64 = why.evidence.iter().map(|e| e.logit).sum();
                        assert!((evidence - why.mixer_logit).abs() < 1e-3, "{evidence} {why:?}");
                        assert_eq!(why.experts.len(), model.experts().len());
                    }
                }
                let nats = model.observe(&mut key, event, symbol(i));
                let mixture: f64 = model.latest_shares().map(|e| e.weight * e.probability).sum();
                assert!((-mixture.ln() - nats).abs() < 1e-4, "{mixture} {nats}");
            }
        }
    }
}

/// A symbol that continues a long run is predicted by the run rule alone.
#[test]
fn the_run_rule_is_part_of_the_explanation() {
    let spec = Spec { run_length_min: 64, ..Spec::among_fields(Code::Byte, true, 1, 0, 0) };
    let mut model = SymbolModel::new(spec);
    let mut key = model.new_key();
    (0..200).for_each(|_| {
        model.observe(&mut key, &[], 7);
    });
    let probe = model.probe(&key);
    let (again, other) = (model.explain(&probe, &[], 7), model.explain(&probe, &[], 9));
    assert_eq!((again.run_factor, again.probability), (0.0, 1.0 - 1.0 / 202.0));
    let mixture: f64 = other.experts.iter().map(|e| e.weight * e.probability).sum();
    assert!((other.probability - other.run_factor * mixture).abs() < 1e-9, "{other:?}");
}
