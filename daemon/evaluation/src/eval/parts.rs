//! What parts of a stream, blocks of its rows or its recordings, say of a comparison: how sure it is, and what is left
//! of it where nothing was chosen.

use crate::baseline::Measure;
use crate::blocks::half_width;
use crate::losses::BlockShares;
use serde::Serialize;
use std::collections::BTreeMap;

/// How sure the difference between the learner and the best baseline is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DifferenceInterval {
    /// The best baseline's loss less that of the learner; above 0 the learner is better.
    pub difference: f64,
    /// How far the difference may be off either way, in 95 of 100 cases.
    pub margin: f64,
    /// How far the skill may be off either way, in 95 of 100 cases.
    pub skill_margin: Option<f64>,
    /// What the interval is worked out from: `blocks` of rows, or `files`.
    pub of: &'static str,
    /// How many of them.
    pub parts: u64,
}

/// A comparison that nothing was chosen for: the baseline, and thresholds where there are any, are those that were best
/// on other rows or recordings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeldOut {
    /// What the baseline was chosen on, in words.
    pub chosen_on: String,
    /// What is reported on, in words.
    pub reported_on: String,
    /// The baseline that was chosen.
    pub baseline: String,
    /// What the learner reached on what is held out.
    pub surmise: f64,
    /// What the baseline reached there.
    pub value: f64,
    /// One minus the learner's loss divided by that of the baseline.
    pub skill: Option<f64>,
}

/// Parts of a stream, and what each adds to each predictor's value.
#[derive(Clone, Debug)]
pub(crate) struct ComparedParts {
    pub(crate) of: &'static str,
    /// `[parts]`: the share of all that is measured.
    pub(crate) weights: Vec<f64>,
    /// `[parts]`: what each adds to the learner's value.
    pub(crate) surmise: Vec<f64>,
    /// The same of each baseline.
    pub(crate) baselines: Vec<(String, Vec<f64>)>,
    /// `[parts]`: whether it is held out.
    pub(crate) held_out: Vec<bool>,
    /// What baselines are chosen on, and what is held out, in words.
    pub(crate) split: [String; 2],
}

impl ComparedParts {
    /// From the shares of blocks: the later half of what is measured is held out.
    pub(super) fn of_blocks(
        ours: Option<&BTreeMap<String, BlockShares>>,
        theirs: Option<&BTreeMap<String, BlockShares>>,
        events: u64,
    ) -> Option<ComparedParts> {
        let (ours, theirs) = (ours?.get("")?, theirs?);
        let alike = |s: &&BlockShares| s.values.len() == ours.values.len();
        let baselines: Vec<(String, Vec<f64>)> =
            theirs.iter().filter(|(_, s)| alike(s)).map(|(name, s)| (name.clone(), s.values.clone())).collect();
        if baselines.is_empty() {
            return None;
        }
        // blocks in which nothing counts are none
        let counts: Vec<bool> = ours.weights.iter().map(|w| *w > 0.0).collect();
        let only = |all: &[f64]| -> Vec<f64> { all.iter().zip(&counts).filter(|c| *c.1).map(|c| *c.0).collect() };
        let weights = only(&ours.weights);
        let mut sum = 0.0;
        let mut later = |w: &f64| {
            sum += w;
            sum - 0.5 * w > 0.5
        };
        let held_out: Vec<bool> = weights.iter().map(&mut later).collect();
        let earlier: f64 = weights.iter().zip(&held_out).filter(|w| !w.1).map(|w| w.0).sum();
        let first = (earlier * events as f64).round() as u64;
        Some(ComparedParts {
            of: "blocks",
            surmise: only(&ours.values),
            baselines: baselines.into_iter().map(|(name, values)| (name, only(&values))).collect(),
            weights,
            held_out,
            split: [
                format!("the first {first} events that count"),
                format!("the other {}", events.saturating_sub(first)),
            ],
        })
    }

    /// `[parts]`: what each adds to a loss.
    fn losses(&self, measure: Measure, values: &[f64]) -> Vec<f64> {
        // a loss is the value, or what lacks the value to perfection, of which each part has its share
        let (perfect, none) = (measure.loss(0.0), measure.loss(1.0) - measure.loss(0.0));
        self.weights.iter().zip(values).map(|(w, v)| perfect * w + none * v).collect()
    }

