//! A claim: how rare an event is in one respect.

use surmise_event::AlarmKind;

/// Bits that a claim of second rank has to bring beyond others. What is rare in the main respects of a number (its
/// error now, over four and over sixteen events, and its level) is believed at once; the many other ways to be unusual
/// would raise false alarms by their number, so that each of them counts as a thirty-second part of a respect.
pub(crate) const SECOND_RANK_BITS: f64 = 5.0;
/// What a respect of the second rank weighs among the others: 2^−[`SECOND_RANK_BITS`].
pub(crate) const SECOND_RANK_WEIGHT: f64 = 1.0 / 32.0;

/// How rare an event is in one respect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RespectClaim {
    /// In which respect.
    pub(crate) kind: AlarmKind,
    /// −log₂ of the probability that an event is as unusual in this respect, by the stream's past.
    pub(crate) bits: f64,
    /// The field, by the caller's number.
    pub(crate) field: Option<u32>,
    /// What in it is unusual, such as a symbol or a value in a line, by the caller's number, if one thing is.
    pub(crate) about: Option<u64>,
    /// Whether it is told as long as it is high, and not only when it rises.
    pub(crate) lasts: bool,
}

impl RespectClaim {
    /// No claim at all.
    pub(crate) const NONE: RespectClaim =
        RespectClaim { kind: AlarmKind::Value, bits: 0.0, field: None, about: None, lasts: false };

    /// Keeps the rarer of the two.
    pub(crate) fn raise(&mut self, kind: AlarmKind, bits: f64, field: Option<u32>) {
        self.raise_to(RespectClaim { kind, bits, field, ..RespectClaim::NONE });
    }

    /// Keeps the rarer of the two.
    pub(crate) fn raise_to(&mut self, claim: RespectClaim) {
        if claim.bits > self.bits {
            *self = claim;
        }
    }
}

impl Default for RespectClaim {
    fn default() -> Self {
        RespectClaim::NONE
    }
}
