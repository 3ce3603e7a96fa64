//! Regression of one column on the other columns' values of the same event.

use crate::dims::{FORGETTING, FULL_COLUMNS_MAX, SHARED_COLUMNS_MAX, SIBLINGS_MAX, padded};
use crate::partners::PartnerSearch;
use crate::rls::LeastSquares;
use crate::units::Rebase;
use surmise_state::{Persist, State, StateError};

/// As [`SIBLINGS_MAX`], where there are more than [`FULL_COLUMNS_MAX`] columns.
const SIBLINGS_WIDE_MAX: usize = 12;
/// Errors of other columns count as at most so many of their scales.
pub(crate) const ERROR_SCALES_MAX: f64 = 8.0;

/// Two regressions of a column on others of the same event: on their errors, and on their values.
#[derive(Clone, Debug)]
pub(crate) struct Siblings {
    /// The columns that explain this one, with room for their regressors.
    others: Vec<u32>,
    /// Where there are more than can be looked at: the search for those that belong among them.
    search: Option<PartnerSearch>,
    /// On their errors, in units of their scales: `[others]`.
    errors: LeastSquares,
    /// On their values as z, the stack and a constant: `[others + 2]`.
    values: LeastSquares,
}

impl Siblings {
    /// The siblings of column `column` of `columns`; none where there is no other column.
    pub(crate) fn new(columns: usize, column: usize) -> Option<Self> {
        let most = if columns > FULL_COLUMNS_MAX { SIBLINGS_WIDE_MAX } else { SIBLINGS_MAX };
        let n = (columns - 1).min(most);
        if n == 0 {
            return None;
        }
        // the nearest before, then the nearest after
        let others: Vec<u32> = (0..column).rev().chain(column + 1..columns).take(n).map(|c| c as u32).collect();
        let values = LeastSquares::new(n + 2, 1, FORGETTING, 100.0);
        let search = (columns > SHARED_COLUMNS_MAX).then(|| PartnerSearch::new(columns, column, others.clone()));
        Some(Self { errors: LeastSquares::new(n, 1, FORGETTING, 10.0), values, others, search })
    }

    /// The columns that explain this one.
    pub(crate) fn others(&self) -> &[u32] {
        &self.others
    }

    /// The error to expect, in units of the column's scale; `errors` are the others' errors, `[others]` and padding.
    pub(crate) fn predict_error(&self, errors: &[f64]) -> f64 {
        self.errors.predict(0, &errors[..padded(self.others.len())])
    }

    /// The value to expect, as z; `values` are the others' values, the stack and a constant, `[others + 2]` and
    /// padding.
    pub(crate) fn predict_value(&self, values: &[f64]) -> f64 {
        self.values.predict(0, &values[..padded(self.others.len() + 2)])
    }

    /// Learns from the column's own `error` and `value`, in the units of what is predicted.
    pub(crate) fn learn(&mut self, errors: &[f64], error: f64, values: &[f64], value: f64) {
        let n = self.others.len();
        self.errors.learn(&errors[..padded(n)], error - self.predict_error(errors));
        self.values.learn(&values[..padded(n + 2)], value - self.predict_value(values));
    }

    /// Starts again on the values: they came in units that were guesses.
    pub(crate) fn restart_values(&mut self) {
        self.values.reset(0, &[]);
    }

    /// Looks for columns that explain column `own` better than its siblings do. `left` is what they leave of its error,
    /// in units of its scale; `error` gives any column's, 0 where it was not known before this column's value.
    pub(crate) fn search(&mut self, own: usize, left: f64, error: impl Fn(usize) -> f64) {
        let Some(search) = &mut self.search else { return };
        let found = search.learn(own, left, error);
        if let Some(place) = found.and_then(|found| search.accept(found, 0, &self.errors)) {
            self.others.copy_from_slice(search.partners());
            self.errors.replace(place);
            self.values.replace(place);
        }
    }

    /// The column itself changed its units.
    pub(crate) fn rebase_own(&mut self, change: Rebase) {
        match change {
            Rebase::None | Rebase::Resumed => {}
            Rebase::Soft { a, c } => {
                self.values.rebase_inputs(&[self.others.len()], a, c);
                self.values.rebase_target(0, 1.0 / a, -c / a);
            }
            Rebase::Hard => self.values.unsettle(0),
        }
    }

    /// Another column changed its units.
    pub(crate) fn rebase_other(&mut self, column: usize, change: Rebase) {
        let Some(place) = self.others.iter().position(|other| *other as usize == column) else { return };
        match change {
            Rebase::None => {}
            Rebase::Soft { a, c } => self.values.rebase_inputs(&[place], a, c),
            Rebase::Hard | Rebase::Resumed => self.values.unsettle(0),
        }
    }
}

impl Persist for Siblings {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        if let Some(search) = &mut self.search {
            search.persist(s)?;
            self.others.copy_from_slice(search.partners());
        }
        self.errors.persist(s)?;
        self.values.persist(s)
    }
}
