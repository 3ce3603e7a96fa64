//! What a column had learnt of other values than those of now.
//!
//! Values that suddenly lie far from all before (an outage, another mode, poison) start a column's units anew, and it
//! goes on learning. What it had learnt is kept beside, as it was before the first of them, and is taken up again as
//! soon as values are back: six in a row that lie where they lay then, while the units of now do not suit them. What
//! was learnt meanwhile is kept in its place, so that a column that changes between two kinds of values knows both.
//!
//! Weights of mixtures stay with the column, because their bounds speak of all values; they follow within few values.
//! One record is kept, which must have learnt from some values itself; without a use it is dropped after a time. A
//! column therefore takes at most three times its memory, the third for as long as values lie outside.

use crate::column::{NumberColumn, OtherRegimes};
use crate::units::Rebase;
use surmise_experts::PointLoss;
use surmise_state::{State, StateError};

/// Values from which a record must have learnt to be worth keeping.
const LEARNT_MIN: u32 = 256;
/// Values in a row that take a record up again.
const RETURN_RUN: u32 = 6;
/// Units do not suit values that lie outside, or for which units of this part of them have served.
const UNIT_RATIO: f64 = 8.0;
/// A record is dropped after so many values without a return.
const KEPT_VALUES_MAX: u32 = 1 << 15;

impl NumberColumn {
    /// Looks at a value of which nothing has been learnt yet.
    pub(crate) fn guard(&mut self, y: f64) {
        if !self.units.is_outside(y) {
            self.others.candidate = None;
        } else if self.units.outside_run() == 0 && self.learnt >= LEARNT_MIN {
            let others = std::mem::take(&mut self.others);
            let copy = Box::new(self.clone());
            self.others = others;
            self.others.candidate = Some(copy);
        }
    }

    /// Takes the value into units and logarithm; `previous` is the key's one before. Returns how the units changed.
    pub(crate) fn learn_value(&mut self, y: f64, previous: Option<f64>) -> Rebase {
        self.learnt = self.learnt.saturating_add(1);
        self.range.learn(y, previous);
        if self.is_return(y) {
            self.exchange();
            return Rebase::Resumed;
        }
        self.log.learn(y);
        let change = self.units.learn(y, previous);
        let others = &mut self.others;
        if change == Rebase::Hard
            && self.units.outside_run() == 0
            && let Some(before) = others.candidate.take()
        {
            others.records = others.records.wrapping_add(1);
            (others.kept, others.age, others.returned) = (Some(before), 0, 0);
            (self.regime, self.learnt) = (others.records, 0);
        }
        change
    }

    /// Whether enough values in a row, of which `y` is the last, lie where those of the kept record lay.
    fn is_return(&mut self, y: f64) -> bool {
        let others = &mut self.others;
        let Some(kept) = &others.kept else { return false };
        others.age += 1;
        if others.age > KEPT_VALUES_MAX {
            others.kept = None;
            return false;
        }
        let suits = !self.units.is_outside(y) && self.units.unit <= UNIT_RATIO * kept.units.unit;
        let is_back = !suits && !kept.units.is_outside(y);
        others.returned = if is_back { others.returned + 1 } else { 0 };
        others.returned >= RETURN_RUN
    }

    /// Takes up the kept record, and keeps the one in force.
    fn exchange(&mut self) {
        let mut others = std::mem::take(&mut self.others);
        let Some(mut now) = others.kept.take() else { return };
        std::mem::swap(self, &mut *now);
        // `self` is the record that was kept: it gets what is the column's
        self.exchange_line(&mut now);
        for loss in PointLoss::ALL {
            self.points_mut(loss).exchange(now.points_mut(loss));
        }
        *self.others_mut() = OtherRegimes { kept: Some(now), candidate: None, returned: 0, age: 0, ..others };
    }

    fn others_mut(&mut self) -> &mut OtherRegimes {
        &mut self.others
    }

    /// Another column changed its units.
    pub(crate) fn rebase_other(&mut self, column: usize, change: Rebase) {
        let Self { siblings, others, .. } = self;
        siblings.iter_mut().for_each(|s| s.rebase_other(column, change));
        for record in [&mut others.candidate, &mut others.kept].into_iter().flatten() {
            record.siblings.iter_mut().for_each(|s| s.rebase_other(column, change));
        }
    }

    /// Walks the records beside the one in force; `self` is like them in form.
    pub(crate) fn persist_others(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let mut others = std::mem::take(&mut self.others);
        let like = |column: &NumberColumn| Box::new(column.clone());
        for record in [&mut others.candidate, &mut others.kept] {
            let mut some = record.is_some();
            s.bool("record", &mut some)?;
            if s.is_reading() {
                *record = some.then(|| like(self));
            }
            if let Some(record) = record {
                record.persist_record(s)?;
            }
        }
        for n in [&mut others.returned, &mut others.age, &mut others.records] {
            s.u32("records", n)?;
        }
        self.others = others;
        Ok(())
    }
}
