//! A plot as SVG.

use crate::html::escape;
use crate::legend::{LegendEntry, LegendSample, legend, width_of};
use crate::plot::{NamedLayer, Plot, PlotLayer, PlotShape, Tone};
use crate::style::{DARK, LIGHT, figure_rules};
use std::fmt::Write;

/// How wide a figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FigureWidth {
    /// As a page has room.
    Wide,
    /// As a phone has room.
    Narrow,
}

/// The places within a figure.
struct Frame {
    width: f64,
    height: f64,
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Frame {
    fn x(&self, place: f64) -> f64 {
        self.left + place * (self.right - self.left)
    }

    fn y(&self, place: f64) -> f64 {
        self.bottom - place * (self.bottom - self.top)
    }
}

/// Height of a row of the legend.
const ROW: f64 = 20.0;

/// A coordinate with one decimal.
fn at(x: f64) -> String {
    let text = format!("{:.1}", x.clamp(-9999.0, 9999.0));
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

impl Plot {
    /// The figure as a file of its own, which adapts to light and dark.
    pub fn svg(&self) -> String {
        let dark = format!("@media (prefers-color-scheme:dark){{{}}}", figure_rules(&DARK));
        self.alone(&format!("{}{dark}", figure_rules(&LIGHT)))
    }

    /// The figure with its title, alone, under these rules.
    pub(crate) fn alone(&self, rules: &str) -> String {
        let mut body = String::new();
        let (width, height) = self.draw(&mut body, FigureWidth::Wide);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" role=\"img\">\
             <title>{title}</title><style>{rules}</style><rect class=\"ground\" width=\"{w}\" height=\"{h}\"/>\
             <text class=\"head\" x=\"16\" y=\"26\">{title}</text><g transform=\"translate(8 40)\">{body}</g></svg>\n",
            w = at(width + 16.0),
            h = at(height + 48.0),
            title = escape(&self.title),
        )
    }

    /// The figure within a page, as wide as is asked for.
    pub(crate) fn inline(&self, width: FigureWidth) -> String {
        let mut body = String::new();
        let (w, h) = self.draw(&mut body, width);
        let class = if width == FigureWidth::Wide { "plot wide" } else { "plot narrow" };
        format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{body}</svg>",
            at(w),
            at(h),
            escape(&self.title)
        )
    }

    /// Draws everything; tells the width and the height that it takes.
    fn draw(&self, out: &mut String, width: FigureWidth) -> (f64, f64) {
        let (width, plain_height, x_ticks) = match (self.shape, width) {
            (PlotShape::Course, FigureWidth::Wide) => (720.0, 300.0, 7),
            (PlotShape::Square, FigureWidth::Wide) => (350.0, 310.0, 4),
            (PlotShape::Course, FigureWidth::Narrow) => (350.0, 250.0, 4),
            (PlotShape::Square, FigureWidth::Narrow) => (350.0, 310.0, 4),
        };
        let y_ticks = self.y.ticks(5);
        let widest = y_ticks.iter().map(|y| width_of(&self.y.write(*y))).fold(20.0, f64::max);
        let left = widest + 14.0;
        let (entries, rows) = legend(self, width - left - 4.0);
        let height = plain_height + if rows > 0 { 8.0 } else { 0.0 } + rows as f64 * ROW;
        let frame = Frame { width, height, left, top: 26.0, right: width - 14.0, bottom: plain_height - 38.0 };
        self.axes(out, &frame, &y_ticks, x_ticks);
        let _ = write!(
            out,
            "<svg x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" viewBox=\"{} {} {} {}\">",
            at(frame.left),
            at(frame.top - 3.0),
            at(frame.right - frame.left),
            at(frame.bottom - frame.top + 6.0),
            at(frame.left),
            at(frame.top - 3.0),
            at(frame.right - frame.left),
            at(frame.bottom - frame.top + 6.0),
        );
        // what is faint or named last lies below
        for named in self.layers.iter().rev() {
            self.layer(out, &frame, named);
        }
        out.push_str("</svg>");
        for entry in &entries {
            write_entry(out, &frame, entry, plain_height);
        }
        (frame.width, frame.height)
    }

