//! Colours: those of the daemon's page, for light and dark, and the rules of figures that use them.

use crate::plot::Tone;
use std::fmt::Write;

/// The colours of one look.
pub(crate) struct Palette {
    /// The ground of cards and figures.
    pub(crate) card: &'static str,
    pub(crate) ink: &'static str,
    pub(crate) dim: &'static str,
    pub(crate) line: &'static str,
    /// `[tones]`.
    pub(crate) tones: [&'static str; Tone::ALL],
}

/// Dark on light.
pub(crate) const LIGHT: Palette = Palette {
    card: "#ffffff",
    ink: "#1b1d21",
    dim: "#595f69",
    line: "#e3e3de",
    tones: [
        "#2453c4", "#c2571a", "#1b7247", "#8a3fa8", "#a17400", "#0f7f8c", "#b03a6f", "#5b6b1e", "#b9bdc4", "#8a919b",
        "#b3261c",
    ],
};

/// Light on dark.
pub(crate) const DARK: Palette = Palette {
    card: "#191c20",
    ink: "#eceef1",
    dim: "#a3abb6",
    line: "#2c3138",
    tones: [
        "#82abff", "#ff9d5c", "#63d19a", "#d59bf0", "#e9ba5b", "#5fcbd8", "#f58bb6", "#b9cc6a", "#4d545e", "#7d8590",
        "#ff8f80",
    ],
};

/// The family of letters in figures: that of the system on pages, the embedded one in pictures.
pub(crate) const FONT: &str = "system-ui, -apple-system, 'Segoe UI', Inter, sans-serif";

/// The rules of figures with the colours written out, for a figure that stands alone.
pub(crate) fn figure_rules(palette: &Palette) -> String {
    let colour = |name: &str| match name {
        "card" => palette.card.to_owned(),
        "ink" => palette.ink.to_owned(),
        "dim" => palette.dim.to_owned(),
        "line" => palette.line.to_owned(),
        tone => palette.tones[tone[1..].parse::<usize>().unwrap_or(0)].to_owned(),
    };
    rules("", &colour)
}

/// The rules of figures within a page, whose colours are variables.
pub(crate) fn page_figure_rules() -> String {
    rules("svg.plot ", &|name| format!("var(--{name})"))
}

fn rules(within: &str, colour: &dyn Fn(&str) -> String) -> String {
    let mut css = String::new();
    let (ink, dim, line, card) = (colour("ink"), colour("dim"), colour("line"), colour("card"));
    let _ = write!(
        css,
        "{within}text{{font-size:12px;font-family:{FONT};fill:{dim}}}{within}.name{{fill:{ink}}}{within}.value{{fill:{dim}}}\
         {within}.head{{fill:{ink};font-size:15px;font-weight:600}}{within}.ground{{fill:{card}}}\
         {within}.grid{{stroke:{line};stroke-width:1}}{within}.line{{fill:none;stroke-width:1.6;stroke-linejoin:round}}\
         {within}.main{{stroke-width:2.4}}{within}.thin{{stroke-width:1}}{within}.rule{{fill:none;stroke-width:1.2;\
         stroke-dasharray:4 4}}{within}.area{{stroke:none;fill-opacity:.18}}{within}.bar{{stroke:none;fill-opacity:.75}}"
    );
    for tone in 0..Tone::ALL {
        let hue = colour(&format!("t{tone}"));
        let _ = write!(css, "{within}.s{tone}{{stroke:{hue}}}{within}.f{tone}{{fill:{hue}}}");
    }
    css
}

/// The variables of one look.
fn variables(palette: &Palette) -> String {
    let mut css =
        format!("--card:{};--ink:{};--dim:{};--line:{};", palette.card, palette.ink, palette.dim, palette.line);
    for (tone, hue) in palette.tones.iter().enumerate() {
        let _ = write!(css, "--t{tone}:{hue};");
    }
    css
}

/// The whole style of a page.
pub(crate) fn page_style() -> String {
    let (light, dark) = (variables(&LIGHT), variables(&DARK));
    let extra_light = "--bg:#f6f6f3;--hover:#efefea;--mark:#ffdcd6;--alarm-bg:#fcebe8;";
    let extra_dark = "--bg:#101215;--hover:#22262c;--mark:#6b2620;--alarm-bg:#35191a;";
    format!(
        ":root{{color-scheme:light dark;{light}{extra_light}}}\
         @media (prefers-color-scheme:dark){{:root{{{dark}{extra_dark}}}}}\
         @media print{{:root{{color-scheme:light;{light}{extra_light}--bg:#ffffff;}}}}{}{}",
        page_figure_rules(),
        include_str!("page.css")
    )
}
