//! What people see of the model: templates as text, slots by name, likeliest values, and the parts of a line.

use crate::model::LineModel;
use crate::observe::{LineOutcome, LineOverdue};
use crate::overdue::{GapSource, OverdueSource};
use crate::piece::PieceKind;
use crate::role::{is_json_name, plain_name};
use crate::shape::ValueShape;
use crate::slot::LineSlot;
use crate::template::{Template, TemplatePiece};
use crate::values::SlotValue;
use std::fmt::Write;

/// Values that are told of a slot.
const VALUES_TOLD: usize = 5;

/// Characters of a template's text.
const TEXT_CHARS_MAX: usize = 400;

/// A value of a slot and how likely it is to stand there next.
#[derive(Clone, Debug, PartialEq)]
pub struct LikelyValue {
    /// The value, cut to 60 bytes; of a text with varying parts its own template.
    pub text: String,
    /// Its probability.
    pub probability: f64,
}

/// What a slot of a template is and what stands there.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotSummary {
    /// Its name: the key of `key=value`, the path in JSON, the word before it, or `slot 3`. Unique in its template.
    pub name: String,
    /// What most of its values look like.
    pub shape: ValueShape,
    /// Lines.
    pub lines: u64,
    /// How likely a value is that was not seen before.
    pub novelty: f64,
    /// The likeliest values, likeliest first.
    pub likeliest: Vec<LikelyValue>,
}

/// A part of a line as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct LinePartSummary {
    /// The name of the slot; of a part inside another the two names with a slash between.
    pub name: String,
    /// What the line has there.
    pub value: String,
    /// Nats of the value under what was known before.
    pub nats: f64,
    /// Bits beyond what values of this slot usually cost.
    pub excess_bits: f64,
    /// The number of the slot.
    pub slot: u32,
    /// The number of the part in the outcome.
    pub part: u32,
    /// What is likely there, likeliest first, as of now.
    pub likeliest: Vec<LikelyValue>,
}

impl LineModel {
    /// The text of a template, with placeholders such as `<number>` where it varies; none if there is no such template.
    pub fn template_text(&self, number: u32) -> Option<String> {
        Some(self.text_of(self.outer.get(number)?, 0))
    }

    /// The numbers of all templates of lines, in their order, with the lines that each has had.
    pub fn template_counts(&self) -> Vec<(u32, u64)> {
        self.outer.all().map(|(number, template)| (number, template.count)).collect()
    }

    /// The slots of a template, in their order; none if there is no such template.
    pub fn slots(&self, number: u32) -> Option<Vec<SlotSummary>> {
        let template = self.outer.get(number)?;
        let slots = template.pieces.iter().enumerate().filter(|(_, piece)| piece.has_slot());
        let summary = |(place, piece): (usize, &TemplatePiece)| {
            let slot = self.slots.get(piece.slot)?;
            Some(SlotSummary {
                name: name_at(template, place),
                shape: slot.shape(),
                lines: slot.count as u64,
                novelty: (slot.new + 0.5) / (slot.count + 1.0),
                likeliest: self.likeliest(slot),
            })
        };
        Some(slots.filter_map(summary).collect())
    }

    /// A number for a slot that no other one has had or will have; none if there is no such slot.
    pub fn slot_serial(&self, slot: u32) -> Option<u64> {
        self.slots.get(slot).map(|slot| slot.frame)
    }

    /// The lines that the slot of a name has had in a template; 0 if there is none.
    pub fn slot_lines(&self, number: u32, name: &str) -> u64 {
        let Some(template) = self.outer.get(number) else { return 0 };
        let named = |place: &usize| template.pieces[*place].has_slot() && name_at(template, *place) == name;
        let place = (0..template.pieces.len()).find(named);
        place.and_then(|place| self.slots.get(template.pieces[place].slot)).map_or(0, |slot| slot.count as u64)
    }

    /// The parts of the line that was observed last, whose outcome this is, the largest excess first.
    pub fn parts(&self, template: u32, outcome: &LineOutcome) -> Vec<LinePartSummary> {
        let summary = |part: &crate::LinePart| LinePartSummary {
            name: self.part_name(template, part.part).unwrap_or_else(|| "line".into()),
            value: self.current.text.get(part.start as usize..part.end as usize).map_or(String::new(), readable),
            nats: part.nats,
            excess_bits: part.excess,
            slot: part.slot,
            part: part.part,
            likeliest: self.slots.get(part.slot).map_or_else(Vec::new, |slot| self.likeliest(slot)),
        };
        let mut parts: Vec<LinePartSummary> = outcome.parts.iter().map(summary).collect();
        parts.sort_by(|a, b| b.excess_bits.total_cmp(&a.excess_bits));
        parts
    }

