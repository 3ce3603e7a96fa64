//! What the evidence of a line is about, by which an incident of lines is known when it comes again.

use crate::seen::FieldSeen;
use surmise_lines::{LineModel, LineOutcome, WHOLE_LINE, is_of_words};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What a line adds to the sum of evidence at the least if an incident is to be known by it: twice what a channel shows
/// once in 500 lines.
const OWN_MIN: f64 = 2.0;

/// What a line is about whose template never came before.
const NEW: u64 = 0;

/// A number for what adds most to the evidence of the line that was observed last: a value in a slot; the slot, where
/// the value never came there before or is a number of unusual size; or the template, where it is the whole line. Of
/// all templates that never came before it is the same, as none will be new again. None where the line adds little.
///
/// Where `seen` has forgotten a value, it counts as new.
pub(crate) fn cause_of(
    outcome: &LineOutcome,
    lines: &LineModel,
    (template, is_known): (u32, bool),
    seen: Option<&FieldSeen>,
) -> Option<u64> {
    if outcome.judgement.own < OWN_MIN {
        return None;
    }
    let piece = outcome.evidence.get(outcome.judgement.best?)?;
    let Some(part) = outcome.parts.iter().find(|part| part.part == piece.part) else {
        let is_new = piece.part == WHOLE_LINE && !is_known;
        return Some(if is_new { NEW } else { xxh3_64_with_seed(&[], u64::from(template)) });
    };
    let text = lines.part_text(outcome, part.part).filter(|_| is_of_words(piece.channel));
    let known = text.filter(|text| seen.is_some_and(|seen| seen.word(part.slot, text).is_some()));
    Some(xxh3_64_with_seed(known.unwrap_or_default(), 1 << 32 | u64::from(part.slot)))
}
