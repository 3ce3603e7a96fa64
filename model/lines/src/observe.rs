//! Observing a line: its slots are scored under what was known and learnt, and evidence of all channels is judged.

use crate::channels::{BITS_MAX, LineChannel};
use crate::cut::cut;
use crate::model::{CurrentLine, LineModel, LineReading, slot_at};
use crate::overdue::GapSource;
use crate::pairs::SettledValue;
use crate::piece::{Piece, PieceKind};
use crate::severe::is_severe;
use crate::shape::{ValueShape, number_of};
use crate::slot::SlotEvidence;
use crate::stamp::SECOND_US;
use crate::table::{log2, pair};
use crate::token::{unit_after, unit_scale};
use crate::trace::Continuation;
use surmise_alarm::{Evidence, Judgement};

/// What is said of the line as a whole, in place of the number of a part.
pub const WHOLE_LINE: u32 = u32::MAX;

/// Lines over which new templates are counted.
const NEW_LINES: f64 = 4000.0;

/// By how much a line with words of alarm counts more for each bit that such lines are rare.
const SEVERE_EMPHASIS: f64 = 0.45;

/// Bits by which a template must be rarer than usual before that is evidence.
const RARE_BITS: f64 = 4.0;

/// Bytes of an identifier at the least; shorter numbers are counts.
const ID_BYTES_MIN: usize = 4;

/// How fast the late mean of how rare templates are follows.
const LATE_RATE: f64 = 0.125;

/// A part of a line that was scored: what stood in a slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinePart {
    /// The place in the template, and the place inside it plus one, times 1024, where the part is inside another.
    pub part: u32,
    /// The slot's number.
    pub slot: u32,
    /// Where its text begins in the line's text.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
    /// Nats of the value under what was known before.
    pub nats: f64,
    /// Bits beyond what values of this slot usually cost.
    pub excess: f64,
}

/// Something that has been regular and does not come.
#[derive(Clone, Debug, PartialEq)]
pub struct LineOverdue {
    /// The template, if it is one; else it is a value of a field.
    pub template: Option<u32>,
    /// The template's text, or the value.
    pub text: String,
    /// Bits of the silence: how rare it is that this stays away for so long.
    pub bits: f64,
}

/// What observing a line gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineOutcome {
    /// Nats of the template, as the caller's model had it.
    pub template_nats: f64,
    /// Nats of all slots; new values cost their novelty alone.
    pub slot_nats: f64,
    /// The parts that were scored, whose nats sum to `slot_nats`.
    pub parts: Vec<LinePart>,
    /// All evidence, by channel of [`LINE_CHANNELS`](crate::LINE_CHANNELS).
    pub evidence: Vec<Evidence>,
    /// What the evidence says together.
    pub judgement: Judgement,
    /// What is overdue, if something is and that is news.
    pub overdue: Option<LineOverdue>,
}

/// A line while it is observed.
struct Observed {
    evidence: Vec<Evidence>,
    parts: Vec<LinePart>,
    ids: Vec<u64>,
    is_severe: bool,
    sources: Vec<GapSource>,
}

impl Observed {
    fn say(&mut self, channel: LineChannel, bits: f64, part: u32) {
        if bits > 0.0 {
            self.evidence.push(Evidence { channel: channel as u16, bits: bits.min(BITS_MAX), part });
        }
    }
}

impl LineModel {
    /// Takes back what the line that was observed last, whose outcome this is, adds to the evidence. What is left of
    /// the lines before it stays.
    pub fn take_back_evidence(&mut self, outcome: &mut LineOutcome) {
        outcome.judgement = self.judge.take_back();
    }

    /// Scores the line that was read last, learns it, and judges it. `template_nats` is what the caller's model says
    /// the template cost given the past.
    pub fn observe(&mut self, reading: &LineReading, template_nats: f64) -> LineOutcome {
        let mut out = LineOutcome::default();
        self.observe_into(reading, template_nats, &mut out);
        out
    }

