//! Sessions: the verdict on a key as a whole, when it ends.
//!
//! A key can be odd in two ways. One of its steps was odd: an event that the sequence model did not expect. Or it is
//! odd as a whole: no step is, but few earlier sessions were like it, in which symbols it has, how often, and which it
//! lacks. A sequence model learns a fault that recurs, and is no longer surprised by it; how few sessions are like it
//! stays true. So there are two kinds of evidence, each held against its own past ([`EvidenceTail`]), and they add up
//! (Fisher, "Statistical Methods for Research Workers", 1925, §21.1).
//!
//! # Odd as a whole
//!
//! Earlier sessions are remembered within bounds ([`EarlierSessions`]): the latest ones, and an even sample of all.
//! The distance of two sessions is the largest difference of any symbol's count, on a scale of levels that become
//! wider; and a difference is as large as it is rare, −ln of the probability that two earlier sessions differ as much
//! in this symbol. So what varies anyhow weighs nothing, a step that is hardly ever missing weighs much, and no scale
//! is to be chosen. (Distances by mass instead of geometry: Ting, Zhu, Carman, Zhu and Zhou, "Overcoming key weaknesses
//! of distance-based neighbourhood methods using a data dependent dissimilarity measure", KDD 2016.) The session's
//! evidence is its distance to the nearest fiftieth of the sessions: the same fault again and again is no
//! neighbourhood, as long as it makes up less than that.
//!
//! # Contaminated streams
//!
//! A session that is rare counts an eighth from then on, among the neighbours and in what is usual. So recurring faults
//! have to be frequent to become normal, and a new kind of normal session becomes normal all the same. What the learner
//! learns of the session's events is untouched: its surprise stays honest.
//!
//! ```
//! use surmise_sessions::{OpenSession, SessionJudge, SessionSymbol, StepCost};
//!
//! let mut judge = SessionJudge::default();
//! let mut judge_steps = |steps: &[u32], offset: u64| {
//!     let mut session = OpenSession::default();
//!     for (i, symbol) in steps.iter().enumerate() {
//!         session.add_symbol(SessionSymbol { field: 0, symbol: *symbol });
//!         // what the learner says of each event
//!         session.add_step(offset + i as u64, 1, StepCost { surprise_bits: 1.0, evidence_bits: 0.5 });
//!     }
//!     judge.judge(&session)
//! };
//! let normal = (0..500).map(|i| judge_steps(if i % 3 == 0 { &[1, 2, 2, 3] } else { &[1, 2, 3] }, 4 * i));
//! assert!(normal.last().unwrap().rarity_sessions < 10.0);
//! let verdict = judge_steps(&[1, 3], 2000); // a step is missing
//! assert!(verdict.rarity_sessions > 100.0);
//! ```

mod counts;
mod earlier;
mod features;
mod judge;
mod open;
mod tail;

pub use counts::{SessionSymbol, SymbolCounts};
pub use earlier::{EarlierSessions, Neighbour, SESSIONS_MAX};
pub use judge::{SessionJudge, SessionReason, SessionVerdict};
pub use open::{OpenSession, StepCost};
pub use tail::EvidenceTail;
