//! The wire protocol of surmise: what is said on the event socket, and the JSON of the HTTP interface.
//!
//! A producer writes one JSON object a line: at first perhaps a [`Hello`], then events ([`EventLine`]). The daemon
//! reads them with [`parse_line`] (or [`parse_plain`] on a connection without a hello) and answers with [`Reply`]s,
//! one a line. Parsing is strict: whatever is not understood is refused with a [`Refusal`] that names the field and
//! says what to do about it.

mod datum;
mod diagnose;
mod encode;
mod hello;
mod line;
mod reply;
mod status;

pub use hello::{Format, Hello, PROTOCOL, Want};
pub use line::{EventLine, LINE_BYTES_MAX, Line, parse_bare, parse_line, parse_plain};
pub use reply::{Ack, DriftEvent, ErrorReply, OutcomeReply, Reply, Welcome};
pub use status::{
    Accepted, AcceptedError, CheckpointInfo, CheckpointMark, Health, Problem, StreamList, StreamRow, StreamStatus,
};
pub use surmise_event::{Refusal, RefusalCode};

/// The candidate that a mistyped word was probably meant to be.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let close = |c: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &c.to_lowercase());
    candidates
        .into_iter()
        .map(|c| (close(c), c))
        .filter(|(d, c)| *d <= 1 + c.len() / 4 && *d < word.len().max(1))
        .min()
        .map(|(_, c)| c)
}
