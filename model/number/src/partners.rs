//! Which few of many columns a column is regressed on: a search at constant cost a column and event.
//!
//! A regression says what it has left over; other columns come up in rotation, [`TRIALS`] at once, and each is tried on
//! whether its own news goes with what was left over. With n events, r the residual and u the news, both in units of
//! their mean sizes, n ρ² = (Σ r u)² / Σ u² is about χ² with one degree if they are unrelated. A trial is looked at
//! after 16, 32, 64 … events and given up when n ρ² is below what [`EVIDENCE_MIN`] asks, so that most take 16 events; a
//! thousand columns are gone through in about 1,500. A trial that stands the last look, or reaches [`EVIDENCE_SURE`]
//! before, is a find. It takes the place of the partner that is worth least, if it explains more than
//! [`REPLACE_FACTOR_MIN`] as much of what is left over.
//!
//! Source of racing: Maron and Moore, *Hoeffding races* (1994).

use crate::rls::LeastSquares;
use surmise_experts::RunningMean;
use surmise_state::{Persist, State, StateError};

/// Columns that are tried at once.
const TRIALS: usize = 16;
/// Events until the first look; each later one is after twice as many.
const FIRST_LOOK_EVENTS: u32 = 16;
/// n ρ² that is asked for at each look.
const EVIDENCE_MIN: [f64; 6] = [1.0, 2.0, 4.0, 6.0, 9.0, 12.0];
/// n ρ² that settles it at any look.
const EVIDENCE_SURE: f64 = 24.0;
/// A find replaces a partner that explains less than one in so many of what it does.
const REPLACE_FACTOR_MIN: f64 = 2.0;
/// Events for which a new partner is not replaced.
const PROBATION_EVENTS: u32 = 128;
/// Largest residual and news, in mean sizes.
const SIZES_MAX: f64 = 5.0;
/// Mean size of what a regression leaves over.
const SIZE: RunningMean = RunningMean::clipped(0.01, 8.0);
/// Squared deviation over squared mean size of a normal law.
const NORMAL_SQUARE_RATIO: f64 = 1.57;

#[derive(Clone, Copy, Debug, Default)]
struct PartnerTrial {
    column: u32,
    n: u32,
    product: f64,
    square: f64,
}

/// One regression's search for partners.
#[derive(Clone, Debug)]
pub(crate) struct PartnerSearch {
    /// The columns that the regression looks at.
    partners: Vec<u32>,
    /// Events since each came.
    since: Vec<u32>,
    trials: [PartnerTrial; TRIALS],
    /// The column that comes up next.
    next: u32,
    columns: u32,
    /// Mean size of the residual.
    size: f64,
    seen: u32,
}

/// A column that explains `share` of what a regression leaves over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    column: u32,
    share: f64,
}

impl PartnerSearch {
    /// For column `own` of `columns`, which starts with `partners`.
    pub(crate) fn new(columns: usize, own: usize, partners: Vec<u32>) -> Self {
        let since = vec![PROBATION_EVENTS; partners.len()];
        let columns = columns as u32;
        let next = (own as u32 + columns - 1) % columns;
        let mut s =
            Self { partners, since, trials: [PartnerTrial::default(); TRIALS], next, columns, size: 0.0, seen: 0 };
        for i in 0..TRIALS {
            s.trials[i] = s.fresh(own);
        }
        s
    }

    /// The columns that the regression looks at.
    pub(crate) fn partners(&self) -> &[u32] {
        &self.partners
    }

    /// The next in turn that is neither partner nor the column itself.
    fn fresh(&mut self, own: usize) -> PartnerTrial {
        let mut column = self.next;
        for _ in 0..self.partners.len() + 2 {
            column = self.next;
            self.next = (self.next + self.columns - 1) % self.columns;
            if column as usize != own && !self.partners.contains(&column) {
                break;
            }
        }
        PartnerTrial { column, ..PartnerTrial::default() }
    }

    /// Takes in an event: what the regression of column `own` left over, and any column's news in units of its mean
    /// size, 0 where it has none.
    pub(crate) fn learn(&mut self, own: usize, residual: f64, news: impl Fn(usize) -> f64) -> Option<Found> {
        let size = residual.abs().min(SIZE.most(self.size, self.seen)).min(f64::MAX);
        if !size.is_finite() {
            return None;
        }
        self.size += SIZE.rate(f64::from(self.seen) + 1.0) * (size - self.size);
        self.seen = self.seen.saturating_add(1);
        self.since.iter_mut().for_each(|s| *s = s.saturating_add(1));
        let r = (residual / self.size.max(1e-12)).clamp(-SIZES_MAX, SIZES_MAX);
        let mut find = None;
        for i in 0..TRIALS {
            let t = &mut self.trials[i];
            let u = news(t.column as usize).clamp(-SIZES_MAX, SIZES_MAX);
            t.product += r * u;
            t.square += u * u;
            t.n += 1;
            if t.n < FIRST_LOOK_EVENTS || !t.n.is_power_of_two() {
                continue;
            }
            let look = (t.n / FIRST_LOOK_EVENTS).trailing_zeros() as usize;
            let evidence = t.product * t.product / (NORMAL_SQUARE_RATIO * t.square.max(1e-9));
            let last = look + 1 >= EVIDENCE_MIN.len();
            let stands = evidence > EVIDENCE_MIN[look.min(EVIDENCE_MIN.len() - 1)];
            if stands && (last || evidence > EVIDENCE_SURE) {
                let f = Found { column: t.column, share: evidence / f64::from(t.n) };
                if find.is_none_or(|g: Found| g.share < f.share) {
                    find = Some(f);
                }
            }
            if !stands || last || evidence > EVIDENCE_SURE {
                self.trials[i] = self.fresh(own);
            }
        }
        find
    }

    /// Makes the find a partner in place of the one that is worth least to `by`, whose regressors from `first` on are
    /// the partners, if it explains enough more; returns the place.
    pub(crate) fn accept(&mut self, find: Found, first: usize, by: &LeastSquares) -> Option<usize> {
        if self.partners.contains(&find.column) {
            return None;
        }
        let variance = NORMAL_SQUARE_RATIO * self.size * self.size;
        let worth = |i: usize| by.worth(0, first + i) / variance.max(1e-24);
        let i = (0..self.partners.len())
            .filter(|i| self.since[*i] >= PROBATION_EVENTS)
            .min_by(|a, b| worth(*a).total_cmp(&worth(*b)))?;
        if find.share < REPLACE_FACTOR_MIN * worth(i) {
            return None;
        }
        (self.partners[i], self.since[i]) = (find.column, 0);
        Some(i)
    }
}

impl Persist for PartnerSearch {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("search")?;
        s.u32s_fixed("partners", &mut self.partners)?;
        s.u32s_fixed("since", &mut self.since)?;
        for t in &mut self.trials {
            s.u32("column", &mut t.column)?;
            s.u32("n", &mut t.n)?;
            s.f64("product", &mut t.product)?;
            s.f64("square", &mut t.square)?;
        }
        s.u32("next", &mut self.next)?;
        s.f64("size", &mut self.size)?;
        s.u32("seen", &mut self.seen)?;
        let known = |c: &u32| *c < self.columns;
        let fine = self.partners.iter().all(known) && self.trials.iter().all(|t| known(&t.column)) && known(&self.next);
        if fine { Ok(()) } else { Err(StateError::Invalid("partners")) }
    }
}
