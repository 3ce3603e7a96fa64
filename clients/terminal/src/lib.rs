//! The terminal's side of a program: what `surmise` and `surmise-bench` share, so that both end, print and ask alike.
//!
//! * [`parse`] and [`finish`] are the first and the last step of a `main`: the command line, and the exit code.
//! * [`Failure`] is a command that did not do its work, with the [`Exit`] code of sysexits that tells scripts why.
//! * [`Paint`], [`Table`] and the functions of [`mod@format`] print for people; [`Output`] chooses JSON instead.
//! * [`Http`] asks a daemon.
//!
//! The crate knows no learner, so a program that only sends events stays small.

mod exit;
pub mod format;
mod http;
mod output;
mod paint;
mod table;

pub use exit::{Exit, Failure, finish, parse};
pub use http::{Http, from_json, segment};
pub use output::{Output, print_line, print_lines};
pub use paint::Paint;
pub use table::Table;
