//! Many columns: the cost stays linear, and what a neighbour says is used.

mod common;
use common::{Draw, Stream, plain};

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
