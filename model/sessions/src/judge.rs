//! The verdict on a session that is over.

use crate::counts::SessionSymbol;
use crate::earlier::EarlierSessions;
use crate::features::WEIGHT_ONE;
use crate::open::OpenSession;
use crate::tail::EvidenceTail;
use std::sync::Arc;
use surmise_state::{Persist, State, StateError};

/// A session rarer than once in so many counts less from then on.
const SET_ASIDE_RARITY: f64 = 300.0;
/// The weight in eighths of a session that was set aside.
const SET_ASIDE_WEIGHT: u32 = 1;
/// The least scale of the tail of distances, in nats: differences in how rare differences are that are not told apart.
const DISTANCE_SCALE_MIN: f64 = 0.7;
/// The least scale of the tail of steps, in bits.
const STEP_SCALE_MIN: f64 = 1.0;
/// The rarest that a session is said to be.
const RARITY_MAX: f64 = 1e12;

/// Why a session is as rare as it is: the stronger of the two kinds of evidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SessionReason {
    /// One of its steps was odd.
    Step {
        /// The offset of the step.
        offset: u64,
        /// Its evidence in bits.
        evidence_bits: f64,
    },
    /// Few sessions are like it as a whole.
    Symbol {
        /// The symbol in which it differs most from those that are nearest to it.
        symbol: SessionSymbol,
        /// About how often it has the symbol.
        count: u16,
        /// About how often those have it.
        usual_count: u16,
    },
}

/// The verdict on a session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SessionVerdict {
    /// Once in so many sessions of this stream one is as unusual, at least 1.
    pub rarity_sessions: f64,
    /// The evidence of its oddest step, in nats by its own past.
    pub step_nats: f64,
    /// The evidence of the session as a whole, in nats by its own past.
    pub whole_nats: f64,
    /// What is most unusual, where something is.
    pub reason: Option<SessionReason>,
}

/// Judges the sessions of a stream. Its state is bounded; a copy shares the sessions remembered until either changes
/// them.
#[derive(Clone, Debug)]
pub struct SessionJudge {
    earlier: Arc<EarlierSessions>,
    /// Distances of sessions to their neighbours, in nats.
    wholes: EvidenceTail,
    /// The oddest steps of sessions, in bits.
    steps: EvidenceTail,
    /// Sums of both kinds of evidence, in nats.
    sums: EvidenceTail,
}

impl Default for SessionJudge {
    fn default() -> Self {
        SessionJudge {
            earlier: Arc::default(),
            wholes: EvidenceTail::new(1.0 / 32.0, DISTANCE_SCALE_MIN),
            steps: EvidenceTail::new(1.0 / 8.0, STEP_SCALE_MIN),
            sums: EvidenceTail::new(1.0 / 8.0, 1.0),
        }
    }
}

impl SessionJudge {
    /// Judges a session by those before it, and remembers it.
    pub fn judge(&mut self, session: &OpenSession) -> SessionVerdict {
        let neighbour = self.earlier.nearest(&session.counts, session.events);
        let distance = neighbour.map_or(0.0, |n| n.distance);
        let whole_nats = self.wholes.nats(distance);
        let step_nats = self.steps.nats(session.odd_bits);
        let sum = whole_nats + step_nats;
        let rarity_sessions = self.rarity(sum);
        let weight = if rarity_sessions > SET_ASIDE_RARITY { SET_ASIDE_WEIGHT } else { WEIGHT_ONE };
        let part = f64::from(weight) / f64::from(WEIGHT_ONE);
        self.wholes.learn(distance, part);
        self.steps.learn(session.odd_bits, part);
        self.sums.learn(sum, part);
        Arc::make_mut(&mut self.earlier).add(&session.counts, session.events, weight);
        let whole = neighbour.and_then(|n| {
            n.symbol.map(|symbol| SessionReason::Symbol { symbol, count: n.count, usual_count: n.usual_count })
        });
        let step = SessionReason::Step { offset: session.odd_offset, evidence_bits: session.odd_bits };
        let reason = if whole_nats > step_nats { whole } else { (step_nats > 0.0).then_some(step) };
        SessionVerdict { rarity_sessions, step_nats, whole_nats, reason }
    }

    /// Once in how many sessions both kinds of evidence add up to so much.
    ///
    /// If both were true and independent, that would be (1 + s)·e^−s, the tail of Fisher's sum; and in the past it was
    /// k of n. Half of each is believed.
    fn rarity(&self, sum: f64) -> f64 {
        let claimed = (1.0 + sum) * libm::exp(-sum);
        let counted = self.sums.at_least(sum) / self.sums.total().max(1.0);
        (2.0 / (claimed + counted)).clamp(1.0, RARITY_MAX)
    }
}

impl Persist for SessionJudge {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("sessions")?;
        Arc::make_mut(&mut self.earlier).persist(s)?;
        self.wholes.persist(s)?;
        self.steps.persist(s)?;
        self.sums.persist(s)
    }
}
