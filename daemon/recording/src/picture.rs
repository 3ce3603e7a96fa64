//! Pictures of what fields hold: evenly chosen numbers as a histogram and a course, names by how often they are there.

use serde::Serialize;
use std::collections::HashMap;
use surmise_event::FieldKind;

/// Numbers that are kept of a field: every one of so many, or every second, and so on.
const NUMBERS_KEPT_MAX: usize = 8192;
/// Names that are counted; of later ones it is known only that there are more.
const NAMES_MAX: usize = 20_000;
/// Names that a picture shows.
const TOP_NAMES: usize = 8;
/// Characters of a name that are shown.
const NAME_CHARS_MAX: usize = 60;
/// Bars of a histogram, and points of a course.
pub(crate) const BARS: usize = 24;

/// What a field holds.
#[derive(Clone, Debug, Serialize)]
pub struct FieldPicture {
    /// The name of the field.
    pub name: String,
    /// What it would be predicted as.
    pub kind: FieldKind,
    /// Records that have a value.
    pub values: u64,
    /// Records that have none.
    pub missing: u64,
    /// Distinct names, or the many that were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u64>,
    /// The most frequent names, and how often each is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<(String, u64)>,
    /// The numbers; of a text its length in bytes, of a gap the seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<NumberPicture>,
}

/// What the numbers of a field look like.
#[derive(Clone, Debug, Serialize)]
pub struct NumberPicture {
    /// The least number.
    pub min: f64,
    /// The number that half of the others are below.
    pub median: f64,
    /// The mean.
    pub mean: f64,
    /// The greatest number.
    pub max: f64,
    /// How many numbers lie in each of as many parts of the range from the first to the last of hundred.
    pub histogram: Vec<u64>,
    /// The course over the recording: means of as many parts of it.
    pub course: Vec<f64>,
}

impl FieldPicture {
    /// The picture of a field of numbers.
    pub(crate) fn of_numbers(name: &str, kind: FieldKind, numbers: &NumberSample, records: u64) -> FieldPicture {
        let (name, values) = (name.to_owned(), numbers.count);
        let (distinct, top, missing) = (None, Vec::new(), records.saturating_sub(values));
        FieldPicture { name, kind, values, missing, distinct, top, numbers: numbers.picture() }
    }

    /// The picture of a field of names or texts, whose lengths are the numbers.
    pub(crate) fn of_names(
        name: &str,
        kind: FieldKind,
        names: &CountedNames,
        lengths: &NumberSample,
        records: u64,
    ) -> FieldPicture {
        let (values, missing) = (names.count, records.saturating_sub(names.count));
        let (distinct, top) = (Some(names.counts.len() as u64), names.top());
        FieldPicture { name: name.to_owned(), kind, values, missing, distinct, top, numbers: lengths.picture() }
    }
}

/// Numbers, of which evenly chosen ones are kept.
#[derive(Clone, Debug)]
pub(crate) struct NumberSample {
    kept: Vec<f64>,
    /// One of so many numbers is kept.
    stride: u64,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Default for NumberSample {
    fn default() -> NumberSample {
        NumberSample { kept: Vec::new(), stride: 1, count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl NumberSample {
    pub(crate) fn add(&mut self, x: f64) {
        if self.count.is_multiple_of(self.stride) {
            if self.kept.len() == NUMBERS_KEPT_MAX {
                let mut i = 0;
                self.kept.retain(|_| {
                    i += 1;
                    i % 2 == 1
                });
                self.stride *= 2;
            }
            if self.count.is_multiple_of(self.stride) {
                self.kept.push(x);
            }
        }
        self.count += 1;
        self.sum += x;
        (self.min, self.max) = (self.min.min(x), self.max.max(x));
    }

    fn picture(&self) -> Option<NumberPicture> {
        if self.count == 0 {
            return None;
        }
        let mut sorted = self.kept.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
        // a few far numbers would make one bar of all the others
        let (low, high) = (at(0.01), at(0.99));
        let mut histogram = vec![0; BARS];
        for x in &self.kept {
            let place = if high > low { (x - low) / (high - low) } else { 0.0 };
            histogram[((place * BARS as f64) as usize).min(BARS - 1)] += 1;
        }
        let part = self.kept.len().div_ceil(BARS);
        let course = self.kept.chunks(part).map(|c| c.iter().sum::<f64>() / c.len() as f64).collect();
        let mean = self.sum / self.count as f64;
        Some(NumberPicture { min: self.min, median: at(0.5), mean, max: self.max, histogram, course })
    }
}

/// Names and how often each is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct CountedNames {
    counts: HashMap<Box<str>, u64>,
    count: u64,
}

impl CountedNames {
    pub(crate) fn add(&mut self, name: &str) {
        self.count += 1;
        if let Some(n) = self.counts.get_mut(name) {
            *n += 1;
        } else if self.counts.len() < NAMES_MAX {
            self.counts.insert(name.into(), 1);
        }
    }

    fn top(&self) -> Vec<(String, u64)> {
        let mut all: Vec<(&str, u64)> = self.counts.iter().map(|(name, n)| (&**name, *n)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let shown = |name: &str| match name.char_indices().nth(NAME_CHARS_MAX) {
            Some((end, _)) => format!("{}…", &name[..end]),
            None => name.to_owned(),
        };
        all.into_iter().take(TOP_NAMES).map(|(name, n)| (shown(name), n)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_numbers_are_kept_evenly() {
        let mut sample = NumberSample::default();
        (0..100_000).for_each(|i| sample.add(f64::from(i)));
        assert!(sample.kept.len() <= NUMBERS_KEPT_MAX && sample.kept.len() > NUMBERS_KEPT_MAX / 4);
        assert!(sample.kept.windows(2).all(|w| w[1] - w[0] == sample.stride as f64));
        let picture = sample.picture().unwrap();
        assert_eq!((picture.min, picture.max, picture.mean), (0.0, 99_999.0, 49_999.5));
        assert!((picture.median - 50_000.0).abs() < 100.0 && picture.course.windows(2).all(|w| w[1] > w[0]));
        let (least, most) = (picture.histogram.iter().min().unwrap(), picture.histogram.iter().max().unwrap());
        assert!(most - least <= most / 4, "{:?}", picture.histogram);
    }

    #[test]
    fn names_are_counted_up_to_a_bound() {
        let mut names = CountedNames::default();
        (0..50_000).for_each(|i| names.add(&format!("n{}", i % 40_000)));
        assert_eq!((names.count, names.counts.len()), (50_000, NAMES_MAX));
        assert_eq!(names.top()[0], ("n0".to_owned(), 2));
    }
}
