//! A figure as PNG.

use crate::plot::Plot;
use crate::style::{LIGHT, figure_rules};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};
use std::sync::{Arc, OnceLock};

/// Pixels of the picture for one of the figure.
const SCALE: f32 = 2.0;

/// The letters of pictures. They are part of the program, so that a picture is the same on every machine.
const REGULAR: &[u8] = include_bytes!("../fonts/Inter-Regular.ttf");
const SEMI_BOLD: &[u8] = include_bytes!("../fonts/Inter-SemiBold.ttf");

/// Why there is no picture of a figure.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// The figure could not be read.
    #[error("figure {name} cannot be drawn: {error}")]
    Svg {
        /// The figure.
        name: String,
        /// What is wrong.
        error: resvg::usvg::Error,
    },
    /// The picture could not be encoded.
    #[error("figure {name} cannot be encoded")]
    Png {
        /// The figure.
        name: String,
    },
}

/// The letters, read once.
fn letters() -> Arc<Database> {
    static LETTERS: OnceLock<Arc<Database>> = OnceLock::new();
    let read = || {
        let mut letters = Database::new();
        letters.load_font_data(REGULAR.to_vec());
        letters.load_font_data(SEMI_BOLD.to_vec());
        letters.set_sans_serif_family("Inter");
        Arc::new(letters)
    };
    LETTERS.get_or_init(read).clone()
}

impl Plot {
    /// The figure as a picture, dark on light.
    ///
    /// # Errors
    /// The figure could not be drawn, which is a fault of this program.
    pub fn png(&self) -> Result<Vec<u8>, FigureError> {
        let options = Options { fontdb: letters(), ..Options::default() };
        let tree = Tree::from_str(&self.alone(&figure_rules(&LIGHT)), &options)
            .map_err(|error| FigureError::Svg { name: self.name.clone(), error })?;
        let size = tree.size();
        let (width, height) = ((size.width() * SCALE).ceil() as u32, (size.height() * SCALE).ceil() as u32);
        let no_picture = || FigureError::Png { name: self.name.clone() };
        let mut picture = Pixmap::new(width, height).ok_or_else(no_picture)?;
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut picture.as_mut());
        picture.encode_png().map_err(|_| no_picture())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::Axis;
    use crate::plot::{PlotLayer, Tone};

    /// The ink of lines and of letters is there, each in its colour.
    #[test]
    fn a_picture_has_lines_and_letters() {
        let (x, y) = (Axis::between("events", 0.0, 9.0), Axis::between("bits", 0.0, 9.0));
        let line = PlotLayer::Line((0..10).map(|i| (f64::from(i), f64::from(i))).collect());
        let plot = Plot::new("p", "Title".into(), x, y).with(Tone::MAIN, "mixture", "1".into(), line);
        let picture = Pixmap::decode_png(&plot.png().unwrap()).unwrap();
        let near = |hue: [u8; 3]| {
            let close = |a: u8, b: u8| a.abs_diff(b) < 12;
            let alike = |p: &&resvg::tiny_skia::PremultipliedColorU8| {
                close(p.red(), hue[0]) && close(p.green(), hue[1]) && close(p.blue(), hue[2])
            };
            picture.pixels().iter().filter(alike).count()
        };
        assert!((picture.width(), near([0x24, 0x53, 0xc4])) > (1400, 500), "{}", near([0x24, 0x53, 0xc4]));
        assert!(near([0x1b, 0x1d, 0x21]) > 50, "letters: {}", near([0x1b, 0x1d, 0x21]));
    }
}
