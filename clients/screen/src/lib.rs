//! What is drawn on a terminal: the frames of `surmise top`, and pictures of predictions.
//!
//! [`Overview`] is what is known of all streams, [`Viewer`] what a person looks at, and [`draw`] makes a frame of
//! the two, without asking, waiting or changing anything. [`top`] is the loop around them: a terminal, the keys,
//! and threads that ask the daemon. Everything that comes from elsewhere goes through
//! [`plain`](surmise_terminal::plain), and is measured in cells.

mod cells;
mod draw;
mod follow;
mod opened;
mod overview;
mod plot;
mod terminal;
mod top;
mod viewer;
mod words;

pub use draw::{Ink, Scene, draw, page_rows};
pub use opened::OpenedStream;
pub use overview::{DaemonLink, Overview};
pub use plot::{PlotStyle, bars, fan, interval, symbol_bars};
pub use top::top;
pub use viewer::{COURSES, SortColumn, ViewKind, Viewer, Wish};
pub use words::{plural, symbol};
