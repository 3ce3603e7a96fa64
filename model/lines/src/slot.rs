//! A slot: what stands at one variable place of a template, with its own usual surprise.

use crate::burst::Burst;
use crate::number::SlotNumber;
use crate::role::LineSeverity;
use crate::shape::ValueShape;
use crate::table::log2;
use crate::values::{SlotValues, VALUES_FLEETING_MAX, VALUES_MAX};
use surmise_alarm::HighMark;
use surmise_state::{Persist, State, StateError};

/// What a slot says about a value that it has just seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct SlotEvidence {
    /// Nats of the value under what was known before: of a new value those of novelty alone.
    pub nats: f64,
    /// Bits by which the value is more surprising than values of this slot usually are.
    pub excess: f64,
    /// Bits of novelty, or of a known value that is rarer than what this slot usually shows.
    pub novelty: f64,
    /// Bits of a value that comes more often than usual.
    pub burst: f64,
    /// Bits of a number out of range.
    pub number: f64,
    /// Bits of a mean that has moved.
    pub drift: f64,
}

/// What stands at one variable place of a template.
#[derive(Clone, Debug)]
pub(crate) struct LineSlot {
    /// The values seen last.
    pub values: SlotValues,
    /// Lines.
    pub count: f64,
    /// Values that were new.
    pub new: f64,
    /// Bits that a known value usually costs.
    pub usual: f64,
    /// What the values look like.
    pub shapes: [u32; ValueShape::COUNT],
    /// The frame of the templates inside, unique to this slot.
    pub frame: u64,
    /// The values as numbers.
    pub number: SlotNumber,
    burst_mark: HighMark,
    /// What its values say of how severe a line is, by its name or its place.
    pub severity: LineSeverity,
    /// The field that it is of: slots of one name are one field.
    pub field: u64,
}

impl LineSlot {
    /// An empty slot, made at line `now`.
    pub fn new(now: u64, frame: u64) -> LineSlot {
        LineSlot {
            values: SlotValues::default(),
            count: 0.0,
            new: 0.0,
            usual: 0.0,
            shapes: [0; ValueShape::COUNT],
            frame,
            number: SlotNumber::new(now),
            burst_mark: HighMark::new(now, 4.0),
            severity: LineSeverity::Unsaid,
            field: 0,
        }
    }

    /// Scores a value under what is known, and learns it. `text` is what people see of it; the slot
    /// remembers `limit` values at most.
    pub fn value(&mut self, hash: u64, text: &[u8], now: u64, limit: usize) -> SlotEvidence {
        let mut said = SlotEvidence::default();
        let novelty = (self.new + 0.5) / (self.count + 1.0);
        let total = self.count;
        let kept = self.values.kept;
        let burst = match self.values.touch(hash) {
            Some(value) => {
                let share = (value.burst.count / kept.max(1.0)).min(1.0);
                said.nats = -crate::table::log2((1.0 - novelty).max(1e-9) * share.max(1e-9)) * std::f64::consts::LN_2;
                let burst = value.burst.hit(total);
                value.keep_text(text);
                let bits = -log2(value.burst.count / (total + 1.0));
                said.excess = bits - self.usual;
                said.novelty = (bits - self.usual - 6.0).max(0.0);
                self.usual += (bits - self.usual) * (1.0 / 512f64).max(1.0 / (total + 4.0));
                burst
            }
            None => {
                let bits = -log2(novelty);
                said.nats = bits * std::f64::consts::LN_2;
                said.novelty = if total >= 8.0 { bits } else { 0.0 };
                said.excess = bits * (1.0 - novelty.min(1.0));
                self.new += 1.0;
                let is_fleeting = self.count > 256.0 && self.new > 0.9 * self.count;
                let limit = if is_fleeting { VALUES_FLEETING_MAX.min(limit) } else { limit };
                self.values.add(hash, Burst::new(total), limit).burst.hit(total)
            }
        };
        self.values.kept += 1.0;
        self.count += 1.0;
        said.novelty = (said.novelty - 0.5).max(0.0);
        said.burst = if self.count > 16.0 { self.burst_mark.excess(burst, now) } else { 0.0 };
        said
    }

    /// Whether the slot has few values that are settled.
    pub fn is_settled(&self) -> bool {
        self.count > 200.0 && self.values.len() <= 32 && self.new < 0.02 * self.count
    }

    /// The shape that most values have.
    pub fn shape(&self) -> ValueShape {
        let most = (0..ValueShape::COUNT).max_by_key(|i| (self.shapes[*i], std::cmp::Reverse(*i)));
        ValueShape::ALL[most.unwrap_or(0)]
    }

    /// The word that always stands here, such as a unit, if it is one without digits.
    pub fn only_word(&self) -> Option<&[u8]> {
        let [value] = self.values.all() else { return None };
        let text = &value.text.as_ref()?.0;
        (ValueShape::of(text) == ValueShape::Word && !text.is_empty()).then_some(text)
    }

    /// Takes in a word that was a literal of a template with `count` lines.
    pub fn take_in(&mut self, hash: u64, count: u64, text: &[u8]) {
        let mut burst = Burst::new(self.count);
        burst.count = count as f64;
        if self.values.touch(hash).is_none() {
            self.values.add(hash, burst, VALUES_MAX).keep_text(text);
            self.values.kept += count as f64;
            self.new += 1.0;
            self.count += count as f64;
            self.shapes[ValueShape::Word as usize] += 1;
        }
    }
}

impl Persist for LineSlot {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.values.persist(s)?;
        s.f64("count", &mut self.count)?;
        s.f64("new", &mut self.new)?;
        s.f64("usual", &mut self.usual)?;
        s.u32s_fixed("shapes", &mut self.shapes)?;
        s.u64("frame", &mut self.frame)?;
        self.number.persist(s)?;
        self.burst_mark.persist(s)?;
        s.u64("field", &mut self.field)?;
        self.severity.persist(s)
    }
}
