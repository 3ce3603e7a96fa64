//! The legend of a figure: names in rows, as many in each as fit.

use crate::plot::{NamedLayer, Plot, PlotLayer, Tone};

/// Width of the sample of a layer, and of the gaps around it.
const SAMPLE: f64 = 18.0;
const GAP: f64 = 7.0;
/// Width between two entries.
const BETWEEN: f64 = 18.0;
/// Characters of a name that are shown at most.
const NAME_CHARS_MAX: usize = 34;
/// Entries that are listed at most.
const ENTRIES_MAX: usize = 14;

/// An entry with its place.
#[derive(Clone, Debug)]
pub(crate) struct LegendEntry {
    pub(crate) x: f64,
    pub(crate) row: usize,
    pub(crate) sample: LegendSample,
    pub(crate) tone: Tone,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// What stands before the name of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LegendSample {
    /// A stroke.
    Stroke,
    /// A dashed stroke.
    Dashes,
    /// A filled square.
    Area,
    /// A dot.
    Dot,
}

/// About how wide a text is.
pub(crate) fn width_of(text: &str) -> f64 {
    text.chars()
        .map(|c| {
            if c.is_ascii_uppercase() || c == 'm' {
                8.4
            } else if c.is_ascii() {
                6.7
            } else {
                9.0
            }
        })
        .sum()
}

fn sample_of(layer: &PlotLayer) -> LegendSample {
    match layer {
        PlotLayer::Line(_) => LegendSample::Stroke,
        PlotLayer::Rule(_) | PlotLayer::Diagonal => LegendSample::Dashes,
        PlotLayer::Band(_) | PlotLayer::Bars(_) => LegendSample::Area,
        PlotLayer::Dots(_) | PlotLayer::Marks(_) => LegendSample::Dot,
    }
}

/// The entries of a plot's legend within a width, and how many rows they take.
pub(crate) fn legend(plot: &Plot, width: f64) -> (Vec<LegendEntry>, usize) {
    let (mut x, mut row) = (0.0, 0);
    let mut entries = Vec::new();
    for NamedLayer { layer, tone, name, value } in plot.layers.iter().filter(|l| !l.name.is_empty()).take(ENTRIES_MAX) {
        let name = shortened(name);
        let named = SAMPLE + GAP + width_of(&name);
        let whole = named + if value.is_empty() { 0.0 } else { GAP + width_of(value) };
        if x > 0.0 && x + whole > width {
            (x, row) = (0.0, row + 1);
        }
        entries.push(LegendEntry { x, row, sample: sample_of(layer), tone: *tone, name, value: value.clone() });
        x += whole + BETWEEN;
    }
    let rows = if entries.is_empty() { 0 } else { row + 1 };
    (entries, rows)
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_CHARS_MAX {
        return name.to_owned();
    }
    name.chars().take(NAME_CHARS_MAX - 1).chain(['…']).collect()
}