    /// What stands in a part of the line that was observed last; none if the line has no such part.
    pub fn part_text(&self, outcome: &LineOutcome, part: u32) -> Option<&[u8]> {
        let part = outcome.parts.iter().find(|p| p.part == part)?;
        self.current.text.get(part.start as usize..part.end as usize)
    }

    /// The name of a part of the line that was observed last, by its number in [`LinePart`](crate::LinePart) or in
    /// evidence; none for the whole line.
    pub fn part_name(&self, template: u32, part: u32) -> Option<String> {
        let template = self.outer.get(template)?;
        let (place, inside) = ((part & 0x3ff) as usize, (part >> 10) as usize);
        let piece = template.pieces.get(place)?;
        let name = name_at(template, place);
        if inside == 0 {
            return Some(name);
        }
        let value = self.slots.get(piece.slot)?.values.newest()?;
        let inner = self.inner.get(value.inner.checked_sub(1)?)?;
        Some(format!("{name}/{}", name_at(inner, inside - 1)))
    }

    /// What is overdue, as text.
    pub(crate) fn overdue_text(&self, overdue: OverdueSource) -> LineOverdue {
        let (template, text) = match overdue.source {
            GapSource::Template(number) => (Some(number), self.template_text(number)),
            GapSource::Value { hash, slot, .. } => {
                let value = self.slots.get(slot).and_then(|slot| slot.values.get(hash));
                (None, value.map(|value| self.value_text(value)))
            }
        };
        LineOverdue { template, text: text.unwrap_or_default(), bits: overdue.bits }
    }

    fn likeliest(&self, slot: &LineSlot) -> Vec<LikelyValue> {
        let mut values: Vec<_> = slot.values.all().iter().filter(|v| v.text.is_some() || v.inner > 0).collect();
        values.sort_by(|a, b| b.burst.count.total_cmp(&a.burst.count).then(a.hash.cmp(&b.hash)));
        let known = 1.0 - ((slot.new + 0.5) / (slot.count + 1.0)).min(1.0);
        let told = values.iter().take(VALUES_TOLD).map(|value| {
            let probability = known * value.burst.count / slot.values.kept.max(1.0);
            LikelyValue { text: self.value_text(value), probability }
        });
        told.collect()
    }

    /// A value as text; of a text with varying parts its template.
    fn value_text(&self, value: &SlotValue) -> String {
        let inner = value.inner.checked_sub(1).and_then(|inner| self.inner.get(inner));
        let text = inner.map(|inner| self.text_of(inner, 1));
        text.unwrap_or_else(|| value.text.as_ref().map_or(String::new(), |text| readable(&text.0)))
    }

    fn text_of(&self, template: &Template, depth: usize) -> String {
        let mut text = String::new();
        for (place, piece) in template.pieces.iter().enumerate() {
            if text.len() > TEXT_CHARS_MAX {
                text.push('…');
                break;
            }
            // the mark before a version of HTTP has letters, too
            let is_name = is_json_name(template, place) && !piece.text.0.ends_with(b"HTTP/");
            if is_name && place > 0 {
                text.push(' ');
            }
            self.piece_text(piece, depth, &mut text);
            if is_name {
                text.push('=');
            }
        }
        text
    }

    fn piece_text(&self, piece: &TemplatePiece, depth: usize, text: &mut String) {
        if piece.kind == PieceKind::Time as u8 {
            text.push_str("<time>");
        } else if !piece.has_slot() {
            text.push_str(if piece.is_blank() { " " } else { "" });
            text.push_str(if piece.is_blank() { "" } else { std::str::from_utf8(&piece.text.0).unwrap_or("?") });
        } else if let Some(slot) = self.slots.get(piece.slot) {
            // a text that always has the same inside is told as that
            let only = slot.values.all().first().filter(|v| slot.values.len() == 1 && v.inner > 0 && depth == 0);
            match only.and_then(|value| self.inner.get(value.inner - 1)) {
                Some(inner) => text.push_str(&self.text_of(inner, depth + 1)),
                None => match slot.only_word() {
                    Some(word) => text.push_str(&readable(word)),
                    None => _ = write!(text, "<{}>", slot.shape().name()),
                },
            }
        } else {
            text.push_str("<…>");
        }
    }
}

/// Bytes as text; what is not UTF-8 is replaced.
fn readable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The name of a slot, unique in its template.
fn name_at(template: &Template, place: usize) -> String {
    let name = plain_name(template, place);
    let before = (0..place).filter(|p| template.pieces[*p].has_slot());
    let (mut number, mut same) = (1, 1);
    for other in before {
        number += 1;
        same += usize::from(name.is_some() && plain_name(template, other) == name);
    }
    match name {
        Some(name) if same == 1 => name,
        Some(name) => format!("{name} {same}"),
        None => format!("slot {number}"),
    }
}
