//! A decision tree that grows with a stream: a leaf is split when Hoeffding's inequality says that the best split is
//! the best (Domingos and Hulten, "Mining high-speed data streams", KDD 2000; settings as in MOA and River).
//!
//! A leaf holds a normal distribution of each input within each class, from which the gain of a split is worked out,
//! and predicts by its classes' frequencies or by naive Bayes, whichever has cost it less so far.

use super::gaps::normal;

/// Weight of events that a leaf takes between two looks at its splits.
const GRACE: f64 = 200.0;
/// The probability that a split is not the best.
const WRONG: f64 = 1e-7;
/// A bound below which splits are as good as each other, and the best one is taken.
const TIE: f64 = 0.05;
/// Thresholds that are tried between an input's least and largest value.
const THRESHOLDS: usize = 10;
/// Cells, one for each input and class of a leaf, that a tree may hold.
const CELLS_MAX: usize = 1 << 18;

/// Weight, mean and squares of one input within one class.
#[derive(Clone, Copy, Default)]
struct ClassMoments {
    weight: f64,
    mean: f64,
    squares: f64,
}

impl ClassMoments {
    fn add(&mut self, x: f64, weight: f64) {
        self.weight += weight;
        let off = x - self.mean;
        self.mean += off * weight / self.weight;
        self.squares += weight * off * (x - self.mean);
    }

    /// How much of the weight lies at or below a threshold.
    fn below(&self, threshold: f64) -> f64 {
        let deviation = (self.squares / self.weight.max(1.0)).sqrt();
        let share = if deviation > 0.0 {
            normal((threshold - self.mean) / deviation)
        } else {
            f64::from(u8::from(self.mean <= threshold))
        };
        self.weight * share
    }
}

/// What a leaf has seen of one input.
#[derive(Clone, Default)]
struct LeafInput {
    input: usize,
    low: f64,
    high: f64,
    all: ClassMoments,
    classes: Vec<ClassMoments>,
}

/// A leaf.
#[derive(Clone, Default)]
struct TreeLeaf {
    /// `[classes]`: weight.
    classes: Vec<f64>,
    inputs: Vec<LeafInput>,
    /// Weight since splits were last looked at.
    waiting: f64,
    /// Losses of the frequencies and of naive Bayes.
    losses: [f64; 2],
}

/// A split that was tried.
struct TriedSplit {
    gain: f64,
    input: usize,
    threshold: f64,
    sides: [Vec<f64>; 2],
}

enum GrowingNode {
    Leaf(Box<TreeLeaf>),
    /// What is at most the threshold goes to the first.
    Split {
        input: usize,
        threshold: f64,
        sides: [usize; 2],
    },
}

/// A tree that grows with its stream.
pub(crate) struct HoeffdingTree {
    nodes: Vec<GrowingNode>,
    cells: usize,
    /// Which inputs a leaf looks at: none says all, or so many that this number and the leaf's place choose.
    seed: Option<u64>,
}

fn entropy(classes: &[f64]) -> f64 {
    let all: f64 = classes.iter().sum();
    classes.iter().filter(|w| **w > 0.0).map(|w| -w / all * (w / all).log2()).sum()
}