    fn axes(&self, out: &mut String, frame: &Frame, y_ticks: &[f64], x_ticks: usize) {
        for y in y_ticks {
            let place = frame.y(self.y.place(*y));
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{p}\" y2=\"{p}\"/>\
                 <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                at(frame.left),
                at(frame.right),
                at(frame.left - 8.0),
                at(place + 4.0),
                escape(&self.y.write(*y)),
                p = at(place),
            );
        }
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{l}\" x2=\"{r}\" y1=\"{b}\" y2=\"{b}\"/>",
            l = at(frame.left),
            r = at(frame.right),
            b = at(frame.bottom)
        );
        let mut free = f64::NEG_INFINITY;
        for x in self.x.ticks(x_ticks) {
            let (place, text) = (frame.x(self.x.place(x)), self.x.write(x));
            let half = width_of(&text) / 2.0;
            if place - half < free {
                continue;
            }
            free = place + half + 10.0;
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{p}\" x2=\"{p}\" y1=\"{}\" y2=\"{}\"/>\
                 <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                at(frame.bottom),
                at(frame.bottom + 4.0),
                at(place.min(frame.width - half - 2.0)),
                at(frame.bottom + 18.0),
                escape(&text),
                p = at(place),
            );
        }
        let _ = write!(
            out,
            "<text x=\"{}\" y=\"14\">{}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            at(4.0),
            escape(&self.y.label),
            at(frame.right),
            at(frame.bottom + 34.0),
            escape(&self.x.label)
        );
    }

    fn layer(&self, out: &mut String, frame: &Frame, named: &NamedLayer) {
        let NamedLayer { layer, tone, name, value } = named;
        let x = |x: f64| at(frame.x(self.x.place(x)));
        let y = |y: f64| at(frame.y(self.y.place(y)));
        let t = tone.0;
        let title =
            if name.is_empty() { String::new() } else { format!("<title>{} {}</title>", escape(name), escape(value)) };
        let _ = match layer {
            PlotLayer::Line(points) => {
                let weight = if *tone == Tone::MAIN {
                    " main"
                } else if *tone == Tone::FAINT {
                    " thin"
                } else {
                    ""
                };
                let path = path(points.iter().map(|(a, b)| (*a, *b)), &x, &y);
                write!(out, "<path class=\"line{weight} s{t}\" d=\"{path}\">{title}</path>")
            }
            PlotLayer::Band(points) => {
                let lower = points.iter().rev().map(|(a, low, _)| (*a, *low));
                let path = path(points.iter().map(|(a, _, high)| (*a, *high)).chain(lower), &x, &y);
                write!(out, "<path class=\"area f{t}\" d=\"{path}Z\">{title}</path>")
            }
            PlotLayer::Dots(points) => {
                points.iter().filter(|p| p.0.is_finite() && p.1.is_finite()).try_for_each(|(a, b)| {
                    write!(out, "<circle class=\"f{t}\" cx=\"{}\" cy=\"{}\" r=\"4\">{title}</circle>", x(*a), y(*b))
                })
            }
            PlotLayer::Bars(bars) => self.bars(out, frame, t, bars),
            PlotLayer::Rule(value) => write!(
                out,
                "<line class=\"rule s{t}\" x1=\"{}\" x2=\"{}\" y1=\"{p}\" y2=\"{p}\"/>",
                at(frame.left),
                at(frame.right),
                p = y(*value)
            ),
            PlotLayer::Diagonal => self.diagonal(out, frame, t),
            PlotLayer::Marks(places) => places.iter().try_for_each(|place| {
                let p = x(*place);
                let (low, high) = (at(frame.bottom), at(frame.bottom - 9.0));
                write!(out, "<line class=\"line s{t}\" x1=\"{p}\" x2=\"{p}\" y1=\"{low}\" y2=\"{high}\"/>")
            }),
        };
    }

    fn bars(&self, out: &mut String, frame: &Frame, tone: usize, bars: &[(f64, f64, f64)]) -> std::fmt::Result {
        bars.iter().try_for_each(|(from, to, high)| {
            let (left, right) = (frame.x(self.x.place(*from)), frame.x(self.x.place(*to)));
            let (top, bottom) = (frame.y(self.y.place(*high)), frame.y(self.y.place(0.0)));
            write!(
                out,
                "<rect class=\"bar f{tone}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"1.5\"/>",
                at(left + 1.0),
                at(top.min(bottom)),
                at((right - left - 2.0).max(0.5)),
                at((bottom - top).abs())
            )
        })
    }

    fn diagonal(&self, out: &mut String, frame: &Frame, tone: usize) -> std::fmt::Result {
        let low = self.x.ends.0.max(self.y.ends.0);
        let high = self.x.ends.1.min(self.y.ends.1);
        let place = |v: f64| (at(frame.x(self.x.place(v))), at(frame.y(self.y.place(v))));
        let ((x1, y1), (x2, y2)) = (place(low), place(high));
        write!(out, "<line class=\"rule s{tone}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>")
    }
}