    /// As [`observe`](Self::observe), into an outcome whose lists are used again.
    pub fn observe_into(&mut self, reading: &LineReading, template_nats: f64, out: &mut LineOutcome) {
        let mut current = std::mem::take(&mut self.current);
        let mut line = Observed {
            evidence: std::mem::take(&mut out.evidence),
            parts: std::mem::take(&mut out.parts),
            ids: std::mem::take(&mut current.ids),
            is_severe: false,
            sources: std::mem::take(&mut current.sources),
        };
        line.evidence.clear();
        line.parts.clear();
        line.ids.clear();
        line.sources.clear();
        let now_us = self.time(reading);
        self.template(reading, &current, &mut line);
        self.pairs.begin();
        self.values(reading.template, &mut current, &mut line);
        let (bits, place) = self.pairs.end();
        line.say(LineChannel::Pair, bits, place);
        line.is_severe |= self.outer.get(reading.template).is_some_and(|template| template.is_severe);
        if line.is_severe {
            let bits = self.severe.hit(self.lines as f64);
            let bits = self.severe_mark.excess(bits, self.lines);
            line.say(LineChannel::Severe, bits, WHOLE_LINE);
        }
        let begins = reading.continuation == Continuation::Begins;
        if begins {
            self.order(reading.template, &mut line);
        }
        let overdue = self.silence(reading, now_us, &mut line);
        let emphasis = if line.is_severe { self.severe_emphasis() } else { 1.0 };
        let judgement = match begins {
            true => self.judge.judge(&line.evidence, emphasis),
            false => self.judge.go_on(&line.evidence, emphasis),
        };
        self.lines += 1;
        let slot_nats = line.parts.iter().map(|part| part.nats).sum();
        (current.ids, current.sources, current.is_severe) = (line.ids, line.sources, line.is_severe);
        self.current = current;
        *out = LineOutcome { template_nats, slot_nats, parts: line.parts, evidence: line.evidence, judgement, overdue };
    }

    /// By how much a line with words of alarm counts more: the rarer such lines are on this stream, the more.
    fn severe_emphasis(&self) -> f64 {
        1.0 + SEVERE_EMPHASIS * log2((self.lines as f64 + 2.0) / (self.severe.count + 1.0))
    }

    /// The time of the stream at this line; lines count as seconds where nothing tells the time.
    fn time(&mut self, reading: &LineReading) -> i64 {
        let told = reading.time_us.filter(|time| !self.clock.is_late(*time));
        self.clock.learn(told.or(reading.time_us.filter(|time| self.clock.is_restart(*time))));
        self.clock.now_us().unwrap_or(self.lines as i64 * SECOND_US)
    }

    /// Novelty and bursts of the template.
    fn template(&mut self, reading: &LineReading, current: &CurrentLine, line: &mut Observed) {
        let Some(state) = self.states.get_mut(reading.template as usize) else { return };
        let is_told = reading.continuation != Continuation::Frame;
        if reading.is_new && !state.is_seen && is_told {
            let mut bits = log2(((self.lines as f64).min(NEW_LINES) + 2.0) / (self.new_recent + 0.5));
            if let Some((words, lines)) = current.found.near {
                bits = bits.min(log2((lines as f64 + 1.0) / (words as f64 + 0.5)));
            }
            line.say(LineChannel::New, bits, WHOLE_LINE);
        }
        self.new_recent = self.new_recent * (1.0 - 1.0 / NEW_LINES) + f64::from(u8::from(reading.is_new && is_told));
        if state.is_seen && state.burst.count > 0.0 {
            // two memories: rarer than usual, and rarer than of late, so that a new version is news for a moment only
            let bits = -log2(state.burst.count / (self.lines as f64 + 1.0));
            line.say(LineChannel::New, bits - self.usual_bits.max(self.late_bits) - RARE_BITS, WHOLE_LINE);
            self.usual_bits += (bits - self.usual_bits) * (1.0 / 512f64).max(1.0 / (self.lines as f64 + 4.0));
            self.late_bits += (bits - self.late_bits) * LATE_RATE;
        }
        state.is_seen = true;
        let bits = state.burst.hit(self.lines as f64);
        let bits = state.burst_mark.excess(bits, self.lines);
        line.say(LineChannel::Burst, bits, WHOLE_LINE);
    }

