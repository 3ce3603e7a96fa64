//! Axes: where a value lies between two ends, and the round values that are written beside it.

use crate::html::{brief, number};

/// How values lie on an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AxisScale {
    /// Equal differences are equal distances.
    Linear,
    /// Equal factors are equal distances.
    Logarithmic,
}

/// How values are written beside an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AxisNumbers {
    /// As they are.
    Plain,
    /// Large ones in short: 10k.
    Brief,
    /// As shares in per cent.
    Percent,
}

/// One axis of a plot.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// What is measured, in words.
    pub(crate) label: String,
    pub(crate) scale: AxisScale,
    pub(crate) numbers: AxisNumbers,
    /// The values at its ends, the lower one first.
    pub(crate) ends: (f64, f64),
}

impl Axis {
    /// An axis over all values that are finite, with some room at its ends.
    pub(crate) fn over(label: &str, values: impl Iterator<Item = f64>) -> Axis {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for x in values.filter(|x| x.is_finite()) {
            (low, high) = (low.min(x), high.max(x));
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        // what is positive begins at zero, unless that would flatten it
        let room = ((high - low) * 0.06).max(high.abs() * 1e-3).max(1e-9);
        let begin = if low >= 0.0 && low < 0.4 * high { 0.0 } else { low - room };
        Axis { label: label.into(), scale: AxisScale::Linear, numbers: AxisNumbers::Plain, ends: (begin, high + room) }
    }

    /// An axis from one value to another.
    pub(crate) fn between(label: &str, low: f64, high: f64) -> Axis {
        Axis { label: label.into(), scale: AxisScale::Linear, numbers: AxisNumbers::Plain, ends: (low, high) }
    }

    pub(crate) fn logarithmic(mut self) -> Axis {
        self.scale = AxisScale::Logarithmic;
        self.ends.0 = self.ends.0.max(self.ends.1 * 1e-12).max(1e-12);
        if self.ends.1 <= self.ends.0 {
            self.ends.1 = self.ends.0 * 10.0;
        }
        self
    }

    pub(crate) fn written(mut self, numbers: AxisNumbers) -> Axis {
        self.numbers = numbers;
        self
    }

    /// Where a value lies: 0 at the lower end, 1 at the upper one.
    pub(crate) fn place(&self, x: f64) -> f64 {
        let (low, high) = self.ends;
        match self.scale {
            AxisScale::Linear => (x - low) / (high - low).max(f64::MIN_POSITIVE),
            AxisScale::Logarithmic => (x.max(low * 1e-3) / low).ln() / (high / low).ln(),
        }
    }

    /// Round values within the axis, about so many.
    pub(crate) fn ticks(&self, about: usize) -> Vec<f64> {
        match self.scale {
            AxisScale::Linear => linear_ticks(self.ends, about),
            AxisScale::Logarithmic => logarithmic_ticks(self.ends, about),
        }
    }

    /// A value as it is written.
    pub(crate) fn write(&self, x: f64) -> String {
        match self.numbers {
            AxisNumbers::Percent => format!("{} %", trimmed(x * 100.0)),
            AxisNumbers::Brief => brief(x),
            AxisNumbers::Plain if x.abs() >= 1e4 => brief(x),
            AxisNumbers::Plain if x != 0.0 && x.abs() < 1e-3 => number(x),
            AxisNumbers::Plain => trimmed(x),
        }
    }
}

/// A number without zeros at its end.
fn trimmed(x: f64) -> String {
    let text = format!("{x:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let text = if text == "-0" { "0" } else { text };
    text.replacen('-', "−", 1)
}

fn linear_ticks((low, high): (f64, f64), about: usize) -> Vec<f64> {
    let rough = (high - low) / about.max(1) as f64;
    if rough.is_nan() || rough <= 0.0 {
        return vec![low];
    }
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= rough).unwrap_or(power);
    let first = (low / step).ceil() as i64;
    (first..).map(|i| i as f64 * step).take_while(|x| *x <= high + step * 1e-9).take(50).collect()
}

fn logarithmic_ticks((low, high): (f64, f64), about: usize) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let decades = (last - first).max(1) as usize;
    let every = decades.div_ceil(about.max(1)).max(1);
    let within = |x: &f64| (low * 0.999..=high * 1.001).contains(x);
    let of = |digits: &[f64]| -> Vec<f64> {
        let powers = (first..=last).step_by(every).map(|e| 10f64.powi(e));
        powers.flat_map(|p| digits.iter().map(move |d| d * p)).filter(within).collect()
    };
    let plain = of(&[1.0]);
    if plain.len() >= 3 || every > 1 { plain } else { of(&[1.0, 2.0, 5.0]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let axis = Axis::between("bits", 0.13, 2.4);
        assert_eq!(axis.ticks(5), [0.5, 1.0, 1.5, 2.0]);
        let axis = Axis::between("events", 16.0, 2e6).logarithmic().written(AxisNumbers::Brief);
        let written: Vec<String> = axis.ticks(6).iter().map(|x| axis.write(*x)).collect();
        assert_eq!(written, ["100", "1000", "10k", "100k", "1M"]);
        assert!((axis.place(16.0), axis.place(2e6)) == (0.0, 1.0));
        assert_eq!(Axis::between("x", 20.0, 90.0).logarithmic().ticks(5), [20.0, 50.0]);
    }

    #[test]
    fn an_axis_over_nothing_or_one_value_is_one_all_the_same() {
        for values in [vec![], vec![f64::NAN], vec![3.0], vec![0.0], vec![-2.0]] {
            let axis = Axis::over("", values.iter().copied());
            assert!(axis.ends.0 < axis.ends.1, "{values:?}: {:?}", axis.ends);
            assert!(axis.ticks(5).iter().all(|x| axis.place(*x).is_finite()));
            let axis = axis.logarithmic();
            assert!(axis.ends.0 < axis.ends.1 && axis.ticks(5).len() < 60);
        }
        assert_eq!(Axis::over("", [0.5, 4.0].into_iter()).ends.0, 0.0);
    }

    #[test]
    fn shares_are_written_in_per_cent() {
        let axis = Axis::between("share", 0.0, 1.0).written(AxisNumbers::Percent);
        assert_eq!(axis.write(0.25), "25 %");
        assert_eq!(Axis::between("x", -1.0, 1.0).write(-0.5), "−0.5");
    }
}
