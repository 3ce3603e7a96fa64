//! A forest of growing trees: each learns events by weights of its own (Oza and Russell's online bagging with a mean
//! weight of 6: Bifet, Holmes and Pfahringer, "Leveraging bagging for evolving data streams", 2010), looks at some of
//! the inputs, and is replaced by a younger tree when it errs more than it used to, as in adaptive random forests
//! (Gomes and others, "Adaptive random forests for evolving data stream classification", Machine Learning 2017), whose
//! ADWIN is here a comparison of a fast and a slow mean.

use super::hoeffding::{HoeffdingTree, scrambled};

/// Trees.
const TREES: u64 = 10;
/// Mean weight of an event.
const WEIGHT: f64 = 6.0;
/// Rates of the fast and of the slow mean of a tree's errors.
const ERROR_RATES: [f64; 2] = [0.01, 0.001];
/// Standard deviations by which the fast mean is above the slow one when a younger tree begins, and when it takes over.
const BEGINS: f64 = 2.0;
const TAKES_OVER: f64 = 3.5;

/// A tree, and how often it errs.
struct GrowingTree {
    tree: HoeffdingTree,
    younger: Option<HoeffdingTree>,
    errors: [f64; 2],
    seen: u64,
}

impl GrowingTree {
    fn new(tree: HoeffdingTree) -> GrowingTree {
        GrowingTree { tree, younger: None, errors: [0.0; 2], seen: 0 }
    }

    /// How many deviations the fast mean of errors is above the slow one.
    fn excess(&self) -> f64 {
        let [fast, slow] = self.errors;
        let deviation = (slow.max(0.01) * (1.0 - slow).max(0.01) * ERROR_RATES[0] / (2.0 - ERROR_RATES[0])).sqrt();
        if self.seen as f64 * ERROR_RATES[0] < 3.0 { 0.0 } else { (fast - slow) / deviation }
    }
}

/// Trees that vote.
pub(crate) struct OnlineForest {
    trees: Vec<GrowingTree>,
    seed: u64,
}

impl OnlineForest {
    pub(crate) fn new() -> OnlineForest {
        let tree = |i| GrowingTree::new(HoeffdingTree::new(Some(scrambled(i))));
        OnlineForest { trees: (0..TREES).map(tree).collect(), seed: TREES }
    }

    /// The probabilities of `classes` classes. `x`: `[inputs]`, as they came.
    pub(crate) fn probabilities(&self, x: &[f64], classes: usize) -> Vec<f64> {
        let mut mean = vec![0.0; classes];
        let weight = |t: &GrowingTree| (1.0 - t.errors[0]).max(0.01);
        let all: f64 = self.trees.iter().map(weight).sum();
        for tree in &self.trees {
            let said = tree.tree.probabilities(x, classes);
            mean.iter_mut().zip(said).for_each(|(m, p)| *m += weight(tree) / all * p);
        }
        mean
    }

    /// Learns the class of an event. `x`: `[inputs]`; `known`: classes that were known before it.
    pub(crate) fn learn(&mut self, x: &[f64], class: usize, known: usize) {
        for tree in &mut self.trees {
            let said = tree.tree.probabilities(x, known);
            let best = said.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|b| b.0);
            let wrong = f64::from(u8::from(best != Some(class)));
            tree.seen += 1;
            for (mean, rate) in tree.errors.iter_mut().zip(ERROR_RATES) {
                *mean += rate.max(1.0 / tree.seen as f64) * (wrong - *mean);
            }
            self.seed += 1;
            let weight = poisson(self.seed);
            if weight > 0.0 {
                tree.tree.learn(x, class, weight);
                tree.younger.iter_mut().for_each(|young| young.learn(x, class, weight));
            }
            let excess = tree.excess();
            if excess > TAKES_OVER {
                let young = tree.younger.take().unwrap_or_else(|| HoeffdingTree::new(Some(scrambled(self.seed))));
                *tree = GrowingTree::new(young);
            } else if excess > BEGINS && tree.younger.is_none() {
                tree.younger = Some(HoeffdingTree::new(Some(scrambled(self.seed))));
            } else if excess < 0.0 {
                tree.younger = None;
            }
        }
    }
}

/// A number of Poisson's law of mean [`WEIGHT`], by Knuth's products.
fn poisson(seed: u64) -> f64 {
    let least = (-WEIGHT).exp();
    let (mut product, mut count, mut state) = (1.0, 0.0, scrambled(seed));
    loop {
        state = scrambled(state);
        product *= (state >> 11) as f64 / (1u64 << 53) as f64;
        if product <= least {
            return count;
        }
        count += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_their_mean_and_variance() {
        let all: Vec<f64> = (0..20_000).map(poisson).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / all.len() as f64;
        assert!((mean - WEIGHT).abs() < 0.1 && (variance - WEIGHT).abs() < 0.2, "{mean} {variance}");
    }

    /// A circle, which turns into its opposite: the forest learns it and learns it anew, where a tree that is never
    /// replaced does not.
    #[test]
    fn what_changes_is_learnt_anew() {
        let mut forest = OnlineForest::new();
        let mut tree = HoeffdingTree::new(None);
        let mut right = [[0; 2]; 2];
        for i in 0..30_000u64 {
            let x = [i, i ^ 0x5555].map(|s| (scrambled(s) >> 11) as f64 / (1u64 << 53) as f64 - 0.5);
            let class = usize::from((x[0].hypot(x[1]) < 0.4) == (i < 15_000));
            let said = [forest.probabilities(&x, 2), tree.probabilities(&x, 2)];
            for (k, p) in said.iter().enumerate() {
                let half = usize::from(i >= 15_000);
                right[k][half] += usize::from(i % 15_000 >= 7_500 && (p[1] > 0.5) == (class == 1));
            }
            forest.learn(&x, class, 2);
            tree.learn(&x, class, 1.0);
        }
        assert!(right[0][0] > 6_800 && right[0][1] > 6_800, "{right:?} of 7,500");
        assert!(right[1][1] < right[0][1], "{right:?}: a tree that is never replaced");
    }
}