    /// Evidence of the values of all slots.
    fn values(&mut self, template: u32, current: &mut CurrentLine, line: &mut Observed) {
        for place in 0..current.pieces.0.len() {
            let piece = current.pieces.0[place];
            if matches!(piece.kind, PieceKind::Mark | PieceKind::Time) {
                continue;
            }
            let is_slot = self.outer.get(template).and_then(|t| t.pieces.get(place)).is_some_and(|p| p.has_slot());
            let Some(slot) = (if is_slot { self.slot_of(template, place) } else { None }) else { continue };
            if piece.kind == PieceKind::Quoted {
                self.quoted(slot, place, piece, current, line);
            } else {
                self.value(slot, place as u32, piece, &current.text, line);
            }
        }
    }

    /// A quoted text or a path: the template of its inside is the slot's value, and its values have slots of their own.
    fn quoted(&mut self, slot: u32, place: usize, piece: Piece, current: &mut CurrentLine, line: &mut Observed) {
        let now = self.lines;
        let Some(frame) = self.slots.get(slot).map(|slot| slot.frame) else { return };
        current.inner.0.clear();
        let range = piece.start as usize..piece.end as usize;
        if current.text[range.clone()].first() == Some(&b'{') {
            current.inner.push(PieceKind::Word, &current.text, range);
        } else {
            cut(&current.text, range, &mut current.inner);
        }
        let found = self.find_inner(frame, &current.text, &current.inner);
        let text = piece.of(&current.text);
        let hash = pair(0x1e, u64::from(found.template));
        self.settled(slot, hash, place as u32, line);
        let mut said = self.slots.value(slot, hash, text, now);
        let Some(known) = self.slots.get_mut(slot) else { return };
        known.values.set_inner(hash, found.template);
        known.shapes[ValueShape::of(text) as usize] += 1;
        if let (true, Some((words, lines))) = (found.is_new, found.near) {
            said.novelty = said.novelty.min(log2((lines as f64 + 1.0) / (words as f64 + 0.5)).max(0.0));
        }
        self.tell(slot, place as u32, piece, said, line);
        let Some(template) = self.inner.get(found.template) else { return };
        line.is_severe |= template.is_severe;
        let inner = std::mem::take(&mut current.inner);
        for (at, piece) in inner.0.iter().enumerate() {
            if matches!(piece.kind, PieceKind::Mark | PieceKind::Time) {
                continue;
            }
            let is_slot = self.inner.get(found.template).and_then(|t| t.pieces.get(at)).is_some_and(|p| p.has_slot());
            if is_slot && let Some(slot) = slot_at(&mut self.inner, &mut self.slots, found.template, at, now) {
                self.value(slot, place as u32 | ((at as u32 + 1) << 10), *piece, &current.text, line);
            }
        }
        current.inner = inner;
    }

