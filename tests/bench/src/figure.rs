//! Figures: what was measured, for people and for programs alike.

use serde::Serialize;
use surmise_terminal::format::number;
use surmise_terminal::{Paint, Table};

/// One measured figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    /// The part of the bench that measured it.
    pub(crate) part: &'static str,
    /// The thing that was measured: a stream, a machine, a program.
    pub(crate) of: String,
    /// The quantity that was measured.
    pub(crate) name: String,
    /// The median of the repeats.
    pub(crate) value: f64,
    /// The least and the greatest of the repeats, if there were several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) range: Option<[f64; 2]>,
    pub(crate) unit: &'static str,
    /// The bars of the figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) asked: Option<Goal>,
}

/// The bars of a figure: what it must reach, and what it should.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Goal {
    /// Whether less is better.
    at_most: bool,
    must: f64,
    reach: f64,
    /// Whether the value is within `must`.
    met: bool,
}

impl Figure {
    pub(crate) fn at_least(&mut self, must: f64, reach: f64) {
        self.asked = Some(Goal { at_most: false, must, reach, met: self.value >= must });
    }

    pub(crate) fn at_most(&mut self, must: f64, reach: f64) {
        self.asked = Some(Goal { at_most: true, must, reach, met: self.value <= must });
    }

    fn asked_text(&self) -> [String; 2] {
        match self.asked {
            None => [String::new(), String::new()],
            Some(a) => {
                let sign = if a.at_most { "≤" } else { "≥" };
                let met = if a.met { "yes" } else { "NO" };
                [format!("{sign} {} / {}", readable(a.must), readable(a.reach)), met.into()]
            }
        }
    }
}

/// All figures, in the order in which they were measured.
#[derive(Default)]
pub(crate) struct Figures(pub(crate) Vec<Figure>);

impl Figures {
    /// Adds a figure: the median of its repeats.
    pub(crate) fn put(
        &mut self,
        part: &'static str,
        of: impl Into<String>,
        name: impl Into<String>,
        samples: &[f64],
        unit: &'static str,
    ) -> &mut Figure {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let range = (sorted.len() > 1).then(|| [sorted[0], sorted[sorted.len() - 1]]);
        let value = median(&sorted);
        self.0.push(Figure { part, of: of.into(), name: name.into(), value, range, unit, asked: None });
        self.0.last_mut().expect("invariant: it was just put there")
    }

    /// The latest figure of this description.
    pub(crate) fn get(&self, part: &str, of: &str, name: &str) -> Option<f64> {
        self.0.iter().rev().find(|f| f.part == part && f.of == of && f.name == name).map(|f| f.value)
    }

    /// One part as a table.
    pub(crate) fn table(&self, part: &str, paint: Paint) -> Vec<String> {
        let mut t = Table::new(2, ["", "", "median", "", "least", "greatest", "must / reach", "met"]);
        let mut last = "";
        for f in self.0.iter().filter(|f| f.part == part) {
            let of = if f.of == last { String::new() } else { f.of.clone() };
            last = &f.of;
            let [low, high] = f.range.map_or_else(Default::default, |r| r.map(readable));
            let [asked, met] = f.asked_text();
            t.row([of, f.name.clone(), readable(f.value), f.unit.into(), low, high, asked, met]);
        }
        t.lines(paint)
    }
}

/// The middle of sorted values; of none, not a number.
fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

fn readable(x: f64) -> String {
    if x.is_finite() && x.abs() >= 1e4 { surmise_terminal::format::count(x.round() as u64) } else { number(x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_what_is_asked() {
        let mut f = Figures::default();
        f.put("p", "a", "x", &[3.0, 1.0, 2.0], "s").at_most(2.0, 1.0);
        f.put("p", "a", "y", &[1.0, 4.0], "s").at_least(3.0, 4.0);
        assert_eq!((f.get("p", "a", "x"), f.get("p", "a", "y"), f.get("p", "b", "x")), (Some(2.0), Some(2.5), None));
        assert_eq!(f.0[0].range, Some([1.0, 3.0]));
        assert!(f.0[0].asked.unwrap().met && !f.0[1].asked.unwrap().met);
        assert!(median(&[]).is_nan());
        assert_eq!(f.table("p", Paint::stdout()).len(), 3);
    }
}
