//! A class given the other fields of its event: no change, the majority, logistic regression, naive Bayes, a tree and a
//! forest. All that have inputs have the key's last class among them, as the learner has.

use super::bayes::NaiveBayes;
use super::bounds::KEYS_MAX;
use super::forest::OnlineForest;
use super::hoeffding::HoeffdingTree;
use super::logistic::LogisticRegressions;
use super::measure::{Measure, Score};
use super::rows::ColumnScales;
use lru::LruCache;
use std::collections::HashMap;

const NAMES: [&str; 6] =
    ["no change", "majority", "logistic regression", "naive Bayes", "Hoeffding tree", "online forest"];
/// Names of given categories that are inputs of their own; later ones are ignored.
const GIVEN_NAMES_MAX: usize = 256;

/// Predictors of a target class.
pub(crate) struct ClassBaselines {
    classes: HashMap<Box<str>, usize>,
    counts: Vec<f64>,
    events: f64,
    /// Whether the last class came again: how often not, how often.
    again: [f64; 2],
    last: LruCache<Option<Box<str>>, usize>,
    given: HashMap<String, usize>,
    scales: ColumnScales,
    logistic: LogisticRegressions,
    bayes: NaiveBayes,
    tree: HoeffdingTree,
    forest: OnlineForest,
    scored: u64,
    bits: [f64; NAMES.len()],
    hits: [u64; NAMES.len()],
}

impl ClassBaselines {
    /// Baselines of a class that is predicted from `numbers` numbers, and from names.
    pub(crate) fn new(numbers: usize) -> ClassBaselines {
        ClassBaselines {
            classes: HashMap::new(),
            counts: Vec::new(),
            events: 0.0,
            again: [0.5; 2],
            last: LruCache::new(KEYS_MAX),
            given: HashMap::new(),
            scales: ColumnScales::new(numbers),
            logistic: LogisticRegressions::new(),
            bayes: NaiveBayes::default(),
            tree: HoeffdingTree::new(None),
            forest: OnlineForest::new(),
            scored: 0,
            bits: [0.0; NAMES.len()],
            hits: [0; NAMES.len()],
        }
    }

    /// Judges the predictions of an event's class, and learns it. `numbers`: `[numbers]` of the event; `names`: the
    /// other categories of the event as `field=name`.
    pub(crate) fn event(
        &mut self,
        key: &Option<Box<str>>,
        class: &str,
        numbers: &[f64],
        names: &[String],
        count: bool,
    ) {
        let last = self.last.get(key).copied();
        let names: Vec<String> = names.iter().cloned().chain(last.map(|c| format!("\0last={c}"))).collect();
        let x = self.inputs(numbers, &names);
        // a tree's thresholds must not move with the columns' scales; what is missing is in the middle
        let mut plain = x[1..].to_vec();
        for (c, value) in numbers.iter().enumerate() {
            plain[c] = if value.is_finite() { *value } else { self.scales.mean(c) };
        }
        let known = self.counts.len();
        let class = match self.classes.get(class) {
            Some(c) => *c,
            None => {
                self.classes.insert(class.into(), known);
                known
            }
        };
        let logistic = self.logistic.probabilities(&x, known);
        if count {
            let all = [
                self.no_change(last),
                self.majority(),
                logistic,
                self.bayes.probabilities(&x, known),
                self.tree.probabilities(&plain, known),
                self.forest.probabilities(&plain, known),
            ];
            self.score(all, class);
        }
        if let Some(l) = last {
            self.again[usize::from(l == class)] += 1.0;
        }
        self.last.put(key.clone(), class);
        self.counts.resize(known.max(class + 1), 0.0);
        self.counts[class] += 1.0;
        self.events += 1.0;
        self.logistic.learn(&x, class);
        self.bayes.learn(&x, class);
        self.tree.learn(&plain, class, 1.0);
        self.forest.learn(&plain, class, known);
        self.scales.learn(numbers, None);
    }

