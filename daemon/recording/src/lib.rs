//! Recordings: files of several formats as streams of events.
//!
//! A [`Source`] reads files as [`surmise_event::Record`]s, in bounded memory and in one pass. `surmise send` sends
//! exactly the records that `surmise replay` learns from. Nothing here knows how predictions are made.

mod choice;
mod error;
mod format;
mod infer;
mod input;
mod read;
mod reader;
mod source;

pub use choice::{FieldChoice, KindChoice};
pub use error::SourceError;
pub use format::Format;
pub use reader::{Item, SourceOptions};
pub use source::Source;
