//! Excess is what an event cost beyond what was expected of it: nothing on average, and much where something is odd.
#![allow(missing_docs)]

use surmise_event::{Data, Datum, Field, FieldKind, Limits, Outcome, Record, Schema};
use surmise_fixtures::Random;
use surmise_learner::{Learner, Options};

/// Observes records with a fresh learner; hands every outcome to `look`.
fn observe(schema: Schema, records: impl Iterator<Item = Record>, mut look: impl FnMut(usize, &Outcome)) {
    let mut learner = Learner::new(schema, Options { memory_mib: 4, ..Options::default() }).unwrap();
    for (i, record) in records.enumerate() {
        let event = learner.bind(&record, &Limits::default()).unwrap();
        look(i, &learner.observe(&event));
    }
}

/// The mean excess of each field over events from `from` on, in its own standard deviations, and in bits; beside them
/// the mean surprise.
fn means(schema: Schema, records: impl Iterator<Item = Record>, from: usize) -> Vec<(f64, f64, f64)> {
    let mut sums: Vec<[f64; 3]> = Vec::new();
    let mut n = 0.0;
    observe(schema, records, |i, outcome| {
        assert!((outcome.excess_bits - outcome.fields.iter().map(|f| f.excess_bits).sum::<f64>()).abs() < 1e-9);
        if i < from {
            return;
        }
        n += 1.0;
        sums.resize(outcome.fields.len(), [0.0; 3]);
        for (sum, field) in sums.iter_mut().zip(&outcome.fields) {
            sum[0] += field.excess_bits;
            sum[1] += field.excess_variance;
            sum[2] += field.surprise_bits;
        }
    });
    sums.iter().map(|[excess, variance, bits]| (excess / variance.sqrt(), excess / n, bits / n)).collect()
}

#[test]
fn excess_has_mean_zero_on_random_streams() {
    let mut random = Random::new(7);
    let records = (0..12_000).map(|_| {
        let page = ["home", "cart", "pay", "help", "login"][(5.0 * random.uniform() * random.uniform()) as usize];
        let ms = 100.0 + 10.0 * (0..12).map(|_| random.uniform()).sum::<f64>();
        let count = (4.0 * random.uniform() * random.uniform()).floor();
        let fields = vec![
            ("page".into(), Datum::Text(page.into())),
            ("ms".into(), Datum::Number((ms * 1000.0).round() / 1000.0)),
            ("count".into(), Datum::Number(count)),
        ];
        Record { data: Data::Fields(fields), ..Record::default() }
    });
    for (field, (deviations, excess, bits)) in means(Schema::default(), records, 2000).into_iter().enumerate() {
        assert!(
            excess.abs() < 0.05 && deviations.abs() < 4.0 && bits > 0.8,
            "field {field}: {excess} of {bits} bits, {deviations} deviations"
        );
    }
}

/// Lines of an access log without their times, with random addresses, pages, sizes and ids; from event `from` on,
/// `count` lines are 502.
fn access_log(lines: usize, from: usize, count: usize) -> impl Iterator<Item = String> {
    let mut random = Random::new(11);
    (0..lines).map(move |i| {
        let mut pick = |n: usize| random.below(n as u64) as usize;
        let (a, b) = (pick(200), pick(40));
        let page = ["/", "/cart", "/item/7", "/item/12", "/login", "/static/app.js"][pick(6)];
        let status = match pick(100) {
            _ if (from..from + count).contains(&i) => 502,
            0..=2 => 304,
            3 => 404,
            _ => 200,
        };
        let id: String = (0..16).map(|_| char::from(b"0123456789abcdef"[pick(16)])).collect();
        let size = 100 + pick(9000);
        format!("10.0.{b}.{a} - - \"GET {page} HTTP/1.1\" {status} {size} id={id}")
    })
}

#[test]
fn the_first_line_with_a_new_status_is_the_oddest_of_a_log_by_its_best_word() {
    let (lines, from) = (4000, 3000);
    let texts: Vec<String> = access_log(lines, from, 60).collect();
    let records =
        texts.iter().map(|line| Record { data: Data::One(Datum::Bytes(line.as_bytes().into())), ..Record::default() });
    let mut evidence = Vec::new();
    let schema = Schema::new([Field::new("line", FieldKind::Text)]);
    observe(schema, records, |i, outcome| {
        let field = &outcome.fields[0];
        let word = field.word.unwrap();
        if i >= 500 {
            evidence.push((field.evidence_bits(), i, &texts[i][word.start as usize..word.end as usize]));
        }
    });
    evidence.sort_by(|a, b| b.0.total_cmp(&a.0));
    assert_eq!((evidence[0].1, evidence[0].2), (from, "502"), "{:?}", &evidence[..5]);
}
