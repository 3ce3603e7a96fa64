//! What the evidence of a line is about, by which an incident of lines is known when it comes again.

use crate::seen::FieldSeen;
use surmise_event::AlarmKind;
use surmise_lines::{EvidenceSubject, LineModel, LineOutcome, subject_of};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What a line, and the piece of its evidence that adds most, have to add at the least if an incident is to be known by
/// what that piece is about, in units of channels.
const OWN_MIN: f64 = 2.0;
const BEST_MIN: f64 = 0.5;
/// What a line is about whose template never came before, and one at which the rate of lines is odd.
const NEW: u64 = 0;
const RATE: u64 = 1;
/// Seeds of the numbers of slots, templates and what is overdue.
const SLOT: u64 = 0;
const TEMPLATE: u64 = 1;
const OVERDUE: u64 = 2;

/// A number for what adds most to the evidence of the line that was observed last: a value in a slot; the slot, where
/// the value never came there before or is a number of unusual size; what is overdue; the rate of lines; or the
/// template, where it is the whole line. Of all templates that never came before it is the same, as none will be new
/// again. None where there is no evidence.
///
/// Where `seen` has forgotten a value, it counts as new.
pub(crate) fn cause_of(
    outcome: &LineOutcome,
    lines: &LineModel,
    (template, is_known): (u32, bool),
    seen: Option<&FieldSeen>,
) -> Option<u64> {
    let piece = outcome.evidence.get(outcome.judgement.best?)?;
    let subject = subject_of(piece.channel);
    match subject {
        EvidenceSubject::Overdue => {
            let overdue = outcome.overdue.as_ref()?;
            return Some(xxh3_64_with_seed(overdue.text.as_bytes(), OVERDUE));
        }
        EvidenceSubject::Stream => return Some(RATE),
        EvidenceSubject::Value | EvidenceSubject::Line => {}
    }
    let Some(part) = outcome.parts.iter().find(|part| part.part == piece.part) else {
        let number = xxh3_64_with_seed(&template.to_le_bytes(), TEMPLATE);
        return Some(if is_known { number } else { NEW });
    };
    let text = lines.part_text(outcome, part.part).filter(|_| subject == EvidenceSubject::Value);
    let known = text.filter(|text| seen.is_some_and(|seen| seen.word(part.slot, text).is_some()));
    let slot = xxh3_64_with_seed(&lines.slot_serial(part.slot)?.to_le_bytes(), SLOT);
    Some(known.map_or(slot, |text| xxh3_64_with_seed(text, slot)))
}

/// What kind of incident the evidence of a line makes: after a silence that what adds most is about, one of an event
/// that came late; where the rate of lines is odd, one of that.
pub(crate) fn kind_of(outcome: &LineOutcome, is_after_silence: bool) -> AlarmKind {
    let best = outcome.judgement.best.and_then(|best| outcome.evidence.get(best));
    match best.map(|piece| subject_of(piece.channel)) {
        Some(EvidenceSubject::Overdue | EvidenceSubject::Stream) if is_after_silence => AlarmKind::Missing,
        Some(EvidenceSubject::Stream) => AlarmKind::Rate,
        _ => AlarmKind::Value,
    }
}

/// Whether a line adds so much that an incident is to be known by what it is about.
pub(crate) fn is_telling(outcome: &LineOutcome, lines: &LineModel) -> bool {
    let best = outcome.judgement.best.and_then(|best| outcome.evidence.get(best));
    let share = best.map_or(0.0, |piece| piece.bits / lines.judge().unit_bits(piece.channel));
    outcome.judgement.own >= OWN_MIN && share >= BEST_MIN
}
