//! An explanation holds the terms of the surprise: what the experts said, and how much they counted.
#![allow(missing_docs)]

use surmise_event::{Data, Datum, Field, FieldKind, Limits, Outcome, Record, Schema};
use surmise_learner::{FieldExplanation, Learner, Options};

fn options() -> Options {
    Options { memory_mib: 1, ..Options::default() }
}

/// Observes records; hands every outcome to `look` with its explanations.
fn explained(mut learner: Learner, records: &[Record], mut look: impl FnMut(&Outcome, &[FieldExplanation])) -> Learner {
    learner.set_explaining(true);
    for record in records {
        let event = learner.bind(record, &Limits::default()).unwrap();
        let outcome = learner.observe(&event);
        look(&outcome, learner.latest_explanations());
    }
    learner
}

/// −log₂ Σ weight · probability.
fn mixture_bits(e: &FieldExplanation) -> f64 {
    -e.experts.iter().map(|x| x.weight * x.surprise_bits.map_or(0.0, |bits| (-bits).exp2())).sum::<f64>().log2()
}

fn pages() -> Vec<Record> {
    let page = |i: usize| ["home", "cart", "pay", "help"][if i.is_multiple_of(11) { 3 } else { i % 3 }];
    let record = |i| Record {
        key: Some(format!("k{}", i % 2).into()),
        data: Data::Fields(vec![("page".into(), Datum::Text(page(i).into())), ("ok".into(), Datum::Bool(i % 5 > 0))]),
        ..Record::default()
    };
    (0..300).map(record).collect()
}

#[test]
fn the_terms_of_an_explanation_add_up_to_the_surprise() {
    let mut seen = 0;
    explained(Learner::new(Schema::default(), options()).unwrap(), &pages(), |outcome, explanations| {
        assert_eq!(explanations.len(), 2);
        for (field, e) in outcome.fields.iter().zip(explanations) {
            assert_eq!((&field.name, field.surprise_bits), (&e.field, e.surprise_bits));
            let weights: f64 = e.experts.iter().map(|x| x.weight).sum();
            assert!((weights - 1.0).abs() < 1e-6, "{weights}");
            assert!((mixture_bits(e) - e.surprise_bits).abs() < 1e-3, "{} {e:?}", mixture_bits(e));
            assert!(!e.evidence.is_empty() && e.evidence.iter().all(|share| share.logit.is_finite()));
            seen += 1;
        }
    });
    assert_eq!(seen, 600);
}

#[test]
fn a_number_is_explained_by_what_its_experts_gave_to_it() {
    let record = |i: u32| {
        let fields =
            vec![("x".into(), Datum::Number(f64::from(i * i % 17))), ("y".into(), Datum::Number(f64::from(i % 5)))];
        Record { data: Data::Fields(fields), ..Record::default() }
    };
    let records: Vec<Record> = (0..400).map(record).collect();
    let (mut sums, mut surprises) = (0.0, 0.0);
    explained(Learner::new(Schema::default(), options()).unwrap(), &records, |outcome, explanations| {
        assert_eq!(explanations.len(), 2);
        for (field, e) in outcome.fields.iter().zip(explanations) {
            assert_eq!((&field.name, field.surprise_bits), (&e.field, e.surprise_bits));
            let weights: f64 = e.experts.iter().map(|x| x.weight).sum();
            assert!((weights - 1.0).abs() < 1e-6, "{weights}");
            assert!(e.experts.iter().any(|x| x.surprise_bits.is_some()));
            sums += mixture_bits(e);
            surprises += e.surprise_bits;
        }
    });
    // the correction of distributions moves single surprises, and all of them together by little
    assert!(f64::abs(sums / surprises - 1.0) < 0.2, "{sums} bits of mixtures, {surprises} of surprise");
}

#[test]
fn a_text_is_explained_as_a_whole() {
    let schema = Schema::new([Field::new("line", FieldKind::Text)]);
    let record = |i: usize| {
        let data = Data::One(Datum::Text(format!("job {} done", i % 7).into()));
        Record { data, ..Record::default() }
    };
    let records: Vec<Record> = (0..50).map(record).collect();
    explained(Learner::new(schema, options()).unwrap(), &records, |outcome, explanations| {
        let [e] = explanations else { panic!("one field") };
        assert!((outcome.fields[0].surprise_bits - e.surprise_bits).abs() < 1e-9);
        let best = e.experts.iter().filter_map(|x| x.surprise_bits).fold(f64::INFINITY, f64::min);
        assert!(best.is_finite() && best > 0.0);
    });
}

#[test]
fn explaining_changes_nothing_that_is_learnt() {
    let mut with = explained(Learner::new(Schema::default(), options()).unwrap(), &pages(), |_, _| {});
    let mut without = Learner::new(Schema::default(), options()).unwrap();
    for record in pages() {
        let event = without.bind(&record, &Limits::default()).unwrap();
        without.observe(&event);
        assert!(without.latest_explanations().is_empty());
    }
    assert_eq!(with.state_hash(), without.state_hash());
}
