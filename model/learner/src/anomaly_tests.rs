//! What the anomaly score promises, on made streams.

use super::*;
use surmise_fixtures::Random;

fn quiet(a: &mut Anomaly, n: usize, unit: f64, random: &mut Random) -> Vec<f64> {
    (0..n)
        .map(|_| {
            a.number(0, unit * random.normal(), 1e-9 * unit);
            a.observe(3.0)
        })
        .collect()
}

#[test]
fn the_unit_of_a_stream_cancels() {
    for unit in [1e-90, 1e-3, 1.0, 1e6, 1e90] {
        let (mut a, mut random) = (Anomaly::default(), Random::new(1));
        let scores = quiet(&mut a, 3000, unit, &mut random);
        assert!(scores[100..].iter().all(|s| *s < 0.5), "{unit}: {:?}", scores.iter().copied().fold(0.0, f64::max));
        a.number(0, 12.0 * unit, 1e-9 * unit);
        let spike = a.observe(3.0);
        assert!((0.6..0.8).contains(&spike), "{unit}: {spike}");
    }
}

#[test]
fn a_lasting_shift_is_an_anomaly_where_a_single_such_error_is_none() {
    let (mut a, mut random) = (Anomaly::default(), Random::new(7));
    quiet(&mut a, 2000, 1.0, &mut random);
    let scores: Vec<f64> = (0..12)
        .map(|_| {
            a.number(0, 4.0 + random.normal(), 0.0);
            a.observe(3.0)
        })
        .collect();
    assert!(scores[0] < 0.5 && scores.iter().any(|s| *s > 0.5), "{scores:?}");
}

#[test]
fn an_incident_is_told_once_and_a_worse_one_again() {
    let (mut a, mut random) = (Anomaly::default(), Random::new(3));
    quiet(&mut a, 2000, 1.0, &mut random);
    let mut spike = |size: f64, calm: usize| {
        a.number(0, size, 0.0);
        let s = a.observe(3.0);
        quiet(&mut a, calm, 1.0, &mut random);
        s
    };
    assert!(spike(20.0, 50) > 0.5);
    assert!(spike(15.0, 50) < NO_RECORD_FACTOR);
    assert!(spike(40.0, 350) > 0.5);
    assert!(spike(20.0, 500) < NO_RECORD_FACTOR, "within 400 events");
    assert!(spike(20.0, 0) > 0.5, "after them");
}

#[test]
fn few_events_are_records_whatever_the_distribution() {
    for power in [1, 9, 41] {
        let (mut a, mut random) = (Anomaly::default(), Random::new(11));
        let alarms = (0..100_000)
            .filter(|_| {
                a.number(0, random.normal().powi(power), 0.0);
                a.observe(3.0) > 0.5
            })
            .count();
        assert!(alarms <= 100_000 / 400, "{power}: {alarms}");
    }
}

#[test]
fn symbols_rare_ones_and_ordinary_ones() {
    // always foreseen: 8 bits are one event in 256, 10 one in 1000
    let mut a = Anomaly::default();
    for _ in 0..2000 {
        assert!(a.observe(0.01) < 0.01);
    }
    assert!(a.observe(2.0) < 0.1, "no half a bit");
    assert!(a.observe(10.0) > 0.5);
    // never foreseen: 8 equal ones of 3 bits each, then one of 16 bits; cheap is no anomaly
    let (mut a, mut random) = (Anomaly::default(), Random::new(7));
    for _ in 0..2000 {
        assert!(a.observe(3.0 + 0.1 * random.normal()) < 0.1);
    }
    assert!(a.observe(0.0) < 0.1);
    assert!(a.observe(16.0) > 0.5);
    // text: half of the letters cost nothing, others up to 12 bits; a run of dear ones stands out
    let mut a = Anomaly::default();
    let text = |random: &mut Random| if random.uniform() < 0.5 { 0.1 } else { 12.0 * random.uniform().powi(2) };
    let scores: Vec<f64> = (0..5000).map(|_| a.observe(text(&mut random))).collect();
    assert!(scores[100..].iter().all(|s| *s < 0.5));
    assert!((0..8).map(|_| a.observe(14.0)).fold(0.0, f64::max) > 0.5);
}

#[test]
fn a_constant_number_that_changes() {
    let mut a = Anomaly::default();
    for _ in 0..300 {
        a.number(0, 0.0, 1.0);
        assert_eq!(a.observe(0.0), 0.0);
    }
    a.number(0, 1.0, 1.0);
    assert!(a.observe(0.0) < 0.5, "by its finest step");
    a.number(0, 50.0, 1.0);
    assert!(a.observe(0.0) > 0.5);
}

#[test]
fn many_numbers_deviate_no_further_than_one() {
    let (mut a, mut random) = (Anomaly::default(), Random::new(9));
    let alarms = (0..3000)
        .filter(|_| {
            (0..500).for_each(|c| a.number(c, random.normal().powi(3), 0.0));
            a.observe(3.0) > 0.5
        })
        .count();
    assert!(alarms <= 3, "{alarms}");
}

#[test]
fn whatever_comes_scores_are_scores() {
    let (mut a, mut random) = (Anomaly::default(), Random::new(2));
    let odd = [f64::NAN, f64::INFINITY, f64::MAX, -f64::MAX, 1e-300, 0.0, -0.0, 5e200, 1.0];
    for i in 0..20_000 {
        let mut pick = || odd[(random.uniform() * odd.len() as f64) as usize];
        a.number(i % 3, pick(), pick());
        let s = a.observe(pick());
        assert!((0.0..=1.0).contains(&s), "{s}");
    }
    // and it recovers
    let mut a = Anomaly::default();
    quiet(&mut a, 500, 1.0, &mut random);
    a.number(0, f64::MAX, 0.0);
    a.observe(f64::MAX);
    quiet(&mut a, 1000, 1.0, &mut random);
    a.number(0, 30.0, 0.0);
    assert!(a.observe(3.0) > 0.5, "one freak does not blind");
}

#[test]
fn a_restored_one_goes_on_alike() {
    let (mut a, mut random) = (Anomaly::default(), Random::new(4));
    quiet(&mut a, 1234, 1.0, &mut random);
    let mut b = Anomaly::default();
    b.decode(&a.encode()).unwrap();
    let mut again = random.clone();
    let (x, y) = (quiet(&mut a, 900, 3.0, &mut random), quiet(&mut b, 900, 3.0, &mut again));
    assert_eq!(x, y);
    assert_eq!(a.encode(), b.encode());
}
