//! Every expert can tell its share of a prediction, and the shares make up the whole.

mod common;
use common::{Draw, Stream, small};
use surmise_number::{EventContext, ExpertDistribution, Given};

#[test]
fn weighted_probabilities_of_all_experts_sum_to_the_mixtures() {
    let (mut d, mut s) = (Draw(1), Stream::new(2, small()));
    let mut walk = 50.0;
    for t in 0..600i64 {
        walk += d.normal();
        let row = [(walk * 10.0).round() / 10.0, if t % 3 == 0 { 5.0 } else { walk + d.normal() }];
        let symbols = [1 + d.below(3) as u32];
        s.model.begin(&mut s.key, &EventContext { time_us: Some(t * 3_600_000_000), symbols: &symbols });
        for (column, value) in row.iter().enumerate() {
            for given in Given::ALL {
                // before the value comes: weights, but no probabilities
                let shares = s.model.expert_shares(column, given);
                assert!((shares.iter().map(|share| share.weight).sum::<f64>() - 1.0).abs() < 1e-9, "at {t}");
                assert!(shares.iter().all(|share| share.probability.is_none()));
                assert!(shares.iter().all(|share| share.weight == 0.0 || share.forecast.is_some()));
                let names: Vec<&str> = shares.iter().map(|share| share.name).collect();
                assert_eq!(names, s.model.experts());
            }
            s.model.observe(&mut s.key, column, *value);
            for given in Given::ALL {
                let shares = s.model.expert_shares(column, given);
                let sum: f64 = shares.iter().map(|share| share.weight * share.probability.unwrap_or(0.0)).sum();
                let mass = s.model.mixture_mass(column, given).expect("a value was observed");
                assert!((sum / mass - 1.0).abs() < 1e-9, "column {column} at {t}: {sum} {mass}");
            }
        }
        s.model.finish(&mut s.key);
    }
}

#[test]
fn a_share_tells_what_its_expert_forecasts() {
    let mut s = Stream::new(1, small());
    (0..50).for_each(|t| _ = s.event(&[f64::from(t % 5)]));
    s.model.begin(&mut s.key, &EventContext::default());
    let shares = s.model.expert_shares(0, Given::Before);
    let of = |name: &str| shares.iter().find(|share| share.name == name).expect("the expert is listed").forecast;
    assert!(matches!(of("last"), Some(ExpertDistribution::StudentT { centre: 4.0, scale }) if scale > 0.0));
    assert!(matches!(of("following"), Some(ExpertDistribution::PointMasses { mass }) if mass > 0.8));
    assert_eq!(of("day"), None, "no day is known");
    assert_eq!(of("log"), None, "zero has no logarithm");
}
