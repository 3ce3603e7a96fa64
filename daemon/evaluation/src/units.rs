//! The unit in which errors of a number are reported: the standard deviation of some rows of its column.

use std::collections::BTreeMap;

/// Mean and squared deviations of a column, in one pass (Welford, 1962).
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

/// The standard deviations of all columns over the rows that were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct ErrorUnits {
    columns: BTreeMap<String, Moments>,
}

impl ErrorUnits {
    /// Adds a value of a column.
    pub(crate) fn add(&mut self, field: &str, x: f64) {
        let m = match self.columns.get_mut(field) {
            Some(m) => m,
            None => self.columns.entry(field.to_owned()).or_default(),
        };
        m.count += 1;
        let d = x - m.mean;
        m.mean += d / m.count as f64;
        m.squares += d * (x - m.mean);
    }

    /// The population's standard deviation; `None` if there is none to divide by.
    pub(crate) fn of(&self, field: &str) -> Option<f64> {
        let m = self.columns.get(field)?;
        let sd = (m.squares / m.count as f64).sqrt();
        (sd.is_finite() && sd > 0.0).then_some(sd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_population_counts() {
        let mut u = ErrorUnits::default();
        for x in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] {
            u.add("a", x);
            u.add("b", 1.0);
        }
        assert_eq!((u.of("a"), u.of("b"), u.of("c")), (Some(2.0), None, None));
    }
}