fn write_entry(out: &mut String, frame: &Frame, entry: &LegendEntry, below: f64) {
    let (x, y) = (frame.left + entry.x, below + 16.0 + entry.row as f64 * ROW);
    let t = entry.tone.0;
    let _ = match entry.sample {
        LegendSample::Stroke | LegendSample::Dashes => write!(
            out,
            "<line class=\"{} s{t}\" x1=\"{}\" x2=\"{}\" y1=\"{p}\" y2=\"{p}\"/>",
            if entry.sample == LegendSample::Dashes {
                "rule"
            } else if entry.tone == Tone::MAIN {
                "line main"
            } else {
                "line"
            },
            at(x),
            at(x + 18.0),
            p = at(y - 4.0)
        ),
        LegendSample::Area => {
            write!(
                out,
                "<rect class=\"bar f{t}\" x=\"{}\" y=\"{}\" width=\"18\" height=\"8\" rx=\"2\"/>",
                at(x),
                at(y - 8.0)
            )
        }
        LegendSample::Dot => {
            write!(out, "<circle class=\"f{t}\" cx=\"{}\" cy=\"{}\" r=\"4\"/>", at(x + 9.0), at(y - 4.0))
        }
    };
    let value = if entry.value.is_empty() {
        String::new()
    } else {
        format!("<tspan class=\"value\" dx=\"7\">{}</tspan>", escape(&entry.value))
    };
    let name = escape(&entry.name);
    let _ = write!(out, "<text class=\"name\" x=\"{}\" y=\"{}\">{name}{value}</text>", at(x + 25.0), at(y));
}

/// A path through points; what is not finite breaks it.
fn path(points: impl Iterator<Item = (f64, f64)>, x: &dyn Fn(f64) -> String, y: &dyn Fn(f64) -> String) -> String {
    let (mut out, mut pen_down) = (String::new(), false);
    for (a, b) in points {
        if !a.is_finite() || !b.is_finite() {
            pen_down = false;
            continue;
        }
        let _ = write!(out, "{}{} {}", if pen_down { "L" } else { "M" }, x(a), y(b));
        pen_down = true;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::Axis;

    fn plot() -> Plot {
        let points: Vec<(f64, f64)> = (1..50).map(|i| (f64::from(i * i), 3.0 / f64::from(i))).collect();
        let x = Axis::between("events", 1.0, 2500.0).logarithmic();
        Plot::new("a <b>", "A \"title\" <b>".into(), x, Axis::between("bits", 0.0, 3.0))
            .with(Tone::MAIN, "mixture <i>", "1.5".into(), PlotLayer::Line(points.clone()))
            .with(
                Tone::of(0),
                "band",
                String::new(),
                PlotLayer::Band(points.iter().map(|(x, y)| (*x, y - 0.1, y + 0.1)).collect()),
            )
            .with(Tone::of(1), "dots", String::new(), PlotLayer::Dots(vec![(10.0, f64::NAN), (100.0, 1.0)]))
            .with(Tone::of(2), "bars", String::new(), PlotLayer::Bars(vec![(10.0, 20.0, 1.0)]))
            .with(Tone::RULE, "rule", String::new(), PlotLayer::Rule(1.0))
            .with(Tone::RULE, "", String::new(), PlotLayer::Diagonal)
            .with(Tone::ALARM, "incidents", String::new(), PlotLayer::Marks(vec![30.0]))
    }

    /// What a parser of XML accepts is what browsers and other programs read.
    #[test]
    fn a_figure_is_well_formed_and_draws_every_layer() {
        for svg in [plot().svg(), plot().inline(FigureWidth::Narrow)] {
            let tree = resvg::usvg::roxmltree::Document::parse(&svg).unwrap();
            let count =
                |name: &str| tree.descendants().filter(|n| n.has_tag_name(name) || n.tag_name().name() == name).count();
            assert!(count("path") == 2 && count("circle") >= 1 && count("rect") >= 1 && count("text") > 10, "{svg}");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert!(svg.contains("mixture &lt;i&gt;") && !svg.contains("<b>"));
        }
    }
}
