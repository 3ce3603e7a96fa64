//! Many columns: the cost stays linear, and what a neighbour says is used.

mod common;
use common::{Draw, Stream, plain};
use surmise_number::EventContext;
use surmise_state::Persist;

#[test]
fn a_thousand_columns_work() {
    let n = 1000;
    let mut d = Draw(1);
    let mut s = Stream::new(n, plain());
    let (mut early, mut late) = (0.0, 0.0);
    for t in 0..160 {
        let common = d.normal();
        let row: Vec<f64> = (0..n).map(|_| ((common + 0.1 * d.normal()) * 100.0).round() / 100.0).collect();
        let nats: f64 = s.event(&row).iter().sum::<f64>() / n as f64;
        assert!(nats.is_finite());
        if (20..40).contains(&t) {
            early += nats / 20.0;
        }
        if t >= 140 {
            late += nats / 20.0;
        }
    }
    // alone each column has 6.0 nats, given its neighbours 3.7
    assert!(late < early && late < 4.6, "{early} {late}");
}

/// 60 columns; the first 30 are AR(1), column 45 the sum of two of them one event later, 50 one of them at once.
fn far(d: &mut Draw, causes: &mut [f64; 30]) -> Vec<f64> {
    let before = *causes;
    causes.iter_mut().for_each(|c| *c = 0.5 * *c + 0.75f64.sqrt() * d.normal());
    let mut row: Vec<f64> = (0..60).map(|_| d.normal()).collect();
    row[..30].copy_from_slice(causes);
    row[45] = before[2] + before[17] + 0.3 * row[45];
    row[50] = causes[5] + 0.3 * row[50];
    row.iter_mut().for_each(|y| *y = (*y * 1000.0).round() / 1000.0);
    row
}

#[test]
fn partners_far_away_in_the_schema_are_found() {
    let (mut d, mut causes) = (Draw(5), [0.0; 30]);
    let mut s = Stream::new(60, plain());
    let (mut lagged, mut same, mut n) = (0.0, 0.0, 0.0);
    for t in 0..3000 {
        let row = far(&mut d, &mut causes);
        s.model.begin(&mut s.key, &EventContext::default());
        let ahead = s.model.mean(45);
        for (c, y) in row.iter().enumerate() {
            if c == 50 && t >= 2000 {
                same += (y - s.model.conditional_mean(c)).powi(2);
            }
            s.model.observe(&mut s.key, c, *y);
        }
        s.model.finish(&mut s.key);
        if t >= 2000 {
            lagged += (row[45] - ahead).powi(2);
            n += 1.0;
        }
    }
    // the noise is .09; without its partners the sum's forecast leaves 1.9, the copy's .8
    assert!(lagged / n < 0.12 && same / n < 0.12, "{} {}", lagged / n, same / n);
}

#[test]
fn a_search_is_part_of_a_checkpoint() {
    let (mut d, mut causes) = (Draw(6), [0.0; 30]);
    let mut a = Stream::new(60, plain());
    (0..350).for_each(|_| _ = a.event(&far(&mut d, &mut causes)));
    let mut b = Stream::new(60, plain());
    b.model.decode(&a.model.encode()).unwrap();
    b.key.decode(&a.key.encode()).unwrap();
    for _ in 0..250 {
        let row = far(&mut d, &mut causes);
        assert_eq!(a.event(&row), b.event(&row));
    }
    assert_eq!(a.model.hash_state(), b.model.hash_state());
}
