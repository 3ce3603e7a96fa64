//! What people say of incidents, as a commit group holds it.

use crate::bytes::{Cursor, Damaged, put_bytes, put_varint};
use surmise_event::{Feedback, FeedbackVerdict};

/// Appends what is said of an incident: its offset, the verdict (0 for none), whether there is a label, the label, and
/// the incarnation plus one (0 for none).
pub(crate) fn put_feedback(out: &mut Vec<u8>, feedback: &Feedback) {
    let Feedback { offset, verdict, label, incarnation } = feedback;
    put_varint(out, *offset);
    let place = FeedbackVerdict::ALL.iter().position(|known| Some(*known) == *verdict);
    out.push(place.map_or(0, |place| place as u8 + 1));
    out.push(u8::from(label.is_some()));
    if let Some(label) = label {
        put_bytes(out, label.as_bytes());
    }
    put_varint(out, incarnation.map_or(0, |incarnation| u64::from(incarnation) + 1));
}

/// Reads what [`put_feedback`] appended.
pub(crate) fn read_feedback(c: &mut Cursor<'_>) -> Result<Feedback, Damaged> {
    let offset = c.varint("offset of an incident")?;
    let verdict = match c.byte("verdict")? {
        0 => None,
        code => Some(*FeedbackVerdict::ALL.get(usize::from(code) - 1).ok_or(Damaged("a verdict"))?),
    };
    let label = match c.byte("label")? {
        0 => None,
        _ => Some(Box::from(c.text("label")?)),
    };
    let incarnation = match c.varint("incarnation")?.checked_sub(1) {
        None => None,
        Some(number) => Some(u32::try_from(number).map_err(|_| Damaged("an incarnation"))?),
    };
    Ok(Feedback { offset, verdict, label, incarnation })
}
