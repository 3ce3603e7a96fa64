//! What does not come: templates, and values of settled fields, that have been regular and are overdue.

use crate::table::{KeyTable, log2, pair, persist_table};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use surmise_state::{Persist, State, StateError};

/// Gaps of a source before it can be missed.
const GAPS_MIN: u64 = 12;

/// Bits beyond which a source that is overdue is asked for no more.
const BITS_DONE: f64 = 40.0;

/// The most bits that one source shows.
const BITS_MAX: f64 = 24.0;

/// Lines after which what was told is told again.
const TOLD_LINES: u64 = 2000;

/// Sources whose gaps are known.
const SOURCES_MAX: usize = 16_384;

/// The gaps of a source, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Gaps {
    first_us: i64,
    last_us: i64,
    longest_us: i64,
    count: u64,
    told_bits: f64,
    is_waiting: bool,
    /// Whether the source is a template.
    is_template: bool,
    /// The template or the slot.
    number: u32,
    /// The value's hash and its field's.
    value: (u64, u64),
}

impl Gaps {
    fn of(source: GapSource, now_us: i64) -> Gaps {
        let (is_template, number, value) = match source {
            GapSource::Template(number) => (true, number, (0, 0)),
            GapSource::Value { field, hash, slot } => (false, slot, (hash, field)),
        };
        Gaps { first_us: now_us, last_us: now_us, is_template, number, value, ..Gaps::default() }
    }

    fn source(&self) -> GapSource {
        match self.is_template {
            true => GapSource::Template(self.number),
            false => GapSource::Value { field: self.value.1, hash: self.value.0, slot: self.number },
        }
    }

    fn due_us(&self) -> i64 {
        self.last_us + self.longest_us + self.longest_us / 20 + 1000
    }

    /// Bits of the silence at this time: how rare a new longest gap is, and how far it goes beyond the longest.
    fn overdue_bits(&self, now_us: i64, sources: usize) -> f64 {
        let over = (now_us - self.last_us - self.longest_us) as f64 / (0.2 * self.longest_us as f64 + 1000.0);
        log2(self.count as f64 + 1.0) + std::f64::consts::LOG2_E * over.min(BITS_DONE) - log2(sources as f64 + 1.0)
    }
}

/// Looks for sources that are overdue, in the time of the lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overdue {
    gaps: KeyTable<Gaps>,
    /// When to look at a source again, earliest first; each source has one entry at most.
    waiting: BinaryHeap<Reverse<(i64, u64)>>,
    start_us: Option<i64>,
    told_bits: f64,
    told_at: u64,
}

/// What can be overdue: a template, or a value of a slot of few values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GapSource {
    /// The template with this number.
    Template(u32),
    /// The value with this hash in the field with this hash, seen last in this slot.
    Value { field: u64, hash: u64, slot: u32 },
}

impl GapSource {
    /// The key under which the source's gaps are kept.
    fn key(self) -> u64 {
        match self {
            GapSource::Template(number) => pair(0x7e, u64::from(number)),
            GapSource::Value { field, hash, .. } => pair(field, hash),
        }
    }
}

/// A source that is overdue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OverdueSource {
    pub source: GapSource,
    pub bits: f64,
}

impl Overdue {
    /// Learns that a source came at this time.
    pub fn seen(&mut self, source: GapSource, now_us: i64) {
        self.start_us.get_or_insert(now_us);
        let (key, is_full) = (source.key(), self.gaps.len() >= SOURCES_MAX);
        let Some(gaps) = self.gaps.get_mut(&key) else {
            if !is_full {
                self.gaps.insert(key, Gaps::of(source, now_us));
            }
            return;
        };
        gaps.count += 1;
        gaps.longest_us = gaps.longest_us.max(now_us - gaps.last_us);
        (gaps.last_us, gaps.told_bits) = (now_us, 0.0);
        if let GapSource::Value { slot, .. } = source {
            gaps.number = slot;
        }
        if gaps.count >= GAPS_MIN && !gaps.is_waiting {
            gaps.is_waiting = true;
            self.waiting.push(Reverse((gaps.due_us(), key)));
        }
    }