/// A number whose bits are as good as random (Steele, Lea and Flood's SplitMix64).
pub(super) fn scrambled(seed: u64) -> u64 {
    let x = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

impl TreeLeaf {
    /// `[classes]`: the probabilities by frequencies and by naive Bayes.
    fn probabilities(&self, x: &[f64], classes: usize) -> [Vec<f64>; 2] {
        let weight = |c: usize| self.classes.get(c).copied().unwrap_or(0.0) + 0.5;
        let all: f64 = (0..classes).map(weight).sum();
        let frequencies: Vec<f64> = (0..classes).map(|c| weight(c) / all).collect();
        let mut scores: Vec<f64> = frequencies.iter().map(|p| p.ln()).collect();
        for seen in self.inputs.iter().filter(|i| i.all.squares > 0.0) {
            // a class of few values lies as the whole leaf does
            let spread = seen.all.squares / seen.all.weight;
            for (c, score) in scores.iter_mut().enumerate() {
                let own = seen.classes.get(c).copied().unwrap_or_default();
                let mean = (own.mean * own.weight + seen.all.mean) / (own.weight + 1.0);
                let variance = (own.squares + spread) / (own.weight + 1.0);
                let value = x.get(seen.input).copied().unwrap_or(0.0);
                *score -= 0.5 * ((value - mean).powi(2) / variance + variance.ln());
            }
        }
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut bayes: Vec<f64> = scores.iter().map(|s| (s - most).exp().max(1e-6)).collect();
        let sum: f64 = bayes.iter().sum();
        bayes.iter_mut().for_each(|p| *p /= sum);
        [frequencies, bayes]
    }

    fn learn(&mut self, x: &[f64], class: usize, weight: f64) {
        for seen in &mut self.inputs {
            let value = x.get(seen.input).copied().unwrap_or(0.0);
            let first = seen.all.weight == 0.0;
            seen.low = if first { value } else { seen.low.min(value) };
            seen.high = if first { value } else { seen.high.max(value) };
            seen.all.add(value, weight);
            if seen.classes.len() <= class {
                seen.classes.resize(class + 1, ClassMoments::default());
            }
            seen.classes[class].add(value, weight);
        }
        if self.classes.len() <= class {
            self.classes.resize(class + 1, 0.0);
        }
        self.classes[class] += weight;
        self.waiting += weight;
    }

    /// The best split of one input.
    fn split_of(&self, seen: &LeafInput) -> Option<TriedSplit> {
        let before = entropy(&self.classes);
        let all: f64 = self.classes.iter().sum();
        let mut best: Option<TriedSplit> = None;
        for k in 1..=THRESHOLDS {
            let threshold = seen.low + (seen.high - seen.low) * k as f64 / (THRESHOLDS + 1) as f64;
            let below: Vec<f64> = seen.classes.iter().map(|m| m.below(threshold)).collect();
            let above: Vec<f64> = seen.classes.iter().zip(&below).map(|(m, b)| m.weight - b).collect();
            let sums = [below.iter().sum::<f64>(), above.iter().sum::<f64>()];
            if sums.iter().any(|s| *s < 0.01 * all) {
                continue;
            }
            let after = (sums[0] * entropy(&below) + sums[1] * entropy(&above)) / (sums[0] + sums[1]);
            let gain = before - after;
            if best.as_ref().is_none_or(|b| gain > b.gain) {
                best = Some(TriedSplit { gain, input: seen.input, threshold, sides: [below, above] });
            }
        }
        best
    }

    /// The split that the leaf is sure of.
    fn split(&self) -> Option<TriedSplit> {
        let mut tried: Vec<TriedSplit> = self.inputs.iter().filter_map(|seen| self.split_of(seen)).collect();
        tried.sort_by(|a, b| b.gain.total_cmp(&a.gain));
        let second = tried.get(1).map_or(0.0, |t| t.gain.max(0.0));
        let best = tried.into_iter().next()?;
        let present = self.classes.iter().filter(|w| **w > 0.0).count().max(2) as f64;
        let all: f64 = self.classes.iter().sum();
        let bound = (present.log2().powi(2) * (1.0 / WRONG).ln() / (2.0 * all)).sqrt();
        (best.gain > 0.0 && (best.gain - second > bound || bound < TIE)).then_some(best)
    }
}

impl HoeffdingTree {
    /// A tree of one leaf. With a seed each leaf looks at some of the inputs only: at one more than their root.
    pub(crate) fn new(seed: Option<u64>) -> HoeffdingTree {
        HoeffdingTree { nodes: vec![GrowingNode::Leaf(Box::default())], cells: 0, seed }
    }

    fn leaf(&self, x: &[f64]) -> usize {
        let mut at = 0;
        while let GrowingNode::Split { input, threshold, sides } = &self.nodes[at] {
            at = sides[usize::from(x.get(*input).copied().unwrap_or(0.0) > *threshold)];
        }
        at
    }

    /// The probabilities of `classes` classes. `x`: `[inputs]`, as they came.
    pub(crate) fn probabilities(&self, x: &[f64], classes: usize) -> Vec<f64> {
        let GrowingNode::Leaf(leaf) = &self.nodes[self.leaf(x)] else { return Vec::new() };
        let [frequencies, bayes] = leaf.probabilities(x, classes);
        if leaf.losses[1] < leaf.losses[0] { bayes } else { frequencies }
    }

    /// Learns the class of an event that counts as so many. `x`: `[inputs]`, which may become more.
    pub(crate) fn learn(&mut self, x: &[f64], class: usize, weight: f64) {
        let at = self.leaf(x);
        let seed = self.seed;
        let GrowingNode::Leaf(leaf) = &mut self.nodes[at] else { return };
        let chosen = chosen(seed.map(|s| scrambled(s ^ at as u64)), x.len());
        if leaf.classes.is_empty() || seed.is_none() {
            // inputs that a whole tree's leaf has not met yet
            let met = leaf.inputs.len();
            let new = chosen.into_iter().skip(met);
            leaf.inputs.extend(new.map(|input| LeafInput { input, ..LeafInput::default() }));
        }
        if class < leaf.classes.len() {
            let said = leaf.probabilities(x, leaf.classes.len());
            for (loss, p) in leaf.losses.iter_mut().zip(said) {
                *loss -= weight * p[class].ln();
            }
        }
        leaf.learn(x, class, weight);
        if leaf.waiting < GRACE || self.cells > CELLS_MAX {
            return;
        }
        leaf.waiting = 0.0;
        if let Some(TriedSplit { input, threshold, sides, .. }) = leaf.split() {
            self.cells += leaf.inputs.len() * leaf.classes.len();
            let places = [self.nodes.len(), self.nodes.len() + 1];
            for (place, classes) in places.into_iter().zip(sides) {
                let chosen = self::chosen(seed.map(|s| scrambled(s ^ place as u64)), x.len());
                let inputs = chosen.into_iter().map(|input| LeafInput { input, ..LeafInput::default() }).collect();
                self.nodes.push(GrowingNode::Leaf(Box::new(TreeLeaf { classes, inputs, ..TreeLeaf::default() })));
            }
            self.nodes[at] = GrowingNode::Split { input, threshold, sides: places };
        }
    }
}

/// The inputs that a leaf looks at: all, or one more than the root of their number, by a seed.
fn chosen(seed: Option<u64>, inputs: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..inputs).collect();
    if let Some(seed) = seed {
        all.sort_by_key(|i| scrambled(seed ^ (*i as u64) << 32));
        all.truncate((inputs as f64).sqrt() as usize + 1);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two inputs without order, from 0 to 1.
    fn draw(i: u64) -> [f64; 2] {
        [i, i ^ 0xABCD_EF00].map(|s| (scrambled(s) >> 11) as f64 / (1u64 << 53) as f64)
    }

    #[test]
    fn a_leaf_is_split_where_classes_part() {
        let mut tree = HoeffdingTree::new(None);
        for i in 0..2000 {
            let x = draw(i);
            tree.learn(&x, usize::from(x[1] > 0.6), 1.0);
        }
        let GrowingNode::Split { input, threshold, .. } = tree.nodes[0] else { panic!("no split") };
        assert!(input == 1 && (threshold - 0.6).abs() < 0.1, "{input} {threshold}");
        let p = tree.probabilities(&[0.5, 0.95], 2);
        assert!(p[1] > 0.99 && (p.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{p:?}");
    }

    /// What no line parts: two classes in the corners of a square.
    #[test]
    fn corners_are_learnt_by_splits_of_splits() {
        let mut tree = HoeffdingTree::new(None);
        let mut right = 0;
        for i in 0..20_000 {
            let x = draw(i);
            let class = usize::from((x[0] > 0.4) == (x[1] > 0.4));
            let p = tree.probabilities(&x, 2);
            right += usize::from(i >= 10_000 && (p[1] > 0.5) == (class == 1));
            tree.learn(&x, class, 1.0);
        }
        assert!(right > 9_300, "{right} of 10,000");
        assert!(tree.nodes.len() > 5);
    }

    #[test]
    fn a_class_that_follows_from_nothing_grows_no_tree() {
        let mut tree = HoeffdingTree::new(None);
        let coin = |i: u64| (scrambled(i.wrapping_mul(77)) >> 63) as usize;
        (0..5000).for_each(|i| tree.learn(&draw(i), coin(i), 1.0));
        // ties are split once the bound is small, which a random gain allows rarely
        let p = tree.probabilities(&[0.5, 0.5], 2);
        assert!((p[0] - 0.5).abs() < 0.1, "{p:?}");
    }

    #[test]
    fn moments_are_those_of_weights() {
        let mut m = ClassMoments::default();
        [(1.0, 2.0), (4.0, 1.0)].into_iter().for_each(|(x, w)| m.add(x, w));
        assert_eq!((m.weight, m.mean), (3.0, 2.0));
        assert!((m.squares - 6.0).abs() < 1e-12, "2·1² + 1·2²");
        assert_eq!(entropy(&[1.0, 1.0]), 1.0);
        assert!((m.below(2.0) - 1.5).abs() < 1e-6);
    }

    #[test]
    fn cells_are_bounded() {
        let mut tree = HoeffdingTree::new(None);
        tree.cells = CELLS_MAX + 1;
        (0..2000).for_each(|i| tree.learn(&draw(i), usize::from(draw(i)[1] > 0.6), 1.0));
        assert_eq!(tree.nodes.len(), 1);
    }
}
