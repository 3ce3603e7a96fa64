//! What is odd in a stream, and which of it a person needs to know.
//!
//! [`Alarms`] watches the events of one stream, of any kind: numbers with their forecasts, symbols and texts with what
//! they cost beyond what they should, times, ends of keys. Records of the past say how rare an event is in each
//! respect; all respects together give its *rarity*, once in N events of this stream; and rare events begin
//! *incidents*, no more of them than a budget promises, whatever the stream. PREDICTOR §10 has the whole definition.
//!
//! ```
//! use surmise_alarm::{Alarms, Reading};
//! use surmise_event::{AlarmBudget, AlarmPhase};
//!
//! let mut alarms = Alarms::default();
//! let mut event = |offset: u64, value: f64| {
//!     alarms.number(0, &Reading { value, forecast: 20.0, resolution: 0.1, usual: None, season: None, tails: None });
//!     alarms.verdict(offset, AlarmBudget::default())
//! };
//! for offset in 0..5_000 {
//!     assert!(event(offset, [19.0, 20.5, 21.0][offset as usize % 3]).alarm.is_none());
//! }
//! let (alarm, field) = event(5_000, 90.0).alarm.expect("an incident begins");
//! assert!(alarm.phase == AlarmPhase::Begins && alarm.rarity_events > 10_000.0 && field == Some(0));
//! ```
//!
//! Evidence that is weighed before it comes here is that of log lines:
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

mod alarms;
mod budget;
mod channel;
mod claim;
mod claim_record;
mod fading;
mod field_watch;
mod gap_watch;
mod high_mark;
mod incident;
mod incident_kind;
mod judge;
mod novelty;
mod number_watch;
mod opinions;
mod rarity;
mod session_watch;
mod silent_keys;
mod stream_incidents;
mod symbol_watch;
mod tail;
mod verdict;

pub use alarms::Alarms;
pub use channel::Channel;
pub use high_mark::HighMark;
pub use judge::{Evidence, Judge, Judgement};
pub use number_watch::Reading;
pub use rarity::score_of;
pub use verdict::{BudgetAccount, Verdict};