    /// How sure the difference between the learner and a baseline is.
    pub(super) fn interval(&self, measure: Measure, baseline: &str) -> Option<DifferenceInterval> {
        let theirs = &self.baselines.iter().find(|(name, _)| name == baseline)?.1;
        let (ours, theirs) = (self.losses(measure, &self.surmise), self.losses(measure, theirs));
        let (our_loss, loss): (f64, f64) = (ours.iter().sum(), theirs.iter().sum());
        let difference = loss - our_loss;
        let parts = || ours.iter().zip(&theirs).zip(&self.weights).map(|((o, t), w)| (*o, *t, *w));
        let centred: Vec<f64> = parts().map(|(o, t, w)| t - o - w * difference).collect();
        // a quotient of sums is off as each part is from it (the ratio estimator of sampling theory)
        let ratio = our_loss / loss;
        let quotients: Vec<f64> = parts().map(|(o, t, _)| (o - ratio * t) / loss).collect();
        Some(DifferenceInterval {
            difference,
            margin: half_width(&centred)?,
            skill_margin: if loss > 0.0 { half_width(&quotients) } else { None },
            of: self.of,
            parts: self.weights.len() as u64,
        })
    }

    /// The comparison on what is held out.
    pub(super) fn held_out(&self, measure: Measure) -> Option<HeldOut> {
        let value = |values: &[f64], held_out: bool| {
            let of =
                |all: &[f64]| all.iter().zip(&self.held_out).filter(|h| *h.1 == held_out).map(|h| *h.0).sum::<f64>();
            of(values) / of(&self.weights)
        };
        let known = |(_, values): &(String, Vec<f64>)| measure.loss(value(values, false));
        let chosen = self.baselines.iter().min_by(|a, b| known(a).total_cmp(&known(b)))?;
        let (surmise, theirs) = (value(&self.surmise, true), value(&chosen.1, true));
        let [chosen_on, reported_on] = self.split.clone();
        let both = surmise.is_finite() && theirs.is_finite() && known(chosen).is_finite();
        both.then(|| HeldOut {
            chosen_on,
            reported_on,
            baseline: chosen.0.clone(),
            surmise,
            value: theirs,
            skill: measure.skill(surmise, theirs),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(values: &[f64]) -> BlockShares {
        let n = values.len() as f64;
        BlockShares { values: values.iter().map(|v| v / n).collect(), weights: vec![1.0 / n; values.len()] }
    }

    fn parts(ours: &[f64], theirs: &[(&str, &[f64])]) -> ComparedParts {
        let ours = BTreeMap::from([(String::new(), shares(ours))]);
        let theirs = theirs.iter().map(|(name, values)| ((*name).to_owned(), shares(values))).collect();
        ComparedParts::of_blocks(Some(&ours), Some(&theirs), 1000).unwrap()
    }

    #[test]
    fn what_is_paired_is_surer_than_what_is_not() {
        // losses that rise and fall together, a tenth apart
        let theirs: Vec<f64> = (0..40).map(|i| 2.0 + f64::from(i % 7)).collect();
        let ours: Vec<f64> = theirs.iter().map(|l| 0.9 * l).collect();
        let i = parts(&ours, &[("a", &theirs)]).interval(Measure::Mse, "a").unwrap();
        let mean = theirs.iter().sum::<f64>() / 40.0;
        assert!((i.difference - 0.1 * mean).abs() < 1e-12 && i.parts == 40 && i.of == "blocks");
        assert!(i.skill_margin.unwrap() < 1e-9, "the skill is the same in every block: {i:?}");
        assert!(i.margin > 0.01 && i.margin < 0.2, "{i:?}");
        // as by hand: without dependence between neighbours, Student's 2.0227 of 39 degrees times the standard error
        let losses: [f64; 8] = [1.0, 3.0, 1.0, 3.0, 1.0, 3.0, 1.0, 3.0];
        let i = parts(&[0.0; 8], &[("a", &losses)]).interval(Measure::Bits, "a").unwrap();
        assert!((i.margin - 2.3646 * (8.0f64 / 7.0 / 8.0).sqrt()).abs() < 2e-3, "{i:?}");
        let few = parts(&[0.0; 7], &[("a", &losses[..7])]);
        assert_eq!(few.interval(Measure::Bits, "a"), None, "seven blocks say nothing");
    }

    #[test]
    fn hits_are_losses_by_what_they_lack() {
        let p = parts(&[0.9; 10], &[("a", &[0.8; 10])]);
        let i = p.interval(Measure::Top1, "a").unwrap();
        assert!((i.difference - 0.1).abs() < 1e-12 && i.margin < 1e-9, "{i:?}");
    }

    #[test]
    fn what_is_held_out_is_judged_by_what_was_best_before() {
        let (a, b) = ([1.0, 1.0, 1.0, 4.0, 4.0, 4.0], [2.0, 2.0, 2.0, 2.0, 2.0, 2.0]);
        let h = parts(&[1.0; 6], &[("a", &a), ("b", &b)]).held_out(Measure::Mse).unwrap();
        assert_eq!((h.baseline.as_str(), h.surmise, h.value, h.skill), ("a", 1.0, 4.0, Some(0.75)));
        assert_eq!(h.chosen_on, "the first 500 events that count");
        // in hindsight b would have been chosen
        assert!(b[3..].iter().sum::<f64>() < a[3..].iter().sum::<f64>());
    }
}
