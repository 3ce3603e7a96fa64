//! The losses of predictors so far, and what each block of rows adds to their means.

use crate::baseline::Measure;
use crate::blocks::{BlockNotes, shares_of_mean};
use crate::horizon::HorizonScores;
use crate::units::ErrorUnits;
use std::collections::BTreeMap;
use surmise_learner::Learner;

/// Sums of one predictor's losses and how many each is of.
#[derive(Clone, Debug, Default)]
pub(crate) struct LossSums {
    /// By field.
    pub(crate) fields: BTreeMap<(String, Measure), (f64, f64)>,
    /// Errors of numbers, by column; what is told is their mean over columns, in units that the last row decides.
    pub(crate) columns: BTreeMap<(Measure, String), (f64, f64)>,
}

/// The losses of predictors by name at the ends of blocks; the learner has no name.
pub(crate) type LossNotes = BlockNotes<BTreeMap<String, LossSums>>;

/// What each block adds to a predictor's mean, and its share of what the mean is of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BlockShares {
    pub(crate) values: Vec<f64>,
    pub(crate) weights: Vec<f64>,
}

/// The shares of all blocks by field and measure, and within these by predictor. Numbers have no field, as their
/// columns are told together.
#[derive(Clone, Debug, Default)]
pub(crate) struct LossShares(BTreeMap<(String, Measure), BTreeMap<String, BlockShares>>);

impl BlockShares {
    fn of(sums: &[(f64, f64)]) -> Option<BlockShares> {
        let counts: Vec<(f64, f64)> = sums.iter().map(|s| (s.1, s.1)).collect();
        Some(BlockShares { values: shares_of_mean(sums)?, weights: shares_of_mean(&counts)? })
    }
}

impl LossShares {
    /// From what was noted at the ends of all blocks.
    pub(crate) fn of(notes: &[BTreeMap<String, LossSums>], units: &ErrorUnits) -> LossShares {
        let mut all = LossShares::default();
        let Some(last) = notes.last() else { return all };
        for (predictor, sums) in last {
            let past = |of: &dyn Fn(&LossSums) -> Option<(f64, f64)>| -> Vec<(f64, f64)> {
                notes.iter().map(|n| n.get(predictor).and_then(of).unwrap_or_default()).collect()
            };
            for key in sums.fields.keys() {
                if let Some(shares) = BlockShares::of(&past(&|s| s.fields.get(key).copied())) {
                    all.0.entry(key.clone()).or_default().insert(predictor.clone(), shares);
                }
            }
            let mut means: BTreeMap<Measure, (f64, Vec<BlockShares>)> = BTreeMap::new();
            for key in sums.columns.iter().filter(|(_, sum)| sum.1 > 0.0).map(|(key, _)| key) {
                let (columns, shares) = means.entry(key.0).or_default();
                *columns += 1.0;
                if let Some(mut own) = BlockShares::of(&past(&|s| s.columns.get(key).copied())) {
                    let unit = units.of(&key.1).unwrap_or(1.0);
                    let unit = if key.0.is_squared() { unit * unit } else { unit };
                    own.values.iter_mut().for_each(|v| *v /= unit);
                    shares.push(own);
                }
            }
            for (measure, (columns, shares)) in means.into_iter().filter(|(_, (n, s))| *n == s.len() as f64) {
                let mean = |of: &dyn Fn(&BlockShares) -> &Vec<f64>| -> Vec<f64> {
                    (0..notes.len()).map(|b| shares.iter().map(|s| of(s)[b]).sum::<f64>() / columns).collect()
                };
                let mean = BlockShares { values: mean(&|s| &s.values), weights: mean(&|s| &s.weights) };
                all.0.entry((String::new(), measure)).or_default().insert(predictor.clone(), mean);
            }
        }
        all
    }

    /// The shares of the predictors of one field and measure.
    pub(crate) fn get(&self, field: &str, measure: Measure) -> Option<&BTreeMap<String, BlockShares>> {
        self.0.get(&(field.to_owned(), measure))
    }
}

/// The learner's losses so far, under no name.
pub(crate) fn losses_of(learner: &Learner, horizon: Option<&HorizonScores>) -> BTreeMap<String, LossSums> {
    let mut losses = LossSums::default();
    let alone = learner.schema().fields.len() == 1;
    for s in learner.sums() {
        let (count, bits) = if alone { learner.scored_bits() } else { (s.count, s.bits) };
        losses.fields.insert((s.name.to_owned(), Measure::Bits), (bits, count as f64));
        for (measure, hits) in [Measure::Top1, Measure::Top20].into_iter().zip(s.within) {
            losses.fields.insert((s.name.to_owned(), measure), (hits as f64, s.ranked as f64));
        }
        for (measure, sum) in [(Measure::Mse, s.squared), (Measure::Mae, s.absolute)] {
            losses.columns.insert((measure, s.name.to_owned()), (sum, s.numbers as f64));
        }
    }
    for (name, e) in horizon.into_iter().flat_map(|h| &h.fields) {
        for (measure, sum) in [(Measure::AheadMse, e.squares), (Measure::AheadMae, e.distances)] {
            losses.columns.insert((measure, name.clone()), (sum, e.steps as f64));
        }
    }
    BTreeMap::from([(String::new(), losses)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_columns_are_told_in_their_units() {
        let mut units = ErrorUnits::default();
        (0..8).for_each(|i| units.add("a", if i % 2 == 0 { 1.0 } else { 5.0 }));
        let note = |a: (f64, f64), b: (f64, f64), bits: f64| {
            let columns = [((Measure::Mse, "a".to_owned()), a), ((Measure::Mse, "b".to_owned()), b)];
            let fields = [(("s".to_owned(), Measure::Bits), (bits, a.1))];
            let sums = LossSums { fields: fields.into(), columns: columns.into() };
            BTreeMap::from([("x".to_owned(), sums)])
        };
        let notes = [note((8.0, 2.0), (1.0, 1.0), 3.0), note((24.0, 4.0), (3.0, 2.0), 4.0)];
        let shares = LossShares::of(&notes, &units);
        // of column a a unit is 2, its squares 4: (8 / 4) / 4 and (16 / 4) / 4; of column b 1 / 2 and 2 / 2
        let numbers = &shares.get("", Measure::Mse).unwrap()["x"];
        assert_eq!(numbers.values, [(0.5 + 0.5) / 2.0, (1.0 + 1.0) / 2.0]);
        assert_eq!(numbers.weights, [0.5, 0.5]);
        assert_eq!(shares.get("s", Measure::Bits).unwrap()["x"].values, [0.75, 0.25]);
        assert!(shares.get("s", Measure::Top1).is_none());
    }
}