    /// A value of a slot.
    fn value(&mut self, slot: u32, part: u32, piece: Piece, text: &[u8], line: &mut Observed) {
        let (now, whole) = (self.lines, text);
        let text = piece.of(text);
        let number =
            if matches!(text.first(), Some(b'-' | b'+' | b'.' | b'0'..=b'9')) { number_of(text) } else { None };
        let rest = number.map_or(text, |n| &text[n.text_end..]);
        let own_unit = unit_scale(rest);
        let is_decimal = number.is_some_and(|n| n.has_point) && (matches!(rest, b"" | b"%") || own_unit.is_some());
        if !is_decimal {
            self.settled(slot, piece.hash, part, line);
        }
        let Some(known) = self.slots.get_mut(slot) else { return };
        if known.count < 64.0 {
            known.shapes[ValueShape::of(text) as usize] += 1;
        }
        let mut said = self.slots.value(slot, piece.hash, text, now);
        let Some(known) = self.slots.get_mut(slot) else { return };
        if is_decimal {
            (said.novelty, said.burst) = (0.0, 0.0);
        }
        if piece.kind == PieceKind::Value {
            let is_measure = is_decimal || number.is_some() && own_unit.is_some();
            let is_varied = is_measure || known.new <= 0.5 * known.count;
            if let Some(n) = number.filter(|_| is_varied && (own_unit.is_some() || is_unit(rest))) {
                let unit = if rest.is_empty() { unit_after(whole, piece.end as usize) } else { own_unit };
                (said.number, said.drift) = known.number.learn(&n, unit, now);
            }
            if !is_measure && text.len() >= ID_BYTES_MIN && known.count > 20.0 && known.new > 0.2 * known.count {
                line.ids.push(piece.hash);
            }
        }
        line.is_severe |= known.severity.of(text);
        if text.len() > 2 && text[0].is_ascii_alphabetic() {
            line.is_severe |= is_severe(text);
        }
        self.tell(slot, part, piece, said, line);
    }

    /// Remembers a value of a slot of few and settled values, for the pairs of the line.
    fn settled(&mut self, slot: u32, hash: u64, part: u32, line: &mut Observed) {
        if let Some(known) = self.slots.get(slot).filter(|slot| slot.is_settled())
            && known.values.get(hash).is_some_and(|value| value.burst.count >= 8.0)
        {
            self.pairs.add(SettledValue { slot, hash, place: part });
            if known.values.len() > 1 {
                line.sources.push(GapSource::Value { field: known.field, hash, slot });
            }
        }
    }

    fn tell(&mut self, slot: u32, part: u32, piece: Piece, said: SlotEvidence, line: &mut Observed) {
        line.say(LineChannel::Value, said.novelty, part);
        line.say(LineChannel::Burst, said.burst, part);
        line.say(LineChannel::Number, said.number, part);
        line.say(LineChannel::Drift, said.drift, part);
        let (start, end) = (piece.start, piece.end);
        line.parts.push(LinePart { part, slot, start, end, nats: said.nats, excess: said.excess });
    }

    /// The template given those before it, and given the last line of the same identifier.
    fn order(&mut self, template: u32, line: &mut Observed) {
        let Some(state) = self.states.get_mut(template as usize) else { return };
        let share = state.burst.count / (self.lines as f64 + 8.0);
        let (bits, _) = self.sequence.follow(template, share);
        line.say(LineChannel::Order, state.order_mark.excess(bits, self.lines), WHOLE_LINE);
        let bits = self.sequence.follow_link(template, share, &line.ids);
        line.say(LineChannel::Link, state.link_mark.excess(bits, self.lines), WHOLE_LINE);
    }

    /// What does not come, and how many lines come in a stretch of time.
    fn silence(&mut self, reading: &LineReading, now_us: i64, line: &mut Observed) -> Option<LineOverdue> {
        self.overdue.make_room();
        self.overdue.seen(GapSource::Template(reading.template), now_us);
        for source in &line.sources {
            self.overdue.seen(*source, now_us);
        }
        let overdue = self.overdue.look(now_us, self.lines);
        if let Some(overdue) = overdue {
            line.say(LineChannel::Missing, overdue.bits, WHOLE_LINE);
        }
        for rate in &mut self.rates {
            let bits = rate.line(now_us, reading.time_us.unwrap_or(now_us), self.lines);
            line.say(LineChannel::Rate, bits, WHOLE_LINE);
        }
        overdue.map(|overdue| self.overdue_text(overdue))
    }
}

/// Whether what follows a number is a unit that is counted with it.
fn is_unit(rest: &[u8]) -> bool {
    rest.iter().all(|b| matches!(b, b'%' | b's' | b'm' | b'k' | b'B'))
}
