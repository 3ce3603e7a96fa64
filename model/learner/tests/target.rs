//! Supervised use: one field given the others.

use surmise_event::{Data, Datum, Field, FieldKind, Limits, Record, Schema};
use surmise_fixtures::Random;
use surmise_learner::{Learner, Options};

fn learner(fields: Vec<Field>, target: &str) -> Learner {
    let options = Options { memory_mib: 4, target: Some(target.into()), ..Options::default() };
    let mut l = Learner::new(Schema::new(fields), options).expect("the target is a field");
    l.set_ranks(true);
    l
}

fn see(l: &mut Learner, fields: Vec<(Box<str>, Datum)>) {
    let r = Record { data: Data::Fields(fields), ..Record::default() };
    let e = l.bind(&r, &Limits::default()).expect("the record fits");
    l.observe(&e);
}

/// Twelve classes from forty numbers, nearest of two centres each: the class stands first in the schema, and its
/// numbers after it are of the same event all the same, as it is the target.
#[test]
fn a_class_is_learnt_from_dozens_of_numbers() {
    let mut r = Random::new(7);
    let centres: Vec<Vec<f64>> = (0..24).map(|_| (0..40).map(|_| r.normal()).collect()).collect();
    let names: Vec<String> = (0..40).map(|i| format!("n{i}")).collect();
    let fields = [Field::new("class", FieldKind::Category)].into_iter();
    let fields = fields.chain(names.iter().map(|n| Field::new(n.as_str(), FieldKind::Number))).collect();
    let mut l = learner(fields, "class");
    for i in 0..2500 {
        l.set_scoring(i >= 1000);
        let c = (r.uniform() * 24.0) as usize;
        let class = Datum::Text(format!("c{}", c % 12).into());
        let numbers = names.iter().zip(&centres[c]).map(|(n, x)| {
            let missing = r.uniform() < 0.05;
            (n.as_str().into(), if missing { Datum::Null } else { Datum::Number(300.0 + 20.0 * (x + r.normal())) })
        });
        let numbers: Vec<_> = numbers.collect();
        see(&mut l, [("class".into(), class)].into_iter().chain(numbers).collect());
    }
    let f = l.report().fields["class"].clone();
    assert!(f.top1.unwrap() > 0.95 && f.loss_bits < 0.3, "{:?} {}", f.top1, f.loss_bits);
}

/// y = a x + b + noise: from event 200 on, the error is the noise.
#[test]
fn a_line_is_learnt_to_its_noise_floor_within_two_hundred_events() {
    for (a, b, noise) in [(2.5, -40.0, 1.0), (-300.0, 7.0, 25.0)] {
        let mut r = Random::new(11);
        let mut l = learner(vec![Field::new("y", FieldKind::Number), Field::new("x", FieldKind::Number)], "y");
        for i in 0..1200 {
            l.set_scoring(i >= 200);
            let x = 10.0 + 3.0 * r.normal();
            let y = a * x + b + noise * r.normal();
            see(&mut l, vec![("x".into(), Datum::Number(x)), ("y".into(), Datum::Number(y))]);
        }
        let f = l.report().fields["y"].clone();
        let rmse = f.mse.unwrap().sqrt();
        assert!(rmse < 1.08 * noise, "{rmse} against a noise of {noise}");
    }
}

/// Only the target is declared: the fields that come with the first event condition it like declared ones.
#[test]
fn a_target_sees_fields_that_were_not_declared() {
    let mut losses = Vec::new();
    for is_reloaded in [false, true] {
        let mut r = Random::new(5);
        let mut l = learner(vec![Field::new("y", FieldKind::Category)], "y");
        for i in 0..800 {
            l.set_scoring(i >= 400);
            let c = r.below(4);
            let field = |name: &str, value: u64| (name.into(), Datum::Text(format!("{name}{value}").into()));
            see(&mut l, vec![field("c", c), field("y", (c * 3 + 1) % 4)]);
            if is_reloaded && i % 100 == 0 {
                l = Learner::load(&l.save()).expect("what was saved is read");
                l.set_ranks(true);
            }
        }
        losses.push((l.report().fields["y"].loss_bits, l.state_hash()));
    }
    assert!(losses[0].0 < 0.1, "{losses:?}");
    assert_eq!(losses[0], losses[1], "a checkpoint makes the same model again");
}