    fn inputs(&mut self, numbers: &[f64], names: &[String]) -> Vec<f64> {
        let mut x = vec![1.0];
        x.extend(numbers.iter().enumerate().map(|(c, v)| self.scales.standard(c, *v).clamp(-10.0, 10.0)));
        x.resize(1 + numbers.len() + self.given.len(), 0.0);
        for name in names {
            let next = self.given.len();
            let at = *self.given.entry(name.clone()).or_insert(next);
            x.resize(x.len().max(2 + numbers.len() + at), 0.0);
            x[1 + numbers.len() + at] = 1.0;
            if at >= GIVEN_NAMES_MAX {
                self.given.remove(name);
                x.truncate(1 + numbers.len() + GIVEN_NAMES_MAX);
            }
        }
        x
    }

    fn majority(&self) -> Vec<f64> {
        let all = self.events + 0.5 * self.counts.len() as f64;
        self.counts.iter().map(|n| (n + 0.5) / all).collect()
    }

    fn no_change(&self, last: Option<usize>) -> Vec<f64> {
        let mut p = self.majority();
        let Some(l) = last else { return p };
        let again = if p.len() > 1 { self.again[1] / (self.again[0] + self.again[1]) } else { 1.0 };
        let others = 1.0 - p[l];
        p.iter_mut().enumerate().for_each(|(c, p)| *p = if c == l { again } else { *p / others * (1.0 - again) });
        p
    }

    fn score(&mut self, all: [Vec<f64>; NAMES.len()], class: usize) {
        // a class that was never seen is likelier the fewer events there were
        let known = self.counts.len() as f64;
        let new = (known + 1.0) / (self.events + known + 1.0);
        self.scored += 1;
        for ((bits, hits), p) in self.bits.iter_mut().zip(&mut self.hits).zip(all) {
            *bits -= p.get(class).map_or(new, |p| (1.0 - new) * p).max(f64::MIN_POSITIVE).log2();
            let best = p.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|b| b.0);
            *hits += u64::from(best == Some(class));
        }
    }

    pub(crate) fn scores(&self) -> Vec<Score> {
        let n = self.scored as f64;
        let mut out = Vec::new();
        for ((name, bits), hits) in NAMES.into_iter().zip(self.bits).zip(self.hits).filter(|_| self.scored > 0) {
            out.push(Score::new(Measure::Bits, name.into(), bits / n).over(self.scored));
            out.push(Score::new(Measure::Top1, name.into(), hits as f64 / n).over(self.scored));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_predictor_knows_its_rule() {
        let value = |c: &ClassBaselines, m: Measure, name: &str| {
            c.scores().into_iter().find(|s| s.measure == m && s.name == name).unwrap().value
        };
        // a class that follows from a number
        let mut c = ClassBaselines::new(1);
        for i in 0..4000i64 {
            let x = ((i * 7919) % 1013) as f64 - 500.0;
            c.event(&None, if x > 0.0 { "high" } else { "low" }, &[x], &[], i > 1000);
        }
        assert!(value(&c, Measure::Top1, "logistic regression") > 0.97, "{:?}", c.scores());
        assert!(value(&c, Measure::Top1, "naive Bayes") > 0.93, "{:?}", c.scores());
        assert!(value(&c, Measure::Top1, "Hoeffding tree") > 0.95 && value(&c, Measure::Top1, "online forest") > 0.95);
        assert!(value(&c, Measure::Top1, "majority") < 0.6);
        // a class that stays, and follows from a name
        let mut c = ClassBaselines::new(0);
        for i in 0..4000 {
            let on = i / 100 % 2 == 0;
            let (class, name) = if on { ("on", "light=1") } else { ("off", "light=0") };
            c.event(&None, class, &[], &[name.to_owned()], i > 1000);
        }
        assert!((value(&c, Measure::Top1, "no change") - 0.99).abs() < 0.002);
        assert!(value(&c, Measure::Bits, "no change") < 0.09);
        assert_eq!(value(&c, Measure::Top1, "logistic regression"), 1.0);
    }
}
