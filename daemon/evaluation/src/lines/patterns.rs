//! Baselines of streams of lines, by their patterns: a line's words, of which those with a digit count as one.

use std::collections::HashMap;

/// Patterns that are kept; lines of later ones are all of one.
const PATTERNS_MAX: usize = 1 << 16;

/// Numbers of patterns, in the order in which they came.
#[derive(Default)]
struct LinePatterns {
    numbers: HashMap<Box<str>, u32>,
}

impl LinePatterns {
    fn number(&mut self, line: &str) -> u32 {
        let mut pattern = String::with_capacity(line.len());
        for word in line.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
            pattern.push_str(if word.contains(|c: char| c.is_ascii_digit()) { "0" } else { word });
            pattern.push(' ');
        }
        let next = self.numbers.len();
        match self.numbers.get(pattern.as_str()) {
            Some(number) => *number,
            None if next >= PATTERNS_MAX => PATTERNS_MAX as u32,
            None => {
                self.numbers.insert(pattern.into(), next as u32);
                next as u32
            }
        }
    }
}

/// `[lines]`: the number of each line's pattern.
pub(crate) fn pattern_groups<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<u32> {
    let mut patterns = LinePatterns::default();
    lines.map(|line| patterns.number(line)).collect()
}

/// Scores of lines by simple detectors, each from what came before the line: whether its pattern is new, how rare it
/// is, and how rare it is after the pattern before it.
pub(crate) fn line_detectors<'a>(lines: impl Iterator<Item = &'a str>) -> [(&'static str, Vec<f64>); 3] {
    let (mut new, mut rare, mut after) = (Vec::new(), Vec::new(), Vec::new());
    let (mut counts, mut followed) = (HashMap::<u32, f64>::new(), HashMap::<(u32, u32), f64>::new());
    let mut last = u32::MAX;
    for (i, pattern) in pattern_groups(lines).into_iter().enumerate() {
        let count = counts.get(&pattern).copied().unwrap_or(0.0);
        let before = counts.get(&last).copied().unwrap_or(0.0);
        let pair = followed.get(&(last, pattern)).copied().unwrap_or(0.0);
        let share = (count + 1.0) / (i as f64 + 2.0);
        new.push(f64::from(u8::from(count == 0.0)));
        rare.push(-share.log2());
        // what the last pattern has not told yet is told by the share of this one
        after.push(-((pair + share) / (before + 1.0)).log2());
        *counts.entry(pattern).or_default() += 1.0;
        *followed.entry((last, pattern)).or_default() += 1.0;
        last = pattern;
    }
    [("new pattern", new), ("rare pattern", rare), ("order-1 of patterns", after)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_in_numbers_have_one_pattern() {
        let found = pattern_groups(["took 7 ms", "took 81ms ms", "took long", "[took] 9: ms"].into_iter());
        assert_eq!(found, [0, 0, 1, 0]);
    }

    #[test]
    fn what_is_new_rare_or_out_of_order_scores_high() {
        let lines: Vec<&str> = ["a", "b"].into_iter().cycle().take(100).chain(["a", "a", "c"]).collect();
        let [(_, new), (_, rare), (_, after)] = line_detectors(lines.into_iter());
        assert_eq!(new.iter().filter(|s| **s == 1.0).count(), 3);
        assert!(rare[102] > 6.0 && rare[101] < 1.1, "{rare:?}");
        assert!(after[101] > 5.0 && after[100] < 0.1, "an a after an a: {}", after[101]);
    }
}
