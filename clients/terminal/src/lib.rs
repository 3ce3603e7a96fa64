//! The terminal's side of a program: what `surmise` and `surmise-bench` share, so that both end, print and ask alike.
//!
//! * [`parse`] and [`finish`] are the first and the last step of a `main`: the command line, and the exit code.
//! * [`Failure`] is a command that did not do its work, with the [`Exit`] code of sysexits that tells scripts why.
//! * [`plain`] makes text from elsewhere harmless, and [`event_pieces`] says what is odd in an event.
//! * [`Paint`], [`Table`] and the functions of [`mod@format`] print for people; [`Output`] chooses JSON instead.
//! * [`Http`] asks a daemon, and [`FeedParser`] reads the feeds that it sends.
//!
//! The crate knows no learner, so a program that only sends events stays small.

mod event_text;
mod exit;
mod feed;
pub mod format;
mod http;
mod incident_words;
mod output;
mod paint;
mod plain;
mod table;

pub use event_text::{EventPiece, EventPieceKind, ODD_BITS, event_pieces};
pub use exit::{Exit, Failure, finish, parse};
pub use feed::{FeedEvent, FeedParser};
pub use http::{Http, from_json};
pub use incident_words::{incident_kind, incident_words};
pub use output::{Output, print_line, print_lines};
pub use paint::Paint;
pub use plain::plain;
pub use surmise_client::segment;
pub use table::Table;
