//! What is odd, from evidence: sources tell in bits how unusual an event is, and this crate weighs them together.
//!
//! A *source* of evidence is anything that has an opinion about an event: a field, a template of log lines, a gap. A
//! *channel* is a kind of evidence, such as the novelty of a value, and many sources share it. Bits of different
//! channels are not comparable: a new template costs more bits than a number out of range, and on one stream new
//! templates come every minute, on another one never. So evidence is made comparable twice:
//!
//! * [`HighMark`] belongs to a source and holds what the source has shown at most; only what goes beyond it counts.
//! * [`Judge`] belongs to a stream and measures each channel in a unit of its own, the level that the channel exceeds
//!   once in 500 events of this stream. It adds the channels up, and lets the sum fade over about ten events, so that
//!   several mildly odd events in a row count as much as one very odd event.
//!
//! ```
//! use surmise_alarm::{Channel, Evidence, Judge};
//!
//! let mut judge = Judge::new(vec![Channel::new("value", 5.0), Channel::new("number", 2.0)]);
//! let odd = [Evidence { channel: 1, bits: 6.0, part: 3 }, Evidence { channel: 0, bits: 10.0, part: 0 }];
//! let judgement = judge.judge(&odd, 1.0);
//! assert_eq!((judgement.sum, judgement.best), (3.0 + 2.0, Some(0)));
//! assert_eq!(judge.judge(&[], 1.0).sum, 0.93 * 5.0 - 0.1);
//! ```
//!
//! Everything here is pure and deterministic: no clock, no randomness, and a state of fixed size.

mod channel;
mod high_mark;
mod judge;

pub use channel::Channel;
pub use high_mark::HighMark;
pub use judge::{Evidence, Judge, Judgement};
