//! What does not come: templates that have been regular and are overdue.

use crate::table::log2;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use surmise_state::{Persist, State, StateError};

/// Gaps of a template before it can be missed.
const GAPS_MIN: u64 = 12;

/// Bits beyond which an overdue template is asked for no more.
const BITS_DONE: f64 = 40.0;

/// The most bits that one overdue template shows.
const BITS_MAX: f64 = 24.0;

/// Lines after which what was told is told again.
const TOLD_LINES: u64 = 3000;

/// The gaps of a template, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Gaps {
    first_us: i64,
    last_us: i64,
    longest_us: i64,
    count: u64,
    told_bits: f64,
    is_waiting: bool,
    is_known: bool,
}

/// Looks for templates that are overdue, in the time of the lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overdue {
    gaps: Vec<Gaps>,
    known: u64,
    /// When to look at a template again, earliest first; each template has one entry at most.
    waiting: BinaryHeap<Reverse<(i64, u32)>>,
    start_us: Option<i64>,
    told_bits: f64,
    told_at: u64,
}

/// A template that is overdue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OverdueTemplate {
    pub template: u32,
    pub bits: f64,
}

impl Overdue {
    /// Learns that a template came at this time.
    pub fn seen(&mut self, template: u32, now_us: i64) {
        self.start_us.get_or_insert(now_us);
        let place = template as usize;
        if place >= self.gaps.len() {
            self.gaps.resize(place + 1, Gaps::default());
        }
        let gaps = &mut self.gaps[place];
        if !gaps.is_known {
            *gaps = Gaps {
                first_us: now_us,
                last_us: now_us,
                is_known: true,
                is_waiting: gaps.is_waiting,
                ..Gaps::default()
            };
            self.known += 1;
            return;
        }
        gaps.longest_us = gaps.longest_us.max(now_us - gaps.last_us);
        (gaps.last_us, gaps.told_bits) = (now_us, 0.0);
        gaps.count += 1;
        if gaps.count >= GAPS_MIN && !gaps.is_waiting {
            gaps.is_waiting = true;
            self.waiting.push(Reverse((gaps.due_us(), template)));
        }
    }

    /// A template is no more; `survivor` has taken it in, if it was joined.
    pub fn forget(&mut self, template: u32, survivor: Option<u32>) {
        let Some(gaps) = self.gaps.get_mut(template as usize).filter(|gaps| gaps.is_known) else { return };
        let old = std::mem::replace(gaps, Gaps { is_waiting: gaps.is_waiting, ..Gaps::default() });
        self.known -= 1;
        if let Some(other) = survivor.and_then(|s| self.gaps.get_mut(s as usize)).filter(|gaps| gaps.is_known) {
            other.first_us = other.first_us.min(old.first_us);
            other.last_us = other.last_us.max(old.last_us);
        }
    }

    /// The template that is most overdue at this time, if that is news; `line` counts lines.
    pub fn look(&mut self, now_us: i64, line: u64) -> Option<OverdueTemplate> {
        let mut found: Option<OverdueTemplate> = None;
        let start_us = self.start_us.unwrap_or(now_us);
        while let Some(Reverse((due_us, template))) = self.waiting.peek().copied().filter(|w| w.0.0 < now_us) {
            self.waiting.pop();
            let known = self.known;
            let gaps = &mut self.gaps[template as usize];
            gaps.is_waiting = false;
            if !gaps.is_known || gaps.count < GAPS_MIN {
                continue;
            }
            if due_us < gaps.due_us() && gaps.due_us() >= now_us {
                // it came since
                gaps.is_waiting = true;
                self.waiting.push(Reverse((gaps.due_us(), template)));
                continue;
            }
            // only what has been there for a fifth of the log
            if gaps.last_us - gaps.first_us >= (now_us - start_us) / 5 {
                let bits = gaps.overdue_bits(now_us, known);
                if bits > (1.5 * gaps.told_bits).max(2.0) {
                    gaps.told_bits = bits;
                    let shown = bits.min(BITS_MAX);
                    if shown > 1.5 * self.told_bits || line - self.told_at > TOLD_LINES {
                        (self.told_bits, self.told_at) = (shown, line);
                        if found.is_none_or(|f| shown > f.bits) {
                            found = Some(OverdueTemplate { template, bits: shown });
                        }
                    }
                }
            }
            if gaps.told_bits < BITS_DONE {
                gaps.is_waiting = true;
                let again_us = now_us + (gaps.longest_us / 10).max(1000);
                self.waiting.push(Reverse((again_us, template)));
            }
        }
        found
    }
}

impl Gaps {
    fn due_us(&self) -> i64 {
        self.last_us + self.longest_us + self.longest_us / 20 + 1000
    }

    /// Bits of the silence at this time: how rare a new longest gap is, and how far it goes beyond the longest.
    fn overdue_bits(&self, now_us: i64, templates: u64) -> f64 {
        let over = (now_us - self.last_us - self.longest_us) as f64 / (0.25 * self.longest_us as f64 + 1000.0);
        log2(self.count as f64 + 1.0) + std::f64::consts::LOG2_E * over.min(40.0) - log2(templates as f64 + 1.0)
    }
}

impl Persist for Gaps {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.i64("first", &mut self.first_us)?;
        s.i64("last", &mut self.last_us)?;
        s.i64("longest", &mut self.longest_us)?;
        s.u64("count", &mut self.count)?;
        s.f64("told", &mut self.told_bits)?;
        s.bool("waiting", &mut self.is_waiting)?;
        s.bool("known", &mut self.is_known)
    }
}

impl Persist for Overdue {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("overdue")?;
        s.list("gaps", &mut self.gaps, Gaps::default)?;
        s.u64("known", &mut self.known)?;
        let mut waiting: Vec<(i64, u32)> = self.waiting.iter().map(|w| w.0).collect();
        waiting.sort_unstable();
        let n = s.begin("waiting", waiting.len(), 12)?;
        waiting.resize(n, (0, 0));
        for (due_us, template) in &mut waiting {
            s.i64("due", due_us)?;
            s.u32("template", template)?;
        }
        if s.is_reading() {
            if waiting.iter().any(|w| w.1 as usize >= self.gaps.len()) {
                return Err(StateError::Invalid("waiting"));
            }
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