    /// A template is no more; `survivor` has taken it in, if it was joined.
    pub fn forget(&mut self, template: u32, survivor: Option<u32>) {
        let Some(old) = self.gaps.remove(&GapSource::Template(template).key()) else { return };
        if let Some(survivor) = survivor {
            let source = GapSource::Template(survivor);
            let other = self.gaps.entry(source.key()).or_insert_with(|| Gaps::of(source, old.last_us));
            other.first_us = other.first_us.min(old.first_us);
            other.last_us = other.last_us.max(old.last_us);
        }
    }

    /// Forgets the sources that were not seen for longest, down to three quarters, if there are as many as may be.
    pub fn make_room(&mut self) {
        if self.gaps.len() < SOURCES_MAX {
            return;
        }
        let mut ages: Vec<(i64, u64)> = self.gaps.iter().map(|(key, gaps)| (gaps.last_us, *key)).collect();
        ages.sort_unstable();
        ages[..SOURCES_MAX / 4].iter().for_each(|(_, key)| _ = self.gaps.remove(key));
        self.waiting.retain(|Reverse((_, key))| self.gaps.contains_key(key));
    }

    /// The source that is most overdue at this time, if that is news; `line` counts lines.
    pub fn look(&mut self, now_us: i64, line: u64) -> Option<OverdueSource> {
        let mut found: Option<OverdueSource> = None;
        let start_us = self.start_us.unwrap_or(now_us);
        let sources = self.gaps.len();
        while let Some(Reverse((due_us, source))) = self.waiting.peek().copied().filter(|w| w.0.0 < now_us) {
            self.waiting.pop();
            let Some(gaps) = self.gaps.get_mut(&source) else { continue };
            gaps.is_waiting = false;
            if due_us < gaps.due_us() && gaps.due_us() >= now_us {
                // it came since
                gaps.is_waiting = true;
                self.waiting.push(Reverse((gaps.due_us(), source)));
                continue;
            }
            // only what has been there for a fifth of the log
            if gaps.last_us - gaps.first_us >= (now_us - start_us) / 5 {
                let bits = gaps.overdue_bits(now_us, sources);
                if bits > (1.5 * gaps.told_bits).max(2.0) {
                    gaps.told_bits = bits;
                    let shown = bits.min(BITS_MAX);
                    if shown > 1.5 * self.told_bits || line - self.told_at > TOLD_LINES {
                        (self.told_bits, self.told_at) = (shown, line);
                        if found.is_none_or(|f| shown > f.bits) {
                            found = Some(OverdueSource { source: gaps.source(), bits: shown });
                        }
                    }
                }
            }
            if gaps.told_bits < BITS_DONE {
                gaps.is_waiting = true;
                let again_us = now_us.saturating_add((gaps.longest_us / 10).max(1000));
                self.waiting.push(Reverse((again_us, source)));
            }
        }
        found
    }
}

impl Persist for Overdue {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("overdue")?;
        persist_table(s, "gaps", &mut self.gaps, |s, gaps| {
            s.i64("first", &mut gaps.first_us)?;
            s.i64("last", &mut gaps.last_us)?;
            s.i64("longest", &mut gaps.longest_us)?;
            s.u64("count", &mut gaps.count)?;
            s.f64("told", &mut gaps.told_bits)?;
            s.bool("waiting", &mut gaps.is_waiting)?;
            s.bool("template", &mut gaps.is_template)?;
            s.u32("number", &mut gaps.number)?;
            s.u64("value", &mut gaps.value.0)?;
            s.u64("field", &mut gaps.value.1)
        })?;
        let mut waiting: Vec<(i64, u64)> = self.waiting.iter().map(|w| w.0).collect();
        waiting.sort_unstable();
        let n = s.begin("due", waiting.len(), 16)?;
        waiting.resize(n, (0, 0));
        for (due_us, source) in &mut waiting {
            s.i64("due", due_us)?;
            s.u64("source", source)?;
        }
        if s.is_reading() {
            self.waiting = waiting.into_iter().map(Reverse).collect();
        }
        let (mut has_start, mut start_us) = (self.start_us.is_some(), self.start_us.unwrap_or(0));
        s.bool("has start", &mut has_start)?;
        s.i64("start", &mut start_us)?;
        self.start_us = has_start.then_some(start_us);
        s.f64("told bits", &mut self.told_bits)?;
        s.u64("told at", &mut self.told_at)
    }
}
