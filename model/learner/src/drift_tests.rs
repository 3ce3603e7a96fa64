//! What the detector of drift finds, and what it leaves alone, on made streams.

use super::*;
use surmise_fixtures::Random;

fn watch(w: &mut Watcher, events: std::ops::Range<u64>, mut bits: impl FnMut(u64) -> f64) -> Vec<Drift> {
    let mut out = Vec::new();
    for t in events {
        w.observe(t, bits(t), |_| "x".into(), &mut out);
    }
    out
}

#[test]
fn a_rising_loss_is_found_with_its_place_and_size_and_a_falling_one_is_none() {
    for seed in 1..20 {
        let (mut w, mut r) = (Watcher::default(), Random::new(seed));
        // learning at first, then a change
        let found = watch(&mut w, 0..8000, |t| {
            let learnt = 3.0 + 4.0 / (1.0 + t as f64 / 100.0);
            (if t < 5000 { learnt } else { 4.5 }) + r.normal()
        });
        assert_eq!(found.len(), 1, "seed {seed}: {found:?}");
        let d = &found[0];
        assert_eq!(d.detector, Detector::Loss);
        assert!(d.began.abs_diff(5000) <= 64 && d.noticed < 5200, "seed {seed}: {d:?}");
        assert!((d.bits_before - 3.1).abs() < 0.3 && (d.bits_after - 4.5).abs() < 0.6, "seed {seed}: {d:?}");
        assert!(watch(&mut w, 8000..12000, |_| 1.0 + r.normal()).is_empty(), "seed {seed}: better");
    }
}

#[test]
fn a_still_stream_has_no_drift_whatever_its_distribution() {
    for power in [1, 3, 7] {
        let (mut w, mut r) = (Watcher::default(), Random::new(3));
        let found = watch(&mut w, 0..100_000, |_| r.normal().powi(power).abs());
        assert!(found.is_empty(), "power {power}: {found:?}");
    }
    // and with events that hang together: bits of a text come in bursts
    let (mut w, mut r, mut level) = (Watcher::default(), Random::new(5), 0.0);
    let found = watch(&mut w, 0..100_000, |_| {
        level = 0.9 * level + r.normal();
        2.0 + level
    });
    assert!(found.len() <= 1, "{found:?}");
}

#[test]
fn a_level_that_moves_for_good_is_found_and_a_spike_is_none() {
    let (mut w, mut r) = (Watcher::default(), Random::new(9));
    let mut out = Vec::new();
    for t in 0..6000u64 {
        let spike = if t == 2000 || t == 2001 { 500.0 } else { 0.0 };
        let x = r.normal() + if t < 4000 { 0.0 } else { -5.0 } + spike;
        w.number(0, x, 1e-3);
        w.observe(t, 3.0, |_| "x".into(), &mut out);
    }
    assert_eq!(out.len(), 1, "{out:?}");
    let d = &out[0];
    assert_eq!((d.detector, d.field.as_deref()), (Detector::Level, Some("x")));
    assert!(d.began.abs_diff(4000) <= 8 && d.noticed < 4100, "{d:?}");
    assert!(d.level_before.unwrap().abs() < 0.5 && (d.level_after.unwrap() + 5.0).abs() < 0.5, "{d:?}");
}

#[test]
fn what_is_not_finite_harms_nothing_and_a_restored_one_goes_on_alike() {
    let (mut w, mut r) = (Watcher::default(), Random::new(2));
    let odd = [f64::NAN, f64::INFINITY, -f64::MAX, f64::MAX, 1e300];
    let mut out = Vec::new();
    for t in 0..2000u64 {
        w.number(0, odd[t as usize % 2 + 2], 1e-9);
        w.observe(t, odd[t as usize % 5], |_| "x".into(), &mut out);
    }
    let mut v = Watcher::default();
    v.decode(&w.encode()).unwrap();
    let bits: Vec<f64> = (0..4000).map(|t| r.normal() + if t < 3000 { 3.0 } else { 6.0 }).collect();
    let go = |w: &mut Watcher| watch(w, 2000..6000, |t| bits[t as usize - 2000]);
    let (a, b) = (go(&mut w), go(&mut v));
    assert_eq!(a, b);
    assert_eq!(w.encode(), v.encode());
    assert!(w.latest.len() <= CHANGES_MAX);
}

#[test]
fn a_field_that_costs_more_is_named_where_the_whole_event_hides_it() {
    let mut named = 0;
    for seed in 1..=10 {
        let (mut w, mut r, mut out) = (Watcher::default(), Random::new(seed), Vec::new());
        for t in 0..6000u64 {
            let cost = 2.0 + 1.4 * r.normal() + if t < 5000 { 0.0 } else { 1.2 };
            w.cost(0, cost);
            let rise = w.observe(t, cost + 4.0 + 2.5 * r.normal(), |_| "page".into(), &mut out);
            assert_eq!(rise.is_some(), out.iter().any(|d| d.noticed == t), "seed {seed}");
        }
        assert!(out.len() <= 1 && out.iter().all(|d| d.began.abs_diff(5000) <= 64), "seed {seed}: {out:?}");
        let of_field = out.iter().find(|d| d.field.as_deref() == Some("page") && d.noticed < 5250);
        named += usize::from(of_field.is_some_and(|d| (d.bits_after - d.bits_before - 1.2).abs() < 0.5));
    }
    assert!(named >= 9, "{named} of 10");
}

#[test]
fn a_rate_that_stays_is_found_and_steady_chance_is_none() {
    for seed in 1..=5 {
        let (mut w, mut r, mut out, mut now_us) = (Watcher::default(), Random::new(seed), Vec::new(), 0i64);
        for t in 0..40_000u64 {
            let mean = if t < 30_000 { 10e6 } else { 2e6 };
            now_us += (-libm::log(1.0 - r.uniform()) * mean) as i64;
            w.time(now_us);
            w.observe(t, 3.0, |_| "x".into(), &mut out);
        }
        assert_eq!(out.len(), 1, "seed {seed}: {out:?}");
        let d = &out[0];
        assert!(d.detector == Detector::Rate && d.began.abs_diff(30_000) <= 64 && d.noticed < 30_200, "{d:?}");
        // the typical gap of chance is .56 of the mean one
        let (before, after) = (d.level_before.unwrap(), d.level_after.unwrap());
        assert!((before / 5.6 - 1.0).abs() < 0.2 && (after / 1.12 - 1.0).abs() < 0.4, "{d:?}");
    }
}
