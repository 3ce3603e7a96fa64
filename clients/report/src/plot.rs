//! A figure as data: layers over two axes.

use crate::axis::Axis;

/// The colour of a layer: a place in the palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tone(pub(crate) usize);

impl Tone {
    /// What the figure is about: the mixture.
    pub(crate) const MAIN: Tone = Tone(0);
    /// What is seen in the background and has no name of its own.
    pub(crate) const FAINT: Tone = Tone(8);
    /// Rules and bounds.
    pub(crate) const RULE: Tone = Tone(9);
    /// What is unusual.
    pub(crate) const ALARM: Tone = Tone(10);
    /// Tones in the palette.
    pub(crate) const ALL: usize = 11;

    /// The tone of the layer with this number, counted from 0, where the main one has been taken.
    pub(crate) fn of(place: usize) -> Tone {
        Tone(if place < 7 { place + 1 } else { Tone::FAINT.0 })
    }
}

/// One layer of a plot. Coordinates are values of the axes.
#[derive(Clone, Debug)]
pub(crate) enum PlotLayer {
    /// A line through points.
    Line(Vec<(f64, f64)>),
    /// The area between two values at every x.
    Band(Vec<(f64, f64, f64)>),
    /// Single points.
    Dots(Vec<(f64, f64)>),
    /// Bars from x to x, up from zero.
    Bars(Vec<(f64, f64, f64)>),
    /// A horizontal line.
    Rule(f64),
    /// The line on which both axes have the same value.
    Diagonal,
    /// Marks along the x-axis.
    Marks(Vec<f64>),
}

/// A layer with what the legend says of it.
#[derive(Clone, Debug)]
pub(crate) struct NamedLayer {
    pub(crate) layer: PlotLayer,
    pub(crate) tone: Tone,
    /// What it is; empty for a layer that the legend does not list.
    pub(crate) name: String,
    /// What the legend tells beside the name.
    pub(crate) value: String,
}

/// The shape of a plot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlotShape {
    /// Wide: a course.
    Course,
    /// Nearly square: two things of the same kind.
    Square,
}

/// A figure of a report.
#[derive(Clone, Debug)]
pub struct Plot {
    /// The name of its file, without an ending.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// How it is to be read.
    pub about: String,
    pub(crate) shape: PlotShape,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) layers: Vec<NamedLayer>,
}

impl Plot {
    pub(crate) fn new(name: &str, title: String, x: Axis, y: Axis) -> Plot {
        let name = file_name(name);
        Plot { name, title, about: String::new(), shape: PlotShape::Course, x, y, layers: Vec::new() }
    }

    pub(crate) fn about(mut self, about: &str) -> Plot {
        self.about = about.into();
        self
    }

    pub(crate) fn square(mut self) -> Plot {
        self.shape = PlotShape::Square;
        self
    }

    /// Adds a layer that the legend lists.
    pub(crate) fn with(mut self, tone: Tone, name: &str, value: String, layer: PlotLayer) -> Plot {
        self.layers.push(NamedLayer { layer, tone, name: name.into(), value });
        self
    }
}

/// A name that is one of a file everywhere.
fn file_name(name: &str) -> String {
    const CHARS_MAX: usize = 60;
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let mut out = String::new();
    for c in name.chars().map(plain).take(CHARS_MAX) {
        if c != '-' || !out.ends_with('-') {
            out.push(c);
        }
    }
    out.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_a_name_that_is_one_of_a_file() {
        assert_eq!(file_name("curve-3-../../etc/pass wd\u{202e}<x>"), "curve-3-etc-pass-wd-x");
        assert_eq!(file_name(&"a".repeat(500)).len(), 60);
    }
}
