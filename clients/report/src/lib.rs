//! Reports: what a replay found, as one page of HTML that needs nothing else, and as figures.
//!
//! A [`ReplayReport`] is a view of a [`ReplayResult`](surmise_evaluation::ReplayResult): [`ReplayReport::page`] writes
//! it as a page without scripts and without requests, which prints and fits a phone; [`ReplayReport::figures`] gives
//! its figures, each as SVG or PNG. Everything that events contain is shown as text, whatever it contains.
//!
//! A figure is a [`Plot`]: layers over two axes, which know nothing of what they show. `figures.rs` and
//! `figures_of_claims.rs` say what is drawn, `sections.rs` and its neighbours what is written around it.

mod axis;
mod contents;
mod event_text;
mod figures;
mod figures_of_claims;
mod html;
mod legend;
mod page;
mod plot;
mod png;
mod report;
mod sections;
mod style;
mod svg;
mod tensorboard;
mod unusual;

pub use contents::{OtherReplay, ReplayReport};
pub use plot::Plot;
pub use png::FigureError;
pub use tensorboard::EventsFile;
